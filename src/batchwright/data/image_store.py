"""From a folder of images, or IDX files, to a store: read a few MB at a time, written one after the other.

Files are written, not mapped, as a full disk would end a process that writes into a map.
"""

import gzip
import io
import math
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from batchwright._files import explained, write_file
from batchwright.data.conversion import begun, check_unchanged, fingerprint_of, store_folder
from batchwright.data.idx import PARTS, _find, holds_idx, read_idx
from batchwright.data.images import _common_size, _files_and_labels, _look, _read_all, _read_pixels, _resized_note
from batchwright.data.store import FORMAT, IMAGES, LABELS, Contents, Store, finish_store, flush, open_store, stored
from batchwright.errors import DataError

BLOCK_BYTES = 32 << 20
TEST = "test"

Shape = tuple[int, int, int, int]


@dataclass(frozen=True)
class Part:
    """Images as they lie in their files: [rows, height, width, channels], labels, and blocks of bytes from a row on."""

    name: str
    shape: Shape
    labels: Shaped[np.ndarray, " rows"] | None
    blocks: Callable[[int], Iterator[bytes]]
    resumes: bool
    notes: tuple[str, ...] = ()


def convert_images(
    source: str | Path,
    *,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    cache_dir: Path | None = None,
) -> tuple[Store, Store | None]:
    """The stores of a folder's images, as `read_image_folder` or `read_idx_folder` give them, and of its test part.

    Args:
        source: a folder of images, one folder per class, or one with IDX files.
        image_size: height and width that images are resized to; IDX files stay as they are.
        channels: 1 for grey, 3 for colour; by default as the images are.
        cache_dir: where the store's folder is made; beside the source when None.

    Raises:
        DataError: no images, images that cannot be read, or of different sizes; or the source has vanished.
        UsageError: the disk is full, or another process converts the same source.
    """
    path = Path(source)
    try:
        facts = {"image_size": image_size, "channels": channels}
        fingerprint = fingerprint_of(path, _all_files(path), facts)
        folder = store_folder(path, cache_dir, new=channels is not None)
        if (train := open_store(folder, fingerprint)) is not None:
            return train, open_store(folder / TEST, fingerprint) if (folder / TEST).is_dir() else None
        with begun(folder, fingerprint):
            train_part, test_part = _idx_parts(path) if holds_idx(path) else _folder_parts(path, image_size, channels)
            test = None
            if test_part is not None:
                with begun(folder / TEST, fingerprint):
                    test = _write(test_part, folder / TEST, fingerprint)
            else:
                shutil.rmtree(folder / TEST, ignore_errors=True)
            check_unchanged(path, fingerprint, fingerprint_of(path, _all_files(path), facts))
            return _write(train_part, folder, fingerprint), test
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def _all_files(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file())


def _write(part: Part, folder: Path, fingerprint: str) -> Store:
    """Write what a stopped conversion has not; the last block that it left may not have reached the disk."""
    header = _header(part.shape)
    size, images = math.prod(part.shape[1:]), folder / IMAGES
    with explained(images):
        images.touch()
        written = images.stat().st_size - len(header) - BLOCK_BYTES
        done = max(0, written // size) if part.resumes else 0
        with images.open("rb+") as file:
            file.truncate(len(header) + done * size if done else 0)
            file.seek(0)
            file.write(header)
            file.seek(0, io.SEEK_END)
    for block in part.blocks(done):
        with explained(images), images.open("ab") as file:
            file.write(block)
        flush(images)
    names = [IMAGES]
    if part.labels is not None:
        content = io.BytesIO()
        np.save(content, part.labels, allow_pickle=False)
        write_file(folder / LABELS, content.getvalue(), overwrite=True)
        names.append(LABELS)
    files = tuple(stored(folder / name) for name in names)
    return finish_store(folder, Contents(FORMAT, fingerprint, part.name, part.shape[0], (), files, part.notes))


def _header(shape: Shape) -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return content.getvalue()


def _folder_parts(path: Path, image_size: tuple[int, int] | None, channels: int | None) -> tuple[Part, Part | None]:
    """The parts of a folder with one folder of images per class."""
    parts = {part: path / part for part in ("train", TEST) if (path / part).is_dir()}
    listed = [_files_and_labels(folder) for folder in (parts.values() if "train" in parts else [path])]
    files = [file for part in listed for file in part[0]]
    looks = _read_all(files, _look)
    size = image_size or _common_size(files, [size for size, _ in looks])
    shape = (*size, channels or (1 if all(grey for _, grey in looks) else 3))
    notes = _resized_note([found for found, _ in looks], size)
    made = [_folder_part(path.name, part, shape, labels, notes) for part, labels in listed]
    return made[0], made[1] if len(made) == 2 else None


def _folder_part(
    name: str,
    files: list[Path],
    shape: tuple[int, int, int],
    labels: Shaped[np.ndarray, " rows"] | None,
    notes: tuple[str, ...],
) -> Part:
    together = max(1, BLOCK_BYTES // math.prod(shape))

    def blocks(done: int) -> Iterator[bytes]:
        for start in range(done, len(files), together):
            yield _read_pixels(files[start : start + together], shape).tobytes()

    return Part(name, (len(files), *shape), labels, blocks, resumes=True, notes=notes)


def _idx_parts(path: Path) -> tuple[Part, Part | None]:
    """The parts of a folder in MNIST's form."""
    pairs = [(_find(path, f"{part}-images", 3), _find(path, f"{part}-labels", 1)) for part in PARTS]
    found = [_idx_part(images, labels) for images, labels in pairs if images is not None]
    return found[0], found[1] if len(found) == 2 else None


def _idx_part(images: Path, labels_file: Path | None) -> Part:
    with _opened(images) as file:
        head = file.read(16)
    if head[:4] != b"\0\0\x08\x03" or len(head) < 16:
        raise DataError(
            f"{images} is not an IDX file of images: it begins with {head[:4].hex(' ')} instead of 00 00 08 03."
        )
    rows, height, width = struct.unpack(">3I", head[4:])
    if 0 in (rows, height, width):
        raise DataError(f"{images} has the shape {rows}x{height}x{width}; none of them may be 0.")
    labels = None if labels_file is None else read_idx(labels_file)
    if labels is not None and labels.shape != (rows,):
        raise DataError(f"{images} holds {rows:,} images, but {labels_file} has the shape {labels.shape}.")

    shape = (rows, height, width, 1)
    return Part(images.parent.name, shape, labels, lambda _: _idx_blocks(images, math.prod(shape)), resumes=False)


def _idx_blocks(path: Path, expected: int) -> Iterator[bytes]:
    """The bytes after the header, all `expected` ones of them and no more."""
    found = 0
    with _opened(path) as file:
        file.read(16)
        try:
            while block := file.read(BLOCK_BYTES):
                found += len(block)
                if found <= expected:
                    yield block
        except (zlib.error, EOFError, gzip.BadGzipFile) as error:
            raise DataError(f"{path} is a truncated or damaged gzip file ({error}). Fetch it again.") from error
    if found != expected:
        what = "truncated" if found < expected else "too long"
        raise DataError(f"{path} is {what}: its header announces {expected:,} bytes, it has {found:,}. Fetch it again.")


def _opened(path: Path) -> io.BufferedIOBase:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else path.open("rb")
