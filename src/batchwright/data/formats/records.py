"""Find the records of a delimited text file in a few passes over its bytes, before any cell is parsed.

A record is a row as RFC 4180 has it: fields between delimiters; fields in quotation marks may hold delimiters, line
breaks and doubled quotation marks. A byte lies outside quotes when the number of quotation marks before it is even, so
line numbers and field counts follow from sorted positions alone.
"""

import csv
import dataclasses
import io

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from batchwright.errors import DataError

DELIMITERS = ("\t", ";", "|", ",")
"""The delimiters that are recognised, the rarest in running text first: it wins if several would fit."""

QUOTE, NEWLINE, RETURN = b'"\n\r'
SAMPLE_BYTES = 1 << 16


@dataclasses.dataclass(frozen=True)
class Records:
    """The records of `data` that are not blank: bytes `starts` to `ends`, first line (from 1), and number of fields."""

    data: UInt8[np.ndarray, " bytes"]
    delimiter: str
    starts: Int64[np.ndarray, " records"]
    ends: Int64[np.ndarray, " records"]
    lines: Int64[np.ndarray, " records"]
    fields: Int64[np.ndarray, " records"]

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, chosen: slice | Bool[np.ndarray, " records"]) -> "Records":
        """The chosen records, in the same order."""
        parts = (self.starts[chosen], self.ends[chosen], self.lines[chosen], self.fields[chosen])
        return Records(self.data, self.delimiter, *parts)

    def first(self) -> list[str]:
        """The fields of the first record, as text without the quotation marks."""
        text = self.data[self.starts[0] : self.ends[0]].tobytes().decode()
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter))

    def tobytes(self) -> bytes:
        """The records only, one after the other, each with its line break."""
        if np.array_equal(self.starts[1:], self.ends[:-1] + 1):
            return bytes(self.data[self.starts[0] : self.ends[-1] + 1])
        change = np.zeros(len(self.data) + 2, np.int8)
        change[self.starts] += 1
        change[self.ends + 1] -= 1
        inside = np.cumsum(change[: len(self.data)], dtype=np.int8).astype(bool)
        return bytes(self.data[inside])


def find_records(data: bytes, delimiter: str) -> Records:
    r"""The records of `data` between `delimiter`s (one ASCII character); blank lines are no records.

    >>> records = find_records(b'name,height\n"Ann\nLee",1.7\n\nBob,1.8\n', ",")
    >>> records.lines.tolist(), records.fields.tolist()
    ([1, 2, 5], [2, 2, 2])

    Raises:
        DataError: a quotation mark is never closed, or stands inside a field that is not quoted.
    """
    symbols = np.frombuffer(data, np.uint8)
    quotes, breaks = np.flatnonzero(symbols == QUOTE), np.flatnonzero(symbols == NEWLINE)
    _check_quotes(symbols, quotes, breaks, delimiter)
    ends = _positions_outside_quotes(breaks, quotes)
    if data and (len(ends) == 0 or ends[-1] != len(data) - 1):
        ends = np.append(ends, len(data))
    starts = np.append(0, ends[:-1] + 1) if len(ends) else ends
    separators = _positions_outside_quotes(np.flatnonzero(symbols == ord(delimiter)), quotes)
    fields = np.searchsorted(separators, ends) - np.searchsorted(separators, starts) + 1
    lines = np.searchsorted(breaks, starts) + 1
    only_return = (ends - starts == 1) & (symbols[np.minimum(starts, max(len(data) - 1, 0))] == RETURN)
    return Records(symbols, delimiter, starts, ends, lines, fields)[(ends > starts) & ~only_return]


def guess_delimiter(data: bytes) -> str:
    r"""The delimiter that cuts the first records into equally many fields, more than one; else the comma.

    >>> guess_delimiter(b"a;b\n1,5;2\n")
    ';'
    """
    sample = data[:SAMPLE_BYTES]
    if len(data) > SAMPLE_BYTES:
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    shares = {delimiter: _share_like_first(sample, delimiter) for delimiter in DELIMITERS}
    best = max(DELIMITERS, key=shares.__getitem__)
    return best if shares[best] > 0.0 else ","


def _share_like_first(sample: bytes, delimiter: str) -> float:
    """The share of records with as many fields as the first; 0 if the first has only one."""
    try:
        fields = find_records(sample, delimiter).fields
    except DataError:
        return 0.0
    return float(np.mean(fields == fields[0])) if len(fields) and fields[0] > 1 else 0.0


def _positions_outside_quotes(
    positions: Int64[np.ndarray, " positions"], quotes: Int64[np.ndarray, " quotes"]
) -> Int64[np.ndarray, " outside"]:
    """The positions that have an even number of quotation marks before them."""
    return positions[np.searchsorted(quotes, positions) % 2 == 0] if len(quotes) else positions


def _check_quotes(
    symbols: UInt8[np.ndarray, " bytes"],
    quotes: Int64[np.ndarray, " quotes"],
    breaks: Int64[np.ndarray, " breaks"],
    delimiter: str,
) -> None:
    """Raise unless each quotation mark opens a field, closes one, or is doubled inside one."""
    opening, closing = quotes[::2], quotes[1::2]
    edge = np.zeros(256, bool)
    edge[[QUOTE, NEWLINE, RETURN, ord(delimiter)]] = True
    before = edge[symbols[np.maximum(opening - 1, 0)]] | (opening == 0)
    after = edge[symbols[np.minimum(closing + 1, len(symbols) - 1)]] | (closing == len(symbols) - 1)
    stray = np.sort(np.concatenate([opening[~before], closing[~after]]))
    if len(stray):
        line = np.searchsorted(breaks, stray[0]) + 1
        raise DataError(
            f"line {line}: a quotation mark inside a field. Put the whole field in quotation marks and double that one."
        )
    if len(quotes) % 2:
        line = np.searchsorted(breaks, quotes[-1]) + 1
        raise DataError(f"line {line}: a quotation mark is opened and never closed.")
