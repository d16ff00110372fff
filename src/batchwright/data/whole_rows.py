"""New rows for a trained model, a piece at a time, so that each row of the source gets its answer, in its place."""

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Bool

from batchwright.data.disk.budget import RUNTIME_BYTES, estimated_bytes
from batchwright.data.disk.text_pieces import text_pieces
from batchwright.data.encode.encoding import Encoding, ImagePreprocessing
from batchwright.data.encode.preprocessing import Preprocessing
from batchwright.data.encode.unfamiliar import Unfamiliar, count_unfamiliar
from batchwright.data.formats.delimited import DELIMITED, type_text
from batchwright.data.formats.given import to_path
from batchwright.data.formats.image_columns import with_images
from batchwright.data.formats.parquet import PARQUET, parquet_pieces
from batchwright.data.formats.source import Source, check_file
from batchwright.data.new_rows import read_like
from batchwright.data.typed.bad_cells import bad_cells_error
from batchwright.data.typed.cells import NONE_BAD, BadCells
from batchwright.data.typed.images import Images
from batchwright.data.typed.rows import Rows
from batchwright.data.typed.schema import WholeSchema
from batchwright.data.typed.table import ON_BAD_ROWS, Table, TableOptions
from batchwright.errors import ConfigError, DataError, unknown

PIECE_BYTES, PIECE_CELLS = 1 << 20, 1 << 18
"""Bytes of text, and cells of a Parquet file, that are read at a time.

3 million rows of 14 columns (307 MB of text) took 440 MB, of which 380 MB are libraries, and as long as with pieces of
four times the size, which took 80 to 130 MB more."""

PIECES_TAKE = 100_000_000
"""Bytes that pieces of this size take while they are read and answered."""

IMAGE_PIECE_BYTES, IMAGE_PIECE_CELLS = 1 << 16, 1 << 10
"""The same where a column names images."""

PATH = "path"
"""What the files of images are called among the columns that can be kept."""


@dataclasses.dataclass(frozen=True)
class WholeRows:
    """Some rows of a source, in its order.

    Attributes:
        inputs: the encoded inputs of the rows that fit, by name.
        fits: for each row, whether all its cells fit their columns.
        written: the columns that are kept as they are written, of all rows.
        bad: the cells that do not fit.
        unfamiliar: what is unlike the training rows, among the rows that fit.
        place: what the numbers of bad cells count: "line" or "row".
        hints: what to do about cells that do not fit.
        notes: what was changed while the rows were read, one sentence each.
    """

    inputs: Mapping[str, np.ndarray]
    fits: Bool[np.ndarray, " rows"]
    written: pl.DataFrame
    bad: BadCells = NONE_BAD
    unfamiliar: Unfamiliar = dataclasses.field(default_factory=Unfamiliar)
    place: str = "row"
    hints: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __add__(self, other: "WholeRows") -> "WholeRows":
        """These rows and those that follow."""
        return WholeRows(
            {name: np.concatenate([array, other.inputs[name]]) for name, array in self.inputs.items()},
            np.concatenate([self.fits, other.fits]),
            pl.concat([self.written, other.written]),
            (self.bad + other.bad).cut(),
            self.unfamiliar + other.unfamiliar,
            self.place,
            self.hints or other.hints,
            (*self.notes, *other.notes),
        )

    def cut(self, count: int) -> tuple["WholeRows", "WholeRows"]:
        """The rows up to the one of number `count` that fits, with what was found in all, and the others."""
        end = int(np.flatnonzero(self.fits)[count - 1]) + 1
        first = dataclasses.replace(
            self,
            inputs={name: array[:count] for name, array in self.inputs.items()},
            fits=self.fits[:end],
            written=self.written[:end],
        )
        rest = {name: array[count:] for name, array in self.inputs.items()}
        return first, WholeRows(rest, self.fits[end:], self.written[end:], place=self.place)


def read_whole(
    source: Source, encoding: Encoding, *, keep: tuple[str, ...] = (), on_bad_rows: str = "stop"
) -> Iterator[WholeRows]:
    """All rows of a source, encoded; delimited text and Parquet of any length a piece at a time.

    Args:
        source: rows as for training, which need no targets; if it has its own test part, that part is used.
        encoding: the encoding of the trained model.
        keep: columns that are kept as they are written.
        on_bad_rows: "stop" to raise an error about all cells that do not fit once the source is read; "drop" to mark
            their rows.

    Raises:
        DataError: a column is missing, images have another shape, cells that do not fit, or as `read`.
    """
    if on_bad_rows not in ON_BAD_ROWS:
        raise ConfigError(unknown("on_bad_rows", on_bad_rows, ON_BAD_ROWS))
    schema = WholeSchema(**vars(encoding.schema) | {"keep": keep})
    bad, hints, name, place = NONE_BAD, tuple[str, ...](), "", "row"
    for rows in _read_pieces(source, schema, encoding, on_bad_rows):
        piece = encode_whole(rows, encoding, keep)
        bad, name, place = (bad + piece.bad).cut(), rows.name, piece.place
        hints = hints or piece.hints
        if on_bad_rows == "drop" or not bad.count:
            yield piece
    if bad.count and on_bad_rows == "stop":
        error = bad_cells_error(name, bad, place=place, hints=hints)
        raise DataError(error.message, "`on_bad_rows=drop` leaves the answers of these rows empty.")


def level(pieces: Iterable[WholeRows], block: int) -> Iterator[WholeRows]:
    """The same rows, cut elsewhere: all pieces but the last hold whole blocks of rows that fit, the last at least one.

    So a network that takes a block of rows at a time gets the same blocks as if all rows came at once.
    """
    held: WholeRows | None = None
    for piece in pieces:
        held = piece if held is None else held + piece
        if blocks := max(0, int(held.fits.sum()) // block - 1):
            first, held = held.cut(blocks * block)
            yield first
    if held is not None:
        yield held


def encode_whole(rows: Rows, encoding: Encoding, keep: tuple[str, ...] = ()) -> WholeRows:
    """The rows encoded; a table has to be read by a `WholeSchema`."""
    inputs = encoding.inputs(rows)
    if isinstance(rows, Images):
        fits = np.arange(rows.rows + len(rows.dropped)) < rows.rows
        return WholeRows(inputs, fits, _paths_of(rows, keep), notes=rows.notes)
    assert rows.whole is not None
    assert isinstance(encoding.preprocessing, Preprocessing)
    unfamiliar = count_unfamiliar(encoding.preprocessing, rows)
    place = "row" if rows.lines is None else "line"
    whole = rows.whole
    return WholeRows(inputs, whole.fits, whole.written, rows.dropped, unfamiliar, place, whole.hints, rows.notes)


def _paths_of(images: Images, keep: tuple[str, ...]) -> pl.DataFrame:
    """The paths of images that are in files, last of those that cannot be read; there are no other columns to keep."""
    known = () if images.files is None else (PATH,)
    if strange := [name for name in keep if name not in known]:
        also = f" Their answers have the column {PATH!r} in any case." if known else ""
        raise DataError(f"{images.name} holds images, which have no column {strange[0]!r} to keep: leave it out.{also}")
    return pl.DataFrame() if images.files is None else pl.DataFrame({PATH: [*images.files, *images.dropped]})


def _read_pieces(source: Source, schema: WholeSchema, encoding: Encoding, on_bad_rows: str) -> Iterator[Rows]:
    """The rows as they are read, a piece at a time where the format can be read so."""
    reading = dataclasses.replace(encoding.reading, on_bad_rows="drop")
    path = Path(source) if isinstance(source, str | os.PathLike) else None
    if isinstance(encoding.preprocessing, ImagePreprocessing):
        images = dataclasses.replace(reading, on_bad_rows=on_bad_rows)
        yield read_like(source, schema, encoding.preprocessing, images)
    elif path is None:
        yield read_like(source, schema, encoding.preprocessing, reading)
    elif _is_cut_text(path, schema):
        check_file(path)
        yield from _text_tables(path, reading, schema)
    elif _is_parquet(path):
        if path.is_file():
            check_file(path)
        width = max(1, len(schema.used) + len(schema.keep))
        cells = IMAGE_PIECE_CELLS if _names_images(schema) else PIECE_CELLS
        for start, found in parquet_pieces(path, reading, schema=schema, rows_at_once=max(1, cells // width)):
            table = with_images(found, path, reading, like=True)
            yield dataclasses.replace(table, dropped=table.dropped.move(start))
    else:
        yield read_like(source, schema, encoding.preprocessing, reading)


def _is_cut_text(path: Path, schema: WholeSchema) -> bool:
    """Whether a file is delimited text that can be read a piece at a time."""
    return path.is_file() and DELIMITED.claims(path) and not _needs_all_dates(schema)


def _is_parquet(path: Path) -> bool:
    return path.exists() and PARQUET.claims(path)


def require_memory(source: str, encoding: Encoding, limit: int) -> None:
    """Raise a DataError if the rows of a source may take more than `limit` bytes of memory with the whole process.

    Text and Parquet are read a piece at a time, and take the same for any number of rows; other formats are read whole.
    """
    path, schema, made = to_path(source), WholeSchema(**vars(encoding.schema)), encoding.preprocessing
    images = isinstance(made, ImagePreprocessing)
    pieces = not images and (_is_cut_text(path, schema) or _is_parquet(path))
    size = made.shape[:2] if isinstance(made, ImagePreprocessing) else encoding.reading.image_size
    rows = PIECES_TAKE if pieces else estimated_bytes(source, size, encoding.reading.image_dir)
    if RUNTIME_BYTES + rows <= limit:
        return
    remedy = "Raise the limit" + ("." if pieces or images else ", or give the rows as CSV or Parquet, which take less.")
    raise DataError(
        f"the rows of {source} take about {rows / 1e6:,.0f} MB, and the program takes {RUNTIME_BYTES / 1e6:,.0f} MB: "
        f"that is more than the limit of {limit / 1e6:,.0f} MB. {remedy}"
    )


def _text_tables(path: Path, reading: TableOptions, schema: WholeSchema) -> Iterator[Table]:
    try:
        piece_bytes = IMAGE_PIECE_BYTES if _names_images(schema) else PIECE_BYTES
        for text in text_pieces(path, reading, schema=schema, piece_bytes=piece_bytes):
            table = type_text(text, reading, schema=schema, name=path.name)
            yield with_images(table, path, reading, like=True)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def _names_images(schema: WholeSchema) -> bool:
    """Whether a column names images, which take more memory than other cells."""
    return any(column.kind == "image" for column in schema.columns)


def _needs_all_dates(schema: WholeSchema) -> bool:
    """Whether dates had no text in training, so that all of them have to be seen to find how they are written."""
    return any(column.used and column.kind == "date" and not column.format for column in schema.columns)
