"""A run's folder while it is being written: claimed by one process, and consistent after every step."""

import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

from batchwright._asking import Wish, forget, wish_of
from batchwright._files import Lock, explain_write_errors, hidden_path, remove_parts, write_file, write_folder
from batchwright.errors import BatchwrightError, InterruptedRunError, RunError, UsageError
from batchwright.runs.manifest import (
    CHECKPOINTS,
    CONFIG,
    CONFORMAL,
    EVIDENCE,
    HISTORY,
    LOCK,
    MANIFEST,
    MEMBERS,
    MISTAKES,
    MODEL,
    OUT_OF_FOLD,
    PROGRESS,
    REFIT,
    SCHEMA,
    SPLITS,
    WEIGHTS,
    Extension,
    Manifest,
    Setting,
    Status,
    describe_file,
    new_manifest,
)
from batchwright.runs.reading import to_plain
from batchwright.runs.run import LastWrong, Run, open_run
from batchwright.runs.tensors import dump

if TYPE_CHECKING:
    import polars as pl

    from batchwright.data.dataset import Dataset
    from batchwright.nn import Variables
    from batchwright.runs.checkpoints import Writer
    from batchwright.runs.members import MembersRecord
    from batchwright.runs.model import Blueprint
    from batchwright.tasks.conformal import Conformal
    from batchwright.training.checkpoint import Checkpoint

ROOT = "runs"
"""The folder under the current one that holds runs without a name of their own."""

SYNC_SECONDS = 1.0
"""Seconds between forced writes of the history to disk. The system gets each row at once, so a killed process loses
none, and a power failure loses the rows of a second; an epoch of a millisecond does not wait for the disk."""
TELL_SECONDS = 1.0
"""Seconds between two notes of how far an epoch is."""

LOOK_SECONDS = 0.2
"""Seconds between two looks at what another process asks for: an epoch may take a millisecond."""

Matrix: TypeAlias = Sequence[Sequence[float]]

MOST_CLASSES = 200
"""The most classes for which the confusion matrix of a run is kept."""

WHOLE = 10_000
"""Epochs that all have a row in the history: beyond this, every 10th has one; beyond ten times this, every 100th."""


def has_row(epoch: int) -> bool:
    """Whether an epoch (from 1) has a row in the history file; the last epoch and the kept one always have a row.

    >>> has_row(9_999), has_row(10_001), has_row(10_010), has_row(100_010), has_row(100_100)
    (True, False, True, False, True)
    """
    step = 1
    while epoch > WHOLE * step:
        step *= 10
    return epoch % step == 0


def create(run_dir: Path | None, source: str) -> "RunFolder":
    """A new folder for a run on `source`: `run_dir`, or `runs/<source>-<n>` with the first free n, from 1.

    Two processes at the same time get different default folders; if both ask for the same `run_dir`, one gets it.

    Raises:
        RunError: `run_dir` exists, and is not an empty folder.
        UsageError: the folder cannot be written.
    """
    path, lock = claim(run_dir, source)
    manifest = new_manifest(source)
    write_file(path / MANIFEST, manifest.to_text())
    with explain_write_errors(path):
        (path / HISTORY).touch()
    return RunFolder(path, manifest, lock)


def claim(run_dir: Path | None, source: str) -> tuple[Path, Lock]:
    """An empty folder for this process alone, with its lock; see `create`.

    A folder that was made here and could not be locked, as on a full disk, is removed again.
    """
    made = run_dir is None or not run_dir.exists()
    path = _claim_folder(run_dir) if run_dir is not None else _first_free(Path(ROOT), _slug(source))
    try:
        return path, lock_of(path)
    except UsageError:
        if made:
            with suppress(OSError):  # another process has written into it meanwhile
                path.rmdir()
        raise


def reopen(path: Path, *, finished: bool = False) -> "RunFolder":
    """The folder of a run that has not finished, to go on with it; what a killed process left half written is removed.

    Args:
        path: the folder.
        finished: whether one that has finished is opened too.

    Raises:
        RunError: there is no readable run, or it has ended, or it had not begun.
        UsageError: another process is writing it, or the folder cannot be written.
    """
    open_run(path)  # before anything is written there
    lock = lock_of(path)
    manifest = open_run(path).manifest
    ended = None if finished and manifest.status == "finished" else _REFUSALS.get(manifest.status)
    refusal = ended or (None if CONFIG in manifest.files else _UNBORN)
    if refusal:
        lock.release()
        raise RunError(f"{path} {refusal}")
    for folder in (path, path / CHECKPOINTS):
        remove_parts(folder)
    forget(path)
    return RunFolder(path, manifest, lock)


_REFUSALS = {
    "finished": "has finished: there is nothing to go on with. More `epochs` train it on; `batchwright train` begins "
    "another run.",
    "diverged": "has diverged, and would again. Train anew with a smaller learning rate, or let it be reduced: "
    "`training.divergence.policy=reduce`.",
}
_UNBORN = "was ended before its training began: there is nothing to go on with. Train anew."


class RunFolder:
    """Writes a run: first `describe`, then `append` for every epoch, and finally `save_model` and `finish`.

    In a `with` statement, an error that ends the block is recorded in the manifest, unless `finish` was called. The
    folder is locked until then.
    """

    def __init__(self, path: Path, manifest: Manifest, lock: Lock) -> None:
        self.path = path
        self.manifest = manifest
        self._lock = lock
        self._synced = time.monotonic()
        self._writer: Writer | None = None
        self._wish: Wish | None = None
        self._looked = self._told = self._synced

    def describe(
        self,
        dataset: "Dataset",
        *,
        config: str,
        settings: Mapping[str, Setting],
        plan: Mapping[str, Any],
        evidence: Mapping[str, Any] | None = None,
        device: str = "",
        machine: Mapping[str, str] | None = None,
        paths: Mapping[str, str] | None = None,
        initial: str = "",
        begun_from: str = "",
    ) -> None:
        """Write what is trained and how: the resolved configuration as YAML, the encoding and the split.

        `evidence` is plain data by the key of each setting that was measured, `initial` the hash of the parameters that
        training begins with, where they were given, `begun_from` the run that they are from.
        """
        indices = dataset.indices
        splits = {"train": indices.train, "validation": indices.validation, "test": indices.test}
        encoding = json.dumps(to_plain(dataset.encoding.to_json()), ensure_ascii=False, allow_nan=False)
        contents = {CONFIG: config.encode(), SCHEMA: encoding.encode(), SPLITS: dump(splits)}
        if evidence:
            contents[EVIDENCE] = json.dumps(to_plain(dict(evidence)), ensure_ascii=False, indent=1).encode()
        for name, content in contents.items():
            write_file(self.path / name, content, overwrite=True)  # replaced in one step, never linked
        described = replace(
            self.manifest,
            device=device,
            machine=dict(machine or {}),
            paths=dict(paths or {}),
            initial=initial,
            begun_from=begun_from,
            fingerprint=dataset.fingerprint,
            plan=dict(plan),
            settings=dict(settings),
        )
        self._record(described, contents)

    def write_plan(self, plan: Mapping[str, Any]) -> None:
        """Write the plan again, with what is known once the training loop is compiled."""
        self._record(replace(self.manifest, plan=dict(plan)), {})

    def go_on(
        self,
        history: Sequence[Mapping[str, float]],
        *,
        epochs: int | None = None,
        settings: Mapping[str, Setting] | None = None,
    ) -> None:
        """Go on after the epochs of this history; what was written after them is forgotten.

        Where the number of `epochs` is another than before, it is recorded, with the settings that there are now.
        """
        files = {name: file for name, file in self.manifest.files.items() if name in (CONFIG, SCHEMA, SPLITS, EVIDENCE)}
        self.manifest = replace(self.manifest, files=files, status="running", reason="", metrics={}, seconds={})
        if epochs is not None:
            extended = (*self.manifest.extended, Extension(len(history), epochs))
            self.manifest = replace(self.manifest, extended=extended, settings=dict(settings or {}))
        self._record(self.manifest, {})
        self._write_history(history, ())

    def save_checkpoint(self, checkpoint: "Checkpoint", *, keep: int) -> None:
        """Queue a checkpoint for writing during training; of the waiting ones, only the newest is written.

        Raises:
            UsageError: an earlier one could not be written.
        """
        from batchwright.runs.checkpoints import Writer

        self._writer = self._writer or Writer(self.path, keep=keep)
        self._writer.submit(checkpoint)

    def append(self, row: Mapping[str, float]) -> None:
        """Append the row of an epoch to the history, if it `has_row`; a number that is not finite becomes null."""
        if not has_row(int(row["epoch"])):
            return
        path = self.path / HISTORY
        with explain_write_errors(path), path.open("ab") as file:
            file.write(_line(row))
            file.flush()
            if time.monotonic() - self._synced >= SYNC_SECONDS:
                os.fsync(file.fileno())
                self._synced = time.monotonic()

    def tell_progress(self, **numbers: float) -> None:
        """Note how far the epoch in progress is, about once a second, for whoever is looking.

        That it cannot be noted, as on a full disk, does not end a training.
        """
        now = time.monotonic()
        if now - self._told < TELL_SECONDS:
            return
        self._told = now
        part = hidden_path(self.path / PROGRESS)
        with suppress(OSError):
            try:
                part.write_bytes(_line(numbers))
                part.replace(self.path / PROGRESS)
            finally:
                part.unlink(missing_ok=True)

    def wish(self) -> Wish | None:
        """What another process has asked of this training, such as the dashboard; looked for a few times a second."""
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked, self._wish = now, wish_of(self.path)
        return self._wish

    def save_model(self, blueprint: "Blueprint", variables: "Variables", conformal: "Conformal | None" = None) -> None:
        """Write the model, replacing one from before an interruption; its encoding is the one given to `describe`."""
        from batchwright.runs.model import dump_conformal, dump_variables

        contents = {MODEL: blueprint.to_text().encode(), WEIGHTS: dump_variables(variables)}
        if conformal is not None:
            contents[CONFORMAL] = dump_conformal(conformal)
        place = self.path / Path(MODEL).parent
        if place.exists():
            with explain_write_errors(place):
                place.rename(hidden_path(place))
            remove_parts(self.path)
        write_folder(place, {Path(name).name: content for name, content in contents.items()})
        others = {name: file for name, file in self.manifest.files.items() if Path(name).parent != Path(MODEL).parent}
        self._record(replace(self.manifest, files=others), contents)

    def save_members(self, record: "MembersRecord") -> None:
        """Write what is known of the members of an ensemble, replacing what was written before an interruption."""
        from batchwright.runs.members import dump_members

        self._save({MEMBERS: dump_members(record)})

    def save_out_of_fold(self, answers: "pl.DataFrame") -> None:
        """Write the answers of members to rows that they were not trained on, as CSV, as `predict` writes answers."""
        from batchwright.runs.answer_files import write_csv_pieces

        pieces = list[str]()
        write_csv_pieces((answers,), pieces.append)
        self._save({OUT_OF_FOLD: "".join(pieces).encode()})

    def save_refit(self, history: Sequence[Mapping[str, float]]) -> None:
        """Write the history of the training on all rows, in the form of the history of the first one."""
        rows = (row for epoch, row in enumerate(history, start=1) if has_row(epoch) or epoch == len(history))
        self._save({REFIT: b"".join(map(_line, rows))})

    def _save(self, contents: Mapping[str, bytes]) -> None:
        """Write files that will not change any more, replacing those that were written before an interruption."""
        for name, content in contents.items():
            write_file(self.path / name, content, overwrite=True)
        self._record(self.manifest, contents)

    def wait_for_checkpoints(self) -> None:
        """Wait until the checkpoints that were queued are written.

        Raises:
            UsageError: one could not be written.
        """
        writer, self._writer = self._writer, None
        if writer:
            writer.close()

    def finish(
        self,
        status: Status,
        reason: str,
        *,
        history: Sequence[Mapping[str, float]] | None = None,
        kept_epoch: int = 0,
        metrics: Mapping[str, Mapping[str, float]] | None = None,
        seconds: Mapping[str, float] | None = None,
        remarks: tuple[str, ...] = (),
        confusion: Mapping[str, Matrix] | None = None,
        confusion_by_target: Mapping[str, Mapping[str, Matrix]] | None = None,
        mistakes: LastWrong | None = None,
    ) -> Run:
        """Record how the run ended: a word, a sentence, metrics by part and name, and seconds by purpose.

        The confusion matrices of each part, of one target or of several by name, are written if they have at most
        `MOST_CLASSES` rows.

        The last `mistakes` on validation rows are written, where they were kept.

        If the whole `history` is given, its last row and the row of `kept_epoch` are in the file even if neighbouring
        epochs are not.
        """
        self.wait_for_checkpoints()
        if history is not None and len(history) > WHOLE:
            self._write_history(history, (kept_epoch, len(history)))
        path = self.path / HISTORY
        with explain_write_errors(path), path.open("rb") as file:
            os.fsync(file.fileno())
            written = file.read()
        plain: dict[str, Any] = to_plain({"metrics": dict(metrics or {}), "seconds": dict(seconds or {})})
        plain["confusion"] = _small_matrices(confusion or {})
        plain["confusion_by_target"] = {
            part: _small_matrices(found) for part, found in (confusion_by_target or {}).items()
        }
        final = {HISTORY: written}
        if mistakes is not None:
            final[MISTAKES] = dump(mistakes._asdict())
            write_file(self.path / MISTAKES, final[MISTAKES], overwrite=True)
        self._record(replace(self.manifest, status=status, reason=reason, remarks=remarks, **plain), final)
        return Run(self.path, self.manifest)

    def _write_history(self, history: Sequence[Mapping[str, float]], always: tuple[int, ...]) -> None:
        """Write the rows of a whole history: the epochs that always have a row, and the ones named in `always`."""
        rows = (row for epoch, row in enumerate(history, start=1) if has_row(epoch) or epoch in always)
        write_file(self.path / HISTORY, b"".join(map(_line, rows)), overwrite=True)

    def _record(self, manifest: Manifest, final: Mapping[str, bytes]) -> None:
        """Write a new manifest, with the hashes of the files that have become final."""
        files = manifest.files | {name: describe_file(content) for name, content in final.items()}
        self.manifest = replace(manifest, files=files)
        write_file(self.path / MANIFEST, self.manifest.to_text(), overwrite=True)

    def __enter__(self) -> "RunFolder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is not None and self.manifest.status == "running":
                failed = isinstance(error, Exception) and not isinstance(error, InterruptedRunError)
                status: Status = "failed" if failed else "interrupted"
                with suppress(UsageError):  # the error itself matters more than what it left behind
                    self.wait_for_checkpoints()
                with suppress(UsageError):
                    self.finish(status, _reason(error))
            with suppress(OSError):
                forget(self.path)
                (self.path / PROGRESS).unlink(missing_ok=True)
        finally:
            self._lock.release()


_ENDED_BY: Mapping[type[BaseException], str] = {
    KeyboardInterrupt: "ended at once, by Ctrl-C or a second signal",
    GeneratorExit: "ended by the program that followed the training, before it was done",
    SystemExit: "ended by the program that ran the training, before it was done",
    MemoryError: "memory ran out",
}


def _reason(error: BaseException) -> str:
    """What ended a run, in words; the class of an error that is not batchwright's is named."""
    if isinstance(error, BatchwrightError):
        return str(error)
    words = next((words for kind, words in _ENDED_BY.items() if isinstance(error, kind)), "ended by an error")
    said = "" if isinstance(error, GeneratorExit | KeyboardInterrupt | SystemExit) else f"{error}"
    return f"{words} ({type(error).__name__}{f': {said}' if said else ''})"


def _small_matrices(matrices: Mapping[str, Matrix]) -> dict[str, list[list[float]]]:
    """The matrices that are not too large to be kept."""
    return {name: [list(row) for row in one] for name, one in matrices.items() if len(one) <= MOST_CLASSES}


def _line(row: Mapping[str, float]) -> bytes:
    return json.dumps(to_plain(dict(row))).encode() + b"\n"


def lock_of(path: Path) -> Lock:
    """Acquire the lock of a run's folder.

    Raises:
        UsageError: another process holds it.
    """
    return Lock(path / LOCK, f"{path} is being written by another process")


def _claim_folder(path: Path) -> Path:
    with explain_write_errors(path):
        if path.is_symlink() or not path.exists():
            path.mkdir(parents=True)
        if not path.is_dir() or any(path.iterdir()):
            raise RunError(f"{path} exists already and is not an empty folder: give another name, or remove it.")
    return path


def _first_free(root: Path, name: str) -> Path:
    with explain_write_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            with suppress(FileExistsError):
                (root / f"{name}-{number}").mkdir()  # fails, in one step, if another process was first
                return root / f"{name}-{number}"
    raise AssertionError("numbers do not end")


def _slug(source: str) -> str:
    """A folder name made from the last part of a source's name, without its file ending.

    >>> _slug("../tables/my data.csv")
    'my-data'
    """
    return re.sub(r"[^\w.-]+", "-", Path(source).stem).strip("-.")[:50] or "run"
