"""Read the files of a run that may be untrusted: none outside its folder, none too large or too deeply nested."""

import json
import math
import stat
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn, TypeVar

from batchwright.data.typed.schema import from_plain
from batchwright.errors import DataError, RunError

T = TypeVar("T")

MOST_NESTED = 32
"""Levels of brackets allowed in a JSON file; files written here have fewer than ten."""

REMEDY = "Copy the whole run again from where it came, or train again."


def read_bytes(root: Path, name: str, *, at_most: int) -> bytes:
    """The content of the file `name` in the folder `root`, with "/" between its parts.

    Raises:
        RunError: it lies behind a link, has a second name elsewhere (a hard link), is not a regular file, is larger
            than `at_most` bytes, or cannot be read.
    """
    path = root
    try:
        for part in PurePosixPath(name).parts:
            path = path / part
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                raise RunError(f"{path} is a link, and a run holds none: it could lead out of its folder. {REMEDY}")
        if not stat.S_ISREG(status.st_mode):
            raise RunError(f"{path} is not a plain file. {REMEDY}")
        if status.st_nlink > 1:
            raise RunError(f"{path} has a second name elsewhere (a hard link). Copy the run: a copy has its own files.")
        if status.st_size > at_most:
            raise RunError(f"{path} has {status.st_size:,} bytes; at most {at_most:,} are expected. {REMEDY}")
        with path.open("rb") as file:
            return file.read(status.st_size)
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing. {REMEDY}") from error
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror or error}.") from error
    except MemoryError as error:
        raise RunError(f"{path} does not fit in memory: {status.st_size:,} bytes.") from error


def parse_json(data: bytes, where: Path) -> Any:
    """Parse strict JSON in UTF-8: unique keys, finite numbers, at most `MOST_NESTED` levels.

    Raises:
        RunError: it is anything else; the message names the file `where`.
    """
    try:
        value = json.loads(
            data.decode(), object_pairs_hook=_refuse_repeated_keys, parse_constant=_refuse, parse_float=_parse_finite
        )
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair could not be written or printed
        if _count_levels(value) > MOST_NESTED:
            raise ValueError(f"more than {MOST_NESTED} levels of brackets")
    except (ValueError, RecursionError) as error:
        raise RunError(f"{where} is damaged, or not what it should be: {error}. {REMEDY}") from error
    return value


def parse(cls: type[T], plain: Any, where: Path) -> T:
    """The dataclass `cls` from plain data, strictly: all its keys, no others, each of its declared type.

    Raises:
        RunError: it is anything else; the message names the file `where`.
    """
    if not isinstance(plain, dict):
        raise RunError(f"{where} has to hold a mapping of names to values. {REMEDY}")
    try:
        return from_plain(cls, plain)
    except DataError as error:
        raise RunError(f"{where}: {error}") from error


def to_plain(value: Any) -> Any:
    """Data in JSON's types: tuples as lists, numbers of arrays as Python's, and None for a number that is not finite.

    >>> to_plain({"rmse": float("nan"), "shape": (28, 28)})
    {'rmse': None, 'shape': [28, 28]}
    """
    if isinstance(value, Mapping):
        return {str(key): to_plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(part) for part in value]
    plain = value.item() if hasattr(value, "item") else value
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain


def numbers(plain: Mapping[str, int | float | None]) -> dict[str, int | float]:
    """Numbers by name, as before `to_plain`: NaN where it wrote None."""
    return {name: math.nan if value is None else value for name, value in plain.items()}


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice")
    return found


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number that JSON knows")


def _parse_finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _count_levels(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return int(isinstance(value, dict | list)) + max(map(_count_levels, inner), default=0)
