"""The long way: the rows of one request, read and encoded as `predict` reads those of a file.

A number of JSON in a column of numbers is that number, however training wrote its numbers; any other cell means what
the same text means in a CSV file. Rows in which a column of numbers holds text are read apart from those in which it
holds numbers, so that what a cell means does not depend on the rows beside it.
"""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import polars as pl

from batchwright.data.encode.encoding import Encoding
from batchwright.data.formats.arrow import read_arrow
from batchwright.data.formats.delimited import DELIMITED
from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.schema import Column, WholeSchema, normal_names
from batchwright.data.typed.table import Table, columns_asked_for, type_table
from batchwright.data.whole_rows import WholeRows, encode_whole
from batchwright.errors import DataError
from batchwright.serve.asked import CSV, Columns, columns_of_rows, count_rows
from batchwright.serve.cells import text_of
from batchwright.serve.refusals import RefusedError, refuse_cells

NAME = "the request"
"""What rows are called in messages."""


def read_body(body: bytes, content: str, encoding: Encoding) -> WholeRows:
    """The rows of a body of CSV or Arrow, encoded.

    Raises:
        RefusedError: a cell does not fit, a column is missing, or the body cannot be read.
    """
    reading, schema = _reading(encoding)
    try:
        if content == CSV:
            table = DELIMITED.table(body, NAME, reading, schema=schema)
        else:
            frame = read_arrow(body, NAME)
            frame.columns = normal_names(frame.columns, NAME)
            table = type_table(frame, reading, schema=schema, name=NAME)
        rows = encode_whole(table, encoding)
    except DataError as error:
        raise RefusedError(422, error.message) from error
    return _fitting(rows, rows.place)


def read_columns(columns: Columns, encoding: Encoding) -> WholeRows:
    """The rows of columns of JSON, encoded.

    Raises:
        RefusedError: a cell does not fit, or a column is missing.
    """
    try:
        groups = list(_tables(_flat(columns), encoding))
        rows = _fitting(reduce(add, (encode_whole(table, encoding) for _, table in groups)), "row")
    except DataError as error:
        raise RefusedError(422, error.message) from error
    except RecursionError as error:
        raise RefusedError(422, "the request holds objects nested too deep.") from error
    order = np.argsort(np.concatenate([places for places, _ in groups]))
    return dataclasses.replace(rows, inputs={name: array[order] for name, array in rows.inputs.items()})


def _reading(encoding: Encoding) -> tuple[TableOptions, WholeSchema]:
    """How rows are read that are all looked at before it is said which do not fit."""
    return dataclasses.replace(encoding.reading, on_bad_rows="drop"), WholeSchema(**vars(encoding.schema))


def _fitting(rows: WholeRows, place: str) -> WholeRows:
    """The rows, all of whose cells fit.

    Raises:
        RefusedError: some do not.
    """
    if rows.bad.count:
        raise refuse_cells(rows.bad, place=place, hints=rows.hints)
    return rows


def _tables(columns: Columns, encoding: Encoding) -> Iterator[tuple[np.ndarray, Table]]:
    """The rows as tables in each of which a column of numbers holds numbers or texts, and the places of their rows."""
    reading, schema = _reading(encoding)
    by_name = dict(zip(normal_names(columns, NAME), columns.values(), strict=True))
    used = columns_asked_for(list(by_name), schema, NAME)
    specs = [spec for spec in schema.columns if spec.name in used]
    for places in _places(by_name, [spec.name for spec in specs if spec.kind == "numeric"]):
        series = [_series(spec, [by_name[spec.name][place] for place in places], places) for spec in specs]
        lines = np.array(places, np.int64)
        yield lines, type_table(pl.DataFrame(series), reading, schema=schema, name=NAME, lines=lines + 1)


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
