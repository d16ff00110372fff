"""Train many members at once, epoch by epoch; each gets the history and the variables of a run on its own."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from batchwright.errors import ConfigError
from batchwright.population.members import Population, begin, choose_members, stack_members
from batchwright.population.segment import CompiledPopulation, Orders, compile_population, pays_together
from batchwright.population.validate import can_validate_at_once, validate_at_once, validate_each
from batchwright.training.checkpoint import NO_LOSSES, Checkpoint, first_checkpoint
from batchwright.training.epochs import End, Validation, close_epoch, divergence_of, stop_reason
from batchwright.training.feed import OnDisk
from batchwright.training.job import Job, newest_of, rates_of
from batchwright.training.order import batches
from batchwright.training.state import RUNNING, Rows, TrainState
from batchwright.training.step import Loss


@dataclass(frozen=True)
class MemberRun:
    """The state of a member between two epochs, on the host; `end` says why it has stopped."""

    now: Checkpoint
    end: End | None = None

    @property
    def seconds(self) -> float:
        """Seconds from the beginning of the training to the end of its last epoch."""
        return float(self.now.history[-1]["seconds"]) if self.now.history else 0.0


Leaving: TypeAlias = Callable[[Sequence[MemberRun]], Mapping[int, str]]
"""Choose which members stop, from the state of all after an epoch: their numbers, each with a reason as a sentence."""


def stop_nobody(_: Sequence[MemberRun]) -> Mapping[int, str]:
    """Let all members go on."""
    return {}


def fit_members(
    jobs: Sequence[Job],
    example: Mapping[str, np.ndarray],
    *,
    leaving: Leaving = stop_nobody,
    start: Sequence[MemberRun] = (),
) -> Iterator[tuple[MemberRun, ...]]:
    """Train all jobs at once, and yield the state of each after every epoch.

    The jobs share rows and plan, and differ in numbers, seeds and schedules. A job that has ended, because it
    diverged, stopped early or was told to leave, is taken out before the next epoch. Programs are compiled for a few
    group sizes only (`group_of`), and none is compiled twice in a process.

    Args:
        jobs: the jobs to train; a job ends when its loss is not finite, whatever its policy, and has no limit of time.
        example: rows that a network is shown when it is made.
        leaving: called after each epoch, when the next one is asked for; the members that it names end as "finished",
            with its reason. A member that has ended already keeps its first reason.
        start: the state of each job to go on from, between two epochs: some of them go on, and have done as many epochs
            as each other. Without any, all begin.

    Raises:
        ConfigError: the jobs cannot be trained at once.
    """
    common_rows(jobs)
    jobs = [replace(job, max_time=None) for job in jobs]
    runs = list(start) or _begin_runs(jobs, example)
    left = [which for which, run in enumerate(runs) if run.end is None]
    done, before = len(runs[left[0]].now.history), max(run.seconds for run in runs)
    started = time.perf_counter() - before
    trained = _compile_epoch(jobs, left, _stack_running([jobs[which] for which in left], [runs[w] for w in left]))
    for epoch in range(done, jobs[0].plan.epochs):
        trained, losses = _epoch(jobs, runs, trained, epoch)
        seconds = time.perf_counter() - started
        for which, now, validation in _results_of_epoch(jobs, runs, trained, losses):
            runs[which] = _member_after_epoch(jobs[which], now, seconds, validation)
        yield tuple(runs)
        for which, reason in leaving(tuple(runs)).items():
            runs[which] = replace(runs[which], end=runs[which].end or End("finished", reason))
        left = [place for place, which in enumerate(trained.which) if runs[which].end is None]
        if not left:
            return
        if len(left) < len(trained.which):
            trained = _compile_epoch(
                jobs, [trained.which[place] for place in left], choose_members(trained.members, left)
            )


def _begin_runs(jobs: Sequence[Job], example: Mapping[str, np.ndarray]) -> list[MemberRun]:
    """All jobs before their first epoch."""
    members = begin([job.program for job in jobs], [job.seed for job in jobs], example)
    return [MemberRun(first_checkpoint(state)) for state in states_of(members, range(len(jobs)))]


def _stack_running(jobs: Sequence[Job], runs: Sequence[MemberRun]) -> Population:
    """The members of jobs that go on."""
    return stack_members([job.program for job in jobs], [job.seed for job in jobs], [run.now.state for run in runs])


def common_rows(jobs: Sequence[Job]) -> Rows:
    """The training rows that all jobs share.

    Raises:
        ConfigError: the jobs differ in training rows or validation rows, or cannot be trained at once.
    """
    first = jobs[0]
    same_rows = all(job.train is first.train and job.validation is first.validation for job in jobs)
    if not same_rows or any(job.plan != first.plan for job in jobs):
        raise ConfigError("what is trained at once has to have the same rows, batch size and epochs.")
    if isinstance(first.train, OnDisk) or first.growth is not None:
        raise ConfigError("what is trained at once needs its rows in memory, and a batch size that stays as it is.")
    return first.train


class _Trained(NamedTuple):
    """The numbers of the jobs in training, their members, the seeds of their orders, and the program of an epoch.

    `together` says whether members make each iteration together.
    """

    which: Sequence[int]
    members: Population
    seeds: Sequence[int]
    segment: CompiledPopulation
    together: bool


def _compile_epoch(jobs: Sequence[Job], which: Sequence[int], members: Population) -> _Trained:
    """Compile an epoch for these jobs, whose states are `members`."""
    seeds = list(dict.fromkeys(jobs[number].seed for number in which))
    orders = np.array([seeds.index(jobs[number].seed) for number in which], np.int32)
    members, plan, rows = members._replace(orders=jnp.asarray(orders)), jobs[0].plan, common_rows(jobs)
    together, iterations = pays_together(plan, members, rows), plan.iterations_per_epoch
    segment = compile_population(members, rows, plan, orders=len(seeds), iterations=iterations, together=together)
    return _Trained(which, members, seeds, segment, together)


def _epoch(jobs: Sequence[Job], runs: Sequence[MemberRun], trained: _Trained, epoch: int) -> tuple[_Trained, Loss]:
    """Train for an epoch, counted from 0; also give the losses [members, iterations] of its batches."""
    order = np.stack([batches(jobs[0].plan.on_one_device, seed=seed, epoch=epoch) for seed in trained.seeds])
    rates = np.stack([_rates(jobs[which], runs[which]) for which in trained.which])
    newest, segment = _newest_shares(jobs, runs, trained.which), trained.segment
    members, losses = segment(trained.members, common_rows(jobs), Orders(order, rates, newest), segment.iterations)
    return trained._replace(members=members), losses


def _results_of_epoch(
    jobs: Sequence[Job], runs: Sequence[MemberRun], trained: _Trained, losses: Loss
) -> Iterator[tuple[int, Checkpoint, Validation]]:
    """Each job still in training: its number, its state after the epoch, and its validation."""
    places = [place for place, which in enumerate(trained.which) if runs[which].end is None]
    states = list(states_of(trained.members, places))
    some = [jobs[trained.which[place]] for place in places]
    at_once = trained.together and can_validate_at_once(some)
    validations = validate_at_once(some, states, trained.members, places) if at_once else validate_each(some, states)
    for place, state, found in zip(places, states, validations, strict=True):
        which = trained.which[place]
        loss = Loss(losses.mean[place], losses.weight[place])
        yield which, replace(runs[which].now, state=state, losses=loss), found


def states_of(members: Population, places: Sequence[int]) -> Iterator[TrainState]:
    """A copy, on the host, of the state at each of these places."""
    leaves, structure = jax.tree.flatten(jax.tree.map(np.asarray, members.states))
    for place in places:
        yield jax.tree.unflatten(structure, [leaf[place].copy() for leaf in leaves])


def _rates(job: Job, run: MemberRun) -> np.ndarray:
    """The learning rates of the next epoch; for a member that has ended, the rates of the first epoch."""
    iterations = np.arange(job.plan.iterations_per_epoch)
    history = () if run.end is not None else run.now.history
    return rates_of(job, history, iterations, reductions=0).astype(np.float32)


def _newest_shares(jobs: Sequence[Job], runs: Sequence[MemberRun], which: Sequence[int]) -> np.ndarray | None:
    """The shares of the newest parameters in the averages, for the next epoch; None where no average is kept."""
    histories = (runs[number].now.history if runs[number].end is None else () for number in which)
    iterations = jobs[0].plan.iterations_per_epoch
    shares = [newest_of(jobs[number], history, iterations) for number, history in zip(which, histories, strict=True)]
    kept = [one for one in shares if one is not None]
    return np.stack(kept).astype(np.float32) if kept else None


def _member_after_epoch(job: Job, now: Checkpoint, seconds: float, validation: Validation) -> MemberRun:
    """The state of a member after an epoch, or after a loss that was not finite."""
    if int(now.state.status) != RUNNING:
        return MemberRun(replace(now, losses=NO_LOSSES), End("diverged", divergence_of(job, now)))
    now = close_epoch(job, now, seconds, validation)
    return MemberRun(now, stop_reason(job, now.history))
