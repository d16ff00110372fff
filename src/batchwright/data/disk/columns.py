"""Tables as stored in files: their columns, and how to read one column at a time."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Int64

from batchwright._files import explained, remove_parts
from batchwright.data.disk.text_pieces import PIECE_BYTES, cut_column, cut_lines, cut_text
from batchwright.data.formats.arrays import whole_file
from batchwright.data.formats.parquet import PARQUET, TEXT, parquet_files, scan_parquet
from batchwright.data.formats.source import check_file
from batchwright.data.typed.cells import NONE_BAD, BadCells, TableOptions
from batchwright.data.typed.schema import Schema, normal_names
from batchwright.errors import DataError

PIECES = "pieces"
"""The folder of a text's pieces, inside the store's folder; it is removed when the store is finished."""

SMALLEST_PIECE, COPIES_OF_PIECE = 1 << 18, 12
"""Bytes of a piece; copies of a piece held while its records are found and parsed (9 measured)."""


@dataclasses.dataclass(frozen=True)
class Raw:
    """A table as stored in its files; one column at a time is read.

    Attributes:
        name: what it is called in messages.
        names: the names of its columns.
        rows: the number of rows.
        column: a function from a column's name to its cells.
        lines: the lines on which the rows begin; None where rows are counted from 1.
        ragged: the records with the wrong number of fields.
        target: the column that is usually predicted, if there is one.
    """

    name: str
    names: tuple[str, ...]
    rows: int
    column: Callable[[str], pl.Series]
    lines: Int64[np.ndarray, " rows"] | None = None
    ragged: BadCells = NONE_BAD
    target: str | None = None


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
    if path.suffix.lower() not in (*TEXT, *PARQUET, ".npy"):
        known = ", ".join((*TEXT, *PARQUET, ".npy"))
        raise DataError(f"{path} cannot be read in pieces ({known} can): convert it, or leave out the memory limit.")
    return [path]


def open_raw(path: Path, options: TableOptions, folder: Path, schema: Schema | None, left: int | None) -> Raw:
    """The table of a source; text is first cut into pieces in `folder`, unless that is done.

    Raises:
        DataError: the source cannot be read.
        UsageError: the disk is full.
    """
    if path.suffix.lower() == ".npy" and path.is_file():
        return _open_npy(path, left)
    if path.is_file() and path.suffix.lower() in TEXT:
        return _open_text(path, options, folder, schema, left)
    scan = scan_parquet(path)
    try:
        written = scan.collect_schema().names()
        rows = int(scan.select(pl.len()).collect().item())
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path.name} cannot be read as Parquet: {error}") from error
    by_name = dict(zip(normal_names(written, path.name), written, strict=True))

    def column(name: str) -> pl.Series:
        return scan.select(pl.col(by_name[name])).collect().to_series().alias(name)

    return Raw(path.name, tuple(by_name), rows, column)


def _open_text(path: Path, options: TableOptions, folder: Path, schema: Schema | None, left: int | None) -> Raw:
    pieces = folder / PIECES
    with explained(pieces):
        pieces.mkdir(exist_ok=True)
        remove_parts(pieces)
    size = PIECE_BYTES if left is None else min(PIECE_BYTES, max(SMALLEST_PIECE, left // COPIES_OF_PIECE))
    cut = cut_text(path, options, pieces, schema=schema, piece_bytes=size)
    lines = cut_lines(pieces, cut).to_numpy() if cut.pieces else np.zeros(0, np.int64)
    return Raw(path.name, cut.names or (), cut.rows, lambda name: cut_column(pieces, cut, name), lines, cut.ragged)


def _open_npy(path: Path, left: int | None) -> Raw:
    """An array of two dimensions; an eighth of the memory limits how many columns are read at once."""
    with whole_file(path):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.ndim != 2:
        raise DataError(f"{path} has {array.ndim} dimensions; in pieces, a table of 2 can be read.")
    rows, width = array.shape
    together = min(width, max(1, (1 << 31 if left is None else left) // 8 // max(1, rows * array.itemsize)))
    held: dict[int, np.ndarray] = {}

    def column(name: str) -> pl.Series:
        group, place = divmod(int(name), together)
        if group not in held:
            held.clear()
            held[group] = np.array(array[:, group * together : (group + 1) * together], order="F")
        return pl.Series(name, held[group][:, place])

    names = tuple(str(number) for number in range(width))
    return Raw(path.name, names, rows, column, target=names[-1])
