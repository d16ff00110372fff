"""How much worse a model answers if a column is shuffled among the rows.

Breiman 2001, Random Forests; Fisher, Rudin, Dominici 2019, All Models are Wrong, but Many are Useful, JMLR 20:177.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float64

from batchwright.explanation.places import Arrays, InputPlaces, permute

Losses: TypeAlias = Callable[[Arrays], Float64[np.ndarray, " rows"]]
"""The loss of each row, from the inputs of all rows."""

REPEATS = 5
SURE = 1.959963984540054
"""Standard errors to either side of a mean that make a 95 % interval."""


@dataclass(frozen=True)
class ColumnImportance:
    """By how much the mean loss rises if these columns are shuffled together, with its 95 % interval over the rows.

    Around 0 the model makes no use of them, or answers no better for it. A group of columns that go with each other is
    shuffled as one: alone, each may look unimportant as the others stand in for it.
    """

    columns: tuple[str, ...]
    increase: float
    low: float
    high: float

    @property
    def name(self) -> str:
        """The columns, with commas between them."""
        return ", ".join(self.columns)


def importance(
    losses: Losses,
    inputs: Arrays,
    groups: Iterable[Sequence[str]],
    places: Mapping[str, InputPlaces],
    *,
    weights: Float64[np.ndarray, " rows"],
    seed: int = 0,
    repeats: int = REPEATS,
) -> tuple[ColumnImportance, ...]:
    """The importance of each group of columns, the most important first.

    Each is shuffled `repeats` times, by the same orders. The interval says how far other rows of the same kind could
    differ, for this model.

    Args:
        losses: what the model loses on each row.
        inputs: the inputs of the network, two rows or more.
        groups: the columns to shuffle together.
        places: where each column is among the inputs.
        weights: of the rows, above 0.
        seed: of the orders.
        repeats: how often each is shuffled, at least once.
    """
    rng, rows = np.random.default_rng(seed), len(weights)
    orders = [_derange(rng, rows) for _ in range(repeats)]
    before, share = losses(inputs), weights / weights.sum()
    found = []
    for columns in groups:
        chosen = tuple(places[column] for column in columns)
        after = [losses(permute(inputs, chosen, order)) for order in orders]
        found.append(_summarise(tuple(columns), before, after, orders, share))
    return tuple(sorted(found, key=lambda one: -one.increase))


def _summarise(
    columns: tuple[str, ...],
    before: np.ndarray,
    after: Sequence[np.ndarray],
    orders: Sequence[np.ndarray],
    share: Float64[np.ndarray, " rows"],
) -> ColumnImportance:
    """The weighted mean of the rows' rises, and its interval.

    A row counts twice in the mean: by its own loss, and by its cells, which another row gets. The error is that of the
    sum of both parts (the projection of Hoeffding 1948).
    """
    rows, mean_after = len(share), np.mean(after, axis=0, dtype=np.float64)
    rise, level = float(share @ (mean_after - before)), float(share @ mean_after)
    given = np.zeros(rows)
    for losses, order in zip(after, orders, strict=True):
        given[order] += share * (losses - level) / len(orders)
    parts = share * (mean_after - before - rise) + given
    error = float(np.sqrt(parts @ parts * rows / (rows - 1)))
    return ColumnImportance(columns, rise, rise - SURE * error, rise + SURE * error)


def _derange(rng: np.random.Generator, rows: int) -> np.ndarray:
    """An order in which every row gets the cells of another one: a random cycle through all rows (Sattolo 1986)."""
    order = rng.permutation(rows)
    after = np.empty(rows, np.int64)
    after[order] = np.roll(order, 1)
    return after
