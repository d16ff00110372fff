"""Columns of numbers in a regular text, such as 0.25 and -12: they are parsed as numbers, without text in between.

It is done only where the text says no more than its number, and where the column is one of numbers by its text too:
some rows are looked at as text, and how the cells of all others begin.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeAlias

import numpy as np
import polars as pl

from batchwright.data.formats.cell_starts import find_odd, odd_start
from batchwright.data.formats.records import Signs
from batchwright.data.typed.decimal_marks import sureness_of
from batchwright.data.typed.distinct import without_nulls
from batchwright.data.typed.more_than_numbers import CODES, LOOKED_AT
from batchwright.data.typed.schema import Column
from batchwright.data.typed.whole import EXACT

Kind: TypeAlias = Literal["whole", "fraction"]
TYPES: Mapping[Kind, type[pl.DataType]] = {"whole": pl.Int64, "fraction": pl.Float64}
NO_NUMBERS: Mapping[str, Kind] = {}

FROM = 1 << 20
"""Bytes from which it is faster."""
PLACES, LINES = 8, 50
"""Places of a text in which some lines are looked at besides the first, and how many in each."""
FEW_ODD = 10_000
"""The most cells that begin oddly whose columns are found one by one."""
BYTE_ORDER_MARK, LIKE_COMPRESSED = b"\xef\xbb\xbf", b"x^"
"""What polars skips at the beginning of a text, and a beginning that it takes for zlib's, as of the header `x^2,y`."""
IN_NUMBERS = "0123456789+-.eE"
"""Delimiters with which it is not done, as numbers hold them."""


def find_numbers(
    data: bytes, signs: Signs, names: Sequence[str], *, among: Collection[str], start: int
) -> dict[str, Kind]:
    """The columns that are numbers by some of their cells, as whole ones or as fractions; cells begin at `start`."""
    if len(data) < FROM or signs.delimiter in IN_NUMBERS:
        return {}
    try:
        first = parse_text(_lines(data, start, LOOKED_AT), signs, names)
        later = parse_text(_later_lines(data, start), signs, names)
    except pl.exceptions.PolarsError:
        return {}
    odd = odd_start(signs.delimiter, signs.quote)
    found = ((name, _kind_of_numbers(first[name], later[name], odd)) for name in names if name in among)
    return {name: kind for name, kind in found if kind is not None}


def parse_with_numbers(
    data: bytes, signs: Signs, names: Sequence[str], numbers: dict[str, Kind], *, heads: int, start: int, odd: int
) -> pl.DataFrame:
    """The rows of a regular text: columns of numbers as int64 or float64, and the others as text.

    Args:
        data: the text.
        signs: what separates its cells.
        names: the names of its columns.
        numbers: the columns that are numbers by some of their cells.
        heads: records at the beginning that are left out.
        start: where the others begin.
        odd: how many cells begin oddly; those in which text is lost as it is parsed are among them.

    Raises:
        PolarsError: the text cannot be parsed, as when a record has too many fields.
    """
    rows, lost = _parse_some_as_numbers(data, signs, names, numbers, heads)
    rows = _with_text(rows, data, signs, lost, heads)
    kept = [name for name in numbers if name not in lost]
    if kept and odd and odd != _count_odd(rows, signs):
        begun = _columns_with_odd(data, signs, names, start) if odd <= FEW_ODD and not signs.quote else kept
        rows = _with_text(rows, data, signs, [name for name in kept if name in begun], heads)
    return rows


def parse_text(
    data: bytes,
    signs: Signs,
    names: Sequence[str],
    *,
    heads: int = 0,
    numbers: Mapping[str, Kind] = NO_NUMBERS,
    lenient: bool = False,
    only: Collection[str] = (),
) -> pl.DataFrame:
    """The cells of a text without a header, as polars takes it apart.

    Args:
        data: the text.
        signs: what separates its cells.
        names: the names of its columns.
        heads: records at the beginning that are left out.
        numbers: the columns that are parsed as numbers, and as which.
        lenient: whether their cells that are no numbers are missing; it takes longer.
        only: the columns that are wanted; all if it is empty.

    Raises:
        PolarsError: the text cannot be parsed, as when a record has too many fields, or a cell is no number.
    """
    return pl.read_csv(
        BYTE_ORDER_MARK + data if data.startswith(LIKE_COMPRESSED) else data,
        has_header=False,
        skip_rows=heads,
        columns=[place for place, name in enumerate(names) if name in only] if only else None,
        separator=signs.delimiter,
        quote_char=signs.quote or None,
        schema={name: TYPES[numbers[name]] if name in numbers else pl.String for name in names},
        ignore_errors=lenient,
    )


def _parse_some_as_numbers(
    data: bytes, signs: Signs, names: Sequence[str], numbers: dict[str, Kind], heads: int
) -> tuple[pl.DataFrame, list[str]]:
    """The rows, and the columns of `numbers` in which other text may be lost, beside blanks, or a number is rounded."""
    try:
        rows, lost = parse_text(data, signs, names, heads=heads, numbers=numbers), list[str]()
    except pl.exceptions.PolarsError:
        if not numbers:
            raise
        rows = parse_text(data, signs, names, heads=heads, numbers=numbers, lenient=True)
        lost = [name for name in numbers if rows[name].null_count()]
    others = [name for name in numbers if name not in lost]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        exact = list(pool.map(_are_exact, (rows[name] for name in others)))
    return rows, lost + [name for name, fits in zip(others, exact, strict=True) if not fits]


def _with_text(rows: pl.DataFrame, data: bytes, signs: Signs, names: list[str], heads: int) -> pl.DataFrame:
    """The rows, with these columns as text."""
    if not names:
        return rows
    return rows.with_columns(parse_text(data, signs, rows.columns, heads=heads, only=names).get_columns())


def _count_odd(rows: pl.DataFrame, signs: Signs) -> int:
    """How many cells in the columns of text begin oddly."""
    counts = rows.select(pl.col(pl.String).str.count_matches(odd_start(signs.delimiter, signs.quote)).sum())
    return sum(counts.row(0)) if counts.width else 0


def _columns_with_odd(data: bytes, signs: Signs, names: Sequence[str], start: int) -> set[str]:
    """The columns with a cell that begins oddly, in a text without quotation marks."""
    places = find_odd(np.frombuffer(data, np.uint8)[start:], signs.delimiter) + start
    lines = ((data.rfind(b"\n", 0, place) + 1, place) for place in places.tolist())
    return {names[data.count(signs.delimiter.encode(), *line)] for line in lines}


def _kind_of_numbers(first: pl.Series, later: pl.Series, odd: str) -> Kind | None:
    """As what a column is parsed, by its first cells and some later ones; None if it is not surely one of numbers.

    Whole numbers are parsed as such, which no text with a point can be; of others, which may be written in several
    ways, there have to be more different ones than name classes, and one that can only have a decimal point.
    """
    texts = pl.concat([first, later])
    numbers = texts.cast(pl.Float64, strict=False)
    if numbers.null_count() > texts.null_count() or not _are_exact(numbers) or texts.str.contains(odd).any():
        return None
    if texts.null_count() == len(texts):
        return None
    if texts.cast(pl.Int64, strict=False).null_count() == texts.null_count():
        return "whole"
    differ = numbers.head(len(first)).n_unique() > CODES
    return "fraction" if differ and sureness_of(Column(first.name, "numeric"), texts) == "sure" else None


def _are_exact(column: pl.Series) -> bool:
    """Whether all numbers are finite, and none is so large that float64 may round it."""
    numbers = without_nulls(column).to_numpy()
    return not len(numbers) or bool(numbers.min() > -EXACT and numbers.max() < EXACT)


def _lines(data: bytes, start: int, lines: int) -> bytes:
    """Some lines of a text, of which the first begins at `start`; all that follow if these are fewer."""
    end = start
    for _ in range(lines):
        end = data.find(b"\n", end) + 1
        if not end:
            return data[start:]
    return data[start:end]


def _later_lines(data: bytes, start: int) -> bytes:
    """Some lines of each of several places."""
    step = (len(data) - start) // PLACES
    begins = (data.find(b"\n", start + place * step) + 1 for place in range(PLACES))
    return b"\n".join(_lines(data, begin, LINES).rstrip(b"\r\n") for begin in begins if begin)
