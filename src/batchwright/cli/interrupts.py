"""Ctrl-C ends the program, also where the code that it reaches turns it into another error or swallows it."""

import _thread
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

AGAIN = 0.05
"""Seconds after which an interrupt that was swallowed is sent again: the code that swallowed it has ended by then."""


@contextmanager
def obey_interrupts() -> Iterator[Callable[[], bool]]:
    """Inside, Ctrl-C raises KeyboardInterrupt until it is obeyed; the function that is yielded says if it has come.

    Python prints and drops an exception that is raised where none can be passed on, as while it collects garbage.
    """
    noted, before, hook = False, signal.getsignal(signal.SIGINT), sys.unraisablehook

    def note(_signal: int, _frame: FrameType | None) -> None:
        nonlocal noted
        noted = True
        raise KeyboardInterrupt

    def send_again(dropped: "sys.UnraisableHookArgs") -> None:
        if dropped.exc_type is KeyboardInterrupt:
            threading.Timer(AGAIN, _thread.interrupt_main).start()
        else:
            hook(dropped)

    signal.signal(signal.SIGINT, note)
    sys.unraisablehook = send_again
    try:
        yield lambda: noted
    finally:
        sys.unraisablehook = hook
        signal.signal(signal.SIGINT, before)
