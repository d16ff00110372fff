"""Cross-validation: training and validation rows are divided again, so that each row is held out once."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int64

from batchwright.data.encode.targets import ClassTarget
from batchwright.errors import ConfigError
from batchwright.population.fit import common_rows
from batchwright.training.job import Job
from batchwright.training.order import permutation
from batchwright.training.state import Rows
from batchwright.workflow.preparing import Prepared

SPLITS = ("stratified", "shuffled")
"""The splits whose rows may be divided again: groups and times would be torn apart."""


def folds(prepared: Prepared, count: int) -> tuple[Job, ...]:
    """The job with each of `count` folds of its training and validation rows held out; no fold has test rows.

    Classes are spread evenly over the folds. Preprocessing stays as learned from the training rows of the split.

    Raises:
        ConfigError: fewer than two folds, more than there are rows, or rows that are split by group or time.
    """
    job, split = prepared.job, prepared.settings.config.data.split
    train = common_rows([job])
    if split not in SPLITS:
        raise ConfigError(f"`folds` does not go with data.split: {split}; its rows cannot be dealt out anew.")
    assert isinstance(job.validation, Rows)
    rows: Rows = jax.tree.map(lambda *parts: jnp.concatenate(parts), train, job.validation)
    if not 2 <= count <= rows.length:
        raise ConfigError(f"`folds` takes 2 to {rows.length:,}, the training and validation rows, but is {count}.")
    of_classes = isinstance(prepared.dataset.target, ClassTarget)
    classes = np.asarray(rows.targets) if of_classes else np.zeros(rows.length, np.int32)
    held_out = fold_of(classes, count, seed=job.seed)
    return tuple(_job(job, rows, held_out == fold) for fold in range(count))


def fold_of(classes: np.ndarray, count: int, *, seed: int) -> Int64[np.ndarray, " rows"]:
    """The fold of each row: in random order, class by class, rows go to the folds in turn.

    >>> np.bincount(fold_of(np.array([0] * 6 + [1] * 3), 3, seed=0)[:6]).tolist()
    [2, 2, 2]
    """
    order = permutation(len(classes), seed=seed, epoch=0)
    order = order[np.argsort(classes[order], kind="stable")]
    found = np.empty(len(classes), np.int64)
    found[order] = np.arange(len(classes)) % count
    return found


def _job(job: Job, rows: Rows, held_out: np.ndarray) -> Job:
    """The job trained on the rows that are not held out, with the held-out rows for validation."""
    train, validation = (
        jax.tree.map(lambda array, which=which: array[np.flatnonzero(which)], rows) for which in (~held_out, held_out)
    )
    size = min(job.plan.batch_size, train.length)
    return replace(
        job, train=train, validation=validation, plan=replace(job.plan, training_rows=train.length, batch_size=size)
    )
