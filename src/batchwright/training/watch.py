"""The clock of a training, and what is asked of it from outside."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from batchwright.cluster.membership import current
from batchwright.training.checkpoint import Checkpoint, copy_to_host
from batchwright.training.epochs import iterations_done
from batchwright.training.events import CheckpointTaken
from batchwright.training.job import Job
from batchwright.training.plan import Plan

SEGMENT_SECONDS = 0.5
"""How long a segment aims to take: long enough to hide Python, short enough for a live progress bar."""
FIRST_SEGMENT = 4
"""Iterations of the very first segment, before any has been timed."""
GROWTH = 16
"""How much longer than the one before it a segment may be: the first is timed with cold caches, and may mislead."""
BETWEEN_EPOCHS = 1.0
"""Seconds between two checkpoints that are taken because an epoch has ended."""


@dataclass
class Steering:
    """What whoever follows a training asks for: `stop` ends it where it is, `checkpoint` has one taken, once."""

    stop: bool = False
    checkpoint: bool = False


class Watch:
    """The clock of a fit: seconds of training, how long the next segment has to be, when a checkpoint is due.

    Processes that train together go by the clock of the first of them, and by what is asked of any.
    """

    def __init__(self, job: Job, start: Checkpoint, interrupted: Callable[[], bool], steering: Steering) -> None:
        self.job = job
        self.steering = steering
        self._interrupted = interrupted
        self._together = current()
        self.started = time.perf_counter() - start.seconds
        self.length = FIRST_SEGMENT
        self._pace = 0.0
        self.taken = start.seconds

    @property
    def seconds(self) -> float:
        return self._together.agree(time.perf_counter() - self.started)

    @property
    def late(self) -> bool:
        """Whether the time for training is over."""
        return self.job.max_time is not None and self.seconds >= self.job.max_time

    @property
    def ends(self) -> bool:
        """Whether training is to end after the segment that has just been run."""
        return self.late or self.is_to_stop() or self.interrupted()

    def interrupted(self) -> bool:
        """Whether training is to end and to be gone on with later."""
        return self._any(self._interrupted())

    def is_to_stop(self) -> bool:
        """Whether training is to end here, as if it had come to its end."""
        return self._any(self.steering.stop)

    def _any(self, asked: bool) -> bool:
        return "1" in self._together.exchange(str(int(asked)))

    def adapt_length(self, iterations: int, seconds: float) -> None:
        """Choose the next segment's length from how long the last one took: about SEGMENT_SECONDS."""
        self._pace = seconds / iterations
        length = max(1, min(int(iterations * SEGMENT_SECONDS / seconds), iterations * GROWTH))
        self.length = int(self._together.agree(length))

    def segment_end(self, now: Checkpoint, plan: Plan) -> int:
        """The iteration of the epoch, which has this plan, at which the next segment ends."""
        end = min(now.done + self._length_in_time(), plan.iterations_per_epoch)
        every = self.job.checkpoints.iterations
        return min(end, now.done + every - iterations_done(now) % every) if every else end

    def _length_in_time(self) -> int:
        """The next segment's length, with which it ends when the time for training does."""
        if self.job.max_time is None or not self._pace:
            return self.length
        return max(1, min(self.length, int((self.job.max_time - self.seconds) / self._pace)))

    def is_due(self, now: Checkpoint, *, epoch_ended: bool = False) -> bool:
        """Whether a checkpoint is to be taken here."""
        when, waited = self.job.checkpoints, self.seconds - self.taken
        counted = when.iterations is not None and iterations_done(now) % when.iterations == 0
        return (
            self._any(self.steering.checkpoint)
            or counted
            or waited >= (min(when.seconds, BETWEEN_EPOCHS) if epoch_ended else when.seconds)
        )

    def take(self, now: Checkpoint) -> CheckpointTaken:
        """Take a checkpoint here."""
        self.taken, self.steering.checkpoint = self.seconds, False
        return CheckpointTaken(copy_to_host(replace(now, seconds=self.taken)))
