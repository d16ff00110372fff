"""Public names of a room that are loaded on their first use (PEP 562), so that a room costs what is used of it.

This is not for a name that a module of the room has too: once that module is imported, the name is the module.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def load_on_use(room: str, homes: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """The `__getattr__` of a room, from the names that each of its modules gives.

    >>> load_on_use("batchwright.findings", {"finding": ("Finding",)})("Finding").__name__
    'Finding'
    """
    modules = {name: module for module, names in homes.items() for name in names}

    def load(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        return getattr(import_module(f"{room}.{modules[name]}"), name)

    return load
