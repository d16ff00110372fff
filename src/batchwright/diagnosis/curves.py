"""A curve of the history, its noise and its trend: what every check of a curve is judged by."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float64

Curve: TypeAlias = Float64[np.ndarray, " epochs"]


class Trend(NamedTuple):
    """The value at the end of a curve, its slope per epoch with standard error, and the number of epochs used."""

    last: float
    slope: float
    error: float
    epochs: int


def curve_of(history: Sequence[Mapping[str, object]], key: str) -> Curve:
    """The value of each epoch, NaN where a row has none."""
    values = [row.get(key) for row in history]
    return np.array([float(value) if isinstance(value, int | float) else math.nan for value in values], np.float64)


def noise_of(curve: Curve) -> float:
    """The standard deviation of the later half (at least twelve epochs) around its trend, by second differences.

    Of independent noise, v[t-1] - 2·v[t] + v[t+1] has √6 times the standard deviation, and the median of its size is
    0.6745 of that. The median is used so that a single jump does not hide everything else.
    """
    later = curve[-max(12, len(curve) // 2) :]
    return float(np.median(np.abs(np.diff(later, n=2)))) / (0.6745 * math.sqrt(6))


def slope_of(curve: Curve) -> tuple[float, float, float]:
    """The least-squares slope per epoch, its standard error, and the sum of squared deviations of the epochs."""
    t = np.arange(len(curve)) - (len(curve) - 1) / 2
    spread = float(t @ t)
    slope = float(t @ curve) / spread
    residuals = curve - curve.mean() - slope * t
    return slope, math.sqrt(float(residuals @ residuals) / (len(curve) - 2) / spread), spread


def trend_of(curve: Curve) -> Trend:
    """The trend of the last quarter of a curve, which has at least five epochs."""
    count = max(5, len(curve) // 4)
    slope, error, spread = slope_of(curve[-count:])
    error = max(error, noise_of(curve) / math.sqrt(spread))  # with few epochs the residuals may be small by chance
    return Trend(float(curve[-count:].mean()) + slope * (count - 1) / 2, slope, error, count)


def width_of(curve: Curve) -> int:
    """Epochs to average: a tenth, within 3 to 9; odd, so that each mean has a middle."""
    return min(max(3, len(curve) // 10), 9) | 1


def moving_means(curve: Curve, width: int) -> Float64[np.ndarray, " means"]:
    """Moving averages over `width` epochs; mean i is centred at epoch i + width // 2, counted from 0."""
    return np.convolve(curve, np.full(width, 1 / width), "valid")
