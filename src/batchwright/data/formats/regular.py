"""A quick way to the cells of a text in which each line is a record with all its fields, as most files are.

Its records need not be found one by one: polars takes the text apart, and what it gives is checked.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from batchwright.data.formats.quotes import NEWLINE, all_at_edges
from batchwright.data.formats.records import Signs, count_lone_returns


def parse_regular(data: bytes, signs: Signs, names: Sequence[str]) -> pl.DataFrame | None:
    """The cells of a text that has, on each line, a record with one field for each name; None if it is not regular.

    A line that is blank, holds empty cells only, is a comment, has another number of fields, goes on in the next, or
    has a quotation mark that does not pair, makes it irregular.
    """
    symbols = np.frombuffer(data, np.uint8)
    if not data or count_lone_returns(data) or _holds_comment(data, signs) or not _are_paired(data, symbols, signs):
        return None
    lines = int(np.count_nonzero(symbols == NEWLINE)) + (not data.endswith(b"\n"))
    try:
        frame = parse_text(data, signs, names)
    except pl.exceptions.PolarsError:
        return None
    return frame if frame.height == lines and _has_all_fields(frame, symbols, signs) else None


def parse_text(data: bytes, signs: Signs, names: Sequence[str]) -> pl.DataFrame:
    """The cells of a text without a header, as polars takes it apart.

    Raises:
        PolarsError: the text cannot be parsed, as when a record has too many fields.
    """
    return pl.read_csv(
        data,
        has_header=False,
        separator=signs.delimiter,
        quote_char=signs.quote or None,
        schema=dict.fromkeys(names, pl.String),
    )


def _holds_comment(data: bytes, signs: Signs) -> bool:
    mark = signs.comment.encode()
    return bool(mark) and (data.startswith(mark) or b"\n" + mark in data)


def _are_paired(data: bytes, symbols: np.ndarray, signs: Signs) -> bool:
    quote = signs.quote.encode()
    if not quote or quote not in data:
        return True
    return all_at_edges(symbols, np.flatnonzero(symbols == ord(quote)), ord(signs.delimiter))


def _has_all_fields(frame: pl.DataFrame, symbols: np.ndarray, signs: Signs) -> bool:
    """Whether no record has fewer fields than others, and none has empty cells only; polars fills up with nulls."""
    cells = frame.get_columns()
    if not cells[-1].null_count():
        return True
    if (
        all(column.null_count() for column in cells)
        and frame.select(pl.all_horizontal(pl.all().is_null()).any()).item()
    ):
        return False
    inside = sum(int(column.str.count_matches(signs.delimiter, literal=True).sum()) for column in cells)
    separators = int(np.count_nonzero(symbols == ord(signs.delimiter)))
    return separators - inside == frame.height * (frame.width - 1)
