"""How rows become arrays, as learned from the training rows: saved with a model, and used on new rows."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Int64, Shaped

from batchwright.data.encode.classes import ClassTarget
from batchwright.data.encode.preprocessing import Preprocessing
from batchwright.data.encode.several import SeveralTargets, Target
from batchwright.data.typed.cells import FIRST_MISSING, MISSING, first_ten
from batchwright.data.typed.convert import as_text
from batchwright.data.typed.image_names import classes_in_names
from batchwright.data.typed.images import Images, Largest
from batchwright.data.typed.rows import Rows
from batchwright.data.typed.schema import Schema, as_plain, from_plain
from batchwright.data.typed.table import DEFAULT, Table, TableOptions, from_frame
from batchwright.errors import DataError

LABEL = "label"
"""The name of what is predicted from images."""


@dataclasses.dataclass(frozen=True)
class ImagePreprocessing:
    """Images are encoded as they are; all must have this height, width and number of channels.

    `largest` is the value that becomes 255 in images of 16 bits; None if no training image had 16 bits.
    """

    shape: tuple[int, int, int]
    largest: Largest | None = None

    @property
    def scale(self) -> Largest:
        """The value that becomes 255 in new images of 16 bits: all of their bits, if the training had none of these."""
        return self.largest or 65535

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
                f"{images.name} has images of {found} (height x width x channels), the training had {wanted}: "
                "resize them. Images in a folder are resized automatically."
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
        if isinstance(rows, Table):
            return self.target.encode(rows)
        table = label_table(rows)
        _refuse_unknown_classes(table, self.target)
        return self.target.encode(table)

    def to_json(self) -> dict[str, object]:
        """The encoding as a plain dictionary."""
        return as_plain(self)

    def identity(self) -> dict[str, object]:
        """What decides how rows are encoded, as a plain dictionary; the range of the training rows does not.

        Texts that mean missing since a later version are left out: what they change is seen in the rows themselves.
        """
        missing, usual = self.reading.missing, len(MISSING)
        if missing[:usual] != MISSING:
            return as_plain(self, without=("lowest", "highest", "why"))
        reading = dataclasses.replace(self.reading, missing=(*FIRST_MISSING, *missing[usual:]))
        return as_plain(dataclasses.replace(self, reading=reading), without=("lowest", "highest", "why"))

    @classmethod
    def from_json(cls, plain: Mapping[str, object]) -> "Encoding":
        """The encoding from what `to_json` gave.

        Raises:
            DataError: a key is missing, unknown, or of the wrong type.
        """
        return from_plain(cls, plain)


def _refuse_unknown_classes(labels: Table, target: Target) -> None:
    """Raise a DataError if images are of a class that was not learned; it names the class, not the rows."""
    unknown = target.strangers(labels) if isinstance(target, ClassTarget) else []
    if not unknown:
        return
    counts = dict(as_text(labels.frame[target.name]).value_counts(name="images").iter_rows())
    listed = first_ten(f"{label!r} ({counts[label]:,} image{'' if counts[label] == 1 else 's'})" for label in unknown)
    classes = "the class" if len(unknown) == 1 else f"{len(unknown):,} classes"
    raise DataError(
        f"{labels.name} has images of {classes} {listed}, of which there are no training images. Known: "
        f"{first_ten(target.classes)}. Take these images out, or train with such images too."
    )


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
            + classes_in_names(images.files)
            + "".join(f" Found: {note}." for note in images.notes)
        )
    text = images.labels.dtype.kind not in "biuf"
    options = TableOptions(missing=(), kinds={LABEL: "categorical"} if text else {})
    return from_frame({LABEL: images.labels}, options, name=images.name)


def leave_out_rare(
    rows: Rows, kept: Int64[np.ndarray, " kept"] | None, target: Target
) -> tuple[Rows, Int64[np.ndarray, " kept"] | None]:
    """The rows without those of classes that are too rare to be learned, and the positions of all that are kept."""
    parts = target.parts if isinstance(target, SeveralTargets) else (target,)
    dropping = [part for part in parts if isinstance(part, ClassTarget) and part.dropped]
    if not dropping:
        return rows, kept
    table = rows if isinstance(rows, Table) else label_table(rows)
    chosen = np.flatnonzero(~np.any([part.is_dropped(table) for part in dropping], axis=0))
    return rows.take(chosen), chosen if kept is None else kept[chosen]
