"""Fits beside each other: with each degree or width, and the polynomial that least squares gives."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from batchwright.errors import UsageError
from batchwright.lab.fit.curve_fit import CurveFit, Fitted, Kind, fit_curve
from batchwright.lab.network.point_sets import X, Y

CAPACITIES: Mapping[Kind, tuple[int, ...]] = {
    "polynomial": (1, 2, 3, 4, 6, 8, 12, 16, 20),
    "network": (1, 2, 4, 8, 16, 32, 64),
}
"""The degrees or widths of a comparison."""


def compare_capacities(asked: CurveFit) -> list[Fitted]:
    """The same fit with each of the `CAPACITIES` of its kind: the U of the validation loss."""
    return [fit_curve(replace(asked, capacity=capacity)) for capacity in CAPACITIES[asked.model]]


def least_squares(asked: CurveFit) -> tuple[float, float]:
    """The losses of the polynomial with the least training loss, where training with ever more epochs leads.

    Raises:
        UsageError: the model is a network, whose least loss nobody knows.
    """
    if asked.model != "polynomial":
        raise UsageError("only a polynomial has a least-squares solution: take model=polynomial.")
    train, held_out = asked.points
    seen, new = (np.polynomial.legendre.legvander(part[X], asked.capacity) for part in (train, held_out))
    weights = np.linalg.lstsq(seen, train[Y], rcond=None)[0]
    return float(np.mean((seen @ weights - train[Y]) ** 2)), float(np.mean((new @ weights - held_out[Y]) ** 2))
