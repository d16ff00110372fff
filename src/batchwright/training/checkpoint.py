"""Where a training stands between two iterations: all that it needs to go on as if it had never stopped."""

from dataclasses import dataclass, replace
from typing import Annotated, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from annotated_types import Ge, Gt
from jaxtyping import Int32

from batchwright.nn.protocols import Variables
from batchwright.training.state import TrainState
from batchwright.training.step import Loss

EpochRow: TypeAlias = dict[str, int | float]
"""A line of the history: epoch (from 1), iteration (updates made), seconds, learning_rate, loss, val_... metrics; and
where the learning rate may be reduced: reductions (so far), diverged_at (the last iteration that did, from 1; or 0)."""
History: TypeAlias = tuple[EpochRow, ...]

NO_LOSSES = Loss(np.zeros(0, np.float32), np.zeros(0, np.float32))


@dataclass(frozen=True)
class Checkpoint:
    """A training between two iterations.

    The order of the rows, the learning rates and when to stop early are pure functions of the job and the history: none
    of them has a state that would have to be in here.

    - state: parameters, state of the network and of the optimizer, updates made, random key
    - losses: of the iterations that are done of the epoch in progress, float32 [done], on the host
    - history: a row for each epoch that is done
    - kept, kept_epoch: the variables to keep so far, the averages where there are some, and after which epoch they were
      so (0: before the first was done)
    - seconds: of training so far
    - diverged: the iterations, from 0, at which a loss was not finite and the learning rate was reduced
    - last_wrong: the last epoch after which each validation row was answered wrongly, 0 for none; None where that is
      not kept
    - epoch_start: the state when the epoch in progress began, on the host, where a divergence leads back to it
    """

    state: TrainState
    losses: Loss
    history: History
    kept: Variables
    kept_epoch: int
    seconds: float
    diverged: tuple[int, ...] = ()
    epoch_start: TrainState | None = None
    last_wrong: Int32[np.ndarray, " rows"] | None = None

    def __repr__(self) -> str:
        """Where training stands."""
        return f"<Checkpoint: {len(self.history):,} epochs and {self.done:,} iterations done>"

    @property
    def done(self) -> int:
        """How many iterations of the epoch in progress are done."""
        return len(self.losses.mean)

    @property
    def keeps_its_own(self) -> bool:
        """Whether the variables to keep are the current ones: an epoch has just ended, and was the best.

        They are not if statistics of batch normalization have been computed anew for them.
        """
        if self.done or self.kept_epoch != len(self.history):
            return False
        pairs = zip(*map(jax.tree.leaves, (self.kept.state, self.state.evaluated.state)), strict=True)
        return all(np.array_equal(*pair) for pair in pairs)


def first_checkpoint(state: TrainState) -> Checkpoint:
    """Before the first iteration."""
    return Checkpoint(state, NO_LOSSES, (), jax.tree.map(np.array, state.evaluated), 0, 0.0)


def copy_to_host(now: Checkpoint) -> Checkpoint:
    """A copy whose arrays nobody changes; the next segment uses up those on the device."""
    return replace(now, state=jax.tree.map(np.array, now.state))


def copy_to_device(now: Checkpoint) -> Checkpoint:
    """A copy that a segment may use up."""
    return replace(now, state=jax.tree.map(jnp.array, now.state))


def go_back(now: Checkpoint) -> Checkpoint:
    """On the host, the state at the beginning of the epoch that diverged in `now`, with this divergence recorded."""
    assert now.epoch_start is not None
    diverged = (*now.diverged, int(now.state.status))
    return replace(now, state=now.epoch_start, losses=NO_LOSSES, diverged=diverged, epoch_start=None)


@dataclass(frozen=True)
class Checkpoints:
    """When a checkpoint is taken, beside the end of an epoch (at most one a second) and an interruption.

    Attributes:
        seconds: of training after which the next segment's end is one.
        iterations: one after each multiple of this number, counted over the run; null: by time alone.
        keep: how many are kept, the newest.
    """

    seconds: Annotated[float, Gt(0)] = 30.0
    iterations: Annotated[int, Ge(1)] | None = None
    keep: Annotated[int, Ge(2)] = 2
