"""What a person notes about a run: words and tags, in a file of the run's folder that is no part of its record."""

import json
from pathlib import Path
from typing import Any

from batchwright._files import write_file
from batchwright.dashboard.plain import Unreadable, read_mapping, text
from batchwright.dashboard.words import Refused

NOTES = "notes.json"
LONGEST_NOTE, LONGEST_TAG, MOST_TAGS = 10_000, 40, 20


def read_notes(folder: Path) -> dict[str, Any]:
    """The note and the tags of a folder; empty where there are none, or none that can be read."""
    try:
        found = read_mapping(folder / NOTES, 1 << 17)
    except Unreadable:
        found = {}
    tags = found.get("tags")
    given = [text(tag, LONGEST_TAG) for tag in tags[:MOST_TAGS]] if isinstance(tags, list) else []
    return {"note": text(found.get("note"), LONGEST_NOTE), "tags": [tag for tag in given if tag]}


def write_notes(folder: Path, note: object, tags: object) -> dict[str, Any]:
    """Keep a note and tags.

    Raises:
        Refused: they are too long or too many.
        UsageError: they cannot be written.
    """
    if not isinstance(note, str) or len(note) > LONGEST_NOTE:
        raise Refused(400, "note", most=f"{LONGEST_NOTE:,}")
    if not isinstance(tags, list) or len(tags) > MOST_TAGS or not all(isinstance(tag, str) for tag in tags):
        raise Refused(400, "tags", most=MOST_TAGS)
    given = list(dict.fromkeys(" ".join(tag.split()) for tag in tags))
    if any(len(tag) > LONGEST_TAG for tag in given):
        raise Refused(400, "tag", most=LONGEST_TAG)
    kept = {"note": note, "tags": [tag for tag in given if tag]}
    content = json.dumps(kept, ensure_ascii=True, indent=1)
    write_file(folder / NOTES, content + "\n", overwrite=True)
    return read_notes(folder)
