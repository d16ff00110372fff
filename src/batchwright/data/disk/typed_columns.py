"""Type the columns of a table one at a time and write them to files; what an earlier conversion has typed is kept."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from batchwright._files import write_file
from batchwright.data.disk.budget import check_memory
from batchwright.data.disk.image_cells import names_file
from batchwright.data.disk.store import column_file, write_columns
from batchwright.data.formats.format import TableFile
from batchwright.data.formats.image_columns import recognise
from batchwright.data.formats.image_places import Places
from batchwright.data.typed.cells import BadCells, TableOptions
from batchwright.data.typed.decimal_marks import (
    FileMark,
    Sureness,
    free_columns,
    mark_of_file,
    with_doubt,
    with_mark,
    with_reason,
)
from batchwright.data.typed.reading import bad_cells, type_column
from batchwright.data.typed.schema import Column, from_plain
from batchwright.errors import DataError

WORKING_COPIES = 2
"""Copies of a column held while it is typed, at most (measured on numbers, texts, and numbers as text)."""
VIEW_BYTES = 16
"""Bytes per row of a text column besides its text."""
ROW_BYTES = 24
"""Further bytes per row: the typed cell, the row's line, and masks."""


@dataclasses.dataclass(frozen=True)
class Typed:
    """The result of typing a column: its kind, and the cells that do not fit; their rows are in a file.

    `sureness` is that of the decimal mark of its numbers, read apart from the other columns.
    """

    column: Column
    bad: BadCells
    sureness: Sureness


@dataclasses.dataclass(frozen=True)
class ColumnReading:
    """How the columns of a table are read, and where they are written; the arguments are as for `type_cells`.

    `left` are bytes of memory that may be taken, None for no limit; `places` is where the images are that cells name.
    """

    raw: TableFile
    folder: Path
    options: TableOptions
    known: Mapping[str, Column]
    like: bool
    left: int | None
    places: Places | None

    def type_all(self, names: Sequence[str]) -> list[Typed]:
        """The columns, each with its values in a file; those that could have either decimal mark follow the others."""
        untyped = self.raw.lines is not None
        free = free_columns(names, self.known, self.options.decimal, like=self.like, untyped=untyped)
        typed = [self._once(name, place, judges=bool(free)) for place, name in enumerate(names)]
        mark = mark_of_file((found.column, found.sureness) for found in typed)
        for place, name in enumerate(names):
            if name in free:
                typed[place] = self._follow(typed[place], name, place, mark)
        return typed

    def _once(self, name: str, place: int, *, judges: bool) -> Typed:
        """A column by its own cells; the result of an earlier conversion is used again."""
        found_path = (self.folder / column_file(place)).with_suffix(".json")
        if found_path.is_file():
            return from_plain(Typed, json.loads(found_path.read_text(encoding="utf-8")))
        found = self._type(self._cells(name), place, self.options, judges=judges)
        write_file(found_path, json.dumps(dataclasses.asdict(found)), overwrite=True)
        return found

    def _follow(self, found: Typed, name: str, place: int, mark: FileMark | None) -> Typed:
        """The column as the others of its table are read; what is known of it by its own cells stays in its file."""
        if found.sureness != "doubtful":
            return dataclasses.replace(found, column=with_mark(found.column, found.sureness, mark))
        cells = self._cells(name)
        if mark is None:
            return dataclasses.replace(found, column=with_doubt(found.column, cells))
        options = dataclasses.replace(self.options, decimal=mark.decimal)
        again = self._type(cells, place, options, judges=False)
        return dataclasses.replace(again, column=with_reason(again.column, mark))

    def _cells(self, name: str) -> pl.Series:
        """The cells of a column as they were read.

        Raises:
            DataError: they cannot be read, or do not fit in memory.
        """
        raw = self.raw
        what = f"{raw.name}: column {name!r} of {raw.rows:,} rows"
        check_memory(ROW_BYTES * raw.rows, self.left, what)
        try:
            cells = raw.column(name)
        except pl.exceptions.PolarsError as error:
            raise DataError(f"{raw.name}: column {name!r} cannot be read: {error}") from error
        size = int(cells.estimated_size()) + VIEW_BYTES * raw.rows * (cells.dtype == pl.String)
        check_memory(WORKING_COPIES * size + ROW_BYTES * raw.rows, self.left, what)
        return cells

    def _type(self, cells: pl.Series, place: int, options: TableOptions, *, judges: bool) -> Typed:
        """A column's kind and bad cells; its values are written to its file."""
        raw, path, known = self.raw, self.folder / column_file(place), self.known
        untyped = raw.lines is not None
        typed = type_column(cells, options=options, known=known, like=self.like, untyped=untyped, judges=judges)
        told = self.like or cells.name in known
        column = typed.spec if told else recognise(typed.spec, typed.values, self.places)
        bad = bad_cells(typed, np.arange(1, raw.rows + 1) if raw.lines is None else raw.lines)
        if typed.unfit is not None:
            unfit = np.flatnonzero(typed.unfit.is_not_null().to_numpy())
            write_columns(unfit_file(path), pl.DataFrame({"rows": unfit}))
        write_columns(names_file(path) if column.kind == "image" else path, typed.values.to_frame())
        return Typed(column, bad, typed.sureness)


def unfit_file(path: Path) -> Path:
    """The file of the rows (from 0) whose cells do not fit, next to the file of their column."""
    return path.with_suffix(".unfit")
