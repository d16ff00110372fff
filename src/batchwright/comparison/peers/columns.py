"""What peers get of the typed columns that the network gets, and which of them they cannot take."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float64

from batchwright.data.encode.encoding import Encoding
from batchwright.data.typed.schema import Column
from batchwright.data.typed.table import Table
from batchwright.errors import list_columns

NUMERIC = ("numeric", "boolean", "date")
DAY = 24 * 60 * 60 * 1e6
"""Microseconds of a day."""


class PeerColumns(NamedTuple):
    """The inputs of each part, [rows, numeric + categorical], and sentences on what peers do not get as it is."""

    parts: Mapping[str, Float64[np.ndarray, "rows columns"]]
    numeric: int
    categorical: int
    notes: tuple[str, ...]


def peer_columns(rows: Mapping[str, Table], encoding: Encoding) -> PeerColumns:
    """The columns that the network gets, as numbers and as codes of categories; NaN for missing.

    A code tells a category from others, and says nothing else: peers encode it by what is in the training rows.
    """
    used = [column for column in encoding.schema.columns if column.used]
    numeric = [column for column in used if column.kind in NUMERIC]
    categorical = [column.name for column in used if column.kind == "categorical"]
    codes = {name: _codes(rows, name) for name in categorical}
    parts = {
        part: np.column_stack(
            [
                np.zeros((table.rows, 0)),
                *(_numbers(table.cells(column.name)) for column in numeric),
                *(codes[name][part] for name in categorical),
            ]
        )
        for part, table in rows.items()
    }
    return PeerColumns(parts, len(numeric), len(categorical), tuple(_notes(used)))


def _numbers(cells: pl.Series) -> Float64[np.ndarray, " rows"]:
    """Numbers, 0 and 1 for booleans, and days since 1970 for dates."""
    if cells.dtype.is_temporal():
        return cells.cast(pl.Datetime("us")).cast(pl.Int64).cast(pl.Float64).to_numpy() / DAY
    return cells.cast(pl.Float64).to_numpy()


def _codes(rows: Mapping[str, Table], name: str) -> dict[str, Float64[np.ndarray, " rows"]]:
    """A code for each category, the same in all parts."""
    cells = {part: table.cells(name).cast(pl.String) for part, table in rows.items()}
    known = pl.concat(list(cells.values())).unique().drop_nulls().sort()
    code = dict(zip(known, range(len(known)), strict=True))
    return {
        part: of.replace_strict(code, default=None, return_dtype=pl.Float64).to_numpy() for part, of in cells.items()
    }


def _notes(used: Sequence[Column]) -> Iterator[str]:
    """Sentences on dates, and on columns that peers do not get."""
    if dates := [column.name for column in used if column.kind == "date"]:
        yield f"peers get dates as numbers of days: {list_columns(dates)}"
    if others := [column.name for column in used if column.kind not in (*NUMERIC, "categorical")]:
        yield f"peers do not get texts, tags and images, which batchwright does: {list_columns(others)}"
