"""Get rows from what a user names or holds: an example, a file, a folder, arrays or a data frame."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from batchwright.data.formats.arrays import read_npy, read_npz, rows_of, target_columns, targets_among
from batchwright.data.formats.examples import EXAMPLES, example
from batchwright.data.formats.idx import holds_idx, is_idx, read_idx_folder, read_idx_images
from batchwright.data.formats.parquet import NUMPY, PARQUET, TEXT, parquet_files
from batchwright.data.typed.images import IMAGE_ENDINGS, Images, holds_images, is_image, read_image_folder
from batchwright.data.typed.schema import Schema
from batchwright.data.typed.table import DEFAULT, Table, TableOptions, from_frame, read_csv, read_parquet
from batchwright.errors import DataError, nearest

Source: TypeAlias = Any
"""The name of an example, a path, an array, a pair (x, y) of arrays, a mapping of columns, or any data frame."""

Rows = Table | Images


@dataclass(frozen=True)
class Loaded:
    """The content of a source: its rows, its own test part if any, the default target, and a short name."""

    train: Rows
    test: Rows | None
    target: str | tuple[str, ...] | None
    name: str


def read(
    source: Source,
    options: TableOptions = DEFAULT,
    *,
    schema: Schema | None = None,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
) -> Loaded:
    """The rows of a source.

    Args:
        source: the name of an example (write `./iris` for a file of that name); a file (CSV and other delimited text,
            Parquet, NPY, NPZ, IDX, an image) or folder (IDX files, one folder of images per class, or the Parquet files
            of one table, in the order of their names); in Python also an array, a pair (x, y), a mapping of columns, or
            any data frame.
        options: how the cells of a table are read.
        schema: the columns, for rows given to a trained model.
        image_size: height and width that the images of a folder are resized to.
        channels: 1 or 3, to which the images of a folder are converted.

    Raises:
        DataError: no such file, a file or folder of another kind, or one that cannot be read.

    >>> read("iris").target
    'species'
    """
    if isinstance(source, str) and source in [found.name for found in EXAMPLES]:
        return _read_example(source, options, schema)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        try:
            if is_image(path) or (path.is_dir() and holds_images(path) and not holds_idx(path)):
                return _read_images(path, image_size, channels)
            return _read_folder(path, options, schema) if path.is_dir() else _read_file(path, options, schema)
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error}") from error
    if isinstance(source, tuple) and len(source) == 2:
        rows = rows_of(*source, options, schema=schema)
        return Loaded(rows, None, target_columns(source[1]) if isinstance(rows, Table) else None, "arrays")
    rows = rows_of(source, None, options, schema=schema, name="array" if isinstance(source, np.ndarray) else "table")
    return Loaded(rows, None, None, rows.name)


def _read_example(name: str, options: TableOptions, schema: Schema | None) -> Loaded:
    found = example(name)
    rows = found.read()
    if isinstance(rows, Table) and (schema is not None or options.kinds):
        rows = from_frame(rows.frame, options, schema=schema, name=name)
    return Loaded(rows, None, found.target, name)


def _read_images(path: Path, image_size: tuple[int, int] | None, channels: int | None) -> Loaded:
    name = path.resolve().stem if path.is_file() else path.resolve().name
    return Loaded(*read_image_folder(path, image_size=image_size, channels=channels), None, name)


def _read_folder(path: Path, options: TableOptions, schema: Schema | None) -> Loaded:
    """The rows of a folder of IDX files, or of Parquet files."""
    name = path.resolve().name
    if holds_idx(path):
        return Loaded(*read_idx_folder(path), None, name)
    if parquet_files(path):
        return Loaded(read_parquet(path, options, schema=schema), None, None, name)
    entries = sorted(entry.name for entry in path.iterdir() if not entry.name.startswith("."))
    held = f"It holds {', '.join(entries[:5])}{', ...' if len(entries) > 5 else ''}." if entries else "It is empty."
    raise DataError(
        f"{path} is a folder of no kind that can be read: IDX files (train-images-idx3-ubyte, ...), images "
        f"({' '.join(IMAGE_ENDINGS)}) in one folder per class, or Parquet files of one table. {held} Any other table "
        "is given by its file."
    )


def _read_file(path: Path, options: TableOptions, schema: Schema | None) -> Loaded:
    check_file(path)
    name, ending = path.stem, path.suffix.lower()
    if is_idx(path):
        return Loaded(read_idx_images(path), None, None, path.name)
    if ending in TEXT:
        return Loaded(read_csv(path, options, schema=schema), None, None, name)
    if ending in PARQUET:
        return Loaded(read_parquet(path, options, schema=schema), None, None, name)
    if ending == ".npz":
        train, test = read_npz(path, options, schema=schema)
        return Loaded(train, test, targets_among(train) if isinstance(train, Table) else None, name)
    if ending == ".npy":
        rows = read_npy(path, options, schema=schema)
        return Loaded(rows, None, rows.columns[-1].name if isinstance(rows, Table) else None, name)
    known = ", ".join((*TEXT, *PARQUET, *NUMPY, *IMAGE_ENDINGS))
    raise DataError(
        f"{path} has the ending {ending or '(none)'!r}, which says nothing of its kind. Known endings: {known}."
    )


def check_file(path: Path) -> None:
    """Raise a DataError unless the path is a non-empty file; the nearest name is suggested."""
    if path.is_file():
        if path.stat().st_size == 0:
            raise DataError(f"{path} is empty.")
        return
    if path.exists():
        raise DataError(f"{path} is neither a file nor a folder.")
    names = [found.name for found in EXAMPLES]
    neighbours = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    near = nearest(path.name, [*names, *neighbours]) if path.parent == Path() else nearest(path.name, neighbours)
    hint = f" Did you mean {str(path.parent / near)!r}?" if near else ""
    where = "" if path.parent.is_dir() else f" There is no folder {path.parent} either."
    raise DataError(f"no such file or folder: {path}.{hint}{where} Examples that need no file: {', '.join(names)}.")
