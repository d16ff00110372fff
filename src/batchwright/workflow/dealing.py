"""Training and validation rows together, dealt into folds: each row is held out by one of them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int64

from batchwright.config import Settings
from batchwright.config.sections import FOLDS, MEMBERS
from batchwright.data.dataset import Dataset
from batchwright.data.encode.targets import ClassTarget
from batchwright.errors import ConfigError
from batchwright.training.feed import OnDisk
from batchwright.training.job import Job
from batchwright.training.order import permutation
from batchwright.training.state import Rows, take_rows

SPLITS = ("stratified", "shuffled")
"""The splits whose rows may be dealt out anew: groups and times would be torn apart."""

Numbers = Int64[np.ndarray, " rows"]


@dataclass(frozen=True)
class Dealt:
    """Rows on the device, and which of `count` folds holds out each of them."""

    rows: Rows
    folds: Numbers
    count: int

    def __repr__(self) -> str:
        """How many rows, in how many folds."""
        return f"<Dealt: {self.rows.length:,} rows in {self.count} folds>"

    def held_out(self, fold: int) -> Numbers:
        """The places of the rows that a fold holds out."""
        return np.flatnonzero(self.folds == fold)

    def job(self, job: Job, fold: int) -> Job:
        """The job trained on the rows that a fold does not hold out, and validated on those that it does."""
        train = take_rows(self.rows, np.flatnonzero(self.folds != fold))
        validation = take_rows(self.rows, self.held_out(fold))
        plan = replace(job.plan, training_rows=train.length, batch_size=min(job.plan.batch_size, train.length))
        return replace(job, train=train, validation=validation, plan=plan)


def deal(job: Job, dataset: Dataset, count: int) -> Dealt:
    """Deal training and validation rows into folds. Classes are spread evenly; test rows are in none.

    Raises:
        ConfigError: fewer than two folds, more than there are rows, rows that are split by group or time, or that are
            read from the disk.
    """
    if dataset.split not in SPLITS:
        raise ConfigError(
            f"`folds` does not go with rows that are split by {dataset.split}, which would be torn apart: leave it out."
        )
    rows = join_rows(job, "`folds`")
    if not 2 <= count <= rows.length:
        raise ConfigError(
            f"`folds` takes 2 to {rows.length:,}, as many as there are training and validation rows, but is {count}."
        )
    of_classes = isinstance(dataset.target, ClassTarget)
    classes = np.asarray(rows.targets) if of_classes else np.zeros(rows.length, np.int32)
    return Dealt(rows, fold_of(classes, count, seed=job.seed), count)


def join_rows(job: Job, asked: Literal["`folds`", "`refit`"]) -> Rows:
    """The training rows of a job, and then its validation rows, of which there are some.

    Raises:
        ConfigError: the rows are read from the disk; it begins with what asks for it.
    """
    assert job.validation is not None
    if isinstance(job.train, OnDisk) or isinstance(job.validation, OnDisk):
        raise ConfigError(
            f"{asked} needs the rows in memory, and these are read in chunks: leave it out, or set `memory_limit=none`."
        )
    joined: Rows = jax.tree.map(lambda *parts: jnp.concatenate(parts), job.train, job.validation)
    return joined


def fold_of(classes: np.ndarray, count: int, *, seed: int) -> Numbers:
    """The fold of each row: in random order, class by class, rows go to the folds in turn.

    >>> np.bincount(fold_of(np.array([0] * 6 + [1] * 3), 3, seed=0)[:6]).tolist()
    [2, 2, 2]
    """
    order = permutation(len(classes), seed=seed, epoch=0)
    order = order[np.argsort(classes[order], kind="stable")]
    found = np.empty(len(classes), np.int64)
    found[order] = np.arange(len(classes)) % count
    return found


def with_members_of_folds(settings: Settings) -> Settings:
    """The settings with one member for each fold, where folds are asked for and nobody has said how many members.

    Raises:
        ConfigError: the number of members is no multiple of that of the folds.
    """
    training, folds = settings.config.training, settings.config.training.folds
    if folds is None or MEMBERS in settings.to_measure:
        return settings
    if training.members is None:
        found = replace(settings, origins={**settings.origins, MEMBERS: settings.origins[FOLDS]})
        training = replace(training, members=folds)
        reason = {"reason": f"one for each of the {folds} folds"}
        return replace(found, config=replace(settings.config, training=training)).with_evidence(MEMBERS, reason)
    if isinstance(training.members, tuple):
        raise ConfigError(
            "training.members: with folds, members are a number, and as many as there are folds share their settings: "
            "give a number, or leave out `training.folds`."
        )
    if training.members % folds:
        raise ConfigError(
            f"training.members: {training.members} members do not go with {folds} folds, as each fold is "
            f"held out from as many members: take {' or '.join(_multiples(training.members, folds))} members."
        )
    return settings


def _multiples(members: int, folds: int) -> Iterator[str]:
    """The nearest multiples of the folds."""
    below = members // folds * folds
    if below:
        yield str(below)
    yield str(below + folds)


def dealt_note(dealt: Dealt) -> str:
    """How the rows were dealt out, as a sentence."""
    sizes = np.bincount(dealt.folds, minlength=dealt.count)
    held = f"{sizes.min():,}" if sizes.min() == sizes.max() else f"{sizes.min():,} or {sizes.max():,}"
    return (
        f"the {dealt.rows.length:,} training and validation rows are dealt into {dealt.count} folds: each holds out "
        f"{held} rows from its members; columns are encoded as learned from the training rows of the split"
    )
