"""Kinds of rows that a model answers worse than the others: by one column, with a test for all that are looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import polars as pl
from jaxtyping import Float64

from batchwright.data.typed.convert import as_text
from batchwright.data.typed.table import Table

BINS, MOST_CATEGORIES = 5, 20
FEWEST = 20
"""Rows that a segment needs, and as many have to be outside of it."""

LEVEL = 0.05
"""The probability that any segment at all is named by chance."""

MOST = 10


@dataclass(frozen=True)
class Segment:
    """Rows that are answered worse: which, how many, their mean error and the mean error of all others."""

    column: str
    condition: str
    rows: int
    error: float
    others: float

    @property
    def description(self) -> str:
        """The condition in words, such as "age 60 to 90"."""
        return f"{self.column} {self.condition}"


def weak_segments(
    table: Table, columns: Sequence[str], errors: Float64[np.ndarray, " rows"], weights: Float64[np.ndarray, " rows"]
) -> tuple[Segment, ...]:
    """The segments with an error above that of all other rows, by more than chance explains, the costliest first.

    Means are compared by Welch's statistic; the level is shared out evenly among all segments that are looked at
    (Bonferroni), so that on rows without weak segments at most one in 20 searches names any.

    Args:
        table: the rows.
        columns: those whose values make segments: numbers and dates in five parts of about equal size, categories each.
        errors: of each row, such as 1 where the answer is wrong.
        weights: of the rows, above 0.
    """
    parts = [
        (column, condition, inside)
        for column in columns
        for condition, inside in _split(table.cells(column))
        if FEWEST <= inside.sum() <= table.rows - FEWEST
    ]
    if not parts:
        return ()
    limit = NormalDist().inv_cdf(1 - LEVEL / len(parts))
    found = list[tuple[float, Segment]]()
    for column, condition, inside in parts:
        within, spread = _mean_and_error(errors[inside], weights[inside])
        others, of_others = _mean_and_error(errors[~inside], weights[~inside])
        if within - others > limit * np.hypot(spread, of_others):
            rows = int(inside.sum())
            found.append(((within - others) * rows, Segment(column, condition, rows, within, others)))
    return tuple(segment for _, segment in sorted(found, key=lambda one: -one[0])[:MOST])


def _mean_and_error(errors: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """The weighted mean and its standard error; of errors that are all equal, as if one row differed."""
    share, rows = weights / weights.sum(), len(errors)
    mean = float(share @ errors)
    spread = float(np.sqrt(share**2 @ (errors - mean) ** 2 * rows / (rows - 1)))
    return mean, spread or float(np.sqrt(share @ share)) * np.sqrt(rows - 1) / rows


def _split(cells: pl.Series) -> list[tuple[str, np.ndarray]]:
    """The conditions, and which rows meet each."""
    missing = cells.is_null().to_numpy()
    parts = [("is missing", missing)] if missing.any() else []
    if cells.dtype.is_numeric() or cells.dtype.is_temporal():
        return [*parts, *_ranges(cells)]
    if cells.dtype in (pl.String, pl.Boolean) or isinstance(cells.dtype, pl.Categorical | pl.Enum):
        text = as_text(cells)
        counts = text.drop_nulls().value_counts(sort=True)
        frequent = counts.sort("count", counts.columns[0], descending=[True, False]).to_series(0).head(MOST_CATEGORIES)
        return [*parts, *((f"= {value}", (text == value).fill_null(False).to_numpy()) for value in frequent.to_list())]
    return parts


def _ranges(cells: pl.Series) -> list[tuple[str, np.ndarray]]:
    """Five ranges with about as many rows each; fewer where many rows have the same value."""
    known = cells.drop_nulls().sort()
    if known.n_unique() < 2:
        return []
    starts = known[[len(known) * part // BINS for part in range(BINS)]].unique(maintain_order=True)
    ranges = []
    for number in range(len(starts)):
        inside = cells >= starts[number]
        if number + 1 < len(starts):
            inside &= cells < starts[number + 1]
        chosen = cells.filter(inside)
        low, high = as_text(pl.Series([chosen.min(), chosen.max()])).to_list()
        ranges.append((f"= {low}" if low == high else f"{low} to {high}", inside.fill_null(False).to_numpy()))
    return ranges
