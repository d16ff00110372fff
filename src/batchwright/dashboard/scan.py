"""Which runs, searches and comparisons are below a folder, and a row of plain data about each.

A folder is read again only if its files have changed. What cannot be read is a row too, which says why.
"""

import hashlib
import os
import stat
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from batchwright._files import is_locked
from batchwright.dashboard.comparison_page import COMPARISON
from batchwright.dashboard.comparison_page import MOST_BYTES as MOST_COMPARISON
from batchwright.dashboard.notes import NOTES, read_notes
from batchwright.dashboard.plain import Unreadable, mapping, name_of, number, read_mapping, safe, text
from batchwright.dashboard.tail import last_row

Kind: TypeAlias = Literal["run", "search", "comparison"]

MANIFEST, EVIDENCE = "manifest.json", "evidence.json"
HISTORY, LOCK, TRIALS, PROGRESS = "history.jsonl", "lock", "trials.jsonl", "progress.json"
MARKS: dict[str, Kind] = {
    "search.json": "search",
    COMPARISON: "comparison",
    MANIFEST: "run",
    TRIALS: "search",
    HISTORY: "run",
    EVIDENCE: "run",
}
"""The files that make a folder what it is, the first one that is there. The best run of a search is found below it.
Those of the second line tell that there was a search or a run, where its description is lost."""
DEEPEST, MOST_FOLDERS = 6, 20_000
"""How far below the folder, and among how many folders, is looked."""
MOST_BYTES = 16 << 20
"""Of a file that describes a run."""
AGAIN, MOST_AGAIN = 1.0, 10.0
"""Seconds for which what was found is taken to hold; longer where looking takes long, up to the second number."""
SHARE = 0.05
"""The largest share of the time for which is looked: a training beside it has the rest."""
KEYS = {
    "network": "network.name",
    "optimizer": "optimizer.name",
    "learning_rate": "optimizer.learning_rate",
    "batch_size": "training.batch_size",
    "epochs": "training.epochs",
    "seed": "training.seed",
}
"""The settings with a column of their own."""
LIVE = ("compiling", "running")
"""How a run stands while a process trains it."""
SEEDS = ("training.seed",)
"""Settings in which runs of one group may differ."""
MOST_CHANGED = 30
"""Settings by a user's choice that a row has."""


@dataclass(frozen=True)
class Entry:
    """A folder with what is known of it.

    Args:
        id: by which it is asked for, so that no path comes from outside.
        path: the folder.
        kind: what it is.
        row: plain data for the table.
    """

    id: str
    path: Path
    kind: Kind
    row: dict[str, Any]


@dataclass(frozen=True)
class Scan:
    """What was found, by id; `left_out` says in words what was not looked at."""

    entries: dict[str, Entry]
    left_out: str = ""


class Scanner:
    """Looks again when what it knows is old; it may be asked from several threads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known = dict[Path, tuple[tuple[object, ...], Entry]]()
        self._lock = threading.Lock()
        self._scan, self._next = Scan({}), float("-inf")

    def scan(self, *, now: bool = False) -> Scan:
        """What is there; at once looked at again if `now`."""
        with self._lock:
            if now or time.monotonic() >= self._next:
                began = time.monotonic()
                self._scan = self._look()
                took = time.monotonic() - began
                self._next = time.monotonic() + min(max(AGAIN, took / SHARE), MOST_AGAIN)
            return self._scan

    def find(self, identifier: str) -> Entry | None:
        """The folder with this id."""
        return self.scan().entries.get(identifier) or self.scan(now=True).entries.get(identifier)

    def _look(self) -> Scan:
        left_out: list[str] = []
        known, entries = {}, {}
        for path, kind in find_folders(self.root, left_out):
            signature = sign(path, kind)
            before = self._known.get(path)
            if before is not None and before[0] == signature:
                entry = before[1]
            else:
                entry = describe_folder(self.root, path, kind)
            known[path] = (signature, entry)
            entries[entry.id] = entry
        self._known = known
        return Scan(entries, "; ".join(left_out))


def find_folders(root: Path, left_out: list[str]) -> Iterator[tuple[Path, Kind]]:
    """The folders of runs, searches and comparisons below `root`, and `root` itself; links are not followed."""
    waiting, seen = deque([(root, 0)]), 0
    while waiting:
        folder, depth = waiting.popleft()  # near folders first: they are what is meant where there are too many
        seen += 1
        if seen > MOST_FOLDERS:
            left_out.append(f"only the first {MOST_FOLDERS:,} folders were looked at")
            return
        try:
            with os.scandir(folder) as listing:
                entries = list(listing)
        except FileNotFoundError:
            continue  # it is not there yet, or was removed meanwhile
        except OSError as error:
            left_out.append(f"{folder.name or folder} cannot be listed: {error.strerror or error}")
            continue
        names = {entry.name for entry in entries}
        kind = next((kind for mark, kind in MARKS.items() if mark in names), None)
        if kind is not None:
            yield folder, kind
        if depth < DEEPEST and not names >= {MANIFEST, HISTORY}:  # there are no runs below a whole run
            waiting += [(Path(entry.path), depth + 1) for entry in entries if _is_folder(entry)]


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def sign(path: Path, kind: Kind) -> tuple[object, ...]:
    """What changes when a folder's files do; at the end, whether a process is writing it, and has begun to train."""
    names = (*(mark for mark, its in MARKS.items() if its == kind), HISTORY, TRIALS, NOTES)
    stamps: list[object] = []
    for name in names:
        try:
            found = (path / name).lstat()
            stamps.append((found.st_ino, found.st_size, found.st_mtime_ns))
        except OSError:
            stamps.append(None)
    written = _is_written(path)
    return (kind, *stamps, written, written and (path / PROGRESS).exists())


def _is_written(path: Path) -> bool:
    lock = path / LOCK
    return lock.is_file() and not lock.is_symlink() and is_locked(lock)


def describe_folder(root: Path, path: Path, kind: Kind) -> Entry:
    """The row of a folder; where it cannot be read, the row says why."""
    place = path.relative_to(root).as_posix()
    name = text(path.resolve().name if place == "." else place, 300)
    row: dict[str, Any] = {"name": name, "kind": kind, "path": text(str(path.absolute()), 1_000), **read_notes(path)}
    try:
        row |= {"run": _run_row, "search": _search_row, "comparison": _comparison_row}[kind](path)
    except Unreadable as error:
        row |= {"status": "unreadable", "reason": text(str(error), 500)}
    identifier = hashlib.sha256(os.fsencode(place)).hexdigest()[:16]
    return Entry(identifier, path, kind, {"id": identifier, **row})


def _run_row(path: Path) -> dict[str, Any]:
    manifest = read_mapping(path / MANIFEST, MOST_BYTES)
    settings = {key: mapping(one) for key, one in mapping(manifest.get("settings")).items()}
    values = {key: one.get("value") for key, one in settings.items()}
    plan, seconds = mapping(manifest.get("plan")), mapping(manifest.get("seconds"))
    status, reason = judge(path, manifest)
    known = values and status != "unreadable"
    return {
        "status": status,
        "reason": reason,
        "created": text(manifest.get("created"), 40),
        "source": text(manifest.get("source"), 300),
        "seconds": number(seconds.get("total")),
        "updates": number(plan.get("updates")),
        "metrics": {
            name_of(part): {name_of(name): number(value) for name, value in mapping(found).items()}
            for part, found in mapping(manifest.get("metrics")).items()
        },
        "last": short_row(last_row(path / HISTORY)),
        **{column: safe(values.get(key)) for column, key in KEYS.items()},
        "changed": {
            text(key, 100): safe(values[key])
            for key in list(settings)
            if settings[key].get("origin") in ("user", "searched") and key not in KEYS.values()
        }
        if len(settings) < 1_000
        else {},
        "group": _group(manifest, values) if known else text(str(path), 1_000),
    }


def judge(path: Path, described: dict[str, Any]) -> tuple[str, str]:
    """How a run has ended, and why, in words.

    It is "compiling" until the first numbers are there, "killed" if it should be running but no process is writing it,
    and "unreadable" if its history is gone or cut.
    """
    status = text(described.get("status"), 20)
    if not status:
        return "unreadable", f"{MANIFEST} does not say how the run ended"
    written = _is_written(path)
    if not written:  # a run that begins has no history for a moment, and one that goes on a longer one than is recorded
        fault = _fault_of_history(path, described if status != "running" else {})
        if fault:
            return "unreadable", fault
    if status == "running":
        status = "killed" if not written else "running" if _has_begun(path) else "compiling"
    return status, text(described.get("reason"), 500)


def _has_begun(path: Path) -> bool:
    """Whether a training has written numbers: how far it is, or the row of an epoch."""
    try:
        return (path / PROGRESS).exists() or (path / HISTORY).stat().st_size > 0
    except OSError:
        return False


def _fault_of_history(path: Path, described: dict[str, Any]) -> str:
    """What is the matter with the history of a run that nobody writes; "" for nothing."""
    expected = number(mapping(mapping(described.get("files")).get(HISTORY)).get("bytes"))
    try:
        found = (path / HISTORY).lstat()
    except FileNotFoundError:
        return f"{HISTORY} is missing"
    except OSError as error:
        return f"{HISTORY} cannot be read: {error.strerror or error}"
    if not stat.S_ISREG(found.st_mode):
        return f"{HISTORY} is not a plain file"
    if expected is not None and expected != found.st_size:
        return f"{HISTORY} has {found.st_size:,} bytes, and {MANIFEST} says {expected:,}: it was changed or cut"
    return ""


def short_row(row: dict[str, Any]) -> dict[str, Any]:
    """The numbers of an epoch, without those of layers."""
    return {name_of(name): number(value) for name, value in row.items() if not name.startswith("layers/")}


def _group(manifest: dict[str, Any], values: dict[str, Any]) -> str:
    """The same for runs that differ in nothing but their seed; of a run without settings nothing is known."""
    same = [sorted((key, repr(value)) for key, value in values.items() if key not in SEEDS)]
    known = (manifest.get("source"), manifest.get("fingerprint"), manifest.get("begun_from"), same)
    return hashlib.sha256(repr(known).encode("utf-8", "replace")).hexdigest()[:12]


def _search_row(path: Path) -> dict[str, Any]:
    plan = read_mapping(path / "search.json", MOST_BYTES)
    ended = (path / "result.json").is_file()
    created = (path / "search.json").stat().st_mtime
    return {
        "status": "finished" if ended else "running" if _is_written(path) else "interrupted",
        "reason": "",
        "created": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(created)),
        "source": text(plan.get("source"), 300),
        "trials": number(plan.get("trials")),
    }


def _comparison_row(path: Path) -> dict[str, Any]:
    plan = mapping(read_mapping(path / COMPARISON, MOST_COMPARISON).get("plan"))
    return {
        "status": "finished",
        "reason": "",
        "created": text(plan.get("created"), 40),
        "source": text(plan.get("source"), 300),
        "trials": number(plan.get("trials")),
    }
