"""The cells of a target: which rows have one, and whether they can be one."""

import dataclasses
import re

import numpy as np
import polars as pl

from batchwright.data.typed.advice import kind_setting
from batchwright.data.typed.bad_cells import dropped_note
from batchwright.data.typed.cells import KEPT, BadCell, BadCells
from batchwright.data.typed.date_format import OF_NUMBERS
from batchwright.data.typed.schema import Column
from batchwright.data.typed.table import Table
from batchwright.errors import DataError

CLOCK_FORMAT = re.compile(r"%H:%M(?::%S(?:%\.f)?)?")
"""The formats of times of day without a date, which lengths of time such as 1:23:45 look like."""


def drop_missing(table: Table, name: str) -> Table:
    """The rows that have a value in the column `name`; the others are noted and listed as dropped."""
    known = table.frame[table.column(name).name].is_not_null().to_numpy()
    if known.all():
        return table
    numbers = np.arange(1, table.rows + 1) if table.lines is None else table.lines
    first = tuple(BadCell(line, name, "", "a target") for line in numbers[~known][:KEPT].tolist())
    lost = BadCells(int((~known).sum()), first)
    lost = lost if table.files is None else table.files.locate(lost)
    note = dropped_note(lost, lost.count, place="row" if table.lines is None else "line")
    kept = table.take(np.flatnonzero(known))
    return dataclasses.replace(kept, notes=(*table.notes, note), dropped=table.dropped + lost)


def target_cells(table: Table, name: str) -> pl.Series:
    """The cells of the target: none missing, and suitable as a target."""
    column = table.column(name)
    cells = table.frame[name]
    missing = np.flatnonzero(cells.is_null().to_numpy())
    if len(missing):
        marks = f" Why: {column.note}." if "taken as missing" in column.note else ""
        raise DataError(
            f"{table.name}: target {name!r} is missing in {len(missing):,} of {table.rows:,} rows "
            f"({table.places(missing)}).{marks} Fill them in, or leave these rows out.",
            "`on_bad_rows=drop` does that.",
        )
    if not (cells.dtype.is_numeric() or cells.dtype in (pl.String, pl.Boolean)):
        raise DataError(f"{table.name}: target {name!r} holds {_what_is_no_target(column, cells)}")
    return cells


def _what_is_no_target(column: Column, cells: pl.Series) -> str:
    """What the cells are that are neither numbers nor names, and what can be done, as the end of a sentence."""
    numeric, wanted = kind_setting(column.name, "numeric"), "a target is a number or the name of a class."
    if CLOCK_FORMAT.fullmatch(column.format):
        return f"times of day; {wanted} If these are lengths of time, {numeric} makes numbers of seconds of them."
    if column.kind == "date":
        whole = f" {numeric} keeps its whole numbers as numbers." if column.format in OF_NUMBERS else ""
        return f"dates; {wanted} Choose another column, or make a number of it, as days since a first day.{whole}"
    labels = " Lists are several labels: `task.name=multilabel`." if cells.dtype.is_nested() else ""
    return f"{cells.dtype}; {wanted}{labels}"
