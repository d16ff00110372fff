"""What formats of text have in common: a table is made from bytes."""

from abc import abstractmethod
from pathlib import Path

from batchwright.data.formats.format import FileFormat, Loaded, Size
from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.schema import Schema
from batchwright.data.typed.table import Table
from batchwright.errors import DataError


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
    """The content of a file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
