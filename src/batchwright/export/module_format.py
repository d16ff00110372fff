"""Python files whose network is a module of PyTorch or Flax: written from a model's graphs, and run to be checked."""

from collections.abc import Callable
from importlib.util import find_spec

from batchwright.errors import UsageError
from batchwright.export.checking import Checked, check
from batchwright.export.facts import facts_of
from batchwright.export.formats import Format, Options
from batchwright.export.module_file import FLAX, PYTORCH, Library, module_file
from batchwright.export.numpy_format import TOLERANCE, PythonModel
from batchwright.export.parts import parts_of
from batchwright.export.rows_to_check import CheckRows
from batchwright.runs.model import SavedModel


def _writer(library: Library, package: str, install: str) -> Callable[[SavedModel, Options], bytes]:
    def write(model: SavedModel, options: Options) -> bytes:
        if find_spec(package) is None:
            raise UsageError(
                f"a file for {library.name} is run before it is kept, and the package {package} is not installed: "
                f"{install}; `format=numpy` needs NumPy alone."
            )
        parts = parts_of(model, interval=options.interval)
        return module_file(parts, model.encoding, facts_of(options.about), library).encode()

    return write


def _check(content: bytes, model: SavedModel, rows: CheckRows, options: Options) -> Checked:
    return check(PythonModel(content).answers, model, rows, interval=options.interval, tolerance=TOLERANCE)


TORCH = Format("torch", ".torch.py", ("interval",), _writer(PYTORCH, "torch", "pip install torch"), _check)
"""A model as one Python file whose network is a module of PyTorch."""
FLAX_NNX = Format("flax", ".flax.py", ("interval",), _writer(FLAX, "flax", "pip install 'batchwright[flax]'"), _check)
"""A model as one Python file whose network is a module of Flax."""
