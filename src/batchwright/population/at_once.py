"""How many members fit in memory at once, and the waves that train a larger number."""

from collections.abc import Mapping

import jax
import numpy as np

from batchwright.errors import UsageError
from batchwright.population.members import shapes_of
from batchwright.population.segment import compile_population, pays_together
from batchwright.training.feed import OnDisk
from batchwright.training.job import Job

OF_MEMORY = 0.8
"""The share of the free memory that a program may be predicted to take, as in `measure.device_memory`."""


def most_at_once(
    job: Job, example: Mapping[str, np.ndarray], *, members: int, seeds: int, bytes_free: int | None
) -> int:
    """How many of `members` jobs like this one, with `seeds` seeds, `fit_members` may train at once: 1 to `members`.

    What a program occupies is known once it is compiled, and may be at most OF_MEMORY of the free bytes; nothing is
    run. However many members there are, only a group of them is one program, and groups have few sizes.

    Args:
        job: one of the jobs, with its rows in memory.
        example: rows that a network is shown when it is made.
        members: how many are wanted, 1 or more.
        seeds: how many seeds they have.
        bytes_free: free bytes of the device; None where this is unknown: then all fit.

    Raises:
        UsageError: not even one fits.
    """
    if bytes_free is None or memory_of(job, example, members=members, seeds=seeds) <= OF_MEMORY * bytes_free:
        return members
    if (least := memory_of(job, example, members=1, seeds=1)) > OF_MEMORY * bytes_free:
        raise UsageError(_too_large_note(least, bytes_free))
    fitting, beyond = 1, members
    while beyond - fitting > 1:
        middle = (fitting + beyond) // 2
        fits = memory_of(job, example, members=middle, seeds=min(seeds, middle)) <= OF_MEMORY * bytes_free
        fitting, beyond = (middle, beyond) if fits else (fitting, middle)
    return fitting


def memory_of(job: Job, example: Mapping[str, np.ndarray], *, members: int, seeds: int) -> int:
    """Bytes of the programs of an epoch of `members` jobs like this one, with `seeds` seeds; nothing is run."""
    assert not isinstance(job.train, OnDisk)
    some, plan, iterations = shapes_of(job.program, example, members=members), job.plan, job.plan.iterations_per_epoch
    together = pays_together(plan, some, job.train)
    compiled = compile_population(some, job.train, plan, orders=seeds, iterations=iterations, together=together)
    return compiled.memory_bytes


def member_bytes(job: Job, example: Mapping[str, np.ndarray]) -> int:
    """Bytes of the state of one member."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes_of(job.program, example, members=1)))


def _too_large_note(memory_bytes: int, free: int) -> str:
    taken, left = (f"{size / 1e6:,.0f} MB" for size in (memory_bytes, free))
    return f"training one network takes about {taken}, and {left} are free: take a smaller network, or fewer rows."


def wave_sizes(count: int, most: int) -> list[int]:
    """Split `count` into the fewest waves of at most `most`, as equal as possible, the larger ones first.

    >>> wave_sizes(10, 4)
    [4, 3, 3]
    """
    groups = -(-count // most)
    size, rest = divmod(count, groups)
    return [size + 1] * rest + [size] * (groups - rest)
