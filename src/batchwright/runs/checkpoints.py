"""The checkpoints of a run: written during training, each complete or absent, verified when they are read.

`checkpoints/<reductions>-<updates>/` holds `state.safetensors` and `checkpoint.json`, which holds everything else and
the hash of the state. The folder gets its name by a rename, after all its bytes have reached the disk.
"""

import re
import shutil
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import jax
import numpy as np

from batchwright._files import hidden_path, write_folder
from batchwright.errors import RunError
from batchwright.runs.manifest import CHECKPOINTS, File, describe_file
from batchwright.runs.reading import REMEDY, numbers, parse, read_bytes
from batchwright.runs.sealed import seal, unseal
from batchwright.runs.tensors import HEADER_BYTES, Expected, by_path, dump, load
from batchwright.training.checkpoint import Checkpoint
from batchwright.training.state import RUNNING, TrainState
from batchwright.training.step import Loss

FORMAT = 1
STATE, PLAIN = "state.safetensors", "checkpoint.json"
LARGEST_PLAIN = 1 << 30
NAME = re.compile(r"\d{3}-\d{12}")


@dataclass(frozen=True)
class _Plain:
    """The parts of a checkpoint that are not arrays."""

    history: list[dict[str, int | float | None]]
    kept_epoch: int
    seconds: float
    diverged: list[int]
    done: int
    has_epoch_start: bool
    state: File
    last_wrong: int | None = None
    has_kept: bool | None = None
    format: int = FORMAT


def write(run: Path, checkpoint: Checkpoint, *, keep: int) -> None:
    """Write a checkpoint, and remove all but the newest `keep`; an existing one stays.

    Raises:
        UsageError: it cannot be written; earlier checkpoints are still there.
    """
    path = place(run, checkpoint)
    if not path.exists():
        state = dump(by_path(_arrays(checkpoint, with_kept=not checkpoint.keeps_its_own)))
        plain = _Plain(
            list[Any](checkpoint.history),
            checkpoint.kept_epoch,
            checkpoint.seconds,
            list(checkpoint.diverged),
            checkpoint.done,
            checkpoint.epoch_start is not None,
            describe_file(state),
            None if checkpoint.last_wrong is None else len(checkpoint.last_wrong),
            not checkpoint.keeps_its_own,
        )
        told = {**vars(plain), "state": asdict(plain.state)}  # `asdict` copies the history, number by number
        write_folder(path, {STATE: state, PLAIN: seal(told).encode()})
    for old in _newest_first(run)[keep:]:
        _remove(old)


def place(run: Path, checkpoint: Checkpoint) -> Path:
    """The folder for a checkpoint of a run."""
    return run / CHECKPOINTS / f"{len(checkpoint.diverged):03d}-{int(checkpoint.state.step):012d}"


def read(run: Path, like: TrainState) -> tuple[Checkpoint | None, list[str]]:
    """The newest checkpoint that can be trusted, or None, and the problems of newer ones.

    Args:
        run: the folder of the run.
        like: a state of the same training, for its shapes and dtypes.
    """
    problems = list[str]()
    for path in _newest_first(run):
        try:
            return _read(run, path, like), problems
        except RunError as error:
            problems.append(str(error))
    return None, problems


def read_after(run: Path, like: TrainState, *, epochs: int | None) -> Checkpoint | None:
    """The newest checkpoint that can be trusted, or None; with `epochs`, after as many, of a training still running."""
    for path in _newest_first(run):
        with suppress(RunError):
            found = _read(run, path, like)
            if epochs is None or (len(found.history) == epochs and int(found.state.status) == RUNNING):
                return found
    return None


def _read(run: Path, path: Path, like: TrainState) -> Checkpoint:
    name, where = f"{CHECKPOINTS}/{path.name}", path / PLAIN
    plain = parse(_Plain, unseal(read_bytes(run, f"{name}/{PLAIN}", at_most=LARGEST_PLAIN), where, FORMAT), where)
    history = tuple(numbers(row) for row in plain.history)
    losses, start = _losses(plain.done), like if plain.has_epoch_start else None
    wrong = None if plain.last_wrong is None else _zeros(plain.last_wrong, np.int32)
    told = Checkpoint(like, losses, history, like.variables, plain.kept_epoch, plain.seconds, (), start, wrong)
    has_kept = not told.keeps_its_own if plain.has_kept is None else plain.has_kept
    template = _arrays(told, with_kept=has_kept)
    expected = {key: Expected(str(array.dtype), array.shape) for key, array in by_path(template).items()}
    most = sum(array.size * array.dtype.itemsize for array in jax.tree.leaves(template))
    data = read_bytes(run, f"{name}/{STATE}", at_most=most + HEADER_BYTES * (len(expected) + 1))
    if describe_file(data) != plain.state:
        raise RunError(f"{path / STATE} is damaged: it is not what was written there. {REMEDY}")
    arrays = load(data, expected, path / STATE)
    found = jax.tree.unflatten(jax.tree.structure(template), [arrays[key] for key in expected])
    state = found["state"]
    kept = found["kept"] if has_kept else state.evaluated
    start = found.get("epoch_start")
    return replace(
        told,
        state=state,
        losses=found["losses"],
        kept=kept,
        diverged=tuple(plain.diverged),
        epoch_start=start,
        last_wrong=found.get("last_wrong"),
    )


def _arrays(checkpoint: Checkpoint, *, with_kept: bool) -> dict[str, Any]:
    """The arrays of a checkpoint; the variables to keep are included only where the state does not have them."""
    kept = {"kept": checkpoint.kept} if with_kept else {}
    start = {} if checkpoint.epoch_start is None else {"epoch_start": checkpoint.epoch_start}
    wrong = {} if checkpoint.last_wrong is None else {"last_wrong": checkpoint.last_wrong}
    return {"state": checkpoint.state, "losses": checkpoint.losses, **kept, **start, **wrong}


def _losses(done: int) -> Loss:
    if done < 0:
        raise RunError(f"there is no checkpoint after {done} iterations. {REMEDY}")
    none = _zeros(done, np.float32)
    return Loss(none, none)


def _zeros(length: int, dtype: type[np.generic]) -> np.ndarray:
    """An array that takes no memory, for its shape and dtype."""
    if length < 0:
        raise RunError(f"an array of a checkpoint has no length of {length}. {REMEDY}")
    return np.broadcast_to(dtype(0), (length,))


def _newest_first(run: Path) -> list[Path]:
    folder = run / CHECKPOINTS
    found = folder.iterdir() if folder.is_dir() and not folder.is_symlink() else ()
    return sorted((path for path in found if NAME.fullmatch(path.name)), reverse=True)


def _remove(path: Path) -> None:
    """Remove a checkpoint; a half-removed one has a name that is never searched for."""
    hidden = hidden_path(path)
    path.rename(hidden)
    shutil.rmtree(hidden, ignore_errors=True)


class Writer:
    """Writes the checkpoints of a run in a thread; of the waiting ones, only the newest."""

    def __init__(self, run: Path, *, keep: int) -> None:
        self._run, self._keep = run, keep
        self._waiting: Queue[Checkpoint | None] = Queue(maxsize=1)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="checkpoints", daemon=True)
        self._thread.start()

    def submit(self, checkpoint: Checkpoint) -> None:
        """Queue a checkpoint for writing.

        Raises:
            UsageError: an earlier one could not be written.
        """
        self._raise()
        with suppress(Empty):
            self._waiting.get_nowait()  # an older one is dropped
        self._waiting.put(checkpoint)

    def close(self) -> None:
        """Wait until everything is written.

        Raises:
            UsageError: a checkpoint could not be written.
        """
        self._waiting.put(None)
        self._thread.join()
        self._raise()

    def _work(self) -> None:
        for checkpoint in iter(self._waiting.get, None):
            try:
                write(self._run, checkpoint, keep=self._keep)
            except BaseException as error:
                self._error = error

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error
