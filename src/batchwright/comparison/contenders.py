"""Many trainings for a comparison: at once those that can be, the others one after the other."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

import jax
import numpy as np

from batchwright.errors import InterruptedRunError
from batchwright.measure.device_memory import free_memory
from batchwright.population.at_once import member_bytes, most_at_once, wave_sizes
from batchwright.population.fit import MemberRun, fit_members
from batchwright.runs.run import Run
from batchwright.training.checkpoint import EpochRow, first_checkpoint
from batchwright.training.events import EpochDone, Reduced, Stopped
from batchwright.training.feed import OnDisk
from batchwright.training.fit import fit
from batchwright.training.job import Job
from batchwright.training.state import initial_state


@dataclass(frozen=True)
class Contender:
    """A training: its job, and rows that its network is shown when it is made."""

    job: Job
    example: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Ended:
    """How a training ended: the history's row of the epoch that is kept, empty where it has diverged; the reason.

    `seconds` is the time it took; of trainings at once, an equal share.
    """

    kept: Mapping[str, float]
    reason: str
    seconds: float


@dataclass(frozen=True)
class Trying:
    """How many epochs of all trainings are done, and how many there are at most."""

    done: int
    epochs: int


def can_share(job: Job) -> bool:
    """Whether a training can go on beside others: its rows are in memory, its batches of one size, nothing by time."""
    steady = job.growth is None and job.max_time is None and job.divergence.policy == "stop"
    return steady and not isinstance(job.train, OnDisk)


def seconds_of(run: Run, jobs: Sequence[Job]) -> float | None:
    """About how long the jobs take one after the other, by how long a run has taken; None where that is not known.

    An update costs at least what it did in the run, and so does a row; each program is compiled once.
    """
    history, spent = run.history, run.manifest.seconds.get("fit")
    updates = int(history[-1]["iteration"]) if history else 0
    if not spent or not updates:
        return None
    size = run.plan.get("batch_size") or 1
    each = (max(job.plan.updates, job.plan.rows_per_epoch * job.plan.epochs / size) for job in jobs)
    programs = len({(str(jax.tree.structure(job.program)), job.plan) for job in jobs})
    return sum(each) * spent / updates + programs * (run.manifest.seconds.get("compile") or 0.0)


def train_contenders(
    contenders: Sequence[Contender], *, interrupted: Callable[[], bool] = lambda: False
) -> Generator[Trying, None, list[Ended]]:
    """Train all, and return how each ended.

    Raises:
        UsageError: not even one fits in memory.
        InterruptedRunError: `interrupted`, which is asked after every epoch, was True.
    """
    ended = dict[int, Ended]()
    total, before = sum(one.job.plan.epochs for one in contenders), 0
    for places in _waves(contenders):
        started, some = time.perf_counter(), [contenders[place] for place in places]
        for epoch, found in enumerate(_train_wave(some), start=1):
            yield Trying(before + epoch * len(places), total)
            if interrupted():
                raise InterruptedRunError("interrupted: the trainings are lost; nothing was written.")
            ended |= dict(zip(places, found, strict=True))
        each = (time.perf_counter() - started) / len(places)
        ended |= {place: Ended(ended[place].kept, ended[place].reason, each) for place in places}
        before += sum(one.job.plan.epochs for one in some)
        yield Trying(before, total)
    return [ended[place] for place in range(len(contenders))]


def _waves(contenders: Sequence[Contender]) -> Iterator[list[int]]:
    """The places of trainings that go on at once, as many as fit in memory."""
    groups = dict[object, list[int]]()
    for place, one in enumerate(contenders):
        job = one.job
        shared = (str(jax.tree.structure(job.program)), job.plan, id(job.train), id(job.validation))
        groups.setdefault(shared if can_share(job) else place, []).append(place)
    for places in groups.values():
        most = _most_at_once([contenders[place] for place in places])
        first = 0
        for size in wave_sizes(len(places), most):
            yield places[first : first + size]
            first += size


def _most_at_once(some: Sequence[Contender]) -> int:
    if len(some) == 1:
        return 1
    largest = max(some, key=lambda one: member_bytes(one.job, one.example))
    seeds = len({one.job.seed for one in some})
    return most_at_once(largest.job, largest.example, members=len(some), seeds=seeds, bytes_free=free_memory())


def _train_wave(some: Sequence[Contender]) -> Iterator[list[Ended]]:
    """How each stands after every epoch; the last one says how each has ended."""
    if not can_share(some[0].job):
        yield from _train_alone(some[0])
        return
    for runs in fit_members([one.job for one in some], some[0].example):
        yield [_ended(run) for run in runs]


def _train_alone(one: Contender) -> Iterator[list[Ended]]:
    start = first_checkpoint(initial_state(one.job.program, one.example, seed=one.job.seed))
    history = list[EpochRow]()
    for event in fit(one.job, start):
        match event:
            case EpochDone():
                history.append(event.row)
                yield [Ended({}, "", 0.0)]
            case Reduced():
                history = list(event.checkpoint.history)
            case Stopped():
                finished = event.status == "finished" and event.epoch > 0
                yield [Ended(history[event.epoch - 1] if finished else {}, event.reason, 0.0)]


def _ended(run: MemberRun) -> Ended:
    if run.end is None or run.end.status == "diverged" or not run.now.kept_epoch:
        return Ended({}, run.end.reason if run.end else "", 0.0)
    return Ended(run.now.history[run.now.kept_epoch - 1], run.end.reason, 0.0)
