"""Train many members at once, epoch by epoch; each gets the history and the variables of a run on its own."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int32, Int64

from batchwright.errors import ConfigError
from batchwright.population.members import Population, begin, choose_members, stack_members
from batchwright.population.segment import (
    CompiledMember,
    CompiledPopulation,
    Orders,
    compile_population,
    fixed_leaves,
    pays_together,
)
from batchwright.population.threads import map_on_cores
from batchwright.population.validate import can_validate_at_once, validate_at_once, validate_each
from batchwright.training.checkpoint import NO_LOSSES, Checkpoint, first_checkpoint
from batchwright.training.epochs import (
    NOT_VALIDATED,
    End,
    Validation,
    close_epoch,
    divergence_of,
    stop_reason,
    validate,
)
from batchwright.training.feed import OnDisk
from batchwright.training.job import Job, newest_of, rates_of
from batchwright.training.order import batches
from batchwright.training.segment import Epoch
from batchwright.training.state import RUNNING, Rows, TrainState
from batchwright.training.step import Loss


@dataclass(frozen=True)
class MemberRun:
    """The state of a member between two epochs; `end` says why it has stopped.

    The next epoch may use up the arrays of `now.state`, which may be on the device.
    """

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
        trained, found = _epoch(jobs, runs, trained, epoch, started)
        for which, run in found.items():
            runs[which] = run
        yield tuple(runs)
        for which, reason in leaving(tuple(runs)).items():
            runs[which] = replace(runs[which], end=runs[which].end or End("finished", reason))
        left = [place for place, which in enumerate(trained.which) if runs[which].end is None]
        if not left:
            return
        if len(left) < len(trained.which):
            trained = _choose_trained(jobs, trained, left)


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

    `together` says whether members make each iteration together. Where each has a program of its own
    (`segment.member`), `fixed` has what this is given for each in every epoch, and there is no population: the states
    stay on the device, where each program has left its own.
    """

    which: Sequence[int]
    members: Population | None
    seeds: Sequence[int]
    segment: CompiledPopulation
    together: bool
    fixed: Sequence[list[Any]] = ()


def _compile_epoch(jobs: Sequence[Job], which: Sequence[int], members: Population) -> _Trained:
    """Compile an epoch for these jobs, whose states are `members`."""
    seeds = list(dict.fromkeys(jobs[number].seed for number in which))
    orders = np.array([seeds.index(jobs[number].seed) for number in which], np.int32)
    members, plan, rows = members._replace(orders=jnp.asarray(orders)), jobs[0].plan, common_rows(jobs)
    together, iterations = pays_together(plan, members, rows), plan.iterations_per_epoch
    segment = compile_population(members, rows, plan, orders=len(seeds), iterations=iterations, together=together)
    if segment.member is None:
        return _Trained(which, members, seeds, segment, together)
    return _Trained(which, None, seeds, segment, together, [fixed_leaves(jobs[one].program, rows) for one in which])


def _choose_trained(jobs: Sequence[Job], trained: _Trained, left: Sequence[int]) -> _Trained:
    """What trains the members at these places alone."""
    which = [trained.which[place] for place in left]
    if trained.members is not None:
        return _compile_epoch(jobs, which, choose_members(trained.members, left))
    return trained._replace(which=which, fixed=[trained.fixed[place] for place in left])


def _epoch(
    jobs: Sequence[Job], runs: Sequence[MemberRun], trained: _Trained, epoch: int, started: float
) -> tuple[_Trained, dict[int, MemberRun]]:
    """Train for an epoch, counted from 0; also give the members after it, by the numbers of their jobs."""
    plan, which = jobs[0].plan.on_one_device, trained.which
    orders = {seed: batches(plan, seed=seed, epoch=epoch) for seed in trained.seeds}
    if trained.members is None:
        assert trained.segment.member is not None
        own = [jobs[number] for number in which]
        one = partial(_member_epoch, trained.segment.member, together=trained.together, started=started)
        ended = map_on_cores(one, own, [runs[n] for n in which], trained.fixed, [orders[job.seed] for job in own])
        return trained, dict(zip(which, ended, strict=True))
    rates = np.stack([_rates(jobs[number], runs[number]) for number in which])
    given = Orders(np.stack(list(orders.values())), rates, _newest_shares(jobs, runs, which))
    every, group = np.arange(len(which)), trained.segment.group
    train = partial(_group_epoch, jobs, runs, trained, given, started)
    groups = map_on_cores(train, [every[first : first + group] for first in range(0, len(which), group)])
    states = jax.tree.map(lambda *leaves: np.concatenate(leaves), *(states for states, _ in groups))
    found = {number: run for _, ended in groups for number, run in ended.items()}
    return trained._replace(members=trained.members._replace(states=states)), found


def _group_epoch(
    jobs: Sequence[Job],
    runs: Sequence[MemberRun],
    trained: _Trained,
    given: Orders,
    started: float,
    places: Int64[np.ndarray, " group"],
) -> tuple[TrainState, dict[int, MemberRun]]:
    """The members at these places after one more epoch: their states, and what each came to."""
    assert trained.members is not None
    which, some = [trained.which[place] for place in places], choose_members(trained.members, places)
    own = Orders(given.batches, given.rates[places], None if given.newest is None else given.newest[places])
    members, losses = trained.segment(some, common_rows(jobs), own, trained.segment.iterations)
    seconds = time.perf_counter() - started
    results = _results_of_epoch(jobs, runs, which, members, losses, together=trained.together)
    ended = {one: _member_after_epoch(jobs[one], now, seconds, validation) for one, now, validation in results}
    return jax.tree.map(np.asarray, members.states), ended


def _member_epoch(
    segment: CompiledMember,
    job: Job,
    run: MemberRun,
    fixed: Sequence[Any],
    order: Int32[np.ndarray, "iterations parts n"],
    *,
    together: bool,
    started: float,
) -> MemberRun:
    """A member after one more epoch by a program of its own, validated as those are that go `together`, or alone."""
    newest = newest_of(job, run.now.history, segment.iterations)
    given = Epoch(order, _rates(job, run), None if newest is None else newest.astype(np.float32))
    state, losses = segment(fixed, run.now.state, given, segment.iterations)
    running = int(state.status) == RUNNING
    seconds, now = time.perf_counter() - started, replace(run.now, state=state, losses=losses)
    if together and can_validate_at_once([job]):
        (found,) = validate_at_once([job], [state])
    else:
        found = validate(job, state) if running else NOT_VALIDATED
    return _member_after_epoch(job, now, seconds, found)


def _results_of_epoch(
    jobs: Sequence[Job],
    runs: Sequence[MemberRun],
    which: Sequence[int],
    members: Population,
    losses: Loss,
    *,
    together: bool,
) -> Iterator[tuple[int, Checkpoint, Validation]]:
    """Each of these jobs: its number, its state after the epoch, and its validation."""
    some = [jobs[number] for number in which]
    states = list(states_of(members, range(len(some))))
    at_once = together and can_validate_at_once(some)
    validations = validate_at_once(some, states) if at_once else validate_each(some, states)
    for number, state, mean, weight, found in zip(which, states, *losses, validations, strict=True):
        yield number, replace(runs[number].now, state=state, losses=Loss(mean, weight)), found


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
