"""Whole runs of many members, epoch by epoch: each gets the history and the variables that it would get alone."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import jax
import numpy as np

from batchwright.errors import ConfigError
from batchwright.population.members import Members, begin, chosen
from batchwright.population.segment import CompiledPopulation, Orders, compile_population, pays_together
from batchwright.training.checkpoint import NO_LOSSES, Checkpoint, beginning
from batchwright.training.feed import OnDisk
from batchwright.training.fit import End, closed, divergence_of, enough
from batchwright.training.job import Job, rates_of
from batchwright.training.order import batches
from batchwright.training.state import RUNNING, Rows, TrainState
from batchwright.training.step import Loss


@dataclass(frozen=True)
class MemberRun:
    """Where a member stands between two epochs, on the host; `end` says why it goes no further."""

    now: Checkpoint
    end: End | None = None


def fit_members(jobs: Sequence[Job], example: Mapping[str, np.ndarray]) -> Iterator[tuple[MemberRun, ...]]:
    """Train all jobs at once, and give after every epoch how each stands, up to the last.

    The jobs have the same rows and the same plan, and differ in numbers, seeds and schedules. One that has ended,
    because it diverged or stopped early, is taken out when half of those that are trained have.

    Args:
        jobs: what is trained; one whose loss is not finite ends, whatever its policy.
        example: rows that a network is shown when it is made.

    Raises:
        ConfigError: they cannot be trained at once.
    """
    rows = common_rows(jobs)
    started, distinct = time.perf_counter(), list(dict.fromkeys(job.seed for job in jobs))
    members = begin([job.program for job in jobs], [job.seed for job in jobs], example)
    runs = [MemberRun(beginning(state)) for state in _states(members)]
    trained, segment = list(range(len(jobs))), _compiled(members, rows, jobs[0], orders=len(distinct))
    for epoch in range(jobs[0].plan.epochs):
        order = np.stack([batches(jobs[0].plan, seed=seed, epoch=epoch) for seed in distinct])
        rates = np.stack([_rates(jobs[which], runs[which]) for which in trained])
        members, losses = segment(members, rows, Orders(order, rates), segment.iterations)
        for which, state, *loss in zip(trained, _states(members), *losses, strict=True):
            if runs[which].end is None:
                now = replace(runs[which].now, state=state, losses=Loss(*loss))
                runs[which] = _after(jobs[which], now, time.perf_counter() - started)
        yield tuple(runs)
        left = [place for place, which in enumerate(trained) if runs[which].end is None]
        if not left:
            return
        if 2 * len(left) <= len(trained):
            members, trained = chosen(members, left), [trained[place] for place in left]
            segment = _compiled(members, rows, jobs[0], orders=len(distinct))


def common_rows(jobs: Sequence[Job]) -> Rows:
    """The training rows that all jobs have.

    Raises:
        ConfigError: they do not have the same, or cannot be trained at once.
    """
    first = jobs[0]
    if any(job.train is not first.train or job.plan != first.plan for job in jobs):
        raise ConfigError("what is trained at once has to have the same rows, batch size and epochs.")
    if isinstance(first.train, OnDisk) or first.growth is not None:
        raise ConfigError("what is trained at once needs its rows in memory, and a batch size that stays as it is.")
    return first.train


def _compiled(members: Members, rows: Rows, job: Job, *, orders: int) -> CompiledPopulation:
    """The program of an epoch."""
    together, iterations = pays_together(job.plan, members), job.plan.iterations_per_epoch
    return compile_population(members, rows, job.plan, orders=orders, iterations=iterations, together=together)


def _states(members: Members) -> Iterator[TrainState]:
    """A copy of the state of each, on the host."""
    states = jax.tree.map(np.array, members.states)
    for place in range(members.number):
        yield jax.tree.map(lambda leaf, place=place: leaf[place], states)


def _rates(job: Job, run: MemberRun) -> np.ndarray:
    """The learning rates of the next epoch; of a member that has ended, as if none had been."""
    iterations = np.arange(job.plan.iterations_per_epoch)
    history = () if run.end is not None else run.now.history
    return rates_of(job, history, iterations, reductions=0).astype(np.float32)


def _after(job: Job, now: Checkpoint, seconds: float) -> MemberRun:
    """Where a member stands whose epoch has ended, or in which a loss was not finite."""
    if int(now.state.status) != RUNNING:
        return MemberRun(replace(now, losses=NO_LOSSES), End("diverged", divergence_of(job, now)))
    now = closed(job, now, seconds)
    return MemberRun(now, enough(job, now.history))
