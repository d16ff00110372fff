"""The schedules that have names; here the ones without a formula of their own, and the table of all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Lt, MinLen

from batchwright.optim.decays import Exponential, InverseSqrt, InverseTime, Polynomial, Staircase
from batchwright.optim.schedule import NonNegative, Rates, Schedule, When
from batchwright.optim.waves import Cosine, CosineRestarts, OneCycle

__all__ = [
    "SCHEDULES",
    "Constant",
    "Cosine",
    "CosineRestarts",
    "Exponential",
    "InverseSqrt",
    "InverseTime",
    "OneCycle",
    "Piecewise",
    "Polynomial",
    "ReduceOnPlateau",
    "Schedule",
    "Staircase",
    "Warmup",
]


@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    """The same rate throughout: η.

    >>> Constant().rates(0.1, np.arange(2), iterations_per_epoch=1, total=2).tolist()
    [0.1, 0.1]
    """

    name: ClassVar[str] = "constant"

    def rates_without_warmup(self, learning_rate: float, when: When) -> Rates:
        return np.full(when.iterations.shape, learning_rate, np.float64)


@dataclass(frozen=True, kw_only=True)
class Warmup(Schedule):
    """A linear rise to η, and then η: the first W rates are η·(t + 1)/W.

    Args:
        warmup: as in every schedule; here 5 % of all iterations by default.

    >>> Warmup(warmup=4).rates(1.0, np.arange(6), iterations_per_epoch=3, total=6).tolist()
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]

    References:
        Goyal et al., Accurate, Large Minibatch SGD, 2017, arXiv 1706.02677.
    """

    name: ClassVar[str] = "warmup"

    warmup: NonNegative = 0.05

    def rates_without_warmup(self, learning_rate: float, when: When) -> Rates:
        return np.full(when.iterations.shape, learning_rate, np.float64)


@dataclass(frozen=True, kw_only=True)
class ReduceOnPlateau(Schedule):
    """η·factorⁿ, where n is how many times the validation loss stopped falling; never below `min_rate`.

    After an epoch whose loss is not below the best by more than `min_delta`, patience runs down; when it has run out,
    n grows by one, and the next `cooldown` epochs do not count.

    Args:
        factor: in (0, 1).
        patience: at least 1, epochs without progress before a reduction.
        min_delta: ≥ 0, what counts as progress, in the unit of the loss.
        cooldown: at least 0 epochs.
        min_rate: ≥ 0; reductions stop there.

    Keras's rule and defaults, except that the last epoch of `cooldown` counts in Keras. PyTorch reduces one epoch
    later, and its threshold is a share of the best loss.

    >>> ReduceOnPlateau(patience=2).factor_after([1.0, 0.5, 0.5, 0.6])
    0.1
    """

    name: ClassVar[str] = "reduce_on_plateau"
    uses_losses: ClassVar[bool] = True

    factor: Annotated[int | float, Gt(0), Lt(1)] = 0.1
    patience: Annotated[int, Ge(1)] = 10
    min_delta: NonNegative = 1e-4
    cooldown: Annotated[int, Ge(0)] = 0
    min_rate: NonNegative = 0.0

    def rates_without_warmup(self, learning_rate: float, when: When) -> Rates:
        rate = max(learning_rate * self.factor_after(when.losses), min(self.min_rate, learning_rate))
        return np.full(when.iterations.shape, rate, np.float64)

    def factor_after(self, losses: Sequence[float]) -> float:
        """factorⁿ after these validation losses, one for each epoch from the first; NaN is not progress."""
        best, waited, resting, reductions = np.inf, 0, 0, 0
        for loss in losses:
            progress = loss < best - self.min_delta
            best = loss if progress else best
            waited = 0 if progress or resting else waited + 1
            resting = max(resting - 1, 0)
            if waited >= self.patience:
                waited, resting, reductions = 0, self.cooldown, reductions + 1
        return float(self.factor**reductions)


@dataclass(frozen=True, kw_only=True)
class Piecewise(Schedule):
    """Rates given by hand: from each epoch on, its rate; η before the first.

    Args:
        points: pairs (epoch ≥ 0, rate ≥ 0) in any order; epochs count from 0 and may be fractions.

    >>> steps = Piecewise(points=((1, 0.5), (2, 0.1)))
    >>> steps.rates(1.0, np.arange(4), iterations_per_epoch=1, total=4).tolist()
    [1.0, 0.5, 0.1, 0.1]
    """

    name: ClassVar[str] = "piecewise"

    points: Annotated[tuple[tuple[NonNegative, NonNegative], ...], MinLen(1)]

    def rates_without_warmup(self, learning_rate: float, when: When) -> Rates:
        epochs, rates = np.array(sorted(self.points, key=lambda point: point[0]), np.float64).T
        starts = np.ceil(epochs * when.iterations_per_epoch - 1e-9)
        return np.append(learning_rate, rates)[np.searchsorted(starts, when.iterations, side="right")]


SCHEDULES: tuple[type[Schedule], ...] = (
    Constant,
    InverseTime,
    Exponential,
    InverseSqrt,
    Staircase,
    Polynomial,
    Cosine,
    CosineRestarts,
    Warmup,
    OneCycle,
    ReduceOnPlateau,
    Piecewise,
)
