"""Rows that are not in a file of this machine: standard input, and URLs; they become temporary files."""

import atexit
import functools
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, TypeGuard
from urllib.parse import unquote, urlsplit

from batchwright._extras import is_installed, missing
from batchwright._files import explain_write_errors
from batchwright.data.formats.contents import HEAD_BYTES, ending_of_file
from batchwright.data.formats.temporary import temporary_file
from batchwright.errors import DataError

STANDARD_INPUT = "-"
"""What stands for standard input where a source is named; a file of this name is given as `./-` in a folder."""

SQLITE_URL = "sqlite:///"
"""What the URL of a SQLite file begins with; its path follows, and may be relative."""

URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
WEB_PAGE = re.compile(rb"\s*<(!doctype html|html)\b", re.IGNORECASE)


def is_url(source: object) -> TypeGuard[str]:
    """Whether a source is the URL of a file elsewhere, such as `https://...` or `s3://...`."""
    return isinstance(source, str) and URL.match(source) is not None and not source.startswith(SQLITE_URL)


def to_path(source: str | os.PathLike[str]) -> Path:
    """The file or folder that a user names, also by the URL of a SQLite file.

    `-` is a temporary file with what came in on standard input.

    >>> to_path("sqlite:///shop.db#orders")
    PosixPath('shop.db#orders')

    Raises:
        DataError: a URL, which has no path here; or nothing comes in on standard input.
    """
    if is_url(source):
        raise DataError(
            f"{source} cannot be read in pieces: fetch it first and give the file, or raise the memory limit."
        )
    path = standard_input() if source == STANDARD_INPUT else Path(os.fspath(source).removeprefix(SQLITE_URL))
    return path if path.name else path.resolve()  # messages name it, and "." has no name


def refuse_same_input(source: object, test: object) -> None:
    """Raise a DataError if rows and test rows are both to come from standard input."""
    if isinstance(source, str) and isinstance(test, str) and source == test == STANDARD_INPUT:
        raise DataError("both the rows and the test rows are to come from standard input (-): give one by its file.")


@functools.cache
def standard_input() -> Path:
    """A file with what came in on standard input, which can be read only once; its ending says what it holds.

    Raises:
        DataError: standard input is a terminal, is closed or is empty.
    """
    if waits_for_rows():
        raise DataError(
            "the rows are to come from standard input (-), but nothing is connected to it: pipe them in, as in "
            "`batchwright train - < rows.csv`, or name a file."
        )
    folder = Path(tempfile.mkdtemp(prefix="batchwright-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "stdin"
    with explain_write_errors(path), path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    if path.stat().st_size == 0:
        raise DataError("standard input (-) is empty: pipe the rows in, as in `batchwright train - < rows.csv`.")
    return path.rename(path.with_suffix(ending_of_file(path) or ".csv"))


def waits_for_rows() -> bool:
    """Whether nothing but a person at a terminal could give rows on standard input."""
    return sys.stdin is None or sys.stdin.closed or sys.stdin.isatty()


@contextmanager
def fetch(url: str) -> Iterator[Path]:
    """A temporary file with what a URL names; after `#` a part of it may be named.

    Raises:
        DataError: fsspec is not installed, or the file cannot be fetched, or is a web page.
    """
    address, _, part = url.partition("#")
    found = urlsplit(address)
    name = PurePosixPath(unquote(found.path)).name or found.netloc
    with temporary_file(name) as path:
        with explain_write_errors(path), path.open("wb") as out:
            _copy(address, out)
        with path.open("rb") as file:
            if WEB_PAGE.match(file.read(HEAD_BYTES)):
                raise DataError(f"{url} is a web page, not a file of rows: give the address of the file itself.")
        yield path.with_name(f"{name}#{part}") if part else path


def _copy(url: str, out: Any) -> None:
    """Write what a URL names to an open file."""
    try:
        import fsspec

        system, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        package = f"a further package ({error})" if is_installed("fsspec") else "fsspec"
        needed = missing(package, "batchwright[remote]", what=url)
        raise DataError(f"{needed}, or fetch the file and give its path.") from error
    except ValueError as error:
        raise DataError(f"{url} is a URL of a kind that is not read: {error}. Give the path of a file.") from error
    try:
        with system.open(path, "rb") as file:
            shutil.copyfileobj(file, out)
    except OSError as error:
        if error.errno is not None and error.filename == out.name:
            raise
        raise _unreachable(url, error) from error
    except Exception as error:  # each system raises exceptions of its own library
        raise _unreachable(url, error) from error


def _unreachable(url: str, error: Exception) -> DataError:
    return DataError(
        f"{url} cannot be read ({type(error).__name__}: {error}): is the address right, and may you read it?"
    )
