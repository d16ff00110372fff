"""Try embeddings of numbers on the rows of a training, each for a few epochs, and choose the best one."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from batchwright.config import Settings
from batchwright.config.sections import NUMBERS
from batchwright.errors import ConfigError, TooFewRowsError
from batchwright.nn.numeric import NumbersName
from batchwright.population.fit import MemberRun, fit_members
from batchwright.training.feed import OnDisk
from batchwright.training.job import Job
from batchwright.workflow.drawn import without_members
from batchwright.workflow.preparing import Prepared, example_of, job_on

CANDIDATES: tuple[NumbersName, ...] = ("piecewise_linear_b", "plr")
"""What is tried: on eight tables, the better of these by validation loss was as good as the best of all seven."""
SHARE, LEAST_EPOCHS, SEEDS = 0.25, 4, 2
"""The share of the planned epochs that each is trained for, the least number of them, and trainings of each."""


@dataclass(frozen=True)
class TriedNumbers:
    """The mean validation loss of each embedding that was tried, by name, after some epochs.

    Where only one can be tried it is not, and its loss and the epochs are 0.
    """

    losses: dict[str, float]
    epochs: int

    @property
    def best(self) -> str:
        """The name of the one with the least loss."""
        return min(self.losses, key=lambda name: self.losses[name])

    @property
    def reason(self) -> str:
        """What was compared, and how."""
        if len(self.losses) == 1:
            return "no other of those to try takes the numbers that are set"
        told = ", ".join(f"{name} {loss:.4g}" for name, loss in sorted(self.losses.items(), key=lambda one: one[1]))
        return f"the validation loss after {self.epochs:,} epochs, the mean of {SEEDS} trainings: {told}"


def try_numbers(prepared: Prepared) -> TriedNumbers:
    """Train each candidate that has all numbers that are set, and compare them on the validation rows.

    Raises:
        TooFewRowsError: there are no numbers, or no validation rows in memory to compare by.
    """
    job, settings = prepared.job, without_members(prepared.settings)
    if not prepared.blueprint.features.numeric:
        raise TooFewRowsError("no column holds numbers")
    if job.validation is None or isinstance(job.train, OnDisk) or isinstance(job.validation, OnDisk):
        raise TooFewRowsError("it takes validation rows, and all rows in memory")
    epochs = max(LEAST_EPOCHS, round(SHARE * job.plan.epochs))
    jobs = {name: one for name in CANDIDATES if (one := _job(prepared, settings, name, epochs)) is not None}
    if len(jobs) == 1:
        return TriedNumbers({str(name): 0.0 for name in jobs}, 0)
    losses = {str(name): _loss(one, prepared) for name, one in jobs.items()}
    if not np.isfinite(list(losses.values())).any():
        raise TooFewRowsError("with these settings, none of those to try can be trained")
    return TriedNumbers(losses, epochs)


def with_numbers(settings: Settings, found: TriedNumbers) -> Settings:
    """The settings with the embedding that was found best."""
    evidence: dict[str, Any] = {"reason": found.reason, "losses": found.losses, "epochs": found.epochs}
    return settings.with_measured({NUMBERS: found.best}, {NUMBERS: evidence})


def _job(prepared: Prepared, settings: Settings, name: str, epochs: int) -> Job | None:
    """The training with this embedding, to its last epoch; None if the embedding lacks a number that is set."""
    try:
        job = job_on(prepared, settings.with_measured({NUMBERS: name}, {}))
    except ConfigError:
        return None
    plan = replace(job.plan, epochs=epochs)
    alone = replace(job, early_stopping=None, max_time=None, growth=None, probe=None, diagnostics=None)
    return replace(alone, plan=plan, figures=frozenset())


def _loss(job: Job, prepared: Prepared) -> float:
    """The mean of the last validation losses of some seeds; infinite if one diverged."""
    jobs = [replace(job, seed=job.seed + place) for place in range(SEEDS)]
    runs: tuple[MemberRun, ...] = ()
    for now in fit_members(jobs, example_of(prepared.dataset)):
        runs = now
    losses = [run.now.history[-1]["val_loss"] if run.now.history else np.inf for run in runs]
    return float(np.mean(losses)) if np.isfinite(losses).all() else float("inf")
