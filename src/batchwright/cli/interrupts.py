"""Ctrl-C and SIGTERM end the program, also where the code that they reach makes other errors of them or swallows them.

What is unfinished is removed then, as after any error: SIGTERM would otherwise leave it behind.
"""

import _thread
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

AGAIN = 0.05
"""Seconds after which an interrupt that was swallowed is sent again: the code that swallowed it has ended by then."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def obey_interrupts() -> Iterator[Callable[[], int | None]]:
    """Inside, signals raise KeyboardInterrupt until it is obeyed; the function that is yielded says which came first.

    Python prints and drops an exception that is raised where none can be passed on, as while it collects garbage. A
    second SIGTERM ends the process at once, and one that was ignored before still is.
    """
    noted: int | None = None
    before, hook = {number: signal.getsignal(number) for number in SIGNALS}, sys.unraisablehook

    def note(number: int, _frame: FrameType | None) -> None:
        nonlocal noted
        noted = noted or number
        if number == signal.SIGTERM:
            signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt

    def send_again(dropped: "sys.UnraisableHookArgs") -> None:
        if dropped.exc_type is KeyboardInterrupt:
            threading.Timer(AGAIN, _interrupt).start()
        else:
            hook(dropped)

    signal.signal(signal.SIGINT, note)
    if before[signal.SIGTERM] == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, note)
    sys.unraisablehook = send_again
    try:
        yield lambda: noted
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            if handler is not None:  # None: it was not set by Python
                signal.signal(number, handler)


def _interrupt() -> None:
    """Send Ctrl-C to the main thread, also where it waits for the system."""
    main = threading.main_thread().ident
    if main is not None and hasattr(signal, "pthread_kill"):
        signal.pthread_kill(main, signal.SIGINT)
    else:
        _thread.interrupt_main()


def end_by(number: int) -> None:
    """End this process by a signal, as if nobody had caught it, so that whoever started it sees what ended it."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
