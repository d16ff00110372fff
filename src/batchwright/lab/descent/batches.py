"""The batches of a descent on points: the product's own order, as shares of each point in the loss of each step."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from batchwright.errors import UsageError
from batchwright.lab.descent.surfaces import MOST_POINTS, Surface
from batchwright.training.order import batches
from batchwright.training.plan import BatchSize, Plan, make_plan


def plan_of(surface: Surface, batch_size: BatchSize, steps: int) -> Plan:
    """The plan for these steps: points, batches and epochs. A formula is one row, so that a step is an epoch.

    Raises:
        UsageError: the batch size is neither a whole number from 1 nor "full".
    """
    if batch_size != "full" and (isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1):
        raise UsageError(f"the batch size is {batch_size!r}; it must be a whole number from 1, or 'full'.")
    rows = max(surface.rows, 1)
    once = make_plan(rows, batch_size, 1)
    return make_plan(rows, batch_size, -(-steps // once.iterations_per_epoch))


@lru_cache(32)
def shares_of(plan: Plan, *, seed: int, steps: int) -> NDArray[np.float32]:
    """The share of each point in the loss of each step [steps, 64]: 1 over the rows of the batch, 0 outside it.

    It is kept, as sliders ask for it again and again; who gets it must not write into it.
    """
    shares = np.zeros((steps, MOST_POINTS + 1), np.float32)
    each = plan.iterations_per_epoch
    for epoch in range(-(-steps // each)):
        order = batches(plan, seed=seed, epoch=epoch).reshape(each, -1)[: steps - epoch * each]
        used = order < plan.training_rows
        share = np.where(used, 1.0 / used.sum(axis=1, keepdims=True), 0.0)
        within = np.arange(len(order)) + epoch * each
        shares[within[:, None], np.where(used, order, MOST_POINTS)] = share
    shares.flags.writeable = False
    return shares[:, :MOST_POINTS]


def noise_of(surface: Surface, batch_size: BatchSize, *, seed: int, steps: int) -> NDArray[np.float32]:
    """What is added to the gradient of each step [steps, weights]: less by √B for the mean over B rows, 0 for all."""
    if surface.noise == 0.0 or batch_size == "full":
        return np.zeros((steps, surface.weights), np.float32)
    random = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed])))
    drawn = random.standard_normal((steps, surface.weights))
    return np.asarray(drawn * (surface.noise / np.sqrt(batch_size)), np.float32)
