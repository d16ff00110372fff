"""The learning rate as a function of the iteration, computed on the host before a segment runs.

All formulas use η, the learning rate of the optimizer; T, the iterations of the whole run; t = 0, 1, ..., the
iteration; and e, the epoch as a number. e is t over the iterations of an epoch: a fraction in a schedule `per`
iteration, rounded down in a schedule per epoch. The rate is an input of the compiled program, so another schedule
compiles nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NamedTuple, TypeAlias

import numpy as np
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

Rates: TypeAlias = NDArray[np.float64]
"""float64 [iterations]"""
Per: TypeAlias = Literal["iteration", "epoch"]

NonNegative: TypeAlias = Annotated[int | float, Ge(0)]
Positive: TypeAlias = Annotated[int | float, Gt(0)]
UpToOne: TypeAlias = Annotated[int | float, Ge(0), Le(1)]


class When(NamedTuple):
    """Iterations whose rates are needed, with the lengths of the epoch and the run."""

    iterations: NDArray[np.int64]
    iterations_per_epoch: int
    total: int
    losses: Sequence[float] = ()

    def epoch(self, per: Per) -> Rates:
        """e: whole numbers per epoch, fractions per iteration."""
        epochs = self.iterations / self.iterations_per_epoch
        return np.floor(epochs) if per == "epoch" else epochs

    def progress(self, per: Per) -> Rates:
        """The elapsed share of the run, t/T in [0, 1]."""
        return np.clip(self.epoch(per) * self.iterations_per_epoch / max(self.total, 1), 0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Schedule(ABC):
    """A learning-rate schedule: `rates` gives the rate of each iteration; a subclass gives the factors on η.

    Args:
        warmup: any schedule can begin with a linear warm-up: the rates of the first W iterations are multiplied by (t +
            1)/W. A number ≥ 1 is W itself, a number below 1 is a share of all iterations, and 0 is no warm-up.
    """

    name: ClassVar[str]
    uses_losses: ClassVar[bool] = False
    """Whether the rates follow the validation losses, so that validation rows are needed."""

    warmup: NonNegative = 0.0

    def rates(
        self,
        learning_rate: float,
        iterations: NDArray[np.integer],
        *,
        iterations_per_epoch: int,
        total: int,
        losses: Sequence[float] = (),
    ) -> Rates:
        """The learning rate of each of `iterations`.

        Args:
            learning_rate: η > 0.
            iterations: integers t ≥ 0 [iterations], in any order.
            iterations_per_epoch: at least 1.
            total: T ≥ 1, the iterations of the whole run; beyond it the rate keeps its last value.
            losses: the validation loss after each epoch so far; only ReduceOnPlateau uses them.

        Returns:
            float64 [iterations].

        >>> from batchwright.optim import Cosine
        >>> Cosine().rates(0.1, np.array([0, 5, 10]), iterations_per_epoch=5, total=10).round(12).tolist()
        [0.1, 0.05, 0.0]
        """
        when = When(np.asarray(iterations, np.int64), iterations_per_epoch, total, losses)
        ramp = self.warmup if self.warmup >= 1 else round(self.warmup * total)
        return self.rates_without_warmup(learning_rate, when) * np.minimum(1.0, (when.iterations + 1) / max(ramp, 1))

    @abstractmethod
    def rates_without_warmup(self, learning_rate: float, when: When) -> Rates:
        """The rates before the warm-up."""


def interpolate(low: float | Rates, high: float | Rates, share: Rates) -> Rates:
    """`low` at share 0, `high` at share 1."""
    return np.asarray(low + (high - low) * share)


def half_wave(progress: Rates) -> Rates:
    """Half a cosine wave, from 1 at progress 0 down to 0 at progress 1."""
    return 0.5 * (1.0 + np.cos(np.pi * progress))
