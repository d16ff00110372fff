"""How numbers are scaled: the encoder for each way, and the way that suits a column, chosen from its training rows."""

import dataclasses
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float64

from batchwright.data.encode.encoders import (
    LARGEST,
    LIMIT,
    Number,
    Quantile,
    as_floats,
    mean_and_deviation,
    scale_by,
)

QUANTILES, ROWS_PER_QUANTILE = (10, 1000), 30
"""Fewest and most knots of the quantile map, one per 30 rows between them (Gorishniy et al. 2021, arXiv 2106.11959)."""

SMOOTH_LIMIT = 3.0
"""The c of z / √(1 + (z/c)²) (RealMLP: Holzmüller et al. 2024, arXiv 2407.04491)."""

TAILS = (0.005, 0.995)
NORMAL_TAILS = 3.819
"""The distance of these quantiles in a normal distribution, in quartile distances: 2 · 2.576 / 1.349."""
HEAVY, LONG = 3.0, 1.5
"""From these multiples of the normal distance on, tails are heavy, or long."""
FAR = 10.0
"""Quartile distances from the median, 13 deviations of a normal distribution, beyond which a single value is far."""

REACH = 1.25
"""Where the scaling was chosen, scaled numbers are cut at the largest of the training rows times this: a wrong number
among new rows then changes the answer no more than the most extreme one in training."""


class Choice(NamedTuple):
    """How a column is scaled, and why."""

    scaling: str
    why: str | None


def number_encoder(column: str, cells: pl.Series, scaling: str) -> Number | Quantile:
    """The encoder of a numeric column; `auto` chooses the scaling by its training rows."""
    values, indicator = as_floats(cells.drop_nulls()), cells.null_count() > 0
    choice = choose_scaling(values) if scaling == "auto" else Choice(scaling, None)
    made = dataclasses.replace(_number_encoder(column, values, indicator, choice.scaling), why=choice.why)
    if len(values) == 0:
        return made
    if isinstance(made, Number) and scaling == "auto":
        farthest = float(np.abs(scale_by(values, made.center, made.scale)).max())
        made = dataclasses.replace(made, limit=min(REACH * (farthest or 1.0), LIMIT))
    return dataclasses.replace(made, lowest=float(values.min()), highest=float(values.max()))


def choose_scaling(values: Float64[np.ndarray, " rows"]) -> Choice:
    """The scaling for a column by the ties and the tails of the numbers in its training rows.

    >>> choose_scaling(np.arange(100.0)).scaling
    'standard'
    >>> choose_scaling(np.array([0.0] * 80 + [1.0, 2.0, 3.0, 400.0] * 5))
    Choice(scaling='quantile', why='80 % of the rows are 0')
    """
    if len(np.unique(values)) <= 2:
        return Choice("standard", "two values at most")
    lowest, lower, middle, upper, highest = np.quantile(values, (TAILS[0], 0.25, 0.5, 0.75, TAILS[1]))
    if lower == upper:
        return Choice("quantile", f"{100 * np.mean(values == middle):.0f} % of the rows are {middle:.6g}")
    ratio = float((highest / 2 - lowest / 2) / (upper / 2 - lower / 2)) / NORMAL_TAILS
    shown = f"99 % of the rows span {ratio:.2g} times what a normal distribution does"
    if ratio >= HEAVY:
        return Choice("quantile", f"heavy tails: {shown}")
    if ratio >= LONG:
        return Choice("smooth_clip", f"long tails: {shown}")
    ends = scale_by(np.array([values.min(), values.max()]), float(middle), float(upper - lower))
    if np.abs(ends).max() > FAR:
        far = values.max() if abs(ends[1]) > abs(ends[0]) else values.min()
        return Choice(
            "smooth_clip", f"far values: {far:.6g}, where half of the rows are from {lower:.6g} to {upper:.6g}"
        )
    return Choice("standard", f"no long tails: {shown}")


def _number_encoder(
    column: str, values: Float64[np.ndarray, " rows"], indicator: bool, scaling: str
) -> Number | Quantile:
    """The encoder learned from the numbers that are not missing."""
    if scaling == "none":
        return Number(column, 0.0, 1.0, indicator, limit=LARGEST)
    if scaling == "quantile":
        return Quantile(column, *_quantile_map(values), indicator)
    center, scale = mean_and_deviation(values)
    if scaling == "standard" or len(values) == 0:
        return Number(column, center, scale or 1.0, indicator)
    lower, center, upper = (float(value) for value in np.quantile(values, (0.25, 0.5, 0.75)))
    spread = min(upper - lower, np.finfo(np.float64).max)
    if scaling == "smooth_clip":
        half_range = float(values.max()) / 2 - float(values.min()) / 2
        return Number(column, center, spread or half_range or 1.0, indicator, smooth_limit=SMOOTH_LIMIT)
    scale = spread or scale or 1.0
    farthest = float(np.max(np.abs(scale_by(values, center, scale)), initial=0.0))
    return Number(column, center, scale, indicator, limit=min(max(LIMIT, farthest), LARGEST))


def _quantile_map(values: Float64[np.ndarray, " rows"]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Knots and their normal quantiles; equal knots become one, at the mean of their quantiles."""
    fewest, most = QUANTILES
    count = max(min(len(values) // ROWS_PER_QUANTILE, most), fewest)
    shares = (np.arange(count) + 0.5) / count
    normal = NormalDist()
    levels = np.array([normal.inv_cdf(share) for share in shares])
    knots, place = np.unique(np.quantile(values, shares), return_inverse=True)
    return tuple(knots.tolist()), tuple((np.bincount(place, levels) / np.bincount(place)).tolist())
