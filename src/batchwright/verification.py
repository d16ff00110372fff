"""Check that resuming is exact on this machine: train a stretch of a run in one piece, and again killed and resumed.

Every piece is a process of its own, as after a crash; pieces that must be killed kill themselves with SIGKILL.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from batchwright import _machine, workflow
from batchwright.config import settings_of
from batchwright.data.formats.given import STANDARD_INPUT
from batchwright.errors import BatchwrightError, InterruptedRunError, RunError
from batchwright.runs import checkpoints
from batchwright.runs.run import open_run
from batchwright.runs.tensors import by_path
from batchwright.training.checkpoint import Checkpoint, Checkpoints
from batchwright.training.events import CheckpointTaken

KILLS = 3
MOST_BETWEEN = 25
"""The most iterations between two kills; fewer if an epoch is shorter than four times as many."""
PATIENCE = 60.0
"""The most seconds for a checkpoint to reach the disk."""


@dataclass(frozen=True)
class Verification:
    """The result.

    The two trainings were compared after `iterations`; one of them was killed `kills` times. `difference` is the first
    difference between them, as a sentence; None if every bit is equal.
    """

    iterations: int
    kills: int
    difference: str | None

    @property
    def exact(self) -> bool:
        """Whether resuming is exact here."""
        return self.difference is None


def verify(run: Path) -> Verification:
    """Train the first iterations of a recorded run twice, once killed and resumed `KILLS` times, and compare all bits.

    The run itself is only read.

    Raises:
        RunError: the run cannot be read, has members, or its rows were given in Python or on standard input.
        BatchwrightError: a piece of the training failed otherwise.
    """
    recorded = open_run(run)
    _machine.use_recorded_threads(recorded.manifest.machine)
    if recorded.has_members:
        raise RunError(
            f"{run} is of an ensemble of members, and only the training of one network is checked: check a run with "
            "the same settings without `members`."
        )
    settings = workflow.recorded_settings(recorded)
    if STANDARD_INPUT in (settings.config.data.source, settings.config.data.test):
        raise RunError(f"the rows of {run} came from standard input, which several processes cannot read in turn.")
    prepared = workflow.prepare(settings)
    between = max(1, min(MOST_BETWEEN, (prepared.plan.iterations_per_epoch - 1) // (KILLS + 1)))
    last = between * (KILLS + 1)
    if last >= prepared.plan.updates:
        raise RunError(f"{run} has {prepared.plan.updates} updates: too few to be interrupted {KILLS} times.")
    with tempfile.TemporaryDirectory(prefix="batchwright-") as folder:
        whole, pieces = Path(folder) / "whole", Path(folder) / "pieces"
        _process(run, whole, between, last, killed=False)
        for place in range(between, last, between):
            _process(run, pieces, between, place, killed=True)
        _process(run, pieces, between, last, killed=False)
        one, other = (checkpoints.read(path, prepared.state)[0] for path in (whole, pieces))
    assert one is not None
    assert other is not None
    return Verification(int(one.state.step), KILLS, _difference(one, other))


def _process(run: Path, folder: Path, between: int, until: int, *, killed: bool) -> None:
    """Train in `folder` up to an iteration, in a new process, which is then killed, or saves and ends."""
    words = [str(run), str(folder), str(between), str(until), str(int(killed))]
    done = subprocess.run([sys.executable, "-m", __name__, *words], capture_output=True, text=True, check=False)
    if done.returncode != (-signal.SIGKILL if killed else 0):
        raise BatchwrightError(f"a piece of the training ended with code {done.returncode}: {done.stderr.strip()}")


def _stretch(run: Path, folder: Path, between: int, until: int, *, killed: bool) -> None:
    """Run in such a process: start the training of `run` again in `folder`, or continue it."""
    reached = 0
    events = _events(run, folder, between, lambda: not killed and reached >= until)
    with suppress(InterruptedRunError):
        for event in events:
            if isinstance(event, CheckpointTaken):
                reached = int(event.checkpoint.state.step)
                if killed and reached >= until:
                    _wait_for(checkpoints.place(folder, event.checkpoint))
                    os.kill(os.getpid(), signal.SIGKILL)


def _events(run: Path, folder: Path, between: int, interrupted: Callable[[], bool]) -> Iterator[workflow.Event]:
    if folder.exists():
        return workflow.resume(folder, interrupted=interrupted)
    settings = workflow.recorded_settings(open_run(run))
    config = settings.config
    training = replace(config.training, checkpoints=Checkpoints(iterations=between), early_stopping=None, max_time=None)
    return workflow.train(settings_of(replace(config, training=training)), run_dir=folder, interrupted=interrupted)


def _wait_for(path: Path) -> None:
    until = time.monotonic() + PATIENCE
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.01)


def _difference(one: Checkpoint, other: Checkpoint) -> str | None:
    """The first array in which two checkpoints differ, and by how much; None if they are equal."""
    arrays = [by_path({"state": point.state, "losses": point.losses}) for point in (one, other)]
    for name, whole in arrays[0].items():
        resumed = arrays[1][name]
        if whole.shape != resumed.shape:
            return f"{name} has the shape {whole.shape} in one piece, {resumed.shape} after resuming"
        places = np.flatnonzero(whole.ravel() != resumed.ravel())
        if places.size:
            values = f"{whole.flat[places[0]]!r} in one piece, {resumed.flat[places[0]]!r} after resuming"
            return f"{name}: {places.size} of {whole.size} numbers differ, the first is {values}"
    return None


if __name__ == "__main__":
    _run, _folder, _between, _until, _killed = sys.argv[1:]
    _stretch(Path(_run), Path(_folder), int(_between), int(_until), killed=bool(int(_killed)))
