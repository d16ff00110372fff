"""The members of an ensemble that are trained together: their jobs, in groups, and what is said after an epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import jax
import numpy as np

from batchwright.measure.device_memory import OF_MEMORY, free_memory
from batchwright.population.at_once import member_bytes, wave_sizes
from batchwright.population.groups import group_jobs
from batchwright.population.threads import cores
from batchwright.training.feed import OnDisk
from batchwright.training.job import Job
from batchwright.training.placement import LOCAL
from batchwright.workflow.drawn import Drawn
from batchwright.workflow.preparing import Prepared, job_on

COPIES = 5
"""About how often the state of a member is in memory: as it is, stacked, on the device, to be kept, and as averages."""


def member_job(prepared: Prepared, number: int, drawn: Drawn, rows: Job | None = None) -> Job:
    """The job of a member, on the `rows` of another job where these are given; the first has the training's own."""
    job = prepared.job if number == 0 else job_on(prepared, drawn.settings, rows)
    return replace(job, seed=prepared.job.seed + number, max_time=None)


def member_groups(jobs: Sequence[Job], example: Mapping[str, np.ndarray], *, folds: int = 1) -> list[list[int]]:
    """The members that are trained together, by place: as few programs as there are forms, and as many as fit.

    Members that hold out other rows are not trained together.
    """
    free, found = free_memory(), list[list[int]]()
    forms = group_jobs(jobs)
    parted = ([number for number in form if number % folds == fold] for form in forms for fold in range(folds))
    for group in filter(None, parted):
        size = member_bytes(jobs[group[0]], example)  # refuses names that its parameters do not have
        most = len(group) if free is None else int(min(len(group), max(OF_MEMORY * free // (COPIES * size), 1)))
        first = 0
        for count in wave_sizes(len(group), most):
            found.append(group[first : first + count])
            first += count
    return found


def groups_at_once(jobs: Sequence[Job], groups: Sequence[Sequence[int]], example: Mapping[str, np.ndarray]) -> int:
    """How many groups are trained side by side: on a CPU as many as it has cores, and as fit in memory with their rows.

    A program of a small network uses one core well, and a second hardly.
    """
    train = jobs[0].train
    if jax.default_backend() != "cpu" or train.placement != LOCAL or isinstance(train, OnDisk):
        return 1
    rows = sum(leaf.nbytes for leaf in jax.tree.leaves((train, jobs[0].validation)))
    sizes = [len(group) * COPIES * member_bytes(jobs[group[0]], example) + rows for group in groups]
    free, most = free_memory(), min(cores(), len(groups))
    fitting = np.cumsum(sorted(sizes, reverse=True)[:most]) <= (np.inf if free is None else OF_MEMORY * free)
    return max(int(fitting.sum()), 1)
