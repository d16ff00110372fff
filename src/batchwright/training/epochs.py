"""Where an epoch stands, and its end: its row in the history, the variables to keep, and whether another follows.

Everything here is a function of a job and a checkpoint.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Int32

from batchwright.nn.protocols import Variables
from batchwright.training.checkpoint import NO_LOSSES, Checkpoint, EpochRow, History
from batchwright.training.evaluate import evaluate_rows
from batchwright.training.events import Status
from batchwright.training.feed import OnDisk
from batchwright.training.job import Job, epochs_in_time, plan_of, rates_of
from batchwright.training.placement import one_copy
from batchwright.training.state import RUNNING, Rows, TrainState
from batchwright.training.statistics import with_statistics
from batchwright.training.step import Loss
from batchwright.training.stopping import EarlyStopping

MOST_MISTAKES = 100_000
"""The most validation rows of which the last mistakes are kept."""


class End(NamedTuple):
    """Why no further epoch is trained: a word and a sentence."""

    status: Status
    reason: str


def mean_loss(losses: Loss) -> float:
    """The mean over the rows of all iterations, in float64."""
    means, weights = (np.asarray(array, np.float64) for array in losses)
    return float((means * weights).sum() / max(weights.sum(), np.finfo(np.float64).tiny))


def first_iteration(now: Checkpoint) -> int:
    """Iterations done before the epoch in progress."""
    return int(now.history[-1]["iteration"]) if now.history else 0


def iterations_done(now: Checkpoint) -> int:
    """Iterations done since the first epoch began."""
    return first_iteration(now) + now.done


def learning_rates(job: Job, now: Checkpoint, iterations: np.ndarray) -> np.ndarray:
    """The learning rates of iterations of the epoch in progress, counted from 0."""
    return rates_of(job, now.history, iterations, reductions=len(now.diverged))


class Validation(NamedTuple):
    """The metrics over the validation rows, by name, and which rows are answered wrongly, where that is kept.

    `variables` are those that were validated, or would have been.
    """

    metrics: Mapping[str, float]
    wrong: Bool[np.ndarray, " rows"] | None = None
    variables: Variables | None = None


NOT_VALIDATED = Validation({})


def evaluated_variables(job: Job, state: TrainState) -> Variables:
    """The variables of a state that are validated and kept."""
    if not job.renews_statistics or isinstance(job.train, OnDisk):
        return state.evaluated
    return with_statistics(job.program.model.network, one_copy(state), one_copy(job.train), job.plan)


def validate(job: Job, state: TrainState) -> Validation:
    """The validation of a state, on the images as they are; without validation rows, there are no metrics."""
    variables = evaluated_variables(job, state)
    if job.validation is None:
        return Validation({}, None, variables)
    model, mistakes = job.program.model.without_views, keeps_mistakes(job, job.validation)
    found = evaluate_rows(model, variables, job.validation, mistakes=mistakes, figures=job.figures)
    return Validation(*found, variables)


def keeps_mistakes(job: Job, validation: Rows | OnDisk) -> bool:
    """Whether it is kept which validation rows are answered wrongly."""
    return job.diagnostics is not None and validation.length <= MOST_MISTAKES


def warm_up(job: Job, now: Checkpoint) -> None:
    """Compile what the end of an epoch takes, so that a limit of time does not count this as time of the first one.

    Rows on the disk are not read for it.
    """
    if isinstance(job.validation, Rows):
        validate(job, now.state)
    if job.diagnostics is not None:
        job.diagnostics(job, one_copy(now.state), epoch=1, plan=plan_of(job, now.history), learning_rate=0.0)


def close_epoch(job: Job, now: Checkpoint, seconds: float, validation: Validation) -> Checkpoint:
    """After the epoch in progress, which ends here: with its row of the history, and the variables to keep."""
    row = _row(job, now, seconds) | {f"val_{name}": value for name, value in validation.metrics.items()}
    history, last_wrong = (*now.history, row), _last_wrong(now, validation.wrong)
    now = replace(now, losses=NO_LOSSES, history=history, epoch_start=None, last_wrong=last_wrong)
    if not _is_best(job.early_stopping, history):
        return now
    kept = now.state.evaluated if validation.variables is None else validation.variables
    return replace(now, kept=jax.tree.map(np.array, kept), kept_epoch=len(history))


def _last_wrong(now: Checkpoint, wrong: Bool[np.ndarray, " rows"] | None) -> Int32[np.ndarray, " rows"] | None:
    """The last epoch after which each validation row was answered wrongly; None where not all epochs are known."""
    before = now.last_wrong if now.history else None if wrong is None else np.zeros(len(wrong), np.int32)
    if wrong is None or before is None:
        return None
    return np.where(wrong, np.int32(len(now.history) + 1), before)


def _row(job: Job, now: Checkpoint, seconds: float) -> EpochRow:
    """The line of the history for the epoch that has just ended, without metrics."""
    epoch = len(now.history) + 1
    row: EpochRow = {
        "epoch": epoch,
        "iteration": int(now.state.step),
        "seconds": seconds,
        "learning_rate": float(learning_rates(job, now, np.array([now.done - 1]))[0]),
        "loss": mean_loss(now.losses),
    }
    if job.growth is not None:
        row["batch_size"] = plan_of(job, now.history).batch_size
    if job.divergence.policy == "reduce":
        row |= {"reductions": len(now.diverged), "diverged_at": now.diverged[-1] + 1 if now.diverged else 0}
    if job.probe is not None:
        row |= job.probe(one_copy(now.state), epoch)
    if job.diagnostics is not None:
        plan, rate = plan_of(job, now.history), float(row["learning_rate"])
        row |= job.diagnostics(job, one_copy(now.state), epoch=epoch, plan=plan, learning_rate=rate)
    return row


def _is_best(stopping: EarlyStopping | None, history: History) -> bool:
    """Whether the parameters of the last epoch are those to keep so far."""
    if stopping is None or not stopping.restore_best:
        return True
    return stopping.verdict(history).best_epoch in (len(history), None)


def variables_to_keep(job: Job, now: Checkpoint) -> tuple[Variables, int]:
    """The variables to keep when training ends, and the epoch that they come from.

    Before the end of the first epoch, and within an epoch if the best are not requested, these are the current ones.
    """
    best = job.early_stopping is not None and job.early_stopping.restore_best
    going_on = now.done > 0 and int(now.state.status) == RUNNING
    if not now.history or (going_on and not best):
        return jax.tree.map(np.array, evaluated_variables(job, now.state)), len(now.history)
    return now.kept, now.kept_epoch


def end_of_divergence(job: Job, now: Checkpoint) -> End | None:
    """The end where a loss was not finite; None where the learning rate is to be reduced."""
    chosen = job.divergence
    if chosen.policy == "stop":
        return End("diverged", divergence_of(job, now))
    if len(now.diverged) < chosen.times:
        return None
    return End("diverged", f"{divergence_of(job, now)}; the learning rate had been reduced {chosen.times} times")


def stop_reason(job: Job, history: History) -> End | None:
    """Why no epoch is to follow these, by early stopping and the plan alone; None to go on."""
    if job.replay is not None and len(history) == job.replay.epochs:
        return End("finished", f"all {job.replay.epochs} epochs are done")
    stop = job.early_stopping.verdict(history).stop if job.early_stopping else None
    if stop:
        return End("finished", stop.reason)
    if len(history) == job.plan.epochs:
        return End("finished", f"all {job.plan.epochs} epochs are done")
    return None


def time_reason(job: Job, history: History) -> End | None:
    """Why no epoch is to follow these, by the time for training alone; None to go on."""
    if job.max_time is None or not history or len(history) < epochs_in_time(job, history):
        return None
    return End("finished", f"the time limit of {job.max_time:g} s leaves no time for an epoch after {len(history)}")


def divergence_of(job: Job, now: Checkpoint) -> str:
    """The sentence that says where a loss was not finite."""
    iteration = int(now.state.status)
    rate = float(learning_rates(job, now, np.array([iteration - first_iteration(now)]))[0])
    return (
        f"the loss was not finite at iteration {iteration + 1:,} (epoch {len(now.history) + 1}) with a learning rate "
        f"of {rate:.6g}; no update was made there or after it"
    )
