"""Columns of dates: text as people write dates, whole numbers that are dates, and columns of a type for dates."""

import dataclasses
import re

import polars as pl

from batchwright.data.typed.advice import kind_setting
from batchwright.data.typed.date_format import EPOCHS, MONTHS_OF_YEARS, read_dates
from batchwright.data.typed.date_search import find_written
from batchwright.data.typed.distinct import without_nulls
from batchwright.data.typed.schema import Column
from batchwright.errors import DataError

NAMED_SO = re.compile(r"time|date|datum|zeit|epoch|stamp|fecha|时间|日期|時間|日付", re.IGNORECASE)
"""Names of columns that say that whole numbers are times."""
FIRST_DAY, LAST_DAY = 1900_01_01, 2100_01_01
FIRST_MONTH, LAST_MONTH = 1900_01, 2099_12
MONTHS_NAMED_SO = re.compile(r"month|period|monat|mois|mes\b|mese|maand|yyyymm|\bym\b|年月", re.IGNORECASE)
FIRST_SECOND, LAST_SECOND = 946_684_800, 2_082_758_400
"""The years 2000 and 2036, in which a column counts the seconds since 1970 if its name says so."""
SEVERAL, SEVERAL_MONTHS = 5, 24
"""The least number of different numbers that are surely dates if all can be as 20180107, and as 201801."""


def find_in_numbers(numbers: pl.Series, *, told: bool = False) -> tuple[str, bool] | None:
    """The format in which all whole numbers may be dates, and whether they surely are; None if they cannot be.

    Numbers as 20180107 are, if there are several; seconds since 1970 are, if the name of the column says so.

    >>> find_in_numbers(pl.Series("day", [20180107, 20180230])), find_in_numbers(pl.Series("time", [1609459200]))
    (None, ('seconds since 1970', True))
    """
    known = without_nulls(numbers)
    if not len(known) or not known.dtype.is_numeric():
        return None
    smallest, largest = float(known.min()), float(known.max())  # type: ignore[arg-type]
    named_so = told or NAMED_SO.search(numbers.name) is not None
    form = _number_format(smallest, largest)
    if form is None or (known.dtype.is_float() and not (known == known.round()).all()):
        return None
    if form in EPOCHS:
        return form, named_so
    distinct = known.unique()
    if read_dates(distinct, form).null_count():
        return None
    if form == MONTHS_OF_YEARS:
        return form, bool(named_so or MONTHS_NAMED_SO.search(numbers.name)) or len(distinct) >= SEVERAL_MONTHS
    return form, named_so or len(distinct) >= SEVERAL


def typed_column(column: pl.Series) -> Column:
    """A column of a type for dates or times of day, with a note if its zone is not kept."""
    zone = column.dtype.time_zone if isinstance(column.dtype, pl.Datetime) else None
    note = "" if zone in (None, "UTC", "Etc/UTC") else f"times in zone {zone} are converted to UTC"
    return Column(column.name, "date", note=note)


def number_column(column: Column, cells: pl.Series) -> Column:
    """A numeric column; if all its numbers are dates, a column of dates; if they may be, with a note."""
    found = find_in_numbers(cells)
    if found is None:
        return column
    form, sure = found
    dates = f"dates as in {'201801' if form == MONTHS_OF_YEARS else '20180107'}"
    what, name = form if form in EPOCHS else dates, column.name
    if not sure:
        note = f"numbers, although they may be {what}; {kind_setting(name, 'date')} reads them so"
        return dataclasses.replace(column, note=note)
    note = f"whole numbers read as {what}; {kind_setting(name, 'numeric')} keeps the numbers"
    return Column(name, "date", note=note, format=form)


def told_column(spec: Column, cells: pl.Series, *, day_first: bool | None) -> Column:
    """A column that is told to be of dates, with the format of most cells, which may be whole numbers."""
    if cells.dtype == pl.String:
        written = find_written(cells.drop_nulls(), day_first=day_first)
        if written is not None:
            return dataclasses.replace(spec, note=written.note, format=written.format)
        cells = cells.cast(pl.Float64, strict=False)
    found = find_in_numbers(cells, told=True)
    return spec if found is None else dataclasses.replace(spec, format=found[0])


def to_dates(column: pl.Series, form: str) -> pl.Series:
    """The cells as datetimes, null where a cell is no date; times of day are on the first day of 1970.

    Text without a known format is read if there is only one way to read it.
    """
    if column.dtype == pl.String or (form and column.dtype.is_numeric()):
        found = None if form else find_written(column.drop_nulls())
        form = form or (found.format if found and not found.doubt else "")
        if form:
            return read_dates(column, form)
    if column.dtype == pl.Time:
        return column.cast(pl.Duration("us")).cast(pl.Int64).cast(pl.Datetime("us"))
    if column.dtype in (pl.Date, pl.Datetime):
        try:
            return column.cast(pl.Datetime("us"))
        except pl.exceptions.PanicException as error:
            raise DataError(f"column {column.name!r} holds dates that are out of range.") from error
    return pl.repeat(None, len(column), dtype=pl.Datetime("us"), eager=True).alias(column.name)


def _number_format(smallest: float, largest: float) -> str | None:
    """The format that numbers of this size may have as dates."""
    if FIRST_MONTH <= smallest <= largest <= LAST_MONTH:
        return MONTHS_OF_YEARS
    if FIRST_DAY <= smallest <= largest <= LAST_DAY:
        return "%Y%m%d"
    for digits, form in ((4, "%Y%m%d%H%M"), (6, "%Y%m%d%H%M%S")):
        if FIRST_DAY * 10**digits <= smallest <= largest <= LAST_DAY * 10**digits:
            return form
    for form, microseconds in EPOCHS.items():
        per_second = 1_000_000 // microseconds
        if FIRST_SECOND * per_second <= smallest <= largest <= LAST_SECOND * per_second:
            return form
    return None
