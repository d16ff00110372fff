"""JSON objects that hold a hash of the rest of themselves, and the number of their format."""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from batchwright.errors import RunError
from batchwright.runs.reading import REMEDY, parse_json, to_plain

UPDATE = "Update batchwright: pip install --upgrade batchwright."


def seal(value: dict[str, Any]) -> str:
    """The text of a file: the object, which has a `format`, with `sha256` as the hash of the rest.

    >>> seal({"format": 1}).splitlines()[1]
    ' "format": 1,'
    """
    plain = to_plain(value)
    return json.dumps(plain | {"sha256": _hash(plain)}, indent=1, ensure_ascii=False) + "\n"


def unseal(data: bytes, where: Path, newest: int) -> dict[str, Any]:
    """The object in the content of a file, without its hash.

    Raises:
        RunError: it has no format or a format above `newest`, or was changed or damaged since it was written.
    """
    plain = parse_json(data, where)
    if not isinstance(plain, dict) or type(plain.get("format")) is not int or plain["format"] < 1:
        raise RunError(f"{where} is not a file that batchwright has written: it has no format. {REMEDY}")
    if plain["format"] > newest:
        raise RunError(
            f"{where} was made by a newer batchwright, in format {plain['format']}; "
            f"this one ({version('batchwright')}) reads up to {newest}. {UPDATE}"
        )
    if plain.pop("sha256", None) != _hash(plain):
        raise RunError(f"{where} was changed or damaged since it was written. {REMEDY}")
    return plain


@contextmanager
def blame_newer(versions: object) -> Iterator[None]:
    """Add to a RunError that a newer batchwright made the record, if its `versions` by name say so."""
    try:
        yield
    except RunError as error:
        if newer := _made_by_newer(versions):
            raise RunError(f"{error} {newer}") from error
        raise


def _made_by_newer(versions: object) -> str:
    """A sentence if these versions by name are of a newer batchwright; else, and of anything else, empty.

    >>> _made_by_newer({"batchwright": "0.0.1"}), _made_by_newer({"batchwright": "newest"}), _made_by_newer(None)
    ('', '', '')
    """
    made = versions.get("batchwright") if isinstance(versions, dict) else None
    here = version("batchwright")
    if not isinstance(made, str) or _parts(made) <= _parts(here):
        return ""
    return f"batchwright {made:.20} made it, and this is {here}. {UPDATE}"


def _parts(text: str) -> tuple[int, ...]:
    """The numbers at the beginning of a version, which order versions; () where there are none."""
    found = re.match(r"\d{1,9}(\.\d{1,9})*", text)
    return tuple(map(int, found[0].split("."))) if found else ()


def _hash(plain: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
