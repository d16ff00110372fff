"""How much memory is free, how much this process holds, and about how much a source takes."""

import os
import re
from pathlib import Path
from typing import NamedTuple

from batchwright.data.formats.format import split_part
from batchwright.data.formats.given import is_url, to_path
from batchwright.data.formats.image_estimate import named_image_bytes
from batchwright.data.formats.image_folder import IMAGE_FOLDER
from batchwright.data.formats.several_files import is_pattern
from batchwright.data.formats.source import format_of
from batchwright.errors import ConfigError, DataError

UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}

OVERHEAD = 48 << 20
"""Bytes for threads and buffers of polars, once it reads anything."""

PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")


def parse_size(text: str) -> int:
    """The number of bytes in a size such as `2GB`, `1.5 GiB` or `500MB`.

    >>> parse_size("2GB"), parse_size("1.5 KiB")
    (2000000000, 1536)

    Raises:
        ConfigError: not a positive number with a unit.
    """
    units = {unit.casefold(): size for unit, size in UNITS.items()}
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*([A-Za-z]+)\s*", text, re.ASCII)
    size = int(float(found[1]) * units.get(found[2].casefold(), 0)) if found and len(found[1]) < 20 else 0
    if size < 1:
        raise ConfigError(
            f"{text!r} is not a size: give a positive number and a unit ({', '.join(UNITS)}), such as 2GB."
        )
    return size


RUNTIME_BYTES = 300_000_000
"""Memory of the process besides the rows: Python, JAX, and its compiler while it works (240 MB to 300 MB measured)."""


class Limit(NamedTuple):
    """The memory limit for reading a source in chunks, and the reason: a sentence for the user."""

    bytes: int
    reason: str


def limit_to_stream(
    source: str, chosen: str, *, image_size: tuple[int, int] | None = None, image_dir: str | None = None
) -> Limit | None:
    """The limit for reading a source in chunks; None if all of its rows should be in memory.

    Args:
        source: a path, a pattern or `-`; examples, URLs and paths that do not exist are never read in chunks.
        chosen: a size such as `2GB`, for the whole process; "auto" for half of the free memory, if the source is of a
            kind that can be read in chunks; "none" for no limit.
        image_size: height and width that images in files are resized to.
        image_dir: the folder of the images that a table names.

    Raises:
        ConfigError: not a size.
    """
    if chosen == "none" or (chosen == "auto" and (is_url(source) or not _can_be_streamed(to_path(source)))):
        return None
    free = available_memory() or 0
    limit = anonymous_memory() + free // 2 if chosen == "auto" else parse_size(chosen)
    needed = RUNTIME_BYTES + estimated_bytes(source, image_size, image_dir)
    if needed <= limit or (chosen == "auto" and not free):
        return None
    sizes = f"about {needed / 1e9:.2g} GB with all rows in memory; the limit is {limit / 1e9:.2g} GB"
    return Limit(limit, f"training would take {sizes}: rows are read from the disk in chunks")


def available_memory() -> int | None:
    """Bytes that this process can still take without swapping, within the limits of its control group.

    None where the system does not say (other than Linux).
    """
    system = _field(PROC / "meminfo", "MemAvailable")
    free = [left for group in _groups() if (left := _bytes_left(group)) is not None]
    return min([*free, *([] if system is None else [system * 1024])], default=None)


def anonymous_memory() -> int:
    """Bytes of memory of this process that no file backs; 0 where the system does not say."""
    return 1024 * (_field(PROC / "self/status", "RssAnon") or 0)


def memory_left(limit: int | None) -> int | None:
    """Bytes of the limit left after the present memory of this process and the needs of polars; None if no limit."""
    return None if limit is None else max(0, limit - anonymous_memory() - OVERHEAD)


def check_memory(needed: int, left: int | None, what: str) -> None:
    """Raise a DataError if more bytes are needed than are left."""
    if left is not None and needed > left:
        raise DataError(
            f"{what} takes about {needed / 1e6:,.0f} MB of memory, and the limit leaves {left / 1e6:,.0f} MB: raise "
            "the memory limit, or give a file with fewer columns or rows."
        )


def estimated_bytes(source: str | Path, image_size: tuple[int, int] | None = None, image_dir: str | None = None) -> int:
    """About how many bytes the rows in a file or folder take while they are read whole and encoded.

    A guess within a factor of three, made by the format, with the images that a table names; for what no format
    claims, twice the size of the files. 0 if there is no such file.
    """
    path = to_path(source)
    if (found := format_of(path)) is not None and (is_pattern(path) or split_part(path)[0].exists()):
        file = split_part(path)[0]
        named = named_image_bytes(file, image_size, image_dir) if file.is_file() and found is not IMAGE_FOLDER else 0
        return found.estimated_bytes(path, image_size) + named
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return 2 * sum(file.stat().st_size for file in files)


def _can_be_streamed(path: Path) -> bool:
    found = format_of(path)
    return found is not None and found.streams(path)


def _groups() -> list[Path]:
    """The folders of this process's control group and of its parents, of either version."""
    try:
        lines = (PROC / "self/cgroup").read_text().splitlines()
    except OSError:
        return []
    folders = []
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers in ("", "memory"):
            root = CGROUPS / controllers
            inner = root / name.lstrip("/")
            folders += [inner, *(outer for outer in inner.parents if outer.is_relative_to(root))]
            folders.append(root)
    return folders


def _bytes_left(group: Path) -> int | None:
    """Bytes that the control group may still take; None without a limit. Cached files do not count as taken."""
    for limit_name, used_name, cached in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        limit, used = _number(group / limit_name), _number(group / used_name)
        if limit is not None and used is not None and limit < os.sysconf("SC_PAGE_SIZE") << 50:
            return max(0, limit - used + (_field(group / "memory.stat", cached) or 0))
    return None


def _number(file: Path) -> int | None:
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _field(file: Path, name: str) -> int | None:
    """The whole number after `name` at the beginning of a line."""
    try:
        text = file.read_text()
    except OSError:
        return None
    found = re.search(rf"^{name}:?\s+(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else None
