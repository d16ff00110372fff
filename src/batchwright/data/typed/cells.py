"""How cells are read, the cells that do not fit, and how messages list them."""

import bisect
import dataclasses
from collections.abc import Iterable, Mapping

from batchwright.data.typed.durations import LENGTHS
from batchwright.data.typed.fractions import is_fraction_format
from batchwright.data.typed.numbers import Decimal
from batchwright.data.typed.schema import Column, ColumnOptions

FIRST_MISSING = (
    *("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "?"),
    *("#N/A", "#NA", "<NA>", "None", "none", "-"),
)
"""Those that meant missing in the first version, by which its runs know their rows."""
MISSING = (*FIRST_MISSING, ".", "\\N")
"""The texts that mean missing, `.` in SAS and Stata, `\\N` in dumps of databases; spaces around a cell do not count."""

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


def what_fits(column: Column) -> str:
    """What a cell of the column has to be."""
    if column.numbers:
        return f"a number as in {column.numbers.example!r}"
    if column.format in LENGTHS:
        return LENGTHS[column.format]
    if is_fraction_format(column.format):
        return f"a fraction ({column.format})"
    return WANTED[column.kind] + (f" ({column.format})" if column.format else "")


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
