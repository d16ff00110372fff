"""JSON objects that hold a hash of the rest of themselves, and the number of their format."""

import hashlib
import json
from pathlib import Path
from typing import Any

from batchwright.errors import RunError
from batchwright.runs.reading import REMEDY, parse_json, to_plain


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
    if not isinstance(plain, dict) or not isinstance(plain.get("format"), int):
        raise RunError(f"{where} is not a file that batchwright has written: it has no format. {REMEDY}")
    if plain["format"] > newest:
        raise RunError(f"{where} has format {plain['format']}; this version reads up to {newest}: upgrade batchwright.")
    if plain.pop("sha256", None) != _hash(plain):
        raise RunError(f"{where} was changed or damaged since it was written. {REMEDY}")
    return plain


def _hash(plain: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
