"""Cut delimited text of any length at the ends of records into Parquet files of text columns, a few MB at a time."""

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import polars as pl

from batchwright._files import write_file
from batchwright.data.disk.store import write_columns
from batchwright.data.formats.delimited import (
    NO_HEADER,
    TextRows,
    check_format,
    choose_delimiter,
    column_names,
    text_rows,
)
from batchwright.data.formats.records import NEWLINE, QUOTE, SAMPLE_BYTES, Records, find_records
from batchwright.data.formats.text import MARK, check_utf8
from batchwright.data.typed.cells import NONE_BAD, BadCells, TableOptions
from batchwright.data.typed.schema import Schema, from_plain
from batchwright.errors import DataError

PIECE_BYTES = 16 << 20
"""Bytes of text cut at a time; finding its records takes up to ten times as much memory."""
LONGEST = 8
"""The most pieces that a record may span; a longer one comes from a quotation mark that is never closed."""

STATE, LINES = "cut.json", "lines"


@dataclasses.dataclass(frozen=True)
class Cut:
    """How far a file has been cut.

    Attributes:
        delimiter: the delimiter between fields.
        offset: bytes that are in pieces.
        lines: line breaks in these bytes.
        pieces: how many pieces there are.
        records: how many records there are, including records of the wrong length, but not the header.
        rows: how many rows the pieces hold.
        names: the columns, None before the first record.
        ragged: the records with the wrong number of fields.
        done: whether the whole file is cut.
    """

    delimiter: str
    offset: int
    lines: int = 0
    pieces: int = 0
    records: int = 0
    rows: int = 0
    names: tuple[str, ...] | None = None
    ragged: BadCells = NONE_BAD
    done: bool = False


def cut_text(
    path: Path, options: TableOptions, folder: Path, *, schema: Schema | None = None, piece_bytes: int = PIECE_BYTES
) -> Cut:
    """Cut a file into pieces in `folder`, starting where an earlier call was stopped.

    Raises:
        DataError: not UTF-8, no rows, repeated names, or quotation marks that do not match.
        UsageError: the disk is full.
    """
    with path.open("rb") as file:
        cut = _read_state(folder) or _begin(file, path.name, options)
        while not cut.done:
            data = _next_piece(file, cut, piece_bytes, path.name)
            cut = _take(data, cut, options, schema, folder=folder, name=path.name)
            write_file(folder / STATE, json.dumps(dataclasses.asdict(cut)), overwrite=True)
    _check_rows(cut, path.name)
    return cut


def text_pieces(
    path: Path, options: TableOptions, *, schema: Schema | None = None, piece_bytes: int = PIECE_BYTES
) -> Iterator[TextRows]:
    """The rows of a file, a piece at a time, in their order; nothing is written.

    Raises:
        DataError: as `cut_text`, when the reading comes to what is wrong.
    """
    with path.open("rb") as file:
        cut = _begin(file, path.name, options)
        while not cut.done:
            data = _next_piece(file, cut, piece_bytes, path.name)
            cut, rows = _cut_off(data, cut, options, schema, path.name)
            if rows is not None and rows.frame.height + len(rows.torn):
                rows.frame.columns = list(cut.names or ())
                yield rows
    _check_rows(cut, path.name)


def _check_rows(cut: Cut, name: str) -> None:
    """Raise a DataError if the whole file `name` is cut, and there are no rows."""
    if cut.names is None:
        raise DataError(f"{name} is empty. A table needs rows.", NO_HEADER)
    if cut.records == 0:
        raise DataError(f"{name} holds a header and no rows.", NO_HEADER)


def cut_column(folder: Path, cut: Cut, name: str) -> pl.Series:
    """The text of one column in all pieces."""
    return _column(folder, cut, str((cut.names or ()).index(name))).alias(name)


def cut_lines(folder: Path, cut: Cut) -> pl.Series:
    """The line on which each row begins."""
    return _column(folder, cut, LINES)


def piece_files(folder: Path, cut: Cut) -> list[Path]:
    """The pieces, in order."""
    return [folder / f"{number:06d}.parquet" for number in range(cut.pieces)]


def _column(folder: Path, cut: Cut, place: str) -> pl.Series:
    return pl.scan_parquet(piece_files(folder, cut), glob=False).select(place).collect().to_series()


def _read_state(folder: Path) -> Cut | None:
    try:
        return from_plain(Cut, json.loads((folder / STATE).read_text(encoding="utf-8")))
    except (OSError, ValueError):  # no such file, or unreadable: start over
        return None


def _begin(file: IO[bytes], name: str, options: TableOptions) -> Cut:
    """The delimiter, and where the text begins."""
    head = file.read(SAMPLE_BYTES + len(MARK) + 1)
    check_format(head, name)
    text = head.removeprefix(MARK)
    return Cut(choose_delimiter(options.delimiter, text), len(head) - len(text))


def _next_piece(file: IO[bytes], cut: Cut, size: int, name: str) -> bytes:
    """The bytes from the last cut to the last end of a record in the next `size` bytes, or more if needed."""
    longest = LONGEST * size
    while size <= longest:
        file.seek(cut.offset)
        data = file.read(size)
        end = _end_of_records(data) if len(data) == size else len(data)
        if end:
            return data[:end]
        if not data:
            return data
        size *= 2
    raise DataError(
        f"{name}, line {cut.lines + 1}: a record of more than {longest:,} bytes begins here, as when a quotation mark "
        "is opened and never closed. Close it, or double those that belong to the text."
    )


def _end_of_records(data: bytes) -> int:
    """One past the last line break outside quotation marks; 0 where there is none. `data` begins outside."""
    if b'"' not in data:
        return data.rfind(b"\n") + 1
    symbols = np.frombuffer(data, np.uint8)
    breaks = np.flatnonzero(symbols == NEWLINE)
    outside = np.searchsorted(np.flatnonzero(symbols == QUOTE), breaks) % 2 == 0
    return int(breaks[outside][-1]) + 1 if outside.any() else 0


def _take(data: bytes, cut: Cut, options: TableOptions, schema: Schema | None, *, folder: Path, name: str) -> Cut:
    """The cut after these bytes, whose rows are written as a piece."""
    moved, rows = _cut_off(data, cut, options, schema, name)
    if rows is None:
        return moved
    write_columns(folder / f"{cut.pieces:06d}.parquet", rows.frame.with_columns(pl.Series(LINES, rows.lines)))
    return moved


def _cut_off(
    data: bytes, cut: Cut, options: TableOptions, schema: Schema | None, name: str
) -> tuple[Cut, TextRows | None]:
    """The cut after these bytes, and their rows, in columns that are numbered; None if they hold no record."""
    moved = dataclasses.replace(cut, offset=cut.offset + len(data), lines=cut.lines + data.count(b"\n"))
    moved = dataclasses.replace(moved, done=not data)
    records = _records(data, cut, name)
    if len(records) == 0:
        return moved, None
    names = cut.names
    if names is None:
        names = tuple(column_names(records, options, schema, name))
        records = records[1:] if options.header else records
    rows = text_rows(records, [str(place) for place in range(len(names))], name)
    moved = dataclasses.replace(
        moved,
        pieces=cut.pieces + 1,
        records=cut.records + len(records),
        rows=cut.rows + rows.frame.height,
        names=names,
        ragged=(cut.ragged + rows.ragged).cut(),
    )
    return moved, rows


def _records(data: bytes, cut: Cut, name: str) -> Records:
    """The records of a piece, their lines counted from the beginning of the file."""
    check_utf8(data, name, lines=cut.lines)
    try:
        records = find_records(data, cut.delimiter)
    except DataError as error:  # "line 3: ...", counted from the beginning of the piece
        message = re.sub(r"^line (\d+)", lambda found: f"line {int(found[1]) + cut.lines}", str(error))
        raise DataError(f"{name}, {message}") from error
    return dataclasses.replace(records, lines=records.lines + cut.lines)
