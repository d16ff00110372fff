"""A thread that carries out steps in order, so that nobody waits for a tracker that is slow, or never answers.

After a step that failed, the others wait. At the end, all of them are tried once more.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from batchwright.errors import BatchwrightError
from batchwright.tracking.tracker import Epoch, Tracker, hide_passwords

Step: TypeAlias = Callable[[], None]
LONGEST, LOOK = 300, 0.05
"""Characters of the reason of a failure; seconds between two looks at whether a thread has ended."""


class Patience(NamedTuple):
    """For how many seconds the end waits for a single step, and in all."""

    step: float
    in_all: float


class AddEpochs:
    """A step that adds epochs to a tracker; those that come while it waits are added together."""

    def __init__(self, tracker: Tracker, epoch: Epoch) -> None:
        self.tracker = tracker
        self.epochs = [epoch]

    def __call__(self) -> None:
        self.tracker.add(self.epochs)


class Worker:
    """Carries out steps for one place, one after the other."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._steps = deque[Step]()
        self._changed = threading.Condition()
        self._busy = self._closing = self._gave_up = False
        self._failed = self._untold = ""
        self._moved = time.monotonic()
        self._thread = threading.Thread(target=self._work, name=f"batchwright-{name}", daemon=True)
        self._thread.start()

    def put(self, step: Step) -> None:
        """Carry out a step after those that wait."""
        with self._changed:
            self._steps.append(step)
            self._changed.notify_all()

    def add(self, tracker: Tracker, epoch: Epoch) -> None:
        """Add an epoch to a tracker, together with those that wait."""
        with self._changed:
            last = self._steps[-1] if len(self._steps) > self._busy else None
            if isinstance(last, AddEpochs) and last.tracker is tracker:
                last.epochs.append(epoch)
                return
        self.put(AddEpochs(tracker, epoch))

    def news(self) -> str:
        """Why a step has failed, once, as a sentence; otherwise empty."""
        with self._changed:
            reason, self._untold = self._untold, ""
        return (
            f"logging to {self.name} fails ({reason}): training goes on, and it is tried once more at the end"
            if reason
            else ""
        )

    def close(self) -> None:
        """Carry out what is left, and try once more what has failed."""
        with self._changed:
            self._closing = True
            self._moved = time.monotonic()
            self._changed.notify_all()

    def wait(self, patience: Patience) -> str:
        """Wait for the end; say in a sentence what was not done."""
        end = time.monotonic() + patience.in_all
        while self._thread.is_alive() and time.monotonic() < min(end, self._moved + patience.step):
            self._thread.join(LOOK)
        with self._changed:
            if self._thread.is_alive():
                waited = self._failed or "it takes too long"
                return f"logging to {self.name} was ended before it was done ({waited}): what is missing is in the run"
            if self._gave_up:
                return f"logging to {self.name} failed at the end too ({self._failed}): what is missing is in the run"
            return ""

    def _work(self) -> None:
        while (step := self._next()) is not None:
            failed = _failure(step)
            with self._changed:
                self._busy = False
                self._moved = time.monotonic()
                if not failed:
                    self._steps.popleft()
                elif self._failed and self._closing:
                    self._failed, self._gave_up, self._untold = failed, True, ""
                    return
                else:
                    self._failed = self._untold = failed

    def _next(self) -> Step | None:
        """The next step, once there is one that can be tried; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or (self._steps and not self._failed))
            self._busy = bool(self._steps)
            return self._steps[0] if self._steps else None


def _failure(step: Step) -> str:
    """Carry out a step; why it failed, in a line, or empty."""
    try:
        step()
    except (Exception, SystemExit) as error:
        words = " ".join(str(error).split()) or "without a word"
        kind = "" if isinstance(error, BatchwrightError) else f"{type(error).__name__}: "
        return hide_passwords(f"{kind}{words}"[:LONGEST].rstrip("."))
    return ""


def close_all(workers: Sequence[Worker], patience: Patience) -> tuple[str, ...]:
    """Close workers, all at the same time; sentences about what was not done."""
    for worker in workers:
        worker.close()
    end = time.monotonic() + patience.in_all
    said = [worker.wait(Patience(patience.step, max(end - time.monotonic(), 0.0))) for worker in workers]
    return tuple(filter(None, said))
