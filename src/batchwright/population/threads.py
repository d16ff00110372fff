"""Work on all cores of this process, by threads that are kept from one call to the next."""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")
_here = threading.local()


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_on_cores(function: Callable[..., T], *given: Sequence[Any]) -> list[T]:
    """The results of a function, in the order of what it is given, computed side by side on the cores.

    A single call is made here; so are all where this is called by such a call, as threads that wait for each other
    might wait for ever. Where one fails, no further one is begun, and what has begun is waited for.
    """
    if len(given[0]) == 1 or getattr(_here, "is_kept", False):
        return list(map(function, *given))
    pool = _threads(os.getpid(), cores())
    calls = [pool.submit(function, *one) for one in zip(*given, strict=True)]
    try:
        return [call.result() for call in calls]
    finally:
        for call in calls:
            call.cancel()
        wait(calls)


@cache
def _threads(process: int, count: int) -> ThreadPoolExecutor:
    """The threads of a process; one that was forked has none of its parent's."""
    return ThreadPoolExecutor(count, f"cores-{process}", initializer=_mark_thread)


def _mark_thread() -> None:
    _here.is_kept = True
