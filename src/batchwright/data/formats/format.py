"""What a format of files and folders offers; `formats.source` lists all formats."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import polars as pl
from jaxtyping import Int64

from batchwright.data.typed.cells import NONE_BAD, BadCells, Files, TableOptions
from batchwright.data.typed.rows import Rows
from batchwright.data.typed.schema import Schema

Size: TypeAlias = tuple[int, int]
"""Height and width of images."""


@dataclass(frozen=True)
class Loaded:
    """The content of a source: its rows, the default target, a short name, and its own test and validation parts."""

    train: Rows
    test: Rows | None
    target: str | tuple[str, ...] | None
    name: str
    validation: Rows | None = None


@dataclass(frozen=True)
class TableFile:
    """A table as it lies in its files; one column at a time is read.

    Attributes:
        name: what it is called in messages.
        names: the names of its columns.
        rows: the number of rows.
        column: a function from a column's name to its cells.
        lines: the lines on which the rows begin; None where rows are counted from 1.
        ragged: the records that are no rows, such as those with the wrong number of fields.
        target: the column that is usually predicted, if there is one.
        notes: what a user should know about how it is read, one sentence each.
        files: the files that the lines are in, if there are several.
    """

    name: str
    names: tuple[str, ...]
    rows: int
    column: Callable[[str], pl.Series]
    lines: Int64[np.ndarray, " rows"] | None = None
    ragged: BadCells = NONE_BAD
    target: str | None = None
    notes: tuple[str, ...] = ()
    files: Files | None = None


@runtime_checkable
class Format(Protocol):
    """A kind of file or folder that holds rows."""

    @property
    def endings(self) -> tuple[str, ...]:
        """The endings of its files, in lower case; empty where the kind follows from something else."""

    @property
    def parts(self) -> str:
        """What the parts of a file are called, such as the sheets of `book.xlsx#Sheet 2`; empty if it has none."""

    def claims(self, path: Path) -> bool:
        """Whether a path is of this kind, by its name, or by the names in a folder."""

    def streams(self, path: Path) -> bool:
        """Whether such a path, which it claims, can be read in pieces."""

    def read(
        self, path: Path, options: TableOptions, *, schema: Schema | None, image_size: Size | None, channels: int | None
    ) -> Loaded:
        """All rows.

        Args:
            path: a path that it claims.
            options: how the cells of a table are read.
            schema: the columns, for rows given to a trained model.
            image_size: height and width that the images of a folder are resized to.
            channels: 1 or 3, to which the images of a folder are converted.

        Raises:
            DataError: the rows cannot be read.
        """

    def open_table(self, path: Path, *, memory: int | None) -> TableFile | None:
        """The table, to be read column by column; None if the format cannot do that.

        Args:
            path: a path that it claims.
            memory: bytes that may be taken; None for no limit.

        Raises:
            DataError: the file cannot be read.
        """

    def estimated_bytes(self, path: Path, image_size: Size | None) -> int:
        """About how many bytes the rows take while they are read whole and encoded."""


class FileFormat(ABC):
    """A format of files that are told by their endings; unless it says otherwise, they are read whole."""

    endings: tuple[str, ...]
    parts: str = ""

    def claims(self, path: Path) -> bool:
        """Whether the ending is one of `endings`."""
        file, _ = split_part(path)
        return file.suffix.lower() in self.endings and not file.is_dir()

    def streams(self, path: Path) -> bool:
        """Whether the file can be read in pieces."""
        return False

    @abstractmethod
    def read(
        self, path: Path, options: TableOptions, *, schema: Schema | None, image_size: Size | None, channels: int | None
    ) -> Loaded:
        """All rows, as `Format.read`."""

    def open_table(self, path: Path, *, memory: int | None) -> TableFile | None:
        """The table, to be read column by column."""
        return None

    def estimated_bytes(self, path: Path, image_size: Size | None) -> int:
        """Twice the size of the file."""
        return 2 * split_part(path)[0].stat().st_size


def with_notes(loaded: Loaded, notes: tuple[str, ...]) -> Loaded:
    """The rows, with what a user should know of how they were read before their own notes."""
    return replace(loaded, train=replace(loaded.train, notes=(*notes, *loaded.train.notes))) if notes else loaded


def split_part(path: Path) -> tuple[Path, str | None]:
    """A file, and the part of it that is named after `#`; None for the whole file, whose name may hold `#` too.

    >>> split_part(Path("book.xlsx#Sheet 2"))
    (PosixPath('book.xlsx'), 'Sheet 2')
    """
    pieces = str(path).split("#")
    if len(pieces) == 1 or path.exists():
        return path, None
    files = ["#".join(pieces[:number]) for number in range(1, len(pieces))]
    file = next((file for file in reversed(files) if Path(file).is_file()), files[0])
    return (Path(file), str(path)[len(file) + 1 :]) if file else (path, None)
