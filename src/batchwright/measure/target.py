"""Count the iterations a network takes to a validation loss, with its learning rate tuned: several at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax
import numpy as np

from batchwright.population.evaluate import mean_losses
from batchwright.population.members import begin
from batchwright.population.segment import Orders, compile_population, orders_of, pays_together
from batchwright.training.plan import Plan
from batchwright.training.state import Program, Rows

LOOKS = 20
"""How often per epoch the validation loss is computed; at most after every iteration."""
ROWS = 4096
"""The most validation rows that are used."""


@dataclass(frozen=True)
class Reached:
    """When the first of several learning rates reached the target: `iterations`; None where none did in time.

    `losses` [looks, rates] holds the validation losses along the way, one look every `every` iterations.
    """

    learning_rate: float | None
    iterations: int | None
    every: int
    losses: np.ndarray


def iterations_to(
    target: float,
    program: Program,
    rows: Rows,
    validation: Rows,
    plan: Plan,
    example: Mapping[str, np.ndarray],
    rates: Sequence[float],
    *,
    seed: int = 0,
) -> Reached:
    """Train with each of the constant rates until one of them has a validation loss of `target` or below.

    All rates begin with the same parameters and see the same rows in the same order, for at most `plan.epochs` epochs.
    """
    members = begin([program] * len(rates), [seed] * len(rates), example)
    every = max(1, plan.iterations_per_epoch // LOOKS)
    together = pays_together(plan, members, rows)
    compiled = compile_population(members, rows, plan, orders=1, iterations=every, together=together)
    looked_at = sample_rows(validation, ROWS)
    of_rates = np.repeat(np.asarray(rates, np.float32)[:, None], every, axis=1)
    order = orders_of(plan, (seed,), plan.updates)
    losses = []
    for start in range(0, plan.updates - every + 1, every):
        members, _ = compiled(members, rows, Orders(order[:, start : start + every], of_rates), every)
        losses.append(mean_losses(members, looked_at, together=together))
        found = np.nan_to_num(losses[-1], nan=np.inf)
        if found.min() <= target:
            return Reached(float(rates[int(found.argmin())]), start + every, every, np.array(losses))
    return Reached(None, None, every, np.array(losses))


def sample_rows(rows: Rows, most: int) -> Rows:
    """At most `most` of the rows, evenly spaced."""
    every = -(-rows.length // most)
    taken: Rows = jax.tree.map(lambda array: array[::every], rows)
    return taken
