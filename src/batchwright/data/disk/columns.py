"""Open a table as it lies in its files, to be read column by column."""

from pathlib import Path

import numpy as np

from batchwright._files import explain_write_errors, remove_parts
from batchwright.data.disk.text_pieces import PIECE_BYTES, cut_column, cut_lines, cut_text
from batchwright.data.formats.arrays import NPY
from batchwright.data.formats.delimited import DELIMITED
from batchwright.data.formats.format import TableFile
from batchwright.data.formats.parquet import PARQUET, parquet_files
from batchwright.data.formats.source import check_file
from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.schema import Schema
from batchwright.errors import DataError

STREAMED = (DELIMITED, PARQUET, NPY)
"""The formats of tables that can be read in pieces."""

PIECES = "pieces"
"""The folder of a text's pieces, inside the store's folder; it is removed when the store is finished."""

SMALLEST_PIECE, COPIES_OF_PIECE = 1 << 18, 12
"""Bytes of a piece; copies of a piece held while its records are found and parsed (9 measured)."""


def source_files(path: Path) -> list[Path]:
    """The file, or the Parquet files of a folder in the order of their names.

    Raises:
        DataError: there is no file, or none of a kind that can be read in pieces.
    """
    if path.is_dir():
        files = parquet_files(path)
        if not files:
            raise DataError(f"{path} holds no Parquet files: a table is given by its file, or by a folder of .parquet.")
        return files
    check_file(path)
    if path.suffix.lower() not in (known := [ending for one in STREAMED for ending in one.endings]):
        raise DataError(
            f"{path} cannot be read in pieces ({', '.join(known)} can): convert it, or leave out the memory limit."
        )
    return [path]


def open_table(path: Path, options: TableOptions, folder: Path, schema: Schema | None, left: int | None) -> TableFile:
    """The table of a source; text is first cut into pieces in `folder`, unless that is done.

    Raises:
        DataError: the source cannot be read.
        UsageError: the disk is full.
    """
    if DELIMITED.claims(path):
        return _open_text(path, options, folder, schema, left)
    found = (NPY if NPY.claims(path) else PARQUET).open_table(path, memory=left)
    assert found is not None
    return found


def _open_text(path: Path, options: TableOptions, folder: Path, schema: Schema | None, left: int | None) -> TableFile:
    pieces = folder / PIECES
    with explain_write_errors(pieces):
        pieces.mkdir(exist_ok=True)
        remove_parts(pieces)
    size = PIECE_BYTES if left is None else min(PIECE_BYTES, max(SMALLEST_PIECE, left // COPIES_OF_PIECE))
    cut = cut_text(path, options, pieces, schema=schema, piece_bytes=size)
    lines = cut_lines(pieces, cut).to_numpy() if cut.pieces else np.zeros(0, np.int64)
    return TableFile(
        path.name, cut.names or (), cut.rows, lambda name: cut_column(pieces, cut, name), lines, cut.ragged
    )
