"""Data frames and mappings of any library as polars columns."""

from collections.abc import Mapping
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from batchwright.data.typed.cells import first_ten
from batchwright.data.typed.schema import normal_names
from batchwright.errors import DataError

UNKNOWN_TO_POLARS = (TypeError, ValueError, ImportError, NotImplementedError)
"""Exceptions from converting mixed objects, complex numbers, or text of pandas without pyarrow."""
COMPLEX = "complex numbers: give their real and imaginary parts as two columns"


def to_polars(frame: Any, name: str) -> pl.DataFrame:
    """A polars frame of any data frame or mapping of arrays, with names that are text."""
    if isinstance(frame, pl.DataFrame):
        return frame.rename(dict(zip(frame.columns, normal_names(frame.columns, name), strict=True)))
    columns = columns_of(frame, name)
    if columns is None:
        raise DataError(
            f"{name} cannot be read as a data frame or a mapping of arrays: it is a {type(frame).__name__}."
        )
    if single := [column for column, values in columns.items() if is_single(values)]:
        raise DataError(
            f"{name}: {first_ten(map(repr, single))} is a single value, other columns are not: give each as a list, "
            "or a single value for each, as one row."
        )
    lengths = {column: len(values) for column, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"{name}: columns differ in length: {', '.join(f'{c!r} {n:,}' for c, n in lengths.items())}.")
    return pl.DataFrame({column: _series(column, values) for column, values in columns.items()})


def is_single(value: object) -> bool:
    """Whether the value for a column of a mapping is a single cell: text, a number, a date or None."""
    return isinstance(value, str | bytes) or not hasattr(value, "__len__") or getattr(value, "shape", None) == ()


def columns_of(frame: Any, name: str) -> dict[str, Any] | None:
    """The columns of a data frame or of a mapping of arrays, by their normal names; None for anything else.

    Raises:
        DataError: columns have the same name; `name` is the name of the table.
    """
    if isinstance(frame, Mapping):
        return dict(zip(normal_names(frame, name), frame.values(), strict=True))
    try:
        native = nw.from_native(frame)
    except nw.exceptions.DuplicateError as error:
        raise DataError(f"{name}: {error}. Give each column a name of its own.") from error
    except TypeError:
        return None
    if isinstance(native, nw.LazyFrame):
        native = native.collect()
    return dict(zip(normal_names(native.columns, name), native.iter_columns(), strict=True))


def _series(name: str, values: Any) -> pl.Series:
    """A polars column from any column; objects without a common polars type become text.

    Raises:
        DataError: cells are complex numbers, arrays, or text that is not Unicode.
    """
    try:
        return _convert_cells(name, values)
    except (TypeError, ValueError, OverflowError, UnicodeError, pl.exceptions.PolarsError, BaseExceptionGroup) as error:
        kind = getattr(values, "dtype", type(values).__name__)
        raise DataError(
            f"column {name!r} ({kind}) cannot be read ({error}); cells are numbers, text, Booleans, dates or missing."
        ) from error


def _convert_cells(name: str, values: Any) -> pl.Series:
    if isinstance(values, nw.Series):
        try:
            found = values.to_polars().alias(name)
            return _of_extension(name, values) if isinstance(found.dtype, pl.BaseExtension) else found
        except UNKNOWN_TO_POLARS:
            values = values.to_list()
    if isinstance(values, np.ndarray) and values.dtype != object:
        if values.dtype.kind == "c":
            raise TypeError(COMPLEX)
        return pl.Series(name, values)
    absent = ("None", "nan", "NaT", "<NA>")
    cells = [None if not isinstance(cell, str) and str(cell) in absent else cell for cell in values]
    if any(isinstance(cell, complex) for cell in cells):
        raise TypeError(COMPLEX)
    try:
        return pl.Series(name, cells)
    except (TypeError, OverflowError):
        return pl.Series(name, [None if cell is None else str(cell) for cell in cells])


def _of_extension(name: str, values: nw.Series[Any]) -> pl.Series:
    """Cells of a type of pandas that polars does not have: periods as the times at which they begin, others as text."""
    native = values.to_native()
    if str(native.dtype).startswith("period"):
        starts: nw.Series[Any] = nw.from_native(native.dt.to_timestamp(), series_only=True)
        return starts.to_polars().alias(name)
    texts = [None if missing else str(cell) for cell, missing in zip(values, values.is_null(), strict=True)]
    return pl.Series(name, texts, pl.String)


def index_notes(frame: Any) -> tuple[str, ...]:
    """What is said of an index of a pandas frame that has a name, or is no count of the rows: it is no column."""
    if not nw.dependencies.is_pandas_like_dataframe(frame):
        return ()
    named = [str(name) for name in frame.index.names if name is not None]
    if not named and frame.index.dtype.kind in "iu":
        return ()
    what = f"the index {first_ten(map(repr, named))}" if named else f"the index ({frame.index.dtype})"
    return (f"{what} of the data frame is not used: frame.reset_index() makes a column of it",)
