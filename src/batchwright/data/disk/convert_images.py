"""Convert a folder of images, or IDX files, to a store: read a few MB at a time, and write them one after the other.

Files are written, not mapped, because a full disk would kill a process that writes into a map.
"""

import dataclasses
import gzip
import io
import math
import shutil
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Shaped

from batchwright._files import explain_write_errors, write_file
from batchwright.data.disk.convert_table import check_unchanged, fingerprint_of, hold_store_folder, store_folder
from batchwright.data.disk.store import (
    FORMAT,
    IMAGES,
    LABELS,
    Contents,
    Store,
    describe_stored,
    finish_store,
    flush,
    open_store,
)
from batchwright.data.formats.idx import IMAGE_HEADER, holds_idx, idx_files, idx_shape, open_idx, read_idx
from batchwright.data.formats.image_files import AS_THEY_ARE, ImageFiles, ImageForm, find_images
from batchwright.data.typed.images import Largest
from batchwright.errors import DataError

BLOCK_BYTES = 32 << 20
OWN = ("validation", "test")

Shape = tuple[int, int, int, int]
Parts: TypeAlias = tuple["ImagePart", "ImagePart | None", "ImagePart | None"]
"""The training, validation and test part of a source."""


@dataclass(frozen=True)
class ImagePart:
    """Images as they lie in their files: [rows, height, width, channels], labels, and blocks of bytes from a row on."""

    name: str
    shape: Shape
    labels: Shaped[np.ndarray, " rows"] | None
    blocks: Callable[[int], Iterator[bytes]]
    resumes: bool
    notes: tuple[str, ...] = ()
    largest: Largest | None = None


class ImageStores(NamedTuple):
    """The stores of a source's parts."""

    train: Store
    validation: Store | None
    test: Store | None


def convert_images(
    source: str | Path,
    form: ImageForm = AS_THEY_ARE,
    *,
    on_bad_rows: str = "stop",
    cache_dir: Path | None = None,
    new: bool = False,
) -> ImageStores:
    """The stores of a folder's images and of its own parts, as they are read in memory.

    Args:
        source: a folder of images, one folder per class, or one with IDX files.
        form: how images of a folder are brought to one form; IDX files stay as they are.
        on_bad_rows: "stop" if an image cannot be read, or "drop" it.
        cache_dir: where the store's folder is made; beside the source when None.
        new: whether the rows are read for a trained model; their store has a folder of its own.

    Raises:
        DataError: no images, images that cannot be read, or of different sizes; or the source has vanished.
        UsageError: the disk is full, or another process converts the same source.
    """
    path = Path(source)
    try:
        facts = {"form": dataclasses.asdict(form), "on_bad_rows": on_bad_rows}
        fingerprint = fingerprint_of(path, _all_files(path), facts)
        folder = store_folder(path, cache_dir, new=new)
        if (train := open_store(folder, fingerprint)) is not None:
            own = (open_store(folder / part, fingerprint) if (folder / part).is_dir() else None for part in OWN)
            return ImageStores(train, *own)
        with hold_store_folder(folder, fingerprint):
            train_part, *own_parts = _idx_parts(path) if holds_idx(path) else _folder_parts(path, form, on_bad_rows)
            stores = [_write_own(part, folder / name, fingerprint) for name, part in zip(OWN, own_parts, strict=True)]
            check_unchanged(path, fingerprint, fingerprint_of(path, _all_files(path), facts))
            assert train_part is not None
            return ImageStores(_write(train_part, folder, fingerprint), *stores)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def _all_files(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file())


def _write_own(part: ImagePart | None, folder: Path, fingerprint: str) -> Store | None:
    """The store of a part of the source's own; without one, an earlier store of it is removed."""
    if part is None:
        shutil.rmtree(folder, ignore_errors=True)
        return None
    with hold_store_folder(folder, fingerprint):
        return _write(part, folder, fingerprint)


def _write(part: ImagePart, folder: Path, fingerprint: str) -> Store:
    """Write what a stopped conversion has not; the last block that it left may not have reached the disk."""
    header = _header(part.shape)
    size, images = math.prod(part.shape[1:]), folder / IMAGES
    with explain_write_errors(images):
        images.touch()
        written = images.stat().st_size - len(header) - BLOCK_BYTES
        done = max(0, written // size) if part.resumes else 0
        with images.open("rb+") as file:
            file.truncate(len(header) + done * size if done else 0)
            file.seek(0)
            file.write(header)
            file.seek(0, io.SEEK_END)
    for block in part.blocks(done):
        with explain_write_errors(images), images.open("ab") as file:
            file.write(block)
        flush(images)
    names = [IMAGES]
    if part.labels is not None:
        content = io.BytesIO()
        np.save(content, part.labels, allow_pickle=False)
        write_file(folder / LABELS, content.getvalue(), overwrite=True)
        names.append(LABELS)
    files = tuple(describe_stored(folder / name) for name in names)
    about = (FORMAT, fingerprint, part.name, part.shape[0])
    return finish_store(folder, Contents(*about, (), files, part.notes, largest=part.largest))


def _header(shape: Shape) -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return content.getvalue()


def _folder_parts(path: Path, form: ImageForm, on_bad_rows: str) -> Parts:
    """The parts of a folder of images."""
    found = find_images(path, form, on_bad_rows=on_bad_rows)
    validation, test = (None if part is None else _folder_part(part) for part in (found.validation, found.test))
    return _folder_part(found.train), validation, test


def _folder_part(found: ImageFiles) -> ImagePart:
    together = max(1, BLOCK_BYTES // math.prod(found.shape))

    def blocks(done: int) -> Iterator[bytes]:
        for start in range(done, len(found.files), together):
            yield found.pixels(start, start + together).tobytes()

    shape = (len(found.files), *found.shape)
    return ImagePart(found.name, shape, found.labels, blocks, True, found.notes, found.largest)


def _idx_parts(path: Path) -> Parts:
    """The parts of a folder in MNIST's form."""
    found = [_idx_part(images, labels) for images, labels in idx_files(path)]
    return found[0], None, found[1] if len(found) == 2 else None


def _idx_part(images: Path, labels_file: Path | None) -> ImagePart:
    rows, height, width = idx_shape(images)
    labels = None if labels_file is None else read_idx(labels_file)
    if labels is not None and labels.shape != (rows,):
        raise DataError(f"{images} holds {rows:,} images, but {labels_file} has the shape {labels.shape}.")

    shape = (rows, height, width, 1)
    return ImagePart(images.parent.name, shape, labels, lambda _: _idx_blocks(images, math.prod(shape)), resumes=False)


def _idx_blocks(path: Path, expected: int) -> Iterator[bytes]:
    """The bytes after the header: exactly `expected` bytes."""
    found = 0
    with open_idx(path) as file:
        file.read(IMAGE_HEADER)
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
