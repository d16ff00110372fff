"""The cells of objects of JSON by column, with the types that they have there."""

import dataclasses
import json
from typing import Any

import numpy as np
import polars as pl

from batchwright.data.typed.cells import KEPT, BadCell, BadCells, Files, TableOptions
from batchwright.data.typed.schema import Schema, normal_names
from batchwright.data.typed.table import Table, columns_asked_for, type_table
from batchwright.errors import DataError

INT64 = 2**63

NAMES = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", tuple: "an object"}
"""What messages call a value of each type."""


class Cells:
    """The cells of some objects by column, and the line on which each object begins.

    A column may be shorter than `lines`: it ends with the last object that has its key. `files` are the files that the
    lines are in, if there are several.
    """

    def __init__(self, name: str, files: Files | None = None) -> None:
        self.name, self.files = name, files
        self.lines: list[int] = []
        self.columns: dict[str, list[Any]] = {}
        self.objects: dict[str, int] = {}
        """The keys whose values are objects, and the line of the first."""
        self.torn: list[int] = []
        """The number of rows before each object that is no row, as a byte in it is no text."""
        self.wrong: list[BadCell] = []
        """The first of these objects."""

    def at(self, line: int) -> str:
        """The file and line, to begin a message with."""
        return f"{self.name}: line {line}" if self.files is None else "{}: line {}".format(*self.files.find(line))

    def on(self, line: int) -> str:
        """The line; with its file, if there are several."""
        return f"line {line}" if self.files is None else "{} line {}".format(*self.files.find(line))

    def add(self, line: int, row: tuple[tuple[str, Any], ...]) -> None:
        """Add an object as a row.

        Raises:
            DataError: the object names a column twice.
        """
        self._add(row, "", line)
        self.lines.append(line)

    def leave_out(self, line: int, why: BadCell) -> None:
        """Count an object as none of the rows."""
        self.torn.append(len(self.lines))
        if len(self.wrong) < KEPT:
            self.wrong.append(dataclasses.replace(why, line=line))

    def _add(self, row: tuple[tuple[str, Any], ...], prefix: str, line: int) -> None:
        rows = len(self.lines)
        for key, value in row:
            if type(value) is tuple:
                self.objects.setdefault(prefix + key, line)
                self._add(value, f"{prefix}{key}.", line)
                continue
            cells = self.columns.setdefault(prefix + key, [])
            if len(cells) > rows:
                raise DataError(f"{self.at(line)} names {prefix + key!r} more than once in one object.")
            cells.extend([None] * (rows - len(cells)))
            cells.append(value)


def typed_cells(cells: Cells, name: str, options: TableOptions, schema: Schema | None) -> Table:
    """The table of some cells; raises what `type_table` raises, or a DataError if a column has several types."""
    written = _columns_with_values(cells)
    by_name = dict(zip(normal_names(written, name), written, strict=True))
    wanted = by_name if schema is None else columns_asked_for(list(by_name), schema, name)
    told = set(options.kinds) if schema is None else set(wanted)
    frame = pl.DataFrame({column: _series(column, by_name[column], cells, told=column in told) for column in wanted})
    if not wanted and cells.lines:
        raise DataError(f"{name}: its objects hold no values.")
    lines, torn = np.array(cells.lines, np.int64), np.array(cells.torn, np.int64)
    wrong = BadCells(len(torn), tuple(cells.wrong))
    return type_table(frame, options, schema=schema, name=name, lines=lines, ragged=wrong, torn=torn, files=cells.files)


def _columns_with_values(cells: Cells) -> list[str]:
    """The columns, without those that hold only the nulls that stand for a missing object.

    Raises:
        DataError: a key has an object in some rows, and something else in others.
    """
    for column, line in cells.objects.items():
        others = cells.columns.get(column, ())
        other = next((row for row, value in enumerate(others) if value is not None), None)
        if other is not None:
            raise DataError(
                f"{cells.name}: column {column!r} has an object on {cells.on(line)} and {called(others[other])} on "
                f"{cells.on(cells.lines[other])}. Give each its own key."
            )
    return [column for column in cells.columns if column not in cells.objects]


def _series(column: str, written: str, cells: Cells, *, told: bool) -> pl.Series:
    """The cells of a column; of several types only if it is told what the column holds."""
    values = cells.columns[written]
    values.extend([None] * (len(cells.lines) - len(values)))
    types = set(map(type, values)) - {type(None)}
    try:
        if types <= {int, float} and types:
            return _numbers(column, values)
        if types == {list} and all(map(_is_of_texts, values)):
            return pl.Series(column, values, dtype=pl.List(pl.String))
        if len(types) <= 1 and types != {list}:
            return pl.Series(column, values)
        if told:
            return pl.Series(column, [_as_text(value) for value in values], dtype=pl.String)
    except UnicodeEncodeError as error:
        raise DataError(f"{cells.name}: column {column!r} holds text that is not Unicode: {error}.") from error
    raise _not_one_type(column, values, cells)


def _numbers(column: str, values: list[Any]) -> pl.Series:
    """Numbers; as text if they hold an integer too large for 64 bits, which would lose digits as a number."""
    if any(type(value) is int and not -INT64 <= value < INT64 for value in values):
        return pl.Series(column, [_as_text(value) for value in values], dtype=pl.String)
    if any(type(value) is float for value in values):
        return pl.Series(column, [None if value is None else float(value) for value in values], dtype=pl.Float64)
    return pl.Series(column, values, dtype=pl.Int64)


def _as_text(value: object) -> str | None:
    """A cell as text: numbers as short as possible, so that 1 and 1.0 are one category."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < INT64:
        return str(int(value))
    return json.dumps(value)


def _not_one_type(column: str, values: list[Any], cells: Cells) -> DataError:
    first = {called(value): line for value, line in zip(reversed(values), reversed(cells.lines), strict=True)}
    first.pop("null", None)
    remedy = f"`data.kinds={{{column}: identifier}}` leaves it out"
    if set(first) == {"a list"}:
        lines = (line for value, line in zip(values, cells.lines, strict=True) if not _is_of_texts(value))
        return DataError(
            f"{cells.name}: column {column!r} has on {cells.on(next(lines))} a list that is not of texts alone. A list "
            "of texts is a set of labels; give each number a key of its own.",
            f"{remedy}.",
        )
    found = ", ".join(f"{what} on {cells.on(line)}" for what, line in sorted(first.items(), key=lambda item: item[1]))
    return DataError(
        f"{cells.name}: column {column!r} has values of several types: {found}. Write all of them as one type.",
        f"{remedy}, `data.kinds={{{column}: categorical}}` takes all as text.",
    )


def _is_of_texts(value: list[Any] | None) -> bool:
    return value is None or all(type(text) is str for text in value)


def called(value: object) -> str:
    """What messages call a value, by its type."""
    return NAMES.get(type(value), "null")
