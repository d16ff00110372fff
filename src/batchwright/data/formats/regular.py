"""A quick way to the cells of a text in which each line is a record with all its fields, as most files are.

Its records need not be found one by one: polars takes the text apart, and what it gives is checked.
"""

import dataclasses
from collections.abc import Collection, Sequence
from itertools import pairwise

import numpy as np
import polars as pl
from jaxtyping import Int64, UInt8

from batchwright.data.formats.cell_starts import PIECE, count_symbols
from batchwright.data.formats.parsed_numbers import find_numbers, parse_with_numbers
from batchwright.data.formats.quotes import all_at_edges
from batchwright.data.formats.records import Signs, count_lone_returns


def parse_regular(
    data: bytes, signs: Signs, names: Sequence[str], *, heads: int = 0, numbers: Collection[str] = ()
) -> pl.DataFrame | None:
    """The rows of a text that has, on each line, a record with one field for each name; None if it is not regular.

    A line that is blank, holds empty cells only, is a comment, has another number of fields, goes on in the next, or
    has a quotation mark that does not pair, makes it irregular.

    Args:
        data: the text.
        signs: what separates its cells.
        names: the names of its columns.
        heads: lines at the beginning that are no rows.
        numbers: the columns that come as numbers, and not as text, if they hold numbers.
    """
    symbols = np.frombuffer(data, np.uint8)
    quoted = bool(signs.quote) and signs.quote.encode() in data
    ends = _ends_of_heads(data, heads)
    if not data or ends is None or not _hold_text(data, ends, signs) or _holds_comment(data, signs):
        return None
    if quoted and not all_at_edges(symbols, _find(symbols, ord(signs.quote)), ord(signs.delimiter)):
        return None
    signs = signs if quoted else dataclasses.replace(signs, quote="")
    start = ends[-1]
    found = find_numbers(data, signs, names, among=numbers, start=start) if numbers else {}
    counts = count_symbols(symbols[start:], signs.delimiter, signs.quote, odd=bool(found))
    if counts.lone_returns or count_lone_returns(data[:start]):
        return None
    try:
        rows = parse_with_numbers(data, signs, names, found, heads=heads, start=start, odd=counts.odd)
    except pl.exceptions.PolarsError:
        return None
    lines = counts.newlines + (len(data) > start and not data.endswith(b"\n"))
    return rows if rows.height == lines and _has_all_fields(rows, counts.delimiters, signs) else None


def _ends_of_heads(data: bytes, heads: int) -> list[int] | None:
    """Where each of the first lines begins, and where the last of them ends; None if there are fewer."""
    ends = [0]
    for _ in range(heads):
        ends.append(data.find(b"\n", ends[-1]) + 1)
        if not ends[-1]:
            return None
    return ends


def _find(symbols: UInt8[np.ndarray, " bytes"], wanted: int) -> Int64[np.ndarray, " found"]:
    """Where the symbols are that are the one wanted."""
    pieces = ((start, symbols[start : start + PIECE]) for start in range(0, len(symbols), PIECE))
    return np.concatenate([np.flatnonzero(piece == wanted) + start for start, piece in pieces])


def _hold_text(data: bytes, ends: list[int], signs: Signs) -> bool:
    """Whether each of the first lines holds more than delimiters."""
    nothing = f"{signs.delimiter}\r\n".encode()
    return all(data[start:end].strip(nothing) for start, end in pairwise(ends))


def _holds_comment(data: bytes, signs: Signs) -> bool:
    mark = signs.comment.encode()
    return bool(mark) and (data.startswith(mark) or b"\n" + mark in data)


def _has_all_fields(rows: pl.DataFrame, delimiters: int, signs: Signs) -> bool:
    """Whether no record has fewer fields than others, and none has empty cells only; polars fills up with nulls."""
    cells = rows.get_columns()
    if not cells[-1].null_count():
        return True
    if all(column.null_count() for column in cells) and rows.select(pl.all_horizontal(pl.all().is_null()).any()).item():
        return False
    texts = [column for column in cells if signs.quote and column.dtype == pl.String]
    inside = sum(int(column.str.count_matches(signs.delimiter, literal=True).sum()) for column in texts)
    return delimiters - inside == rows.height * (rows.width - 1)
