"""Convert the cells of a column whose kind is known: null where a cell does not fit."""

import numpy as np
import polars as pl

from batchwright.data.typed import dates
from batchwright.data.typed.durations import LENGTHS, read_durations, seconds_of
from batchwright.data.typed.flags import FALSE, TRUE
from batchwright.data.typed.fractions import is_fraction_format, read_fractions
from batchwright.data.typed.schema import Column
from batchwright.data.typed.tags import LISTED
from batchwright.errors import DataError


def convert(column: pl.Series, spec: Column) -> pl.Series:
    """The cells of a clean column as values of `spec.kind`: finite numbers, booleans, datetimes, or text; else null."""
    match spec.kind:
        case "numeric":
            return _as_numbers(column, spec)
        case "boolean":
            return _as_booleans(column)
        case "date":
            return dates.to_dates(column, spec.format)
        case "categorical" | "text" | "image":
            return as_text(column)
        case "tags":
            return as_text(column, between=spec.format)
        case "identifier":
            pass
    return column


def as_text(column: pl.Series, *, between: str = LISTED) -> pl.Series:
    """The cells as text; whole numbers without a point, so that 1, 1.0 and "1" are one category; lists with | between.

    `between` is another sign to put between the texts of a list.

    >>> as_text(pl.Series([1.0, 2.5, None])).to_list(), as_text(pl.Series([["a", "b"], []])).to_list()
    (['1', '2.5', None], ['a|b', ''])

    Raises:
        DataError: a text in a list holds the sign that is put between them.
    """
    if isinstance(column.dtype, pl.List | pl.Array):
        texts = column.cast(pl.List(pl.String)).list
        if texts.join("").str.contains(between, literal=True).any():
            raise DataError(
                f"column {column.name!r} holds lists with {between!r} in a text, which is put between them."
            )
        return texts.join(between)
    if column.dtype == pl.Binary:
        return column.bin.encode("hex")
    if column.dtype == pl.Duration:
        return column.dt.to_string("iso")
    if not column.dtype.is_float() and not column.dtype.is_decimal():
        return column.cast(pl.String)
    cells = pl.col(column.name)
    whole = cells.cast(pl.Int64, strict=False)
    text = pl.when(whole == cells).then(whole.cast(pl.String)).otherwise(cells.cast(pl.String))
    return column.to_frame().select(text.alias(column.name)).to_series()


def _as_numbers(column: pl.Series, spec: Column) -> pl.Series:
    if column.dtype == pl.Duration:
        return seconds_of(column)
    if column.dtype.is_temporal() or column.dtype.is_nested() or column.dtype == pl.Binary:
        return pl.repeat(None, len(column), dtype=pl.Float64, eager=True).alias(column.name)
    if column.dtype == pl.String and spec.format in LENGTHS:
        return read_durations(column, spec.format)
    if column.dtype == pl.String and is_fraction_format(spec.format):
        return read_fractions(column, spec.format)
    if column.dtype == pl.String and spec.numbers is not None:
        column = spec.numbers.read(column)
    elif not column.dtype.is_integer() and not column.dtype.is_float():
        column = column.cast(pl.Float64, strict=False)
    if all_finite(column):
        return column
    unfit = ~column.is_finite()
    return column.set(unfit, None) if unfit.any() else column


def all_finite(column: pl.Series) -> bool:
    """Whether a column of numbers has no missing, infinite or undefined ones; polars takes ten times as long to say."""
    return column.null_count() == 0 and bool(np.isfinite(column.to_numpy()).all())


def _as_booleans(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Boolean:
        return column
    words = as_text(column).str.to_lowercase()
    answers = words.is_in(TRUE)
    unfit = ~(answers | words.is_in(FALSE))
    return answers.set(unfit, None) if unfit.any() else answers
