"""IDX files, the form in which MNIST is published, gzipped or not.

A file is two zero bytes, a type (8: unsigned bytes), the number of dimensions, each dimension as a big-endian uint32,
and the values, the last dimension fastest.
"""

import gzip
import io
import math
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from batchwright.data.formats.format import Loaded, Size, TableFile
from batchwright.data.formats.image_folder import IMAGE_COPIES
from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.images import Images
from batchwright.data.typed.schema import Schema
from batchwright.errors import DataError

PARTS = ("train", "t10k")
DEFLATE_AT_BEST = 1032  # the largest compression ratio; a damaged trailer may state more

IMAGE_HEADER = 16
"""Bytes before the first image."""

ALIGNMENT = 64
"""Bytes; XLA shares the memory of arrays whose address is a multiple of this."""


class Idx:
    """A folder in MNIST's form, or one file of images."""

    endings = ()
    parts = ""

    def claims(self, path: Path) -> bool:
        """Whether a folder holds such files, or a file is named like one."""
        return holds_idx(path) if path.is_dir() else is_idx(path)

    def streams(self, path: Path) -> bool:
        """Folders do."""
        return path.is_dir()

    def read(
        self, path: Path, options: TableOptions, *, schema: Schema | None, image_size: Size | None, channels: int | None
    ) -> Loaded:
        """The images in their own size."""
        if path.is_dir():
            return Loaded(*read_idx_folder(path), None, path.resolve().name)
        return Loaded(read_idx_images(path), None, None, path.name)

    def open_table(self, path: Path, *, memory: int | None) -> TableFile | None:
        """None: images have no columns."""
        return None

    def estimated_bytes(self, path: Path, image_size: Size | None) -> int:
        """Twice the bytes of the images."""
        images = [images for images, _ in idx_files(path)] if path.is_dir() else [path]
        return IMAGE_COPIES * sum(map(_decoded_bytes, images))


IDX = Idx()


def _decoded_bytes(images: Path) -> int:
    """The bytes that a file states that it holds; its size if the statement is implausible."""
    try:
        return math.prod(idx_shape(images))
    except (DataError, OSError, EOFError, zlib.error):  # reading it will report this
        return images.stat().st_size


def read_idx(path: Path) -> UInt8[np.ndarray, "..."]:
    """One IDX file of bytes, gzipped or not, as a read-only uint8 array of the shape that its header states.

    Raises:
        DataError: the file is empty, truncated, damaged, too long, or not an IDX file of bytes.
    """
    content = _content(path)
    if len(content) == 0:
        raise DataError(f"{path} is empty; an IDX file begins with the bytes 0, 0, 8 and its number of dimensions.")
    if content[:3] != b"\0\0\x08" or len(content) < 4:
        raise DataError(
            f"{path} is not an IDX file of bytes: it begins with {content[:4].hex(' ')} instead of 00 00 08"
            " and the number of dimensions."
        )
    dimensions, start = content[3], 4 + 4 * content[3]
    if len(content) < start:
        raise DataError(f"{path} is truncated: its header takes {start} bytes, the file has {len(content)}.")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    expected, found = start + math.prod(shape), len(content)
    if expected != found:
        what = "truncated" if found < expected else "too long"
        raise DataError(
            f"{path} is {what}: a header of shape {'x'.join(map(str, shape))} announces {expected:,} bytes, "
            f"the file has {found:,}. Fetch it again."
        )
    return _aligned_copy(np.frombuffer(content, np.uint8, offset=start)).reshape(shape)


def _aligned_copy(values: UInt8[np.ndarray, " n"]) -> UInt8[np.ndarray, " n"]:
    """A read-only copy at an address that a device on the CPU can use as it is, without a copy of its own."""
    room = np.empty(len(values) + ALIGNMENT, np.uint8)
    first = -room.ctypes.data % ALIGNMENT
    copy = room[first : first + len(values)]
    copy[:] = values
    copy.flags.writeable = False
    return copy


def _content(path: Path) -> bytes:
    """The bytes of a file, unpacked if gzipped: at once, into memory of the size that its trailer states."""
    raw = path.read_bytes()
    if not raw.startswith(b"\x1f\x8b"):
        return raw
    stated = int.from_bytes(raw[-4:], "little")
    try:
        content = zlib.decompress(raw, wbits=31, bufsize=max(1, min(stated, DEFLATE_AT_BEST * len(raw))))
        return content if len(content) == stated else gzip.decompress(raw)  # handles files of several gzip members
    except (zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is a truncated or damaged gzip file ({error}). Fetch it again.") from error


def holds_idx(path: Path) -> bool:
    """Whether a folder holds images in MNIST's form."""
    return bool(idx_files(path))


def idx_files(path: Path) -> list[tuple[Path, Path | None]]:
    """The files of the parts of a folder in MNIST's form, training first: images, and labels where there are any."""
    files = [(_find(path, f"{part}-images", 3), _find(path, f"{part}-labels", 1)) for part in PARTS]
    return [(images, labels) for images, labels in files if images is not None]


def idx_shape(path: Path) -> tuple[int, int, int]:
    """Rows, height and width in the header of an image file.

    Raises:
        DataError: it is not an IDX file of images, or one of the three is 0.
    """
    with open_idx(path) as file:
        head = file.read(IMAGE_HEADER)
    if head[:4] != b"\0\0\x08\x03" or len(head) < IMAGE_HEADER:
        raise DataError(
            f"{path} is not an IDX file of images: it begins with {head[:4].hex(' ')} instead of 00 00 08 03."
        )
    rows, height, width = struct.unpack(">3I", head[4:])
    if 0 in (rows, height, width):
        raise DataError(f"{path} has the shape {rows}x{height}x{width}; none of them may be 0.")
    return rows, height, width


def open_idx(path: Path) -> io.BufferedIOBase:
    """The bytes of a file, unpacked while they are read if it is gzipped."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else path.open("rb")


def is_idx(path: Path) -> bool:
    """Whether a file's name says that it is an IDX file: `...-idx3-ubyte`, `....idx1-ubyte.gz`."""
    return path.name.removesuffix(".gz").endswith(("idx1-ubyte", "idx3-ubyte"))


def read_idx_folder(path: Path) -> tuple[Images, Images | None]:
    """The training and the test part of a folder in MNIST's form; a folder with only one part gives that one.

    Args:
        path: folder with `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
            `t10k-labels-idx1-ubyte`, each with or without `.gz`; labels may be absent.

    Raises:
        DataError: no images, a truncated or damaged file, or labels that do not fit the images.
    """
    found = idx_files(path)
    if not found:
        raise DataError(f"{path} has no IDX images: train-images-idx3-ubyte, t10k-images-idx3-ubyte, or with .gz.")
    with ThreadPoolExecutor(2) as pool:  # unpacking releases the interpreter lock
        parts = list(pool.map(lambda pair: _read_part(*pair), found))
    return parts[0], parts[1] if len(parts) == 2 else None


def read_idx_images(path: Path) -> Images:
    """The images of one IDX file, without labels.

    Raises:
        DataError: as `read_idx`, or no images.
    """
    return _read_part(path, None)


def _find(folder: Path, stem: str, dimensions: int) -> Path | None:
    names = (f"{stem}{dot}idx{dimensions}-ubyte{ending}" for dot in "-." for ending in ("", ".gz"))
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _read_part(file: Path, labels_file: Path | None) -> Images:
    images = read_idx(file)
    labels = None if labels_file is None else read_idx(labels_file)
    if images.ndim != 3 or images.size == 0:
        raise DataError(f"{file} has the shape {images.shape}; images have rows, height and width, none of them 0.")
    if labels is not None and labels.shape != images.shape[:1]:
        raise DataError(f"{file} holds {len(images):,} images, but {labels_file} has the shape {labels.shape}.")
    return Images(images[..., None], labels, file.parent.name)
