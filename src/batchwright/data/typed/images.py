"""Images as bytes, and their labels.

Images stay uint8 [rows, height, width, channels] all along; a network scales them inside its first operation.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Int64, Shaped, UInt8, UInt64

from batchwright.data.typed.aligned import aligned_empty
from batchwright.errors import DataError

CHANNELS = (1, 3, 4)

Largest = Literal[255, 1023, 4095, 16383, 65535]
"""The largest value of 8, 10, 12, 14 or 16 bits, which becomes 255 in images whose files have 16 bits."""


@dataclass(frozen=True)
class Images:
    """Images of one size, and the label of each where it is known.

    Args:
        images: uint8 [rows, height, width, channels].
        labels: [rows], whole numbers or text for classes, other numbers for values; None where there are none.
        name: what the images are called in messages.
        notes: what was changed on the way in, one sentence each.
        files: the path of each image in the folder that was read; None if they are from no files.
        dropped: the paths of files that could not be read, and were left out.
        largest: the value that became 255 in images of 16 bits; None if there were none.
        hashes: `row_hashes` of the images, where they were made while these were read; whoever changes images leaves
            them out.
    """

    images: UInt8[np.ndarray, "rows height width channels"]
    labels: Shaped[np.ndarray, " rows"] | None
    name: str
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] | None = None
    dropped: tuple[str, ...] = ()
    largest: Largest | None = None
    hashes: UInt64[np.ndarray, " rows"] | None = None

    def __repr__(self) -> str:
        """The number of images, and their size."""
        return f"<Images {self.name:.60}: {self.rows:,} of {' x '.join(map(str, self.shape))}>"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        height, width, channels = self.images.shape[1:]
        return height, width, channels

    @property
    def rows(self) -> int:
        """The number of images."""
        return len(self.images)

    def take(self, chosen: Int64[np.ndarray, " chosen"]) -> "Images":
        """These images (numbers from 0), in this order, in memory that nobody can change and a device can use.

        All images in their own order are not copied.
        """
        every = np.arange(self.rows)
        if np.array_equal(chosen, every):
            return self
        labels = None if self.labels is None else self.labels[chosen]
        files = None if self.files is None else tuple(self.files[place] for place in chosen)
        images = aligned_empty((len(chosen), *self.images.shape[1:]), self.images.dtype)
        np.take(self.images, every[chosen], axis=0, out=images, mode="clip")  # "raise" would copy them once more
        images.flags.writeable = False
        hashes = None if self.hashes is None else self.hashes[chosen]
        return replace(self, images=images, labels=labels, files=files, hashes=hashes)


def to_bytes(values: Shaped[np.ndarray, "..."], name: str) -> UInt8[np.ndarray, "rows height width channels"]:
    """Grey or coloured images of any number type as bytes, the channels last.

    Whole numbers from 0 to 255 are taken as they are; other numbers must be from 0 to 1, and x becomes round(255 x).

    Raises:
        DataError: not 3 or 4 dimensions, no images, not numbers, or numbers outside both ranges.

    >>> to_bytes(np.full((1, 2, 2), 0.5), "grey")[0, :, :, 0]
    array([[128, 128],
           [128, 128]], dtype=uint8)
    """
    if values.ndim not in (3, 4) or values.size == 0 or values.dtype.kind not in "biuf":
        raise DataError(
            f"{name} has shape {values.shape} and type {values.dtype}; images are numbers of the shape "
            "[rows, height, width] or [rows, height, width, channels], none of them 0."
        )
    images = values[..., None] if values.ndim == 3 else values
    if images.shape[-1] not in CHANNELS and images.shape[1] in CHANNELS:
        images = np.moveaxis(images, 1, -1)
    if images.dtype == np.uint8:
        return images
    low, high = images.min(), images.max()
    if low >= 0 and high <= 255 and np.array_equal(images, np.trunc(images)):
        return images.astype(np.uint8)
    if low >= 0 and high <= 1:
        return np.floor(images * 255 + 0.5).astype(np.uint8)
    raise DataError(
        f"{name} has numbers from {low} to {high}; images have bytes from 0 to 255, or numbers from 0 to 1."
    )
