"""Rows on disk: a folder with one uncompressed Arrow file per column, from which any range can be read.

`store.json` is written last, so a folder without it is unfinished. Images are one `.npy` file that is memory-mapped.
"""

import dataclasses
import hashlib
import json
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import UInt8

from batchwright._files import explain_write_errors, hidden_path, sha256, write_file
from batchwright.data.typed.cells import Files
from batchwright.data.typed.images import Images, Largest
from batchwright.data.typed.schema import Column, from_plain
from batchwright.data.typed.table import Table
from batchwright.errors import DataError, unknown

FORMAT = 2
STORE, MARK, LOCK = "store.json", "source.json", "lock"
IMAGES, LABELS, LINES = "images.npy", "labels.npy", "lines.arrow"
MAX_JSON = 1 << 28
BROKEN = (OSError, ValueError, EOFError, pl.exceptions.PolarsError, pl.exceptions.PanicException)


@dataclasses.dataclass(frozen=True)
class StoredFile:
    """A file of a store: its name, its size in bytes, and the SHA-256 of its content."""

    name: str
    bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class Contents:
    """The content of `store.json`.

    Attributes:
        format: the version of this format.
        fingerprint: fingerprint of the source and of the reading options.
        name: what the rows are called in messages.
        rows: the number of rows.
        columns: the columns of the table, none for images; column i is in the file `i.arrow`.
        files: all files of the store.
        notes: notes from the conversion, one sentence each: dropped rows, resized images.
        target: the column that is usually predicted, if there is one.
        largest: the value that became 255 in images of 16 bits, if there were any.
        read_from: the files that the lines are in, if there are several.
    """

    format: int
    fingerprint: str
    name: str
    rows: int
    columns: tuple[Column, ...]
    files: tuple[StoredFile, ...]
    notes: tuple[str, ...] = ()
    target: str | None = None
    largest: Largest | None = None
    read_from: Files | None = None


@dataclasses.dataclass(frozen=True)
class Store:
    """A folder of rows: a table of typed columns, as `read` gives, or images.

    Nothing is held in memory: each call reads what it returns. Images are the memory map of their file. `stamp` tells
    this store from one that replaces it.
    """

    folder: Path
    contents: Contents
    stamp: tuple[int, int]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.contents.rows

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return self.contents.name

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of a table."""
        return self.contents.columns

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the stored rows, in hexadecimal, computed from the list of files and their hashes."""
        return _digest([dataclasses.asdict(file) for file in self.contents.files])

    @property
    def holds_images(self) -> bool:
        """Whether the rows are images."""
        return not self.contents.columns

    def column(self, name: str, start: int = 0, stop: int | None = None) -> pl.Series:
        """The cells of one column in the rows start to stop-1.

        Raises:
            DataError: there is no such column, or its file cannot be read.
        """
        return self.table(start, stop, columns=(name,)).frame[name]

    def table(self, start: int = 0, stop: int | None = None, *, columns: Sequence[str] | None = None) -> Table:
        """The rows start to stop-1 of the columns named, or of all.

        Raises:
            DataError: there is no such column, or a file cannot be read.
        """
        stop = self.rows if stop is None else stop
        places = {column.name: place for place, column in enumerate(self.contents.columns)}
        if strange := [name for name in columns or () if name not in places]:
            raise DataError(f"{self.contents.name}: {unknown('column', strange[0], places)}")
        wanted = list(places) if columns is None else list(dict.fromkeys(columns))
        specs = tuple(self.contents.columns[places[name]] for name in wanted)
        paths = {name: self.folder / column_file(places[name]) for name in wanted}
        has_lines = any(file.name == LINES for file in self.contents.files)
        series = _slices([*paths.values(), *([self.folder / LINES] if has_lines else [])], start, stop - start)
        self._check_stamp()
        lines = series.pop().to_numpy() if has_lines else None
        contents = self.contents
        return Table(pl.DataFrame(series), specs, contents.name, lines, contents.notes, files=contents.read_from)

    def images(self) -> Images:
        """All images, their bytes in a memory map.

        Raises:
            DataError: the file cannot be read.
        """
        try:
            images: UInt8[np.ndarray, "n h w c"] = np.load(self.folder / IMAGES, mmap_mode="r", allow_pickle=False)
            path = self.folder / LABELS
            labels = np.load(path, mmap_mode="r", allow_pickle=False) if path.exists() else None
        except BROKEN as error:
            raise damage_error(self.folder, str(error)) from error
        self._check_stamp()
        return Images(images, labels, self.contents.name, self.contents.notes, largest=self.contents.largest)

    def _check_stamp(self) -> None:
        """Raise a DataError if the store was removed or replaced since it was opened."""
        try:
            same = _stamp(self.folder) == self.stamp
        except OSError:
            same = False
        if not same:
            raise DataError(
                f"{self.folder} was removed or made anew while it was in use, as by a training of the same source with "
                "other reading options: start again, or give each its own cache folder."
            )


def open_store(folder: Path, fingerprint: str) -> Store | None:
    """The finished store in a folder; None if there is none, or it has another source or other options.

    The sizes of all files, and the rows in each, are compared with what was written.

    Raises:
        DataError: the folder holds something else, or a store that is damaged or of another version.
    """
    if not os.path.lexists(folder / STORE):
        refuse_stranger(folder)
        return None
    try:
        plain = json.loads(_small_file(folder / STORE))
        if plain.get("format") != FORMAT:
            raise ValueError(f"its format is {plain.get('format')}, and this version reads {FORMAT}")
        contents = from_plain(Contents, plain)
        if contents.fingerprint != fingerprint:
            return None
        store = Store(folder, contents, _stamp(folder))
        _verify(store)
    except (AttributeError, *BROKEN) as error:
        raise damage_error(folder, str(error)) from error
    return store


def finish_store(folder: Path, contents: Contents) -> Store:
    """Write `store.json`, which marks the store as finished.

    Raises:
        UsageError: the disk is full, or the folder may not be written to.
    """
    write_file(folder / STORE, json.dumps(dataclasses.asdict(contents)), overwrite=True)
    return Store(folder, contents, _stamp(folder))


def refuse_stranger(folder: Path) -> None:
    """Raise a DataError unless the folder can be taken for a store: absent, empty, or begun as a store."""
    if not os.path.lexists(folder) or (folder / MARK).is_file():
        return
    if folder.is_symlink() or not folder.is_dir() or any(entry.name != LOCK for entry in folder.iterdir()):
        raise DataError(
            f"{folder} is not a folder that batchwright made: nothing is written there. Move it, or name another cache "
            "folder."
        )


def write_columns(path: Path, frame: pl.DataFrame) -> None:
    """Write a frame to an Arrow file (or Parquet, by its ending) that appears whole or not at all.

    Raises:
        UsageError: the disk is full, or the folder may not be written to.
    """
    temporary = hidden_path(path)
    with explain_write_errors(path):
        try:
            if path.suffix == ".parquet":
                frame.write_parquet(temporary, compression="uncompressed", statistics=False)
            else:
                frame.write_ipc(temporary, compression="uncompressed")
            flush(temporary)
            temporary.replace(path)
        except (OSError, pl.exceptions.PolarsError) as error:
            number = re.search(r"\(os error (\d+)\)", str(error))  # polars gives it only in the text
            raise OSError(int(number[1]), os.strerror(int(number[1]))) if number else error from error
        finally:
            temporary.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Make the system write a file to disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def describe_stored(path: Path) -> StoredFile:
    """The entry of a file in `Contents.files`."""
    return StoredFile(path.name, path.stat().st_size, sha256(path))


def column_file(place: int) -> str:
    """The file name of the column with this number."""
    return f"{place}.arrow"


def damage_error(folder: Path, why: str) -> DataError:
    """The error for a store that cannot be used."""
    return DataError(f"{folder} is not a store that can be used: {why}. Remove that folder; it is made anew.")


def _stamp(folder: Path) -> tuple[int, int]:
    """Identify a `store.json`, to tell it from one that replaces it."""
    found = (folder / STORE).stat()
    return found.st_ino, found.st_mtime_ns


def _digest(plain: object) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _small_file(path: Path) -> str:
    if not stat.S_ISREG(path.lstat().st_mode) or path.stat().st_size > MAX_JSON:
        raise ValueError(f"{path.name} is not a file of up to {MAX_JSON >> 20} MiB")
    return path.read_text(encoding="utf-8")


def _verify(store: Store) -> None:
    """Raise a ValueError unless all files exist with their sizes, and each column has its name and all rows."""
    folder, contents = store.folder, store.contents
    listed = {file.name: file for file in contents.files}
    wanted = [column_file(place) for place in range(len(contents.columns))] or [IMAGES]
    if lacking := [name for name in wanted if name not in listed]:
        raise ValueError(f"{STORE} does not list {lacking[0]}")
    for name, file in listed.items():
        path = folder / name
        if name != Path(name).name or not os.path.lexists(path) or not stat.S_ISREG(path.lstat().st_mode):
            raise ValueError(f"the file {name!r} is not there")
        if path.stat().st_size != file.bytes:
            raise ValueError(f"{name} has {path.stat().st_size:,} bytes instead of {file.bytes:,}")
    if not contents.columns:
        images = store.images()
        labelled = images.labels is None or len(images.labels) == images.rows
        if images.images.dtype != np.uint8 or images.images.ndim != 4 or images.rows != contents.rows or not labelled:
            raise ValueError(f"{IMAGES} does not hold {contents.rows:,} images of bytes")
    names = [column.name for column in contents.columns]
    if len(set(names)) < len(names):
        raise ValueError("names of columns repeat")
    lines = [LINES] if LINES in listed and names else []
    for name, file_name in zip([*names, *("lines" for _ in lines)], [*wanted[: len(names)], *lines], strict=True):
        scan = pl.scan_ipc(folder / file_name, glob=False)
        rows = scan.select(pl.len()).collect().item()
        if scan.collect_schema().names() != [name] or rows != contents.rows:
            raise ValueError(f"{file_name} does not hold {contents.rows:,} cells of the column {name!r}")


def _slices(paths: Sequence[Path], start: int, rows: int) -> list[pl.Series]:
    """The cells of `rows` rows from `start` on, in files with one column each."""
    try:
        frames = pl.collect_all([pl.scan_ipc(path, glob=False).slice(start, rows) for path in paths])
    except BROKEN as error:
        raise damage_error(paths[0].parent, str(error)) from error
    return [frame.to_series() for frame in frames]
