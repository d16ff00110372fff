"""How rows become arrays, as learned from the training rows: saved with a model, and used on new rows."""

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Shaped

from batchwright.data.encode.preprocessing import Preprocessing
from batchwright.data.encode.several import Target
from batchwright.data.formats.format import Rows
from batchwright.data.formats.source import Source, read
from batchwright.data.typed.images import Images
from batchwright.data.typed.schema import Column, Schema, from_plain, normal_name
from batchwright.data.typed.table import DEFAULT, Table, TableOptions, from_frame
from batchwright.data.weights import divide_by_unit, drop_weightless, row_weights, unit_of
from batchwright.errors import DataError

LABEL = "label"
"""The name of what is predicted from images."""


@dataclasses.dataclass(frozen=True)
class ImagePreprocessing:
    """Images are encoded as they are; all must have this height, width and number of channels."""

    shape: tuple[int, int, int]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """None: images have no columns."""
        return ()

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """None: images have no columns."""
        return ()

    def encode(self, images: Images) -> dict[str, np.ndarray]:
        """The images, by the name of their input.

        Raises:
            DataError: the images have another shape.
        """
        if images.shape != self.shape:
            found, wanted = ("x".join(map(str, shape)) for shape in (images.shape, self.shape))
            raise DataError(
                f"{images.name} has images of {found} (height x width x channels), those of the training are {wanted}: "
                "resize them. Those in a folder are resized by themselves."
            )
        return {"image": images.images}


@dataclasses.dataclass(frozen=True)
class Encoding:
    """What each column holds, how inputs and target are encoded, and how tables for this model are read."""

    schema: Schema
    preprocessing: Preprocessing | ImagePreprocessing
    target: Target
    reading: TableOptions = DEFAULT

    def __repr__(self) -> str:
        """The inputs and the target."""
        return f"<Encoding: {self.preprocessing!r}; {self.target!r}>"

    def inputs(self, rows: Rows) -> dict[str, np.ndarray]:
        """The arrays of the rows by name: "numeric", "categorical" or "image".

        Raises:
            DataError: the rows are not of the kind or shape that the encoding was learned from.
        """
        if isinstance(rows, Images) and isinstance(self.preprocessing, ImagePreprocessing):
            return self.preprocessing.encode(rows)
        if isinstance(rows, Table) and isinstance(self.preprocessing, Preprocessing):
            return self.preprocessing.encode(rows)
        found, wanted = ("images", "a table") if isinstance(rows, Images) else ("a table", "images")
        raise DataError(f"{rows.name} holds {found}, but the training rows were {wanted}.")

    def targets(self, rows: Rows) -> Shaped[np.ndarray, "rows ..."]:
        """The codes (int32) or standardised values (float32) of the target; for several targets, a column for each.

        Raises:
            DataError: the rows have no target, or a target is missing or unknown.
        """
        return self.target.encode(rows if isinstance(rows, Table) else label_table(rows))

    def to_json(self) -> dict[str, object]:
        """The encoding as a plain dictionary."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, plain: Mapping[str, object]) -> "Encoding":
        """The encoding from what `to_json` gave.

        Raises:
            DataError: a key is missing, unknown, or of the wrong type.
        """
        return from_plain(cls, plain)


def encode_new(source: Source, encoding: Encoding, *, options: TableOptions | None = None) -> dict[str, np.ndarray]:
    """The inputs of new rows, in the order of the source; they need no targets.

    Args:
        source: rows as for training; if it has its own test part, that part is used.
        encoding: the encoding of the trained model.
        options: how the cells are read, if not as in training; bad rows stop the reading unless these say "drop".

    Raises:
        DataError: a column is missing, images have another shape, or as `read`.
    """
    with _settings_of_training(options):
        return encoding.inputs(_read_new(source, encoding, encoding.schema, options))


class Labelled(NamedTuple):
    """Encoded rows to evaluate a model on, and notes that a user should know, one sentence each."""

    inputs: dict[str, np.ndarray]
    targets: Shaped[np.ndarray, "rows ..."]
    weights: Float32[np.ndarray, " rows"] | None
    notes: tuple[str, ...]


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
        return Labelled(encoding.inputs(rows), encoding.targets(rows), None, ())
    if absent := [name for name in encoding.target.columns if name not in rows.kinds]:
        raise DataError(
            f"{rows.name} has no column {', '.join(map(repr, absent))}, the target, which an evaluation compares "
            "with; predicting does without it."
        )
    if column is None:
        return Labelled(encoding.inputs(rows), encoding.targets(rows), None, rows.notes)
    if weights is None and column not in rows.kinds:
        lacking = f"{rows.name} has no column {column!r}, which weighed the training rows: here every row counts once"
        return Labelled(encoding.inputs(rows), encoding.targets(rows), None, (*rows.notes, lacking))
    if column not in rows.kinds:
        raise DataError(f"{rows.name} has no column {column!r}, which was named as that of the weights.")
    rows = drop_weightless(rows, column)
    numbers = row_weights(rows, column)
    return Labelled(
        encoding.inputs(rows), encoding.targets(rows), divide_by_unit(numbers, unit_of(numbers)), rows.notes
    )


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
    """The rows of a source, read as the training rows were; if it has its own test part, that part."""
    if isinstance(preprocessing, ImagePreprocessing):
        height, width, channels = preprocessing.shape
        loaded = read(source, reading, image_size=(height, width), channels=channels)
    else:
        loaded = read(source, reading, schema=schema)
    return loaded.train if loaded.test is None else loaded.test


def label_table(images: Images) -> Table:
    """The labels of images as a table of one column; text is never read as numbers or dates.

    Raises:
        DataError: the images carry no labels.

    >>> label_table(Images(np.zeros((2, 1, 1, 1), np.uint8), np.array(["8", "9"]), "signs")).kinds
    {'label': 'categorical'}
    """
    if images.labels is None:
        raise DataError(
            f"{images.name} has no labels: put the images of each class into a folder of its own, or give labels."
        )
    text = images.labels.dtype.kind not in "biuf"
    options = TableOptions(missing=(), kinds={LABEL: "categorical"} if text else {})
    return from_frame({LABEL: images.labels}, options, name=images.name)
