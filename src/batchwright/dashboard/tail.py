"""The new rows of a history that is being written, from the byte up to which it was read."""

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from batchwright.dashboard.plain import name_of

CHUNK = 1 << 20
"""Bytes that are read at once."""
LAST = 1 << 16
"""Bytes at the end of a history among which its last row is looked for first."""
LONGEST = 1 << 22
"""Bytes of a line; a longer one is no row."""


@dataclass(frozen=True)
class Place:
    """How far a file was read: the number of the file in its file system, which changes when it is replaced, and bytes.

    >>> Place.parse("12-345"), Place.parse("anything")
    (Place(file=12, offset=345), Place(file=0, offset=0))
    """

    file: int = 0
    offset: int = 0

    def __str__(self) -> str:
        return f"{self.file}-{self.offset}"

    @classmethod
    def parse(cls, given: str) -> "Place":
        """A place from its text; the beginning for any other text."""
        parts = given.split("-")
        if len(parts) == 2 and all(part.isascii() and part.isdecimal() and len(part) < 20 for part in parts):
            return cls(int(parts[0]), int(parts[1]))
        return cls()


@dataclass(frozen=True)
class News:
    """What is new in a history.

    Args:
        place: up to where it is read now.
        rows: the new rows.
        anew: whether the file was replaced, so that the rows are all that there are so far.
        more: whether there is more to be read at once.
        age: seconds since the file was last written.
        damaged: lines that are no rows.
    """

    place: Place
    rows: list[dict[str, Any]]
    anew: bool
    more: bool
    age: float
    damaged: int = 0


def read_news(path: Path, since: Place, now: float) -> News | None:
    """The complete lines after a place; None if there is no history that can be read.

    A history is only ever appended to, or replaced as a whole, as when a run goes on from an earlier checkpoint.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return None
        goes_on = found.st_ino == since.file and since.offset <= found.st_size
        offset = since.offset if goes_on else 0
        try:
            if not _follows_whole_lines(file, offset):  # another file that has the number of the old one
                goes_on, offset = False, 0
            file.seek(offset)
            data = file.read(CHUNK)
        except OSError:
            return None
    whole = data.rfind(b"\n") + 1
    if not whole and len(data) >= CHUNK:
        whole = len(data)  # a line without an end: it is passed over
    rows, damaged = parse_lines(data[:whole])
    place = Place(found.st_ino, offset + whole)
    more = offset + len(data) < found.st_size
    return News(place, rows, not goes_on, more, max(now - found.st_mtime, 0.0), damaged)


def is_known(path: Path, place: Place) -> bool:
    """Whether nothing was written after a place, or nothing can be read."""
    try:
        found = path.lstat()
    except OSError:
        return True
    return (found.st_ino, found.st_size) == (place.file, place.offset)


def _follows_whole_lines(file: BinaryIO, offset: int) -> bool:
    """Whether a place is after the end of a line, or in a line so long that it is being passed over."""
    if not offset:
        return True
    file.seek(offset - 1)
    if file.read(1) == b"\n":
        return True
    file.seek(max(offset - CHUNK, 0))
    return offset >= CHUNK and b"\n" not in file.read(CHUNK)


def parse_lines(data: bytes) -> tuple[list[dict[str, Any]], int]:
    """The rows in complete lines, and how many lines are none."""
    lines = [line for line in data.split(b"\n") if line.strip()]
    try:
        rows = json.loads(b"[" + b",".join(lines) + b"]")
    except (ValueError, RecursionError):
        rows = [_parse_line(line) for line in lines]
    good = [row for row in rows if isinstance(row, dict)]
    return good, len(lines) - len(good)


def _parse_line(line: bytes) -> object:
    try:
        return json.loads(line) if len(line) <= LONGEST else None
    except (ValueError, RecursionError):
        return None


def last_row(path: Path) -> dict[str, Any]:
    """The last complete row of a history; empty if there is none."""
    try:
        size = path.lstat().st_size
    except OSError:
        return {}
    for back in (LAST, LONGEST):
        rows = _rows_after(path, max(size - back, 0))
        if rows:
            return rows[-1]
    return {}


def _rows_after(path: Path, offset: int) -> list[dict[str, Any]]:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return []
            file.seek(offset)
            data = file.read(LONGEST)
    except OSError:
        return []
    first = data.find(b"\n") + 1 if offset else 0
    lines = data[first : data.rfind(b"\n") + 1].split(b"\n")[-3:]
    return parse_lines(b"\n".join(lines))[0]


def to_columns(rows: list[dict[str, Any]], wanted: frozenset[str] | None) -> dict[str, list[float | None]]:
    """The numbers of rows by column, None where a row has none; all columns, or those that are `wanted` by name."""
    names = {name: name_of(name) for row in rows for name in row}
    shown = {name: said for name, said in names.items() if wanted is None or said in wanted}
    return {said: [_finite(row.get(name)) for row in rows] for name, said in shown.items()}


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if value - value == 0 else None
