"""Find the lines above the header of a delimited text, such as a title: they have fewer cells than the others."""

import re
from collections import Counter

import numpy as np

from batchwright.data.formats.headers import NO_HEADER
from batchwright.data.formats.records import Records, Signs, find_breaks
from batchwright.data.formats.ruled_lines import is_ruled
from batchwright.data.formats.signs import MOST_LINES_ABOVE, NUMBER, sample_records, usual_width
from batchwright.errors import DataError

LOOKED_AT = 50
"""Rows below a header by which it is told from them."""
LIKE_A_NUMBER = re.compile(r"[-+(]?[$€£]?\d.*")
"""How numbers, dates and times begin."""


def after_lines(text: bytes, lines: int) -> int:
    """Where line `lines` + 1 begins."""
    breaks = find_breaks(text, np.frombuffer(text, np.uint8)) if text else ()
    return 0 if lines == 0 else int(breaks[lines - 1]) + 1 if lines <= len(breaks) else len(text)


def find_title(text: bytes, signs: Signs, name: str, *, header: bool, lines: int) -> tuple[int, list[str]]:
    """The bytes above the header, or above the first row, and a note.

    Args:
        text: the head of a text, below `lines` lines.
        signs: what separates its cells.
        name: what it is called in messages.
        header: whether it has a header.
        lines: lines above it.

    Raises:
        DataError: the first lines have fewer cells than the others, and it is not certain which is the header.
    """
    records = sample_records(text, signs)
    if len(records) < 3:
        return 0, []
    drawn = next((place for place in range(len(records)) if not is_ruled(records.cells(place))), 0)
    if drawn:
        return _left_out(text, records, drawn, header=header)
    width, _, first = usual_width(records)
    fewer = _are_above(records, first, width)
    if not fewer and header:
        first = _below_filled_up(records, name, lines)
    elif fewer and header and not _is_header(records, first):
        if first == 1 and 2 < width == records.fields[0] + 1 and _holds_numbers(records.cells(1)):
            return 0, []  # the header lacks the name of a column
        raise _not_certain(records, first, width, name, lines)
    elif not fewer or not (header or (width > 2 and (records.fields[:first] == 1).all())):
        return 0, []
    return (0, []) if first == 0 else _left_out(text, records, first, header=header)


def _left_out(text: bytes, records: Records, first: int, *, header: bool) -> tuple[int, list[str]]:
    line = int(records.lines[first])
    what, count = "header" if header else "first row", "1 line" if line == 2 else f"{line - 1} lines"
    above = " / ".join(", ".join(filter(None, map(str.strip, records.cells(place)))) for place in range(first))
    kept = "it" if line == 2 else "them"
    return after_lines(text, line - 1), [
        f"{count} above the {what} left out: {above[:80]!r}; `skip_lines=0` keeps {kept}"
    ]


def _are_above(records: Records, first: int, width: int) -> bool:
    """Whether the records before the first with the usual number of fields have fewer, and hardly one after it has."""
    if not 0 < first <= MOST_LINES_ABOVE:
        return False
    after = records.fields[first:] == width
    return bool(after.mean() >= 0.9 and after.sum() >= 2 and (records.fields[:first] < width).all())


def _below_filled_up(records: Records, name: str, lines: int) -> int:
    """The place of the header below lines that are filled up with empty cells, as spreadsheets write them; else 0.

    Raises:
        DataError: lines with a single cell are above others, and it is not certain which is the header.
    """
    looked_at = [records.cells(place) for place in range(min(len(records), MOST_LINES_ABOVE + LOOKED_AT))]
    extents = [max((place + 1 for place, cell in enumerate(cells) if cell.strip()), default=0) for cells in looked_at]
    usual = Counter(extents).most_common(1)[0][0]
    first = next(place for place, extent in enumerate(extents) if extent >= usual)
    if usual < 2 or not 0 < first <= MOST_LINES_ABOVE or max(extents[:first]) > usual / 2:
        return 0
    if _is_header(records, first):
        return first
    if usual > 2 and max(extents[:first]) == 1 and first < len(records) - 2:
        raise _not_certain(records, first, extents[first], name, lines, found=1)
    return 0


def _is_header(records: Records, place: int) -> bool:
    """Whether a record names columns: no number, above at least one column of numbers or dates."""
    cells = [cell.strip() for cell in records.cells(place)]
    if any(NUMBER.fullmatch(cell) for cell in cells) or not any(cells):
        return False
    rows = [records.cells(row) for row in range(place + 1, min(len(records), place + LOOKED_AT))]
    columns = [[row[column].strip() for row in rows if len(row) == len(cells)] for column in range(len(cells))]
    return any(
        _are_numbers(column) and not LIKE_A_NUMBER.fullmatch(cell) for cell, column in zip(cells, columns, strict=True)
    )


def _are_numbers(cells: list[str]) -> bool:
    held = [cell for cell in cells if cell]
    return len(held) > 0 and sum(LIKE_A_NUMBER.fullmatch(cell) is not None for cell in held) >= 0.9 * len(held)


def _holds_numbers(cells: list[str]) -> bool:
    return any(NUMBER.fullmatch(cell.strip()) for cell in cells)


def _not_certain(
    records: Records, first: int, width: int, name: str, lines: int, *, found: int | None = None
) -> DataError:
    """The error that asks which record is the header; the first has `found` cells that are not empty."""
    line, at = lines + int(records.lines[first]), lines + int(records.lines[0])
    found = int(records.fields[0]) if found is None else found
    fields = "1 field" if found == 1 else f"{found} fields"
    written = records.data[records.starts[0] : records.ends[0]].tobytes().decode(errors="replace").strip()
    written = written.rstrip(records.signs.delimiter)
    return DataError(
        f"{name}: line {at} has {fields}, and line {line} and most others have {width}. Is {written[:60]!r} a title "
        "above the header?",
        f"`skip_lines={line - 1}` leaves out what is above line {line}, `skip_lines=0` takes line {at} as the header; "
        f"{NO_HEADER[0].lower()}{NO_HEADER[1:]}",
    )
