"""JSON: one object per line (`.jsonl`), or one array of objects (`.json`); each object is a row.

A key that an object lacks is missing there. A nested object becomes columns `a.b`. Cells keep the types of JSON: text
stays text. Python's parser is used, as that of polars makes null of a cell whose type differs from the others.
"""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from batchwright.data.formats.encodings import text_of
from batchwright.data.formats.text import TextFormat
from batchwright.data.typed.cells import Files, TableOptions
from batchwright.data.typed.schema import Schema, normal_names
from batchwright.data.typed.table import Table, columns_asked_for, type_table
from batchwright.errors import DataError

INT64 = 2**63

SPACE = re.compile(r"[ \t\r\n]*")
DECODER = json.JSONDecoder(object_pairs_hook=tuple)
"""An object becomes a tuple of its keys and values, so that repeated keys are seen; an array becomes a list."""

NAMES = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", tuple: "an object"}
"""What messages call a value of each type."""


class JsonLines(TextFormat):
    """One object per line."""

    endings = (".jsonl", ".ndjson")
    peak_factor = 12
    """6 measured on numbers of many digits, 9 on short ones."""

    def table(self, data: bytes, name: str, options: TableOptions, *, schema: Schema | None) -> Table:
        """The table in a text; blank lines are skipped.

        Raises:
            DataError: a line is not a JSON object, a key is repeated or has values of several types, lists other than
                of texts, no rows, bad cells, or columns that the schema needs and the file lacks.
        """
        return _typed(
            _collect(_objects_of_lines(text_of(data, name, options.encoding), name), Cells(name)), name, options, schema
        )


class JsonArray(TextFormat):
    """One array of objects."""

    endings = (".json",)
    peak_factor = 12
    """6 measured on numbers of many digits, 9 on short ones."""

    def table(self, data: bytes, name: str, options: TableOptions, *, schema: Schema | None) -> Table:
        """The table in a text.

        Raises:
            DataError: not an array of JSON objects, or as `JsonLines.table`.
        """
        return _typed(
            _collect(_objects_of_array(text_of(data, name, options.encoding), name), Cells(name)), name, options, schema
        )


JSON_LINES, JSON_ARRAY = JsonLines(), JsonArray()


class Text(NamedTuple):
    """The content of a file called `name` in messages: an array of objects, or one object per line."""

    name: str
    data: bytes
    is_array: bool


def read_texts(texts: Sequence[Text], name: str, options: TableOptions, schema: Schema | None) -> Table:
    """The table in several files, one after the other, called `name` in messages; keys may be lacking in some.

    Raises:
        DataError: as `JsonLines.table` and `JsonArray.table`.
    """
    before = tuple(accumulate((text.data.count(b"\n") + 1 for text in texts), initial=0))
    joined = Cells(name, Files(tuple(text.name for text in texts), before[:-1]))
    for text, lines in zip(texts, before[:-1], strict=True):
        objects = _objects_of_array if text.is_array else _objects_of_lines
        found = objects(text_of(text.data, text.name, options.encoding), text.name)
        _collect(((line + lines, value) for line, value in found), joined)
    return _typed(joined, name, options, schema)


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


def _objects_of_lines(text: str, name: str) -> Iterator[tuple[int, Any]]:
    """Each value of a text with one value per line, and its line."""
    for number, line in enumerate(text.split("\n"), start=1):
        start = _after_space(line, 0)
        if start < len(line):
            value, end = _parse(line, start, number, name)
            if _after_space(line, end) < len(line):
                raise DataError(f"{name}: line {number} goes on after its JSON value. Write one object per line.")
            yield number, value


def _objects_of_array(text: str, name: str) -> Iterator[tuple[int, Any]]:
    """Each value of an array, and the line on which it begins."""
    at, line, counted = _after_space(text, 0), 1, 0
    if not text.startswith("[", at):
        hint = " If it holds one object per line, name it .jsonl." if text.startswith("{", at) else ""
        raise DataError(f"{name} has to hold a JSON array of objects, [{{...}}, {{...}}], and does not.{hint}")
    at = _after_space(text, at + 1)
    sign = "]" if text.startswith("]", at) else ","
    at -= sign == ","
    while sign == ",":
        at = _after_space(text, at + 1)
        line, counted = line + text.count("\n", counted, at), at
        value, at = _parse(text, at, line, name)
        yield line, value
        at = _after_space(text, at)
        sign = text[at : at + 1]
    line += text.count("\n", counted, at)
    if sign != "]":
        what = "ends before its array is closed" if sign == "" else f"has {sign!r} where ',' or ']' is expected"
        raise DataError(f"{name}: line {line} {what}.")
    if _after_space(text, at + 1) < len(text):
        raise DataError(f"{name}: line {line}: there is more after the array.")


def _after_space(text: str, start: int) -> int:
    found = SPACE.match(text, start)
    assert found is not None
    return found.end()


def _parse(text: str, start: int, line: int, name: str) -> tuple[Any, int]:
    """The JSON value that begins at `start`, on `line`, and where it ends."""
    try:
        return DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        at = line + text.count("\n", start, error.pos)
        cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        found = "the text ends within a value" if cut else error.msg
        raise DataError(f"{name}: line {at} is not JSON: {found}.") from error
    except (ValueError, RecursionError) as error:  # a number of more digits than Python reads; a deep nest
        raise DataError(f"{name}: line {line} cannot be read as JSON: {error}.") from error


def _collect(objects: Iterator[tuple[int, Any]], cells: Cells) -> Cells:
    for line, value in objects:
        if type(value) is not tuple:
            raise DataError(f"{cells.at(line)} holds {_called(value)}, not an object {{...}}: each row is an object.")
        try:
            cells.add(line, value)
        except RecursionError as error:
            raise DataError(f"{cells.at(line)} holds objects nested too deep.") from error
    return cells


def _called(value: object) -> str:
    return NAMES.get(type(value), "null")


def _typed(cells: Cells, name: str, options: TableOptions, schema: Schema | None) -> Table:
    written = _columns_with_values(cells)
    by_name = dict(zip(normal_names(written, name), written, strict=True))
    wanted = by_name if schema is None else columns_asked_for(list(by_name), schema, name)
    told = set(options.kinds) if schema is None else set(wanted)
    frame = pl.DataFrame({column: _series(column, by_name[column], cells, told=column in told) for column in wanted})
    if not wanted and cells.lines:
        raise DataError(f"{name}: its objects hold no values.")
    lines = np.array(cells.lines, np.int64)
    return type_table(frame, options, schema=schema, name=name, lines=lines, files=cells.files)


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
                f"{cells.name}: column {column!r} has an object on {cells.on(line)} and {_called(others[other])} on "
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
    first = {_called(value): line for value, line in zip(reversed(values), reversed(cells.lines), strict=True)}
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
