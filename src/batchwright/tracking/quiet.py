"""Keep what a library prints off standard output, which belongs to the answer of the command."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _ByThread:
    """Standard output, but for one thread, whose words go to standard error."""

    def __init__(self, output: Any, thread: int) -> None:
        self._output, self._thread = output, thread

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr if threading.get_ident() == self._thread else self._output, name)


@contextmanager
def quiet_thread() -> Iterator[None]:
    """Inside, what this thread prints goes to standard error; what other threads print goes where it went."""
    before = sys.stdout
    own: Any = _ByThread(before, threading.get_ident())
    sys.stdout = own
    try:
        yield
    finally:
        if sys.stdout is own:
            sys.stdout = before
