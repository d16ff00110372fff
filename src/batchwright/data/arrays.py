"""Arrays, in memory and in `.npy` and `.npz` files: two dimensions are a table, three or four are images."""

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from batchwright.data.images import Images, to_bytes
from batchwright.data.schema import Schema
from batchwright.data.tables import DEFAULT, Table, TableOptions, columns_of, from_frame, is_single
from batchwright.errors import DataError

TARGET = "target"
"""The column that y becomes beside the columns of x."""

NAMES = (("x_train", "y_train", "x_test", "y_test"), ("train_images", "train_labels", "test_images", "test_labels"))
NAMES_OF_ONE_PART = (("x", "y"), ("images", "labels"), ("data", "target"))

Array = Shaped[np.ndarray, "..."]


def rows_of(
    x: Any, y: Any = None, options: TableOptions = DEFAULT, *, schema: Schema | None = None, name: str = "arrays"
) -> Table | Images:
    """The rows of x, an array or data frame, with the labels or values y; a table has y as its column `target`.

    Raises:
        DataError: x and y differ in rows, or do not have the dimensions of a table or of images.

    >>> rows_of(np.eye(2), np.array([0.5, 0.7])).frame.columns
    ['0', '1', 'target']
    """
    columns = _columns(x, name)
    labels = None if y is None else _one_dimension(_array(y, name), name)
    rows = len(columns) if isinstance(columns, np.ndarray) else len(next(iter(columns.values()), ()))
    if labels is not None and len(labels) != rows:
        raise DataError(f"{name}: x has {rows:,} rows and y {len(labels):,}; each row needs its own label.")
    if isinstance(columns, np.ndarray):
        return Images(to_bytes(columns, name), labels, name)
    if labels is not None and TARGET in columns:
        raise DataError(
            f"{name}: x has a column {TARGET!r}, which is the name that y gets: rename it, or give x alone."
        )
    return from_frame(columns if labels is None else columns | {TARGET: labels}, options, schema=schema, name=name)


def read_npy(path: Path, options: TableOptions = DEFAULT, *, schema: Schema | None = None) -> Table | Images:
    """The array of a `.npy` file: rows of a table, or images without labels.

    Raises:
        DataError: not a whole `.npy` file, one of Python objects, or of other than 2 to 4 dimensions.
    """
    with whole_file(path), path.open("rb") as file:
        array = np.load(file, allow_pickle=False)
    return rows_of(array, None, options, schema=schema, name=path.name)


def read_npz(
    path: Path, options: TableOptions = DEFAULT, *, schema: Schema | None = None
) -> tuple[Table | Images, Table | Images | None]:
    """The training and the test part of a `.npz` file that names its arrays x_train, y_train, x_test and y_test.

    A file with x and y, or images and labels, or data and target, has one part. Labels may be absent; case is ignored.

    Raises:
        DataError: not a whole `.npz` file, one of Python objects, or with arrays of other names or shapes.
    """
    with whole_file(path), path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        arrays = {name.casefold(): archive[name] for name in archive.files}
    for names in NAMES + NAMES_OF_ONE_PART:
        if names[0] in arrays:
            parts = [
                rows_of(arrays[x], arrays.get(y), options, schema=schema, name=path.name)
                for x, y in zip(names[::2], names[1::2], strict=True)
                if x in arrays
            ]
            return parts[0], parts[1] if len(parts) == 2 else None
    allowed = "; ".join(", ".join(names) for names in NAMES + NAMES_OF_ONE_PART)
    raise DataError(f"{path} holds the arrays {', '.join(arrays) or '(none)'}. Name them: {allowed}.")


@contextmanager
def whole_file(path: Path) -> Iterator[None]:
    """Turn what NumPy raises for a bad file into one DataError that names it."""
    try:
        yield
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} is not a whole NumPy file of numbers or text: {error}") from error


def _columns(x: Any, name: str) -> np.ndarray | dict[str, Any]:
    """The columns of a table by name, or the array of images."""
    if isinstance(x, Mapping) and x and all(map(is_single, x.values())):
        x = {column: [value] for column, value in x.items()}  # one row
    columns = columns_of(x, name)
    if columns is not None:
        return columns
    array = _array(x, name)
    if array.ndim == 2:
        return {str(number): array[:, number] for number in range(array.shape[1])}
    if array.ndim in (3, 4):
        return array
    raise DataError(f"{name} has {array.ndim} dimensions; a table has 2, and images have 3 or 4.")


def _array(x: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(x)
    except ValueError as error:
        raise DataError(f"{name} is no array, as its rows differ in length or depth ({error}).") from error


def _one_dimension(y: Array, name: str) -> Shaped[np.ndarray, " rows"]:
    if y.ndim == 2 and y.shape[1] == 1:
        return y[:, 0]
    if y.ndim != 1:
        raise DataError(
            f"{name}: y has shape {y.shape}; it holds one label per row. Of one-hot labels take y.argmax(axis=1)."
        )
    return y
