"""Convolution and pooling against loops over windows in float64, and their own gradients against JAX's."""

import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from tests.reference import nn as reference

from batchwright.errors import ConfigError
from batchwright.nn import CNN, AvgPool, Conv2D, Features, MaxPool, Variables
from batchwright.nn.convolution import (
    _add_products,
    _by_xla,
    _kernel_gradient_by_convolution,
    _kernel_gradient_by_products,
    convolve,
)

CASES = {  # (n, h, w, c), kernel size, filters, stride, padding
    "same": ((2, 5, 6, 2), 3, 4, 1, "same"),
    "valid": ((2, 5, 6, 2), 3, 4, 1, "valid"),
    "one channel": ((2, 5, 4, 1), 3, 5, 1, "same"),
    "many channels": ((3, 5, 4, 8), 3, 5, 1, "same"),
    "many channels, stride": ((3, 6, 7, 8), 3, 5, 2, "same"),
    "few filters": ((2, 5, 4, 5), 3, 1, 1, "valid"),
    "one pixel": ((3, 4, 3, 2), 1, 3, 1, "same"),
    "even kernel": ((2, 5, 4, 2), 2, 3, 1, "same"),
    "stride that leaves pixels": ((1, 6, 7, 2), 3, 2, 2, "valid"),
    "stride, same": ((2, 6, 7, 2), 3, 2, 2, "same"),
    "stride above kernel": ((2, 8, 6, 2), 2, 3, 3, "same"),
    "kernel as large as the image": ((2, 3, 3, 2), 3, 2, 1, "valid"),
    "kernel larger than the image": ((2, 2, 3, 2), 5, 2, 1, "same"),
}


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def derived(x: jax.Array, kernel: jax.Array, stride: int, margins: tuple[tuple[int, int], ...]) -> jax.Array:
    """The convolution of which JAX derives the gradients."""
    numbers = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, kernel, (stride, stride), margins, dimension_numbers=numbers)


@partial(jax.jit, static_argnums=(0, 1, 2))
def with_gradients(function, stride, margins, x: jax.Array, kernel: jax.Array, g: jax.Array):
    y, back = jax.vjp(lambda x, kernel: function(x, kernel, stride, margins), x, kernel)
    return y, *back(g)


@jax.jit
def layer_with_gradients(layer: Conv2D, params: dict[str, jax.Array], x: jax.Array, g: jax.Array):
    def apply(params: dict[str, jax.Array], x: jax.Array) -> jax.Array:
        return layer.apply(Variables(params, {}), x, train=True, key=None, present=None)[0]

    y, back = jax.vjp(apply, params, x)
    return y, *back(g)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_values_are_those_of_the_loops_and_gradients_those_that_jax_derives(case: tuple) -> None:
    shape, size, filters, stride, padding = case
    layer = Conv2D(filters, size, strides=stride, padding=padding)
    x, kernel, bias = draw(*shape), draw(size, size, shape[-1], filters, seed=1), draw(filters, seed=2)
    params = {"kernel": kernel, "bias": bias}
    fresh = jax.eval_shape(lambda: layer.init(jax.random.key(0), shape[1:])).params
    assert jax.tree.map(jnp.shape, fresh) == jax.tree.map(jnp.shape, params)
    wide, narrow = x.astype(np.float64), kernel.astype(np.float64)
    expected = reference.convolve(wide, narrow, stride, padding)
    g = draw(*expected.shape, seed=3)
    y, for_params, for_x = layer_with_gradients(layer, params, x, g)
    np.testing.assert_allclose(y, expected + bias, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(for_params["bias"], g.sum(axis=(0, 1, 2)), rtol=1e-4, atol=1e-5)
    margins = tuple(reference.margins(length, size, stride, padding) for length in shape[1:3])
    _, same_for_x, same_for_kernel = with_gradients(derived, stride, margins, x, kernel, g)
    np.testing.assert_allclose(for_x, same_for_x, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(for_params["kernel"], same_for_kernel, rtol=1e-4, atol=1e-4)

    def total(x: np.ndarray, kernel: np.ndarray) -> float:
        return float((g[: len(x)] * reference.convolve(x, kernel, stride, padding)).sum())

    some = np.s_[:, :, :1, :1]  # of the kernel
    difference = reference.slopes(lambda part: total(wide, put(narrow, some, part)), narrow[some])
    np.testing.assert_allclose(for_params["kernel"][some], difference, rtol=1e-4, atol=1e-4)
    difference = reference.slopes(lambda part: total(part, narrow), wide[:1])
    np.testing.assert_allclose(for_x[:1], difference, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_second_derivatives_are_those_that_jax_derives(case: tuple) -> None:
    shape, size, filters, stride, padding = case
    margins = tuple(reference.margins(length, size, stride, padding) for length in shape[1:3])
    x, kernel = draw(*shape), draw(size, size, shape[-1], filters, seed=1)
    ways = draw(*shape, seed=2), draw(*kernel.shape, seed=3)
    for own, jaxs in zip(
        *(products(function, stride, margins, (x, kernel), ways) for function in (convolve, derived)), strict=True
    ):
        assert np.abs(jaxs).max() > 1e-3
        np.testing.assert_allclose(own, jaxs, rtol=1e-3, atol=1e-4 * np.abs(jaxs).max())


@partial(jax.jit, static_argnums=(0, 1, 2))
def products(function, stride, margins, places: tuple[jax.Array, jax.Array], ways: tuple[jax.Array, jax.Array]):
    """The product of the Hessian of a loss with a direction, reverse over reverse."""

    def loss(places: tuple[jax.Array, jax.Array]) -> jax.Array:
        return jnp.sum(jnp.tanh(0.3 * function(*places, stride, margins)))

    def slope(places: tuple[jax.Array, jax.Array]) -> jax.Array:
        return sum(map(jnp.vdot, jax.grad(loss)(places), ways))

    return jax.grad(slope)(places)


def put(array: np.ndarray, place: tuple[slice, ...], part: np.ndarray) -> np.ndarray:
    copy = array.copy()
    copy[place] = part
    return copy


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_a_cpu_computes_is_what_other_devices_compute(case: tuple) -> None:
    shape, size, filters, stride, padding = case
    margins = tuple(reference.margins(length, size, stride, padding) for length in shape[1:3])
    x, kernel = draw(*shape), draw(size, size, shape[-1], filters, seed=1)
    expected = reference.convolve(x.astype(np.float64), kernel.astype(np.float64), stride, padding)
    for function in (_add_products, _by_xla):
        found = jax.jit(function, static_argnums=(2, 3))(x, kernel, stride, margins)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    g = draw(*derived(x, kernel, 1, margins).shape, seed=3)
    _, _, expected = with_gradients(derived, 1, margins, x, kernel, g)
    for function in (
        partial(_kernel_gradient_by_convolution, margins=margins),
        partial(_kernel_gradient_by_products, size=size, margins=margins),
    ):
        np.testing.assert_allclose(jax.jit(function)(x, g), expected, rtol=1e-4, atol=1e-4)


def test_bfloat16_images_give_float32_gradients_of_the_kernel() -> None:
    x, kernel, g = draw(4, 6, 6, 3), draw(3, 3, 3, 5, seed=1), draw(4, 6, 6, 5, seed=2)
    full = with_gradients(convolve, 1, ((1, 1), (1, 1)), x, kernel, g)
    half = with_gradients(convolve, 1, ((1, 1), (1, 1)), x.astype(jnp.bfloat16), kernel, g.astype(jnp.bfloat16))
    assert [array.dtype for array in half] == ["bfloat16", "bfloat16", "float32"]
    for one, other in zip(half, full, strict=True):
        np.testing.assert_allclose(np.asarray(one, np.float32), other, atol=0.02 * float(jnp.abs(other).max()))


@pytest.mark.parametrize("shared", [None, 0], ids=["one image for all", "an image each"])
def test_a_member_of_a_population_gives_what_it_gives_alone(shared: int | None) -> None:
    x, kernels = draw(*(() if shared is None else (3,)), 2, 5, 5, 2), draw(3, 3, 3, 2, 4, seed=1)
    g = draw(2, 5, 5, 4, seed=2)
    apply = partial(with_gradients, convolve, 1, ((1, 1), (1, 1)))
    together = jax.vmap(apply, (shared, 0, None))(x, kernels, g)
    for member in range(3):
        alone = apply(x if shared is None else x[member], kernels[member], g)
        for one, other in zip(together, alone, strict=True):
            np.testing.assert_allclose(one[member], other, rtol=1e-5, atol=1e-5)


def test_a_kernel_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="5 x 5 kernel does not fit into 4 x 6"):
        Conv2D(2, kernel_size=5, padding="valid").init(jax.random.key(0), (4, 6, 1))
    init = Conv2D(2, kernel_size=5, use_bias=False).init
    assert jax.eval_shape(lambda key: init(key, (4, 6, 1)), jax.random.key(0)).params.keys() == {"kernel"}


@partial(jax.jit, static_argnums=0)
def pooled(layer: MaxPool | AvgPool, x: jax.Array, g: jax.Array) -> tuple[jax.Array, jax.Array]:
    y, back = jax.vjp(lambda x: layer.apply(Variables({}, {}), x, train=True, key=None, present=None)[0], x)
    return y, back(g)[0]


@st.composite
def poolings(draw: st.DrawFn) -> tuple[tuple[int, ...], int, int | None, int]:
    size = draw(st.integers(1, 3))
    shape = (draw(st.integers(1, 2)), draw(st.integers(size, 7)), draw(st.integers(size, 7)), draw(st.integers(1, 3)))
    return shape, size, draw(st.sampled_from([None, 1, 2, 3])), draw(st.integers(0, 99))


@settings(max_examples=8)
@given(poolings())
def test_pools_and_their_gradients_are_those_of_the_loops(case: tuple) -> None:
    shape, size, strides, seed = case
    x = np.random.default_rng(seed).permutation(np.prod(shape)).reshape(shape).astype(np.float32)
    stride = strides or size
    h, w = ((length - size) // stride + 1 for length in shape[1:3])
    g = draw(shape[0], h, w, shape[-1], seed=seed)
    for layer, shares in ((MaxPool, reference.shares_of_largest), (AvgPool, reference.shares_of_mean)):
        y, gradient = reference.pool(x.astype(np.float64), g, size, stride, shares)
        found = pooled(layer(size, strides), x, g)
        np.testing.assert_allclose(found[0], y, rtol=1e-6)
        np.testing.assert_allclose(found[1], gradient, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [2, 3])
def test_equal_pixels_share_the_gradient_of_the_largest(size: int) -> None:
    x = np.random.default_rng(size).integers(0, 2, (3, 7, 6, 4)).astype(np.float32)
    g = draw(3, 7 // size, 6 // size, 4)
    expected = reference.pool(x.astype(np.float64), g, size, size, reference.shares_of_largest)[1]
    np.testing.assert_allclose(pooled(MaxPool(size), x, g)[1], expected, rtol=1e-6)
    overlapping = np.ones((3, 7 - size + 1, 6 - size + 1, 4), np.float32)
    assert pooled(MaxPool(size, 1), x, overlapping)[1].sum() == pytest.approx(overlapping.sum())


@pytest.mark.parametrize("layer", [MaxPool(4), AvgPool(4)], ids=["max", "mean"])
def test_a_window_that_does_not_fit_is_refused(layer: MaxPool | AvgPool) -> None:
    with pytest.raises(ConfigError, match="4 x 4 pixels does not fit into 3 x 8"):
        layer.init(jax.random.key(0), (3, 8, 1))


def groups(function, *arguments: object) -> tuple[int, set[int]]:
    """Convolutions of the compiled program, and group counts other than 1 before and after compilation."""
    lowered = jax.jit(function).lower(*arguments)
    before, after = lowered.as_text(), lowered.compile().as_text()
    counts = re.findall(r"(?:batch|feature)_group_count ?= ?(\d+)", before + after)
    return len(re.findall(r" convolution\(", after)), {int(count) for count in counts} - {1}


def test_a_population_of_training_loops_has_no_grouped_convolution() -> None:
    network = CNN(filters=(3, 4), hidden_layer_sizes=(), batch_normalization=False).build(Features(image=(8, 8, 2)), 3)
    rows = {"image": jnp.asarray(np.random.default_rng(0).integers(0, 256, (3, 4, 8, 8, 2)), jnp.uint8)}
    one = jax.tree.map(lambda array: array[0], rows)

    def descend(variables: Variables, rows: dict[str, jax.Array]) -> Variables:
        def iterate(_: jax.Array, variables: Variables) -> Variables:
            def loss(params: dict) -> tuple[jax.Array, dict]:
                outputs, state = network.apply(Variables(params, variables.state), rows, train=True)
                return jnp.mean(outputs**2), state

            gradient, state = jax.grad(loss, has_aux=True)(variables.params)
            return Variables(jax.tree.map(lambda w, g: w - 0.1 * g, variables.params, gradient), state)

        return lax.fori_loop(0, 5, iterate, variables)

    alone = jax.eval_shape(lambda key: network.init(key, one), jax.random.key(0))
    members = jax.eval_shape(jax.vmap(lambda key: network.init(key, one)), jax.random.split(jax.random.key(0), 3))
    products = 3  # two forward, and the gradient of the input of the second; those of the kernels are none
    assert groups(descend, alone, one) == (products, set())
    assert groups(jax.vmap(descend), members, rows) == (products, set())


def test_what_jax_derives_would_have_grouped_convolutions() -> None:
    """So that the search above is known to find them."""
    x, kernels = jnp.ones((3, 2, 5, 5, 2)), jnp.ones((3, 3, 3, 2, 4))
    total = jax.grad(lambda x, kernel: jnp.square(derived(x, kernel, 1, ((1, 1), (1, 1)))).sum(), (0, 1))
    assert 3 in groups(jax.vmap(total), x, kernels)[1]
