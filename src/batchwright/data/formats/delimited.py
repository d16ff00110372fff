"""Delimited text (CSV, TSV): read as columns of text, each row with the line on which it begins, and typed."""

import dataclasses
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Int64

from batchwright.data.formats.encodings import UTF8, check_is_text, chunks_of, decode, find_encoding
from batchwright.data.formats.headers import NO_HEADER
from batchwright.data.formats.layout import HEAD_BYTES, Layout, find_layout, is_enough, left_out_notes
from batchwright.data.formats.parsed_numbers import parse_text
from batchwright.data.formats.records import Left, Records, blanks_to_tabs, find_records
from batchwright.data.formats.regular import parse_regular
from batchwright.data.formats.text import TextFormat, read_bytes
from batchwright.data.formats.wrong_bytes import hidden_bytes, hide_wrong_bytes, is_plain, leave_out_wrong
from batchwright.data.typed.cells import KEPT, NONE_BAD, BadCell, BadCells, TableOptions
from batchwright.data.typed.decimal_marks import Plain
from batchwright.data.typed.schema import Schema
from batchwright.data.typed.table import DEFAULT, Table, type_table
from batchwright.errors import DataError

OTHER_FORMATS = (
    (b"PK\x03\x04", "a spreadsheet or zip archive"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"PAR1", "a Parquet file (name it .parquet)"),
)


NO_LINES = np.zeros(0, np.int64)


@dataclasses.dataclass(frozen=True)
class TextRows:
    """Columns of text or of numbers, the line on which each row begins, the records that are no rows, and notes.

    These records begin on the lines `torn`; `plain` says how numbers stand.
    """

    frame: pl.DataFrame
    lines: Int64[np.ndarray, " rows"]
    ragged: BadCells
    torn: Int64[np.ndarray, " torn"]
    notes: tuple[str, ...] = ()
    plain: Plain = "text"


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
        text = split_text(data, name, options, schema=schema, numbers=schema is None)
        return type_text(text, options, schema=schema, name=name)


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
        torn=np.searchsorted(text.lines, text.torn),
        untyped=True,
        plain=text.plain,
        notes=text.notes,
    )


def read_csv(path: str | Path, options: TableOptions = DEFAULT, *, schema: Schema | None = None) -> Table:
    """The table in a file of delimited text (RFC 4180 quotation marks).

    Args:
        path: the file. Its encoding and what separates its cells, unless given, are found from its bytes.
        options: how cells are read.
        schema: the columns, for rows given to a saved model: its used columns have to be there; of the others the
            target is kept if present.

    Raises:
        DataError: no such file, no text in an encoding that can be found, no rows, records of different lengths, bad
            cells, or columns that the schema needs and the file lacks.
    """
    return DELIMITED.table(read_bytes(Path(path)), Path(path).name, options, schema=schema)


def split_text(
    data: bytes, name: str, options: TableOptions, *, schema: Schema | None = None, numbers: bool = False
) -> TextRows:
    """The cells of a text, called `name`; `schema` gives the names of columns without a header.

    Columns of which nothing is told may come as numbers, where `numbers` are asked for.

    Raises:
        DataError: the bytes are no text, there are no rows, or it is not certain where they begin.
    """
    check_format(data, name)
    plain = options.encoding is None and is_plain(data)  # which is faster to see
    encoding = UTF8 if plain else find_encoding(chunks_of(data), name, options.encoding)
    data = data if plain else decode(data, encoding, name)
    check_is_text(data[:HEAD_BYTES], name)
    size = HEAD_BYTES
    while not is_enough(data[:size], size):
        size *= 2
    whole = size >= len(data)
    layout = find_layout(data[:size], data[-HEAD_BYTES:], options, name, schema=schema, whole=whole)
    body = data[layout.start : len(data) - layout.footer]
    free = _untold(layout, options) if numbers else ()
    first = layout.lines + 1
    rows, left = split_lines(body, layout, name, line=first, heads=layout.heads, numbers=free, plain=plain)
    if len(rows.lines) == 0 and not rows.ragged.count:
        raise DataError(f"{name} holds a header and no rows.", NO_HEADER)
    empty = [layout.names[place] for place in layout.nameless if not holds_text(rows.frame[layout.names[place]])]
    notes = all_notes(encoding.note, layout, left, len(empty))
    return dataclasses.replace(rows, frame=rows.frame.drop(empty), notes=notes, plain="parsed" if numbers else "text")


def split_lines(
    data: bytes,
    layout: Layout,
    name: str,
    *,
    line: int,
    heads: int,
    numbers: Collection[str] = (),
    plain: bool = False,
) -> tuple[TextRows, Left]:
    """The cells of some lines of a text, without the first `heads` records, and how many records were left out.

    Args:
        data: the lines, which begin and end with a record.
        layout: how the text is laid out.
        name: what it is called in messages.
        line: the number of the first line.
        heads: records at the beginning that are no rows.
        numbers: the columns that may come as numbers.
        plain: whether it is known that the text is ASCII without NULs.

    Raises:
        DataError: the records cannot be parsed.
    """
    hidden = data if plain else hide_wrong_bytes(data)
    text = blanks_to_tabs(hidden, layout.signs) if layout.signs.blanks else hidden
    regular = plain or b"\0" not in text
    frame = parse_regular(text, layout.signs, layout.names, heads=heads, numbers=numbers) if regular else None
    if frame is not None:
        lines = line + heads + np.arange(frame.height)
        return TextRows(frame, lines, NONE_BAD, NO_LINES), Left(heads=heads)
    records, left = find_records(text, layout.signs, line=line)
    later = records[heads:]
    sound, wrong = (
        leave_out_wrong(later, layout.names, hidden_bytes(data, hidden)) if b"\0" in text else (later, NONE_BAD)
    )
    body, ragged = whole_records(sound, len(layout.names))
    torn = np.sort(np.append(records.torn, np.setdiff1d(later.lines, body.lines)))
    rows = TextRows(parse_cells(body, layout.names, name), body.lines, ragged + wrong, torn)
    return rows, left._replace(heads=min(heads, len(records)))


def _untold(layout: Layout, options: TableOptions) -> list[str]:
    """The columns with a name of which nothing is told, so that what they hold is found from their cells."""
    if options.decimal == ",":
        return []
    nameless = {layout.names[place] for place in layout.nameless}
    return [name for name in layout.names if name not in {*nameless, *options.kinds, *(options.columns or {})}]


def all_notes(encoding: str, layout: Layout, left: Left, empty_columns: int) -> tuple[str, ...]:
    """What a user should know about how a text was read, one sentence each."""
    found = (encoding, *layout.notes) if encoding else layout.notes
    return (*found, *left_out_notes(left, layout.signs, empty_columns))


def check_format(head: bytes, name: str) -> None:
    """Raise a DataError if a file, called `name`, begins like another format."""
    for mark, what in OTHER_FORMATS:
        if head.startswith(mark):
            raise DataError(f"{name} is {what}, not delimited text. Save it as CSV in UTF-8.")


def whole_records(records: Records, width: int) -> tuple[Records, BadCells]:
    """The records with `width` fields; and those with more or fewer, or with quotation marks that do not pair."""
    fits = records.fields == width
    lines, fields = records.lines[~fits], records.fields[~fits]
    first = (
        BadCell(line, None, _count(found), _count(width))
        for line, found in zip(lines[:KEPT].tolist(), fields[:KEPT].tolist(), strict=True)
    )
    return records[fits], records.broken + BadCells(len(lines), tuple(first))


def holds_text(cells: pl.Series) -> bool:
    """Whether some cell of a column of text is not blank."""
    return bool((cells.str.strip_chars() != "").any())


def parse_cells(records: Records, names: Sequence[str], name: str) -> pl.DataFrame:
    """The cells, as text, of records with one field for each name; `name` is the name of the file.

    Raises:
        DataError: the records cannot be parsed.
    """
    if len(records) == 0:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    try:
        frame = parse_text(records.tobytes(), records.signs, names)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{name} cannot be parsed: {error}") from error
    if frame.shape != (len(records), len(names)):
        raise DataError(f"{name} cannot be parsed: {len(records):,} records gave {frame.height:,} rows.")
    return frame


def _count(fields: int) -> str:
    return "1 field" if fields == 1 else f"{fields} fields"
