"""A batch size that grows from epoch to epoch: a pure function of the history, without a state of its own.

Letters: B the batch size of an epoch, B₀ the size of the first epoch, κ = B/B₀, a power of two; p the power of κ by
which the learning rate follows the batch size (`optim.scaling`: 1 for SGD, ½ for rules that divide by the size of the
gradient).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeAlias

import numpy as np
from annotated_types import Ge

from batchwright.errors import ConfigError
from batchwright.optim.optimizers import Optimizer
from batchwright.optim.scaling import rescale, scaling_of
from batchwright.optim.schedule import Rates
from batchwright.training.plan import Plan

TRACE, NORM2 = "gradient_variance", "gradient_norm2"
"""The columns of a history that hold tr Σ and |G|²; the noise scale is φ = tr Σ / |G|²."""

POOLED_EPOCHS = 3
"""Measurements that are pooled: a single one is off by a factor of two, and φ changes slowly."""

LEAST_BATCHES = 4
"""Fewest batches of the largest size in an epoch: with fewer an epoch is hardly more than one step."""

NEARLY = 1e-9
"""Share by which a factor may miss a power of two: 1/0.5³ may come out below 8."""

Rows: TypeAlias = Sequence[Mapping[str, float]]


@dataclass(frozen=True)
class AdaptiveBatchSize:
    """A batch size B = κ·B₀ that grows by powers of two, at the start of an epoch. It never shrinks.

        noise_scale   κ → 2·κ  where 2·B ≤ φ
        schedule      κ = the largest power of two ≤ f^(−1/p)

    φ is the gradient noise scale of the last 3 epochs, measured at the end of each: above φ, more rows in a batch no
    longer pay. Rate, averages and ε of the update rule follow κ as in `optim.scaling`.

    f is the schedule's factor for the rate at the start of the epoch, relative to the highest rate at the start of any
    epoch so far. The batch grows instead of the rate falling by f, until it reaches `maximum`; then the rate falls. For
    SGD (p = 1), a halved rate becomes a batch twice as large; for Adam and the like (p = ½), one four times as large.
    Only the rate follows κ here; averages and ε do not.

    Under both, the learning rate is κ^p times what the schedule says at the same share of the run, so that
    rate/κ^p is as with a constant batch size.

    Args:
        by: what decides the size.
        start: B₀, rows per update in the first epoch, 1 or more.
        maximum: the most rows per update; a quarter of the training rows is a second limit.

    References:
        Smith, Kindermans, Ying and Le, Don't Decay the Learning Rate, Increase the Batch Size, 2018, arXiv 1711.00489.
        McCandlish, Kaplan, Amodei et al., An Empirical Model of Large-Batch Training, 2018, arXiv 1812.06162.
    """

    by: Literal["noise_scale", "schedule"] = "noise_scale"
    start: Annotated[int, Ge(1)] = 64
    maximum: Annotated[int, Ge(1)] = 4096

    def check(self, optimizer: Optimizer) -> None:
        """Refuse a batch size that cannot grow as asked.

        Raises:
            ConfigError: `maximum` is below `start`; or it is not known how the rule depends on the batch size; or the
                batch size is to follow the schedule, and the rule's rate does not follow the batch size.
        """
        if self.maximum < self.start:
            raise ConfigError(f"maximum is {self.maximum:,}, but must be start ({self.start:,}) or more.")
        rescale(optimizer, 2.0)
        if self.by == "schedule" and power_of(optimizer) <= 0.0:
            raise ConfigError(
                f"the learning rate of {optimizer.name!r} does not grow with the batch size, so that no batch size "
                "takes the place of a rate that falls: let it grow by the noise_scale, or take another rule."
            )


@dataclass(frozen=True)
class Growing:
    """A batch size that grows, in place of a number: the value of `{adaptive: {by: noise_scale}}`.

    Attributes:
        adaptive: what decides the size, where it starts and how far it goes.
    """

    adaptive: AdaptiveBatchSize


def limit_growth(growth: AdaptiveBatchSize, plan: Plan, *, chunk_rows: int | None = None) -> AdaptiveBatchSize:
    """The growth with the plan's batch size as `start`, and the largest size that is reached as `maximum`.

    `maximum` is at most a quarter of the training rows, and at most a chunk where rows are read in chunks.

    >>> limit_growth(AdaptiveBatchSize(start=64), Plan(training_rows=2_000, batch_size=64, epochs=1)).maximum
    256
    """
    start = plan.batch_size
    most = min(growth.maximum, plan.training_rows // LEAST_BATCHES, chunk_rows or growth.maximum)
    return replace(growth, start=start, maximum=start * _power_of_two(most / start))


def size_by_noise(growth: AdaptiveBatchSize, history: Rows) -> int:
    """The batch size of the epoch after `history`, by the noise scale.

    >>> rows = [{TRACE: 300.0, NORM2: 1.0}] * 2
    >>> [size_by_noise(AdaptiveBatchSize(), rows[:epochs]) for epochs in (0, 1, 2)]
    [64, 128, 256]
    """
    size = growth.start
    for epoch in range(1, len(history) + 1):
        if 2 * size <= min(pooled_noise_scale(history[max(epoch - POOLED_EPOCHS, 0) : epoch]), growth.maximum):
            size *= 2
    return size


def pooled_noise_scale(history: Rows) -> float:
    """Σ tr Σ / Σ |G|² over the epochs that measured them; NaN if none did, or if both sums are 0.

    Both moments are unbiased, so |G|² may come out at 0 or below: φ is infinite where the sum of |G|² is 0 or below.
    """
    moments = [(row.get(TRACE, math.nan), row.get(NORM2, math.nan)) for row in history]
    known = [pair for pair in moments if all(map(math.isfinite, pair))]
    trace, norm2 = sum(pair[0] for pair in known), sum(pair[1] for pair in known)
    return trace / norm2 if norm2 > 0.0 else math.inf if trace > 0.0 else math.nan


def size_by_schedule(growth: AdaptiveBatchSize, shares: Rates, power: float) -> int:
    """The batch size of the last of these epochs, by the schedule.

    Args:
        growth: the growth, with its smallest and largest size.
        shares: f of each epoch from the first on, in [0, 1].
        power: p.

    >>> halved = np.array([1.0, 0.5])
    >>> size_by_schedule(AdaptiveBatchSize(), halved, 1.0), size_by_schedule(AdaptiveBatchSize(), halved, 0.5)
    (128, 256)
    """
    with np.errstate(divide="ignore", over="ignore"):
        asked = np.max(shares ** (-1.0 / power), initial=1.0)
    return growth.start * _power_of_two(min(float(asked) * (1.0 + NEARLY), growth.maximum / growth.start))


def power_of(optimizer: Optimizer) -> float:
    """p, for a rule that `AdaptiveBatchSize.check` has accepted."""
    return scaling_of(optimizer).rate


def _power_of_two(factor: float) -> int:
    """The largest power of two that is at most this factor, but no less than 1."""
    return 1 << math.floor(math.log2(max(factor, 1.0)))
