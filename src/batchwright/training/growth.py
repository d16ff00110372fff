"""A batch size that grows from epoch to epoch: a pure function of the history, without a state of its own.

Letters: B the batch size of an epoch, B₀ that of the first, κ = B/B₀, a power of two; p the power of κ by which the
update rule's learning rate follows the batch size (`optim.scaling`: 1 for SGD, ½ for rules that divide by the size of
the gradient).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeAlias

import numpy as np
from annotated_types import Ge

from batchwright.errors import ConfigError
from batchwright.optim.optimizers import Optimizer
from batchwright.optim.scaling import rescaled, scaling_of
from batchwright.optim.schedule import Rates
from batchwright.training.plan import Plan

TRACE, NORM2 = "gradient_variance", "gradient_norm2"
"""The columns of a history that hold tr Σ and |G|², of which the noise scale φ = tr Σ / |G|² is made."""

POOLED_EPOCHS = 3
"""Measurements that are pooled: single ones are off by a factor of two, and φ changes slowly."""

LEAST_BATCHES = 4
"""Batches of the largest size in an epoch, at least: with fewer an epoch is hardly more than one step."""

NEARLY = 1e-9
"""Share by which a power of two may be missed: 1/0.5³ may come out below 8."""

Rows: TypeAlias = Sequence[Mapping[str, float]]


@dataclass(frozen=True)
class AdaptiveBatchSize:
    """A batch size B = κ·B₀ that grows in powers of two, each from the start of an epoch on. It never shrinks.

        noise_scale   κ → 2·κ  where 2·B ≤ φ
        schedule      κ = the largest power of two ≤ f^(−1/p)

    φ is the gradient noise scale of the last 3 epochs, measured at the end of each: above it, rows of a batch stop to
    pay. The numbers of the update rule follow κ as in `optim.scaling`: rate, averages and ε.

    f is what the schedule multiplies the rate by at the start of the epoch, against the highest rate at the start of
    any epoch so far. In place of a rate that falls by f the batch grows, until `maximum`, and then the rate falls. For
    SGD (p = 1) halving the rate becomes a batch twice as large; for Adam and the like (p = ½), one four times as large.
    Only the rate follows κ, and not averages and ε.

    Under both, the learning rate is κ^p times what the schedule says at the same share of the run, so that
    rate/κ^p is as with a constant batch size.

    Args:
        by: what decides.
        start: B₀, rows per update in the first epoch, 1 or more.
        maximum: the most rows per update; there are never more than a quarter of the training rows either.

    References:
        Smith, Kindermans, Ying and Le, Don't Decay the Learning Rate, Increase the Batch Size, 2018, arXiv 1711.00489.
        McCandlish, Kaplan, Amodei et al., An Empirical Model of Large-Batch Training, 2018, arXiv 1812.06162.
    """

    by: Literal["noise_scale", "schedule"] = "noise_scale"
    start: Annotated[int, Ge(1)] = 64
    maximum: Annotated[int, Ge(1)] = 4096

    def check(self, optimizer: Optimizer) -> None:
        """Refuse what cannot be done.

        Raises:
            ConfigError: `maximum` is below `start`, or it is not known how the rule depends on the batch size, or the
                batch size is to follow the schedule of a rule whose rate does not follow the batch size.
        """
        if self.maximum < self.start:
            raise ConfigError(f"maximum is {self.maximum:,}, but must be start ({self.start:,}) or more.")
        rescaled(optimizer, 2.0)
        if self.by == "schedule" and power_of(optimizer) <= 0.0:
            raise ConfigError(
                f"the learning rate of {optimizer.name!r} does not grow with the batch size, so that no batch size "
                "takes the place of a rate that falls: let it grow by the noise_scale, or take another rule."
            )


@dataclass(frozen=True)
class Growing:
    """In place of a batch size, one that grows: what `{adaptive: {by: noise_scale}}` says.

    Attributes:
        adaptive: by what, from where and how far.
    """

    adaptive: AdaptiveBatchSize


def limited(growth: AdaptiveBatchSize, plan: Plan, *, chunk_rows: int | None = None) -> AdaptiveBatchSize:
    """With the start of the plan, and the largest size that is reached as `maximum`.

    It is at most a quarter of the training rows, and at most a chunk where rows are read in chunks.

    >>> limited(AdaptiveBatchSize(start=64), Plan(training_rows=2_000, batch_size=64, epochs=1)).maximum
    256
    """
    start = plan.batch_size
    most = min(growth.maximum, plan.training_rows // LEAST_BATCHES, chunk_rows or growth.maximum)
    return replace(growth, start=start, maximum=start * _power_of_two(most / start))


def size_by_noise(growth: AdaptiveBatchSize, history: Rows) -> int:
    """The batch size of the epoch after these, by the noise scale.

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
    """The sum of tr Σ over that of |G|² of the epochs in which they were found; NaN if in none, or if both are 0.

    Both are unbiased, and |G|² may come out at 0 or below: φ is infinite where the sum does.
    """
    moments = [(row.get(TRACE, math.nan), row.get(NORM2, math.nan)) for row in history]
    known = [pair for pair in moments if all(map(math.isfinite, pair))]
    trace, norm2 = sum(pair[0] for pair in known), sum(pair[1] for pair in known)
    return trace / norm2 if norm2 > 0.0 else math.inf if trace > 0.0 else math.nan


def size_by_schedule(growth: AdaptiveBatchSize, shares: Rates, power: float) -> int:
    """The batch size of the last of these epochs, by the schedule.

    Args:
        growth: where it starts and ends.
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
    """p, of a rule that `AdaptiveBatchSize.check` has let pass."""
    return scaling_of(optimizer).rate


def _power_of_two(factor: float) -> int:
    """The largest power of two that is at most this factor; 1 if none is."""
    return 1 << math.floor(math.log2(max(factor, 1.0)))
