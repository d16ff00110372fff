"""Which cells mean missing: `clean` turns them into null, and a note counts those that stand among categories."""

import dataclasses
import math
from functools import cache

import polars as pl

from batchwright.data.typed.convert import all_finite
from batchwright.data.typed.schema import Column

DECIMAL_COMMA = r"^[+-]?[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})$"
"""A number with a comma that cannot stand between thousands."""
LEADING_ZERO = r"^[+-]?0[0-9]+$"


def clean(column: pl.Series, missing: tuple[str, ...]) -> pl.Series:
    """The column with null where a cell means missing, and without spaces around text."""
    if column.dtype in (pl.String, pl.Categorical, pl.Enum):
        text = column.cast(pl.String).str.strip_chars()
        means_missing = text.is_in(["", *missing])
        if numbers := numbers_among(tuple(missing)):
            means_missing |= _are_among(text, numbers)
        return text.set(means_missing, None) if means_missing.any() else text
    if not column.dtype.is_numeric():
        return column
    numbers = numbers_among(tuple(missing))
    column = column.fill_nan(None) if column.dtype.is_float() and not all_finite(column) else column
    return column.set(column.cast(pl.Float64).is_in(numbers), None) if numbers else column


def _are_among(text: pl.Series, numbers: list[float]) -> pl.Series:
    """Whether texts are one of these numbers, with a decimal point or comma; leading zeros make a name of a number.

    >>> _are_among(pl.Series(["-200", "-200.0", "-200,0", "0200", "-200,000"]), [-200.0]).to_list()
    [True, True, True, False, False]
    """
    with_comma = text.str.contains(DECIMAL_COMMA)
    plain = text.str.replace(",", ".", literal=True).zip_with(with_comma, text) if with_comma.any() else text
    among = plain.cast(pl.Float64, strict=False).is_in(numbers)
    return (among & ~text.str.contains(LEADING_ZERO)).fill_null(value=False)


def with_marks(spec: Column, raw: pl.Series, cells: pl.Series) -> Column:
    """A column of categories, with a note on the cells that hold a mark such as NA or None and are taken as missing."""
    if spec.kind != "categorical" or raw.dtype != pl.String or cells.null_count() == raw.null_count():
        return spec
    marks = raw.alias(spec.name).str.strip_chars().filter(cells.is_null() & raw.is_not_null())
    counts = marks.filter(marks != "").value_counts(name="cells").sort("cells", spec.name, descending=[True, False])
    if not counts.height:
        return spec
    listed = ", ".join(f"{count:,} cell{'' if count == 1 else 's'} {mark!r}" for mark, count in counts[:3].iter_rows())
    note = f"{listed} taken as missing; `usual_missing=false` takes them as names"
    return dataclasses.replace(spec, note=f"{spec.note}; {note}" if spec.note else note)


@cache
def numbers_among(texts: tuple[str, ...]) -> list[float]:
    """The numbers that some texts are, worked out once rather than for each column.

    >>> numbers_among(("NA", "-200"))
    [-200.0]
    """
    return [number for text in texts if (number := _number(text)) is not None]


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number
