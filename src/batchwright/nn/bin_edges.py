"""Bins of numbers: where their edges lie, and how full a number fills them."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float

ROWS_OF_A_BIN = 4
"""The fewest training rows on either side of an edge that is found by the targets; more if the rows are many: a quarter
of what they would be in bins of equal size."""


def quantile_edges(x: Array, bins: int) -> Array:
    """The edges [d, bins + 1] of the bins of each column of x [n, d]: values of x, rising; the last ones may be equal.

    They are quantiles of a mixture: half of its weight lies evenly on the rows, and half evenly on the different
    values. So a column without ties gets its quantiles, one with at most bins / 2 different values an edge at each of
    them, and a column where nearly all values are the same still gets half of its edges from the others.

    >>> quantile_edges(jnp.array([[0.0], [0.0], [0.0], [0.0], [5.0], [7.0]]), 6)
    Array([[0., 5., 7., 7., 7., 7., 7.]], dtype=float32)
    """
    shape = jax.ShapeDtypeStruct((x.shape[1], bins + 1), x.dtype)
    edges: Array = jax.pure_callback(partial(_quantile_edges, bins=bins), shape, x, vmap_method="sequential")
    return edges


def _quantile_edges(x: ArrayLike, *, bins: int) -> Float[np.ndarray, "columns edges"]:
    """They are found once for a network; to trace this would take longer than all else of its first parameters."""
    columns = np.sort(np.asarray(x), axis=0, kind="stable").T
    rank = np.cumsum(_rises(columns), axis=1, dtype=columns.dtype)
    place = np.arange(1, columns.shape[1] + 1, dtype=columns.dtype)
    share = (place / place[-1] + rank / rank[:, -1:]) / 2
    levels = np.arange(bins + 1, dtype=columns.dtype) / columns.dtype.type(bins)
    levels -= columns.dtype.type(1e-6)  # the share of the last row may be rounded to less than 1
    found = [column[np.searchsorted(own, levels)] for column, own in zip(columns, share, strict=True)]
    return np.stack([_without_repetitions(edges) for edges in found])


def _rises(numbers: Float[np.ndarray, "*columns n"]) -> Bool[np.ndarray, "*columns n"]:
    """Which of rising numbers are larger than the one before, and the first."""
    first = np.ones((*numbers.shape[:-1], 1), bool)
    return np.concatenate([first, numbers[..., 1:] > numbers[..., :-1]], axis=-1)


def tree_edges(x: Array, targets: Array, bins: int) -> Array:
    """The edges [d, bins + 1] of the bins of each column of x [n, d], where `targets` [n, k] change most with it.

    They are the splits of a regression tree on the column alone, grown best first to at most `bins` leaves (Breiman et
    al. 1984, Classification and Regression Trees): each new edge is the one that lowers the squared error of the means
    of the targets most. For targets that are 1 for the row's class and 0 for others, this is Gini's impurity. The first
    edge and the last are the least and the largest value; if there are fewer splits, the last edges are equal.
    """
    least = max(ROWS_OF_A_BIN, len(x) // (4 * bins))
    edges: Array = jax.lax.map(partial(_tree_edges, targets=targets, bins=bins, least=least), x.T)
    return edges


def _tree_edges(x: Array, targets: Array, bins: int, least: int) -> Array:
    rows, order = len(x), jnp.argsort(x)
    x, y = x[order], targets[order] - jnp.mean(targets, axis=0, keepdims=True)
    place = jnp.arange(rows + 1)  # an edge at place i has i rows below it
    sums = jnp.concatenate([jnp.zeros((1, y.shape[1])), jnp.cumsum(y, axis=0)])
    between = jnp.concatenate([jnp.zeros(1, bool), x[1:] > x[:-1], jnp.zeros(1, bool)])

    def explained(low: Array, high: Array) -> Array:
        """What the mean of the rows between two places explains of the squares of the targets."""
        return jnp.sum((sums[high] - sums[low]) ** 2, axis=1) / jnp.maximum(high - low, 1)

    def split(edges: Array, _: None) -> tuple[Array, None]:
        low = jax.lax.cummax(jnp.where(edges, place, 0))
        high = jax.lax.cummin(jnp.where(edges, place, rows), reverse=True)
        allowed = between & (place - low >= least) & (high - place >= least)
        gain = explained(low, place) + explained(place, high) - explained(low, high)
        best = jnp.argmax(jnp.where(allowed, gain, -1.0))
        return edges.at[best].set(edges[best] | allowed[best]), None

    edges, _ = jax.lax.scan(split, (place == 0) | (place == rows), length=bins - 1)
    values = jnp.concatenate([x[:1], (x[:-1] + x[1:]) / 2, x[-1:]])
    return jnp.minimum(jnp.sort(jnp.where(edges, values, jnp.inf))[: bins + 1], x[-1])


def _without_repetitions(edges: Float[np.ndarray, " edges"]) -> Float[np.ndarray, " edges"]:
    """Rising edges, with each value once, and then the largest as often as there is place."""
    different = edges[_rises(edges)]
    return np.pad(different, (0, len(edges) - len(different)), mode="edge")


def fill_bins(x: Array, edges: Array) -> Array:
    """How full each bin is: x [n, d] and edges [d, bins + 1], as the functions above give them -> [n, d, bins].

    Bin t of a column is filled to clip((x - e_t) / (e_t+1 - e_t), 0, 1); a bin without width stays empty. The first
    bin goes on below its edge, and the last with width above: there, with the slope of the bin, but none steeper than
    that of an average bin. So a number outside the training rows is no further away than their whole range says.

    >>> fill_bins(jnp.array([[0.5], [2.0], [11.0]]), jnp.array([[0.0, 1.0, 3.0]]))[:, 0].tolist()
    [[0.5, 0.0], [1.0, 0.5], [1.0, 5.0]]
    """
    low, high = edges[None, :, :-1], edges[None, :, 1:]
    first, last = edges[None, :, :1], edges[None, :, -1:]
    width, x = high - low, x[:, :, None]
    filled = jnp.where(width > 0, jnp.clip((x - low) / jnp.where(width > 0, width, 1.0), 0.0, 1.0), 0.0)
    least = jnp.maximum(width, (last - first) / jnp.maximum(jnp.sum(width > 0, axis=2, keepdims=True), 1))
    slack = jnp.where(width > 0, least, 1.0)
    below = jnp.where((low == first) & (width > 0), jnp.minimum(x - first, 0.0) / slack, 0.0)
    above = jnp.where((high == last) & (width > 0), jnp.maximum(x - last, 0.0) / slack, 0.0)
    return filled + below + above
