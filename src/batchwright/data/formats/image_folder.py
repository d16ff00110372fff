"""Folders of images with one folder per class, and single images."""

import contextlib
import math
import os
import struct
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from jaxtyping import Shaped, UInt8

from batchwright.data.formats.format import Loaded, Size, TableFile
from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.images import Images
from batchwright.data.typed.schema import Schema
from batchwright.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

T = TypeVar("T")

IMAGE_COPIES = 2
"""Copies of the decoded images held at most: one of all, and one of the parts."""
SHOWN = 10  # how many bad files a message lists
SAMPLED = 20  # about this many images are looked at to estimate the size of all


@dataclass(frozen=True)
class ImageFiles:
    """Images in files, not decoded yet.

    Args:
        name: what they are called in messages.
        files: one file for each image.
        labels: the label of each; None where there are none.
        shape: height, width and channels after decoding.
        notes: what changes in decoding, one sentence each.
    """

    name: str
    files: list[Path]
    labels: Shaped[np.ndarray, " rows"] | None
    shape: tuple[int, int, int]
    notes: tuple[str, ...]


class ImageFolder:
    """A folder of images, or one image."""

    endings = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
    parts = ""

    def claims(self, path: Path) -> bool:
        """Whether it is an image by its ending, or a folder that holds images."""
        return holds_images(path) if path.is_dir() else is_image(path)

    def streams(self, path: Path) -> bool:
        """Folders do."""
        return path.is_dir()

    def read(
        self, path: Path, options: TableOptions, *, schema: Schema | None, image_size: Size | None, channels: int | None
    ) -> Loaded:
        """The images, decoded."""
        name = path.resolve().stem if path.is_file() else path.resolve().name
        return Loaded(*read_image_folder(path, image_size=image_size, channels=channels), None, name)

    def open_table(self, path: Path, *, memory: int | None) -> TableFile | None:
        """None: images have no columns."""
        return None

    def estimated_bytes(self, path: Path, image_size: Size | None) -> int:
        """Twice the bytes of the decoded images."""
        if path.is_dir():
            return IMAGE_COPIES * image_folder_bytes(path, image_size)
        return IMAGE_COPIES * path.stat().st_size


IMAGE_FOLDER = ImageFolder()


def is_image(path: Path) -> bool:
    """Whether a file's name says that it is an image of a readable format."""
    return path.suffix.lower() in ImageFolder.endings and not path.name.startswith(".") and path.is_file()


def holds_images(path: Path) -> bool:
    """Whether a folder holds images, or folders with images, or `train` and `test` with such folders."""
    return any(is_image(file) for pattern in ("*", "*/*", "train/*/*") for file in path.glob(pattern))


def read_image_folder(
    path: Path, *, image_size: tuple[int, int] | None = None, channels: int | None = None
) -> tuple[Images, Images | None]:
    """The images of a folder with one folder per class, in the order of their paths, and its test part if it has one.

    A folder with `train` and `test` folders gives both parts; one without folders gives images without labels. Grey
    images stay grey unless there are coloured ones among them; transparency is left out.

    Args:
        path: the folder, or one image.
        image_size: height and width that every image is resized to (bilinear); by default all must have the same size.
        channels: 1 for grey, 3 for colour; by default as the images are.

    Raises:
        DataError: no images, a class without any, images that cannot be read, or of different sizes.
    """
    train, test = find_images(path, image_size=image_size, channels=channels)
    return _decode_all(train), None if test is None else _decode_all(test)


def find_images(
    path: Path, *, image_size: tuple[int, int] | None = None, channels: int | None = None
) -> tuple[ImageFiles, ImageFiles | None]:
    """The files of a folder, and of its test part if it has one, with arguments as `read_image_folder`.

    Raises:
        DataError: no images, a class without any, headers that cannot be read, or images of different sizes.
    """
    parts = {part: path / part for part in ("train", "test") if (path / part).is_dir()}
    listed = [_files_and_labels(folder) for folder in (parts.values() if "train" in parts else [path])]
    files = [file for part in listed for file in part[0]]
    looks = _read_all(files, _look)
    size = image_size or _common_size(files, [size for size, _ in looks])
    shape = (*size, channels or (1 if all(grey for _, grey in looks) else 3))
    notes = _resized_note([found for found, _ in looks], size)
    found = [ImageFiles(path.name, part, labels, shape, notes) for part, labels in listed]
    return found[0], found[1] if len(found) == 2 else None


def image_folder_bytes(path: Path, image_size: tuple[int, int] | None = None) -> int:
    """About how many bytes the decoded images of a folder take, estimated from a sample of the files.

    Files that cannot be read count as nothing; so does a folder without images.
    """
    files = sorted(file for file in path.rglob("*") if is_image(file))
    looks = []
    for file in files[:: max(1, len(files) // SAMPLED)]:
        with contextlib.suppress(*_image_errors()):
            looks.append(_look(file))
    channels = 1 if all(grey for _, grey in looks) else 3
    return channels * len(files) * sum(math.prod(image_size or size) for size, _ in looks) // max(1, len(looks))


def _decode_all(found: ImageFiles) -> Images:
    return Images(read_pixels(found.files, found.shape), found.labels, found.name, found.notes)


def _files_and_labels(folder: Path) -> tuple[list[Path], Shaped[np.ndarray, " rows"] | None]:
    """The images in a folder, and for each the name of its folder as label; no labels if there are no folders."""
    if folder.is_file():
        return [folder], None
    classes = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    files = [sorted(file for file in place.iterdir() if is_image(file)) for place in classes or [folder]]
    empty = [place.name for place, found in zip(classes, files, strict=False) if not found]
    if not any(files) or empty:
        where = f"the folders {', '.join(empty[:SHOWN])} of {folder} hold" if empty else f"{folder} holds"
        raise DataError(
            f"{where} no images. Put the images of each class ({' '.join(ImageFolder.endings)}) into its own folder."
        )
    names = [place.name for place, found in zip(classes, files, strict=False) for _ in found]
    return [file for found in files for file in found], np.array(names) if classes else None


def _look(path: Path) -> tuple[tuple[int, int], bool]:
    """Height and width as shown, and whether an image is grey, from its header alone."""
    with _open(path) as image:
        turned = image.getexif().get(0x0112, 1) >= 5  # EXIF orientations 5 to 8 swap height and width
        width, height = reversed(image.size) if turned else image.size
        return (height, width), image.mode in ("1", "L", "LA", "I;16", "I;16B", "I;16L")


def read_pixels(files: list[Path], shape: tuple[int, int, int]) -> UInt8[np.ndarray, "files h w c"]:
    """The bytes of all images, [files, height, width, channels], converted to the sizes and channels of `shape`.

    Raises:
        DataError: some cannot be read, or all of them do not fit in memory.
    """
    try:
        images = np.empty((len(files), *shape), np.uint8)
    except MemoryError as error:
        needed = len(files) * math.prod(shape) / 1e9
        raise DataError(f"{len(files):,} images take {needed:,.0f} GB of memory: give a smaller image_size.") from error

    def fill(file: Path) -> None:
        images[position[file]] = _decode(file, shape)

    position = {file: number for number, file in enumerate(files)}
    _read_all(files, fill)
    return images


def _decode(path: Path, shape: tuple[int, int, int]) -> UInt8[np.ndarray, "h w c"]:
    from PIL import Image, ImageOps

    height, width, channels = shape
    with _open(path) as opened:
        image = ImageOps.exif_transpose(opened)
        if image.mode.startswith("I;16"):
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        image = image.convert("L" if channels == 1 else "RGB")
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(image).reshape(shape)


def _open(path: Path) -> "Image.Image":
    from PIL import Image  # here, because most data sets are not image files

    image = Image.open(path)
    if image.mode in ("I", "F"):
        raise ValueError("has 32 bits per pixel; save it with 8 or 16 bits")
    return image


def _read_all(files: Sequence[Path], read: Callable[[Path], T]) -> list[T]:
    """Call `read` on every file, on all cores; the files that it cannot read are listed in one error."""
    unreadable, problems = _image_errors(), list[str]()

    def try_to_read(file: Path) -> T | None:
        try:
            return read(file)
        except unreadable as error:
            problems.append(f"  {file}: {error}")
            return None

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = list(pool.map(try_to_read, files))
    if problems:
        listed = "\n".join(sorted(problems)[:SHOWN])
        raise DataError(f"{len(problems):,} of {len(files):,} files cannot be read:\n{listed}\nReplace or remove them.")
    return [found for found in done if found is not None]


def _image_errors() -> tuple[type[Exception], ...]:
    """The exceptions that reading a bad image raises."""
    from PIL import Image

    return OSError, ValueError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError


def _common_size(files: list[Path], sizes: list[tuple[int, int]]) -> tuple[int, int]:
    for file, size in zip(files, sizes, strict=True):
        if size != sizes[0]:
            raise DataError(
                f"images differ in size: {files[0]} is {sizes[0][0]}x{sizes[0][1]} (height x width), {file} is "
                f"{size[0]}x{size[1]}. Give one size for all: image_size: [{sizes[0][0]}, {sizes[0][1]}]."
            )
    return sizes[0]


def _resized_note(sizes: list[tuple[int, int]], size: tuple[int, int]) -> tuple[str, ...]:
    resized = sum(found != size for found in sizes)
    return (f"{resized:,} of {len(sizes):,} images resized to {size[0]}x{size[1]}",) if resized else ()
