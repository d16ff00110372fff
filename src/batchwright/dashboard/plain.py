"""Read small files of folders that anyone may have written: plain files only, of limited size, nothing executed."""

import json
import math
import os
import stat
from pathlib import Path
from typing import Any

MOST_TEXT = 2_000
"""Characters of a text that is shown."""
LONGEST_NAME = 200
"""Characters of a name."""


class Unreadable(Exception):  # noqa: N818 - it is no error of the program
    """A file that cannot be read or is not what it should be; the message says which, and why."""


def read_plain(path: Path, most: int) -> bytes:
    """The content of a plain file.

    Raises:
        Unreadable: it is not there, no plain file, a link, larger than `most` bytes, or cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise Unreadable(f"{path.name} is not a plain file")
            if found.st_size > most:
                raise Unreadable(f"{path.name} has {found.st_size:,} bytes; at most {most:,} are expected")
            return file.read(most)
    except FileNotFoundError as error:
        raise Unreadable(f"{path.name} is missing") from error
    except OSError as error:
        raise Unreadable(f"{path.name} cannot be read: {error.strerror or error}") from error


def read_mapping(path: Path, most: int) -> dict[str, Any]:
    """The object in a file of JSON.

    Raises:
        Unreadable: as for `read_plain`, or it holds something else.
    """
    try:
        found = json.loads(read_plain(path, most))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{path.name} is damaged, or being written") from error
    if not isinstance(found, dict):
        raise Unreadable(f"{path.name} does not hold names and values")
    return found


def text(value: object, most: int = MOST_TEXT) -> str:
    """A text to show; empty for anything else. Half characters, which could not be sent, are replaced."""
    if not isinstance(value, str):
        return ""
    return value[:most].encode("utf-8", "replace").decode()


def name_of(value: object) -> str:
    """The name of a column, a metric or a part, as it is shown and asked for."""
    return text(value, LONGEST_NAME)


def number(value: object) -> float | int | None:
    """A finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value


def mapping(value: object) -> dict[str, Any]:
    """Names and values; empty for anything else."""
    return value if isinstance(value, dict) else {}


def safe(value: object, levels: int = 8) -> Any:
    """Plain data that can be sent: finite numbers, short texts, lists and mappings, not nested deeply."""
    if isinstance(value, dict) and levels:
        return {name_of(str(key)): safe(part, levels - 1) for key, part in value.items()}
    if isinstance(value, list) and levels:
        return [safe(part, levels - 1) for part in value]
    if value is None or isinstance(value, bool):
        return value
    return text(value) if isinstance(value, str) else number(value)
