"""Schedules that only fall, by a formula of the epoch or of the elapsed share of the run."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Gt, Le

from batchwright.optim.schedule import NonNegative, Per, Positive, Rates, Schedule, UpToOne, When, interpolate


@dataclass(frozen=True, kw_only=True)
class InverseTime(Schedule):
    """η / (1 + decay·e), Keras's InverseTimeDecay with an epoch as its `decay_steps`.

    Args:
        decay: ≥ 0, by epoch.
        per: whether the rate changes after every epoch or every iteration.

    >>> InverseTime(decay=1.0).rates(1.0, np.arange(4), iterations_per_epoch=2, total=4).tolist()
    [1.0, 1.0, 0.5, 0.5]

    References:
        Robbins and Monro, A Stochastic Approximation Method, 1951.
    """

    name: ClassVar[str] = "inverse_time"

    decay: NonNegative = 0.1
    per: Per = "epoch"

    def rates_without_warmup(self, learning_rate: float, when: When) -> Rates:
        return learning_rate / (1.0 + self.decay * when.epoch(self.per))


@dataclass(frozen=True, kw_only=True)
class Exponential(Schedule):
    """η·baseᵉ, Keras's ExponentialDecay and PyTorch's ExponentialLR (there `gamma`).

    Args:
        base: in (0, 1], the factor from one epoch to the next.
        per: whether the rate changes after every epoch or every iteration.

    >>> Exponential(base=0.5).rates(1.0, np.arange(4), iterations_per_epoch=2, total=4).tolist()
    [1.0, 1.0, 0.5, 0.5]
    """

    name: ClassVar[str] = "exponential"

    base: Annotated[int | float, Gt(0), Le(1)] = 0.95
    per: Per = "epoch"

    def rates_without_warmup(self, learning_rate: float, when: When) -> Rates:
        return learning_rate * self.base ** when.epoch(self.per)


@dataclass(frozen=True, kw_only=True)
class InverseSqrt(Schedule):
    """η·k/√(e + 1): k/√epoch, with epochs counted from 1.

    Args:
        k: > 0; 1 begins at η.
        per: whether the rate changes after every epoch or every iteration.

    >>> InverseSqrt().rates(1.0, np.array([0, 6]), iterations_per_epoch=2, total=8).tolist()
    [1.0, 0.5]
    """

    name: ClassVar[str] = "inverse_sqrt"

    k: Positive = 1.0
    per: Per = "epoch"

    def rates_without_warmup(self, learning_rate: float, when: When) -> Rates:
        return learning_rate * self.k / np.sqrt(when.epoch(self.per) + 1.0)


@dataclass(frozen=True, kw_only=True)
class Staircase(Schedule):
    """η·factor^⌊e/every⌋: a drop after every `every` epochs. PyTorch's StepLR.

    Args:
        factor: in (0, 1], the factor of each drop.
        every: > 0, epochs between drops.

    >>> Staircase(factor=0.5, every=2).rates(1.0, np.arange(5), iterations_per_epoch=1, total=5).tolist()
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    name: ClassVar[str] = "staircase"

    factor: Annotated[int | float, Gt(0), Le(1)] = 0.5
    every: Positive = 10.0

    def rates_without_warmup(self, learning_rate: float, when: When) -> Rates:
        return learning_rate * self.factor ** np.floor(when.epoch("iteration") / self.every)


@dataclass(frozen=True, kw_only=True)
class Polynomial(Schedule):
    """η·(end + (1 − end)·(1 − t/T)^power): down to η·end at the end of the run.

    Args:
        power: > 0; 1 is a straight line.
        end: in [0, 1], the last rate as a share of η; Keras's `end_learning_rate` is η·end.
        per: whether the rate changes after every epoch or every iteration.

    >>> Polynomial().rates(1.0, np.arange(4), iterations_per_epoch=2, total=4).tolist()
    [1.0, 0.75, 0.5, 0.25]
    """

    name: ClassVar[str] = "polynomial"

    power: Positive = 1.0
    end: UpToOne = 0.0
    per: Per = "iteration"

    def rates_without_warmup(self, learning_rate: float, when: When) -> Rates:
        return learning_rate * interpolate(self.end, 1.0, (1.0 - when.progress(self.per)) ** self.power)
