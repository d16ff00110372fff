"""Find rows that are sums of others: they have a word such as Total in the first column of text."""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from jaxtyping import Bool, Int64

from batchwright.data.typed.schema import Column

WORDS = (
    r"totals?|grand[ -]totals?|sub[ -]?totals?|sum|summe|gesamt(?:summe)?|zwischensumme|insgesamt|somme|sous[ -]total|"
    r"totale|suma|totaal|totalt|razem|celkem|toplam|итого|всего"
)
LABEL = (
    rf"(?i)^\s*(?:(?:{WORDS})\b.*|.*\s(?:{WORDS}|ergebnis)\s*:?|合计.*|总计.*|小计.*|合計.*|小計.*|총계.*|합계.*)\s*$"
)
"""A cell of a row of sums, as `Total`, `Total Bern` or `Bern Total`."""
MOST = 0.34
"""The most of the rows that can be sums: one after two others."""
RARELY, MOSTLY = 0.1, 0.6
"""The share of the other rows that may lack a text, and the share of the rows of sums that have to be sums."""
TOLERANCE = 1e-6
COLUMNS = 8
"""Columns that are looked at, so that wide tables take no longer."""


def subtotal_notes(
    columns: Sequence[Column],
    cells: Callable[[str], pl.Series],
    places: Callable[[Int64[np.ndarray, " sums"]], str],
) -> tuple[str, ...]:
    """A note on rows that are sums of others, if there are such.

    Their label is rare, and they lack a text that other rows have, or a number of theirs is the sum of the numbers
    above, since the last such row or since the first row. A category that is called Total is neither.

    Args:
        columns: the columns of a table.
        cells: gives the cells of a column.
        places: says where some rows are, as `lines 3, 9`.
    """
    texts = [column.name for column in columns if column.kind in ("categorical", "identifier", "text")]
    label = next((name for name in texts[:COLUMNS] if cells(name).dtype == pl.String), None)
    if label is None:
        return ()
    written = cells(label)
    different = written.unique().drop_nulls()
    labels = different.filter(different.str.contains(LABEL))
    if not len(labels):
        return ()
    sums = written.is_in(labels.implode()).fill_null(value=False).to_numpy()
    if sums.mean() > MOST:
        return ()
    others = [name for name in texts if name != label][:COLUMNS]
    numbers = [column.name for column in columns if column.kind == "numeric"][:COLUMNS]
    if not any(_lack_text(cells(name), sums) for name in others) and not any(
        _are_sums(cells(name), sums) for name in numbers
    ):
        return ()
    rows = np.flatnonzero(sums)
    count = "1 row looks like a sum" if len(rows) == 1 else f"{len(rows):,} rows look like sums"
    said = f"as column {label!r} says {written[int(rows[0])]!r}: {places(rows)}"
    return (f"{count} of the rows above, {said}; delete them from the file, as they count other rows twice",)


def _lack_text(cells: pl.Series, sums: Bool[np.ndarray, " rows"]) -> bool:
    """Whether the rows of sums lack a text that nearly all others have."""
    lacking = cells.is_null().to_numpy()
    return bool(lacking[sums].all() and lacking[~sums].mean() < RARELY)


def _are_sums(cells: pl.Series, sums: Bool[np.ndarray, " rows"]) -> bool:
    """Whether most numbers in the rows of sums are sums of at least two numbers above."""
    values = cells.cast(pl.Float64).fill_null(0.0).to_numpy()
    rows = np.flatnonzero(sums)
    before = np.cumsum(np.where(sums, 0.0, values))[rows]
    counts = np.cumsum(~sums & (values != 0.0))[rows]
    group, members = np.diff(before, prepend=0.0), np.diff(counts, prepend=0)
    found = values[rows]
    near = TOLERANCE * np.maximum(np.abs(found), 1.0)
    fits = ((np.abs(found - group) <= near) & (members > 1)) | ((np.abs(found - before) <= near) & (counts > 1))
    return bool(fits.mean() >= MOSTLY)
