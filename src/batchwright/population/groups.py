"""What can be trained as one program: jobs on the same rows that differ in numbers alone."""

from collections.abc import Sequence

import jax

from batchwright.training.job import Job


def group_jobs(jobs: Sequence[Job]) -> list[list[int]]:
    """The places of the jobs, those together that one program can train; groups are in the order of their first."""
    groups = dict[object, list[int]]()
    for place, job in enumerate(jobs):
        key = (str(jax.tree.structure(job.program)), job.plan, id(job.train))
        groups.setdefault(key, []).append(place)
    return list(groups.values())
