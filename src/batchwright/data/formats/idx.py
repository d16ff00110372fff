"""IDX files, the form in which MNIST is published, gzipped or not.

A file is two zero bytes, a type (8: unsigned bytes), the number of dimensions, each dimension as a big-endian uint32,
and the values, the last dimension fastest.
"""

import gzip
import io
import math
import os
import struct
import zlib
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import numpy as np
from jaxtyping import UInt8, UInt64

from batchwright.data.formats.format import Loaded, Size, TableFile
from batchwright.data.formats.image_folder import IMAGE_COPIES
from batchwright.data.typed.aligned import aligned_empty
from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.hashes import BLOCK_BYTES, row_hashes
from batchwright.data.typed.images import Images
from batchwright.data.typed.schema import Schema
from batchwright.errors import DataError

PARTS = ("train", "t10k")
DEFLATE_AT_BEST = 1032  # the largest compression ratio; a damaged trailer may state more

IMAGE_HEADER = 16
"""Bytes before the first image."""

GZIP = b"\x1f\x8b"
"""The first bytes of a gzipped file."""

PACKED_PIECE = 1 << 16
"""Packed bytes that are unpacked at a time: what they become stays in the processor's cache until it is copied."""

Follow: TypeAlias = Callable[[UInt8[np.ndarray, " bytes"], int], None]
"""Called with the memory of a file that is unpacked, and how many bytes are there by now; these no longer change."""


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


class _HashesBeside:
    """`row_hashes` of the images of a gzipped file, made by a thread while the file is unpacked."""

    def __init__(self, thread: Executor) -> None:
        self._thread, self._rows = thread, 0
        self._found = list[Future[UInt64[np.ndarray, " _"]]]()

    def follow(self, content: UInt8[np.ndarray, " bytes"], filled: int) -> None:
        """Hash the images that are whole among the first bytes of a file, of which this many are there."""
        if filled < IMAGE_HEADER or content[3] != 3:
            return
        size = math.prod(struct.unpack(">2I", content[8:IMAGE_HEADER].data))
        whole = (filled - IMAGE_HEADER) // max(1, size)
        if (whole - self._rows) * size < BLOCK_BYTES:
            return
        some = content[IMAGE_HEADER + self._rows * size : IMAGE_HEADER + whole * size]
        self._found.append(self._thread.submit(row_hashes, {"image": some.reshape(whole - self._rows, size)}))
        self._rows = whole

    def of(self, images: UInt8[np.ndarray, "rows height width"]) -> UInt64[np.ndarray, " rows"] | None:
        """Those of all images of the file; None where none were made beside the unpacking."""
        if not self._found:
            return None
        return np.concatenate([*(one.result() for one in self._found), row_hashes({"image": images[self._rows :]})])


def _follow_nothing(content: UInt8[np.ndarray, " bytes"], filled: int) -> None:
    """Nothing is done beside the unpacking."""


def read_idx(path: Path, follow: Follow = _follow_nothing) -> UInt8[np.ndarray, "..."]:
    """One IDX file of bytes, gzipped or not, as a read-only uint8 array of the shape that its header states.

    Args:
        path: the file.
        follow: called again and again while a gzipped file is unpacked.

    Raises:
        DataError: the file is empty, truncated, damaged, too long, or not an IDX file of bytes.
    """
    content = _content(path, follow)
    head = bytes(content[:4])
    if not head:
        raise DataError(f"{path} is empty; an IDX file begins with the bytes 0, 0, 8 and its number of dimensions.")
    if head[:3] != b"\0\0\x08" or len(head) < 4:
        raise DataError(
            f"{path} is not an IDX file of bytes: it begins with {head.hex(' ')} instead of 00 00 08"
            " and the number of dimensions."
        )
    dimensions, start = head[3], _header_bytes(head)
    if len(content) < start:
        raise DataError(f"{path} is truncated: its header takes {start} bytes, the file has {len(content)}.")
    shape = struct.unpack(f">{dimensions}I", content[4:start].data)
    expected, found = start + math.prod(shape), len(content)
    if expected != found:
        what = "truncated" if found < expected else "too long"
        raise DataError(
            f"{path} is {what}: a header of shape {'x'.join(map(str, shape))} announces {expected:,} bytes, "
            f"the file has {found:,}. Fetch it again."
        )
    content.flags.writeable = False
    return content[start:].reshape(shape)


def _header_bytes(head: bytes) -> int:
    """The bytes before the values, by the first four of them."""
    return 4 + 4 * head[3] if len(head) == 4 else 0


def _room(size: int, head: bytes) -> UInt8[np.ndarray, " size"]:
    """Memory for a file that begins so; its values lie where a device can use them without a copy of its own."""
    return aligned_empty((size,), np.dtype(np.uint8), at=_header_bytes(head))


def _content(path: Path, follow: Follow) -> UInt8[np.ndarray, " bytes"]:
    """The bytes of a file, unpacked if it is gzipped."""
    with path.open("rb") as file:
        head = file.read(4)
        if not head.startswith(GZIP):
            room = _room(os.fstat(file.fileno()).st_size, head)
            file.seek(0)
            return room[: file.readinto(room.data)]
    raw = path.read_bytes()
    try:
        content = _unpack_one_member(raw, follow)
        return np.frombuffer(bytearray(gzip.decompress(raw)), np.uint8) if content is None else content
    except (zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is a truncated or damaged gzip file ({error}). Fetch it again.") from error


def _unpack_one_member(raw: bytes, follow: Follow) -> UInt8[np.ndarray, " bytes"] | None:
    """The content of a gzip file of one member, of the size that its trailer states; None for any other file.

    It is unpacked piece by piece into its place.
    """
    stated = int.from_bytes(raw[-4:], "little")
    if stated > DEFLATE_AT_BEST * len(raw):
        return None
    unpacking, packed, filled = zlib.decompressobj(wbits=31), memoryview(raw), 0
    room = np.empty(0, np.uint8)
    for start in range(0, len(raw), PACKED_PIECE):
        piece = unpacking.decompress(packed[start : start + PACKED_PIECE])
        if filled == 0:
            room = _room(stated, piece[:4])
        if filled + len(piece) > stated:
            return None
        room[filled : filled + len(piece)] = np.frombuffer(piece, np.uint8)
        filled += len(piece)
        follow(room, filled)
    return room if unpacking.eof and not unpacking.unused_data and filled == stated else None


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
        packed = file.read(2) == GZIP
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
    with ThreadPoolExecutor(2) as pool, ThreadPoolExecutor(1) as hashing:  # unpacking releases the interpreter lock
        parts = list(pool.map(lambda pair: _read_part(pair[0], pair[1], _HashesBeside(hashing)), found))
    return parts[0], parts[1] if len(parts) == 2 else None


def read_idx_images(path: Path) -> Images:
    """The images of one IDX file, without labels.

    Raises:
        DataError: as `read_idx`, or no images.
    """
    return _read_part(path, None, None)


def _find(folder: Path, stem: str, dimensions: int) -> Path | None:
    names = (f"{stem}{dot}idx{dimensions}-ubyte{ending}" for dot in "-." for ending in ("", ".gz"))
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _read_part(file: Path, labels_file: Path | None, hashes: _HashesBeside | None) -> Images:
    images = read_idx(file) if hashes is None else read_idx(file, hashes.follow)
    labels = None if labels_file is None else read_idx(labels_file)
    if images.ndim != 3 or images.size == 0:
        raise DataError(f"{file} has the shape {images.shape}; images have rows, height and width, none of them 0.")
    if labels is not None and labels.shape != images.shape[:1]:
        raise DataError(f"{file} holds {len(images):,} images, but {labels_file} has the shape {labels.shape}.")
    found = None if hashes is None else hashes.of(images)
    return Images(images[..., None], labels, file.parent.name, hashes=found)
