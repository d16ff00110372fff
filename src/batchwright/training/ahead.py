"""Compile what the end of an epoch takes beside the training loop, on another core."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from batchwright.nn.foreign.module import Foreign
from batchwright.nn.networks import FeedForward
from batchwright.training.checkpoint import Checkpoint
from batchwright.training.epochs import warm_up
from batchwright.training.feed import OnDisk
from batchwright.training.job import Job
from batchwright.training.placement import LOCAL

FEW_ROWS = 1024
"""Validation rows that are evaluated once more than needed without a notable loss of time."""


@contextmanager
def warmed_up(job: Job, now: Checkpoint) -> Iterator[None]:
    """At the end of the block, `warm_up` is done too, beside it where that saves time.

    It is done for a limit of time, which it must not count against, and for short trainings, which take longer to
    compile than to run.
    """
    if not _pays_beside(job):
        yield
        if job.max_time is not None:
            warm_up(job, now)
        return
    with ThreadPoolExecutor(1) as beside:
        done = beside.submit(warm_up, job, now)
        yield
        done.result()


def _pays_beside(job: Job) -> bool:
    """Whether a short training on one device is prepared, with layers that may be traced in two threads."""
    few = job.validation is None or (not isinstance(job.validation, OnDisk) and job.validation.length <= FEW_ROWS)
    network = job.program.model.network
    own = isinstance(network, FeedForward) and not isinstance(network.body, Foreign)
    return job.quickly and few and own and job.placement == LOCAL and not job.renews_statistics
