"""The manifest of a run: what was trained, how it went, and the size and hash of each of its files."""

import dataclasses
import hashlib
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from batchwright.errors import RunError, unknown
from batchwright.runs.reading import parse, read_bytes
from batchwright.runs.sealed import blame_newer, seal, unseal

FORMAT = 1
"""Increased when a run is written that older versions of batchwright would misread."""

MANIFEST, CONFIG, SCHEMA, SPLITS = "manifest.json", "config.yaml", "schema.json", "splits.safetensors"
EVIDENCE = "evidence.json"
MISTAKES = "mistakes.safetensors"
MEMBERS = "members.json"
OUT_OF_FOLD = "out_of_fold.csv"
REFIT = "refit.jsonl"
HISTORY, MODEL, WEIGHTS = "history.jsonl", "model/model.json", "model/weights.safetensors"
CONFORMAL = "model/conformal.json"
CHECKPOINTS, LOCK = "checkpoints", "lock"
PROGRESS = "progress.json"
"""How far the epoch in progress is, while a run is trained. It is no part of the record."""
SEARCH, BEST_RUN = "search.json", "best"
"""The file and the folder of a search: its description, and its best trial, which is a run of its own."""
COMPARISON = "comparison.json"
LEADERBOARD = "leaderboard.json"
"""The file of a comparison: what was compared, and what came of it."""

MB = 1 << 20
LARGEST = {
    MANIFEST: 16 * MB,
    CONFIG: MB,
    SCHEMA: 64 * MB,
    SPLITS: 1 << 35,
    EVIDENCE: 64 * MB,
    HISTORY: 1 << 30,
    MISTAKES: 16 * MB,
    MEMBERS: MB,
    OUT_OF_FOLD: 1 << 35,
    REFIT: 1 << 30,
    MODEL: 16 * MB,
    CONFORMAL: 64 * MB,
    WEIGHTS: 1 << 40,
}
"""The files of a run, and the most bytes to read of each. The model's own sizes limit its weights further."""

Status = Literal["running", "finished", "diverged", "interrupted", "failed"]
Origin = Literal["default", "user", "initial", "rows", "measured", "searched"]


@dataclass(frozen=True)
class File:
    """The size and hash of a finished file."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Setting:
    """A value of the configuration, its source, and, if it was measured, the file with the evidence."""

    value: Any
    origin: Origin
    evidence: str = ""


@dataclass(frozen=True)
class Extension:
    """After how many epochs a run was given more of them than its configuration says, and how many in all."""

    after: int
    epochs: int


@dataclass(frozen=True)
class Manifest:
    """What is known about a run.

    - source: what it was trained on, and `fingerprint`: the hash of its rows as arrays
    - initial: the hash of the parameters that it began with, where they were given; empty where the seed made them
    - begun_from: the run whose model these were, and by whose encoding the rows were encoded; empty where there is none
    - extended: how it was trained on past its plan
    - created: when, in UTC, as ISO 8601; sorts as text
    - versions: of batchwright, jax and python; `device`: what it ran on; `machine`: all that its bits depend on beside
      what was asked for, as `_machine.describe` tells it
    - paths: where the files of `data.source` and `data.test` lay, as absolute paths
    - status, reason: how it ended, in a word and in a sentence
    - plan: the numbers of rows, iterations and updates; `seconds`: time by purpose
    - metrics: metrics of "train", "validation" and "test" by name; None where one was not finite
    - confusion: by part, the weight of the rows of each class (row) that are predicted as each class (column)
    - confusion_by_target: the same of each of several targets that is a class, by its name; of labels, by label, of the
      rows without it and with it
    - remarks: what a person has to know besides the metrics, one sentence each
    - settings: the configuration by dotted key
    - files: the files that will not change any more
    """

    source: str
    created: str
    versions: dict[str, str]
    status: Status = "running"
    reason: str = ""
    device: str = ""
    machine: dict[str, str] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    initial: str = ""
    begun_from: str = ""
    extended: tuple[Extension, ...] = ()
    plan: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, dict[str, float | None]] = field(default_factory=dict)
    seconds: dict[str, float | None] = field(default_factory=dict)
    confusion: dict[str, list[list[float]]] = field(default_factory=dict)
    confusion_by_target: dict[str, dict[str, list[list[float]]]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    settings: dict[str, Setting] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    format: int = FORMAT

    def __repr__(self) -> str:
        """The source, and how the run ended."""
        return f"<Manifest of {self.source:.60}, {self.created:.19}: {self.status}; {len(self.files)} files>"

    def to_text(self) -> str:
        """The content of `manifest.json`; its `sha256` is the hash of everything else."""
        return seal(dataclasses.asdict(self))


def describe_file(content: bytes) -> File:
    """The size and hash of a file with this content."""
    return File(len(content), hashlib.sha256(content).hexdigest())


def new_manifest(source: str) -> Manifest:
    """The manifest of a run that begins now."""
    versions = {"batchwright": version("batchwright"), "jax": version("jax"), "python": platform.python_version()}
    return Manifest(source, datetime.now(UTC).isoformat(timespec="microseconds"), versions)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the run in `folder`.

    Raises:
        RunError: there is none, it was changed or damaged since it was written, its format is newer, or it lists files
            that no run has.
    """
    where = folder / MANIFEST
    plain = unseal(read_bytes(folder, MANIFEST, at_most=LARGEST[MANIFEST]), where, FORMAT)
    with blame_newer(plain.get("versions")):
        manifest = parse(Manifest, plain, where)
    for name in manifest.files:
        if name not in LARGEST:
            raise RunError(f"{where}: {unknown('file', name, LARGEST)}")
    return manifest
