"""All that a run's folder says of it without its model and its rows: the content of the run's page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from batchwright.dashboard.plain import Unreadable, mapping, name_of, read_mapping, safe, text
from batchwright.dashboard.scan import MOST_BYTES, judge

MOST_CLASSES = 60
"""Classes of which the confusion matrix is sent."""


def describe_run(folder: Path) -> dict[str, Any]:
    """The manifest of a run as plain data, with the reasons of its settings and the names of its classes.

    Raises:
        Unreadable: there is no manifest that can be read.
    """
    manifest = read_mapping(folder / "manifest.json", MOST_BYTES)
    evidence = _read_or_empty(folder / "evidence.json")
    found = {name: safe(manifest.get(name)) for name in SHOWN}
    status, reason = judge(folder, manifest)
    return {
        **found,
        "status": status,
        "reason": reason,
        "settings": {key: _setting(one, evidence.get(key)) for key, one in mapping(manifest.get("settings")).items()},
        "confusion": _small(mapping(manifest.get("confusion"))),
        "classes": _classes(_read_or_empty(folder / "schema.json")),
        "begun": "config.yaml" in mapping(manifest.get("files")),
        "has_members": _has_members(manifest),
        "has_report": (folder / "report.html").is_file(),
    }


SHOWN = (
    *("source", "created", "versions", "device", "machine", "fingerprint", "begun_from", "extended"),
    *("plan", "metrics", "seconds", "remarks", "files"),
)
"""What of a manifest is shown as it is."""


def _has_members(manifest: Mapping[str, Any]) -> bool:
    """Whether the run is of an ensemble, whose history is that of its first member."""
    chosen = mapping(mapping(manifest.get("settings")).get("training.members"))
    return "members.json" in mapping(manifest.get("files")) or chosen.get("value") is not None


def _setting(one: object, evidence: object) -> dict[str, Any]:
    given = mapping(one)
    return {
        "value": safe(given.get("value")),
        "origin": text(given.get("origin"), 20),
        "reason": text(mapping(evidence).get("reason")),
    }


def _small(matrices: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name_of(part): safe(one) for part, one in matrices.items() if isinstance(one, list) and len(one) <= MOST_CLASSES
    }


def _classes(schema: Mapping[str, Any]) -> list[str]:
    """The names of the classes, where the target is one column of classes."""
    classes = mapping(schema.get("target")).get("classes")
    return [text(str(name), 80) for name in classes[:MOST_CLASSES]] if isinstance(classes, list) else []


def _read_or_empty(path: Path) -> dict[str, Any]:
    try:
        return read_mapping(path, MOST_BYTES)
    except Unreadable:
        return {}
