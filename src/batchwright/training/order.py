"""Which rows are in batch i of epoch e: a pure function of the seed and the epoch, computed on the host.

NumPy shuffles 60,000 rows in a millisecond; `jax.random.permutation` in the compiled program takes twenty.
"""

import numpy as np
from jaxtyping import Int32

from batchwright.training.plan import Plan


def permutation(rows: int, *, seed: int, epoch: int) -> Int32[np.ndarray, " rows"]:
    """The rows 0 ... rows - 1, shuffled; `epoch` counts from 0.

    >>> permutation(4, seed=0, epoch=0).tolist() == permutation(4, seed=0, epoch=0).tolist()
    True
    """
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, epoch])))
    order = np.arange(rows, dtype=np.int32)
    generator.shuffle(order)
    return order


def batches(plan: Plan, *, seed: int, epoch: int) -> Int32[np.ndarray, "iterations parts part_rows"]:
    """The rows of every batch of an epoch, batch by batch.

    Places that no row fills hold `plan.training_rows`, one past the last row: the training step gives them weight 0.
    """
    order = permutation(plan.training_rows, seed=seed, epoch=epoch)[: plan.rows_per_epoch]
    whole = _filled(order, plan.iterations_per_epoch * plan.batch_size, plan.training_rows)
    by_batch = whole.reshape(plan.iterations_per_epoch, plan.batch_size)
    width = plan.parts * plan.part_rows
    if width > plan.batch_size:
        spare = np.full((plan.iterations_per_epoch, width - plan.batch_size), plan.training_rows, np.int32)
        by_batch = np.concatenate([by_batch, spare], axis=1)
    return by_batch.reshape(plan.iterations_per_epoch, plan.parts, plan.part_rows)


def _filled(order: Int32[np.ndarray, " rows"], length: int, filler: int) -> Int32[np.ndarray, " length"]:
    return np.concatenate([order, np.full(length - len(order), filler, np.int32)])
