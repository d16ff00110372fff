"""Turn the cells of a frame into typed columns, and tell cells that do not fit from missing ones."""

import bisect
import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Bool, Int64

from batchwright.data.typed import inference
from batchwright.data.typed.convert import as_text, convert
from batchwright.data.typed.durations import LENGTHS
from batchwright.data.typed.fractions import is_fraction_format
from batchwright.data.typed.missing import clean, with_marks
from batchwright.data.typed.more_than_numbers import says_more
from batchwright.data.typed.numbers import Decimal, find_written
from batchwright.data.typed.repeated import RepeatedTexts, clean_repeated, find_repeated
from batchwright.data.typed.schema import Column, ColumnOptions
from batchwright.data.typed.whole import read_whole

MISSING = (
    *("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "?"),
    *("#N/A", "#NA", "<NA>", "None", "none", "-"),
)
"""The texts that mean missing; spaces around a cell do not count."""

AT_ONCE = 10_000
"""Rows from which columns are typed on all cores: starting a thread takes longer than typing fewer."""
SHOW = "show"
"""The `on_bad_rows` by which a file is described; no training reads rows so."""
LISTED, KEPT = 10, 100
"""Bad cells that a message lists, and that are kept for each column; the others are only counted."""
WANTED = {"numeric": "a finite number", "boolean": "true or false", "date": "a date like the others"}


@dataclasses.dataclass(frozen=True)
class TableOptions:
    """How cells are read.

    Attributes:
        header: whether the first record names the columns; without one they are named 0, 1, 2, ...
        delimiter: one ASCII character, or "whitespace" for runs of blanks; found from the file when None.
        missing: texts that mean missing, besides the empty text.
        kinds: the kinds of columns, by name, where they should not be inferred; `identifier` leaves a column out.
        on_bad_rows: "stop" with a list of the cells that do not fit, or "drop" their rows; "show" keeps the rows, takes
            these cells as missing and says which they are, which is only for looking at a file.
        decimal: the decimal mark of numbers in text, "." or ","; found for each column when None.
        encoding: of a text file, as Python names it; found from its bytes when None.
        skip_lines: lines above the header of a text file; found when None.
        comment: what the comment lines of a text file begin with, or "none"; found when None.
        quote: the quotation mark of a text file, or "none" where such marks are text; found when None.
        image_dir: the folder of the images that cells name; the table's folder, or one in it, when None.
        image_size: height and width that these images are resized to.
        columns: more about single columns, by name.
        day_first: whether the day is before the month in dates of numbers; found for each column when None.
    """

    header: bool = True
    delimiter: str | None = None
    missing: tuple[str, ...] = MISSING
    kinds: Mapping[str, str] = dataclasses.field(default_factory=dict)
    on_bad_rows: str = "stop"
    decimal: Decimal | None = None
    encoding: str | None = None
    skip_lines: int | None = None
    comment: str | None = None
    quote: str | None = None
    image_dir: str | None = None
    image_size: tuple[int, int] | None = None
    columns: Mapping[str, ColumnOptions] | None = None
    day_first: bool | None = None

    def missing_in(self, name: str) -> tuple[str, ...]:
        """The texts that mean missing in the column `name`."""
        told = (self.columns or {}).get(name)
        return self.missing if told is None else (*self.missing, *told.missing)


@dataclasses.dataclass(frozen=True)
class BadCell:
    """A cell that does not fit its column, or a whole record of the wrong length (`column` is None).

    `line` is the line of the file, or the row, counted from 1, where the source has no lines. Where the source has
    several files, `file` is the file of the line.
    """

    line: int
    column: str | None
    value: str
    wanted: str
    file: str = ""

    def __str__(self) -> str:
        if self.column is None:
            return f"{self.value}, expected {self.wanted}"
        return f"column {self.column!r}: {self.value!r} is not {self.wanted}"


@dataclasses.dataclass(frozen=True)
class BadCells:
    """The number of cells that do not fit, and the first of them by line: a hundred at least, or all if fewer."""

    count: int = 0
    first: tuple[BadCell, ...] = ()

    def __add__(self, other: "BadCells") -> "BadCells":
        """These and the others; bad cells on the same line stay in this order."""
        cells = sorted((*self.first, *other.first), key=lambda cell: cell.line)
        return BadCells(self.count + other.count, tuple(cells))

    def move(self, rows: int) -> "BadCells":
        """The same cells, for rows that come after so many others."""
        return BadCells(self.count, tuple(dataclasses.replace(cell, line=cell.line + rows) for cell in self.first))

    def cut(self) -> "BadCells":
        """The same count, with only the first hundred cells."""
        return BadCells(self.count, self.first[:KEPT])


NONE_BAD = BadCells()


@dataclasses.dataclass(frozen=True)
class Files:
    """The files of a table whose lines are counted on from one file to the next.

    Attributes:
        names: their names.
        before: how many lines come before the first line of each.
    """

    names: tuple[str, ...]
    before: tuple[int, ...]

    def find(self, line: int) -> tuple[str, int]:
        """The file of a line, and its number there.

        >>> Files(("a.csv", "b.csv"), (0, 10)).find(12)
        ('b.csv', 2)
        """
        place = bisect.bisect_left(self.before, line) - 1
        return self.names[place], line - self.before[place]

    def locate(self, bad: BadCells) -> BadCells:
        """The bad cells, each with its file and its line there."""
        found = ((cell, *self.find(cell.line)) for cell in bad.first)
        first = tuple(dataclasses.replace(cell, file=file, line=line) for cell, file, line in found)
        return dataclasses.replace(bad, first=first)


@dataclasses.dataclass(frozen=True)
class TypedCells:
    """All columns typed; `fits` marks the rows without a bad cell."""

    frame: pl.DataFrame
    columns: tuple[Column, ...]
    fits: Bool[np.ndarray, " rows"]
    bad: BadCells


def type_cells(
    frame: pl.DataFrame,
    options: TableOptions,
    *,
    known: Mapping[str, Column],
    like: bool,
    lines: Int64[np.ndarray, " rows"],
    untyped: bool,
) -> TypedCells:
    """Every column of the frame with the type in `known`, or else with the type that it has or that its cells suggest.

    `like` says that `known` tells how the numbers of earlier rows were written, and not only the kinds of columns, so
    that these are read likewise. `untyped` says that text comes from a file without types; such text is searched for
    numbers, dates and booleans.
    """
    type_column = partial(_type_column, options=options, known=known, like=like, untyped=untyped)
    typed = list(map(type_column, frame.get_columns())) if frame.height < AT_ONCE else _type_at_once(type_column, frame)
    fits, bad = np.ones(frame.height, bool), NONE_BAD
    for column in typed:
        if column.unfit is not None:
            fits &= column.unfit.is_null().to_numpy()
            bad += _bad_cells(column.unfit, _wanted(column.spec), lines)
    return TypedCells(
        pl.DataFrame({column.values.name: column.values for column in typed}),
        tuple(column.spec for column in typed),
        fits,
        bad,
    )


def _type_at_once(type_column: Callable[[pl.Series], "_Typed"], frame: pl.DataFrame) -> list["_Typed"]:
    """The columns typed on all cores, the dearest first, in their own order."""
    columns = sorted(frame.get_columns(), key=pl.Series.estimated_size, reverse=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip((column.name for column in columns), pool.map(type_column, columns), strict=True))
    return [found[name] for name in frame.columns]


class _Typed(NamedTuple):
    """A column's values, its description, and the texts of its bad cells, null elsewhere; None if it has none."""

    values: pl.Series
    spec: Column
    unfit: pl.Series | None


def _type_column(
    raw: pl.Series, *, options: TableOptions, known: Mapping[str, Column], like: bool, untyped: bool
) -> _Typed:
    spec = known.get(raw.name)
    if spec is None and untyped and raw.dtype == pl.String and (whole := read_whole(raw)) is not None:
        raw = whole
    decimal = None if like and spec is not None else options.decimal
    parsed, missing = _numbers_or_text(raw, spec, decimal, untyped=untyped), options.missing_in(raw.name)
    searched = spec is None and untyped and parsed.dtype == pl.String
    repeated = find_repeated(parsed) if searched else None
    cells, repeated = clean_repeated(parsed, repeated, missing) if repeated else (clean(parsed, missing), None)
    if spec is None:
        distinct = repeated.count() if repeated else None
        spec = inference.guess(cells, untyped=untyped, decimal=decimal, day_first=options.day_first, distinct=distinct)
        spec = inference.with_doubt(spec, raw) if untyped and decimal is None else spec
    elif not like and spec.numbers is None:
        spec = inference.with_format(spec, cells, decimal, day_first=options.day_first)
    spec = spec if like else with_marks(spec, raw, cells)
    values = _values(cells, spec, repeated)
    fits = values.null_count() == cells.null_count()
    return _Typed(values, spec, None if fits else as_text(cells.cast(cells.dtype)).set(values.is_not_null(), None))


def _values(cells: pl.Series, spec: Column, repeated: RepeatedTexts | None) -> pl.Series:
    """The values of the cells; where these are repeated texts that are no text, those of each text once."""
    if repeated is None or spec.kind not in ("numeric", "boolean", "date"):
        return convert(cells, spec)
    return repeated.spread(convert(repeated.texts, spec))


def _wanted(column: Column) -> str:
    """What a cell of the column has to be."""
    if column.numbers:
        return f"a number as in {column.numbers.example!r}"
    if column.format in LENGTHS:
        return LENGTHS[column.format]
    if is_fraction_format(column.format):
        return f"a fraction ({column.format})"
    return WANTED[column.kind] + (f" ({column.format})" if column.format else "")


def _numbers_or_text(raw: pl.Series, spec: Column | None, decimal: Decimal | None, *, untyped: bool) -> pl.Series:
    """A text column as numbers, if it is known to hold them, or is untyped and its text says no more than numbers."""
    if spec is not None:
        return inference.parse_numbers(raw, decimal) if spec.kind == "numeric" and spec.numbers is None else raw
    if not untyped:
        return raw
    parsed = inference.parse_numbers(raw, decimal)
    return raw if parsed is not raw and says_more(raw, parsed) else parsed


def _bad_cells(texts: pl.Series, wanted: str, lines: Int64[np.ndarray, " rows"]) -> BadCells:
    """The bad cells of a column; `texts` is null where a cell fits."""
    first = texts.is_not_null().arg_true().head(KEPT)
    cells = (BadCell(int(lines[row]), texts.name, texts[row], wanted) for row in first)
    return BadCells(len(texts) - texts.null_count(), tuple(cells))


def unit_hints(frame: pl.DataFrame, typed: TypedCells) -> tuple[str, ...]:
    """What to do where all cells of a column are numbers of another format than in training, such as 4.1 kg.

    Args:
        frame: the cells as they were read.
        typed: the same, typed as the training rows were.
    """
    if not typed.bad.count:
        return ()
    hints = list[str]()
    for column in typed.columns:
        cells = frame[column.name]
        if column.kind != "numeric" or cells.dtype != pl.String or typed.frame[column.name].is_not_null().any():
            continue
        texts = clean(cells, MISSING).drop_nulls()
        written = find_written(texts, None) if len(texts) else None
        if written is not None and written.fits == len(texts):
            before = f"as in {column.numbers.example!r}" if column.numbers else "without more than digits and a point"
            hints.append(
                f"The cells of column {column.name!r} are numbers written as in {written.example!r}, and in training "
                f"they were written {before}: write these likewise."
            )
    return tuple(hints)


def first_ten(items: Iterable[object]) -> str:
    """The first ten items, and how many more there are.

    >>> first_ten(range(1, 13))
    '1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more'
    """
    texts = [str(item) for item in items]
    return ", ".join(texts[:LISTED]) + more_note(len(texts))


def more_note(count: int) -> str:
    """How many there are beyond the ten that are listed; empty if there are none."""
    return f" and {count - LISTED:,} more" if count > LISTED else ""
