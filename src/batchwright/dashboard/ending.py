"""The end of a server that was opened beside a training: its pages are told before it, and which command shows them."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

MOST_WAIT = 3.0
"""Seconds for which pages may take to read what is last."""
ASKS = 0.5
"""Seconds for what a page asks after that."""


class Ending:
    """Whether the server is about to end, and how many pages follow it.

    Args:
        again: the command that shows the same pages; "" for a server that a person ends.
    """

    def __init__(self, again: str = "") -> None:
        self.again = again
        self.pages = 0
        self._begun = threading.Event()

    @property
    def begun(self) -> bool:
        """Whether pages are to be told."""
        return self._begun.is_set()

    @contextmanager
    def count_page(self) -> Iterator[None]:
        """Inside, a page follows the server."""
        self.pages += 1
        try:
            yield
        finally:
            self.pages -= 1

    def begin(self) -> None:
        """Have the pages told; back when they were, or after a few seconds."""
        self._begun.set()
        if not self.pages:
            return
        until = time.monotonic() + MOST_WAIT
        while self.pages and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(ASKS)
