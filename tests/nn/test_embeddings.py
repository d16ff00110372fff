"""Embeddings and the encoding of columns, against bins filled by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.nn import filled_bins

from batchwright.nn import Embedding, EmbeddingBag, Features, PiecewiseLinear, Variables
from batchwright.nn.embeddings import Columns, embedding_size


def look_up(table: jax.Array, x: jax.Array) -> jax.Array:
    return Embedding(*table.shape).apply(Variables({"table": table}, {}), x, train=True, key=None, present=None)[0]


TABLE = np.arange(8.0, dtype=np.float32).reshape(4, 2) ** 2


def test_an_embedding_looks_up_rows_of_its_table() -> None:
    x = np.array([[3, 0], [1, 1], [2, 3]], np.int32)
    np.testing.assert_array_equal(look_up(jnp.asarray(TABLE), jnp.asarray(x)), TABLE[x])
    table = jax.jit(Embedding(2000, 9).init, static_argnums=1)(jax.random.key(0), ()).params["table"]
    assert table.shape == (2000, 9)
    assert float(table.std()) == pytest.approx(1 / 3, rel=0.03)


def test_a_category_outside_the_table_is_the_nearest_row() -> None:
    outside = jnp.asarray([-9, -1, 4, 1000], jnp.int32)
    np.testing.assert_array_equal(look_up(jnp.asarray(TABLE), outside), TABLE[[0, 0, 3, 3]])


def test_only_rows_looked_up_have_a_gradient() -> None:
    x, pull = jnp.asarray([2, 0, 2, 9], jnp.int32), np.arange(8.0, dtype=np.float32).reshape(4, 2)
    gradient = jax.jit(jax.grad(lambda table: jnp.sum(jnp.asarray(pull) * look_up(table, x))))(jnp.asarray(TABLE))
    np.testing.assert_array_equal(gradient, np.stack([pull[1], np.zeros(2), pull[0] + pull[2], pull[3]]))


def test_the_size_of_an_embedding_grows_with_the_categories_up_to_fifty() -> None:
    assert [embedding_size(count) for count in (1, 2, 10, 100, 1000, 10**6)] == [2, 2, 6, 21, 50, 50]


def bins_of(x: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """What the layer fills its bins with: both signs of each pass the relu through a kernel of its own."""
    columns, bins = len(edges), edges.shape[1] - 1
    kernel = np.broadcast_to(np.concatenate([np.eye(bins), -np.eye(bins)], axis=1), (columns, bins, 2 * bins))
    params = {"kernel": jnp.asarray(kernel, jnp.float32), "bias": jnp.zeros((columns, 2 * bins))}
    variables = Variables(params, {"edges": jnp.asarray(edges, jnp.float32)})
    y = np.asarray(jax.jit(PiecewiseLinear(bins, 2 * bins).apply)(variables, jnp.asarray(x)))
    np.testing.assert_array_equal(y[:, :, 0], x)
    above, below = np.moveaxis(y[:, :, 1:].reshape(len(x), columns, 2, bins), 2, 0)
    return above - below


def test_bins_are_filled_one_after_the_other_and_go_on_beyond_the_ends() -> None:
    edges = np.array([[0.0, 1.0, 3.0, 7.0]])
    x = np.array([[-2.0], [0.0], [0.5], [1.0], [2.0], [5.0], [7.0], [9.0]], np.float32)
    expected = [[-2, 0, 0], [0, 0, 0], [0.5, 0, 0], [1, 0, 0], [1, 0.5, 0], [1, 1, 0.5], [1, 1, 1], [1, 1, 1.5]]
    np.testing.assert_array_equal(bins_of(x, edges)[:, 0], expected)


def test_bins_of_no_width_stay_empty() -> None:
    edges = np.array([[5.0, 5.0, 5.0], [0.0, 0.0, 2.0]])
    x = np.array([[5.0, -1.0], [7.0, 1.0], [-7.0, 4.0]], np.float32)
    np.testing.assert_array_equal(bins_of(x, edges), [[[0, 0], [0, 0]], [[0, 0], [0, 0.5]], [[0, 0], [0, 2]]])


@settings(max_examples=25)
@given(st.lists(st.sampled_from([-1.7, -0.3, 0.1, 0.7, 2.9]), min_size=24, max_size=24), st.integers(0, 99))
def test_edges_are_quantiles_of_the_example_however_often_a_value_occurs(values: list[float], seed: int) -> None:
    x = np.stack([values, np.random.default_rng(seed).normal(size=24)], axis=1).astype(np.float32)
    layer = PiecewiseLinear(bins=4, units=3)
    variables = INIT(layer, jnp.asarray(x))
    edges = np.quantile(x.astype(np.float64), np.linspace(0, 1, 5), axis=0).T
    np.testing.assert_allclose(variables.state["edges"], edges, rtol=1e-6, atol=1e-6)
    beside = np.concatenate([x, x * 2])
    columns = zip(beside.T.astype(np.float64), edges, strict=True)
    expected = np.stack([filled_bins(column, ends) for column, ends in columns])
    kernel, bias = (np.asarray(variables.params[name], np.float64) for name in ("kernel", "bias"))
    features = np.maximum(np.einsum("dnt,dtu->ndu", expected, kernel) + bias[None], 0)
    found = APPLY(layer, variables, jnp.asarray(beside))
    np.testing.assert_allclose(found, np.concatenate([beside[:, :, None], features], axis=2), rtol=1e-3, atol=1e-4)


INIT = jax.jit(lambda layer, x: layer.init(jax.random.key(0), x, None))
APPLY = jax.jit(lambda layer, variables, x: layer.apply(variables, x))


def test_kernels_start_within_their_bound() -> None:
    kernel = INIT(PiecewiseLinear(bins=4, units=3), jnp.zeros((24, 50))).params["kernel"]
    assert kernel.shape == (50, 4, 3)
    assert 0.48 < float(jnp.abs(kernel).max()) <= 0.5


def test_columns_are_numbers_then_categories_then_pixels() -> None:
    generator = np.random.default_rng(0)
    rows = {
        "numeric": generator.normal(size=(3, 2)).astype(np.float32),
        "categorical": np.array([[0, 1], [2, 0], [7, 1]], np.int32),  # there is no category 7
        "image": generator.integers(0, 256, (3, 2, 2, 1)).astype(np.uint8),
    }
    inputs = {name: jnp.asarray(array) for name, array in rows.items()}
    encoder = Columns.of(Features(2, (3, 2), (2, 2, 1)))
    variables = jax.jit(encoder.init)(jax.random.key(0), inputs)
    first, second = (np.asarray(variables.params[f"embedding_{index}"]["table"]) for index in range(2))
    expected = [rows["numeric"], first[[0, 2, 2]], second[[1, 0, 1]], rows["image"].reshape(3, 4) / 255]
    found = jax.jit(encoder.apply)(variables, inputs)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), rtol=1e-6)


def test_a_bag_is_the_mean_of_the_rows_that_are_not_0() -> None:
    bag, table = EmbeddingBag(5, 3), np.arange(15.0, dtype=np.float32).reshape(5, 3)
    x = np.array([[1, 4, 4, 0], [0, 0, 2, 0], [0, 0, 0, 0], [99, 0, 0, 0]], np.int16)
    found, _ = bag.apply(Variables({"table": table}, {}), jnp.asarray(x), train=True, key=None, present=None)
    expected = [(table[1] + 2 * table[4]) / 3, table[2], np.zeros(3), table[4]]
    np.testing.assert_allclose(found, np.stack(expected), rtol=1e-6)


def test_each_text_has_a_table_of_its_own() -> None:
    columns = Columns.of(Features(numeric=1, text=((5, 2), (4, 1))))
    rows = {"numeric": jnp.ones((2, 1)), "text": jnp.asarray([[1, 0, 2], [0, 0, 3]], jnp.int16)}
    variables = columns.init(jax.random.key(0), rows)
    first, second = (variables.params[f"embedding_text_{index}"]["table"] for index in (0, 1))
    assert (first.shape, second.shape) == ((5, 32), (4, 32))
    expected = [np.concatenate([[1.0], first[1], second[2]]), np.concatenate([[1.0], np.zeros(32), second[3]])]
    np.testing.assert_allclose(columns.apply(variables, rows), np.stack(expected), rtol=1e-6)
