"""Images from their files: what each is, by its header, and its pixels as bytes."""

import io
import math
import os
import struct
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_args

import numpy as np
from jaxtyping import Shaped, UInt8

from batchwright.data.formats.image_notes import count_of
from batchwright.data.typed.images import Largest
from batchwright.errors import DataError

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

T = TypeVar("T")

FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "WEBP", "AVIF", "TIFF", "PPM", "TGA", "JPEG2000")
"""The formats that Pillow may find in a file, whatever its ending. Others run programs, as PostScript does."""

SCALES: tuple[Largest, ...] = get_args(Largest)
"""The least of these that is enough for all images of 16 bits becomes 255."""

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""What Pillow calls pixels of so many channels."""

TILE = 322, 323
"""The tags of a TIFF that hold the width and the height of its tiles."""

SHOWN = 10  # how many bad files a message lists


@dataclass(frozen=True)
class Look:
    """What an image is, by its header.

    Attributes:
        size: height and width as it is shown.
        grey: whether it has no colours.
        largest: the largest value of an image of whole numbers of 16 bits; None for others.
        remarks: what its pixels are, where that changes how they are read: a key of `REMARKS`.
    """

    size: tuple[int, int]
    grey: bool
    largest: int | None = None
    remarks: tuple[str, ...] = ()


REMARKS = {
    "frames": "with several frames or pages: the first one is read",
    "numbers": "of numbers from 0 to 1: 1 becomes 255",
    "deep colours": "in colour or with transparency of 16 bits: the upper 8 are read, so small values become black",
}


@dataclass(frozen=True)
class Problem:
    """A file that cannot be read, and why."""

    file: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


def look_at(files: Sequence[Path], *, whole: bool = False) -> list[Look | Problem]:
    """What each image is, or why it cannot be read; `whole` reads all of it, and not only its header."""
    return on_all_cores(lambda file: _look(file, whole=whole), files)


def read_pixels(
    files: Sequence[Path], shape: tuple[int, int, int], *, largest: int = SCALES[-1], among: Sequence[Path] = ()
) -> UInt8[np.ndarray, "files h w c"]:
    """The bytes of all images, [files, height, width, channels], converted to the sizes and channels of `shape`.

    Args:
        files: the images.
        shape: height, width and channels.
        largest: one of `SCALES`, which becomes 255 in images of 16 bits; larger values do too.
        among: files that are tried as well if one cannot be read, so that the error names all that cannot.

    Raises:
        DataError: some cannot be read, or all of them do not fit in memory.
    """
    try:
        images = np.empty((len(files), *shape), np.uint8)
    except MemoryError as error:
        needed = len(files) * math.prod(shape) / 1e9
        raise DataError(f"{len(files):,} images take {needed:,.0f} GB of memory: give a smaller image_size.") from error

    def fill(file: Path) -> None:
        images[position[file]] = decode(file, shape, largest)

    position = {file: number for number, file in enumerate(files)}
    problems = [found for found in on_all_cores(fill, files) if found is not None]
    if problems:
        known = {problem.file: problem for problem in problems}
        others = look_at([file for file in among if file not in known], whole=True)
        raise unreadable_error([*problems, *(found for found in others if isinstance(found, Problem))], among or files)
    return images


def unreadable_error(problems: Iterable[Problem], files: Sequence[Path]) -> DataError:
    """The error that lists files that cannot be read, among all of these."""
    lines = sorted(f"  {problem}" for problem in problems)
    first = f" (the first {SHOWN} are listed)" if len(lines) > SHOWN else ""
    listed = "\n".join(lines[:SHOWN])
    one, all_bad = len(lines) == 1, len(lines) == len(files)
    which = f"{len(lines):,} of {count_of(len(files), 'file')}" if len(files) > 1 else "the file"
    advice = f"Replace or remove {'it' if one else 'them'}."
    found = f"{which} cannot be read{first}:\n{listed}\n{advice}"
    return DataError(found, "" if all_bad else f"`on_bad_rows=drop` leaves {'it' if one else 'them'} out.")


def scale_of(looks: Iterable[Look]) -> Largest | None:
    """The value that becomes 255 in images of 16 bits: one of `SCALES`; None if there are no such images."""
    largest = max((found.largest for found in looks if found.largest is not None), default=None)
    return None if largest is None else next(scale for scale in SCALES if scale >= largest)


def read_sent(
    source: io.BytesIO, shape: tuple[int, int, int], largest: int, *, check: Callable[[int], None]
) -> tuple[Look, UInt8[np.ndarray, "h w c"]]:
    """What an image in memory is, and its bytes as `decode` gives those of the same file.

    `check` is called with how many pixels are in memory at once, before any is decoded, and may raise; otherwise as
    `decode`.
    """
    with _open(source) as image:
        check(max(math.prod(image.size), _tile_of(image)))
        return _look_of(image, whole=False), _pixels_of(image, shape, largest)


def _tile_of(image: "ImageFile") -> int:
    """The pixels of a tile of a TIFF, which may have more than the image; 0 for images that have no tiles."""
    tags = getattr(image, "tag_v2", {})
    sides = [tags.get(tag, 0) for tag in TILE]
    if not all(isinstance(side, int) for side in sides):
        raise ValueError("the size of its tiles is no number")
    return math.prod(sides)


def _look(path: Path, *, whole: bool) -> Look:
    with _open(path) as image:
        return _look_of(image, whole=whole)


def _look_of(image: "ImageFile", *, whole: bool) -> Look:
    """What an image is, from its header; deep ones are read whole."""
    raw = str(getattr(image, "tile", ()))  # how the file holds its pixels; no longer known once they are read
    turned = image.getexif().get(0x0112, 1) >= 5  # EXIF orientations 5 to 8 swap height and width
    width, height = reversed(image.size) if turned else image.size
    mode, remarks = image.mode, []
    if getattr(image, "is_animated", False) and image.format != "MPO":  # photos may hold a second, smaller picture
        remarks.append("frames")
    if ";16" in raw and not _is_deep(mode):
        remarks.append("deep colours")
    if mode == "F":
        remarks.append("numbers")
    if whole or _is_deep(mode) or mode == "F":
        image.load()
    largest = _check_numbers(np.asarray(image), mode) if _is_deep(mode) or mode == "F" else None
    grey = mode in ("1", "L", "LA", "F") or _is_deep(mode)
    return Look((height, width), grey, largest, tuple(remarks))


def _check_numbers(values: Shaped[np.ndarray, "h w"], mode: str) -> int | None:
    """The largest of whole numbers; None for numbers from 0 to 1. Raises a ValueError for numbers out of range."""
    low, high, most = values.min(), values.max(), 1 if mode == "F" else SCALES[-1]
    if not (low >= 0 and high <= most):
        raise ValueError(
            f"has numbers from {low:g} to {high:g}; {'numbers that are not whole' if most == 1 else 'whole numbers'} "
            f"are taken from 0 to {most:,}: save it with 8 or 16 bits"
        )
    return None if mode == "F" else int(high)


def _is_deep(mode: str) -> bool:
    """Whether pixels are single whole numbers of more than 8 bits."""
    return mode == "I" or mode.startswith("I;16")


def decode(path: Path, shape: tuple[int, int, int], largest: int) -> UInt8[np.ndarray, "h w c"]:
    """The bytes of one image, with arguments as `read_pixels`; raises one of `image_errors`."""
    with _open(path) as image:
        return _pixels_of(image, shape, largest)


def _pixels_of(opened: "ImageFile", shape: tuple[int, int, int], largest: int) -> UInt8[np.ndarray, "h w c"]:
    """The bytes of an image, which is turned as its EXIF data say; large ones are copied no more often than needed."""
    from PIL import Image, ImageOps

    height, width, channels = shape
    ImageOps.exif_transpose(opened, in_place=True)
    image: Image.Image = opened
    if _is_deep(image.mode) or image.mode == "F":
        image = Image.fromarray(_as_bytes(np.asarray(image), image.mode, largest))
    if image.mode == "P" and isinstance(image.info.get("transparency"), bytes):
        image = image.convert("RGBA")
    if image.mode != MODES[channels]:
        image = image.convert(MODES[channels])
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(shape)


def _as_bytes(values: Shaped[np.ndarray, "h w"], mode: str, largest: int) -> UInt8[np.ndarray, "h w"]:
    """Numbers from 0 to 1 times 255, rounded; the upper 8 bits of whole numbers, of which the largest has all bits."""
    _check_numbers(values, mode)
    if mode == "F":
        return np.floor(values * 255 + 0.5).astype(np.uint8)
    upper = values >> (largest.bit_length() - 8)  # of the type that they have: large images fill the memory
    pixels: UInt8[np.ndarray, "h w"] = np.minimum(upper, 255).astype(np.uint8)
    return pixels


def _open(source: Path | io.BytesIO) -> "ImageFile":
    from PIL import Image  # here, because most data sets are not image files

    return Image.open(source, formats=FORMATS)


def on_all_cores(read: Callable[[Path], T], files: Sequence[Path]) -> list[T | Problem]:
    """What `read` gives for each file, or the problem with it."""
    bad = image_errors()

    def try_to_read(file: Path) -> T | Problem:
        try:
            return read(file)
        except bad as error:
            return Problem(file, reason_of(error, empty=lambda: file.stat().st_size == 0))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(try_to_read, files))


def reason_of(error: Exception, *, empty: Callable[[], bool]) -> str:
    """Why an image cannot be read, without its path; `empty` says whether it has no bytes."""
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "is empty" if empty() else "is no image of a format that can be read"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def image_errors() -> tuple[type[Exception], ...]:
    """The exceptions that reading a bad image raises."""
    from PIL import Image

    by_pillow = OSError, ValueError, SyntaxError, EOFError, IndexError, RuntimeError
    return *by_pillow, struct.error, Image.DecompressionBombError
