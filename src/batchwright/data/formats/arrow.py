"""Arrow files and streams, which are also Feather files of version 2.

The reader allocates what a damaged file claims to hold, and the process ends there. So the sizes that a file states are
checked first; the format is that of https://arrow.apache.org/docs/format/Columnar.html, its metadata flatbuffers.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from batchwright.data.formats.format import FileFormat, Loaded, Size
from batchwright.data.formats.text import read_bytes
from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.schema import Schema, normal_names
from batchwright.data.typed.table import type_table
from batchwright.errors import DataError

MAGIC, OLD_MAGIC, NEXT = b"ARROW1", b"FEA1", b"\xff\xff\xff\xff"
MOST_TIMES, AT_LEAST = 100, 100_000_000
"""A file may unpack to this many times its size, or to so many bytes if that is more."""
DICTIONARY_BATCH, RECORD_BATCH = 2, 3


class Arrow(FileFormat):
    """A table in Arrow's format for files or streams."""

    endings = (".feather", ".arrow", ".arrows", ".ipc")

    def read(
        self, path: Path, options: TableOptions, *, schema: Schema | None, image_size: Size | None, channels: int | None
    ) -> Loaded:
        """The table; its types are kept."""
        frame = read_arrow(read_bytes(path), path.name)
        frame.columns = normal_names(frame.columns, path.name)
        return Loaded(type_table(frame, options, schema=schema, name=path.name), None, None, path.stem)

    def estimated_bytes(self, path: Path, image_size: Size | None) -> int:
        """Four times the size of the file, which may be compressed."""
        return 4 * path.stat().st_size


ARROW = Arrow()


def read_arrow(data: bytes, name: str) -> pl.DataFrame:
    """The table in the bytes of a file or stream, called `name` in messages.

    Raises:
        DataError: not Arrow, Feather of version 1, damaged, or unpacking to too much.
    """
    if data.startswith(OLD_MAGIC):
        raise DataError(f"{name} is a Feather file of version 1. Write it anew with version 2, or as Parquet.")
    is_file = data.startswith(MAGIC)
    try:
        _check_sizes(data, _blocks(data) if is_file else _messages(data), name)
        return pl.read_ipc(data) if is_file else pl.read_ipc_stream(data)
    except (DataError, MemoryError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # polars may panic, which is no Exception
        why = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(f"{name} cannot be read as Arrow or Feather: {why[0]:.200}") from error


def _check_sizes(data: bytes, blocks: Iterator[tuple[int, int]], name: str) -> None:
    """Refuse a file whose buffers claim to unpack to much more than it holds.

    Raises:
        DataError: it does.
        struct.error, IndexError, ValueError: it is damaged.
    """
    limit = max(AT_LEAST, MOST_TIMES * len(data))
    total = sum(size for at, body in blocks for size in _stated_sizes(data, at, body))
    if total > limit:
        raise DataError(
            f"{name} has {len(data):,} bytes and states that it unpacks to {total:,}: more than {MOST_TIMES} times as "
            "much. Is it damaged? If it is not, write it without compression."
        )


def _blocks(data: bytes) -> Iterator[tuple[int, int]]:
    """Where the metadata and the body begin of each batch that the footer of a file lists."""
    if data[-6:] != MAGIC:
        raise ValueError("it ends before its footer")
    (size,) = struct.unpack_from("<i", data, len(data) - 10)
    footer = len(data) - 10 - size
    if not 0 < footer < len(data) - 10:
        raise ValueError("its footer has a wrong size")
    root = _follow(data, footer)
    for number in (2, 3):  # dictionaries, record batches
        vector = _field(data, root, number)
        for start, count in () if vector is None else (_vector(data, vector),):
            for block in range(start, start + 24 * count, 24):
                at, metadata, body = struct.unpack_from("<qi4xq", data, block)
                if at < 0 or metadata < 0 or body < 0 or at + metadata + body > len(data):
                    raise ValueError("a batch lies outside the file")
                skipped = 8 if data[at : at + 4] == NEXT else 4
                yield at + skipped, at + metadata


def _messages(data: bytes) -> Iterator[tuple[int, int]]:
    """Where the metadata and the body begin of each message of a stream."""
    at = 0
    while at < len(data):
        at += 4 if data[at : at + 4] == NEXT else 0
        (size,) = struct.unpack_from("<i", data, at)
        if size == 0:
            return
        if size < 0 or at + 4 + size > len(data):
            raise ValueError("a message is cut short")
        body = at + 4 + size
        length = _number(data, _field(data, _follow(data, at + 4), 3), "<q")
        if length < 0 or body + length > len(data):
            raise ValueError("a message is cut short")
        yield at + 4, body
        at = body + length


def _stated_sizes(data: bytes, message: int, body: int) -> Iterator[int]:
    """The bytes to which the buffers of a batch unpack, and at least a bit for each of its rows."""
    root = _follow(data, message)
    kind, header = _number(data, _field(data, root, 1), "<B"), _field(data, root, 2)
    if kind not in (DICTIONARY_BATCH, RECORD_BATCH) or header is None:
        return
    batch: int | None = _follow(data, header)
    if kind == DICTIONARY_BATCH:
        inner = _field(data, _follow(data, header), 1)
        batch = None if inner is None else _follow(data, inner)
    if batch is None:
        raise ValueError("a dictionary without a batch")
    yield _number(data, _field(data, batch, 0), "<q") // 8
    buffers = _field(data, batch, 2)
    if buffers is None or _field(data, batch, 3) is None:  # without compression, buffers are as long as they are
        return
    start, count = _vector(data, buffers)
    for buffer in range(start, start + 16 * count, 16):
        offset, length = struct.unpack_from("<qq", data, buffer)
        if offset < 0 or length < 0 or body + offset + length > len(data):
            raise ValueError("a buffer lies outside the file")
        if length >= 8:
            (stated,) = struct.unpack_from("<q", data, body + offset)
            if stated < -1:
                raise ValueError("a buffer has a negative size")
            yield max(stated, 0)


def _follow(data: bytes, at: int) -> int:
    """Where the offset at a place leads to."""
    (offset,) = struct.unpack_from("<i", data, at)
    if not 0 <= at + offset < len(data):
        raise ValueError("its metadata lead outside the file")
    return at + int(offset)


def _field(data: bytes, table: int, number: int) -> int | None:
    """Where a field of a flatbuffer table is; None if it is left out."""
    (back,) = struct.unpack_from("<i", data, table)
    start = table - back
    if not 0 <= start < len(data):
        raise ValueError("its metadata lead outside the file")
    (size,) = struct.unpack_from("<H", data, start)
    if 4 + 2 * number >= size:
        return None
    (offset,) = struct.unpack_from("<H", data, start + 4 + 2 * number)
    return table + int(offset) if offset else None


def _vector(data: bytes, at: int) -> tuple[int, int]:
    """Where the items of a vector begin, and how many they are."""
    start = _follow(data, at)
    (count,) = struct.unpack_from("<I", data, start)
    return start + 4, int(count)


def _number(data: bytes, at: int | None, form: str) -> int:
    return 0 if at is None else int(struct.unpack_from(form, data, at)[0])
