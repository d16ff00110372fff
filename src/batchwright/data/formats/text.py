"""What formats of text have in common: a table is made from bytes."""

import io
import os
from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from batchwright.data.formats.format import FileFormat, Loaded, Size
from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.schema import Schema
from batchwright.data.typed.table import Table
from batchwright.errors import DataError

AT_ONCE = 1 << 24
"""Bytes that a thread reads at a time."""


class TextFormat(FileFormat):
    """A format whose table is made from the bytes of a text, wherever they come from."""

    peak_factor: int
    """Peak memory per byte of text while it is read, split and encoded."""

    @abstractmethod
    def table(self, data: bytes, name: str, options: TableOptions, *, schema: Schema | None) -> Table:
        """The table in the text `data`, called `name` in messages.

        Raises:
            DataError: the text is not of this format.
        """

    def read(
        self, path: Path, options: TableOptions, *, schema: Schema | None, image_size: Size | None, channels: int | None
    ) -> Loaded:
        """The table."""
        return Loaded(self.table(read_bytes(path), path.name, options, schema=schema), None, None, path.stem)

    def estimated_bytes(self, path: Path, image_size: Size | None) -> int:
        """A multiple of the size of the file."""
        return self.peak_factor * path.stat().st_size


def read_bytes(path: Path) -> bytes:
    """The content of a file, of which all cores read a part if it is long.

    Raises:
        DataError: it cannot be read.
    """
    try:
        size = path.stat().st_size
        found = _read_parts(path, size) if size > AT_ONCE else None
        return path.read_bytes() if found is None else found
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error


def _read_parts(path: Path, size: int) -> bytes | None:
    """The content of a file, which is put into its place in memory part by part; None if it has become shorter."""
    buffer = io.BytesIO(bytes(size))
    with buffer.getbuffer() as view, ThreadPoolExecutor(os.cpu_count()) as pool:
        lengths = list(pool.map(partial(_read_part, path, view), range(0, size, AT_ONCE)))
    return buffer.getvalue() if sum(lengths) == size else None


def _read_part(path: Path, view: memoryview, start: int) -> int:
    """Read what belongs at `start` of the view; how many bytes the file has there."""
    with path.open("rb", buffering=0) as file, view[start : start + AT_ONCE] as part:
        file.seek(start)
        return file.readinto(part) or 0
