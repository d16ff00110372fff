"""JSON: one object per line (`.jsonl`), or one array of objects (`.json`); each object is a row.

A key that an object lacks is missing there. A nested object becomes columns `a.b`. Cells keep the types of JSON: text
stays text. Python's parser is used, as that of polars makes null of a cell whose type differs from the others.
"""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from batchwright.data.formats.encodings import text_of
from batchwright.data.formats.json_cells import Cells, called, typed_cells
from batchwright.data.formats.text import TextFormat
from batchwright.data.formats.wrong_bytes import WRONG_SIGN, call_sign, holds_wrong, wrong_sign
from batchwright.data.typed.cells import BadCell, Files, TableOptions
from batchwright.data.typed.schema import Schema
from batchwright.data.typed.table import Table
from batchwright.errors import DataError

SPACE = re.compile(r"[ \t\r\n]*")
DECODER = json.JSONDecoder(object_pairs_hook=tuple)
"""An object becomes a tuple of its keys and values, so that repeated keys are seen; an array becomes a list."""
LENIENT = json.JSONDecoder(object_pairs_hook=tuple, strict=False)
"""The same, with any characters in text."""


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
        return typed_cells(
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
        return typed_cells(
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
    return typed_cells(joined, name, options, schema)


def _objects_of_lines(text: str, name: str) -> Iterator[tuple[int, Any]]:
    """Each value of a text with one value per line, and its line; for one with a wrong byte, a `BadCell`."""
    damaged = holds_wrong(text)
    for number, line in enumerate(text.split("\n"), start=1):
        if damaged and (wrong := WRONG_SIGN.search(line)):
            yield number, wrong_sign(number, wrong[0], _column_with_wrong(line))
            continue
        start = _after_space(line, 0)
        if start < len(line):
            value, end = _parse(line, start, number, name)
            if _after_space(line, end) < len(line):
                raise DataError(f"{name}: line {number} goes on after its JSON value. Write one object per line.")
            yield number, value


def _objects_of_array(text: str, name: str) -> Iterator[tuple[int, Any]]:
    """Each value of an array, and the line on which it begins; for one with a wrong byte, a `BadCell`."""
    damaged = holds_wrong(text)
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
        value, end = _parse(text, at, line, name)
        if damaged and (wrong := WRONG_SIGN.search(text, at, end)):
            value = wrong_sign(line, wrong[0], _column_with_wrong(text[at:end]))
        yield line, value
        at = _after_space(text, end)
        sign = text[at : at + 1]
    line += text.count("\n", counted, at)
    if sign != "]":
        shown = call_sign(sign) if WRONG_SIGN.match(sign) else repr(sign)
        what = "ends before its array is closed" if sign == "" else f"has {shown} where ',' or ']' is expected"
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
        if wrong := WRONG_SIGN.search(text, start, error.pos + 1):
            at = line + text.count("\n", start, wrong.start())
            raise DataError(f"{name}: line {at} holds {call_sign(wrong[0])}, which is no JSON.") from error
        at = line + text.count("\n", start, error.pos)
        cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        found = "the text ends within a value" if cut else error.msg
        raise DataError(f"{name}: line {at} is not JSON: {found}.") from error
    except (ValueError, RecursionError) as error:  # a number of more digits than Python reads; a deep nest
        raise DataError(f"{name}: line {line} cannot be read as JSON: {error}.") from error


def _column_with_wrong(text: str) -> str | None:
    """The first column of an object in whose value a byte is wrong; None if there is none."""
    try:
        value = LENIENT.decode(text)
    except (ValueError, RecursionError):
        return None
    return _first_wrong(value, "") if type(value) is tuple else None


def _first_wrong(row: tuple[tuple[str, Any], ...], prefix: str) -> str | None:
    for key, value in row:
        if type(value) is tuple and (column := _first_wrong(value, f"{prefix}{key}.")):
            return column
        if type(value) in (str, list) and WRONG_SIGN.search("".join(map(str, value))):
            return prefix + key
    return None


def _collect(objects: Iterator[tuple[int, Any]], cells: Cells) -> Cells:
    for line, value in objects:
        if isinstance(value, BadCell):
            cells.leave_out(line, value)
            continue
        if type(value) is not tuple:
            raise DataError(f"{cells.at(line)} holds {called(value)}, not an object {{...}}: each row is an object.")
        try:
            cells.add(line, value)
        except RecursionError as error:
            raise DataError(f"{cells.at(line)} holds objects nested too deep.") from error
    return cells
