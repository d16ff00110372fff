"""The runs of trackers that a run was logged to, in `trackers.json` of its folder, by the place."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from batchwright._files import write_file
from batchwright.errors import RunError
from batchwright.runs.reading import parse, parse_json, read_bytes

TRACKERS, MOST_BYTES = "trackers.json", 1 << 16
_IDENTITY = re.compile(r"(?!\.{1,2}$)[^/\\\x00-\x1f]{1,255}")
"""What becomes the name of a folder leads nowhere else."""


@dataclass(frozen=True)
class _Identities:
    runs: dict[str, str]


def read_identities(run: Path) -> dict[str, str]:
    """The identities by place; none where the folder has no such file.

    Raises:
        RunError: the file is not as it was written.
    """
    path = run / TRACKERS
    if not path.exists():
        return {}
    found = parse(_Identities, parse_json(read_bytes(run, TRACKERS, at_most=MOST_BYTES), path), path).runs
    for place, identity in found.items():
        if not _IDENTITY.fullmatch(identity):
            raise RunError(f"{path}: {identity!r:.60} is no identity of a run of {place:.60}. Remove the file.")
    return found


def write_identities(run: Path, found: Mapping[str, str]) -> None:
    """Write the identities, together with those of other places that are there.

    Raises:
        UsageError: the file cannot be written.
    """
    plain = {"runs": {**read_identities(run), **found}}
    write_file(run / TRACKERS, json.dumps(plain, indent=1, ensure_ascii=False), overwrite=True)
