"""The long way: the rows of one request, read and encoded as `predict` reads those of a file.

A number of JSON in a column of numbers is that number, however training wrote its numbers; any other cell means what
the same text means in a CSV file. Rows in which a column of numbers holds text are read apart from those in which it
holds numbers, so that what a cell means does not depend on the rows beside it.
"""

import dataclasses
import io
import math
import zipfile
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import polars as pl

from batchwright.data.encode.encoding import Encoding, ImagePreprocessing
from batchwright.data.formats.arrays import load_npy, load_npz, parts_of, rows_of, whole_file
from batchwright.data.formats.arrow import read_arrow
from batchwright.data.formats.delimited import DELIMITED
from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.schema import Column, WholeSchema, normal_names
from batchwright.data.typed.table import Table, columns_asked_for, type_table
from batchwright.data.whole_rows import WholeRows, encode_whole
from batchwright.errors import DataError
from batchwright.serve.asked import Columns, columns_of_rows, count_rows
from batchwright.serve.cells import text_of
from batchwright.serve.image_rows import put_images
from batchwright.serve.limits import Limits
from batchwright.serve.media import CSV, NPZ, Content
from batchwright.serve.pictures import Decoder
from batchwright.serve.refusals import RefusedError, refuse_cells, refuse_many

NAME = "the request"
"""What rows are called in messages."""
MOST_COLUMNS = 100_000
"""Columns of an array; each takes much more memory than its values."""


def read_body(
    body: bytes, content: Content, encoding: Encoding, limits: Limits, decoder: Decoder | None = None
) -> WholeRows:
    """The rows of a body of CSV or Arrow, encoded; `decoder` is there for a model that takes an image of each row.

    Raises:
        RefusedError: a cell does not fit, a column is missing, the body cannot be read, or has too many rows.
    """
    reading, schema = _reading(encoding)
    try:
        if content.type == CSV:
            table = DELIMITED.table(as_utf8(body, content.charset), NAME, reading, schema=schema)
        else:
            frame = read_arrow(body, NAME)
            refuse_many(frame.height, limits.rows)  # before they are typed: packed, few bytes may hold millions
            frame.columns = normal_names(frame.columns, NAME)
            table = type_table(_in_base64(frame, decoder), reading, schema=schema, name=NAME)
        rows = encode_whole(_with_images(table, decoder), encoding)
    except DataError as error:
        raise RefusedError(422, error.message) from error
    return _fitting(rows, rows.place)


def as_utf8(body: bytes, charset: str) -> bytes:
    """A text in UTF-8 that is in an encoding, as Python knows it.

    Raises:
        RefusedError: some bytes are no text in this encoding.
    """
    called = charset.upper().replace("_", "-")
    try:
        text = body.decode(charset)
        return body if charset == Content(CSV).charset else text.encode()
    except UnicodeDecodeError as error:
        line = body[: error.start].decode(charset, "ignore").count("\n") + 1
        found = f"line {line} of the request holds the byte 0x{body[error.start]:02x}, which is no text in {called}"
    except UnicodeError as error:
        found = f"the request is no text in {called} ({error})"
    raise RefusedError(
        422,
        f"{found}: send UTF-8, or say the encoding that it is in, as in `Content-Type: text/csv; charset=iso-8859-1`.",
    )


def read_arrays(body: bytes, content: Content, encoding: Encoding, limits: Limits) -> WholeRows:
    """The rows of an array, or of arrays with names, encoded: as `predict` reads a `.npy` or `.npz` file.

    Raises:
        RefusedError: it is no such file, holds other rows than the model takes, or more than the limits.
    """
    reading, schema = _reading(encoding)
    known = None if isinstance(encoding.preprocessing, ImagePreprocessing) else schema
    try:
        if content.type == NPZ:
            arrays = _unpack(body, limits.held)
            for array in arrays.values():
                _refuse_large(array, limits.held, limits.rows)
            train, test, _ = parts_of(arrays, reading, schema=known, name=NAME)
            found = train if test is None else test
        else:
            with whole_file(NAME):
                array = load_npy(io.BytesIO(body))
            _refuse_large(array, len(body), limits.rows)
            found = rows_of(array, None, reading, schema=known, name=NAME)
        rows = encode_whole(found, encoding)
    except DataError as error:
        raise RefusedError(422, error.message) from error
    return _fitting(rows, rows.place)


def _refuse_large(array: np.ndarray, most_values: int, most_rows: int) -> None:
    """Raise a RefusedError for an array that would fill the memory as a table: of no bytes a value, or very wide."""
    refuse_many(len(array) if array.ndim else 0, most_rows)
    if array.size > most_values:
        raise RefusedError(413, f"an array has {array.size:,} values: at most {most_values:,} are taken.")
    if array.ndim == 2 and array.shape[1] > MOST_COLUMNS:
        raise RefusedError(413, f"an array has {array.shape[1]:,} columns: at most {MOST_COLUMNS:,} are taken.")


def _unpack(body: bytes, most_bytes: int) -> dict[str, np.ndarray]:
    """The arrays of a `.npz` file, whose sizes it tells."""
    with whole_file(NAME), zipfile.ZipFile(io.BytesIO(body)) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > most_bytes:
        raise RefusedError(413, f"the arrays have {size:,} bytes unpacked: at most {most_bytes:,} are taken.")
    with whole_file(NAME):
        return load_npz(io.BytesIO(body))


def _in_base64(frame: pl.DataFrame, decoder: Decoder | None) -> pl.DataFrame:
    """The frame, with images that came as bytes in base64, as which other types hold them."""
    column = "" if decoder is None else decoder.image.column
    if frame.schema.get(column) != pl.Binary:
        return frame
    return frame.with_columns(pl.col(column).bin.encode("base64"))


def _with_images(table: Table, decoder: Decoder | None) -> Table:
    return table if decoder is None else put_images(table, decoder)


def read_columns(columns: Columns, encoding: Encoding, decoder: Decoder | None = None) -> WholeRows:
    """The rows of columns of JSON, encoded; `decoder` is there for a model that takes an image of each row.

    Raises:
        RefusedError: a cell does not fit, or a column is missing.
    """
    try:
        groups = list(_tables(_flat(columns), encoding, decoder))
        rows = _fitting(reduce(add, (encode_whole(table, encoding) for _, table in groups)), "row")
    except DataError as error:
        raise RefusedError(422, error.message) from error
    except RecursionError as error:
        raise RefusedError(422, "the request holds objects nested too deep.") from error
    order = np.argsort(np.concatenate([places for places, _ in groups]))
    return dataclasses.replace(rows, inputs={name: array[order] for name, array in rows.inputs.items()})


def _reading(encoding: Encoding) -> tuple[TableOptions, WholeSchema]:
    """How rows are read that are all looked at before it is said which do not fit."""
    reading = dataclasses.replace(encoding.reading, on_bad_rows="drop", encoding="utf-8")
    return reading, WholeSchema(**vars(encoding.schema))


def _fitting(rows: WholeRows, place: str) -> WholeRows:
    """The rows, all of whose cells fit.

    Raises:
        RefusedError: some do not.
    """
    if rows.bad.count:
        raise refuse_cells(rows.bad, place=place, hints=rows.hints)
    return rows


def _tables(columns: Columns, encoding: Encoding, decoder: Decoder | None) -> Iterator[tuple[np.ndarray, Table]]:
    """The rows as tables in each of which a column of numbers holds numbers or texts, and the places of their rows."""
    reading, schema = _reading(encoding)
    by_name = dict(zip(normal_names(columns, NAME), columns.values(), strict=True))
    used = columns_asked_for(list(by_name), schema, NAME)
    specs = [spec for spec in schema.columns if spec.name in used]
    for places in _places(by_name, [spec.name for spec in specs if spec.kind == "numeric"]):
        series = [_series(spec, [by_name[spec.name][place] for place in places], places) for spec in specs]
        lines = np.array(places, np.int64)
        table = type_table(pl.DataFrame(series), reading, schema=schema, name=NAME, lines=lines + 1)
        yield lines, _with_images(table, decoder)


def _places(columns: Columns, numeric: Sequence[str]) -> list[Sequence[int]]:
    """The places of all rows, apart by which of the columns of numbers hold something else."""
    rows = count_rows(columns)
    others = [[type(value) not in (int, float, type(None)) for value in columns[name]] for name in numeric]
    if not any(map(any, others)):
        return [range(rows)]
    groups: dict[tuple[bool, ...], list[int]] = {}
    for place, which in enumerate(zip(*others, strict=True)):
        groups.setdefault(which, []).append(place)
    return list(groups.values())


def _series(spec: Column, values: Sequence[Any], places: Sequence[int]) -> pl.Series:
    """The cells of a column: as numbers if it is one of numbers and holds nothing else, or as texts."""
    if spec.kind == "numeric" and all(type(value) in (int, float, type(None)) for value in values):
        return pl.Series(spec.name, [None if value is None else _float(value) for value in values], pl.Float64)
    texts = [_text(value, spec, place) for value, place in zip(values, places, strict=True)]
    try:
        return pl.Series(spec.name, texts, pl.String)
    except UnicodeEncodeError as error:
        raise DataError(f"column {spec.name!r} holds text that is not Unicode: {error}.") from error


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number of more than 308 digits
        return math.copysign(math.inf, value)


def _text(value: Any, spec: Column, place: int) -> str | None:
    """A cell as text; a list of texts as the values that its column separates by a sign."""
    if value is None or type(value) is not list:
        return text_of(value)
    if spec.kind != "tags" or not all(type(text) is str for text in value):
        raise DataError(
            f"row {place + 1}: column {spec.name!r} holds a list. A cell is text, a number, a flag or null."
        )
    if any(spec.format in text for text in value):
        raise DataError(f"row {place + 1}: column {spec.name!r} has a list with {spec.format!r} in a text.")
    return spec.format.join(value)


def _flat(columns: Columns) -> Columns:
    """The columns, with columns `a.b` in place of objects in a column `a`."""
    objects = [name for name, values in columns.items() if any(type(value) is dict for value in values)]
    for name in objects:
        if any(type(value) is not dict and value is not None for value in columns[name]):
            raise DataError(f"column {name!r} has an object in some rows, and something else in others.")
    if not objects:
        return columns
    flat = {name: values for name, values in columns.items() if name not in objects}
    for name in objects:
        inner = columns_of_rows([value or {} for value in columns[name]])
        below = {f"{name}.{key}": values for key, values in inner.items()}
        if twice := flat.keys() & below.keys():
            raise DataError(f"the request names {min(twice)!r} more than once.")
        flat |= below
    return _flat(flat)
