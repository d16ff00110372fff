"""Find the records of a delimited text file in a few passes over its bytes, before any cell is parsed.

A record is a row as RFC 4180 has it: fields between delimiters; fields in quotation marks may hold delimiters, line
breaks and doubled quotation marks. A byte lies outside quotes when the number of quotation marks before it is even, so
line numbers and field counts follow from sorted positions alone.
"""

import csv
import dataclasses
import io
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from batchwright.data.formats.quotes import BLANK, NEWLINE, RETURN, TAB, Pairs, pair_quotes
from batchwright.data.typed.cells import KEPT, BadCell, BadCells

INSIDE = ("a quotation mark inside a field", "the whole field in quotation marks, and that one doubled")
UNCLOSED = ("a quotation mark is opened and never closed", "one at the end of the field too")
"""For a quotation mark without a partner: what is found, and what is expected."""


@dataclasses.dataclass(frozen=True)
class Signs:
    """What separates the cells of a text.

    Attributes:
        delimiter: one ASCII character.
        blanks: whether a run of blanks and tabs delimits, whatever `delimiter` is.
        quote: the quotation mark; empty where such marks are text.
        comment: what a comment line begins with; empty where there are none.
    """

    delimiter: str = ","
    blanks: bool = False
    quote: str = '"'
    comment: str = ""


@dataclasses.dataclass(frozen=True)
class Records:
    """The records of `data` that are not blank: bytes `starts` to `ends`, first line (from 1), and number of fields.

    `broken` are the records that were left out because their quotation marks do not pair; they begin on the lines
    `torn`.
    """

    data: UInt8[np.ndarray, " bytes"]
    signs: Signs
    starts: Int64[np.ndarray, " records"]
    ends: Int64[np.ndarray, " records"]
    lines: Int64[np.ndarray, " records"]
    fields: Int64[np.ndarray, " records"]
    broken: BadCells
    torn: Int64[np.ndarray, " torn"]

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, chosen: slice | Bool[np.ndarray, " records"]) -> "Records":
        """The chosen records, in the same order."""
        parts = (self.starts[chosen], self.ends[chosen], self.lines[chosen], self.fields[chosen])
        return Records(self.data, self.signs, *parts, self.broken, self.torn)

    def cells(self, place: int) -> list[str]:
        """The fields of a record, as text without the quotation marks."""
        text = self.data[self.starts[place] : self.ends[place]].tobytes().decode()
        return split_record(text, self.signs)

    def tobytes(self) -> bytes:
        """The records only, one after the other, each with its line break."""
        if np.array_equal(self.starts[1:], self.ends[:-1] + 1):
            return bytes(self.data[self.starts[0] : self.ends[-1] + 1])
        change = np.zeros(len(self.data) + 2, np.int8)
        change[self.starts] += 1
        change[self.ends + 1] -= 1
        inside = np.cumsum(change[: len(self.data)], dtype=np.int8).astype(bool)
        return bytes(self.data[inside])


class Left(NamedTuple):
    """How many records were left out: comments, records of empty cells only, and those at the beginning."""

    comments: int = 0
    empty: int = 0
    heads: int = 0


def split_record(text: str, signs: Signs) -> list[str]:
    """The fields of one record, without the quotation marks.

    >>> split_record("1;'a;b'", Signs(";", quote="'"))
    ['1', 'a;b']
    """
    source = io.StringIO(text, newline="")
    if not signs.quote:
        return next(csv.reader(source, delimiter=signs.delimiter, quoting=csv.QUOTE_NONE), [""])
    return next(csv.reader(source, delimiter=signs.delimiter, quotechar=signs.quote), [""])


def find_records(data: bytes, signs: Signs, *, line: int = 1) -> tuple[Records, Left]:
    r"""The records of `data`, whose first line has the number `line`; blank lines are no records.

    >>> records, _ = find_records(b'name,height\n"Ann\nLee",1.7\n\nBob,1.8\n', Signs())
    >>> records.lines.tolist(), records.fields.tolist()
    ([1, 2, 5], [2, 2, 2])
    """
    symbols = np.frombuffer(data, np.uint8)
    breaks = find_breaks(data, symbols)
    comments, pairs = _pair(symbols, breaks, signs)
    symbols = _with_newlines(pairs.symbols, breaks)
    ends = pairs.outside(breaks)
    if data and (len(ends) == 0 or ends[-1] != len(data) - 1):
        ends = np.append(ends, len(data))
    starts = np.append(0, ends[:-1] + 1) if len(ends) else ends
    separators = pairs.outside(np.flatnonzero(symbols == ord(signs.delimiter)))
    cuts = np.searchsorted(separators, np.append(0, ends))
    fields = np.diff(cuts) + 1
    whole = ends - (symbols[np.maximum(ends - 1, 0)] == RETURN) * (ends > starts)
    lengths = whole - starts
    empty = (lengths == fields - 1) & (fields > 1)
    told = np.isin(starts, comments) if len(comments) else np.zeros(len(starts), bool)
    owners, first = np.unique(np.searchsorted(starts, pairs.stray, "right") - 1, return_index=True)
    stray = np.zeros(len(starts), bool)
    stray[owners] = True
    kept = (lengths > 0) & ~empty & ~told & ~stray
    lines = line + np.searchsorted(breaks, starts)
    broken = _broken(pairs.inside[first], line + np.searchsorted(breaks, pairs.stray[first]))
    records = Records(symbols, signs, starts, ends, lines, fields, broken, lines[stray])[kept]
    return records, Left(int(told.sum()), int((empty & ~told & ~stray).sum()))


def find_breaks(data: bytes, symbols: UInt8[np.ndarray, " bytes"]) -> Int64[np.ndarray, " breaks"]:
    """The ends of lines, inside quotes too: line feeds, and carriage returns without one."""
    newline = symbols == NEWLINE
    if count_lone_returns(data):
        returns = symbols == RETURN
        newline[:-1] |= returns[:-1] & ~newline[1:]
        newline[-1] |= returns[-1]
    return np.flatnonzero(newline)


def count_lone_returns(data: bytes) -> int:
    """How many carriage returns have no line feed after them: each ends a line, as on old Macs."""
    return data.count(b"\r") - data.count(b"\r\n") if b"\r" in data else 0


def count_breaks(data: bytes) -> int:
    """How many lines end in `data`."""
    return data.count(b"\n") + count_lone_returns(data)


def end_of_records(data: bytes, signs: Signs) -> int:
    """One past the last end of a record in `data`, which begins with a record, and goes on; 0 if there is none."""
    symbols = np.frombuffer(data, np.uint8)
    breaks = find_breaks(data, symbols)
    if len(breaks) and breaks[-1] == len(data) - 1 and data.endswith(b"\r"):
        breaks = breaks[:-1]  # a line feed may follow
    even = np.where(symbols == TAB, np.uint8(BLANK), symbols) if signs.blanks else symbols
    _, pairs = _pair(even, breaks, dataclasses.replace(signs, delimiter=" ") if signs.blanks else signs)
    if len(pairs.stray) and not pairs.inside[-1]:  # it may be closed in what follows
        breaks = breaks[breaks < pairs.stray[-1]]
    outside = pairs.outside(breaks)
    return int(outside[-1]) + 1 if len(outside) else 0


def _with_newlines(
    symbols: UInt8[np.ndarray, " bytes"], breaks: Int64[np.ndarray, " breaks"]
) -> UInt8[np.ndarray, " bytes"]:
    """The text with a line feed at each end of a line."""
    if (symbols[breaks] == NEWLINE).all():
        return symbols
    symbols = symbols.copy()
    symbols[breaks] = NEWLINE
    return symbols


def _pair(
    symbols: UInt8[np.ndarray, " bytes"], breaks: Int64[np.ndarray, " breaks"], signs: Signs
) -> tuple[Int64[np.ndarray, " comments"], Pairs]:
    """Where comment lines begin, and the pairs of quotation marks outside these lines."""
    marks = np.flatnonzero(symbols == ord(signs.quote)) if signs.quote else breaks[:0]
    comments = _lines_beginning_with(signs.comment, symbols, breaks)
    while len(comments):
        line = np.searchsorted(comments, marks, "right") - 1
        until = np.searchsorted(breaks, comments)
        last = np.append(breaks, len(symbols))[until]
        others = marks[(line < 0) | (marks > last[line])]
        pairs = pair_quotes(symbols, others, breaks, ord(signs.delimiter))
        outside = pairs.outside(comments)
        if len(outside) == len(comments):
            return comments, pairs
        comments = outside  # the others are lines of a quoted field
    return comments, pair_quotes(symbols, marks, breaks, ord(signs.delimiter))


def _lines_beginning_with(
    comment: str, symbols: UInt8[np.ndarray, " bytes"], breaks: Int64[np.ndarray, " breaks"]
) -> Int64[np.ndarray, " comments"]:
    """Where the lines begin that begin with `comment`; none if it is empty."""
    starts = np.append(0, breaks + 1) if comment else breaks[:0]
    for place, sign in enumerate(comment.encode()):
        starts = starts[starts + place < len(symbols)]
        starts = starts[symbols[starts + place] == sign]
    return starts


def _broken(inside: Bool[np.ndarray, " broken"], lines: Int64[np.ndarray, " broken"]) -> BadCells:
    """The records that are left out, each by the line of its first stray quotation mark."""
    kinds = [INSIDE if within else UNCLOSED for within in inside[:KEPT].tolist()]
    cells = (BadCell(number, None, *kind) for number, kind in zip(lines[:KEPT].tolist(), kinds, strict=True))
    return BadCells(len(lines), tuple(cells))


def blanks_to_tabs(data: bytes, signs: Signs) -> bytes:
    r"""The text with one tab for each run of blanks and tabs outside quotes, and none at the ends of lines.

    >>> blanks_to_tabs(b' 1  2 \n"a b"\t 3\n', Signs("\t", blanks=True))
    b'1\t2\n"a b"\t3\n'
    """
    symbols = np.frombuffer(data, np.uint8)
    breaks = find_breaks(data, symbols)
    marks = np.flatnonzero(symbols == ord(signs.quote)) if signs.quote else breaks[:0]
    even = np.where(symbols == TAB, np.uint8(BLANK), symbols)
    pairs = pair_quotes(even, marks, breaks, BLANK)
    blanks = pairs.outside(np.flatnonzero(even == BLANK))
    first = np.diff(blanks, prepend=-2) > 1
    begins, ends = blanks[first], blanks[np.append(first[1:], True)] if len(blanks) else blanks
    edge = np.zeros(256, bool)
    edge[[NEWLINE, RETURN]] = True
    between = (begins > 0) & (ends < len(symbols) - 1)
    between &= ~edge[symbols[np.maximum(begins - 1, 0)]] & ~edge[symbols[np.minimum(ends + 1, len(symbols) - 1)]]
    kept = np.ones(len(symbols), bool)
    kept[blanks] = False
    kept[begins[between]] = True
    tabs = symbols.copy()
    tabs[begins[between]] = TAB
    return tabs[kept].tobytes()
