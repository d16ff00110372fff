"""Predict the effect of more rows: a power law through the validation losses of shares of the rows.

    loss(n) = c + a·n^(-b)

Hestness et al. 2017, Deep Learning Scaling is Predictable, Empirically, arXiv 1712.00409; Cortes et al. 1993, Learning
Curves: Asymptotic Values and Rate of Convergence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from batchwright.workflow import Estimate, estimate

MORE = 2
"""The multiple of the rows for which the loss is predicted."""
EXPONENTS = np.linspace(0.05, 2.0, 118)
"""Exponents that are tried: for each, c and a follow by least squares."""
WORTH = 0.02
"""The share of the loss that more rows must save to be worth mentioning."""


@dataclass(frozen=True)
class LearningCurve:
    """The numbers of rows, the mean loss with each, and the loss predicted for twice as many rows as there are.

    `foretold` is the mean over the seeds of the power laws' predictions. A few shares do not show where a curve
    flattens. So the interval reaches from a loss that keeps falling as it did between the last two shares to a loss
    that falls no further, each widened by the seeds' noise.
    """

    rows: tuple[int, ...]
    losses: tuple[float, ...]
    more_rows: int
    foretold: Estimate
    verdict: str


def learning_curve(rows: Sequence[int], by_seed: Sequence[Sequence[float]]) -> LearningCurve | None:
    """The curve through losses [shares][seeds]; None with fewer than three shares, or where one has diverged.

    >>> losses = [[0.1 + 2 * n**-0.5] for n in (100, 200, 400, 800)]
    >>> found = learning_curve([100, 200, 400, 800], losses)
    >>> round(found.foretold.mean, 3), round(0.1 + 2 * 1600**-0.5, 3)
    (0.15, 0.15)
    """
    if len(rows) < 3 or not all(by_seed):
        return None
    counts, losses = np.asarray(rows, np.float64), np.asarray(by_seed, np.float64)
    more = MORE * max(rows)
    expected = estimate([float(_PowerLaw(counts, column)(more)) for column in losses.T])
    ratio = np.log(more / counts[-1]) / np.log(counts[-1] / counts[-2])
    as_last = estimate((losses[-1] * (losses[-1] / losses[-2]) ** ratio).tolist())
    now, fall = estimate(losses[-1].tolist()), estimate((losses[-2] - losses[-1]).tolist())
    low = min(expected.low, as_last.low)
    low = max(low, 0.0) if losses.min() >= 0 else low
    foretold = Estimate(expected.mean, low, max(expected.high, now.high))
    means = losses.mean(axis=1)
    verdict = _verdict(float(means[-1]), more, foretold, falling=fall.low > 0)
    return LearningCurve(tuple(rows), tuple(map(float, means)), more, foretold, verdict)


class _PowerLaw:
    """The power law with the least squares through some losses."""

    def __init__(self, rows: Float[np.ndarray, " shares"], losses: Float[np.ndarray, " shares"]) -> None:
        self._scale = rows.max()
        fits = [self._fit(rows / self._scale, losses, exponent) for exponent in EXPONENTS]
        best = int(np.argmin([error for error, _, _ in fits]))
        self._exponent, (_, self._floor, self._slope) = EXPONENTS[best], fits[best]

    @staticmethod
    def _fit(
        rows: Float[np.ndarray, " shares"], losses: Float[np.ndarray, " shares"], exponent: float
    ) -> tuple[float, float, float]:
        """The squared error, c and a for an exponent, none of them below 0."""
        from scipy.optimize import nnls

        design = np.stack([np.ones_like(rows), rows**-exponent], axis=1)
        (floor, slope), error = nnls(design, losses)
        return float(error), float(floor), float(slope)

    def __call__(self, rows: float) -> float:
        return float(self._floor + self._slope * (rows / self._scale) ** -self._exponent)


def _verdict(now: float, more: int, foretold: Estimate, *, falling: bool) -> str:
    """What to expect of more rows; `falling` says that the last rows surely helped."""
    saved = 1 - foretold.mean / now
    interval = f"{foretold.mean:.4g} ({foretold.low:.4g} to {foretold.high:.4g})"
    said = f"with {more:,} rows the validation loss would be about {interval}, after {now:.4g} with all there are"
    if falling and saved >= WORTH:
        return f"more rows would help: {said}"
    if foretold.low > now * (1 - WORTH):
        return f"more rows would hardly help: {said}"
    return f"whether more rows would help is not clear: {said}"
