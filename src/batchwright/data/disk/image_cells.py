"""The column of a stored table that holds images: its names are typed first, and then replaced by pixels."""

import json
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Bool

from batchwright._files import write_file
from batchwright.data.disk.store import Store, column_file, write_columns
from batchwright.data.formats.format import TableFile
from batchwright.data.formats.image_columns import LOST, place_of_images
from batchwright.data.formats.image_decoding import decode_images, drop_or_stop
from batchwright.data.formats.image_places import Places
from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.schema import Column
from batchwright.errors import DataError

IMAGE_FILES = "image_files.json"
"""The images of a store, with sizes and times; it is made anew when they have changed."""

COPIES = 3
"""Copies of the pixels held at most: as they are decoded, as cells, and without dropped rows."""


class StoredImages(NamedTuple):
    """All columns, the rows of the source that are kept, and notes on rows that were dropped for their images."""

    columns: tuple[Column, ...]
    fits: Bool[np.ndarray, " rows"]
    notes: tuple[str, ...]


def names_file(path: Path) -> Path:
    """The file of the names of images, next to the file of their pixels."""
    return path.with_suffix(".names")


def store_images(
    raw: TableFile,
    columns: tuple[Column, ...],
    folder: Path,
    fits: Bool[np.ndarray, " rows"],
    options: TableOptions,
    places: Places | None,
    left: int | None,
    *,
    like: bool,
) -> StoredImages:
    """Write the pixels of the kept rows, if a column holds images.

    Args:
        raw: the source.
        columns: its columns.
        folder: the folder of the store.
        fits: the rows that are kept so far.
        options: how cells are read.
        places: where the images are.
        left: bytes of memory that may be taken; None for no limit.
        like: whether the columns are those of earlier rows.

    Raises:
        DataError: more than one column holds images; or images cannot be read, differ in size, or take too much memory.
    """
    place = place_of_images(columns, raw.name, options, like=like)
    if place is None:
        return StoredImages(columns, fits, ())
    kept, path = np.flatnonzero(fits), folder / column_file(place)
    names = pl.scan_ipc(names_file(path), glob=False).collect().to_series()[kept]
    lines = kept + 1 if raw.lines is None else raw.lines[kept]
    check = partial(_check_memory, columns[place].name, raw.name, left)
    found = decode_images(columns[place], names, places, options, lines=lines, check=check)
    notes = drop_or_stop(found, raw.name, options, place="row" if raw.lines is None else "line")
    write_columns(path, found.cells.to_frame().filter(found.fits))
    write_file(path.with_name(IMAGE_FILES), json.dumps(_facts(found.files)), overwrite=True)
    remaining = fits.copy()
    remaining[kept] = found.fits
    return StoredImages((*columns[:place], found.column, *columns[place + 1 :]), remaining, notes)


def _check_memory(column: str, name: str, left: int | None, size: int) -> None:
    if left is not None and COPIES * size > left:
        raise DataError(
            f"{name}: the images of column {column!r} take about {COPIES * size / 1e6:,.0f} MB of memory, and the "
            f"limit leaves {left / 1e6:,.0f} MB: raise the memory limit.",
            "Or give a smaller `image_size`.",
        )


def images_unchanged(store: Store) -> bool:
    """Whether the images from which a store was made are as they were, and none were lacking; true without images."""
    file = store.folder / IMAGE_FILES
    if not file.is_file():
        return not any(LOST in column.note for column in store.columns)
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        return bool(known == _facts([Path(path) for path, *_ in known]))
    except (OSError, ValueError, TypeError):
        return False


def _facts(files: list[Path]) -> list[list[str | int]]:
    """The path of each file, with its size and time; only the path if there is no such file."""
    return [[str(file), *_size_and_time(file)] for file in files]


def _size_and_time(file: Path) -> tuple[int, ...]:
    try:
        found = file.stat()
    except (OSError, ValueError):
        return ()
    return found.st_size, found.st_mtime_ns
