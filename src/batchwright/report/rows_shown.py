"""Rows of the run as cells of a table: where each is, its target, its answer, and its most important columns."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from batchwright.explanation.worst import place_of, plain_value
from batchwright.figures.text import clean
from batchwright.report.blocks import Cell, Gallery, Picture
from batchwright.report.gathered import Gathered, Measured

MOST_CELLS, LONGEST = 6, 80
WHOLE = 1e15
"""Numbers of a smaller size that have no fraction are shown without one."""

SIDE = 64
"""Pixels of the longer side of a thumbnail."""


class RowsShown:
    """Tells rows of one part by their numbers."""

    def __init__(self, found: Gathered, measured: Measured) -> None:
        self._measured = measured
        self._image: np.ndarray | None = measured.labelled.split.inputs.get("image")
        frame = getattr(measured.labelled.rows, "frame", None)
        kept = [] if frame is None else [name for name in found.columns if name in frame.columns]
        pixels = {column.name for column in getattr(measured.labelled.rows, "columns", ()) if column.kind == "image"}
        self.columns = tuple(name for name in kept if name not in pixels)[:MOST_CELLS]
        self._frame = frame.select(self.columns) if frame is not None and self.columns else None

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads of the columns, as `cells` gives them."""
        return ("row", *(("image",) if self._image is not None else ()), *map(shown_name, self.columns))

    @property
    def only_images(self) -> bool:
        """Whether an image is all that there is of a row."""
        return self._image is not None and not self.columns

    def gallery(self, numbers: Sequence[int]) -> Gallery:
        """The images of some rows."""
        assert self._image is not None
        places = [clean(place_of(self._measured.labelled, number)) for number in numbers]
        return Gallery(
            tuple(thumbnail(self._image[number], place) for number, place in zip(numbers, places, strict=True))
        )

    def cells(self, number: int) -> tuple[Cell, ...]:
        """The cells of a row: where it is, its image where it has one, and its most important columns."""
        place = clean(place_of(self._measured.labelled, number))
        picture = () if self._image is None else (thumbnail(self._image[number], place),)
        frame = self._frame
        values = () if frame is None else tuple(shown_value(plain_value(cell)) for cell in frame.row(number))
        return (place, *picture, *values)


def shown_name(name: str) -> str:
    """The name of a column, no longer than there is room for."""
    text = clean(name)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def shown_value(value: Any) -> Cell:
    """A value as a cell: numbers as they are, all else as a short text."""
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value) if float(value).is_integer() and abs(value) < WHOLE else value
    shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return shown_name(shown)


def thumbnail(image: np.ndarray, place: str) -> Picture:
    """A small copy of an image.

    Args:
        image: uint8 [height, width, channels].
        place: what it is called in words.
    """
    from PIL import Image

    drawn = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    drawn.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    drawn.save(file, "png", optimize=True)
    return Picture(file.getvalue(), f"image of {place}")
