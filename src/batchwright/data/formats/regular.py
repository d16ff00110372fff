"""A quick way to the cells of a text in which each line is a record with all its fields, as most files are.

Its records need not be found one by one: polars takes the text apart, and what it gives is checked.
"""

import dataclasses
from collections.abc import Collection, Iterator, Sequence

import numpy as np
import polars as pl
from jaxtyping import Int64, UInt8

from batchwright.data.formats.fractions import parse_with_fractions, start_of
from batchwright.data.formats.quotes import NEWLINE, all_at_edges
from batchwright.data.formats.records import Signs, count_lone_returns

PIECE = 1 << 18
"""Bytes in which symbols are looked for at a time, so that the processor keeps them at hand."""

Symbols = UInt8[np.ndarray, " bytes"]


def parse_regular(
    data: bytes, signs: Signs, names: Sequence[str], *, heads: int = 0, fractions: Collection[str] = ()
) -> pl.DataFrame | None:
    """The rows of a text that has, on each line, a record with one field for each name; None if it is not regular.

    A line that is blank, holds empty cells only, is a comment, has another number of fields, goes on in the next, or
    has a quotation mark that does not pair, makes it irregular.

    Args:
        data: the text.
        signs: what separates its cells.
        names: the names of its columns.
        heads: lines at the beginning that are no rows.
        fractions: the columns that are numbers, and not text, if they hold fractions.
    """
    symbols = np.frombuffer(data, np.uint8)
    quoted = bool(signs.quote) and signs.quote.encode() in data
    if not data or count_lone_returns(data) or _holds_comment(data, signs):
        return None
    if quoted and not all_at_edges(symbols, _find(symbols, ord(signs.quote)), ord(signs.delimiter)):
        return None
    signs = signs if quoted else dataclasses.replace(signs, quote="")
    breaks = _ends_of_lines(data, symbols)
    if len(breaks) < heads or not _hold_text(data, breaks[:heads], signs):
        return None
    try:
        rows = parse_with_fractions(data, signs, names, among=fractions, breaks=breaks, heads=heads)
    except pl.exceptions.PolarsError:
        return None
    lines = len(breaks) - heads
    body = symbols[start_of(breaks, heads) :]
    return rows if rows.height == lines and _has_all_fields(rows, body, signs, quoted=quoted) else None


def _ends_of_lines(data: bytes, symbols: Symbols) -> Int64[np.ndarray, " lines"]:
    """Where lines end; the last one may end with the text."""
    ends = _find(symbols, NEWLINE)
    return ends if data.endswith(b"\n") else np.append(ends, len(data))


def _find(symbols: Symbols, wanted: int) -> Int64[np.ndarray, " found"]:
    """Where the symbols are that are the one wanted."""
    return np.concatenate([np.flatnonzero(piece == wanted) + start for start, piece in _pieces(symbols)])


def _count(symbols: Symbols, wanted: int) -> int:
    """How many symbols are the one wanted."""
    return sum(int(np.count_nonzero(piece == wanted)) for _, piece in _pieces(symbols))


def _pieces(symbols: Symbols) -> Iterator[tuple[int, Symbols]]:
    for start in range(0, len(symbols), PIECE):
        yield start, symbols[start : start + PIECE]


def _hold_text(data: bytes, ends: Int64[np.ndarray, " lines"], signs: Signs) -> bool:
    """Whether each of the first lines holds more than delimiters."""
    starts = np.append(0, ends + 1)[: len(ends)]
    nothing = f"{signs.delimiter}\r".encode()
    return all(data[start:end].strip(nothing) for start, end in zip(starts.tolist(), ends.tolist(), strict=True))


def _holds_comment(data: bytes, signs: Signs) -> bool:
    mark = signs.comment.encode()
    return bool(mark) and (data.startswith(mark) or b"\n" + mark in data)


def _has_all_fields(rows: pl.DataFrame, symbols: Symbols, signs: Signs, *, quoted: bool) -> bool:
    """Whether no record has fewer fields than others, and none has empty cells only; polars fills up with nulls."""
    cells = rows.get_columns()
    if not cells[-1].null_count():
        return True
    if all(column.null_count() for column in cells) and rows.select(pl.all_horizontal(pl.all().is_null()).any()).item():
        return False
    texts = [column for column in cells if quoted and column.dtype == pl.String]
    inside = sum(int(column.str.count_matches(signs.delimiter, literal=True).sum()) for column in texts)
    return _count(symbols, ord(signs.delimiter)) - inside == rows.height * (rows.width - 1)
