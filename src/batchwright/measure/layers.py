"""Record what happens in each layer along a run: after some of its epochs, on a few rows that are always the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from batchwright.measure.curvature import largest_curvature
from batchwright.measure.inside import Group, divide, measure_layers
from batchwright.training.feed import OnDisk
from batchwright.training.job import Job, program_of
from batchwright.training.plan import Plan
from batchwright.training.state import Arrays, TrainState

PREFIX = "layers/"
"""What the names of these columns of the history begin with: `layers/<layer>/<figure>`."""

PART, LEAST_ROWS, MOST_ROWS = 25, 64, 256
"""One training row in 25 is measured; fewest and most rows, as far as there are so many."""

SHARE = 100
"""One row in this many that are trained is measured, at most, once the first epochs are over. In the first 20 epochs,
10 are measured on all but the largest data: with one row in 25, that is one row in 50."""

GROUPS = 4
"""The number of groups whose gradients are compared, where there are two rows for each."""

SALT = 0x4C415952
"""Separates these random numbers from the random numbers of the order of rows."""


@dataclass(frozen=True)
class LayerProbe:
    """A measurement of each layer at the end of an epoch; the groups hold the rows that it is made on.

    `curvature` says whether the largest curvature of the loss is measured too, which takes far longer.
    """

    groups: Sequence[Group]
    seed: int
    curvature: bool = False

    def __repr__(self) -> str:
        """How many rows, in how many groups."""
        rows = sum(len(group.targets) for group in self.groups)
        return f"<LayerProbe: {rows:,} rows in {len(self.groups)} groups>"

    def __call__(
        self, job: Job, state: TrainState, *, epoch: int, plan: Plan, learning_rate: float
    ) -> dict[str, float]:
        """The figures of `measure_layers` as `layers/...`, and `curvature`; nothing in an epoch that is left out.

        Args:
            job: what is trained; it may be one of a population.
            state: after the epoch; it is not used up.
            epoch: counts from 1.
            plan: the plan of this epoch, with its batch size.
            learning_rate: the rate of the last iteration.
        """
        rows = len(self.groups) * len(self.groups[0].targets)
        if not is_measured(epoch, job.plan, rows):
            return {}
        program, size = program_of(job, plan), plan.batch_size
        found = measure_layers(program, state, self.groups, seed=self.seed, rate=learning_rate, batch_size=size)
        columns = {f"{PREFIX}{name}": value for name, value in found.items()}
        if self.curvature:
            curved = largest_curvature(program, state, self.groups, seed=self.seed)
            columns |= {"curvature": curved.largest, "curvature_error": curved.error}
            columns |= {"smallest_curvature": curved.smallest}
        return columns


def layer_probe(job: Job, train: Arrays, *, curvature: bool = False) -> LayerProbe:
    """A probe on rows that the seed draws.

    Args:
        job: the training.
        train: its training rows on the host; where the job reads them from the disk, they are read from there, once.
        curvature: whether the largest curvature of the loss is measured too.
    """
    number = job.train.length
    count = min(max(number // PART, LEAST_ROWS), MOST_ROWS, number)
    groups = min(GROUPS, max(count // 2, 1))
    random = np.random.default_rng(np.random.SeedSequence([job.seed, SALT]))
    chosen = np.sort(random.choice(number, count - count % groups, replace=False).astype(np.int64))
    rows = _read(job.train, chosen) if isinstance(job.train, OnDisk) else _take(train, chosen)
    return LayerProbe(divide(rows, job.program.model.task, groups=groups), job.seed, curvature)


def is_measured(epoch: int, plan: Plan, rows: int) -> bool:
    """Whether an epoch, which counts from 1, is one of those after which this many rows are measured.

    The first three are; after epoch e, the next is later by at most a third of e. It is later by as many epochs as keep
    the rows that are measured to one in `SHARE`, if these are fewer.

    >>> small, large = (Plan(training_rows=rows, batch_size=64, epochs=20) for rows in (500, 50_000))
    >>> [epoch for epoch in range(1, 40) if is_measured(epoch, small, rows=64)]
    [1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 22, 29, 38]
    >>> [epoch for epoch in range(1, 14) if is_measured(epoch, large, rows=256)]
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
    """
    at, most = 1, -(-SHARE * rows // plan.rows_per_epoch)
    while at < epoch:
        at += max(min(at // 3, most), at // 100, 1)
        unit = 10 ** max(len(str(at)) - 3, 0)  # three digits: the history file keeps the rows of round epochs only
        at = -(-at // unit) * unit
    return at == epoch


class _Some(NamedTuple):
    """Some rows, on the host."""

    inputs: dict[str, np.ndarray]
    targets: np.ndarray
    weights: np.ndarray | None


def _take(rows: Arrays, chosen: Int64[np.ndarray, " chosen"]) -> _Some:
    weights = None if rows.weights is None else rows.weights[chosen]
    return _Some({name: array[chosen] for name, array in rows.inputs.items()}, rows.targets[chosen], weights)


def _read(rows: OnDisk, chosen: Int64[np.ndarray, " chosen"]) -> _Some:
    found = rows.read(np.stack([chosen, chosen + 1], axis=1))
    weights = None if found.weights is None else np.asarray(found.weights)
    return _Some({name: np.asarray(array) for name, array in found.inputs.items()}, np.asarray(found.targets), weights)
