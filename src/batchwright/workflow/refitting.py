"""Train a network anew on training and validation rows together, for the number of epochs that was best.

`refitting_members` does so for the members of an ensemble.

The first training chooses how long to train. The second begins from the same seed, and each of its epochs has the
learning rates of that epoch of the first. It has more rows, so that an epoch has more updates.

`refit/first.json` says how the first training ended; `refit/checkpoints/` has the states of the second.
"""

import shutil
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from batchwright._files import explain_write_errors, remove_parts, write_file
from batchwright.errors import ConfigError, RunError
from batchwright.runs import checkpoints
from batchwright.runs.checkpoints import Writer
from batchwright.runs.folder import RunFolder
from batchwright.runs.manifest import CHECKPOINTS
from batchwright.runs.reading import parse, read_bytes
from batchwright.runs.sealed import seal, unseal
from batchwright.training.checkpoint import Checkpoint, EpochRow, History, copy_to_device, first_checkpoint
from batchwright.training.epochs import variables_to_keep
from batchwright.training.evaluate import answers_of
from batchwright.training.events import CheckpointTaken, Compiled, EpochDone, Reduced, Status, Stopped
from batchwright.training.fit import compile_loop, fit
from batchwright.training.job import Job, Replay, iterations_done
from batchwright.training.state import Rows, initial_state
from batchwright.training.watch import Steering
from batchwright.workflow.dealing import join_rows
from batchwright.workflow.events import RefitEpoch
from batchwright.workflow.finishing import Answers, needs_residuals
from batchwright.workflow.fitting import Fitted, HeldOut, heed
from batchwright.workflow.held_out import refuse_without_validation
from batchwright.workflow.preparing import Prepared, example_of

STATES, FIRST = "refit", "first.json"
FORMAT, MOST_BYTES = 1, 1 << 16


@dataclass(frozen=True)
class First:
    """How the first training ended: a word and a sentence, and how many epochs it had done."""

    status: Status
    reason: str
    epochs: int
    format: int = FORMAT


def refuse_refit(prepared: Prepared) -> None:
    """Refuse what cannot be trained anew on all rows, before anything is written.

    Raises:
        ConfigError: what cannot be done, and what to do.
    """
    if prepared.settings.config.training.folds is not None:
        raise ConfigError(
            "training.refit: with `training.folds`, members learn all rows between them: leave out `training.refit`."
        )
    if prepared.job.growth is not None:
        raise ConfigError(
            "training.refit: a refit needs a batch size that stays as it is: leave out `training.refit`, or give "
            "`batch_size` a number."
        )
    refuse_without_validation(prepared.settings, prepared.dataset, "`refit` goes by validation rows", "leave it out")
    join_rows(prepared.job, "`refit`")


def refit(
    prepared: Prepared, first: Fitted, folder: RunFolder | None, interrupted: Callable[[], bool], steering: Steering
) -> Generator[RefitEpoch, None, Fitted]:
    """Train anew, from where a folder says that it is; what was asked of the first training is not asked of this one.

    What is returned has the model of the first training where the second did not come to its end.
    """
    steering.stop, started = False, time.perf_counter()
    job = refit_job(prepared, first)
    assert job.replay is not None
    start = _start(prepared, job, folder)
    history, stopped = list(start.history), None
    writer = None if folder is None else Writer(folder.path / STATES, keep=job.checkpoints.keep)
    try:
        for event in fit(job, start, interrupted=heed(interrupted, folder), steering=steering):
            match event:
                case EpochDone():
                    history.append(event.row)
                    yield RefitEpoch(event.row, job.replay.epochs)
                case CheckpointTaken() | Reduced():
                    history = list(event.checkpoint.history)
                    if writer:
                        writer.submit(event.checkpoint)
                case Stopped():
                    stopped = event
    finally:
        if writer:
            writer.close()
    assert stopped is not None
    return _fitted(prepared, job, first, stopped, tuple(history), time.perf_counter() - started)


def refit_job(prepared: Prepared, first: Fitted) -> Job:
    """The job on all rows: the learning rates of the first training, epoch by epoch, up to the one that was kept."""
    rows, training = join_rows(prepared.job, "`refit`"), prepared.settings.config.training
    history = tuple(first.history)
    return job_on_all(prepared.job, rows, history, first.stopped.epoch, full=training.batch_size == "full")


def job_on_all(job: Job, rows: Rows, history: History, epochs: int, *, full: bool) -> Job:
    """A job on other rows, with the learning rates of its history up to an epoch; `full` batches have all rows."""
    size = rows.length if full else job.plan.batch_size
    return replace(
        job,
        train=rows,
        validation=None,
        plan=replace(job.plan, training_rows=rows.length, batch_size=size),
        early_stopping=None,
        max_time=None,
        probe=None,
        diagnostics=None,
        replay=Replay(history, epochs, job.max_time),
    )


def keep_first(folder: RunFolder, first: Fitted) -> None:
    """Write how the first training ended, once its last checkpoint is written.

    Raises:
        UsageError: it cannot be written.
    """
    folder.wait_for_checkpoints()
    place, stopped = folder.path / STATES, first.stopped
    with explain_write_errors(place):
        (place / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
    told = {"status": stopped.status, "reason": stopped.reason, "epochs": len(first.history), "format": FORMAT}
    write_file(place / FIRST, seal(told), overwrite=True)


def read_first(run: Path, start: Checkpoint | None) -> First | None:
    """How the first training ended, if `start` is its end; None where it goes on."""
    place = run / STATES
    with suppress(RunError):
        found = parse(First, unseal(read_bytes(place, FIRST, at_most=MOST_BYTES), place / FIRST, FORMAT), place / FIRST)
        return found if start is not None and len(start.history) == found.epochs and start.done == 0 else None
    return None


def keeps_first(folder: RunFolder) -> bool:
    """Whether the first training of members has come to its end."""
    place = folder.path / STATES
    with suppress(RunError):
        parse(First, unseal(read_bytes(place, FIRST, at_most=MOST_BYTES), place / FIRST, FORMAT), place / FIRST)
        return True
    return False


def first_again(prepared: Prepared, start: Checkpoint, first: First) -> Fitted:
    """What the first training came to, from its last checkpoint."""
    segment = compile_loop(prepared.job, start.state, start.history).segment
    stopped = Stopped(*variables_to_keep(prepared.job, start), first.status, first.reason)
    compiled = Compiled(segment.seconds, segment.memory_bytes)
    return Fitted(compiled, stopped, list(start.history), start.seconds, start.last_wrong)


def remove_refit(folder: RunFolder) -> None:
    """Remove what only going on needs."""
    shutil.rmtree(folder.path / STATES, ignore_errors=True)


def _start(prepared: Prepared, job: Job, folder: RunFolder | None) -> Checkpoint:
    """Where the training on all rows stands; at its beginning where no checkpoint can be trusted."""
    state = initial_state(job.program, example_of(prepared.dataset), seed=job.seed)
    if folder is None:
        return first_checkpoint(state)
    place = folder.path / STATES
    remove_parts(place / CHECKPOINTS)
    found, _ = checkpoints.read(place, state)
    if found is None or iterations_done(job, found.history) + found.done != int(found.state.step):
        return first_checkpoint(state)
    return copy_to_device(found)


def _fitted(
    prepared: Prepared, job: Job, first: Fitted, stopped: Stopped, history: tuple[EpochRow, ...], seconds: float
) -> Fitted:
    assert job.replay is not None
    epochs, done, together = job.replay.epochs, len(history), first.seconds + seconds
    if done < epochs or stopped.status != "finished":
        return without_refit(first, stopped.status, stopped.reason, together)
    rows, train = job.train, prepared.job.train
    assert isinstance(rows, Rows)
    epochs_said = f"{epochs} epoch{'s' * (epochs > 1)}"
    reason = f"{first.stopped.reason}; trained anew on {rows.length:,} rows for {epochs_said}"
    remark = (
        f"the model was trained anew on the {rows.length:,} training and validation rows together for {epochs_said}, "
        f"{epochs * job.plan.iterations_per_epoch:,} updates; in the first training these were "
        f"{epochs * prepared.plan.iterations_per_epoch:,}. Validation figures are those of the first training, "
        "training and test figures those of this model"
    )
    places = np.arange(train.length, rows.length)
    answers = answers_of_first(prepared, first)
    held_out = HeldOut(answers[-1], places, answers, rows, "refit", remark)
    ended = Stopped(stopped.variables, epochs, "finished", reason)
    return replace(first, stopped=ended, seconds=together, held_out=held_out, refit=history)


def without_refit(first: Fitted, status: Status, reason: str, seconds: float) -> Fitted:
    """The first training, where the second did not come to its end; why, and the seconds of both."""
    how = f"{reason} of the refit; the model is that of the first training ({first.stopped.reason})"
    return replace(first, stopped=replace(first.stopped, status=status, reason=how), seconds=seconds)


def answers_of_first(prepared: Prepared, first: Fitted) -> tuple[Answers, ...]:
    """The answers of the first training's model: to the training rows, where residuals need them, and to the others."""
    job, variables = prepared.job, first.stopped.variables
    assert job.validation is not None
    parts = [job.train, job.validation] if needs_residuals(prepared.blueprint.task) else [job.validation]
    return tuple(answers_of(job.program.model, variables, rows) for rows in parts)
