"""Temperature scaling: outputs are divided by one number T, so that probabilities are as sure as validation rows show.

T above 1 makes a network less sure, below 1 surer. The most probable class stays what it is.

Paper: Guo et al. 2017, On Calibration of Modern Neural Networks, section 4.2
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float, Int

Calibration: TypeAlias = Literal["auto", "temperature", "none"]

MOST = 10.0
"""T lies between 1/10 and 10: at an end, the rows do not determine it, as where every answer is right."""
FEWEST = 50
"""Rows of equal weight below which `auto` leaves T at 1: the spread of the gain is not known from fewer."""
FOLDS = 5
"""Parts of the rows: the log loss of each is measured with the T of the others."""
MOST_OUTPUTS = 500_000
"""Outputs from which T is found: of more, rows are taken evenly, so that it is a matter of a second."""


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

    The loss is convex in 1/T, so that T is where its slope is 0.

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
    logits, true, weights = logits[::step], true[::step], weights[::step]
    scale = _best_scale(logits, true, weights)
    if not 1 / MOST < scale < MOST:
        return None
    before = _losses(logits, true, 1.0)
    gains, fold = np.zeros(len(logits)), np.arange(len(logits)) % FOLDS
    for number in range(min(FOLDS, len(logits))):
        own, others = fold == number, fold != number
        by_others = _best_scale(logits[others], true[others], weights[others]) if others.any() else 1.0
        gains[own] = before[own] - _losses(logits[own], true[own], by_others)
    share = weights / weights.sum()
    gain = float(share @ gains)
    error = float(np.sqrt(share**2 @ (gains - gain) ** 2))
    return Temperature(1 / scale, float(share @ before), gain, error, float(1 / (share @ share)))


def _losses(logits: np.ndarray, true: np.ndarray, scale: float) -> Float[np.ndarray, " rows"]:
    """The log loss of each row with z multiplied by a scale, the mean over its answers."""
    scaled = logits * scale
    largest = scaled.max(axis=2)
    own = np.take_along_axis(scaled, true[:, :, None], axis=2)[:, :, 0]
    logs = np.log(np.exp(scaled - largest[:, :, None]).sum(axis=2))
    return np.asarray((logs + (largest - own)).mean(axis=1))


def _best_scale(logits: np.ndarray, true: np.ndarray, weights: np.ndarray) -> float:
    """The 1/T at which the slope of the loss is 0, or the end of its range that is nearer to it."""
    from scipy.optimize import brentq

    own = np.take_along_axis(logits, true[:, :, None], axis=2)[:, :, 0]

    def slope(log_scale: float) -> float:
        scaled = logits * np.exp(log_scale)
        odds = np.exp(scaled - scaled.max(axis=2, keepdims=True))
        mean = (odds * logits).sum(axis=2) / odds.sum(axis=2)
        return float(weights @ (mean - own).mean(axis=1))

    low, high = -np.log(MOST), np.log(MOST)
    if slope(low) >= 0:
        return 1 / MOST
    if slope(high) <= 0:
        return MOST
    return float(np.exp(brentq(slope, low, high, xtol=1e-12)))
