"""How a model's answers change with one column, all others as they are (partial dependence, Friedman 2001)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import polars as pl
from jaxtyping import Float64

from batchwright.data.encode.preprocessing import Preprocessing
from batchwright.data.typed.convert import as_text
from batchwright.data.typed.schema import Column
from batchwright.data.typed.table import Table
from batchwright.explanation.asked_model import NamedAnswers
from batchwright.explanation.places import Arrays, InputPlaces

Answers: TypeAlias = Callable[[Arrays], NamedAnswers]
"""The answers to each row as numbers: probabilities, or values in their own unit."""

POINTS, MOST_CATEGORIES, MOST_ROWS = 10, 12, 1_000
BAND = (0.1, 0.9)
"""Shares of the rows that lie below the lower and the upper end of the band."""


@dataclass(frozen=True)
class Dependence:
    """The answers where all rows have the same value in a column.

    Args:
        column: the column.
        values: the values, in rising order for numbers and dates; categories by how frequent they are.
        answers: the names of the answers.
        mean: the mean answer over the rows, [values, answers].
        low: the answer that a tenth of the rows lie below, [values, answers].
        high: the answer that a tenth of the rows lie above, [values, answers].
    """

    column: str
    values: tuple[float | str, ...]
    answers: tuple[str, ...]
    mean: Float64[np.ndarray, "values answers"]
    low: Float64[np.ndarray, "values answers"]
    high: Float64[np.ndarray, "values answers"]

    @property
    def span(self) -> float:
        """The widest difference that the column makes to the mean of an answer."""
        return float(np.ptp(self.mean, axis=0).max())


def dependence(
    answers: Answers,
    table: Table,
    inputs: Arrays,
    column: str,
    places: InputPlaces,
    preprocessing: Preprocessing,
) -> Dependence | None:
    """The dependence on one column; None for texts and images, and where all rows have the same value.

    Args:
        answers: what the model says to each row.
        table: the rows; of many, the first 1,000 are used for the answers, and all for the values.
        inputs: the same rows as inputs of the network.
        column: the column.
        places: where it is among the inputs.
        preprocessing: how its values are encoded.
    """
    grid = _grid(table.cells(column))
    if places.text or places.image or len(grid) < 2:
        return None
    rows = min(table.rows, MOST_ROWS)
    some = {name: array[:rows] for name, array in inputs.items()}
    encoded = _encode(preprocessing, column, places, grid)
    found = []
    for value in range(len(grid)):
        changed = dict(some)
        for name, chosen in places.by_input().items():
            changed[name] = some[name].copy()
            changed[name][:, chosen.start : chosen.stop] = encoded[value]
        found.append(answers(changed))
    values = np.stack([one.values for one in found])  # [values, rows, answers]
    low, high = np.quantile(values, BAND, axis=1)
    return Dependence(column, _shown(grid), found[0].names, values.mean(axis=1), low, high)


def _grid(cells: pl.Series) -> pl.Series:
    """The values to try: of numbers and dates some, evenly spread; of others the 12 most frequent.

    Half of the numbers are spread evenly by rank among the rows, half among the different values.
    """
    known = cells.drop_nulls()
    if known.is_empty():
        return known
    if known.dtype.is_numeric() or known.dtype.is_temporal():
        ordered = known.sort()
        spread = [_spread(ordered), _spread(ordered.unique(maintain_order=True))]
        return pl.concat(spread).unique().sort()
    if known.dtype == pl.List:
        return known.clear()
    counts = known.value_counts(sort=True)
    return counts.sort("count", known.name, descending=[True, False]).to_series(0).head(MOST_CATEGORIES)


def _spread(ordered: pl.Series) -> pl.Series:
    """Some of the cells, evenly spread, the first and the last among them."""
    return ordered[np.unique(np.linspace(0, len(ordered) - 1, POINTS).round().astype(np.int64))]


def _encode(preprocessing: Preprocessing, column: str, places: InputPlaces, grid: pl.Series) -> np.ndarray:
    """The values as inputs, [values, the width of the column]."""
    encoder = next(one for one in preprocessing.encoders if one.column == column)
    alone = Preprocessing((encoder,)).encode(
        Table(grid.rename(column).to_frame(), (Column(column, "numeric"),), "values")
    )
    name, chosen = next(iter(places.by_input().items()))
    return alone[name][:, : len(chosen)]


def _shown(grid: pl.Series) -> tuple[float | str, ...]:
    """The values as they are shown: numbers, and all others as text."""
    if grid.dtype.is_numeric():
        return tuple(float(value) for value in grid.to_list())
    return tuple(as_text(grid).to_list())


def by_span(found: Sequence[Dependence]) -> tuple[Dependence, ...]:
    """The dependences, the column that makes the widest difference first."""
    return tuple(sorted(found, key=lambda one: -one.span))
