"""Schedules made of cosine waves: one down, several, or one up and down."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le, Lt

from batchwright.optim.schedule import Per, Positive, Rates, Schedule, UpToOne, When, half_wave, interpolate


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """η·(end + (1 − end)·½(1 + cos(π·t/T))): half a wave, from η to η·end at the end of the run.

    Args:
        end: in [0, 1], the last rate as a share of η; Keras's `alpha`.
        per: whether the rate changes after every epoch or every iteration.

    >>> Cosine(end=0.5).rates(1.0, np.array([0, 2]), iterations_per_epoch=2, total=4).tolist()
    [1.0, 0.75]

    References:
        Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017, arXiv 1608.03983.
    """

    name: ClassVar[str] = "cosine"

    end: UpToOne = 0.0
    per: Per = "iteration"

    def rates_without_warmup(self, learning_rate: float, when: When) -> Rates:
        return learning_rate * interpolate(self.end, 1.0, half_wave(when.progress(self.per)))


@dataclass(frozen=True, kw_only=True)
class CosineRestarts(Schedule):
    """Cosine waves one after another, each longer than the one before; the last ends with the run.

    Cycle i = 0, 1, ... takes a share growthⁱ / Σⱼ growthʲ of the iterations, and runs from η·peak_decayⁱ to η·end.

    Args:
        cycles: at least 1.
        growth: > 0, the length of a cycle divided by the length before; Keras's `t_mul`, the paper's T_mult.
        peak_decay: in (0, 1], the peak of a cycle divided by the peak before; Keras's `m_mul`.
        end: in [0, 1], the lowest rate as a share of η.

    Keras and PyTorch ask for the length of the first cycle, and cut off the last at the end of the run.

    >>> CosineRestarts(cycles=2).rates(1.0, np.array([0, 2, 4]), iterations_per_epoch=2, total=6).round(12).tolist()
    [1.0, 1.0, 0.5]

    References:
        Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017, arXiv 1608.03983.
    """

    name: ClassVar[str] = "cosine_restarts"

    cycles: Annotated[int, Ge(1)] = 3
    growth: Positive = 2.0
    peak_decay: Annotated[int | float, Gt(0), Le(1)] = 1.0
    end: UpToOne = 0.0

    def rates_without_warmup(self, learning_rate: float, when: When) -> Rates:
        lengths = self.growth ** np.arange(self.cycles)
        ends = np.cumsum(lengths) / lengths.sum()
        progress = when.progress("iteration")
        # An iteration on a boundary opens the next cycle, even if rounding puts it just before.
        cycle = np.minimum(np.searchsorted(ends, progress + 1e-12, side="right"), self.cycles - 1)
        within = np.clip(1.0 - (ends[cycle] - progress) * lengths.sum() / lengths[cycle], 0.0, 1.0)
        peak = np.maximum(self.peak_decay**cycle, self.end)
        return learning_rate * interpolate(self.end, peak, half_wave(within))


@dataclass(frozen=True, kw_only=True)
class OneCycle(Schedule):
    """One rise to η and one long fall to nearly nothing, each half a cosine wave; η is the peak.

    From η/div_factor at t = 0 to η at t = pct_start·T, then down to η/(div_factor·final_div_factor) at t = T.

    Args:
        pct_start: in [0, 1), the share of the run in which the rate rises.
        div_factor: ≥ 1, the peak divided by the first rate.
        final_div_factor: ≥ 1, the first rate divided by the last.

    PyTorch's OneCycleLR, names and defaults; there the last iteration T − 1 has the lowest rate, here T would have it.

    >>> OneCycle().rates(1.0, np.array([0, 30]), iterations_per_epoch=10, total=100).tolist()
    [0.04, 1.0]

    References:
        Smith and Topin, Super-Convergence, 2018, arXiv 1708.07120.
    """

    name: ClassVar[str] = "one_cycle"

    pct_start: Annotated[int | float, Ge(0), Lt(1)] = 0.3
    div_factor: Annotated[int | float, Ge(1)] = 25.0
    final_div_factor: Annotated[int | float, Ge(1)] = 1e4

    def rates_without_warmup(self, learning_rate: float, when: When) -> Rates:
        first, progress = 1.0 / self.div_factor, when.progress("iteration")
        rising = progress < self.pct_start
        from_peak = np.abs(progress - self.pct_start) / np.where(rising, self.pct_start, 1.0 - self.pct_start)
        return learning_rate * interpolate(
            np.where(rising, first, first / self.final_div_factor), 1.0, half_wave(from_peak)
        )
