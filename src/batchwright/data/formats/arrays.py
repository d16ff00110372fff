"""Arrays, in memory and in `.npy` and `.npz` files: two dimensions are a table, three or four are images."""

import dataclasses
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Shaped

from batchwright.data.formats.format import FileFormat, Loaded, Size, TableFile
from batchwright.data.typed.cells import first_ten
from batchwright.data.typed.frames import columns_of, index_notes, is_single
from batchwright.data.typed.images import Images, to_bytes
from batchwright.data.typed.schema import Schema
from batchwright.data.typed.table import DEFAULT, Table, TableOptions, from_frame
from batchwright.errors import DataError

TARGET = "target"
"""The name of y as a column beside the columns of x; a y of several columns becomes `target_0`, ..."""

NAMES = (
    ("x_train", "y_train", "x_test", "y_test", "x_val", "y_val"),
    ("train_images", "train_labels", "test_images", "test_labels", "val_images", "val_labels"),
)
INPUTS, LABELS = ("x", "images", "data", "features", "inputs"), ("y", "labels", "target", "targets", "label")
"""How the arrays of a single part may be called; the first found of each is taken."""

Array = Shaped[np.ndarray, "..."]


def rows_of(
    x: Any, y: Any = None, options: TableOptions = DEFAULT, *, schema: Schema | None = None, name: str = "arrays"
) -> Table | Images:
    """The rows of x, an array or data frame, with the labels or values y; a table has y as its column `target`.

    A y of several columns, [rows, k], becomes `target_0` to `target_k-1`; a data frame keeps its column names.

    Raises:
        DataError: x and y differ in their number of rows, or lack the dimensions of a table or of images.

    >>> rows_of(np.eye(2), np.array([0.5, 0.7])).frame.columns
    ['0', '1', 'target']
    """
    columns = _columns(x, name)
    labels = {} if y is None else _targets(y, name)
    rows = len(columns) if isinstance(columns, np.ndarray) else len(next(iter(columns.values()), ()))
    for values in labels.values():
        if len(values) != rows:
            raise DataError(f"{name}: x has {rows:,} rows and y {len(values):,}; each row needs its own label.")
    if isinstance(columns, np.ndarray):
        if len(labels) > 1:
            raise DataError(f"{name}: y has {len(labels)} columns; images have one label each.")
        return Images(to_bytes(columns, name), next(map(np.asarray, labels.values()), None), name)
    if taken := [column for column in labels if column in columns]:
        raise DataError(
            f"{name}: x has a column {taken[0]!r}, which is the name that y gets: rename it, or give x alone."
        )
    table = from_frame(columns | labels, options, schema=schema, name=name)
    said = index_notes(x) if schema is None else ()
    return dataclasses.replace(table, notes=(*said, *table.notes)) if said else table


def target_columns(y: Any) -> str | tuple[str, ...] | None:
    """The columns that y becomes in `rows_of`: one name, or several names.

    >>> target_columns(np.zeros(3)), target_columns(np.zeros((3, 2)))
    ('target', ('target_0', 'target_1'))
    """
    names = () if y is None else tuple(_targets(y, "arrays"))
    return names[0] if len(names) == 1 else names or None


def targets_among(table: Table) -> str | tuple[str, ...] | None:
    """The columns of a table that `rows_of` made from y."""
    several = tuple(name for name in table.kinds if re.fullmatch(rf"{TARGET}_\d+", name))
    return TARGET if TARGET in table.kinds else several or None


class Npy(FileFormat):
    """One array in a `.npy` file."""

    endings = (".npy",)

    def streams(self, path: Path) -> bool:
        """Yes."""
        return True

    def read(
        self, path: Path, options: TableOptions, *, schema: Schema | None, image_size: Size | None, channels: int | None
    ) -> Loaded:
        """The rows; the last column of a table is usually predicted."""
        rows = read_npy(path, options, schema=schema)
        return Loaded(rows, None, rows.columns[-1].name if isinstance(rows, Table) else None, path.stem)

    def open_table(self, path: Path, *, memory: int | None) -> TableFile | None:
        """An array of two dimensions; an eighth of the memory limits how many columns are read at once."""
        with whole_file(path):
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        if array.ndim != 2:
            raise DataError(f"{path} has {array.ndim} dimensions; in pieces, a table of 2 can be read.")
        rows, width = array.shape
        limit = (1 << 31 if memory is None else memory) // 8
        together = min(width, max(1, limit // max(1, rows * array.itemsize)))
        held: dict[int, np.ndarray] = {}

        def column(name: str) -> pl.Series:
            group, place = divmod(int(name), together)
            if group not in held:
                held.clear()
                held[group] = np.array(array[:, group * together : (group + 1) * together], order="F")
            return pl.Series(name, held[group][:, place])

        names = tuple(str(number) for number in range(width))
        return TableFile(path.name, names, rows, column, target=names[-1])


class Npz(FileFormat):
    """Arrays of up to three parts in a `.npz` file."""

    endings = (".npz",)

    def read(
        self, path: Path, options: TableOptions, *, schema: Schema | None, image_size: Size | None, channels: int | None
    ) -> Loaded:
        """The rows of all parts."""
        train, test, validation = read_npz(path, options, schema=schema)
        target = targets_among(train) if isinstance(train, Table) else None
        return Loaded(train, test, target, path.stem, validation)


NPY, NPZ = Npy(), Npz()


def read_npy(path: Path, options: TableOptions = DEFAULT, *, schema: Schema | None = None) -> Table | Images:
    """The array of a `.npy` file: rows of a table, or images without labels.

    Raises:
        DataError: not a whole `.npy` file, an array of Python objects, or not 2 to 4 dimensions.
    """
    with whole_file(path), path.open("rb") as file:
        array = load_npy(file)
    return rows_of(array, None, options, schema=schema, name=path.name)


def read_npz(
    path: Path, options: TableOptions = DEFAULT, *, schema: Schema | None = None
) -> tuple[Table | Images, Table | Images | None, Table | Images | None]:
    """The training, test and validation part of a `.npz` file that names its arrays x_train, y_train, x_test, ...

    A file with x and y, or other names of `INPUTS` and `LABELS`, has one part. Labels may be absent; case is ignored. A
    note names the arrays that are not used.

    Raises:
        DataError: not a whole `.npz` file, arrays of Python objects, or arrays with other names or shapes.
    """
    with whole_file(path), path.open("rb") as file:
        arrays = load_npz(file)
    return parts_of(arrays, options, schema=schema, name=path.name, whole_name=str(path))


def load_npy(file: io.BufferedIOBase) -> Array:
    """The array of a `.npy` file; raises what `whole_file` takes."""
    found = np.load(file, allow_pickle=False)
    if isinstance(found, np.ndarray):
        return found
    raise ValueError("it holds arrays with names, as .npz files do")


def load_npz(file: io.BufferedIOBase) -> dict[str, Array]:
    """The arrays of a `.npz` file by name, in lower case; raises what `whole_file` takes."""
    found = np.load(file, allow_pickle=False)
    if isinstance(found, np.ndarray):
        raise ValueError("it holds an array without a name, as .npy files do")
    with found:
        return {name.casefold(): found[name] for name in found.files}


def parts_of(
    arrays: Mapping[str, Array], options: TableOptions, *, schema: Schema | None, name: str, whole_name: str = ""
) -> tuple[Table | Images, Table | Images | None, Table | Images | None]:
    """The parts of arrays by name, as of `read_npz`.

    Args:
        arrays: the arrays; their names are in lower case.
        options: how cells are read.
        schema: the columns, for rows given to a trained model.
        name: what the rows are called in messages.
        whole_name: the same, where the names of arrays are in question, if that is another.

    Raises:
        DataError: arrays with other names or shapes.
    """
    of_one = (_first_of(INPUTS, arrays), _first_of(LABELS, arrays))
    names = next((names for names in (*NAMES, of_one) if names[0] in arrays), None)
    if names is None:
        allowed = "; ".join(", ".join(names) for names in (*NAMES, *zip(INPUTS, LABELS, strict=True)))
        raise DataError(f"{whole_name or name} holds the arrays {', '.join(arrays) or '(none)'}. Name them: {allowed}.")
    train, *others = (
        rows_of(arrays[x], arrays.get(y), options, schema=schema, name=name) if x in arrays else None
        for x, y in zip(names[::2], names[1::2], strict=True)
    )
    assert train is not None
    if unused := [repr(array) for array in arrays if array not in names]:
        what = "1 array is" if len(unused) == 1 else f"{len(unused)} arrays are"
        train = dataclasses.replace(train, notes=(*train.notes, f"{what} not used: {first_ten(unused)}"))
    test, validation = others or (None, None)
    return train, test, validation


def _first_of(names: Sequence[str], arrays: Mapping[str, Array]) -> str:
    """The first of these names that an array has; without one, the first of all."""
    return next((name for name in names if name in arrays), names[0])


BAD_FILE = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, MemoryError)
"""What reading a bad file raises; a RuntimeError is that of an encrypted one, a MemoryError of a false size."""


@contextmanager
def whole_file(path: Path | str) -> Iterator[None]:
    """Turn what NumPy raises for a bad file into one DataError that names it."""
    try:
        yield
    except BAD_FILE as error:
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


def _targets(y: Any, name: str) -> dict[str, Any]:
    """The columns of y by name."""
    columns = columns_of(y, name)
    if columns is not None and len(columns) > 1:
        return columns
    array = _array(y, name)
    if array.ndim == 1:
        return {TARGET: array}
    if array.ndim != 2 or array.shape[1] == 0:
        raise DataError(f"{name}: y has shape {array.shape}; it is one label per row, or [rows, k] of k targets.")
    if array.shape[1] == 1:
        return {TARGET: array[:, 0]}
    if _is_one_hot(array):
        raise DataError(f"{name}: y has one 1 in each row, as classes in one-hot form: give y.argmax(axis=1).")
    return {f"{TARGET}_{number}": column for number, column in enumerate(array.T)}


def _is_one_hot(array: Array) -> bool:
    if array.dtype.kind not in "biuf":
        return False
    return bool(np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all())
