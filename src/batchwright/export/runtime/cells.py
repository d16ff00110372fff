"""Cells as people write them, read as the training rows were: numbers, lengths of time, dates, flags and texts.

A reader is plain data about one column, as `cells.readers_of` of the exporting program makes it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from batchwright.export.runtime.dates import NO_DATE, read_date, read_epoch
from batchwright.export.runtime.written import (
    Reader,
    read_duration,
    read_fraction,
    read_number,
    read_written_number,
    to_number,
)

SPACES = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029"
    "\u202f\u205f\u3000"
)
"""What does not count around a cell."""
DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})")
LEADING_ZERO = re.compile(r"[+-]?0[0-9]+")
NOTHING = {"number": np.nan, "flag": np.nan, "date": NO_DATE, "text": ""}
"""What a missing cell is."""
TYPES: Mapping[str, Any] = {"number": np.float64, "flag": np.float64, "date": np.int64, "text": object}


class BadCell(NamedTuple):
    """A cell that does not fit its column: its row from 0, what it holds, and what it has to be."""

    row: int
    column: str
    value: str
    wanted: str


def read_column(reader: Reader, cells: Sequence[Any] | np.ndarray) -> tuple[np.ndarray, list[BadCell]]:
    """The cells of a column as an array of its type, and those that do not fit; these are missing in the array."""
    kind = reader["kind"]
    if kind == "number" and (quick := _read_plainly(reader, cells)) is not None:
        return quick, []
    means_missing = _missing_test(reader)
    clean = [_clean(cell) for cell in cells]
    known: dict[Any, Any] = {}
    bad: list[BadCell] = []
    read = _reading(reader, [cell for cell in clean if not means_missing(cell)])
    values = np.full(len(clean), NOTHING[kind], TYPES[kind])
    for row, cell in enumerate(clean):
        key = (type(cell), cell) if cell.__hash__ else (list, str(cell))
        if key not in known:
            known[key] = NOTHING[kind] if means_missing(cell) else read(cell)
        value = known[key]
        if value is None:
            bad.append(BadCell(row, reader["column"], as_text(cell), reader["wanted"]))
        else:
            values[row] = value
    return values, bad


def as_text(cell: Any) -> str:
    """A cell as text: whole numbers without a point, lists with | between."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**63:
        return str(int(cell))
    return "|".join(map(str, cell)) if isinstance(cell, list | tuple) else str(cell)


def _clean(cell: Any) -> Any:
    """A cell without spaces around text; None where it is no number or no time."""
    if isinstance(cell, str):
        return cell.strip(SPACES)
    if isinstance(cell, np.datetime64 | np.timedelta64):
        cell = cell.astype(f"{cell.dtype.kind}8[us]")  # else those of nanoseconds become whole numbers
    if isinstance(cell, np.ndarray | np.generic):
        cell = cell.tolist()
    if cell is None or type(cell).__name__ in ("NAType", "NaTType") or (isinstance(cell, float) and cell != cell):
        return None
    return cell


def _missing_test(reader: Reader) -> Callable[[Any], bool]:
    """Whether a clean cell means missing."""
    texts, numbers = frozenset(("", *reader["missing"])), frozenset(reader["missing_numbers"])

    def test(cell: Any) -> bool:
        if not isinstance(cell, str):
            return cell is None or (isinstance(cell, int | float) and not isinstance(cell, bool) and cell in numbers)
        if cell in texts:
            return True
        if not numbers or LEADING_ZERO.fullmatch(cell):
            return False
        return to_number(cell.replace(",", ".", 1) if DECIMAL_COMMA.fullmatch(cell) else cell) in numbers

    return test


def _read_plainly(reader: Reader, cells: Sequence[Any] | np.ndarray) -> np.ndarray | None:
    """The numbers of a column that holds nothing else, and none that means missing; None of any other."""
    if reader["reads"] == "written number" and isinstance(cells[0] if len(cells) else None, str):
        return None
    try:
        if isinstance(cells, np.ndarray) and cells.dtype.kind in "iuf":
            numbers = cells.astype(np.float64)
        elif all(isinstance(cell, str) for cell in cells):
            together = "".join(cells)
            numbers = np.array(list(map(float, cells)) if together.isascii() and "_" not in together else [np.nan])
        else:
            return None
    except ValueError:
        return None
    plain = len(numbers) == len(cells) and np.isfinite(numbers).all()
    return numbers if plain and not np.isin(numbers, list(reader["missing_numbers"])).any() else None


def _reading(reader: Reader, cells: list[Any]) -> Callable[[Any], Any]:
    """How a clean cell that is not missing is read; it gives None where the cell does not fit."""
    read, reads = READ[reader["reads"]], reader["reads"]
    if reads in ("duration", "fraction") and all(
        isinstance(cell, str) and to_number(cell) is not None for cell in cells
    ):
        return to_number
    return lambda cell: read(reader, cell)


def read_flag(reader: Reader, cell: Any) -> float | None:
    """1 for words that mean true, 0 for those that mean false."""
    word = as_text(cell).lower()
    return 1.0 if word in reader["true"] else 0.0 if word in reader["false"] else None


def read_text(reader: Reader, cell: Any) -> str:
    """A text."""
    if isinstance(cell, list | tuple) and reader["separator"]:
        return str(reader["separator"]).join(map(str, cell))
    return as_text(cell)


READ: Mapping[str, Callable[[Reader, Any], Any]] = {
    "number": read_number,
    "written number": read_written_number,
    "duration": read_duration,
    "fraction": read_fraction,
    "flag": read_flag,
    "date": read_date,
    "epoch": read_epoch,
    "text": read_text,
}
"""How cells are read, by what a reader reads."""
