"""Columns of fractions in a regular text, such as 0.25 and -12.5: they are parsed as numbers, without text in between.

It is done only where the text says no more than its number, and where the column is one of numbers by its text too: the
first rows are looked at as text, and of the others the few with whole numbers, which may have leading zeros.
"""

import os
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
from jaxtyping import Int64

from batchwright.data.formats.records import Signs
from batchwright.data.typed.more_than_numbers import CODES, LOOKED_AT, which_say_more
from batchwright.data.typed.numbers import may_have_thousands

FROM = 10_000
"""Lines from which it is faster."""
FEW = 0.02
"""The largest share of whole numbers that are looked at as text; a column with more is read as text."""

AT_ONCE = 1 << 16
"""Numbers that are looked at together, so that the processor keeps them at hand."""

Breaks = Int64[np.ndarray, " breaks"]


def parse_with_fractions(
    data: bytes, signs: Signs, names: Sequence[str], *, among: Collection[str], breaks: Breaks, heads: int
) -> pl.DataFrame:
    """The rows of a regular text: columns of fractions as numbers, and the others as text.

    Args:
        data: the text.
        signs: what separates its cells.
        names: the names of its columns.
        among: the columns that may be parsed as numbers.
        breaks: where its lines end.
        heads: records at the beginning that are no rows.

    Raises:
        PolarsError: the text cannot be parsed, as when a record has too many fields.
    """
    found = _find_fractions(data, signs, names, breaks[heads:], start=start_of(breaks, heads)) if among else []
    found = [name for name in found if name in among]
    rows, lost = _parse_some_as_numbers(data, signs, names, found, heads)
    columns = {name: rows[name] for name in found if name not in lost}
    lost += _that_say_more(data, signs, names, columns, breaks=breaks[heads:], start=start_of(breaks, heads))
    if not lost:
        return rows
    return rows.with_columns(parse_text(data, signs, names, heads=heads, only=lost).get_columns())


def parse_text(
    data: bytes,
    signs: Signs,
    names: Sequence[str],
    *,
    heads: int = 0,
    numbers: Collection[str] = (),
    lenient: bool = False,
    only: Collection[str] = (),
) -> pl.DataFrame:
    """The cells of a text without a header, as polars takes it apart.

    Args:
        data: the text.
        signs: what separates its cells.
        names: the names of its columns.
        heads: records at the beginning that are left out.
        numbers: the columns that are parsed as numbers.
        lenient: whether their cells that are no numbers are missing; it takes longer.
        only: the columns that are wanted; all if it is empty.

    Raises:
        PolarsError: the text cannot be parsed, as when a record has too many fields, or a cell is no number.
    """
    return pl.read_csv(
        data,
        has_header=False,
        skip_rows=heads,
        columns=[place for place, name in enumerate(names) if name in only] if only else None,
        separator=signs.delimiter,
        quote_char=signs.quote or None,
        schema={name: pl.Float64 if name in numbers else pl.String for name in names},
        ignore_errors=lenient,
    )


def start_of(breaks: Breaks, line: int) -> int:
    """Where a line begins; lines are counted from 0, and end at `breaks`."""
    return int(breaks[line - 1]) + 1 if line else 0


def _parse_some_as_numbers(
    data: bytes, signs: Signs, names: Sequence[str], numbers: list[str], heads: int
) -> tuple[pl.DataFrame, list[str]]:
    """The rows, and the columns of `numbers` in which other text may be lost, beside blanks."""
    try:
        return parse_text(data, signs, names, heads=heads, numbers=numbers), []
    except pl.exceptions.PolarsError:
        if not numbers:
            raise
        rows = parse_text(data, signs, names, heads=heads, numbers=numbers, lenient=True)
        return rows, [name for name in numbers if rows[name].null_count()]


def _find_fractions(data: bytes, signs: Signs, names: Sequence[str], breaks: Breaks, *, start: int) -> list[str]:
    """The columns whose first cells, after `start`, are different numbers, nearly all fractions, and nothing else."""
    if len(breaks) < FROM:
        return []
    try:
        sample = parse_text(data[start : breaks[LOOKED_AT - 1]], signs, names)
    except pl.exceptions.PolarsError:
        return []
    return [column.name for column in sample.get_columns() if _are_fractions(column)]


def _are_fractions(text: pl.Series) -> bool:
    numbers = text.cast(pl.Float64, strict=False)
    if numbers.null_count() > text.null_count() or not numbers.is_finite().all() or numbers.n_unique() <= CODES:
        return False
    whole = (numbers == numbers.round()).sum()
    return whole <= FEW * len(text) and not which_say_more(text, numbers).any() and not may_have_thousands(text)


def _that_say_more(
    data: bytes, signs: Signs, names: Sequence[str], columns: dict[str, pl.Series], *, breaks: Breaks, start: int
) -> list[str]:
    """The columns that have to be read as text, as some are not finite, or their text says more than the number.

    Their lines begin at `start` and end at `breaks`.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(columns, pool.map(_find_whole, columns.values()), strict=True))
    more = [name for name, whole in found.items() if whole is None]
    rows = {name: whole for name, whole in found.items() if whole is not None and len(whole)}
    if not rows:
        return more
    chosen = np.unique(np.concatenate(list(rows.values())))
    begins = np.append(start, breaks + 1)[chosen]
    lines = b"".join(data[begin:end] for begin, end in zip(begins.tolist(), (breaks[chosen] + 1).tolist(), strict=True))
    texts = parse_text(lines, signs, names, only=rows)
    for name, whole in rows.items():
        text = texts[name].str.strip_chars().gather(np.searchsorted(chosen, whole))
        if which_say_more(text, columns[name].gather(whole)).any():
            more.append(name)
    return more


def _find_whole(column: pl.Series) -> Int64[np.ndarray, " rows"] | None:
    """The rows with whole numbers; None if they are many, or if some number is not finite."""
    if column.is_nan().any() or column.is_infinite().any():
        return None
    numbers = column.to_numpy()  # NaN where a cell is blank
    pieces = (numbers[start : start + AT_ONCE] for start in range(0, len(numbers), AT_ONCE))
    found = [np.flatnonzero(piece == np.rint(piece)) + place * AT_ONCE for place, piece in enumerate(pieces)]
    whole = np.concatenate(found)
    return whole if len(whole) <= FEW * len(column) else None
