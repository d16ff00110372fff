"""More epochs for a run than its configuration says: what that changes, and where it cannot be."""

from dataclasses import replace

import numpy as np

from batchwright.config import Settings
from batchwright.errors import RunError
from batchwright.runs.run import Run
from batchwright.training.checkpoint import Checkpoint
from batchwright.training.epochs import time_reason
from batchwright.training.job import Job, iterations_done, rates_of

EPOCHS = "training.epochs"


def with_epochs(settings: Settings, epochs: int) -> Settings:
    """The settings with another number of epochs, as the user's choice."""
    training = replace(settings.config.training, epochs=epochs)
    config = replace(settings.config, training=training)
    evidence = {key: found for key, found in settings.evidence.items() if key != EPOCHS}
    return replace(settings, config=config, origins={**settings.origins, EPOCHS: "user"}, evidence=evidence)


def refuse_extension(run: Run, checkpoint: Checkpoint | None, job: Job) -> None:
    """Refuse a number of epochs that a run cannot go on to.

    `job` is the job of the run with this number of epochs, `checkpoint` the newest checkpoint.

    Raises:
        RunError: why not, and what to do.
    """
    history, epochs = () if checkpoint is None else checkpoint.history, job.plan.epochs
    if epochs <= len(history):
        done = f"{len(history)} epoch{'' if len(history) == 1 else 's'}"
        raise RunError(f"{run.path} has trained {done} already, and epochs is {epochs}: give more.")
    anew = f"train anew from the parameters that it has kept (`from={run.path}`, in Python initial=)"
    if run.status == "finished" and len(history) < max((int(row["epoch"]) for row in run.history), default=0):
        raise RunError(f"{run.path} has no checkpoint of its end that can be read, so that it cannot go on: {anew}.")
    stop = job.early_stopping.verdict(history).stop if job.early_stopping else None
    if stop is not None:
        raise RunError(f"{run.path} was stopped early, and would be again: {stop.reason}; {anew}.")
    late = checkpoint is not None and job.max_time is not None and checkpoint.seconds >= job.max_time
    if late or time_reason(job, history) is not None:
        raise RunError(f"{run.path} has used up its time limit of {job.max_time:g} s: {anew}.")
    if history and iterations_done(job, history) != history[-1]["iteration"]:
        raise RunError(f"the batch size of {run.path} follows a schedule over its own number of epochs: {anew}.")


def extension_note(job: Job, start: Checkpoint) -> str:
    """How the learning rate goes on from here, by the schedule over all epochs."""
    following = np.array([start.done], np.int64)
    rate = float(rates_of(job, start.history, following, reductions=len(start.diverged))[0])
    before = f" (it was {start.history[-1]['learning_rate']:.3g})" if start.history and start.done == 0 else ""
    return (
        f"the run goes on to {job.plan.epochs} epochs; its schedule, {job.schedule.name}, is computed over all of "
        f"them: the learning rate is {rate:.3g} next{before}"
    )
