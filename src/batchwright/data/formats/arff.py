"""ARFF, the format of Weka and OpenML: a header that declares each column and its type, then rows of cells.

A nominal column is categorical whatever its values look like, and each of its cells has to be a declared value. Rows
may be sparse, as in `{0 1.5, 3 red}`: a number that is left out is 0, a nominal cell the first declared value.
"""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

import numpy as np
import polars as pl

from batchwright.data.formats.encodings import text_of
from batchwright.data.formats.text import TextFormat
from batchwright.data.formats.wrong_bytes import WRONG_SIGN, call_sign, holds_wrong, wrong_sign
from batchwright.data.typed.cells import KEPT, BadCell, BadCells, TableOptions
from batchwright.data.typed.schema import Schema, normal_names
from batchwright.data.typed.table import Table, type_table
from batchwright.errors import DataError

Cells: TypeAlias = list[str | None]

QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
ATTRIBUTE = re.compile(rf"@attribute\s+(?P<name>{QUOTED}|[^\s{{]+)\s*(?P<type>.*)", re.IGNORECASE)
VALUE = re.compile(rf"\s*(?P<value>{QUOTED}|[^,]*?)\s*(?P<end>,|$)")
BLANK_VALUE = re.compile(rf"\s*(?P<value>{QUOTED}|\S+)\s*(?P<end>)")
PAIR = re.compile(rf"\s*(?P<place>\d+)\s+(?P<value>{QUOTED}|[^,]*?)\s*(?:,|$)")
ESCAPE = re.compile(r"\\(.)", re.DOTALL)
NUMERIC = ("numeric", "real", "integer")
JAVA_DATES = {"yyyy": "%Y", "yy": "%y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S", "SSS": "%3f"}
"""Parts of a date format of Java, and of polars."""
JAVA_PART = re.compile(r"'([^']*)'|([A-Za-z])\2*")


@dataclasses.dataclass(frozen=True)
class Attribute:
    """A declared column: its name, what it holds, its declared values, and the format of its dates."""

    name: str
    holds: Literal["numbers", "text", "dates", "values"]
    values: tuple[str, ...] = ()
    date_format: str = ""

    @property
    def kind(self) -> str:
        """The kind of column."""
        if {value.lower() for value in self.values} == {"true", "false"}:
            return "boolean"
        return {"numbers": "numeric", "dates": "date"}.get(self.holds, "categorical")


class Arff(TextFormat):
    """A header that declares the columns, then rows."""

    endings = (".arff",)
    peak_factor = 12

    def table(self, data: bytes, name: str, options: TableOptions, *, schema: Schema | None) -> Table:
        """The table in a text.

        Raises:
            DataError: not UTF-8, a declaration or a row that is none, repeated names, no rows, bad cells, or columns
                that the schema needs and the file lacks.
        """
        text = text_of(data, name, options.encoding)
        lines = enumerate(text.splitlines(), start=1)
        meaningful = ((number, line.strip()) for number, line in lines if line.strip() and not _is_comment(line))
        attributes = _read_header(meaningful, name)
        rows, places, wrong, torn = _read_rows(meaningful, attributes, damaged=holds_wrong(text))
        frame = pl.DataFrame({column.name: _series(column, rows, place) for place, column in enumerate(attributes)})
        told = {column.name: column.kind for column in attributes if _is_told(column, frame)}
        options = dataclasses.replace(options, kinds={**told, **options.kinds})
        numbers = np.array(places, np.int64)
        before = np.searchsorted(numbers, np.array(torn, np.int64))
        return type_table(frame, options, schema=schema, name=name, lines=numbers, ragged=wrong, torn=before)


ARFF = Arff()


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("%")


def _read_header(lines: Iterator[tuple[int, str]], name: str) -> list[Attribute]:
    """The declared columns; the lines up to `@data` are taken."""
    found: list[Attribute] = []
    for number, line in lines:
        word = line.split(maxsplit=1)[0].lower()
        if word == "@data":
            break
        if word == "@attribute":
            if wrong := WRONG_SIGN.search(line):
                raise DataError(f"{name}: line {number} declares a column and holds {call_sign(wrong[0])}: mend it.")
            found.append(_read_attribute(line, number, name))
        elif word != "@relation":
            raise DataError(
                f"{name}: line {number} is {line!r:.60}, where `@relation`, `@attribute` or `@data` is expected."
            )
    else:
        raise DataError(f"{name} has no line `@data`, after which the rows begin.")
    if not found:
        raise DataError(f"{name} declares no columns: each needs a line `@attribute NAME TYPE` before `@data`.")
    names = normal_names([column.name for column in found], name)
    return [dataclasses.replace(column, name=given) for column, given in zip(found, names, strict=True)]


def _read_attribute(line: str, number: int, name: str) -> Attribute:
    match = ATTRIBUTE.fullmatch(line)
    if match is None:
        raise DataError(f"{name}: line {number} is {line!r:.60}, not `@attribute NAME TYPE`.")
    column, what = _unquote(match["name"]), match["type"].strip()
    word = what.split(maxsplit=1)[0].lower() if what else ""
    if what.startswith("{") and what.endswith("}"):
        return Attribute(column, "values", tuple(map(_unquote, _split(what[1:-1]))))
    if word in NUMERIC:
        return Attribute(column, "numbers")
    if word == "string":
        return Attribute(column, "text")
    if word == "date":
        return Attribute(column, "dates", date_format=_date_format(_unquote(what[4:].strip()), number, name))
    raise DataError(
        f"{name}: line {number} declares column {column!r} as {what!r:.60}. Allowed: numeric, string, "
        'date "yyyy-MM-dd", or the values as in {red, blue}.'
    )


def _date_format(java: str, number: int, name: str) -> str:
    """The date format of polars for one of Java."""

    def translate(part: re.Match[str]) -> str:
        if part[0].startswith("'"):
            return part[1]
        if part[0] not in JAVA_DATES:
            raise DataError(
                f"{name}: line {number} has the date format {java!r}, of which {part[0]!r} is not known. "
                f"Known: {', '.join(JAVA_DATES)}."
            )
        return JAVA_DATES[part[0]]

    form = JAVA_PART.sub(translate, java or "yyyy-MM-dd'T'HH:mm:ss").replace(".%3f", "%.3f")
    try:
        pl.Series(["2000"]).str.to_datetime(form, strict=False)
    except pl.exceptions.PolarsError as error:
        why = str(error).splitlines()[0]
        raise DataError(f"{name}: line {number} has the date format {java!r}, which cannot be read: {why}.") from error
    return form


def _unquote(text: str) -> str:
    """A name or value without the quotation marks around it."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return ESCAPE.sub(r"\1", text[1:-1])
    return text


def _split(line: str) -> list[str]:
    """The cells of a line, with the quotation marks around them."""
    if "'" not in line and '"' not in line:
        return [cell.strip() for cell in line.split(",")] if "," in line else line.split()
    return list(_split_quoted(line))


def _split_quoted(line: str) -> Iterator[str]:
    first = VALUE.match(line)
    pattern = VALUE if first and first["end"] else BLANK_VALUE
    at, end = 0, ","
    while at < len(line) or end:
        match = pattern.match(line, at)
        if match is None:
            return
        yield match["value"]
        at, end = match.end(), match["end"]


def _read_rows(
    lines: Iterator[tuple[int, str]], attributes: Sequence[Attribute], *, damaged: bool
) -> tuple[list[Cells], list[int], BadCells, list[int]]:
    """The rows that can be rows of these columns and their lines, and the bad cells of the others and their lines.

    `damaged` says whether some byte of the text is wrong.
    """
    rows, places, wrong, torn = list[Cells](), list[int](), list[BadCell](), list[int]()
    allowed = {
        place: frozenset((*column.values, None)) for place, column in enumerate(attributes) if column.holds == "values"
    }
    for number, line in lines:
        cells, problem = _read_row(line, attributes, number)
        if problem is None:
            place = next((place for place, values in allowed.items() if cells[place] not in values), None)
            problem = None if place is None else _not_declared(attributes[place], cells[place], number)
        if damaged and (found := WRONG_SIGN.search(line)):
            problem = wrong_sign(number, found[0], _column_with_wrong(cells, attributes))
        if problem is None:
            rows.append(cells)
            places.append(number)
        else:
            torn.append(number)
            wrong += [problem] if len(torn) <= KEPT else []
    return rows, places, BadCells(len(torn), tuple(wrong)), torn


def _column_with_wrong(cells: Cells, attributes: Sequence[Attribute]) -> str | None:
    """The first column with a wrong byte in its cell; None if there is none."""
    named = zip(attributes, cells, strict=False)
    return next((column.name for column, cell in named if cell is not None and WRONG_SIGN.search(cell)), None)


def _not_declared(column: Attribute, cell: str | None, number: int) -> BadCell:
    listed = ", ".join(column.values[:5]) + (", ..." if len(column.values) > 5 else "")
    return BadCell(number, column.name, str(cell), f"one of the declared values {{{listed}}}")


def _read_row(line: str, attributes: Sequence[Attribute], number: int) -> tuple[Cells, BadCell | None]:
    """The cells of a row, or what is wrong with it."""
    if line.startswith("{"):
        return _read_sparse(line, attributes, number)
    cells = [_cell(value) for value in _split(line)]
    if len(cells) == len(attributes):
        return cells, None
    weight = " (weights of rows are not read)" if line.endswith("}") else ""
    return [], BadCell(number, None, f"{len(cells)} cells{weight}", f"{len(attributes)} cells")


def _read_sparse(line: str, attributes: Sequence[Attribute], number: int) -> tuple[Cells, BadCell | None]:
    cells: Cells = [_left_out(column) for column in attributes]
    if not line.endswith("}"):
        return [], BadCell(number, None, f"{line:.40}", "a sparse row, {PLACE VALUE, ...}")
    inner, at = line[1:-1], 0
    while at < len(inner.rstrip()):
        match = PAIR.match(inner, at)
        if match is None or int(match["place"]) >= len(cells):
            return [], BadCell(
                number, None, f"{inner[at:]:.40}", f"PLACE VALUE with a place from 0 to {len(cells) - 1}"
            )
        cells[int(match["place"])] = _cell(match["value"])
        at = match.end()
    return cells, None


def _cell(value: str) -> str | None:
    """The cell that is written so; None if it is missing."""
    return None if value in ("?", "") else _unquote(value)


def _left_out(column: Attribute) -> str | None:
    """The cell that a sparse row leaves out."""
    if column.holds == "values":
        return column.values[0] if column.values else None
    return "0" if column.holds == "numbers" else None


def _series(column: Attribute, rows: Sequence[Cells], place: int) -> pl.Series:
    """The cells of a column with their declared type; as text if some do not fit it."""
    texts = pl.Series(column.name, [row[place] for row in rows], dtype=pl.String)
    if column.holds == "numbers":
        typed = [texts.cast(dtype, strict=False) for dtype in (pl.Int64, pl.Float64)]
    elif column.holds == "dates":
        typed = [texts.str.to_datetime(column.date_format, strict=False, time_unit="us")]
    else:
        return texts
    return next((cells for cells in typed if cells.null_count() == texts.null_count()), texts)


def _is_told(column: Attribute, frame: pl.DataFrame) -> bool:
    """Whether the kind of a column is told, as its cells are text."""
    return column.holds != "text" and frame[column.name].dtype == pl.String
