"""What formats of text have in common: their bytes make a table, wherever the bytes come from; they are UTF-8."""

from pathlib import Path
from typing import Protocol

from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.schema import Schema
from batchwright.data.typed.table import Table
from batchwright.errors import DataError

MARK = b"\xef\xbb\xbf"
"""Bytes that UTF-8 text may begin with."""


class TextFormat(Protocol):
    """A format whose table is made from the bytes of a text, so that the text may also be compressed."""

    @property
    def endings(self) -> tuple[str, ...]:
        """The endings of its files, in lower case."""

    def table(self, data: bytes, name: str, options: TableOptions, *, schema: Schema | None) -> Table:
        """The table in the text `data`, called `name` in messages.

        Raises:
            DataError: the text is not of this format.
        """


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error


def check_utf8(data: bytes, name: str, *, lines: int = 0) -> str:
    """The text in some bytes; `lines` lines of the file `name` come before them.

    Raises:
        DataError: the bytes are not UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = lines + data.count(b"\n", 0, error.start) + 1
        found = f"line {line} holds the byte 0x{data[error.start]:02x}"
        raise DataError(f"{name} is not UTF-8 text: {found}. Save it in UTF-8.") from error
