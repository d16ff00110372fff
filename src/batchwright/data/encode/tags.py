"""Several values in a cell, such as `Comedy;Drama`, as a 0 or 1 for each value."""

import dataclasses
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Float32

from batchwright.data.typed.tags import split_values

MOST_VALUES = 100
"""The most distinct values that become a column each; of more, each has a place in a table of learned vectors."""


@dataclasses.dataclass(frozen=True)
class Tags:
    """A column for each of `values`: 1 where a cell holds it.

    If training rows have rare values, the column "other" is 1 where a cell holds any value that has no column. Without
    it, unseen values change nothing.
    """

    column: str
    separator: str
    values: tuple[str, ...]
    other: bool
    missing: bool
    encoder: Literal["tags"] = "tags"

    @property
    def features(self) -> tuple[str, ...]:
        """The names of its columns."""
        named = tuple(f"{self.column}={value}" for value in self.values)
        other = (f"{self.column} other",) if self.other else ()
        return (*named, *other, *((f"{self.column} is missing",) if self.missing else ()))

    def write(self, cells: pl.Series, out: Float32[np.ndarray, "rows features"]) -> None:
        """Put the encoded cells into `out`."""
        values = split_values(cells, self.separator)
        rows = np.repeat(np.arange(len(cells)), values.list.len().to_numpy())
        each = values.explode().drop_nulls()
        known = each.cast(pl.Enum(self.values), strict=False).to_physical().cast(pl.Int64)
        places = known.fill_null(len(self.values)).to_numpy()
        has_place = places < len(self.values) + self.other
        out[:] = 0.0
        out[rows[has_place], places[has_place]] = 1.0
        if self.missing:
            out[:, -1] = cells.is_null().to_numpy()


def tags_encoder(column: str, cells: pl.Series, separator: str) -> Tags | None:
    """The encoder of a column with several values in a cell; None if too many different ones are in two rows or more.

    Values of a single training row are rare: together they are "other".
    """
    counts = split_values(cells, separator).list.unique().explode().drop_nulls().value_counts(name="rows")
    frequent = counts.filter(pl.col("rows") > 1)
    if frequent.height > MOST_VALUES:
        return None
    values = tuple(sorted(frequent.to_series(0)))
    return Tags(column, separator, values, frequent.height < counts.height, cells.null_count() > 0)
