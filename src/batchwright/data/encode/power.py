"""Logarithms and powers of a skewed target: chosen by the likelihood of its training rows, and undone exactly."""

import dataclasses
from typing import Literal

import numpy as np
from jaxtyping import Float, Float64

Transform = Literal["none", "auto", "log", "power"]

POWERS = np.linspace(0.0, 1.0, 21)
"""The powers λ that are compared; none is below 0, as the way back would then have a pole."""
GAIN = 0.5
"""The gain in log-likelihood per row from which `auto` transforms a target. Prices and counts with gains up to 0.47
were predicted with no smaller root mean square error (docs/log.md); log-normal numbers with 0.7 were."""
ALIKE = 0.02
"""The loss in log-likelihood per row up to which a logarithm is taken in place of the best power."""
MIDDLE = (0.005, 0.995)
"""The quantiles between which values count for the choice, so that a few wrong ones do not decide."""
MOST_ROWS = 100_000
"""Rows from which the power is learned, spread evenly."""
LARGEST_EXPONENT = 700.0
"""The exponential of larger numbers exceeds the largest float."""


@dataclasses.dataclass(frozen=True)
class Power:
    """A number y as z = (T(y / unit) − center) / scale, where T is a power with the exponent λ = `power`.

        Box-Cox        T(x) = (x^λ − 1) / λ,  log x for λ = 0, for x > 0
        Yeo-Johnson    T(x) = that of 1 + x for x ≥ 0, and −(that of 1 − x with 2 − λ) for x < 0; where `signed`

    Papers: Box and Cox 1964, An Analysis of Transformations; Yeo and Johnson 2000, A New Family of Power
    Transformations to Improve Normality or Symmetry
    """

    power: float
    unit: float
    signed: bool
    center: float
    scale: float

    @property
    def name(self) -> str:
        """What it does, in words."""
        if self.signed:
            return f"Yeo-Johnson power {self.power:g}"
        return f"Box-Cox power {self.power:g}" if self.power else "logarithm"

    def apply(self, values: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
        """The z of numbers y, which are above 0 unless `signed`."""
        return (_curve(values / self.unit, self.power, self.signed) - self.center) / self.scale

    def undo(self, learned: Float[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
        """The y of numbers z.

        >>> Power(0.0, 1.0, False, 0.0, 1.0).undo(np.array([0.0, 1.0])).round(3).tolist()
        [1.0, 2.718]
        """
        curved = np.asarray(learned, np.float64) * self.scale + self.center
        if not self.signed:
            return _uncurve(curved, self.power) * self.unit
        above, below = _uncurve(curved.clip(0.0), self.power), _uncurve((-curved).clip(0.0), 2.0 - self.power)
        return np.where(curved >= 0, above - 1.0, 1.0 - below) * self.unit


def fit_power(values: Float64[np.ndarray, " rows"], wanted: Transform, *, positive: bool) -> Power | None:
    """The transform of a target, learned from its values in the training rows; None leaves it as it is.

    Args:
        values: the values, which differ.
        wanted: `log`, the best `power`, or `auto`: either if it makes the values much more likely than they are as they
            are, in a normal distribution.
        positive: whether all values of the target are above 0; otherwise powers are those of Yeo and Johnson.

    >>> fit_power(np.exp(np.linspace(-3, 3, 99)), "auto", positive=True).name
    'logarithm'
    >>> fit_power(np.linspace(1, 2, 99), "auto", positive=True) is None
    True
    """
    if wanted == "none":
        return None
    some = values[:: max(1, len(values) // MOST_ROWS)]
    unit = float(np.exp(np.mean(np.log(some)))) if positive else float(np.median(np.abs(some))) or float(np.std(some))
    low, high = np.quantile(some, MIDDLE)
    middle = some[(low <= some) & (some <= high)] / unit
    likely = np.array([_log_likelihood(middle, power, signed=not positive) for power in POWERS])
    best = int(np.argmax(likely))
    if wanted == "auto" and likely[best] - likely[-1] < GAIN:
        return None
    if wanted == "log" or (wanted == "auto" and positive and likely[best] - likely[0] < ALIKE):
        best = 0
    if POWERS[best] == 1.0:  # the values as they are
        return None
    found = Power(float(POWERS[best]), unit, not positive, 0.0, 1.0)
    curved = found.apply(values)
    return dataclasses.replace(found, center=float(np.mean(curved)), scale=float(np.std(curved)) or 1.0)


def _curve(values: Float64[np.ndarray, "*shape"], power: float, signed: bool) -> Float64[np.ndarray, "*shape"]:
    if not signed:
        return _box_cox(values, power)
    above, below = _box_cox(1.0 + values.clip(0.0), power), _box_cox(1.0 - values.clip(None, 0.0), 2.0 - power)
    return np.where(values >= 0, above, -below)


def _box_cox(values: Float64[np.ndarray, "*shape"], power: float) -> Float64[np.ndarray, "*shape"]:
    logs = np.log(values)
    return np.asarray(np.expm1(power * logs) / power if power else logs)


def _uncurve(curved: Float64[np.ndarray, "*shape"], power: float) -> Float64[np.ndarray, "*shape"]:
    """The inverse of `_box_cox`; 0 below the least number that it gives."""
    if power == 0:
        return np.asarray(np.exp(curved.clip(None, LARGEST_EXPONENT)))
    with np.errstate(divide="ignore"):
        logs = np.log1p((power * curved).clip(-1.0)) / power
    return np.asarray(np.exp(logs.clip(None, LARGEST_EXPONENT)))


def _log_likelihood(values: Float64[np.ndarray, " rows"], power: float, *, signed: bool) -> float:
    """The log-likelihood per row of the values, if those transformed have a normal distribution, up to a constant."""
    curved = _curve(values, power, signed)
    slope = np.sign(values) * np.log1p(np.abs(values)) if signed else np.log(values)
    return float((power - 1.0) * np.mean(slope) - np.log(max(float(np.std(curved)), np.finfo(np.float64).tiny)))
