"""Images that were sent: from base64 or as they are to pixels, as `predict` decodes files, within limits."""

import base64
import binascii
import io
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from batchwright.data.encode.encoding import Encoding, ImagePreprocessing
from batchwright.data.formats.image_files import form_notes
from batchwright.data.formats.image_pixels import MODES, SCALES, Look, image_errors, read_sent, reason_of
from batchwright.data.typed.images import Largest
from batchwright.serve.limits import Limits
from batchwright.serve.refusals import RefusedError

COLUMN = "image"
"""The name under which rows of JSON hold the images of a model that takes nothing else."""
NO_BASE64 = "it is no base64 (the image itself is sent, not the name of its file)"
TEXTS, MOST_COMMENTS = (b"P1", b"P2", b"P3"), 1000
"""How images of PPM written as text begin, and the comments in one: Pillow copies what is behind each of them."""
_PLAIN = str.maketrans("-_", "+/", " \t\n\r\f\v")


@dataclass(frozen=True)
class ImageInput:
    """The images that a model takes.

    Attributes:
        column: the column that holds them.
        shape: height, width and channels that they are brought to.
        largest: the value that becomes 255 in images of 16 bits.
        alone: whether the model learned from no table, and takes nothing else.
    """

    column: str
    shape: tuple[int, int, int]
    largest: Largest
    alone: bool


def image_input(encoding: Encoding) -> ImageInput | None:
    """The images that a model takes; None if it takes none."""
    made = encoding.preprocessing
    if isinstance(made, ImagePreprocessing):
        return ImageInput(COLUMN, made.shape, made.scale, alone=True)
    if made.image is None:
        return None
    spec = next(column for column in encoding.schema.columns if column.name == made.image.column)
    return ImageInput(spec.name, made.image.shape, spec.largest or SCALES[-1], alone=False)


def prepare_decoding() -> None:
    """Load what reads the formats, so that no request waits for it; how large an image may be, `Limits` says."""
    from PIL import Image

    Image.init()
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)


Give = Callable[[], bytes]
"""Gives the bytes of an image, or raises a ValueError that says why there are none."""


def from_text(text: str | None) -> bytes:
    r"""The bytes of an image in base64, which may be a `data:` URL, with line ends and with signs for URLs in it.

    Raises:
        ValueError: it is none.

    >>> from_text("data:image/png;base64,iVBO\nRw0K"), from_text("_-8")
    (b'\x89PNG\r\n', b'\xff\xef')
    """
    if text is None:
        raise ValueError("it is missing")
    if text[:5].lower() == "data:":
        head, _, text = text.partition(",")
        if not head.rstrip().lower().endswith(";base64"):
            raise ValueError("its data: URL is not in base64")
    plain = text.translate(_PLAIN).rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(NO_BASE64) from error


def from_value(value: object) -> bytes:
    """The same, of a value of JSON."""
    if value is None or isinstance(value, str):
        return from_text(value)
    raise ValueError("it is no text, and an image is sent as base64")


class _Watched(io.BytesIO):
    """A file in memory of which each reading calls `check`, which may raise: headers may have very many parts."""

    def __init__(self, data: bytes, check: Callable[[], None]) -> None:
        super().__init__(data)
        self._check = check

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes."""
        self._check()
        return super().read(size)


class Pictures(NamedTuple):
    """The pixels of some images, zeros where one cannot be read; what each is that can be; and why others cannot."""

    pixels: UInt8[np.ndarray, "images height width channels"]
    looks: list[Look]
    problems: dict[int, str]


class Decoder:
    """Decodes the images of one request; how many pixels they have together, and how long it takes, is limited."""

    def __init__(self, image: ImageInput, limits: Limits) -> None:
        self.image, self._limits = image, limits
        self._pixels, self._end = 0, time.monotonic() + limits.seconds

    def decode(self, images: Sequence[Give]) -> Pictures:
        """The pixels of images.

        Raises:
            RefusedError: they have more pixels than are decoded, or take too long.
        """
        height, width, _ = self.image.shape
        if (made := len(images) * height * width) > self._limits.pixels:
            raise self._too_large(f"{len(images):,} images of {height}x{width} have {made:,} pixels")
        pixels, looks, problems = np.zeros((len(images), *self.image.shape), np.uint8), list[Look](), dict[int, str]()
        for place, give in enumerate(images):
            in_time = partial(self._check_time, place, len(images))
            in_time()
            found = self._read(give, in_time)
            if isinstance(found, str):
                problems[place] = found
            else:
                look, pixels[place] = found
                looks.append(look)
        return Pictures(pixels, looks, problems)

    def notes(self, looks: Sequence[Look]) -> tuple[str, ...]:
        """What was changed to bring images to the form that the model takes, in the words of `predict`."""
        return tuple(form_notes(looks, self.image.shape[:2], self.image.largest))

    def _read(
        self, give: Give, in_time: Callable[[], None]
    ) -> tuple[Look, UInt8[np.ndarray, "height width channels"]] | str:
        """What an image is, and its pixels; or why it cannot be read, whatever error its bytes cause."""
        from PIL import Image

        try:
            data = give()
        except ValueError as error:
            return str(error)
        if data.startswith(TEXTS) and data.count(b"#") > MOST_COMMENTS:
            return f"it has more than {MOST_COMMENTS:,} comments"
        try:
            return read_sent(_Watched(data, in_time), self.image.shape, self.image.largest, check=self._count)
        except (RefusedError, MemoryError):
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise self._too_large("an image has more pixels than any that is decoded") from error
        except image_errors() as error:
            return reason_of(error, empty=lambda: not data)
        except Exception as error:
            return f"it is damaged ({type(error).__name__})"

    def _count(self, pixels: int) -> None:
        self._pixels += pixels
        if self._pixels > self._limits.pixels:
            raise self._too_large(f"the images have {self._pixels:,} pixels or more")

    def _too_large(self, what: str) -> RefusedError:
        most = f"at most {self._limits.pixels:,} pixels are decoded for a request"
        return RefusedError(413, f"{what}: {most}. Send smaller images, or fewer.")

    def _check_time(self, done: int, count: int) -> None:
        if time.monotonic() <= self._end:
            return
        told = f"{done:,} of {count:,} images were decoded in the {self._limits.seconds:g} seconds that a request has"
        raise RefusedError(413, f"{told}: send fewer, or smaller ones.")


def grey_image(image: ImageInput) -> str:
    """An image of the size that a model takes, as a `data:` URL: an example."""
    from PIL import Image

    height, width, channels = image.shape
    made, mode = io.BytesIO(), MODES[channels]
    Image.new("L", (width, height), 128).convert(mode).save(made, "PNG")
    return f"data:image/png;base64,{base64.b64encode(made.getvalue()).decode()}"
