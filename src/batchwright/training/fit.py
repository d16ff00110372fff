"""The training loop on the host: a generator of events. It does no mathematics and prints nothing."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from typing import NamedTuple, TypeAlias

import numpy as np

from batchwright.cluster.membership import current
from batchwright.training.ahead import warmed_up
from batchwright.training.checkpoint import Checkpoint, History, copy_to_device, copy_to_host, go_back
from batchwright.training.epochs import (
    End,
    close_epoch,
    divergence_of,
    end_of_divergence,
    iterations_done,
    learning_rates,
    mean_loss,
    stop_reason,
    time_reason,
    validate,
    variables_to_keep,
)
from batchwright.training.events import CheckpointTaken, Compiled, EpochDone, Event, Reduced, SegmentDone, Stopped
from batchwright.training.feed import Chunk, Feed, OnDisk, Resident, Streamed
from batchwright.training.job import Job, newest_of, plan_of, program_of
from batchwright.training.plan import Plan
from batchwright.training.segment import CompiledSegment, Epoch, Segments, compile_segment, no_losses
from batchwright.training.state import RUNNING, Program, TrainState
from batchwright.training.step import Loss
from batchwright.training.watch import Steering, Watch

Steps: TypeAlias = Generator[SegmentDone | CheckpointTaken, None, Checkpoint]


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
    with warmed_up(job, start):
        segment = loops.of(start).segment
    current().exchange("compiled")  # Gloo waits 30 s for the others when they first add something up
    yield Compiled(segment.seconds, segment.memory_bytes)
    watch, now = Watch(job, start, interrupted, steering or Steering()), start
    begins = start.history and start.done == 0
    end = (stop_reason(job, start.history) or time_reason(job, start.history)) if begins else None
    while end is None:
        loop = loops.of(now)
        now = yield from _epoch(job, loop, watch, now)
        if int(now.state.status) != RUNNING:
            end = end_of_divergence(job, now)
            if end is None:
                reason, saved = divergence_of(job, now), go_back(now)
                now = copy_to_device(saved)
                yield Reduced(saved, reason)
        elif now.done < loop.plan.iterations_per_epoch and watch.interrupted():
            end = End("interrupted", f"interrupted in epoch {len(now.history) + 1} of {job.plan.epochs}")
        else:
            now = close_epoch(job, now, watch.seconds, validate(job, now.state))
            yield EpochDone(now.history[-1], now.kept_epoch == len(now.history), now.state, now.last_wrong)
            end = _end(job, now.history, watch)
            if end is None and watch.is_due(now, epoch_ended=True):
                yield watch.take(now)
    if end.status != "diverged":
        yield watch.take(now)
    yield Stopped(*variables_to_keep(job, now), *end)


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
    plan = replace(plan_of(job, history), devices=job.placement.count)
    program = program_of(job, plan)
    feed: Feed = (
        Streamed(job.train, plan, job.seed) if isinstance(job.train, OnDisk) else Resident(job.train, plan, job.seed)
    )
    shapes = feed.shapes
    iterations = len(shapes.batches)
    compiling = compile_segment if segments is None else segments.of
    segment = compiling(program, state, shapes.rows, plan, iterations=iterations, quickly=job.quickly)
    return Loop(plan, program, feed, segment)


def one_epoch(job: Job, start: Checkpoint, segments: Segments) -> Checkpoint:
    """After one epoch from `start`, whose state is used up; what was compiled before is used again.

    Where a loss was not finite, the epoch has no row in the history, and the status says where that was.
    """
    watch = Watch(job, start, lambda: False, Steering())
    loop = compile_loop(job, start.state, start.history, segments=segments)
    now = _run_to_end(_epoch(job, loop, watch, start))
    if int(now.state.status) != RUNNING:
        return now
    return replace(close_epoch(job, now, watch.seconds, validate(job, now.state)), seconds=watch.seconds)


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


def _epoch(job: Job, loop: Loop, watch: Watch, now: Checkpoint) -> Steps:
    """Train to the end of the epoch in progress, or as far as time, interruptions and divergence allow."""
    iterations = loop.plan.iterations_per_epoch
    rates = learning_rates(job, now, np.arange(iterations)).astype(np.float32)
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


def _chunk(loop: Loop, chunk: Chunk, epoch: Epoch, watch: Watch, now: Checkpoint) -> Steps:
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
        mean, rate = mean_loss(now.losses), float(epoch.rates[now.done - 1 - first])
        yield SegmentDone(len(now.history) + 1, now.done, iterations_done(now), loop.plan, mean, rate)
        if now.done < loop.plan.iterations_per_epoch and watch.is_due(now):
            yield watch.take(now)
        if now.done == last or watch.ends:
            return now


def _join_losses(losses: Loss, places: Loss, span: tuple[int, int]) -> Loss:
    """The losses of an epoch's iterations so far, with those that a segment has written in their places."""
    return Loss(
        *(np.concatenate([old, np.asarray(new)[slice(*span)]]) for old, new in zip(losses, places, strict=True))
    )


def _end(job: Job, history: History, watch: Watch) -> End | None:
    """Whether and why the last epoch was the last; None to go on."""
    if end := stop_reason(job, history):
        return end
    if watch.is_to_stop():
        return End("finished", f"stopped as asked, in epoch {len(history)} of {job.plan.epochs}")
    if watch.late:
        return End("finished", f"the time limit of {job.max_time:g} s is reached in epoch {len(history)}")
    if end := time_reason(job, history):
        return end
    if watch.interrupted():
        return End("interrupted", f"interrupted after epoch {len(history)} of {job.plan.epochs}")
    return None
