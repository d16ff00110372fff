"""Temperature scaling: outputs are divided by one number T, so that probabilities are as sure as validation rows show.

T above 1 makes a network less sure, below 1 surer. The most probable class stays what it is.

Paper: Guo et al. 2017, On Calibration of Modern Neural Networks, section 4.2
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int

Calibration: TypeAlias = Literal["auto", "temperature", "none"]

MOST = 10.0
"""T lies between 1/10 and 10: at an end, the rows do not determine it, as where every answer is right."""
FEWEST = 50
"""Rows of equal weight below which `auto` leaves T at 1: the spread of the gain is not known from fewer."""
FOLDS = 5
"""Parts of the rows: the log loss of each is measured with the T of the others."""
MOST_OUTPUTS = 200_000
"""Outputs from which T is found: of more, rows are taken evenly, so that it takes a fraction of a second."""
STEPS, CLOSE = 100, 1e-10
"""The most steps of Newton's method, which takes about five, and how near the last two values of log T are."""


@dataclass(frozen=True)
class Temperature:
    """The temperature with the smallest log loss on some rows, and what it is good for on others.

    - value: T
    - before: the log loss with T = 1
    - gain: by how much T lowers the log loss of rows that it was not found from
    - error: the standard error of the gain
    - rows: of equal weight, as many as say the same
    """

    value: float
    before: float
    gain: float
    error: float
    rows: float

    @property
    def is_sure(self) -> bool:
        """Whether the gain exceeds its standard error; where T is 1, one case in 20 or fewer."""
        return self.rows >= FEWEST and self.gain > self.error


def find_temperature(
    logits: Float[np.ndarray, "rows answers classes"],
    true: Int[np.ndarray, "rows answers"],
    weights: Float[np.ndarray, " rows"],
) -> Temperature | None:
    """The T that minimises the mean of log Σ_j exp(z_j / T) - z_true / T; None where the rows do not determine it.

    The loss is convex in 1/T: T is where its slope is 0.

    Args:
        logits: z in float64; a class has one answer for each row, and labels one of two classes for each label.
        true: the true class of each.
        weights: those of the rows, above 0.

    >>> z = np.log([[[0.9, 0.1]]] * 10)  # sure with 0.9, and right in 7 of 10 rows
    >>> found = find_temperature(z, np.array([[0]] * 7 + [[1]] * 3), np.ones(10))
    >>> f"{1 / (1 + 9 ** (-1 / found.value)):.4f}"
    '0.7000'
    """
    step = -(-logits.size // MOST_OUTPUTS)
    some = _Outputs.of(logits[::step], true[::step], weights[::step])
    scale = _best_scale(some)
    if not 1 / MOST < scale < MOST:
        return None
    rows = len(some.weights)
    before, gains, fold = some.losses(1.0), np.zeros(rows), np.arange(rows) % FOLDS
    for number in range(min(FOLDS, rows)):
        own, others = fold == number, fold != number
        by_others = _best_scale(some.take(others), scale) if others.any() else 1.0
        gains[own] = before[own] - some.take(own).losses(by_others)
    share = some.weights / some.weights.sum()
    gain = float(share @ gains)
    error = float(np.sqrt(share**2 @ (gains - gain) ** 2))
    return Temperature(1 / scale, float(share @ before), gain, error, float(1 / (share @ share)))


class _Outputs(NamedTuple):
    """Logits above the true one [classes, rows, answers], and the weights of the rows.

    The classes come first, as NumPy is slow to reduce few numbers at the end.
    """

    above: Float[np.ndarray, "classes rows answers"]
    weights: Float[np.ndarray, " rows"]

    @classmethod
    def of(cls, logits: np.ndarray, true: np.ndarray, weights: np.ndarray) -> "_Outputs":
        """Of logits [rows, answers, classes]."""
        own = np.take_along_axis(logits, true[:, :, None], axis=2)
        return cls(np.ascontiguousarray(np.moveaxis(logits - own, 2, 0)), weights)

    def take(self, rows: Bool[np.ndarray, " rows"]) -> "_Outputs":
        """Some of the rows."""
        return _Outputs(self.above[:, rows], self.weights[rows])

    def losses(self, scale: float) -> Float[np.ndarray, " rows"]:
        """The log loss of each row with logits multiplied by a scale, the mean over its answers."""
        scaled = self.above * scale
        largest = scaled.max(axis=0)
        return np.asarray((np.log(np.exp(scaled - largest).sum(axis=0)) + largest).mean(axis=1))

    def slope(self, scale: float) -> tuple[float, float]:
        """The first and the second derivative of the loss of all rows by the scale, the second at least 0."""
        scaled = self.above * scale
        odds = np.exp(scaled - scaled.max(axis=0))
        total = odds.sum(axis=0)
        mean = (odds * self.above).sum(axis=0) / total
        variance = (odds * (self.above - mean) ** 2).sum(axis=0) / total
        return float(self.weights @ mean.mean(axis=1)), float(self.weights @ variance.mean(axis=1))


def _best_scale(some: _Outputs, start: float = 1.0) -> float:
    """The 1/T at which the slope is 0, or the end of its range that is nearer: by Newton's method in log T.

    Where a step leaves the range that is left, the middle of that range is next.
    """
    low, high = -np.log(MOST), np.log(MOST)
    if some.slope(1 / MOST)[0] >= 0:
        return 1 / MOST
    if some.slope(MOST)[0] <= 0:
        return MOST
    at = float(np.log(start))
    for _ in range(STEPS):
        slope, curvature = some.slope(float(np.exp(at)))
        low, high = (low, at) if slope > 0 else (at, high)
        step = at - slope / (curvature * np.exp(at)) if curvature > 0 else high
        before, at = at, float(step if low < step < high else (low + high) / 2)
        if abs(at - before) < CLOSE:
            break
    return float(np.exp(at))
