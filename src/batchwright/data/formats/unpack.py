"""Unpack compressed files within a limit: what would grow too large is refused while it is unpacked."""

import bz2
import gzip
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Protocol, runtime_checkable

from batchwright._extras import missing
from batchwright._files import explain_write_errors, hidden_path
from batchwright.data.formats.contents import ending_of_file
from batchwright.errors import DataError, UsageError

RATIO, ALWAYS_ALLOWED = 100, 100_000_000
"""The most that a file may unpack to: so many times its own size, or so many bytes if that is more."""

CHUNK = 1 << 20

BROKEN = (EOFError, zlib.error, lzma.LZMAError, ValueError, struct.error, zipfile.BadZipFile)
"""What the decompressors raise for damaged files, besides OSError."""

GUESSED_RATIO = 6
"""By how much text is taken to grow where a file does not say it, and cannot be unpacked."""
SAMPLE = 1 << 25
"""Bytes that are unpacked to see by how much a file grows."""
LARGEST_GZIP_RATIO = 1032


@runtime_checkable
class Readable(Protocol):
    """A file that is open to be read."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most `size` of them; none at the end."""


def _open_zstandard(source: Path | IO[bytes]) -> AbstractContextManager[Readable]:
    for name in ("compression.zstd", "backports.zstd"):
        try:
            zstd: Any = import_module(name)
        except ImportError:
            continue
        opened: AbstractContextManager[Readable] = zstd.open(source)
        return opened
    name = Path(source.name).name
    raise DataError(f"{missing('backports.zstd', 'batchwright[zstd]', what=name)}, or unpack it with zstd -d {name}.")


OPENERS: dict[str, Callable[[Path | IO[bytes]], AbstractContextManager[Readable]]] = {
    ".gz": gzip.open,
    ".bz2": lambda source: bz2.open(source, "rb"),  # noqa: SIM115 -- who calls it enters it
    ".xz": lzma.open,
    ".lzma": lzma.open,
    ".zst": _open_zstandard,
}
"""How files of each ending, or open ones, are opened to be read unpacked."""


def unpack(path: Path) -> bytes:
    """The content of a compressed file.

    Raises:
        DataError: it is damaged, unpacks to far more than its own size, or does not fit in memory.
    """
    with open_packed(path) as file:
        return read_limited(file, path.stat().st_size, path.name)


def read_limited(file: Readable, packed: int, name: str) -> bytes:
    """All bytes of an open file, whose packed size is `packed`, called `name` in messages."""
    try:
        return b"".join(chunks(file, packed, name))
    except MemoryError as error:
        raise DataError(f"{name} does not fit in memory unpacked: unpack it, and read the unpacked file.") from error


def write_limited(file: Readable, packed: int, name: str, target: Path) -> None:
    """As `read_limited`, into the file `target`, which appears whole or not at all."""
    part = hidden_path(target)
    with explain_write_errors(target):
        out = part.open("xb")
    try:
        with out:
            for chunk in chunks(file, packed, name):
                with explain_write_errors(target):
                    out.write(chunk)
        with explain_write_errors(target):
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def chunks(file: Readable, packed: int, name: str) -> Iterator[bytes]:
    """The bytes of an open file piece by piece.

    Raises:
        DataError: they are far more than `packed`, the size of the packed file called `name`.
    """
    limit, found = most_unpacked(packed), 0
    while chunk := file.read(CHUNK):
        found += len(chunk)
        if found > limit:
            raise DataError(
                f"{name} unpacks to more than {limit / 1e6:,.0f} MB, over {RATIO} times its size, which no usual table "
                "does: if that is right, unpack it yourself and give the unpacked file."
            )
        yield chunk


@contextmanager
def open_packed(path: Path) -> Iterator[Readable]:
    """A compressed file, open to be read unpacked.

    Raises:
        DataError: it is damaged, or is not compressed in the way that its ending says; also from inside the block.
    """
    with explain_damage(path.name), OPENERS[_ending(path)](path) as file:
        yield file


def _ending(path: Path) -> str:
    """The ending of a compressed file, or of such files where its name says nothing."""
    ending = path.suffix.lower()
    return ending if ending in OPENERS else ending_of_file(path) or ".gz"


@contextmanager
def explain_damage(name: str) -> Iterator[None]:
    """Turn what decompressors raise for damaged files into a DataError."""
    try:
        yield
    except (UsageError, MemoryError):  # UsageError is a ValueError, and a full disk is no damage
        raise
    except BROKEN as error:
        raise _damaged(name, error) from error
    except NotImplementedError as error:  # an archive of another method, or whose entry is damaged
        raise DataError(f"{name} cannot be unpacked here ({error}): unpack it, and give the unpacked file.") from error
    except OSError as error:  # gzip.BadGzipFile and bz2 raise it without a number
        if error.errno is not None:
            raise
        raise _damaged(name, error) from error
    except Exception as error:
        if type(error).__name__ != "ZstdError":
            raise
        raise _damaged(name, error) from error


def _damaged(name: str, error: Exception) -> DataError:
    return DataError(f"{name} cannot be unpacked, it is damaged or incomplete ({error}): fetch it again.")


def unpacked_bytes(path: Path) -> int:
    """About how many bytes a compressed file unpacks to, without unpacking it; never more than is allowed.

    The last four bytes of a gzip file hold its size modulo 2^32, of its last part alone where it has several: they are
    believed where they are plausible. Of other files the beginning is unpacked.
    """
    packed = path.stat().st_size
    guess = GUESSED_RATIO * packed if _ending(path) == ".gz" else _unpacked_by_sample(path)
    if _ending(path) == ".gz" and packed >= 18:
        with path.open("rb") as file:
            file.seek(-4, 2)
            stated = int(struct.unpack("<I", file.read(4))[0])
        if packed > (1 << 32) // LARGEST_GZIP_RATIO:  # else it cannot be that large
            stated += (1 << 32) * max(0, -((stated - packed) >> 32))
        guess = stated if packed // 2 <= stated <= LARGEST_GZIP_RATIO * packed else guess
    return min(guess, most_unpacked(packed))


def _unpacked_by_sample(path: Path) -> int:
    """About how many bytes a file unpacks to, by its first ones."""
    packed, found = path.stat().st_size, 0
    try:
        with path.open("rb") as raw, OPENERS[_ending(path)](raw) as file:
            while found < SAMPLE and (chunk := file.read(CHUNK)):
                found += len(chunk)
            taken = packed if found < SAMPLE else min(packed, max(raw.tell(), 1))
    except Exception:  # reading it will report this
        return GUESSED_RATIO * packed
    return found * packed // max(taken, 1)


def most_unpacked(packed: int) -> int:
    """The most bytes that so many packed ones may unpack to."""
    return max(RATIO * packed, ALWAYS_ALLOWED)
