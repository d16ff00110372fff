"""How rows become arrays, all that was learned for it: saved with a model, and used on the rows that it is given."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Shaped

from batchwright.data.images import Images
from batchwright.data.preprocessing import Preprocessing
from batchwright.data.schema import Schema, from_plain
from batchwright.data.sources import Rows, Source, read
from batchwright.data.tables import DEFAULT, Table, TableOptions, from_frame
from batchwright.data.targets import ClassTarget, ValueTarget
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
        """The images by the name of their input.

        Raises:
            DataError: they have another shape.
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
    """What each column is, how inputs and target are encoded, and how a table of this kind is read."""

    schema: Schema
    preprocessing: Preprocessing | ImagePreprocessing
    target: ClassTarget | ValueTarget
    reading: TableOptions = DEFAULT

    def __repr__(self) -> str:
        """What is encoded into what."""
        return f"<Encoding: {self.preprocessing!r}; {self.target!r}>"

    def inputs(self, rows: Rows) -> dict[str, np.ndarray]:
        """The arrays of the rows by name: "numeric", "categorical" or "image".

        Raises:
            DataError: the rows are not of the kind or shape of those that the encoding was learned from.
        """
        if isinstance(rows, Images) and isinstance(self.preprocessing, ImagePreprocessing):
            return self.preprocessing.encode(rows)
        if isinstance(rows, Table) and isinstance(self.preprocessing, Preprocessing):
            return self.preprocessing.encode(rows)
        found, wanted = ("images", "a table") if isinstance(rows, Images) else ("a table", "images")
        raise DataError(f"{rows.name} holds {found}, but the training rows were {wanted}.")

    def targets(self, rows: Rows) -> Shaped[np.ndarray, " rows"]:
        """The codes (int32) or standardised values (float32) of what is predicted.

        Raises:
            DataError: the rows carry no target, or one that is missing or unknown.
        """
        return self.target.encode(rows if isinstance(rows, Table) else label_table(rows))

    def to_json(self) -> dict[str, object]:
        """All of it as a plain dictionary."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, plain: Mapping[str, object]) -> "Encoding":
        """What `to_json` gave.

        Raises:
            DataError: a key is missing, unknown, or of the wrong type.
        """
        return from_plain(cls, plain)


def encode_new(
    source: Source, encoding: Encoding, *, with_targets: bool = False, options: TableOptions | None = None
) -> tuple[dict[str, np.ndarray], Shaped[np.ndarray, " rows"] | None]:
    """The inputs of new rows, in the order of the source, and their targets if these are asked for.

    Args:
        source: rows as for training; of a source with a test part of its own, that part.
        encoding: that of the trained model.
        with_targets: whether the targets are needed, as for an evaluation; otherwise they may be absent and are None.
        options: how the cells are read, where other than in training; bad rows stop it unless these say "drop".

    Raises:
        DataError: a column, or a target that is needed, is not there; images of another shape; or as `read`.
    """
    reading = options or dataclasses.replace(encoding.reading, on_bad_rows="stop")
    try:
        return _encoded(source, encoding, reading, with_targets=with_targets)
    except DataError as error:
        if options is None and error.remedy:  # a setting of training, which nobody can give here
            raise DataError(error.message) from error
        raise


def _encoded(
    source: Source, encoding: Encoding, reading: TableOptions, *, with_targets: bool
) -> tuple[dict[str, np.ndarray], Shaped[np.ndarray, " rows"] | None]:
    rows = read_like(source, encoding.schema, encoding.preprocessing, reading)
    if with_targets and isinstance(rows, Table) and encoding.target.name not in rows.kinds:
        raise DataError(
            f"{rows.name} has no column {encoding.target.name!r}, the target, which an evaluation compares with; "
            "predicting does without it."
        )
    return encoding.inputs(rows), encoding.targets(rows) if with_targets else None


def read_like(
    source: Source, schema: Schema, preprocessing: Preprocessing | ImagePreprocessing, reading: TableOptions
) -> Rows:
    """The rows of a source read as the training rows were; of a source with a test part of its own, that part."""
    if isinstance(preprocessing, ImagePreprocessing):
        height, width, channels = preprocessing.shape
        loaded = read(source, reading, image_size=(height, width), channels=channels)
    else:
        loaded = read(source, reading, schema=schema)
    return loaded.train if loaded.test is None else loaded.test


def label_table(images: Images) -> Table:
    """The labels of images as a table of one column; text is never taken for numbers or dates.

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
