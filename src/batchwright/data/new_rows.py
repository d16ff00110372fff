"""Rows that a trained model has not seen: read and encoded as the training rows were."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from typing import NamedTuple

from batchwright.data.dataset import Split, encode_split
from batchwright.data.encode.encoding import Encoding, ImagePreprocessing, leave_out_rare
from batchwright.data.encode.preprocessing import Preprocessing
from batchwright.data.encode.targets import drop_missing
from batchwright.data.formats.source import Source, part_to_answer, read
from batchwright.data.typed.images import Images
from batchwright.data.typed.rows import Rows
from batchwright.data.typed.schema import Column, Schema, normal_name
from batchwright.data.typed.table import Table, TableOptions
from batchwright.data.weights import drop_weightless
from batchwright.errors import DataError


class Labelled(NamedTuple):
    """Encoded rows to evaluate a model on, and notes that a user should know, one sentence each.

    `source` are the same rows, not encoded.
    """

    rows: Split
    notes: tuple[str, ...]
    source: Rows


def encode_labelled(
    source: Source, encoding: Encoding, *, weights: str | None = None, options: TableOptions | None = None
) -> Labelled:
    """The rows of a source that have a weight above 0, encoded, with their targets and weights.

    Args:
        source: rows as for training; if it has its own test part, that part is used.
        encoding: the encoding of the trained model.
        weights: the column of the rows' weights; None takes the column used in training, if the source has it.
        options: how the cells are read, if not as in training; bad rows stop the reading unless these say "drop".

    Raises:
        DataError: a requested column, target or weight column is missing, images have another shape, or as `read`.
    """
    with _settings_of_training(options):
        return _encode_labelled(source, encoding, weights, options)


def _encode_labelled(source: Source, encoding: Encoding, weights: str | None, options: TableOptions | None) -> Labelled:
    column = encoding.schema.weights if weights is None else normal_name(weights)
    rows = _read_new(source, encoding, _with_weights(encoding.schema, column), options)
    if isinstance(rows, Images):
        if weights is not None:
            raise DataError(f"{rows.name} holds images, which have no column {weights!r} of weights: leave it out.")
        return Labelled(encode_split(rows, encoding), rows.notes, rows)
    if absent := [name for name in encoding.target.columns if name not in rows.kinds]:
        raise DataError(
            f"{rows.name} has no column {', '.join(map(repr, absent))}, the target, which an evaluation compares "
            "with; predicting does without it."
        )
    if options is not None and options.on_bad_rows == "drop" and encoding.target.task != "multilabel":
        rows = reduce(drop_missing, encoding.target.columns, rows)
        if rows.rows == 0:
            raise DataError(f"{rows.name} has no row with a target, which an evaluation compares with.")
    rows = _without_rare(rows, encoding)
    if column is None:
        return Labelled(encode_split(rows, encoding), rows.notes, rows)
    if weights is None and column not in rows.kinds:
        lacking = f"{rows.name} has no column {column!r}, which weighed the training rows: here every row counts once"
        return Labelled(encode_split(rows, encoding), (*rows.notes, lacking), rows)
    if column not in rows.kinds:
        raise DataError(f"{rows.name} has no column {column!r}, which was named as the column of weights.")
    rows = drop_weightless(rows, column)
    return Labelled(encode_split(rows, encoding, weights=column), rows.notes, rows)


def _without_rare(rows: Table, encoding: Encoding) -> Table:
    """The rows without those of classes that were too rare to be learned; a note says how many there are."""
    kept, chosen = leave_out_rare(rows, None, encoding.target)
    if chosen is None:
        return rows
    assert isinstance(kept, Table)
    lost = rows.rows - kept.rows
    said = f"{lost:,} {'row is' if lost == 1 else 'rows are'} left out, as the model has not learned their classes"
    return dataclasses.replace(kept, notes=(*rows.notes, said)) if lost else rows


@contextmanager
def _settings_of_training(options: TableOptions | None) -> Iterator[None]:
    """Remove advice that only a training can follow from errors, if no `options` say how new rows are read."""
    try:
        yield
    except DataError as error:
        if options is None and error.remedy:
            raise DataError(error.message) from error
        raise


def _read_new(source: Source, encoding: Encoding, schema: Schema, options: TableOptions | None) -> Rows:
    reading = options or dataclasses.replace(encoding.reading, on_bad_rows="stop")
    return read_like(source, schema, encoding.preprocessing, reading)


def _with_weights(schema: Schema, column: str | None) -> Schema:
    """The schema for reading rows whose weights are in this column, known or not."""
    known = column is None or any(spec.name == column for spec in schema.columns)
    columns = schema.columns if known else (*schema.columns, Column(str(column), "numeric", used=False))
    return dataclasses.replace(schema, columns=columns, weights=column)


def read_like(
    source: Source, schema: Schema, preprocessing: Preprocessing | ImagePreprocessing, reading: TableOptions
) -> Rows:
    """The rows of a source, read as the training rows were; if it has its own test part, that part.

    Of a folder of images, the validation part is taken where there is no test part.
    """
    if isinstance(preprocessing, ImagePreprocessing):
        height, width, channels = preprocessing.shape
        part, scale = part_to_answer(source), preprocessing.scale
        loaded = read(part, reading, image_size=(height, width), channels=channels, largest=scale)
        if part is not source:
            note = f"of the parts of {source}, the images of {part} are taken"
            return dataclasses.replace(loaded.train, notes=(note, *loaded.train.notes))
    else:
        loaded = read(source, reading, schema=schema)
    return loaded.train if loaded.test is None else loaded.test
