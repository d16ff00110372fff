"""Open a table as it lies in its files, to be read column by column."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from batchwright._files import explain_write_errors, remove_parts
from batchwright.data.disk.text_pieces import PIECE_BYTES, cut_column, cut_lines, cut_text
from batchwright.data.formats.arrays import NPY
from batchwright.data.formats.delimited import DELIMITED
from batchwright.data.formats.format import Format, TableFile, split_part
from batchwright.data.formats.packed import Packed
from batchwright.data.formats.parquet import PARQUET, parquet_files
from batchwright.data.formats.several_files import check_columns, files_of, is_pattern, join_notes, names_of
from batchwright.data.formats.source import SEVERAL_FILES, check_file, content_note, format_of
from batchwright.data.typed.cells import NONE_BAD, TableOptions
from batchwright.data.typed.schema import Schema
from batchwright.errors import DataError

STREAMED: tuple[Format, ...] = (DELIMITED, PARQUET, NPY)
"""The formats of tables that can be read in pieces."""

PIECES = "pieces"
"""The folder of a text's pieces, inside the store's folder; it is removed when the store is finished."""

SMALLEST_PIECE, COPIES_OF_PIECE = 1 << 18, 12
"""Bytes of a piece; copies of a piece held while its records are found and parsed (9 measured)."""


def source_files(path: Path) -> list[Path]:
    """The file, or the files of a folder or pattern in their order.

    Raises:
        DataError: there is no file, or none of a kind that can be read in pieces.
    """
    found = format_of(path)
    if not path.is_dir() and not is_pattern(path):
        check_file(split_part(path)[0])
    if found is None or not found.streams(path):
        raise DataError(
            f"{path} cannot be read in pieces ({', '.join(ending for one in STREAMED for ending in one.endings)} can, "
            "also compressed or several files of one table): convert it, or leave out the memory limit."
        )
    if found is PARQUET:
        return parquet_files(path) if path.is_dir() or is_pattern(path) else [path]
    return SEVERAL_FILES.files(path)[0] if found is SEVERAL_FILES else [split_part(path)[0]]


def open_table(path: Path, options: TableOptions, folder: Path, schema: Schema | None, left: int | None) -> TableFile:
    """The table of a source; text is first cut into pieces in `folder`, unless that is done.

    Raises:
        DataError: the source cannot be read.
        UsageError: the disk is full.
    """
    pieces = folder / PIECES
    with explain_write_errors(pieces):
        pieces.mkdir(exist_ok=True)
        remove_parts(pieces)
    found, notes = format_of(path), tuple[str, ...]()
    if found is SEVERAL_FILES:
        files, notes = SEVERAL_FILES.files(path)
        joined = _open_texts(files, path.name, options, pieces, schema, left)
        return replace(joined, notes=(*notes, *joined.notes))
    unpacked = path
    if isinstance(found, Packed):
        unpacked, notes = found.unpack_into(pieces, path)
    notes = notes if found is None else (*content_note(path, found), *notes)
    inner = found if found in STREAMED else format_of(unpacked)
    table = None if inner is None or inner is DELIMITED else inner.open_table(unpacked, memory=left)
    table = table or _cut(unpacked, options, pieces, schema, left)[0]
    return replace(table, name=path.name, notes=(*notes, *table.notes))


def _open_texts(
    files: list[Path], name: str, options: TableOptions, pieces: Path, schema: Schema | None, left: int | None
) -> TableFile:
    """The table in several files of text, each cut into pieces in a folder of its own."""
    tables, lines, names = list[TableFile](), list[int](), names_of(files)
    for place, file in enumerate(files):
        folder = pieces / f"{place:06d}"
        with explain_write_errors(folder):
            folder.mkdir(exist_ok=True)
            remove_parts(folder)
        packed = format_of(file)
        text = packed.unpack_into(folder, file)[0] if isinstance(packed, Packed) else file
        table, length = _cut(text, options, folder, schema, left)
        tables.append(table)
        lines.append(length)
        check_columns(names[0], tables[0].names, names[place], table.names)
    read_from = files_of(names, lines)
    moved = list(zip(tables, read_from.before, strict=True))
    return TableFile(
        name,
        tables[0].names,
        sum(table.rows for table in tables),
        lambda column: pl.concat([table.column(column) for table in tables]),
        np.concatenate([table.lines + before for table, before in moved if table.lines is not None]),
        sum((table.ragged.move(before) for table, before in moved), NONE_BAD).cut(),
        notes=join_notes(dict(zip(names, (table.notes for table in tables), strict=True))),
        files=read_from,
    )


def _cut(
    path: Path, options: TableOptions, pieces: Path, schema: Schema | None, left: int | None
) -> tuple[TableFile, int]:
    """The table in a text, cut into pieces, and how many lines it has."""
    size = PIECE_BYTES if left is None else min(PIECE_BYTES, max(SMALLEST_PIECE, left // COPIES_OF_PIECE))
    cut = cut_text(path, options, pieces, schema=schema, piece_bytes=size)
    lines = cut_lines(pieces, cut).to_numpy() if cut.pieces else np.zeros(0, np.int64)
    table = TableFile(
        path.name,
        cut.names,
        cut.rows,
        lambda name: cut_column(pieces, cut, name),
        lines,
        cut.ragged,
        notes=cut.notes,
    )
    return table, cut.lines + 1
