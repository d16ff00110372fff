"""Training whose rows are given anew for each epoch, by whoever holds them, as by `partial_fit` of an estimator."""

from dataclasses import replace
from typing import Any

import jax.numpy as jnp

from batchwright.errors import DivergedError
from batchwright.training.checkpoint import Checkpoint, EpochRow, copy_to_device, copy_to_host, first_checkpoint
from batchwright.training.epochs import divergence_of
from batchwright.training.fit import one_epoch
from batchwright.training.job import Job
from batchwright.training.plan import BatchSize, make_plan
from batchwright.training.segment import Segments
from batchwright.training.state import RUNNING, Rows, TrainState


class Passes:
    """A training of one epoch after the other, each over rows of its own; the state goes on from one to the next.

    Args:
        job: how it is trained; its rows and its plan are of the first pass. Its schedule may not ask how many epochs
            there are to be, nor its batch size grow.
        state: where it begins, which is used up.
        batch_size: rows per update, in each pass as many as its rows allow.
    """

    def __init__(self, job: Job, state: TrainState, batch_size: BatchSize) -> None:
        self.job = replace(job, train=Rows({}, jnp.zeros(0), None))
        self.now: Checkpoint = first_checkpoint(state)
        self._batch_size = batch_size
        self._segments = Segments()

    def over(self, rows: Rows) -> EpochRow:
        """Train one epoch on these rows; its line of the history. Rows of the same shapes are compiled for once.

        Raises:
            DivergedError: a loss was not finite; the state is that before the batch whose loss it was.
        """
        old = self.job.plan
        epochs = len(self.now.history) + 1
        plan = make_plan(
            rows.length,
            self._batch_size,
            epochs,
            remainder=old.remainder,
            shuffle=old.shuffle,
            devices=rows.placement.count,
        )
        job = replace(self.job, train=rows, plan=plan)
        now = one_epoch(job, self.now, self._segments)
        if int(now.state.status) != RUNNING:
            state = now.state._replace(status=jnp.full((), RUNNING, jnp.int32))
            self.now = replace(self.now, state=state)
            raise DivergedError(f"{divergence_of(job, now)}. Take a smaller learning rate, or clip the gradients.")
        self.now = now
        return now.history[-1]

    def __getstate__(self) -> dict[str, Any]:
        """All but what is compiled, with the state on the host."""
        return vars(self) | {"now": copy_to_host(self.now), "_segments": Segments()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """The same, with the state on the device."""
        vars(self).update(state | {"now": copy_to_device(state["now"])})
