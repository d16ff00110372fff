"""Sheets of Excel and OpenDocument workbooks, read with fastexcel (the extra `spreadsheets`).

Every cell is read as text and then typed by all cells of its column, as in a CSV file: a reader that guesses types
makes a missing cell of whatever does not fit its guess. Dates come as 2024-01-31 00:00:00, however they are shown.
"""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from batchwright.data.formats.format import FileFormat, Loaded, Size, split_part
from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.schema import Schema, normal_names
from batchwright.data.typed.table import Table, type_table
from batchwright.errors import DataError

if TYPE_CHECKING:
    import fastexcel

EXTRA = "pip install 'batchwright[spreadsheets]'"


class Spreadsheet(FileFormat):
    """A workbook, of which `#` names a sheet: `book.xlsx#Sheet 2`."""

    endings = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
    parts = "sheets"

    def read(
        self, path: Path, options: TableOptions, *, schema: Schema | None, image_size: Size | None, channels: int | None
    ) -> Loaded:
        """The table of a sheet, its first row that is not empty being the header."""
        file, sheet = split_part(path)
        with _refuse_damage(file):
            cells = _read_sheet(_open(file), sheet, file)
        return Loaded(_table(cells, path.name, options, schema), None, None, file.stem)

    def estimated_bytes(self, path: Path, image_size: Size | None) -> int:
        """Forty times the size of the file, as it is compressed."""
        return 40 * split_part(path)[0].stat().st_size


SPREADSHEET = Spreadsheet()


@contextmanager
def _refuse_damage(file: Path) -> Iterator[None]:
    """Turn what the reader raises, which may be a panic that is no `Exception`, into one sentence."""
    try:
        yield
    except (DataError, MemoryError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        why = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(
            f"{file.name} cannot be read as a workbook (is it damaged, or protected by a password?): {why[0]:.200}"
        ) from error


def _open(file: Path) -> "fastexcel.ExcelReader":
    try:
        import fastexcel
    except ImportError as error:
        raise DataError(f"{file.name}: workbooks need fastexcel: {EXTRA}. Or save the sheet as CSV.") from error
    return fastexcel.read_excel(file)


def _read_sheet(book: "fastexcel.ExcelReader", sheet: str | None, file: Path) -> pl.DataFrame:
    """All cells of a sheet as text, from its first row and column on."""
    names = book.sheet_names
    listed = ", ".join(map(repr, names))
    if sheet is not None and sheet not in names:
        raise DataError(f"{file.name} has no sheet {sheet!r}. It has: {listed}.")
    chosen = {name: _cells(book, name) for name in (names if sheet is None else [sheet])}
    filled = {name: cells for name, cells in chosen.items() if sheet is not None or not _is_empty(cells)}
    if not filled:
        raise DataError(f"{file.name} has no sheet with cells in it.")
    if len(filled) > 1:
        first = next(iter(filled))
        raise DataError(
            f"{file.name} has {len(filled)} sheets with cells: {', '.join(map(repr, filled))}. Name one, as in "
            f"{f'{file}#{first}'!r}."
        )
    return next(iter(filled.values()))


def _cells(book: "fastexcel.ExcelReader", name: str) -> pl.DataFrame:
    """The cells as text. The reader writes numbers with nine places; longer ones are written from the numbers."""
    sheet = book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
    if not sheet.height:
        return pl.DataFrame()
    texts = sheet.to_polars()
    numbers = book.load_sheet(name, header_row=None, skip_rows=0, dtypes="float").to_polars()
    return pl.DataFrame(map(_write_all_places, texts.get_columns(), numbers.get_columns()))


def _write_all_places(texts: pl.Series, numbers: pl.Series) -> pl.Series:
    rounded = (texts.cast(pl.Float64, strict=False) != numbers).fill_null(value=False)
    return texts.zip_with(~rounded, numbers.cast(pl.String)) if rounded.any() else texts


def _is_empty(cells: pl.DataFrame) -> bool:
    return cells.height == 0 or all(column.null_count() == cells.height for column in cells.get_columns())


def _table(cells: pl.DataFrame, name: str, options: TableOptions, schema: Schema | None) -> Table:
    """The table in the cells of a sheet, without empty rows above and below it and empty columns without a name.

    `skip_lines` of the options counts the rows of the sheet that are above the header.
    """
    skipped = options.skip_lines or 0
    cells = cells[skipped:]
    written = cells.select(pl.all().str.strip_chars().replace("", None))
    filled = np.flatnonzero(~written.select(pl.all_horizontal(pl.all().is_null())).to_series().to_numpy())
    if len(filled) <= options.header:
        raise DataError(f"{name} has no rows.")
    first, stop = int(filled[0]) + options.header, int(filled[-1]) + 1
    heads = written.row(int(filled[0])) if options.header else tuple(map(str, range(cells.width)))
    empty = [written[first:stop, place].null_count() == stop - first for place in range(cells.width)]
    kept = [place for place, head in enumerate(heads) if not empty[place] or (head is not None and options.header)]
    frame = cells[first:stop, kept]
    frame.columns = normal_names([heads[place] or f"unnamed {place}" for place in kept], name)
    lines = np.arange(first + 1, stop + 1) + skipped
    table = type_table(frame, options, schema=schema, name=name, lines=lines, untyped=True)
    return dataclasses.replace(table, notes=(*_left_out_notes(cells.width - len(kept)), *table.notes))


def _left_out_notes(columns: int) -> Iterator[str]:
    if columns:
        yield f"{columns:,} empty {'column without a name' if columns == 1 else 'columns without names'} left out"
