"""Find what separates the cells of a delimited text: its delimiter and its quotation mark."""

import re
from collections import Counter

import numpy as np

from batchwright.data.formats.records import Records, Signs, blanks_to_tabs, find_records
from batchwright.errors import DataError

DELIMITERS = ("\t", ";", "|", ",")
"""The delimiters that are recognised, the rarest in running text first: it wins if several would fit."""
COMMENTS = ("#", "%", "//")
RUNS_OF_BLANKS = ("whitespace", " ")
"""How a user names a run of blanks; a single blank is one too, as it would make empty columns of aligned ones."""
MOST_LINES_ABOVE = 20
"""Lines that may stand above the header."""
NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)*|[.,]\d+)([eE][+-]?\d+)?%?")


def choose_delimiter(told: str | None, head: bytes, quote: str = '"', comment: str = "") -> Signs:
    """The signs of a text, with the delimiter that the user tells, or else the one found in its `head`.

    Raises:
        DataError: the delimiter that is told is not one ASCII character.
    """
    if told is None:
        return guess_delimiter(head, Signs(quote=quote, comment=comment))
    if told in RUNS_OF_BLANKS:
        return Signs("\t", blanks=True, quote=quote, comment=comment)
    delimiter = "\t" if told in ("\\t", "tab") else told
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n':
        raise DataError(
            f"delimiter {told!r} cannot be used: give one ASCII character, such as ',', ';' or 'tab', or 'whitespace' "
            "for runs of blanks."
        )
    return Signs(delimiter, quote=quote, comment=comment)


def choose_quote(told: str | None, head: bytes) -> str:
    """The quotation mark that the user tells, or else the single one if all fields are in such, or the double one.

    Raises:
        DataError: what is told is not one ASCII character.
    """
    if told is None:
        return "'" if all_in_single_quotes(head) else '"'
    if told == "none":
        return ""
    if len(told) != 1 or not told.isascii() or told.isalnum() or told.isspace():
        raise DataError(f"quote {told!r} cannot be used: give one sign, such as \"'\", or 'none'.")
    return told


def all_in_single_quotes(head: bytes) -> bool:
    """Whether in the first records each cell that is no number is in single quotation marks."""
    if b'"' in head or head.count(b"'") < 4:
        return False
    records = sample_records(head, guess_delimiter(head, Signs(quote="'")))[:50]
    if not len(records) or records.broken.count:
        return False
    raw = [cell.strip() for place in range(len(records)) for cell in _raw_cells(records, place)]
    quoted = [len(cell) > 1 and cell[0] == cell[-1] == "'" for cell in raw]
    first = len(_raw_cells(records, 0))
    return all(quoted[:first]) and all(
        fits or not cell or NUMBER.fullmatch(cell) for cell, fits in zip(raw, quoted, strict=True)
    )


def _raw_cells(records: Records, place: int) -> list[str]:
    """The fields of a record with their single quotation marks."""
    signs = records.signs
    text = records.data[records.starts[place] : records.ends[place]].tobytes().decode()
    pieces = re.split(rf"{re.escape(signs.delimiter)}(?=(?:[^']*'[^']*')*[^']*$)", text.rstrip("\r\n"))
    return [piece.strip() for piece in pieces]


def sample_records(head: bytes, signs: Signs) -> Records:
    """The records of the head of a text."""
    return find_records(blanks_to_tabs(head, signs) if signs.blanks else head, signs)[0]


def usual_width(records: Records) -> tuple[int, float, int]:
    """The most frequent number of fields above 1, the share of records that have it, and the place of the first."""
    counts = Counter(records.fields.tolist())
    counts.pop(1, None)
    if not counts:
        return 1, 0.0, 0
    width = max(counts, key=lambda fields: (counts[fields], fields))
    return width, counts[width] / (len(records) + records.broken.count), int(np.argmax(records.fields == width))


def guess_delimiter(head: bytes, signs: Signs) -> Signs:
    r"""The signs, with the delimiter that cuts most records into equally many fields, more than one; else the comma.

    Runs of blanks delimit if they cut all records into equally many fields, or the header into one fewer, as R writes
    it, and no other delimiter does nearly so, but for a tab that is one of the blanks.

    >>> guess_delimiter(b"a;b\n1,5;2\n", Signs()).delimiter
    ';'
    >>> guess_delimiter(b" 1.5  2\n 10   3\n", Signs()).blanks
    True
    """
    rated = {delimiter: _rate(head, _with(signs, delimiter)) for delimiter in DELIMITERS}
    best = max(DELIMITERS, key=rated.__getitem__)
    blanks = Signs("\t", blanks=True, quote=signs.quote, comment=signs.comment)
    others = max(rate for delimiter, rate in rated.items() if delimiter != "\t")
    if others < 0.8 and _are_columns(head, blanks, rated["\t"]):
        return blanks
    return _with(signs, best if rated[best] > 0.0 else ",")


def _with(signs: Signs, delimiter: str) -> Signs:
    return Signs(delimiter, quote=signs.quote, comment=signs.comment)


def _rate(head: bytes, signs: Signs) -> float:
    """The share of records with the usual number of fields, less if the first have fewer; 0 if that is one."""
    if signs.delimiter.encode() not in head:  # then all quotation marks are astray, which takes long to see
        return 0.0
    records = sample_records(head, signs)
    width, share, first = usual_width(records) if len(records) else (1, 0.0, 0)
    return share - 0.05 * min(first, 5) if width > 1 and first <= MOST_LINES_ABOVE else 0.0


def _are_columns(head: bytes, signs: Signs, by_tabs: float) -> bool:
    """Whether all records have equally many fields between runs of blanks, and most are numbers or stand in columns.

    The header may have one fewer, as where the rows begin with names of their own.
    """
    if b" " not in head and b"\t\t" not in head:
        return False
    records = sample_records(head, signs)
    width, share, _ = usual_width(records) if len(records) > 1 else (1, 0.0, 0)
    if width == 1 or (share < 1.0 and not _lacks_one_name(records, width)):
        return False
    lines = [line for line in head.split(b"\n")[:200] if line.strip()]
    runs = sum(re.search(rb"\S(  |\t | \t|\t\t)\s*\S", line) is not None for line in lines)
    if by_tabs == 1.0:  # cells of one word would do so too
        return runs > 0.5 * len(lines) and b"  " in head
    cells = [cell for place in range(1, min(len(records), 100)) for cell in records.cells(place)]
    numbers = sum(NUMBER.fullmatch(cell) is not None for cell in cells)
    return 2 * numbers >= len(cells) or runs > 0.5 * len(lines)


def _lacks_one_name(records: Records, width: int) -> bool:
    """Whether the first record alone has another number of fields than `width`: one fewer, and not just one."""
    fields = records.fields
    return not records.broken.count and bool(fields[0] == width - 1 > 1 and (fields[1:] == width).all())
