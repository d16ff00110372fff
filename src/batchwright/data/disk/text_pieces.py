"""Cut delimited text of any length at the ends of records into Parquet files of text columns, a few MB at a time."""

import dataclasses
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import polars as pl

from batchwright._files import explain_write_errors, hidden_path, write_file
from batchwright.data.disk.store import write_columns
from batchwright.data.formats.delimited import (
    TextRows,
    all_notes,
    check_format,
    holds_text,
    split_lines,
)
from batchwright.data.formats.encodings import (
    CHUNK,
    Chunks,
    Encoding,
    check_is_text,
    decode_chunks,
    find_encoding,
)
from batchwright.data.formats.headers import NO_HEADER
from batchwright.data.formats.layout import HEAD_BYTES, Layout, find_layout, is_enough
from batchwright.data.formats.records import Left, count_breaks, end_of_records
from batchwright.data.typed.cells import NONE_BAD, BadCells, TableOptions
from batchwright.data.typed.schema import Schema, from_plain
from batchwright.errors import DataError

PIECE_BYTES = 16 << 20
"""Bytes of text cut at a time; finding its records takes up to ten times as much memory."""
LONGEST = 8
"""The most pieces that a record may span; a longer one comes from a quotation mark that is never closed."""

STATE, LINES, TEXT = "cut.json", "lines", "text"
"""How far a file is cut; the column of lines in a piece; the text in UTF-8, where the file has another encoding."""


@dataclasses.dataclass(frozen=True)
class Cut:
    """How far a file has been cut.

    Attributes:
        layout: how the text is laid out.
        end: where the last row ends, in bytes.
        offset: bytes that are in pieces, or above the header.
        lines: line breaks in these bytes.
        encoding: a note on the encoding, if it was found.
        pieces: how many pieces there are.
        heads: how many records at the beginning are still to be left out, as they are no rows.
        records: how many records there are, including the bad ones.
        rows: how many rows the pieces hold.
        comments: how many comment lines were left out.
        empty: how many records of empty cells were left out.
        filled: the places of columns without a name that hold a cell.
        ragged: the records with the wrong number of fields, or with quotation marks that do not pair.
        done: whether the whole file is cut.
    """

    layout: Layout
    end: int
    offset: int
    lines: int
    heads: int
    encoding: str = ""
    pieces: int = 0
    records: int = 0
    rows: int = 0
    comments: int = 0
    empty: int = 0
    filled: tuple[int, ...] = ()
    ragged: BadCells = NONE_BAD
    done: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, without those that have neither a name nor a cell."""
        return tuple(name for place, name in enumerate(self.layout.names) if place not in self._left_out)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about how the text was read."""
        return all_notes(self.encoding, self.layout, Left(self.comments, self.empty), len(self._left_out))

    @property
    def _left_out(self) -> set[int]:
        return set(self.layout.nameless) - set(self.filled)


def cut_text(
    path: Path, options: TableOptions, folder: Path, *, schema: Schema | None = None, piece_bytes: int = PIECE_BYTES
) -> Cut:
    """Cut a file into pieces in `folder`, starting where an earlier call was stopped.

    Raises:
        DataError: the bytes are no text, there are no rows, or it is not certain where they begin.
        UsageError: the disk is full.
    """
    cut = _read_state(folder) or _begin(path, options, folder, schema)
    with _text_file(path, folder).open("rb") as file:
        while not cut.done:
            data = _next_piece(file, cut, piece_bytes, path.name)
            cut = _take(data, cut, folder=folder, name=path.name)
            write_file(folder / STATE, json.dumps(dataclasses.asdict(cut)), overwrite=True)
    _check_rows(cut, path.name)
    return cut


def text_pieces(
    path: Path, options: TableOptions, *, schema: Schema | None = None, piece_bytes: int = PIECE_BYTES
) -> Iterator[TextRows]:
    """The rows of a file, a piece at a time, in their order; text that is not UTF-8 is first converted to a file.

    The last piece has the notes on the whole file.

    Raises:
        DataError: as `cut_text`, when the reading comes to what is wrong.
    """
    held: TextRows | None = None
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        cut = _begin(path, options, folder, schema)
        with _text_file(path, folder).open("rb") as file:
            while not cut.done:
                data = _next_piece(file, cut, piece_bytes, path.name)
                cut, rows = _cut_off(data, cut, path.name)
                if rows.frame.height + len(rows.torn):
                    yield from () if held is None else (held,)
                    held = rows
    _check_rows(cut, path.name)
    if held is not None:
        left = Left(cut.comments, cut.empty)
        yield dataclasses.replace(held, notes=all_notes(cut.encoding, cut.layout, left, empty_columns=0))


def _check_rows(cut: Cut, name: str) -> None:
    """Raise a DataError if the whole file `name` is cut, and there are no rows."""
    if cut.records == 0:
        raise DataError(f"{name} holds a header and no rows.", NO_HEADER)


def cut_column(folder: Path, cut: Cut, name: str) -> pl.Series:
    """The text of one column in all pieces."""
    return _column(folder, cut, str(cut.layout.names.index(name))).alias(name)


def cut_lines(folder: Path, cut: Cut) -> pl.Series:
    """The line on which each row begins."""
    return _column(folder, cut, LINES)


def piece_files(folder: Path, cut: Cut) -> list[Path]:
    """The pieces, in order."""
    return [folder / f"{number:06d}.parquet" for number in range(cut.pieces)]


def _column(folder: Path, cut: Cut, place: str) -> pl.Series:
    if not cut.pieces:
        return pl.Series(place, [], pl.String)
    return pl.scan_parquet(piece_files(folder, cut), glob=False).select(place).collect().to_series()


def _read_state(folder: Path) -> Cut | None:
    try:
        return from_plain(Cut, json.loads((folder / STATE).read_text(encoding="utf-8")))
    except (OSError, ValueError):  # no such file, or unreadable: start over
        return None


def _begin(path: Path, options: TableOptions, folder: Path, schema: Schema | None) -> Cut:
    """The layout, and where the text begins; text that is not UTF-8 is first written to a file in UTF-8."""
    with path.open("rb") as file:
        check_format(file.read(8), path.name)
    encoding = find_encoding(_chunks(path), path.name, options.encoding)
    if encoding.name != "utf-8":
        _write_text(path, encoding, folder)
        encoding = encoding._replace(mark=0)
    with _text_file(path, folder).open("rb") as file:
        size = file.seek(0, 2) - encoding.mark
        head, wanted = b"", HEAD_BYTES // 2
        while not wanted >= HEAD_BYTES or not is_enough(head, wanted):
            wanted *= 2
            file.seek(encoding.mark)
            head = file.read(wanted)
        check_is_text(head[:HEAD_BYTES], path.name)
        file.seek(encoding.mark + max(0, size - HEAD_BYTES))
        tail = file.read(HEAD_BYTES)
    layout = find_layout(head, tail, options, path.name, schema=schema, whole=wanted >= size)
    start, end = encoding.mark + layout.start, encoding.mark + size - layout.footer
    return Cut(layout, end, start, layout.lines, layout.heads, encoding.note)


def _text_file(path: Path, folder: Path) -> Path:
    """The file of the text in UTF-8."""
    return text if (text := folder / TEXT).is_file() else path


def _chunks(path: Path) -> Chunks:
    """The bytes of a file, a few MB at a time."""

    def read() -> Iterator[bytes]:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk

    return read


def _write_text(path: Path, encoding: Encoding, folder: Path) -> None:
    temporary = hidden_path(folder / TEXT)
    with explain_write_errors(folder / TEXT):
        try:
            with temporary.open("wb") as file:
                file.writelines(decode_chunks(_chunks(path), encoding, path.name))
            temporary.replace(folder / TEXT)
        finally:
            temporary.unlink(missing_ok=True)


def _next_piece(file: IO[bytes], cut: Cut, size: int, name: str) -> bytes:
    """The bytes from the last cut to the last end of a record in the next `size` bytes, or more if needed."""
    longest = LONGEST * size
    while size <= longest:
        file.seek(cut.offset)
        data = file.read(min(size, cut.end - cut.offset))
        if cut.offset + len(data) >= cut.end or not data:
            return data
        if end := end_of_records(data, cut.layout.signs):
            return data[:end]
        size *= 2
    raise DataError(
        f"{name}, line {cut.lines + 1}: a record of more than {longest:,} bytes begins here, as when a quotation mark "
        "is opened and never closed. Close it, or double those that belong to the text.",
        "`quote=none` takes quotation marks as text.",
    )


def _take(data: bytes, cut: Cut, *, folder: Path, name: str) -> Cut:
    """The cut after these bytes, whose rows are written as a piece."""
    moved, rows = _cut_off(data, cut, name)
    if rows.frame.height == 0:
        return moved
    frame = rows.frame.rename({column: str(place) for place, column in enumerate(cut.layout.names)})
    filled = [place for place in cut.layout.nameless if place in cut.filled or holds_text(frame[str(place)])]
    write_columns(folder / f"{cut.pieces:06d}.parquet", frame.with_columns(pl.Series(LINES, rows.lines)))
    return dataclasses.replace(moved, pieces=cut.pieces + 1, filled=tuple(filled))


def _cut_off(data: bytes, cut: Cut, name: str) -> tuple[Cut, TextRows]:
    """The cut after these bytes, and their rows."""
    rows, left = split_lines(data, cut.layout, name, line=cut.lines + 1, heads=cut.heads)
    moved = dataclasses.replace(
        cut,
        offset=cut.offset + len(data),
        lines=cut.lines + count_breaks(data),
        done=not data,
        heads=cut.heads - left.heads,
        records=cut.records + rows.frame.height + rows.ragged.count,
        rows=cut.rows + rows.frame.height,
        comments=cut.comments + left.comments,
        empty=cut.empty + left.empty,
        ragged=(cut.ragged + rows.ragged).cut(),
    )
    return moved, rows
