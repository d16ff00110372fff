"""Tables of typed columns, made from data frames, arrays and columns of text: each is typed by all its cells.

A missing cell is null. A bad cell, which does not fit its column, never becomes null in silence: it stops the reading
with its line, or its row is dropped, counted and listed.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import polars as pl
from jaxtyping import Bool, Int64, Integer, Shaped

from batchwright.data.typed.bad_cells import bad_cells_error, dropped_note, shown_notes
from batchwright.data.typed.cells import (
    MISSING,
    NONE_BAD,
    SHOW,
    BadCell,
    BadCells,
    Files,
    TableOptions,
    first_ten,
)
from batchwright.data.typed.decimal_marks import Plain
from batchwright.data.typed.frames import to_polars
from batchwright.data.typed.reading import type_cells, unit_hints
from batchwright.data.typed.schema import KINDS, Column, Kind, Schema, WholeSchema, WiderSchema
from batchwright.data.typed.subtotals import subtotal_notes
from batchwright.errors import ConfigError, DataError, list_columns, nearest_column, unknown

__all__ = ["MISSING", "BadCell", "Table", "TableOptions", "from_array", "from_frame", "type_table"]

ON_BAD_ROWS = ("stop", "drop")
DEFAULT = TableOptions()


@runtime_checkable
class RowSource(Protocol):
    """Rows of typed columns, in memory or on the disk."""

    @property
    def name(self) -> str:
        """What they are called in messages."""

    @property
    def rows(self) -> int:
        """How many there are."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """Their columns."""

    def table(self, start: int = 0, stop: int | None = None, *, columns: Sequence[str] | None = None) -> "Table":
        """The rows start to stop-1 of the columns named, or of all.

        Raises:
            DataError: there is no such column, or the rows cannot be read.
        """


@runtime_checkable
class ColumnSource(Protocol):
    """Some rows of typed columns, which are read column by column."""

    @property
    def name(self) -> str:
        """What they are called in messages."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """Their columns."""

    def cells(self, name: str) -> pl.Series:
        """The cells of the column `name`.

        Raises:
            DataError: there is no such column, or it cannot be read.
        """


@dataclasses.dataclass(frozen=True)
class Whole:
    """All rows of a source, in its order, also those that do not fit and so are not in the table.

    Attributes:
        fits: for each row, whether it is in the table.
        written: the columns that are kept as they are written; null in records with the wrong number of fields.
        hints: what to do about cells that do not fit.
    """

    fits: Bool[np.ndarray, " rows"]
    written: pl.DataFrame
    hints: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Table:
    """Typed columns: finite numbers, booleans, datetimes and text, with null for missing.

    `lines` holds the lines of the file on which the rows begin; None where rows are counted from 1 instead. `dropped`
    holds the bad cells whose rows were left out. `whole` is there for rows that were read by a `WholeSchema`, `files`
    are the files that the lines are in, if there are several.
    """

    frame: pl.DataFrame
    columns: tuple[Column, ...]
    name: str
    lines: Int64[np.ndarray, " rows"] | None = None
    notes: tuple[str, ...] = ()
    dropped: BadCells = NONE_BAD
    whole: "Whole | None" = None
    files: Files | None = None

    def __repr__(self) -> str:
        """The number of rows and columns."""
        return f"<Table {self.name:.60}: {self.rows:,} rows, {len(self.columns):,} columns>"

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.frame.height

    @property
    def kinds(self) -> dict[str, Kind]:
        """The kind of each column, by name."""
        return {column.name: column.kind for column in self.columns}

    def column(self, name: str) -> Column:
        """The description of the column `name`.

        Raises:
            DataError: there is no such column; the nearest name is suggested.
        """
        return column_of(self, name)

    def cells(self, name: str) -> pl.Series:
        """The cells of the column `name`.

        Raises:
            DataError: there is no such column.
        """
        return self.frame[self.column(name).name]

    def table(self, start: int = 0, stop: int | None = None, *, columns: Sequence[str] | None = None) -> "Table":
        """The rows start to stop-1 of the columns named, or of all.

        Raises:
            DataError: there is no such column.
        """
        specs = self.columns if columns is None else tuple(self.column(name) for name in dict.fromkeys(columns))
        frame = self.frame.select([column.name for column in specs])[start:stop]
        lines = None if self.lines is None else self.lines[start:stop]
        return dataclasses.replace(self, frame=frame, columns=specs, lines=lines, whole=None)

    def take(self, chosen: Integer[np.ndarray, " chosen"]) -> "Table":
        """The table of these rows (numbers from 0), in this order."""
        lines = None if self.lines is None else self.lines[chosen]
        return dataclasses.replace(self, frame=self.frame[chosen], lines=lines, whole=None)

    def places(self, chosen: Integer[np.ndarray, " chosen"]) -> str:
        """Where these rows (numbers from 0) are: `lines 3, 9` of the file, or `rows 1, 7`; at most ten of them."""
        numbers = chosen + 1 if self.lines is None else self.lines[chosen]
        if self.files is not None:
            return first_ten("{} line {}".format(*self.files.find(line)) for line in numbers.tolist())
        place = "row" if self.lines is None else "line"
        return f"{place}{'' if len(numbers) == 1 else 's'} {first_ten(numbers.tolist())}"


def column_of(rows: ColumnSource | RowSource, name: str) -> Column:
    """The description of the column `name`.

    Raises:
        DataError: there is no such column; the nearest name is suggested.
    """
    for column in rows.columns:
        if column.name == name:
            return column
    raise DataError(f"{rows.name}: {unknown('column', name, [column.name for column in rows.columns])}")


def from_frame(
    frame: Any, options: TableOptions = DEFAULT, *, schema: Schema | None = None, name: str = "table"
) -> Table:
    """The table of any data frame that narwhals knows (pandas, polars, pyarrow, ...), or of arrays by column name.

    >>> table = from_frame({"height": [1.7, None], "colour": ["red", "blue"]})
    >>> table.kinds
    {'height': 'numeric', 'colour': 'categorical'}

    Raises:
        DataError: not a data frame, no rows, columns of different lengths, repeated names, bad cells, or columns that
            the schema needs and the frame lacks.
    """
    return type_table(to_polars(frame, name), options, schema=schema, name=name)


def from_array(
    array: Shaped[np.ndarray, "rows columns"],
    options: TableOptions = DEFAULT,
    *,
    schema: Schema | None = None,
    name: str = "array",
) -> Table:
    """The table of an array with one row each; its columns are named 0, 1, 2, ...

    >>> from_array(np.eye(3)).frame.columns
    ['0', '1', '2']

    Raises:
        DataError: no rows, bad cells, or columns that the schema needs and the array lacks.
    """
    columns = {str(number): array[:, number] for number in range(array.shape[1])}
    return from_frame(columns, options, schema=schema, name=name)


def type_table(
    frame: pl.DataFrame,
    options: TableOptions,
    *,
    schema: Schema | None,
    name: str,
    lines: Int64[np.ndarray, " rows"] | None = None,
    ragged: BadCells = NONE_BAD,
    torn: Int64[np.ndarray, " torn"] | None = None,
    untyped: bool = False,
    plain: Plain = "text",
    files: Files | None = None,
    notes: tuple[str, ...] = (),
) -> Table:
    """The frame with every column typed; rows that do not fit stop the reading or are dropped, as `options` say.

    `lines` are the lines of a file on which the rows begin, `ragged` the bad cells of rows that are not in the frame,
    `torn` how many rows are before each of these. `untyped` text comes from a file without types: it is searched for
    numbers, dates and booleans; `plain` says how its numbers stand. By a `WholeSchema`, rows that do not fit are not in
    the table, and never stop the reading. `files` are the files that the lines are in, if there are several; `notes`
    are on how the frame was read.
    """
    if options.on_bad_rows not in (*ON_BAD_ROWS, SHOW):
        raise ConfigError(unknown("on_bad_rows", options.on_bad_rows, ON_BAD_ROWS))
    frame = frame if schema is None else frame.select(columns_asked_for(frame.columns, schema, name))
    if frame.height == 0 and not ragged.count:
        raise DataError(f"{name} has no rows.")
    inputs = frame.select(schema.used) if isinstance(schema, WholeSchema) else frame
    numbers = np.arange(1, frame.height + 1) if lines is None else lines
    known = known_columns(inputs.columns, options, schema, name)
    typed = type_cells(
        inputs, options, known=known, like=schema is not None, lines=numbers, untyped=untyped, plain=plain
    )
    bad, place = ragged + typed.bad, "row" if lines is None else "line"
    kept = None if lines is None else lines[typed.fits]
    if isinstance(schema, WholeSchema):
        written = frame.select(columns_to_keep(frame.columns, schema, name))
        torn = np.zeros(0, np.int64) if torn is None else torn
        if len(torn) != ragged.count:
            raise ValueError(f"{name}: {ragged.count} records do not fit, and the places of {len(torn)} are known.")
        whole = _with_torn(Whole(typed.fits, written, unit_hints(inputs, typed)), torn)
        located = bad if files is None else files.locate(bad)
        return Table(typed.frame.filter(typed.fits), typed.columns, name, kept, notes, located, whole, files)
    if not bad.count:
        return _with_subtotals(Table(typed.frame, typed.columns, name, lines, notes, files=files), schema)
    bad = bad if files is None else files.locate(bad)
    if options.on_bad_rows == SHOW and frame.height:
        said = (*notes, *shown_notes(bad, place=place))
        return _with_subtotals(Table(typed.frame, typed.columns, name, lines, said, files=files), schema)
    if options.on_bad_rows != "drop" or not typed.fits.any():
        hints = unit_hints(inputs, typed) if schema is not None else ()
        raise bad_cells_error(name, bad, place=place, hints=hints)
    note = dropped_note(bad, ragged.count + int((~typed.fits).sum()), place=place)
    table = Table(typed.frame.filter(typed.fits), typed.columns, name, kept, (*notes, note), bad, files=files)
    return _with_subtotals(table, schema)


def _with_subtotals(table: Table, schema: Schema | None) -> Table:
    """The table, with a note on rows that are sums of others unless the rows are given to a trained model."""
    found = () if schema is not None else subtotal_notes(table.columns, table.cells, table.places)
    return dataclasses.replace(table, notes=(*table.notes, *found)) if found else table


def _with_torn(whole: Whole, torn: Int64[np.ndarray, " torn"]) -> Whole:
    """The rows, and among them those of which nothing is known, each after as many rows as `torn` says."""
    if not len(torn):
        return whole
    known = np.arange(len(whole.fits))
    place = np.full(len(known) + len(torn), len(known))
    place[known + np.searchsorted(torn, known, "right")] = known
    written = whole.written
    if written.width:
        written = pl.concat([written, written.clear(1)])[place]
    return dataclasses.replace(whole, fits=np.append(whole.fits, False)[place], written=written)


def known_columns(names: Sequence[str], options: TableOptions, schema: Schema | None, name: str) -> dict[str, Column]:
    """The columns as an earlier table's schema or the user's options describe them.

    Raises:
        DataError: the user's options name unknown columns or kinds; `name` is the name of the table.
    """
    if schema is not None:
        return {column.name: column for column in schema.columns}
    columns = options.columns or {}
    for key, told in (("kinds", options.kinds), ("columns", columns)):
        if strange := [unknown("column", column, names) for column in told if column not in names]:
            raise DataError(f"{name}: {key}: {' '.join(strange)}")
    kinds = {column: told.told_kind for column, told in columns.items() if told.told_kind} | dict(options.kinds)
    if problems := [unknown("kind", kind, KINDS) for kind in kinds.values() if kind not in KINDS]:
        raise DataError(f"{name}: kinds: {' '.join(problems)}")
    known = {column: _column_as_told(column, KINDS[KINDS.index(kind)]) for column, kind in kinds.items()}
    formats = {column: told.number for column, told in columns.items() if told.number}
    return known | {column: dataclasses.replace(known[column], numbers=form) for column, form in formats.items()}


def _column_as_told(name: str, kind: Kind) -> Column:
    return Column(name, kind, False, "left out as asked") if kind == "identifier" else Column(name, kind)


def columns_asked_for(names: Sequence[str], schema: Schema, name: str) -> list[str]:
    """The columns of a table that the schema uses, in its order, and target and weights if they are there.

    Of a wider schema, also the columns beside it.

    Raises:
        DataError: a used column is missing; `name` is the name of the table.
    """
    lacking = [column for column in schema.used if column not in names]
    if lacking:
        raise _lacking(lacking, names, schema, name)
    if isinstance(schema, WholeSchema):
        return list(dict.fromkeys((*schema.used, *columns_to_keep(names, schema, name))))
    also = schema.also if isinstance(schema, WiderSchema) else ()
    beside = (*schema.targets, schema.weights, *also)
    wanted = [column.name for column in schema.columns if column.used or column.name in beside]
    wanted += [column for column in also if column not in wanted]
    return [column for column in wanted if column in names]


def _lacking(lacking: Sequence[str], names: Sequence[str], schema: Schema, name: str) -> DataError:
    """The error for columns that a table lacks, with similar names among those that are there."""
    others = [column for column in names if column not in schema.used]
    near = {column: nearest_column(column, others) for column in lacking}
    listed = [f"{column!r} (is it {near[column]!r}?)" if near[column] else repr(column) for column in lacking]
    there = f"Its columns: {list_columns(names)}."
    if len(lacking) == 1:
        what = f"the column {listed[0]}, which the training rows have. Add it, or name it so."
    else:
        what = f"{len(lacking):,} columns that the training rows have: {first_ten(listed)}. Add them, or name them so."
    return DataError(f"{name} lacks {what} {there}")


def columns_to_keep(names: Sequence[str], schema: WholeSchema, name: str) -> list[str]:
    """The columns that are kept as they are written, in the order in which they were asked for.

    Raises:
        DataError: there is no such column; the nearest name is suggested, and `name` is the name of the table.
    """
    found = list[str]()
    for given in schema.keep:
        found += [given] if given in names or "," not in given else [part.strip() for part in given.split(",")]
    if strange := [column for column in found if column not in names]:
        raise DataError(f"{name}: {unknown('column', strange[0], names)}", "`keep` names columns of the source.")
    return list(dict.fromkeys(found))
