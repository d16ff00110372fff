"""Requests with images: those for a model of nothing else, and those of rows of which a column holds images."""

import base64
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from batchwright.data.formats.image_columns import mark_rows
from batchwright.data.formats.image_decoding import WANTED, Decoded
from batchwright.data.typed.cells import KEPT, BadCell, BadCells
from batchwright.data.typed.schema import normal_names
from batchwright.data.typed.table import Table
from batchwright.data.whole_rows import WholeRows
from batchwright.serve.asked import Columns, parse_columns
from batchwright.serve.forms import Field, fields_of
from batchwright.serve.media import FORM, IMAGE, Content
from batchwright.serve.pictures import Decoder, Give, from_text, from_value
from batchwright.serve.refusals import RefusedError, cut, refuse_images, refuse_many

FIELD, FILE = "field", "file"
"""The columns of an answer that say of which field of a form it is, and of which file where one has a name."""

Where = Mapping[str, Any]
"""Which image it is, in the words of an answer."""


def read_images(body: bytes, content: Content, decoder: Decoder, most_rows: int) -> WholeRows:
    """The images of a request for a model that takes nothing else, encoded.

    Raises:
        RefusedError: images cannot be read, are too large or too many, or the body has no images.
    """
    if content.type == IMAGE:
        return _rows_of([lambda: body], [{}], decoder, pl.DataFrame())
    if content.type == FORM:
        fields = fields_of(body, content.boundary)
        refuse_many(len(fields), most_rows)
        return _rows_of(list(map(_image_of, fields)), list(map(_where, fields)), decoder, _kept(fields))
    values = _column(parse_columns(body), decoder.image.column)
    refuse_many(len(values), most_rows)
    where = [{"column": decoder.image.column, "value": cut(value) if type(value) is str else None} for value in values]
    return _rows_of([partial(from_value, value) for value in values], where, decoder, pl.DataFrame())


def _column(columns: Columns, name: str) -> list[Any]:
    """The cells of a column of images, the only one that is asked for."""
    found = dict(zip(normal_names(columns, "the request"), columns.values(), strict=True)).get(name)
    if found is None:
        raise RefusedError(422, f'the request lacks the column {name!r}: send [{{"{name}": "..."}}], in base64.')
    return found


def _rows_of(images: Sequence[Give], where: Sequence[Where], decoder: Decoder, kept: pl.DataFrame) -> WholeRows:
    """The images as rows, all of which can be read; `kept` are columns to put before the answers."""
    found = decoder.decode(images)
    if found.problems:
        raise refuse_images(
            [{"row": place + 1, **where[place], "reason": reason} for place, reason in found.problems.items()]
        )
    return WholeRows({"image": found.pixels}, np.ones(len(images), bool), kept, notes=decoder.notes(found.looks))


def _image_of(field: Field) -> Give:
    """What gives the image in a field: a file as it is, or text in base64."""
    if field.file is not None:
        return lambda: field.data
    return lambda: from_text(field.data.decode("ascii", "replace"))


def _where(field: Field) -> Where:
    named = {FILE: cut(field.file)} if field.file else {}
    return {FIELD: cut(field.name), **named}


def _kept(fields: Sequence[Field]) -> pl.DataFrame:
    """The names of fields and of their files, if any has one."""
    names = pl.DataFrame({FIELD: [field.name for field in fields]}, schema={FIELD: pl.String})
    if not any(field.file for field in fields):
        return names
    return names.with_columns(pl.Series(FILE, [field.file or None for field in fields], pl.String))


def columns_with_images(body: bytes, content: Content, image: str) -> Columns:
    """The columns of a request of rows that have an image in the column of this name, in base64.

    A field of a form is a cell of the column that it is named after: a field that comes twice makes two rows. An image
    alone is a row without other cells.

    Raises:
        RefusedError: the body cannot be read, or some fields come more often than others.
    """
    if content.type == IMAGE:
        return {image: [base64.b64encode(body).decode()]}
    if content.type != FORM:
        return parse_columns(body)
    columns: Columns = {}
    for field in fields_of(body, content.boundary):
        columns.setdefault(field.name, []).append(_cell_of(field, image))
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name!r:.40} {count:,}" for name, count in list(lengths.items())[:10])
        raise RefusedError(400, f"a row has each field once, but the form has them so often: {told}.")
    return columns


def _cell_of(field: Field, image: str) -> str:
    """What a field holds, as text; an image in base64."""
    if field.name == image and field.file is not None:
        return base64.b64encode(field.data).decode()
    try:
        return field.data.decode()
    except UnicodeDecodeError as error:
        raise RefusedError(422, f"field {field.name!r:.80} of the form is not text in UTF-8.") from error


def put_images(table: Table, decoder: Decoder) -> Table:
    """The table with pixels in the place of images in base64; rows without one that can be read are marked.

    Raises:
        RefusedError: the images are too large, or too many.
    """
    assert table.whole is not None
    place = next(place for place, column in enumerate(table.columns) if column.name == decoder.image.column)
    cells = table.frame[decoder.image.column]
    found = decoder.decode([partial(from_text, text) for text in cells])
    lines = np.flatnonzero(table.whole.fits) + 1 if table.lines is None else table.lines
    first = (
        BadCell(int(lines[row]), cells.name, cells[row] or "", f"{WANTED}: {reason}")
        for row, reason in list(found.problems.items())[:KEPT]
    )
    fits = ~np.isin(np.arange(len(cells)), list(found.problems))
    pixels = pl.Series(cells.name, found.pixels.reshape(len(cells), math.prod(decoder.image.shape)))
    bad = BadCells(len(found.problems), tuple(first))
    return mark_rows(table, list(table.columns), Decoded(table.columns[place], pixels, fits, bad, []))
