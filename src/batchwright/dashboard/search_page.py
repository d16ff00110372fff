"""All that a search's folder says of it: its trials so far, and what mattered among their settings."""

import json
from pathlib import Path
from typing import Any

from batchwright.dashboard.plain import Unreadable, mapping, name_of, number, read_mapping, read_plain, safe, text
from batchwright.dashboard.scan import MOST_BYTES, TRIALS

MOST_TRIALS = 5_000


def describe_search(folder: Path) -> dict[str, Any]:
    """The plan, the trials and the result of a search as plain data.

    Raises:
        Unreadable: there is no plan that can be read.
    """
    plan = read_mapping(folder / "search.json", MOST_BYTES)
    try:
        result = read_mapping(folder / "result.json", 1 << 26)
    except Unreadable:
        result = {}
    objective = mapping(result.get("objective"))
    return {
        "plan": safe({key: value for key, value in plan.items() if key not in ("sha256", "machine", "format")}),
        "objective": name_of(objective.get("monitor")) or name_of(plan.get("objective")) or "val_loss",
        "larger_is_better": objective.get("larger_is_better") is True,
        "importance": safe(result.get("importance")),
        "trials": read_trials(folder),
        "finished": bool(result),
    }


def read_trials(folder: Path) -> list[dict[str, Any]]:
    """The trials that have been written, without lines that are damaged."""
    try:
        data = read_plain(folder / TRIALS, 1 << 28)
    except Unreadable:
        return []
    found = (_trial(line) for line in data.split(b"\n")[:MOST_TRIALS] if line.strip())
    return [one for one in found if one is not None]


def _trial(line: bytes) -> dict[str, Any] | None:
    try:
        plain = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(plain, dict):
        return None
    curve = plain.get("curve")
    return {
        "number": number(plain.get("number")),
        "settings": safe(mapping(plain.get("settings"))),
        "ending": text(plain.get("ending"), 20),
        "value": number(plain.get("value")),
        "curve": [number(value) for value in curve[:10_000]] if isinstance(curve, list) else [],
    }
