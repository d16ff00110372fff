"""Sheets of Excel and OpenDocument workbooks, read with fastexcel (the extra `spreadsheets`).

Every cell is read as text and then typed by all cells of its column, as in a CSV file: a reader that guesses types
makes a missing cell of whatever does not fit its guess. Dates come as 2024-01-31 00:00:00, however they are shown.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from jaxtyping import Int64

from batchwright._extras import import_optional
from batchwright.data.formats.delimited import split_text, type_text
from batchwright.data.formats.format import FileFormat, Loaded, Size, split_part, with_notes
from batchwright.data.formats.sheet_errors import OPEN_DOCUMENT, ErrorCell, error_notes, find_errors
from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.schema import Schema
from batchwright.data.typed.table import Table
from batchwright.errors import DataError

if TYPE_CHECKING:
    import fastexcel


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
            book = _open(file)
            name, cells = _read_sheet(book, sheet, file)
            errors = find_errors(file, name, book.sheet_names.index(name))
            if file.suffix.lower() == OPEN_DOCUMENT:
                cells = _without_errors(cells, _columns_read(book, name), errors)
        table = _table(cells, path.name, options, schema)
        return with_notes(Loaded(table, None, None, file.stem), error_notes(errors))

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
    what = f"the workbook {file.name}"
    reader = import_optional("fastexcel", "batchwright[spreadsheets]", what=what, error=DataError)
    book: fastexcel.ExcelReader = reader.read_excel(file)
    return book


def _read_sheet(book: "fastexcel.ExcelReader", sheet: str | None, file: Path) -> tuple[str, pl.DataFrame]:
    """The name of a sheet, and all its cells as text, from its first row and column on."""
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
    return next(iter(filled.items()))


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


def _columns_read(book: "fastexcel.ExcelReader", name: str) -> list[int]:
    """The numbers of the columns that are read of a sheet, which begin with the first that has a cell."""
    sheet = book.load_sheet(name, header_row=None, skip_rows=0, n_rows=1, dtypes="string")
    return [column.absolute_index for column in sheet.available_columns()]


def _without_errors(cells: pl.DataFrame, columns: list[int], errors: Sequence[ErrorCell]) -> pl.DataFrame:
    """The cells, with null in place of errors: some programs write 0 there, of which only the shown text differs."""
    for number in {error.column for error in errors}:
        if number in columns:
            rows = [
                one.row for one in errors if one.column == number and one.row is not None and one.row < cells.height
            ]
            column = cells.columns[columns.index(number)]
            cells = cells.with_columns(cells[column].scatter(rows, None))
    return cells


def _is_empty(cells: pl.DataFrame) -> bool:
    return cells.height == 0 or all(column.null_count() == cells.height for column in cells.get_columns())


def _table(cells: pl.DataFrame, name: str, options: TableOptions, schema: Schema | None) -> Table:
    """The table in the cells of a sheet: what stands above, among and below its rows is found as in delimited text.

    `skip_lines` of the options counts the rows of the sheet that are above the header.
    """
    skipped = options.skip_lines or 0
    written = cells.select(pl.all().str.strip_chars().replace("", None))[skipped:]
    filled = np.flatnonzero(~written.select(pl.all_horizontal(pl.all().is_null())).to_series().to_numpy())
    if len(filled) <= options.header:
        raise DataError(f"{name} has no rows.")
    first, stop = int(filled[0]), int(filled[-1]) + 1
    kept = [column.name for column in written.get_columns() if column.null_count() < written.height]
    frame = cells[skipped + first : skipped + stop].select(kept)
    told = dataclasses.replace(
        options,
        delimiter=",",
        quote='"',
        comment="none",
        encoding="utf-8",
        skip_lines=None if options.skip_lines is None else 0,
    )
    text = split_text(frame.write_csv(include_header=False).encode(), name, told, schema=schema)
    moved = dataclasses.replace(
        text,
        lines=_rows_of_lines(frame, text.lines) + skipped + first,
        notes=(*_left_out_notes(cells.width - len(kept)), *text.notes),
        plain="typed",
    )
    return type_text(moved, options, schema=schema, name=name)


def _rows_of_lines(frame: pl.DataFrame, lines: Int64[np.ndarray, " rows"]) -> Int64[np.ndarray, " rows"]:
    """The rows of a sheet, counted from 1, that begin on these lines of its text: a cell may hold several lines."""
    inside = frame.select(pl.sum_horizontal(pl.all().str.count_matches(r"\r\n|\r|\n").fill_null(0))).to_series()
    begins = np.cumsum(np.append(1, inside.to_numpy().astype(np.int64)[:-1] + 1))
    return np.searchsorted(begins, lines) + 1


def _left_out_notes(columns: int) -> Iterator[str]:
    if columns:
        yield f"{columns:,} empty {'column without a name' if columns == 1 else 'columns without names'} left out"
