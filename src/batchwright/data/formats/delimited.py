"""Delimited text (CSV, TSV): read as columns of text, each row with the line on which it begins, and typed."""

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Int64

from batchwright.data.formats.records import Records, find_records, guess_delimiter
from batchwright.data.formats.text import MARK, TextFormat, check_utf8, read_bytes
from batchwright.data.typed.cells import KEPT, BadCell, BadCells, TableOptions
from batchwright.data.typed.schema import Schema, normal_name
from batchwright.data.typed.table import DEFAULT, Table, type_table
from batchwright.errors import DataError

OTHER_FORMATS = (
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
    (b"PK\x03\x04", "a spreadsheet or zip archive"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"PAR1", "a Parquet file (name it .parquet)"),
)


@dataclasses.dataclass(frozen=True)
class TextRows:
    """Columns of text, the line on which each row begins, and the records whose number of fields was wrong.

    These records, which are not among the rows, begin on the lines `torn`.
    """

    frame: pl.DataFrame
    lines: Int64[np.ndarray, " rows"]
    ragged: BadCells
    torn: Int64[np.ndarray, " torn"]


NO_HEADER = "If its first line is a row, give `header=false`."


class Delimited(TextFormat):
    """Delimited text. In pieces it is read by `disk.text_pieces`."""

    endings = (".csv", ".tsv", ".tab", ".psv", ".txt", ".dat", ".data")
    peak_factor = 5
    """4.2 measured on columns of numbers."""

    def streams(self, path: Path) -> bool:
        """Yes."""
        return True

    def table(self, data: bytes, name: str, options: TableOptions, *, schema: Schema | None) -> Table:
        """The table in a text; raises what `read_csv` raises."""
        return type_text(split_text(data, name, options, schema=schema), options, schema=schema, name=name)


DELIMITED = Delimited()


def type_text(text: TextRows, options: TableOptions, *, schema: Schema | None, name: str) -> Table:
    """The table of columns of text, called `name`; raises what `type_table` raises."""
    return type_table(
        text.frame,
        options,
        schema=schema,
        name=name,
        lines=text.lines,
        ragged=text.ragged,
        torn=text.torn,
        untyped=True,
    )


def read_csv(path: str | Path, options: TableOptions = DEFAULT, *, schema: Schema | None = None) -> Table:
    """The table in a file of delimited text (UTF-8, with or without a byte-order mark; RFC 4180 quotation marks).

    Args:
        path: the file. Its delimiter, unless given, is found among comma, semicolon, tab and bar.
        options: how cells are read.
        schema: the columns, for rows given to a saved model: its used columns have to be there; of the others the
            target is kept if present.

    Raises:
        DataError: no such file, not UTF-8, no rows, repeated names, records of different lengths, bad cells, or columns
            that the schema needs and the file lacks.
    """
    return DELIMITED.table(read_bytes(Path(path)), Path(path).name, options, schema=schema)


def split_text(data: bytes, name: str, options: TableOptions, *, schema: Schema | None = None) -> TextRows:
    """The cells of a text, called `name`; `schema` gives the names of columns without a header.

    Raises:
        DataError: not UTF-8, no rows, repeated names, or quotation marks that do not match.
    """
    check_format(data, name)
    check_utf8(data, name)
    data = data.removeprefix(MARK)
    delimiter = choose_delimiter(options.delimiter, data)
    try:
        records = find_records(data, delimiter)
    except DataError as error:
        raise DataError(f"{name}, {error}") from error
    if len(records) == 0:
        raise DataError(f"{name} is empty. A table needs rows.", NO_HEADER)
    names = column_names(records, options, schema, name)
    body = records[1:] if options.header else records
    if len(body) == 0:
        raise DataError(f"{name} holds a header and no rows.", NO_HEADER)
    return text_rows(body, names, name)


def text_rows(records: Records, names: list[str], name: str) -> TextRows:
    """The cells of records with one field for each name, and where the others are; `name` is the name of the file.

    Raises:
        DataError: the records cannot be parsed.
    """
    body, ragged = whole_records(records, len(names))
    torn = np.setdiff1d(records.lines, body.lines)
    return TextRows(parse_cells(body, names, name), body.lines, ragged, torn)


def check_format(head: bytes, name: str) -> None:
    """Raise a DataError if a file, called `name`, begins like another format."""
    for mark, what in OTHER_FORMATS:
        if head.startswith(mark):
            raise DataError(f"{name} is {what}, not delimited UTF-8 text. Save it as CSV in UTF-8.")


def choose_delimiter(given: str | None, data: bytes) -> str:
    """The delimiter that the user gives, or else the one found in the text.

    Raises:
        DataError: the given delimiter is not one ASCII character.
    """
    if given is None:
        return guess_delimiter(data)
    delimiter = "\t" if given in ("\\t", "tab") else given
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n':
        raise DataError(f"delimiter {given!r} cannot be used: give one ASCII character, such as ',', ';' or 'tab'.")
    return delimiter


def column_names(records: Records, options: TableOptions, schema: Schema | None, name: str) -> list[str]:
    """The names of the columns, from the first record if it is a header; `schema` is the schema of a trained model.

    Raises:
        DataError: the header of the file, called `name`, repeats a name.
    """
    return _header(records, name) if options.header else _positions(int(records.fields[0]), schema)


def whole_records(records: Records, width: int) -> tuple[Records, BadCells]:
    """The records with `width` fields, and those with more or fewer."""
    fits = records.fields == width
    lines, fields = records.lines[~fits], records.fields[~fits]
    first = (
        BadCell(line, None, _count(found), _count(width))
        for line, found in zip(lines[:KEPT].tolist(), fields[:KEPT].tolist(), strict=True)
    )
    return records[fits], BadCells(len(lines), tuple(first))


def _header(records: Records, name: str) -> list[str]:
    """The names in the first record; a column without a name is called `unnamed 0`, by its position."""
    names = [normal_name(cell.strip() or f"unnamed {number}") for number, cell in enumerate(records.first())]
    repeated = sorted({column for column in names if names.count(column) > 1})
    if repeated:
        listed = ", ".join(map(repr, repeated))
        raise DataError(
            f"{name}: line {records.lines[0]} names {listed} more than once. Give each column its own name.", NO_HEADER
        )
    return names


def _positions(width: int, schema: Schema | None) -> list[str]:
    """The names of columns without a header: 0, 1, 2, ... New rows for a model may lack the targets, but no others."""
    known = [column.name for column in schema.columns] if schema else []
    without_target = [name for name in known if schema and name not in schema.targets]
    return without_target if len(without_target) == width < len(known) else [str(number) for number in range(width)]


def parse_cells(records: Records, names: list[str], name: str) -> pl.DataFrame:
    """The cells, as text, of records with one field for each name; `name` is the name of the file.

    Raises:
        DataError: the records cannot be parsed.
    """
    if len(records) == 0:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    try:
        frame = pl.read_csv(records.tobytes(), has_header=False, separator=records.delimiter, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{name} cannot be parsed: {error}") from error
    if frame.shape != (len(records), len(names)):
        raise DataError(f"{name} cannot be parsed: {len(records):,} records gave {frame.height:,} rows.")
    frame.columns = names
    return frame


def _count(fields: int) -> str:
    return "1 field" if fields == 1 else f"{fields} fields"
