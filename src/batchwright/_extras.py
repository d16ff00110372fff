"""Optional libraries: each is imported when it is used, and a missing one named with its command to install it."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from batchwright.errors import UsageError


def import_optional(module: str, install: str, *, what: str, error: type[UsageError] = UsageError) -> Any:
    """An optional module.

    Args:
        module: its name, as "flax.nnx".
        install: what pip installs, as "batchwright[flax]".
        what: what needs it, as the subject of a sentence, as "from_flax".
        error: the type of the error.

    Raises:
        UsageError: it is not installed, or it is and cannot be imported.

    >>> import_optional("no_such", "batchwright[png]", what="a PNG image")
    Traceback (most recent call last):
        ...
    batchwright.errors.UsageError: a PNG image needs no_such, which is not installed: pip install 'batchwright[png]'.
    """
    check_installed(module, install, what=what, error=error)
    try:
        return import_module(module)
    except ImportError as cause:  # of what it needs itself, as a library of the system
        raise error(f"{what} needs {module}, which is installed and cannot be imported: {cause}") from cause


def check_installed(module: str, install: str, *, what: str, error: type[UsageError] = UsageError) -> None:
    """Raise an error if a module is not installed, without importing it; the arguments are those of `import_optional`.

    Raises:
        UsageError: it is not installed.
    """
    if not is_installed(module):
        raise error(f"{missing(_package(module), install, what=what)}.")


def is_installed(module: str) -> bool:
    """Whether the package of a module is there; it is not imported."""
    return find_spec(_package(module)) is not None


def missing(package: str, install: str, *, what: str) -> str:
    """A sentence without its point: what needs a package that is missing, and the command that installs it.

    >>> missing("resvg_py", "batchwright[png]", what="a PNG image")
    "a PNG image needs resvg_py, which is not installed: pip install 'batchwright[png]'"
    """
    return f"{what} needs {package}, which is not installed: pip install '{install}'"


def _package(module: str) -> str:
    return module.partition(".")[0]
