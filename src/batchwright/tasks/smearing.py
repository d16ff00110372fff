"""The mean of a target that is learned as a logarithm or a power: the way back of the mean is not the mean.

If log y is f plus an error of deviation s, exp(f) is the median of y, and the mean is about exp(f + s²/2). Duan's
smearing takes the mean of exp(f + r) over the residuals r of rows that are known, whatever their distribution is.

Paper: Duan 1983, Smearing Estimate: A Nonparametric Retransformation Method
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float, Float64

from batchwright._component import component
from batchwright.data.encode.power import Power

MOST = 100
"""Residuals that are kept of all rows: of as many groups of equal weight, from the lowest to the highest, the means."""

FAR = 10.0
"""Quartile distances, 13 deviations of a normal distribution, from the quartiles at which residuals are cut: a single
wrong target would decide about all answers."""


@component
class Curve(Power):
    """A `Power` whose numbers flow through compiled programs: training with another one compiles nothing."""


def curves_of(transforms: Iterable[Power]) -> tuple[Curve, ...]:
    """Transforms as a task holds them.

    >>> curves_of([Power(0.5, 2.0, False, 0.0, 1.0)])[0].undo(np.array([0.0])).tolist()
    [2.0]
    """
    return tuple(Curve(**dataclasses.asdict(transform)) for transform in transforms)


def smear(
    transform: Power, learned: Float[np.ndarray, " rows"], residuals: Sequence[float]
) -> Float64[np.ndarray, " rows"]:
    """The mean over the residuals of the values to which outputs and residuals lead.

    >>> smear(Power(0.0, 1.0, False, 0.0, 1.0), np.array([0.0]), (-1.0, 1.0)).round(3).tolist()
    [1.543]
    """
    total = np.zeros(len(learned))
    for residual in residuals:
        total += transform.undo(learned + residual) / len(residuals)
    return total


def group_residuals(residuals: Float[np.ndarray, " rows"], weights: Float[np.ndarray, " rows"]) -> tuple[float, ...]:
    """The mean residual of at most 100 groups of about equal weight, from the lowest to the highest.

    The weights are those of the rows, as in the loss: the mean of the answers is that of the weighted rows.

    >>> group_residuals(np.array([3.0, 1.0, 2.0]), np.ones(3))
    (1.0, 2.0, 3.0)
    """
    lower, upper = np.quantile(residuals, (0.25, 0.75))
    residuals = residuals.clip(lower - FAR * (upper - lower), upper + FAR * (upper - lower))
    order = np.argsort(residuals, kind="stable")
    ordered, share = residuals[order], weights[order] / weights.sum()
    count = min(MOST, len(ordered))
    group = np.minimum(((np.cumsum(share) - share / 2) * count).astype(np.int64), count - 1)
    weight = np.bincount(group, share, count)
    means = np.bincount(group, share * ordered, count)[weight > 0] / weight[weight > 0]
    return tuple(means.tolist())
