"""Depthwise convolution against each channel alone in float64, and its gradients against lax's grouped convolution."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from tests.reference import nn as reference

from batchwright.errors import ConfigError
from batchwright.nn import DepthwiseConv2D, Variables
from batchwright.nn.depthwise import _sum_products, _sum_row_by_row, convolve_channels

CASES = {  # (n, h, w, c), kernel size, multiplier, stride, padding
    "same": ((2, 5, 6, 3), 3, 1, 1, "same"),
    "valid": ((2, 5, 6, 3), 3, 1, 1, "valid"),
    "multiplier": ((2, 5, 4, 3), 3, 2, 1, "same"),
    "one channel": ((2, 4, 5, 1), 3, 3, 1, "same"),
    "one pixel": ((3, 4, 3, 2), 1, 1, 1, "same"),
    "even kernel": ((2, 5, 4, 2), 2, 1, 1, "same"),
    "stride that leaves pixels": ((1, 6, 7, 2), 3, 1, 2, "valid"),
    "stride, same": ((2, 6, 7, 2), 3, 2, 2, "same"),
    "stride above kernel": ((2, 8, 6, 2), 2, 1, 3, "same"),
    "kernel larger than the image": ((2, 2, 3, 2), 5, 1, 1, "same"),
}


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@jax.jit
def layer_with_gradients(layer: DepthwiseConv2D, params: dict[str, jax.Array], x: jax.Array, g: jax.Array):
    def apply(params: dict[str, jax.Array], x: jax.Array) -> jax.Array:
        return layer.apply(Variables(params, {}), x, train=True, key=None, present=None)[0]

    y, back = jax.vjp(apply, params, x)
    return y, *back(g)


def grouped(x: jax.Array, kernel: jax.Array, stride: int, margins: tuple[tuple[int, int], ...]) -> jax.Array:
    """XLA's own, of which JAX derives the gradients."""
    size, channels = len(kernel), x.shape[-1]
    numbers, kernel = ("NHWC", "HWIO", "NHWC"), kernel.reshape(size, size, 1, -1)
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), margins, dimension_numbers=numbers, feature_group_count=channels
    )


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_values_are_those_of_channels_alone_and_gradients_those_that_jax_derives(case: tuple) -> None:
    shape, size, multiplier, stride, padding = case
    layer = DepthwiseConv2D(size, stride, padding, multiplier)
    x, kernel = draw(*shape), draw(size, size, shape[-1], multiplier, seed=1)
    params = {"kernel": kernel, "bias": draw(shape[-1] * multiplier, seed=2)}
    fresh = jax.eval_shape(lambda: layer.init(jax.random.key(0), shape[1:])).params
    assert jax.tree.map(jnp.shape, fresh) == jax.tree.map(jnp.shape, params)
    expected = reference.convolve_channels(x.astype(np.float64), kernel.astype(np.float64), stride, padding)
    g = draw(*expected.shape, seed=3)
    y, for_params, for_x = layer_with_gradients(layer, params, x, g)
    np.testing.assert_allclose(y, expected + params["bias"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(for_params["bias"], g.sum(axis=(0, 1, 2)), rtol=1e-4, atol=1e-5)
    margins = tuple(reference.margins(length, size, stride, padding) for length in shape[1:3])
    same_for_x, same_for_kernel = jax.jit(
        lambda x, kernel: jax.vjp(lambda x, kernel: grouped(x, kernel, stride, margins), x, kernel)[1](g)
    )(x, kernel)
    np.testing.assert_allclose(for_x, same_for_x, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(for_params["kernel"], same_for_kernel, rtol=1e-4, atol=1e-4)


def test_gradients_are_finite_differences() -> None:
    x, kernel, g = (draw(*shape).astype(np.float64) for shape in ((2, 4, 3, 2), (3, 3, 2, 2), (2, 2, 2, 4)))
    layer = DepthwiseConv2D(strides=2, depth_multiplier=2, use_bias=False)
    _, for_params, for_x = layer_with_gradients(layer, *jax.tree.map(jnp.float32, ({"kernel": kernel}, x, g)))

    def total(x: np.ndarray, kernel: np.ndarray) -> float:
        return float((g * reference.convolve_channels(x, kernel, 2, "same")).sum())

    np.testing.assert_allclose(for_x, reference.slopes(lambda x: total(x, kernel), x), rtol=1e-4, atol=1e-4)
    expected = reference.slopes(lambda kernel: total(x, kernel), kernel)
    np.testing.assert_allclose(for_params["kernel"], expected, rtol=1e-4, atol=1e-4)


def test_both_ways_to_the_gradient_of_the_kernel_agree() -> None:
    """One is for the CPU, one for all else."""
    x, g, where = draw(3, 6, 5, 4), draw(3, 3, 3, 4, seed=1), {"size": 3, "stride": 2, "margins": ((0, 1), (1, 1))}
    one, other = (function(jnp.asarray(x), jnp.asarray(g), **where) for function in (_sum_products, _sum_row_by_row))
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_bfloat16_images_give_float32_gradients_of_the_kernel() -> None:
    """bfloat16 knows 256, 258 and 260, but neither 257 nor 259."""
    x, kernel = jnp.ones((259, 1, 1, 2), jnp.bfloat16), jnp.ones((1, 1, 2))
    y, back = jax.vjp(lambda x, kernel: convolve_channels(x, kernel, 1, ((0, 0), (0, 0))), x, kernel)
    for_x, for_kernel = back(jnp.ones_like(y))
    assert (y.dtype, for_x.dtype, for_kernel.dtype) == ("bfloat16", "bfloat16", "float32")
    np.testing.assert_array_equal(for_kernel, np.full((1, 1, 2), 259))
    wide = convolve_channels(jnp.ones((1, 17, 17, 1), jnp.bfloat16), jnp.full((17, 17, 1), 7 / 8), 1, ((0, 0), (0, 0)))
    assert float(wide[0, 0, 0, 0]) == float(jnp.bfloat16(17 * 17 * 7 / 8)), "added up in float32"


@pytest.mark.parametrize("shared", [None, 0], ids=["one image for all", "an image each"])
def test_a_member_of_a_population_gives_what_it_gives_alone(shared: int | None) -> None:
    x, kernels = draw(*(() if shared is None else (3,)), 2, 5, 5, 4), draw(3, 3, 3, 4, seed=1)
    g = draw(2, 5, 5, 4, seed=2)

    @jax.jit
    def apply(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, ...]:
        y, back = jax.vjp(lambda x, kernel: convolve_channels(x, kernel, 1, ((1, 1), (1, 1))), x, kernel)
        return y, *back(jnp.asarray(g))

    together = jax.vmap(apply, (shared, 0))(x, kernels)
    for member in range(3):
        alone = apply(x if shared is None else x[member], kernels[member])
        for one, other in zip(together, alone, strict=True):
            np.testing.assert_allclose(one[member], other, rtol=1e-5, atol=1e-5)


def test_there_is_no_convolution_in_the_program() -> None:
    """XLA's, grouped, and its gradient are what is slow."""

    def total(function, x: jax.Array, kernel: jax.Array) -> jax.Array:
        return jnp.sum(function(x, kernel, 1, ((1, 1), (1, 1))) ** 2)

    shapes = jax.ShapeDtypeStruct((2, 6, 6, 4), jnp.float32), jax.ShapeDtypeStruct((3, 3, 4), jnp.float32)
    texts = [
        jax.jit(jax.grad(partial(total, function), (0, 1))).lower(*shapes).as_text()
        for function in (convolve_channels, grouped)
    ]
    assert ["convolution" in text for text in texts] == [False, True]


@pytest.mark.parametrize(("name", "multiplier"), [("he_normal", 1), ("glorot_uniform", 2), ("orthogonal", 4)])
def test_kernels_are_drawn_as_of_one_channel(name: str, multiplier: int) -> None:
    layer = DepthwiseConv2D(initializer=name, depth_multiplier=multiplier)
    kernel = layer.init(jax.random.key(0), (8, 8, 2000)).params["kernel"]
    variance = {"he_normal": 2 / 9, "glorot_uniform": 2 / (9 + 9 * multiplier), "orthogonal": 1 / 9}[name]
    assert float(kernel.var()) == pytest.approx(variance, rel=0.05)
    assert len(np.unique(kernel[0, 0, :, 0])) > 1900, "channels are drawn each on its own"


def test_a_kernel_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="5 x 5 kernel does not fit into 4 x 6"):
        DepthwiseConv2D(5, padding="valid").init(jax.random.key(0), (4, 6, 1))
    init = DepthwiseConv2D(5, use_bias=False).init
    assert jax.eval_shape(lambda key: init(key, (4, 6, 1)), jax.random.key(0)).params.keys() == {"kernel"}
