"""Bins of numbers: edges against NumPy and a tree of scikit-learn, fillings against bins filled one by one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from tests.reference import numbers

from batchwright.nn.bin_edges import fill_bins, quantile_edges, tree_edges

QUANTILES, TREE, FILL = (
    jax.jit(quantile_edges, static_argnums=1),
    jax.jit(tree_edges, static_argnums=2),
    jax.jit(fill_bins),
)
ROWS, BINS = 40, 12
values = st.integers(-50, 50).map(lambda number: number / 4)
ties = st.lists(
    st.one_of(st.just(0.0), values, st.floats(-1e6, 1e6).map(lambda number: round(number, 2))),
    min_size=ROWS,
    max_size=ROWS,
)


@settings(max_examples=60, deadline=None)
@given(ties)
def test_a_column_of_ties_keeps_useful_bins(column: list[float]) -> None:
    """Each of few different values is an edge; of many, a bound that follows from the half of the weight they have."""
    x = np.array(column, np.float32)
    edges = np.asarray(QUANTILES(x[:, None], BINS))[0]
    np.testing.assert_array_equal(edges, numbers.quantile_edges(x, BINS).astype(np.float32))
    different, found = len(np.unique(x)), len(np.unique(edges))
    assert set(edges) <= set(x)
    assert (edges[0], edges[-1]) == (x.min(), x.max())
    assert found >= different * (BINS + 2) / (BINS + 2 * different) - 1e-9
    assert found == different or 2 * different > BINS


def test_a_column_that_is_nearly_always_zero() -> None:
    """As the capital gain of adults: of plain quantiles, two would be left."""
    rng = np.random.default_rng(0)
    gain = np.where(rng.random(2000) < 0.92, 0.0, rng.integers(1, 120, 2000) * 100.0).astype(np.float32)
    assert len(np.unique(np.quantile(gain, np.linspace(0, 1, 49)))) < 6
    assert len(np.unique(QUANTILES(gain[:, None], 48)[0])) > 25


def test_without_ties_edges_are_quantiles() -> None:
    x = np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)
    expected = np.quantile(x, np.linspace(0, 1, 9), axis=0, method="inverted_cdf").T
    np.testing.assert_array_equal(QUANTILES(x, 8), expected)


@pytest.mark.parametrize("targets", ["values", "classes"])
def test_edges_by_targets_are_the_splits_of_a_tree(targets: str) -> None:
    rng = np.random.default_rng(3)
    x = np.stack([rng.normal(size=500), rng.integers(0, 30, 500)], axis=1).astype(np.float32)
    signal = np.sin(2 * x[:, 0]) + (x[:, 1] > 17) + rng.normal(size=500) / 4
    if targets == "values":
        y, tree = signal[:, None].astype(np.float32), DecisionTreeRegressor
    else:
        codes = np.digitize(signal, [-0.5, 0.7])
        y, tree = np.eye(3, dtype=np.float32)[codes], DecisionTreeClassifier
        signal = codes
    found = np.asarray(TREE(x, y, BINS))
    for column, edges in zip(x.T, found, strict=True):
        grown = tree(max_leaf_nodes=BINS, min_samples_leaf=500 // (4 * BINS)).fit(column[:, None], signal).tree_
        splits = np.sort(grown.threshold[grown.feature >= 0])
        inner = np.unique(edges)[1:-1]
        assert (edges[0], edges[-1]) == (column.min(), column.max())
        np.testing.assert_allclose(inner, splits, rtol=1e-5)


def test_a_tree_stops_where_no_edge_is_left() -> None:
    x = np.array([[0, 7], [0, 7], [1, 7], [1, 7]] * 4, np.float32)
    edges = TREE(x, np.arange(16, dtype=np.float32)[:, None], 4)
    np.testing.assert_array_equal(edges, [[0.0, 0.5, 1.0, 1.0, 1.0], [7.0] * 5])


@settings(max_examples=40, deadline=None)
@given(ties, st.lists(st.floats(-1e7, 1e7).map(lambda number: round(number, 2)), min_size=ROWS, max_size=ROWS))
def test_fillings_are_those_of_bins_filled_one_by_one(column: list[float], new: list[float]) -> None:
    x, beside = (np.array(part, np.float32)[:, None] for part in (column, new))
    edges = np.asarray(QUANTILES(x, BINS))
    for rows in (x, beside):
        expected = np.stack([numbers.fill(float(value), edges[0].astype(np.float64)) for value in rows[:, 0]])
        np.testing.assert_allclose(FILL(rows, edges)[:, 0], expected, rtol=1e-3, atol=1e-3)


def test_no_end_explodes() -> None:
    """Half of the rows lie in a thousandth of the range: a number as far below as the range is long is no outlier."""
    x = np.concatenate([np.linspace(0, 1e-3, 50), np.linspace(0.1, 1, 50)]).astype(np.float32)[:, None]
    edges = QUANTILES(x, BINS)
    filled = np.asarray(FILL(jnp.array([[-1.0], [0.0], [1.0], [2.0]]), edges))[:, 0]
    assert float(edges[0, 1] - edges[0, 0]) < 1e-3
    np.testing.assert_allclose(filled[0], np.eye(BINS)[0] * -BINS, rtol=1e-5)
    np.testing.assert_array_equal(filled[1], np.zeros(BINS))
    np.testing.assert_array_equal(filled[2], np.ones(BINS))
    assert 1 < filled[3, -1] <= 1 + BINS


def test_a_column_of_one_value_fills_nothing() -> None:
    edges = QUANTILES(jnp.full((9, 1), 5.0), 4)
    np.testing.assert_array_equal(FILL(jnp.array([[4.0], [5.0], [6.0]]), edges), np.zeros((3, 1, 4)))
