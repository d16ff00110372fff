"""Files of delimited text (CSV, TSV) as columns of text, each row with the line that it begins in."""

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Int64

from batchwright.data.cells import BadCell, TableOptions
from batchwright.data.records import Records, find_records, guess_delimiter
from batchwright.data.schema import Schema
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
    """Columns of text, the line that each row begins in, and the records whose number of fields was wrong."""

    frame: pl.DataFrame
    lines: Int64[np.ndarray, " rows"]
    ragged: tuple[BadCell, ...]


def read_text(path: Path, options: TableOptions, *, schema: Schema | None = None) -> TextRows:
    """The cells of a file as text; `schema` gives the names of columns that have no header.

    Raises:
        DataError: no such file, not UTF-8, no rows, names that repeat, or quotation marks that do not match.
    """
    data = _utf8(path)
    delimiter = _delimiter(options.delimiter) or guess_delimiter(data)
    try:
        records = find_records(data, delimiter)
    except DataError as error:
        raise DataError(f"{path.name}, {error}") from error
    if len(records) == 0:
        raise DataError(f"{path.name} is empty. A table needs rows, and a header unless `--no-header` is given.")
    names = _header(records, path.name) if options.header else _positions(int(records.fields[0]), schema)
    body = records[1:] if options.header else records
    if len(body) == 0:
        raise DataError(f"{path.name} holds a header and no rows. If its first line is a row, give `--no-header`.")
    fits = body.fields == len(names)
    ragged = tuple(
        BadCell(line, None, _count(found), _count(len(names)))
        for line, found in zip(body.lines[~fits].tolist(), body.fields[~fits].tolist(), strict=True)
    )
    body = body[fits]
    return TextRows(_parse(body, names, path.name), body.lines, ragged)


def _utf8(path: Path) -> bytes:
    """The bytes of a file without its byte-order mark, known to be UTF-8."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    for mark, what in OTHER_FORMATS:
        if data.startswith(mark):
            raise DataError(f"{path.name} is {what}, not delimited UTF-8 text. Save it as CSV in UTF-8.")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"line {line} holds the byte 0x{data[error.start]:02x}"
        raise DataError(f"{path.name} is not UTF-8 text: {found}. Save it as CSV in UTF-8.") from error
    return data.removeprefix(b"\xef\xbb\xbf")


def _delimiter(given: str | None) -> str | None:
    delimiter = "\t" if given in ("\\t", "tab") else given
    if delimiter is not None and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n'):
        raise DataError(f"delimiter {given!r} cannot be used: give one ASCII character, such as ',', ';' or 'tab'.")
    return delimiter


def _header(records: Records, name: str) -> list[str]:
    """The names in the first record; a column without one is called `unnamed 0`, by its position."""
    names = [cell.strip() or f"unnamed {number}" for number, cell in enumerate(records.first())]
    repeated = sorted({column for column in names if names.count(column) > 1})
    if repeated:
        listed = ", ".join(map(repr, repeated))
        raise DataError(
            f"{name}: line {records.lines[0]} names {listed} more than once. Give each column its own name, "
            "or `--no-header` if that line is a row."
        )
    return names


def _positions(width: int, schema: Schema | None) -> list[str]:
    """The names of columns without a header: 0, 1, 2, ... New rows for a model may lack the target, and only that."""
    known = [column.name for column in schema.columns] if schema else []
    without_target = [name for name in known if schema and name != schema.target]
    return without_target if len(without_target) == width < len(known) else [str(number) for number in range(width)]


def _parse(records: Records, names: list[str], name: str) -> pl.DataFrame:
    """The cells of records that all have as many fields as there are names."""
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
