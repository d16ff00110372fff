"""What happens in a training, one event after the other."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Int32

from batchwright.nn.protocols import Variables
from batchwright.training.checkpoint import Checkpoint, EpochRow
from batchwright.training.plan import Plan
from batchwright.training.state import TrainState

Status: TypeAlias = Literal["finished", "diverged", "interrupted"]


@dataclass(frozen=True)
class Compiled:
    """The training loop was compiled, or read from the cache, in `seconds`; it occupies `memory_bytes`.

    If the batch size grows, this is the program of the first epoch; programs for larger sizes are compiled when needed.
    """

    seconds: float
    memory_bytes: int


@dataclass(frozen=True)
class SegmentDone:
    """The first `iterations` of epoch `epoch` (from 1) are done, and `updates` in all.

    - plan: of the epoch, whose batch size may have grown
    - loss: the mean over the rows of these iterations; learning_rate: of the last one
    """

    epoch: int
    iterations: int
    updates: int
    plan: Plan
    loss: float
    learning_rate: float

    @property
    def foretold(self) -> int:
        """The updates of the whole fit, if the batch size stays as it is now."""
        left = self.plan.epochs - self.epoch
        return self.updates - self.iterations + self.plan.iterations_per_epoch * (left + 1)


@dataclass(frozen=True)
class EpochDone:
    """An epoch is done; `row` is its line of the history, and `best` whether its parameters are now those to keep.

    `state` is that after it; the next epoch uses it up. `last_wrong` is the last epoch after which each validation row
    was answered wrongly, 0 for none; None where that is not kept.
    """

    row: EpochRow
    best: bool
    state: TrainState = field(repr=False)
    last_wrong: Int32[np.ndarray, " rows"] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class CheckpointTaken:
    """A copy of all that training needs to go on from here, on the host, to be written while training goes on."""

    checkpoint: Checkpoint


@dataclass(frozen=True)
class Reduced:
    """A loss was not finite, as `reason` says; training goes on from `checkpoint` with a smaller learning rate."""

    checkpoint: Checkpoint
    reason: str


@dataclass(frozen=True)
class Stopped:
    """The end: `variables` are those to keep, as they were after epoch `epoch` (0: before the first one was done).

    `reason` is a sentence; where it has diverged, it names the epoch, iteration and learning rate.
    """

    variables: Variables
    epoch: int
    status: Status
    reason: str

    def __repr__(self) -> str:
        """How it ended."""
        return f"<Stopped after epoch {self.epoch:,}: {self.status}: {self.reason}>"


Event: TypeAlias = Compiled | SegmentDone | EpochDone | CheckpointTaken | Reduced | Stopped
