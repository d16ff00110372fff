"""The gradient noise scale φ = tr Σ / |G|²: the batch size above which more rows no longer pay, with its uncertainty.

G is the gradient of the mean loss of the population that the rows were drawn from, Σ the covariance of the gradients of
single rows in it; both are estimated without bias from the given rows. (Batches are drawn from these rows without
replacement: the gradient of B of N rows has the variance (1 - B/N)·tr Σ / B around the gradient of all.) A batch of B
rows gives a gradient with the squared length |G|² + tr Σ / B in expectation; with B = φ, noise and signal are equally
large, and the iterations that training takes to a given loss are proportional to 1 + φ/B (McCandlish et al. 2018, arXiv
1812.06162).

An adaptive rule moves along P·g rather than g, so its batch size is governed by the φ of preconditioned gradients,
tr(PΣP) / |PG|²; for Adam, P = 1 / (√v̂ + ε). φ grows in the course of training: measure along the run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import jax
import numpy as np
from jaxtyping import Float, Float64, Int32

from batchwright._shown import Drawings, Shown
from batchwright.errors import ConfigError, DataError, DivergedError, TooFewRowsError
from batchwright.measure.per_row import ROWS_AT_ONCE, gradient_sums, mixes_rows
from batchwright.nn.protocols import Tree
from batchwright.training.state import Program, Rows, TrainState

if TYPE_CHECKING:
    import polars as pl

MIXED_ROWS = 16
"""Rows of a group where rows influence each other: enough for batch statistics, few enough to be far below φ."""

LEVEL = 0.975
"""Probability left out at each end of an interval: 2.5 %."""

Numbers: TypeAlias = float | Float64[np.ndarray, "..."]


class Moments(NamedTuple):
    """tr Σ and |G|², both in squared units of the gradient; unbiased, so |G|² may come out below 0."""

    trace: Numbers
    gradient_norm2: Numbers


class Spread(NamedTuple):
    """The uncertainty of both moments: their variances and covariance, and the degrees of freedom of these."""

    trace: float
    gradient_norm2: float
    covariance: float
    degrees: int


@dataclass(frozen=True)
class NoiseScale(Shown):
    """A noise scale in rows, and the moments that it was computed from.

    `value` is trace / gradient_norm2: infinite where |G|² was estimated at 0 or below, NaN where there was no gradient
    at all, as in a dead layer. `low` and `high` are the ends of a 95 % interval; where |G|² cannot be told from 0,
    `high` is infinite. `rows` is how many rows were measured.
    """

    value: float
    low: float
    high: float
    trace: float
    gradient_norm2: float
    rows: int
    spread: Spread

    def __repr__(self) -> str:
        """The noise scale, with its interval."""
        return f"<NoiseScale: {self.value:.4g} rows ({self.low:.4g} to {self.high:.4g})>"

    def drawings(self) -> Drawings:
        """What draws each figure, by name, or why there is none."""
        from batchwright.measure.drawing import noise_drawing

        return {"noise": noise_drawing(self)}

    def frames(self) -> "dict[str, pl.DataFrame]":
        """The one table, noise, as a data frame of one row."""
        from batchwright.measure.frames import noise_frame

        return {"noise": noise_frame({"all": self})}


@dataclass(frozen=True)
class NoiseScales(Shown):
    """The noise scale of all parameters together, and of each layer by its path, as in "body/dense_0".

    The traces and |G|² of the layers add up to the totals.
    """

    overall: NoiseScale
    layers: dict[str, NoiseScale]

    def __repr__(self) -> str:
        """The noise scale of all parameters together, and the number of layers."""
        return f"<NoiseScales: {self.overall!r}, and of {len(self.layers):,} layers>"

    def drawings(self) -> Drawings:
        """What draws each figure, by name, or why there is none."""
        from batchwright.measure.drawing import draw_layers, noise_drawing

        return {"layers": lambda: draw_layers(self), "noise": noise_drawing(self.overall)}

    def frames(self) -> "dict[str, pl.DataFrame]":
        """The tables layers, and noise of all parameters together, each as a data frame."""
        from batchwright.measure.frames import noise_frame

        return {"layers": noise_frame(self.layers), "noise": noise_frame({"all": self.overall})}


def measure_noise(
    program: Program,
    train: TrainState,
    rows: Rows,
    places: Int32[np.ndarray, " n"],
    *,
    seed: int = 0,
    preconditioned: bool = False,
    blocks: int = 16,
    group_rows: int | None = None,
) -> NoiseScales:
    """The noise scale of the loss that training minimises, from the gradients of single rows.

    Gradients are taken of `Task.losses` in training mode, weighted as in training: the gradient g of a row with weight
    w counts as w·g·n / Σw, so that the mean is the gradient of the weighted mean loss. Clipping, l2 and weight decay
    are left out. Where rows influence each other, as through batch normalization, groups of 16 replace single rows (n
    of a few thousand then give what n of a few hundred give without).

    Rows that do not fill the last group of each block are left out; `rows` of the result says how many were used.

    Args:
        program: what is trained; changing its numbers compiles nothing.
        train: the parameters at which to measure, and the state of the update rule.
        rows: rows on the device.
        places: which of them to measure: row numbers, drawn at random without replacement.
        seed: seed of dropout, which each row or group draws for itself.
        preconditioned: multiply gradients by the rule's P first (its `preconditioner`); a rule without one, such as
            SGD, is measured as it is.
        blocks: K ≥ 3, blocks of rows from which the uncertainty is estimated. K gradients are kept.
        group_rows: rows of a group ≥ 1; None: 1, or 16 where rows influence each other.

    Raises:
        ConfigError: `blocks` or `group_rows` is too small.
        DataError: fewer than 3 groups of rows, a row number that does not exist, or gradients that are all 0.
        DivergedError: a loss or gradient is not finite.

    References:
        McCandlish, Kaplan, Amodei et al., An Empirical Model of Large-Batch Training, 2018, arXiv 1812.06162.
    """
    if group_rows is None:
        group_rows = MIXED_ROWS if mixes_rows(program.model.network, train.variables, rows) else 1
    arranged = _arrange_places(places, rows.length, blocks, group_rows)
    sums = gradient_sums(program, train, rows, jax.numpy.asarray(arranged), seed=seed, preconditioned=preconditioned)
    gram, squares = (np.asarray(part, np.float64) for part in (sums.gram, sums.squares))
    if not all(np.isfinite(part).all() for part in (sums.losses, gram, squares)):
        raise DivergedError("the loss or its gradient is not finite at these parameters: measure before the divergence")
    groups = arranged.shape[1] * arranged.shape[2]
    overall = noise_scale(gram.sum(axis=0), squares.sum(axis=0), groups=groups, group_rows=group_rows)
    if np.isnan(overall.value):
        raise DataError(
            f"the gradients of all {overall.rows} rows are 0: there is nothing to learn, nor any noise in it"
        )
    layers = {
        name: noise_scale(gram[leaves].sum(axis=0), squares[leaves].sum(axis=0), groups=groups, group_rows=group_rows)
        for name, leaves in _layers(program.trained_params(train.params)).items()
    }
    return NoiseScales(overall, layers)


def pool(measurements: Sequence[NoiseScales]) -> NoiseScales:
    """One noise scale of several measurements along a run: the mean of tr Σ over the mean of |G|².

    A mean of ratios would be biased, and infinite if one ratio is. The interval is for these parameters, and takes the
    rows of different measurements as independent; its degrees of freedom are the fewest of any measurement.

    Raises:
        ValueError: no measurements, or measurements of different layers.
    """
    names = [tuple(scales.layers) for scales in measurements]
    if not names or any(other != names[0] for other in names):
        raise ValueError("pool takes one or more measurements of the same network")
    layers = {name: _pool_scales([scales.layers[name] for scales in measurements]) for name in names[0]}
    return NoiseScales(_pool_scales([scales.overall for scales in measurements]), layers)


def from_two_sizes(small: int, big: int, small_norm2: Numbers, big_norm2: Numbers) -> Moments:
    """Both moments, without bias, from the mean squared norms of gradients at two batch sizes b < B.

        |G|² ≈ (B·|G_B|² − b·|G_b|²) / (B − b),    tr Σ ≈ (|G_b|² − |G_B|²) / (1/b − 1/B)

    Average both over many batches before dividing one by the other: a mean of ratios is biased.

    Args:
        small: b > 0, in rows.
        big: B > b, in rows.
        small_norm2: the mean |G_b|² of gradients of the mean loss over b rows.
        big_norm2: the mean |G_B|² of gradients of the mean loss over B rows.

    Raises:
        ValueError: not 0 < b < B.

    >>> from_two_sizes(1, 4, 7.0, 4.0)  # 3 + 4/1 = 7, 3 + 4/4 = 4
    Moments(trace=4.0, gradient_norm2=3.0)

    References:
        McCandlish et al. 2018, arXiv 1812.06162, appendix A.1.
    """
    if not 0 < small < big:
        raise ValueError(f"two batch sizes must be 0 < small < big, but are {small} and {big}")
    gradient_norm2 = (big * big_norm2 - small * small_norm2) / (big - small)
    return Moments((small_norm2 - big_norm2) / (1 / small - 1 / big), gradient_norm2)


def noise_scale(
    gram: Float[np.ndarray, "blocks blocks"], squares: Float[np.ndarray, " blocks"], *, groups: int, group_rows: int
) -> NoiseScale:
    """The noise scale from gradients of groups of rows, in K ≥ 3 blocks with equal numbers of groups.

    The estimate is `from_two_sizes`, between one group and all. Its spread comes from the jackknife, which leaves out
    one block at a time. The interval is Fieller's, which allows a denominator near 0.

    Args:
        gram: dot products of the mean gradients of the blocks.
        squares: sums of |g|² over the groups of each block.
        groups: groups of a block.
        group_rows: rows of a group.

    References:
        Efron and Stein, The Jackknife Estimate of Variance, 1981.
        Fieller, Some Problems in Interval Estimation, 1954.
    """
    gram, squares, blocks = gram.astype(np.float64), squares.astype(np.float64), len(squares)

    def moments(used: int, norm2: Numbers, square: Numbers) -> Moments:
        count = used * groups
        return from_two_sizes(group_rows, count * group_rows, square / count, norm2 / used**2)

    point = moments(blocks, float(gram.sum()), float(squares.sum()))
    without = moments(blocks - 1, gram.sum() - 2.0 * gram.sum(axis=1) + np.diagonal(gram), squares.sum() - squares)
    (trace, both), (_, norm2) = np.cov(np.stack(without), bias=True) * (blocks - 1)
    spread = Spread(float(trace), float(norm2), float(both), blocks - 1)
    return _scale_from_moments(point, spread, blocks * groups * group_rows)


def _scale_from_moments(point: Moments, spread: Spread, rows: int) -> NoiseScale:
    trace, norm2 = max(float(point.trace), 0.0), max(float(point.gradient_norm2), 0.0)
    value = trace / norm2 if norm2 > 0.0 else float("inf" if trace > 0.0 else "nan")
    low, high = _fieller(trace, norm2, spread)
    return NoiseScale(value, low, high, float(point.trace), float(point.gradient_norm2), rows, spread)


def _fieller(trace: float, norm2: float, spread: Spread) -> tuple[float, float]:
    """The ends of all φ ≥ 0 with (tr Σ − φ·|G|²)² ≤ t²·variance(tr Σ − φ·|G|²): a·φ² − 2·b·φ + c ≤ 0."""
    from scipy.special import stdtrit

    t2 = float(stdtrit(spread.degrees, LEVEL)) ** 2
    a = norm2**2 - t2 * spread.gradient_norm2
    b = trace * norm2 - t2 * spread.covariance
    c = trace**2 - t2 * spread.trace
    root = b + max(b * b - a * c, 0.0) ** 0.5
    low = c / root if c > 0.0 and root > 0.0 else 0.0
    return low, root / a if a > 0.0 else float("inf")


def _pool_scales(scales: Sequence[NoiseScale]) -> NoiseScale:
    count = len(scales)
    trace, norm2, both = (sum(scale.spread[i] for scale in scales) / count**2 for i in range(3))
    point = Moments(sum(s.trace for s in scales) / count, sum(s.gradient_norm2 for s in scales) / count)
    spread = Spread(trace, norm2, both, min(scale.spread.degrees for scale in scales))
    return _scale_from_moments(point, spread, sum(scale.rows for scale in scales))


def _arrange_places(
    places: Int32[np.ndarray, " n"], length: int, blocks: int, group_rows: int
) -> Int32[np.ndarray, "blocks chunks groups rows"]:
    """Row numbers by block, chunk that is computed at once, and group."""
    if blocks < 3 or group_rows < 1:
        raise ConfigError(
            f"a noise scale takes 3 blocks or more of groups of 1 row or more, not {blocks}, {group_rows}"
        )
    total = len(places) // group_rows
    if total < 3:
        raise TooFewRowsError(
            f"a noise scale takes 3 groups of {group_rows} rows or more, but there are {len(places)} rows"
        )
    if places.min() < 0 or places.max() >= length:
        raise DataError(f"row numbers must be 0 ... {length - 1}, but are {places.min()} ... {places.max()}")
    blocks = min(blocks, total)
    chunks = -(-(total // blocks) // max(ROWS_AT_ONCE // group_rows, 1))
    shape = (blocks, chunks, total // blocks // chunks, group_rows)
    return places[: int(np.prod(shape))].reshape(shape)


def _layers(params: Tree) -> dict[str, list[int]]:
    """The numbers of the leaves of each layer, by the layer's path: the path of its leaves without the last name."""
    layers: dict[str, list[int]] = {}
    for number, (path, _) in enumerate(jax.tree_util.tree_flatten_with_path(params)[0]):
        layers.setdefault(jax.tree_util.keystr(path[:-1], simple=True, separator="/"), []).append(number)
    return layers
