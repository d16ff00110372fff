"""The training loop on the host: a generator of events. It does no mathematics and prints nothing."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import jax
import numpy as np

from batchwright.nn.protocols import Variables
from batchwright.optim.schedules import Schedule
from batchwright.training.evaluate import evaluate
from batchwright.training.order import batches
from batchwright.training.plan import Plan
from batchwright.training.segment import CompiledSegment, Epoch, compile_segment, no_losses
from batchwright.training.state import RUNNING, Program, Rows, TrainState
from batchwright.training.step import Loss
from batchwright.training.stopping import EarlyStopping

EpochRow: TypeAlias = dict[str, int | float]
"""A line of the history: epoch (from 1), iteration (updates made), seconds, learning_rate, loss, val_... metrics."""
History: TypeAlias = Sequence[EpochRow]

Status: TypeAlias = Literal["finished", "diverged", "interrupted"]

SEGMENT_SECONDS = 0.5
"""How long a segment aims to take: long enough to hide Python, short enough for a live progress bar."""
FIRST_SEGMENT = 4
"""Iterations of the very first segment, before any has been timed."""
GROWTH = 16
"""How much longer than the one before it a segment may be: the first is timed with cold caches, and may mislead."""


@dataclass(frozen=True)
class Job:
    """All that a fit is made of; what it gives is a pure function of it on a given device and version.

    `max_time` is in seconds of training; the segment that is running then is the last.
    """

    program: Program
    train: Rows
    validation: Rows | None
    plan: Plan
    schedule: Schedule
    seed: int = 0
    early_stopping: EarlyStopping | None = None
    max_time: float | None = None


@dataclass(frozen=True)
class Compiled:
    """The training loop was compiled, or read from the cache, in `seconds`; it occupies `memory_bytes`."""

    seconds: float
    memory_bytes: int


@dataclass(frozen=True)
class SegmentDone:
    """So many `iterations` of epoch `epoch` (from 1) are done; `loss` is the mean over their rows."""

    epoch: int
    iterations: int
    loss: float
    learning_rate: float


@dataclass(frozen=True)
class EpochDone:
    """An epoch is done; `row` is its line of the history, and `best` whether its parameters are now those to keep."""

    row: EpochRow
    best: bool


@dataclass(frozen=True)
class Stopped:
    """The end: `variables` are those to keep, as they were after epoch `epoch` (0: before the first one was done).

    `reason` is a sentence; where it has diverged, it names the epoch, iteration and learning rate.
    """

    variables: Variables
    epoch: int
    status: Status
    reason: str


Event: TypeAlias = Compiled | SegmentDone | EpochDone | Stopped


def fit(job: Job, state: TrainState, *, interrupted: Callable[[], bool] = lambda: False) -> Iterator[Event]:
    """Train from `state`, which is used up, and say what happens.

    The events come in this order: `Compiled`; for every epoch some `SegmentDone` and one `EpochDone`; then `Stopped`.
    An epoch in which a loss was not finite has no `EpochDone`. With validation rows and early stopping, the variables
    kept are those of the best epoch, else those of the last. `interrupted` is asked after every segment; when it is
    True, the epoch ends there, and the training with it.
    """
    segment = compile_segment(job.program, state, job.train, job.plan)
    yield Compiled(segment.seconds, segment.memory_bytes)
    clock, history, kept, kept_epoch = _Clock(job.max_time, interrupted), list[EpochRow](), state.variables, 0
    end: End | None = None
    while end is None:
        state, loss = yield from _epoch(job, segment, clock, state, history)
        if int(state.status) != RUNNING:
            kept = kept if history else state.variables
            end = End("diverged", _divergence(job, state, history))
            break
        history.append(_row(job, state, loss, history, clock))
        best = _is_best(job.early_stopping, history)
        if best:
            kept = jax.tree.map(np.array, state.variables)  # a copy: the next segment uses up the state
            kept_epoch = len(history)
        yield EpochDone(history[-1], best)
        end = _end(job, history, clock)
    yield Stopped(kept, kept_epoch, *end)


class End(NamedTuple):
    """Why no further epoch is trained: a word and a sentence."""

    status: Status
    reason: str


class _Clock:
    """Seconds since training began, and how long the next segment has to be."""

    def __init__(self, max_time: float | None, interrupted: Callable[[], bool]) -> None:
        self.started = time.perf_counter()
        self.max_time = max_time
        self.interrupted = interrupted
        self.length = FIRST_SEGMENT

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started

    @property
    def over(self) -> bool:
        """Whether training is to end here, though epochs are left."""
        return self.interrupted() or (self.max_time is not None and self.seconds >= self.max_time)

    def timed(self, iterations: int, seconds: float) -> None:
        """Aim the next segment at SEGMENT_SECONDS, given that one of so many iterations took so many seconds."""
        self.length = max(1, min(int(iterations * SEGMENT_SECONDS / seconds), iterations * GROWTH))


def _epoch(
    job: Job, segment: CompiledSegment, clock: _Clock, state: TrainState, history: History
) -> Generator[SegmentDone, None, tuple[TrainState, float]]:
    """Train one epoch, or what `max_time` leaves of it; the state after it and the mean loss over its rows."""
    plan, number = job.plan, len(history)
    rates = _rates(job, history, np.arange(plan.iterations_per_epoch) + number * plan.iterations_per_epoch)
    epoch = Epoch(batches(plan, seed=job.seed, epoch=number), rates.astype(np.float32))
    losses, done, mean = no_losses(plan), 0, float("nan")
    while done < plan.iterations_per_epoch and not (done and clock.over):
        started, until = time.perf_counter(), min(done + clock.length, plan.iterations_per_epoch)
        state, losses = segment(job.program, (state, losses), job.train, epoch, (done, until))
        mean = _mean(losses, until)
        clock.timed(until - done, time.perf_counter() - started)
        done = until
        if int(state.status) != RUNNING:
            break
        yield SegmentDone(number + 1, done, mean, float(rates[done - 1]))
    return state, mean


def _rates(job: Job, history: History, iterations: np.ndarray) -> np.ndarray:
    """The learning rates of iterations, counted from 0 over the whole run."""
    return job.schedule.rates(
        float(job.program.optimizer.learning_rate),
        iterations,
        iterations_per_epoch=job.plan.iterations_per_epoch,
        total=job.plan.updates,
        losses=[row["val_loss"] for row in history] if job.schedule.uses_losses else (),
    )


def _mean(losses: Loss, iterations: int) -> float:
    """The mean over the rows of the first iterations, in float64."""
    means, weights = (np.asarray(array)[:iterations].astype(np.float64) for array in losses)
    return float((means * weights).sum() / max(weights.sum(), np.finfo(np.float64).tiny))


def _row(job: Job, state: TrainState, loss: float, history: History, clock: _Clock) -> EpochRow:
    """The line of the history for the epoch that has just ended."""
    updates = int(state.step)
    rate = float(_rates(job, history, np.array([updates - 1]))[0])
    row = {
        "epoch": len(history) + 1,
        "iteration": updates,
        "seconds": clock.seconds,
        "learning_rate": rate,
        "loss": loss,
    }
    if job.validation is None:
        return row
    metrics = evaluate(job.program.model, state.variables, job.validation)
    return row | {f"val_{name}": value for name, value in metrics.items()}


def _is_best(stopping: EarlyStopping | None, history: History) -> bool:
    """Whether the parameters of the last epoch are those to keep so far."""
    if stopping is None or not stopping.restore_best:
        return True
    return stopping.verdict(history).best_epoch in (len(history), None)


def _end(job: Job, history: History, clock: _Clock) -> End | None:
    """Whether and why the last epoch was the last; None to go on."""
    if clock.interrupted():
        return End("interrupted", f"interrupted in epoch {len(history)} of {job.plan.epochs}")
    stop = job.early_stopping.verdict(history).stop if job.early_stopping else None
    if stop:
        return End("finished", stop.reason)
    if clock.over:
        return End("finished", f"the time limit of {job.max_time:g} s is reached in epoch {len(history)}")
    return End("finished", f"all {job.plan.epochs} epochs are done") if len(history) == job.plan.epochs else None


def _divergence(job: Job, state: TrainState, history: History) -> str:
    iteration = int(state.status)
    rate = float(_rates(job, history, np.array([iteration]))[0])
    return (
        f"the loss was not finite at iteration {iteration + 1:,} (epoch {len(history) + 1}) with a learning rate of "
        f"{rate:.6g}; no update was made there or after it"
    )
