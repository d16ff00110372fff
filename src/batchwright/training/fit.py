"""The training loop on the host: a generator of events. It does no mathematics and prints nothing."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, TypeAlias

import jax
import numpy as np

from batchwright.nn.protocols import Variables
from batchwright.training.checkpoint import (
    NO_LOSSES,
    Checkpoint,
    EpochRow,
    History,
    copy_to_device,
    copy_to_host,
    go_back,
)
from batchwright.training.evaluate import evaluate
from batchwright.training.feed import Chunk, Feed, OnDisk, Resident, Streamed
from batchwright.training.job import EVERY_NOW_AND_THEN, STOP, Divergence, Job, newest_of, plan_of, program_of, rates_of
from batchwright.training.plan import Plan
from batchwright.training.segment import CompiledSegment, Epoch, Segments, compile_segment, no_losses
from batchwright.training.state import RUNNING, Program, TrainState
from batchwright.training.step import Loss
from batchwright.training.stopping import EarlyStopping

__all__ = [
    "EVERY_NOW_AND_THEN",
    "STOP",
    "CheckpointTaken",
    "Compiled",
    "Divergence",
    "End",
    "EpochDone",
    "Event",
    "Job",
    "Reduced",
    "SegmentDone",
    "Status",
    "Steering",
    "Stopped",
    "close_epoch",
    "compile_loop",
    "divergence_of",
    "fit",
    "one_epoch",
    "stop_reason",
]

Status: TypeAlias = Literal["finished", "diverged", "interrupted"]

SEGMENT_SECONDS = 0.5
"""How long a segment aims to take: long enough to hide Python, short enough for a live progress bar."""
FIRST_SEGMENT = 4
"""Iterations of the very first segment, before any has been timed."""
GROWTH = 16
"""How much longer than the one before it a segment may be: the first is timed with cold caches, and may mislead."""
BETWEEN_EPOCHS = 1.0
"""Seconds between two checkpoints that are taken because an epoch has ended."""


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

    `state` is that after it; the next epoch uses it up.
    """

    row: EpochRow
    best: bool
    state: TrainState = field(repr=False)


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
Steps: TypeAlias = Generator[SegmentDone | CheckpointTaken, None, Checkpoint]


@dataclass
class Steering:
    """What whoever follows a training asks for: `stop` ends it where it is, `checkpoint` has one taken, once."""

    stop: bool = False
    checkpoint: bool = False


def fit(
    job: Job,
    start: Checkpoint,
    *,
    interrupted: Callable[[], bool] = lambda: False,
    steering: Steering | None = None,
) -> Iterator[Event]:
    """Train from `start`, whose state is used up, and say what happens.

    The events come in this order: `Compiled`; for every epoch some `SegmentDone` and one `EpochDone`; then `Stopped`.
    An epoch in which a loss was not finite has no `EpochDone`. With validation rows and early stopping, the variables
    of the best epoch are kept, otherwise the variables of the last one. `interrupted` is asked after every segment; if
    it is True, training ends there. What `steering` requests is done after the current segment. A checkpoint is taken
    at the end of training, unless it has diverged. Training from any checkpoint gives the same bits as without a break.
    """
    loops = _Loops(job)
    segment = loops.of(start).segment
    yield Compiled(segment.seconds, segment.memory_bytes)
    watch, now = _Watch(job, start, interrupted, steering or Steering()), start
    end = stop_reason(job, start.history) if start.history and start.done == 0 else None
    while end is None:
        loop = loops.of(now)
        now = yield from _epoch(job, loop, watch, now)
        if int(now.state.status) != RUNNING:
            end = _end_of_divergence(job, now)
            if end is None:
                reason, saved = divergence_of(job, now), go_back(now)
                now = copy_to_device(saved)
                yield Reduced(saved, reason)
        elif now.done < loop.plan.iterations_per_epoch and watch.interrupted():
            end = End("interrupted", f"interrupted in epoch {len(now.history) + 1} of {job.plan.epochs}")
        else:
            now = close_epoch(job, now, watch.seconds, _validate(job, now))
            yield EpochDone(now.history[-1], now.kept_epoch == len(now.history), now.state)
            end = _end(job, now.history, watch)
            if end is None and watch.is_due(now, epoch_ended=True):
                yield watch.take(now)
    if end.status != "diverged":
        yield watch.take(now)
    yield Stopped(*_variables_to_keep(job, now), *end)


class Loop(NamedTuple):
    """What an epoch is trained by."""

    plan: Plan
    program: Program
    feed: Feed
    segment: CompiledSegment


def compile_loop(job: Job, state: TrainState, history: History = (), *, segments: Segments | None = None) -> Loop:
    """Where the rows of the epoch after these come from, and the training loop compiled for them; nothing is run.

    Where it is among the `segments`, it is not compiled anew.
    """
    plan = plan_of(job, history)
    program = program_of(job, plan)
    feed: Feed = (
        Streamed(job.train, plan, job.seed) if isinstance(job.train, OnDisk) else Resident(job.train, plan, job.seed)
    )
    shapes = feed.shapes
    iterations = len(shapes.batches)
    compiling = compile_segment if segments is None else segments.of
    return Loop(plan, program, feed, compiling(program, state, shapes.rows, plan, iterations=iterations))


def one_epoch(job: Job, start: Checkpoint, segments: Segments) -> Checkpoint:
    """After one epoch from `start`, whose state is used up; what was compiled before is used again.

    Where a loss was not finite, the epoch has no row in the history, and the status says where that was.
    """
    watch = _Watch(job, start, lambda: False, Steering())
    loop = compile_loop(job, start.state, start.history, segments=segments)
    now = _run_to_end(_epoch(job, loop, watch, start))
    if int(now.state.status) != RUNNING:
        return now
    return replace(close_epoch(job, now, watch.seconds, _validate(job, now)), seconds=watch.seconds)


def _run_to_end(steps: Steps) -> Checkpoint:
    """What the steps come to, without what they say on the way."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            now: Checkpoint = end.value
            return now


class _Loops:
    """The loops of a fit, one of each batch size, compiled when an epoch has first that size."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._by_size = dict[int, Loop]()

    def of(self, now: Checkpoint) -> Loop:
        """That of the epoch in progress."""
        size = plan_of(self._job, now.history).batch_size
        if size not in self._by_size:
            self._by_size[size] = compile_loop(self._job, now.state, now.history)
        return self._by_size[size]


class End(NamedTuple):
    """Why no further epoch is trained: a word and a sentence."""

    status: Status
    reason: str


class _Watch:
    """The clock of a fit: seconds of training, how long the next segment has to be, when a checkpoint is due."""

    def __init__(self, job: Job, start: Checkpoint, interrupted: Callable[[], bool], steering: Steering) -> None:
        self.job = job
        self.interrupted = interrupted
        self.steering = steering
        self.started = time.perf_counter() - start.seconds
        self.length = FIRST_SEGMENT
        self.taken = start.seconds

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started

    @property
    def late(self) -> bool:
        """Whether the time for training is over."""
        return self.job.max_time is not None and self.seconds >= self.job.max_time

    @property
    def ends(self) -> bool:
        """Whether training is to end after the segment that has just been run."""
        return self.late or self.steering.stop or self.interrupted()

    def adapt_length(self, iterations: int, seconds: float) -> None:
        """Choose the next segment's length from how long the last one took: about SEGMENT_SECONDS."""
        self.length = max(1, min(int(iterations * SEGMENT_SECONDS / seconds), iterations * GROWTH))

    def segment_end(self, now: Checkpoint, plan: Plan) -> int:
        """The iteration of the epoch, which has this plan, at which the next segment ends."""
        end = min(now.done + self.length, plan.iterations_per_epoch)
        every = self.job.checkpoints.iterations
        return min(end, now.done + every - _iteration(now) % every) if every else end

    def is_due(self, now: Checkpoint, *, epoch_ended: bool = False) -> bool:
        """Whether a checkpoint is to be taken here."""
        when, waited = self.job.checkpoints, self.seconds - self.taken
        counted = when.iterations is not None and _iteration(now) % when.iterations == 0
        return (
            self.steering.checkpoint
            or counted
            or waited >= (min(when.seconds, BETWEEN_EPOCHS) if epoch_ended else when.seconds)
        )

    def take(self, now: Checkpoint) -> CheckpointTaken:
        """Take a checkpoint here."""
        self.taken, self.steering.checkpoint = self.seconds, False
        return CheckpointTaken(copy_to_host(replace(now, seconds=self.taken)))


def _epoch(job: Job, loop: Loop, watch: _Watch, now: Checkpoint) -> Steps:
    """Train to the end of the epoch in progress, or as far as time, interruptions and divergence allow."""
    iterations = loop.plan.iterations_per_epoch
    rates = _rates(job, now, np.arange(iterations)).astype(np.float32)
    newest = newest_of(job, now.history, iterations)
    if now.done == 0 and job.divergence.policy == "reduce":
        now = replace(now, epoch_start=copy_to_host(now).state)
    with closing(loop.feed.chunks(len(now.history), now.done)) as chunks:
        for chunk in chunks:
            given = _epoch_of_chunk(chunk, rates, newest)
            now = yield from _chunk(loop, chunk, given, watch, now)
            if int(now.state.status) != RUNNING or (now.done < iterations and watch.ends):
                break
    return now


def _epoch_of_chunk(chunk: Chunk, rates: np.ndarray, newest: np.ndarray | None) -> Epoch:
    """The part of an epoch's rates and average shares that belongs to the iterations of a chunk."""
    first, last, rest = chunk.first, chunk.first + chunk.iterations, len(chunk.batches) - chunk.iterations

    def cut(numbers: np.ndarray) -> np.ndarray:
        return np.pad(numbers[first:last].astype(np.float32), (0, rest))

    return Epoch(chunk.batches, cut(rates), None if newest is None else cut(newest))


def _chunk(loop: Loop, chunk: Chunk, epoch: Epoch, watch: _Watch, now: Checkpoint) -> Steps:
    """Train on a chunk of the rows, from where the epoch stands."""
    first, last = chunk.first, chunk.first + chunk.iterations
    places = no_losses(len(chunk.batches))
    while True:
        started, span = time.perf_counter(), (now.done - first, min(watch.segment_end(now, loop.plan), last) - first)
        state, places = loop.segment(loop.program, (now.state, places), chunk.rows, epoch, span)
        now = replace(now, state=state, losses=_join_losses(now.losses, places, span))
        watch.adapt_length(span[1] - span[0], time.perf_counter() - started)
        if int(state.status) != RUNNING:
            return now
        mean, rate = _mean(now.losses), float(epoch.rates[now.done - 1 - first])
        yield SegmentDone(len(now.history) + 1, now.done, _iteration(now), loop.plan, mean, rate)
        if now.done < loop.plan.iterations_per_epoch and watch.is_due(now):
            yield watch.take(now)
        if now.done == last or watch.ends:
            return now


def _join_losses(losses: Loss, places: Loss, span: tuple[int, int]) -> Loss:
    """The losses of an epoch's iterations so far, with those that a segment has written in their places."""
    return Loss(
        *(np.concatenate([old, np.asarray(new)[slice(*span)]]) for old, new in zip(losses, places, strict=True))
    )


def _mean(losses: Loss) -> float:
    """The mean over the rows of all iterations, in float64."""
    means, weights = (np.asarray(array, np.float64) for array in losses)
    return float((means * weights).sum() / max(weights.sum(), np.finfo(np.float64).tiny))


def _first(now: Checkpoint) -> int:
    """Iterations done before the epoch in progress."""
    return int(now.history[-1]["iteration"]) if now.history else 0


def _iteration(now: Checkpoint) -> int:
    """Iterations done since the first epoch began."""
    return _first(now) + now.done


def _rates(job: Job, now: Checkpoint, iterations: np.ndarray) -> np.ndarray:
    """The learning rates of iterations of the epoch in progress, counted from 0."""
    return rates_of(job, now.history, iterations, reductions=len(now.diverged))


def _validate(job: Job, now: Checkpoint) -> dict[str, float]:
    """The metrics over the validation rows, where there are some."""
    return {} if job.validation is None else evaluate(job.program.model, now.state.evaluated, job.validation)


def close_epoch(job: Job, now: Checkpoint, seconds: float, metrics: Mapping[str, float]) -> Checkpoint:
    """After the epoch in progress, which ends here: with its row of the history, and the variables to keep.

    `metrics` are those over the validation rows, by name; none where there are no such rows.
    """
    row = _row(job, now, seconds) | {f"val_{name}": value for name, value in metrics.items()}
    history = (*now.history, row)
    now = replace(now, losses=NO_LOSSES, history=history, epoch_start=None)
    if not _is_best(job.early_stopping, history):
        return now
    return replace(now, kept=jax.tree.map(np.array, now.state.evaluated), kept_epoch=len(history))


def _row(job: Job, now: Checkpoint, seconds: float) -> EpochRow:
    """The line of the history for the epoch that has just ended, without metrics."""
    epoch = len(now.history) + 1
    row: EpochRow = {
        "epoch": epoch,
        "iteration": int(now.state.step),
        "seconds": seconds,
        "learning_rate": float(_rates(job, now, np.array([now.done - 1]))[0]),
        "loss": _mean(now.losses),
    }
    if job.growth is not None:
        row["batch_size"] = plan_of(job, now.history).batch_size
    if job.divergence.policy == "reduce":
        row |= {"reductions": len(now.diverged), "diverged_at": now.diverged[-1] + 1 if now.diverged else 0}
    if job.probe is not None:
        row |= job.probe(now.state, epoch)
    return row


def _is_best(stopping: EarlyStopping | None, history: History) -> bool:
    """Whether the parameters of the last epoch are those to keep so far."""
    if stopping is None or not stopping.restore_best:
        return True
    return stopping.verdict(history).best_epoch in (len(history), None)


def _variables_to_keep(job: Job, now: Checkpoint) -> tuple[Variables, int]:
    """The variables to keep when training ends, and the epoch that they come from.

    Before the end of the first epoch, and within an epoch if the best are not requested, these are the current ones.
    """
    best = job.early_stopping is not None and job.early_stopping.restore_best
    going_on = now.done > 0 and int(now.state.status) == RUNNING
    if not now.history or (going_on and not best):
        return jax.tree.map(np.array, now.state.evaluated), len(now.history)
    return now.kept, now.kept_epoch


def _end(job: Job, history: History, watch: _Watch) -> End | None:
    """Whether and why the last epoch was the last; None to go on."""
    if end := stop_reason(job, history):
        return end
    if watch.steering.stop:
        return End("finished", f"stopped as asked, in epoch {len(history)} of {job.plan.epochs}")
    if watch.late:
        return End("finished", f"the time limit of {job.max_time:g} s is reached in epoch {len(history)}")
    if watch.interrupted():
        return End("interrupted", f"interrupted after epoch {len(history)} of {job.plan.epochs}")
    return None


def _end_of_divergence(job: Job, now: Checkpoint) -> End | None:
    """The end where a loss was not finite; None where the learning rate is to be reduced."""
    chosen = job.divergence
    if chosen.policy == "stop":
        return End("diverged", divergence_of(job, now))
    if len(now.diverged) < chosen.times:
        return None
    return End("diverged", f"{divergence_of(job, now)}; the learning rate had been reduced {chosen.times} times")


def stop_reason(job: Job, history: History) -> End | None:
    """Why no epoch is to follow these, by early stopping and the plan alone; None to go on."""
    stop = job.early_stopping.verdict(history).stop if job.early_stopping else None
    if stop:
        return End("finished", stop.reason)
    if len(history) == job.plan.epochs:
        return End("finished", f"all {job.plan.epochs} epochs are done")
    return None


def divergence_of(job: Job, now: Checkpoint) -> str:
    """The sentence that says where a loss was not finite."""
    iteration = int(now.state.status)
    rate = float(_rates(job, now, np.array([iteration - _first(now)]))[0])
    return (
        f"the loss was not finite at iteration {iteration + 1:,} (epoch {len(now.history) + 1}) with a learning rate "
        f"of {rate:.6g}; no update was made there or after it"
    )
