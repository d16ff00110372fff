"""A finished run's folder, written by anyone: opened without trust, every file verified when it is read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Int32, Int64

from batchwright._files import is_locked, path_of
from batchwright._shown import Drawings, Shown
from batchwright.errors import RunError, nearest
from batchwright.runs.kinds import how_to_open
from batchwright.runs.manifest import (
    BEST_RUN,
    CONFIG,
    CONFORMAL,
    EVIDENCE,
    HISTORY,
    LARGEST,
    LOCK,
    MANIFEST,
    MEMBERS,
    MISTAKES,
    MODEL,
    OUT_OF_FOLD,
    REFIT,
    SCHEMA,
    SEARCH,
    SPLITS,
    WEIGHTS,
    Manifest,
    Setting,
    describe_file,
    read_manifest,
)
from batchwright.runs.reading import REMEDY, numbers, parse, parse_json, read_bytes
from batchwright.runs.sealed import blame_newer
from batchwright.runs.tensors import Expected, load

if TYPE_CHECKING:
    import polars as pl

    from batchwright.data.encode.encoding import Encoding
    from batchwright.data.encode.several import Target
    from batchwright.data.splitting import Indices
    from batchwright.nn import Architecture, Layer, Network
    from batchwright.runs.members import MembersRecord
    from batchwright.runs.model import SavedModel
    from batchwright.tasks import Loss, Metric, Task
    from batchwright.tasks.per_class import PerClass

DEEPEST = 6
"""How far below a folder runs are looked for."""


class LastWrong(NamedTuple):
    """When each validation row was last answered wrongly.

    - rows: the rows, as positions in the source, as in `Run.indices().validation`; in the source of the validation
      rows, where they have their own
    - epochs: the last epoch after which the answer was wrong, 0 for none; the epochs go up to the last one trained
    """

    rows: Int64[np.ndarray, " rows"]
    epochs: Int32[np.ndarray, " rows"]

    def __repr__(self) -> str:
        """How many rows, and how many were never wrong."""
        return f"<LastWrong: {len(self.rows):,} validation rows, {int((self.epochs == 0).sum()):,} never wrong>"


@dataclass(frozen=True)
class Run(Shown):
    """A run in the folder `path`; anything outside its manifest is read, and verified, when it is asked for."""

    path: Path
    manifest: Manifest

    _table = "metrics"

    def __repr__(self) -> str:
        """The folder, how the run ended, and the first metrics on the test rows."""
        found = self.metrics.get("test") or self.metrics.get("validation") or {}
        figures = ", ".join(f"{name} {value:.4g}" for name, value in list(found.items())[:3])
        return f"<Run {self.path}: {self.status}{f'; {figures}' if figures else ''}>"

    def drawings(self) -> Drawings:
        """What draws each figure, by name, or why there is none."""
        from batchwright.runs.drawing import training_drawings

        no_rows = "it is of predicted numbers, and a run does not keep its rows; `batchwright plot` reads them again"
        found = training_drawings(self.history, *self._judged(), numbers(self.manifest.seconds))
        return {**found, **dict.fromkeys(("predictions", "residuals"), no_rows)}

    def frames(self) -> "dict[str, pl.DataFrame]":
        """All tables by name, each as a data frame: history, layers, metrics, classes, confusion, settings, seconds.

        Raises:
            RunError: a file is not as it was written.
        """
        from batchwright.runs.frames import training_frames

        evidence = self.evidence
        settings = {
            key: (one.value, one.origin, evidence.get(key, {}).get("reason")) for key, one in self.settings.items()
        }
        return training_frames(self.history, self.metrics, *self._judged(), settings, numbers(self.manifest.seconds))

    def _judged(self) -> "tuple[dict[str, PerClass], dict[str, dict[str, PerClass]]]":
        """By part, how well the classes of one target, and of several, are told apart."""
        per_class = {part: self.per_class(part) for part in self.manifest.confusion}
        by_target = {part: self.by_target(part) for part in self.manifest.confusion_by_target}
        return {part: found for part, found in per_class.items() if found}, by_target

    @property
    def status(self) -> str:
        """How it ended, or "running"; "killed" if it should be running, but no process is writing it."""
        killed = self.manifest.status == "running" and not is_locked(self.path / LOCK)
        return "killed" if killed else self.manifest.status

    @property
    def reason(self) -> str:
        """How it ended, in a sentence; for a killed run, what to do."""
        if self.status != "killed":
            return self.manifest.reason
        if CONFIG not in self.manifest.files:
            return "its training had not begun: train anew"
        return f"`batchwright resume {self.path}` goes on with it"

    @property
    def settings(self) -> dict[str, Setting]:
        """The configuration by dotted key, each value with its source."""
        return self.manifest.settings

    @property
    def plan(self) -> dict[str, Any]:
        """The plan: rows, iterations and updates."""
        return self.manifest.plan

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """Metrics by part ("train", "validation", "test") and name; NaN where one was not finite."""
        return {part: numbers(found) for part, found in self.manifest.metrics.items()}

    def per_class(self, part: str = "test") -> "PerClass | None":
        """The figures by class of a part: confusion matrix, precision, recall, F1; None if they were not kept.

        Raises:
            RunError: what was kept does not fit the classes.
        """
        matrix = self.manifest.confusion.get(part)
        return None if matrix is None else self._per_class(self.encoding.target.classes, matrix)

    def by_target(self, part: str = "test") -> "dict[str, PerClass]":
        """The same of each of several targets that is a class, by its name; of labels, of each label.

        Raises:
            RunError: what was kept does not fit the targets.
        """
        matrices = self.manifest.confusion_by_target.get(part, {})
        known = _classes_by_name(self.encoding.target) if matrices else {}
        if strange := matrices.keys() - known.keys():
            raise RunError(
                f"{self.path / MANIFEST}: there is a confusion matrix of {min(strange)!r}, which is no target of the "
                f"run. {REMEDY}"
            )
        return {name: self._per_class(known[name], matrix) for name, matrix in matrices.items()}

    def _per_class(self, classes: tuple[str, ...], matrix: list[list[float]]) -> "PerClass":
        from batchwright.tasks.per_class import PerClass

        if {len(matrix), *map(len, matrix)} != {len(classes)}:
            raise RunError(f"{self.path / MANIFEST}: the confusion matrix does not fit the classes. {REMEDY}")
        return PerClass(classes, np.array(matrix, np.float64))

    @property
    def history(self) -> list[dict[str, float]]:
        """One row per epoch, NaN where a number was not finite; for a run that is still running, the rows so far.

        Beyond 10,000 epochs every 10th has a row, beyond 100,000 every 100th, and so on; the last epoch and the one
        whose parameters are kept always have a row.

        Raises:
            RunError: the file is not as it was written.
        """
        where = self.path / HISTORY
        final = self.manifest.status != "running"
        data = self.read(HISTORY) if final else read_bytes(self.path, HISTORY, at_most=LARGEST[HISTORY])
        lines = data.split(b"\n")[:-1]  # after the last line break there is nothing, or a row that was cut off
        rows = [parse_json(line, where) for line in lines]
        return [numbers(row) for row in parse(_History, {"rows": rows}, where).rows]

    @property
    def config(self) -> str:
        """The resolved configuration, as YAML."""
        return self.read(CONFIG).decode()

    @property
    def evidence(self) -> dict[str, dict[str, Any]]:
        """The evidence for each setting that was measured, by dotted key.

        Raises:
            RunError: the file is not as it was written.
        """
        if EVIDENCE not in self.manifest.files:
            return {}
        where = self.path / EVIDENCE
        return parse(_Evidence, {"by_key": parse_json(self.read(EVIDENCE), where)}, where).by_key

    @property
    def encoding(self) -> "Encoding":
        """How its rows were encoded.

        Raises:
            RunError: the file is not as it was written.
        """
        from batchwright.runs.model import read_encoding

        with blame_newer(self.manifest.versions):
            return read_encoding(self.read(SCHEMA), self.path / SCHEMA)

    def indices(self) -> "Indices":
        """The rows of the source in each part.

        Raises:
            RunError: the file is not as it was written, or a row is in two parts.
        """
        from batchwright.data.splitting import Indices

        where = self.path / SPLITS
        parts = ("train", "validation", "test")
        arrays = load(self.read(SPLITS), dict.fromkeys(parts, Expected("int64", (None,))), where)
        rows = np.concatenate([arrays[part] for part in parts])
        if len(np.unique(rows)) < len(rows) or rows.min(initial=0) < 0:
            raise RunError(f"{where} has rows that are in two parts, or negative. {REMEDY}")
        return Indices(*(arrays[part] for part in parts))

    def last_wrong(self) -> LastWrong | None:
        """When each validation row was last answered wrongly; None where that was not kept.

        It is kept for up to 100,000 validation rows of targets that are classes or labels. With several targets, a row
        is wrong where any class is; with labels, where any label is missing or too many.

        Raises:
            RunError: the file is not as it was written, or does not fit the run.
        """
        if MISTAKES not in self.manifest.files:
            return None
        where, expected = (
            self.path / MISTAKES,
            {"rows": Expected("int64", (None,)), "epochs": Expected("int32", (None,))},
        )
        found = LastWrong(**load(self.read(MISTAKES), expected, where))
        if len(found.rows) != len(found.epochs) or found.epochs.min(initial=0) < 0:
            raise RunError(f"{where} does not say after which epoch each row was wrong. {REMEDY}")
        return found

    @property
    def has_learned_validation(self) -> bool:
        """Whether its model has learned the validation rows too: by members that hold out folds, or by a refit."""
        return OUT_OF_FOLD in self.manifest.files or REFIT in self.manifest.files

    @property
    def has_members(self) -> bool:
        """Whether it is of an ensemble, whose history is that of its first member."""
        setting = self.settings.get("training.members")
        return MEMBERS in self.manifest.files or (setting is not None and setting.value is not None)

    @property
    def members(self) -> "MembersRecord | None":
        """The members of an ensemble, and what each adds; None where it is none.

        Raises:
            RunError: the file is not as it was written.
        """
        from batchwright.runs.members import read_members

        return read_members(self.read(MEMBERS), self.path / MEMBERS) if MEMBERS in self.manifest.files else None

    def load_model(
        self,
        *,
        network: "Architecture | Network | Layer | None" = None,
        task: "Task | None" = None,
        loss: "Loss | None" = None,
        metrics: "Sequence[Metric]" = (),
    ) -> "SavedModel":
        """The trained model, ready to be applied to new rows.

        Args:
            network: the network that it was trained with, if it is your own code; its arrays must match the run.
            task: the task, if it is your own code.
            loss: the loss, if it is your own code; without it, the loss is not computed.
            metrics: the metrics, if they are your own code; without them, they are not computed.

        Raises:
            RunError: the run has no model; or its files are not as they were written, do not belong to a model that
                this version can build, or hold numbers that are not finite.
        """
        from batchwright.config import Given
        from batchwright.nn import as_architecture
        from batchwright.runs import model

        architecture = None if network is None else as_architecture(network)
        given = Given(architecture, loss=loss, metrics=tuple(metrics), task=task)
        encoding = self.encoding
        with blame_newer(self.manifest.versions):
            blueprint = model.read_blueprint(self.read(MODEL), encoding, self.path / MODEL, given)
        layout = model.Layout(blueprint, self.path / MODEL)
        weights = self.read(WEIGHTS, at_most=layout.most_bytes)
        variables = layout.read(weights, self.path / WEIGHTS)
        conformal = None
        if CONFORMAL in self.manifest.files:
            conformal = model.read_conformal(self.read(CONFORMAL), blueprint.task, self.path / CONFORMAL)
        return model.SavedModel(blueprint, layout.model, variables, encoding, conformal)

    def file(self, name: str) -> Path:
        """The path of one of the run's files, after verifying its content."""
        self.read(name)
        return self.path / name

    def read(self, name: str, *, at_most: int | None = None) -> bytes:
        """The content of one of the run's files, after verifying it.

        Raises:
            RunError: the run has not written it, or it is larger than `at_most` bytes, or not as it was written.
        """
        written = self.manifest.files.get(name)
        if written is None:
            ended = f"{self.status}{f'; {self.reason}' if self.reason else ''}"
            raise RunError(f"{self.path} has no {name}, as its training did not get that far (status: {ended}).")
        data = read_bytes(self.path, name, at_most=LARGEST[name] if at_most is None else at_most)
        if describe_file(data) != written:
            raise RunError(
                f"{self.path / name} is damaged: it has {len(data):,} bytes that are not the {written.bytes:,} bytes "
                f"written (SHA-256 {written.sha256[:12]}...). {REMEDY}"
            )
        return data


def open_run(path: Path | str) -> Run:
    """The run in a folder; for a search, its best run. Nothing in it is executed, and nothing outside it is read.

    Raises:
        RunError: there is no such folder (the nearest is suggested), or it holds no readable run.
    """
    path = path_of(path, "path")
    if not path.is_dir():
        beside = [entry.name for entry in path.parent.iterdir() if entry.is_dir()] if path.parent.is_dir() else []
        near = nearest(path.name, beside)
        hint = f" Did you mean {path.parent / near}?" if near else " `batchwright runs` lists those that there are."
        raise RunError(f"{path} is not a folder, so there is no run in it.{hint}")
    if (path / SEARCH).is_file() and (path / BEST_RUN).is_dir():
        return open_run(path / BEST_RUN)
    if (path / SEARCH).is_file():
        raise RunError(f"the search in {path} has not finished: `batchwright resume {path}` goes on with it.")
    if not (path / MANIFEST).exists():
        hint = how_to_open(path) or " `batchwright runs` lists runs."
        raise RunError(f"{path} is not the folder of a run: it has no {MANIFEST}.{hint}")
    return Run(path, read_manifest(path))


@dataclass(frozen=True)
class Listed:
    """A folder that holds a run, or the reason why it cannot be opened."""

    path: Path
    run: Run | None
    problem: str = ""


def list_runs(root: Path | str = "runs") -> list[Listed]:
    """The runs below `root`, oldest first, unreadable ones last; hidden folders are left out.

    For a search, its best run is listed. Folders are looked into up to six deep; links are followed only to a run.

    Raises:
        RunError: `root` cannot be read, or is not a folder; if it does not exist, the list is empty.
    """
    root = Path(root)
    try:
        entries = sorted(root.iterdir()) if root.exists() else []
    except OSError as error:
        raise RunError(f"{root} cannot be listed: {error.strerror or error}.") from error
    listed = [found for entry in entries for found in _list_folder(entry, 1)]
    return sorted(listed, key=lambda row: (row.run is None, row.run.manifest.created if row.run else ""))


def _list_folder(folder: Path, depth: int) -> Iterator[Listed]:
    """The run in a folder, or the runs below it; a folder that cannot be looked into is unreadable."""
    if folder.name.startswith("."):
        return
    try:
        if (folder / MANIFEST).is_file() or (folder / SEARCH).is_file():
            yield _list_run(folder)
        elif folder.is_dir() and depth < DEEPEST and not folder.is_symlink():
            for below in sorted(folder.iterdir()):
                yield from _list_folder(below, depth + 1)
    except OSError as error:
        yield Listed(folder, None, f"{folder} cannot be listed: {error.strerror or error}.")


def _list_run(folder: Path) -> Listed:
    try:
        return Listed(folder, open_run(folder))
    except RunError as error:
        return Listed(folder, None, str(error))


@dataclass(frozen=True)
class _Evidence:
    by_key: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class _History:
    rows: list[dict[str, int | float | None]]


def _classes_by_name(target: "Target") -> dict[str, tuple[str, ...]]:
    """The classes of each of several targets that has some, and the two of each label."""
    from batchwright.data.encode.labels import LabelTarget
    from batchwright.data.encode.several import SeveralTargets
    from batchwright.data.encode.targets import ClassTarget
    from batchwright.tasks.per_class import LABEL_CLASSES

    if isinstance(target, LabelTarget):
        return dict.fromkeys(target.classes, LABEL_CLASSES)
    parts = target.parts if isinstance(target, SeveralTargets) else ()
    return {part.name: part.classes for part in parts if isinstance(part, ClassTarget)}
