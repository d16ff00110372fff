"""Series and convolution along them against loops in float64; pools of series and of whole images and series."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from tests.reference import nn as reference

from batchwright.errors import ConfigError
from batchwright.nn import (
    Activation,
    AvgPool,
    Conv1D,
    Dense,
    Features,
    GlobalAveragePool,
    GlobalMaxPool,
    Layer,
    MaxPool,
    Sequential,
    Series,
    Variables,
)
from batchwright.nn.embeddings import Columns
from batchwright.nn.networks import FeedForward

NOTHING = Variables({}, {})

CASES = {  # (n, s, c), kernel size, filters, stride, padding
    "same": ((2, 6, 2), 3, 4, 1, "same"),
    "valid": ((2, 6, 2), 3, 4, 1, "valid"),
    "one channel": ((2, 7, 1), 3, 5, 1, "same"),
    "one step": ((3, 4, 2), 1, 3, 1, "same"),
    "even kernel": ((2, 5, 2), 2, 3, 1, "same"),
    "stride that leaves steps": ((2, 6, 2), 3, 2, 2, "valid"),
    "stride, same": ((2, 7, 2), 3, 2, 2, "same"),
    "stride above kernel": ((2, 8, 2), 2, 3, 3, "same"),
    "kernel as long as the series": ((2, 3, 2), 3, 2, 1, "valid"),
    "kernel longer than the series": ((2, 3, 2), 5, 2, 1, "same"),
}


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@jax.jit
def pulled(layer: Layer, params: dict, x: jax.Array, g: jax.Array) -> tuple:
    """The output, and the gradients of sum(g * output)."""

    def apply(params: dict, x: jax.Array) -> jax.Array:
        return layer.apply(Variables(params, {}), x, train=True, key=None, present=None)[0]

    y, back = jax.vjp(apply, params, x)
    return y, *back(g)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_values_are_those_of_the_loop_and_gradients_those_that_jax_derives(case: tuple) -> None:
    shape, size, filters, stride, padding = case
    layer = Conv1D(filters, size, stride, padding)
    x, params = draw(*shape), {"kernel": draw(size, shape[-1], filters, seed=1), "bias": draw(filters, seed=2)}
    fresh = jax.eval_shape(lambda: layer.init(jax.random.key(0), shape[1:])).params
    assert jax.tree.map(jnp.shape, fresh) == jax.tree.map(jnp.shape, params)
    wide, narrow = x.astype(np.float64), params["kernel"].astype(np.float64)
    expected = reference.convolve_series(wide, narrow, stride, padding)
    g = draw(*expected.shape, seed=3)
    y, for_params, for_x = pulled(layer, params, x, g)
    np.testing.assert_allclose(y, expected + params["bias"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(for_params["bias"], g.sum(axis=(0, 1)), rtol=1e-4, atol=1e-5)
    ends = (reference.margins(shape[1], size, stride, padding),)

    def derived(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(x, kernel, (stride,), ends, dimension_numbers=("NWC", "WIO", "NWC"))

    same_for_x, same_for_kernel = jax.jit(lambda x, kernel: jax.vjp(derived, x, kernel)[1](g))(x, params["kernel"])
    np.testing.assert_allclose(for_x, same_for_x, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(for_params["kernel"], same_for_kernel, rtol=1e-4, atol=1e-4)

    def total(x: np.ndarray, kernel: np.ndarray) -> float:
        return float((g * reference.convolve_series(x, kernel, stride, padding)).sum())

    difference = reference.slopes(lambda kernel: total(wide, kernel), narrow)
    np.testing.assert_allclose(for_params["kernel"], difference, rtol=1e-4, atol=1e-4)


def test_a_kernel_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="kernel of 5 steps does not fit into 4"):
        Conv1D(2, 5, padding="valid").init(jax.random.key(0), (4, 1))
    init = Conv1D(2, 5, use_bias=False).init
    assert jax.eval_shape(lambda key: init(key, (4, 1)), jax.random.key(0)).params.keys() == {"kernel"}


def test_columns_become_steps_in_their_order() -> None:
    x = draw(3, 6)
    y = Series(2).apply(NOTHING, jnp.asarray(x), train=False, key=None, present=None)[0]
    assert y.shape == (3, 3, 2)
    assert all(y[i, s, c] == x[i, 2 * s + c] for i in range(3) for s in range(3) for c in range(2))
    single = Series().apply(NOTHING, jnp.asarray(x), train=False, key=None, present=None)[0]
    np.testing.assert_array_equal(single, x[:, :, None])


def test_columns_that_are_no_whole_number_of_steps_are_refused() -> None:
    with pytest.raises(ConfigError, match="7 columns are not a whole number of steps of 2 channels"):
        Series(2).init(jax.random.key(0), (7,))
    with pytest.raises(ConfigError, match="4 x 4 columns are not"):
        Series(2).init(jax.random.key(0), (4, 4))
    assert Series(3).init(jax.random.key(0), (6,)) == NOTHING


@pytest.mark.parametrize(("size", "strides"), [(2, None), (3, None), (3, 1), (3, 2), (1, 2)])
def test_pools_of_a_series_and_their_gradients_are_those_of_the_loops(size: int, strides: int | None) -> None:
    x = np.random.default_rng(0).permutation(2 * 7 * 3).reshape(2, 7, 3).astype(np.float32)
    starts = range(0, 7 - size + 1, strides or size)
    g = draw(2, len(starts), 3)
    for layer, shares in ((MaxPool, reference.shares_of_largest), (AvgPool, reference.shares_of_mean)):
        y, gradient = np.zeros(g.shape), np.zeros(x.shape)
        for i, start in enumerate(starts):
            window = x[:, start : start + size].astype(np.float64)
            part = shares(window[:, :, None])[:, :, 0]
            y[:, i] = (part * window).sum(axis=1)
            gradient[:, start : start + size] += part * g[:, i : i + 1]
        found = pulled(layer(size, strides), {}, x, g)
        np.testing.assert_allclose(found[0], y, rtol=1e-6)
        np.testing.assert_allclose(found[2], gradient, rtol=1e-5, atol=1e-6)


def test_a_window_longer_than_the_series_is_refused() -> None:
    with pytest.raises(ConfigError, match="pool of 4 steps does not fit into 3"):
        MaxPool(4).init(jax.random.key(0), (3, 8))


@pytest.mark.parametrize("shape", [(3, 5, 2), (3, 4, 5, 2)], ids=["series", "images"])
def test_global_pools_and_their_gradients_are_those_of_each_channel(shape: tuple[int, ...]) -> None:
    x, g = np.random.default_rng(0).permutation(np.prod(shape)).reshape(shape).astype(np.float32), draw(3, 2)
    flat = x.astype(np.float64).reshape(3, -1, 2)
    mean, _, for_mean = pulled(GlobalAveragePool(), {}, x, g)
    np.testing.assert_allclose(mean, [[sum(row[:, c]) / len(row) for c in range(2)] for row in flat], rtol=1e-6)
    places = np.prod(shape[1:-1])
    np.testing.assert_allclose(for_mean.reshape(flat.shape), np.repeat(g[:, None] / places, places, 1), rtol=1e-6)
    largest, _, for_largest = pulled(GlobalMaxPool(), {}, x, g)
    np.testing.assert_array_equal(largest, [[max(row[:, c]) for c in range(2)] for row in flat])
    for i in range(3):
        for c in range(2):
            own = np.asarray(for_largest).reshape(flat.shape)[i, :, c]
            assert own[flat[i, :, c].argmax()] == g[i, c]
            assert np.count_nonzero(own) == 1


def test_equal_values_share_the_gradient_of_the_largest() -> None:
    x = jnp.asarray([1.0, 3.0, 3.0, 0.0])[None, :, None]
    np.testing.assert_allclose(pulled(GlobalMaxPool(), {}, x, jnp.ones((1, 1)))[2][0, :, 0], [0, 0.5, 0.5, 0])


def test_means_of_bfloat16_images_are_added_up_in_float32() -> None:
    x = jnp.ones((1, 257, 1), jnp.bfloat16).at[0, 0, 0].set(258.0)
    y = GlobalAveragePool().apply(NOTHING, x, train=False, key=None, present=None)[0]
    assert y.dtype == jnp.bfloat16
    assert float(y[0, 0]) == 2.0


def test_a_network_finds_a_pattern_wherever_it_is_in_a_series() -> None:
    """A bump up or a bump down in noise, where no column says anything on its own."""
    generator = np.random.default_rng(0)
    x, up, place = generator.normal(size=(600, 24)) * 0.3, generator.integers(0, 2, 600), generator.integers(0, 21, 600)
    for row, (sign, start) in enumerate(zip(2 * up - 1, place, strict=True)):
        x[row, start : start + 4] += sign * np.asarray([1.0, 2.0, -2.0, -1.0])

    layers = (Series(), Conv1D(8, 5), Activation("relu"), MaxPool(2), GlobalMaxPool(), Dense(2))
    network = FeedForward(Columns.of(Features(numeric=24)), Sequential(layers))
    inputs = {"numeric": jnp.asarray(x, jnp.float32)}

    @jax.jit
    def descend(variables: Variables) -> Variables:
        def iterate(_: jax.Array, variables: Variables) -> Variables:
            def loss(params: dict) -> jax.Array:
                outputs, _ = network.apply(Variables(params, variables.state), inputs, train=True)
                return -jnp.mean(jax.nn.log_softmax(outputs[:400])[jnp.arange(400), up[:400]])

            gradient = jax.grad(loss)(variables.params)
            return Variables(jax.tree.map(lambda w, g: w - 0.3 * g, variables.params, gradient), variables.state)

        return lax.fori_loop(0, 150, iterate, variables)

    trained = descend(network.init(jax.random.key(0), inputs))
    outputs = network.apply(trained, inputs, train=False)[0]
    assert float(jnp.mean(outputs[400:].argmax(1) == up[400:])) > 0.95
