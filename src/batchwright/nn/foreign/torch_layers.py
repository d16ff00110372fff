"""Layers as in PyTorch, on images [n, h, w, channels], where batchwright's own layers differ or are missing."""

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Annotated

import jax
import jax.numpy as jnp
from annotated_types import Ge, Gt
from jax import Array, lax

from batchwright._component import component
from batchwright.nn.convolution import Margins, convolve
from batchwright.nn.initializers import initialize
from batchwright.nn.normalization import normalize
from batchwright.nn.protocols import Tree, Variables

Pair = tuple[int, int]

FUNCTIONS: Mapping[str, Callable[[Array, Array | float, Array | float], Array]] = {
    "celu": lambda x, a, *_: jax.nn.celu(x, a),
    "elu": lambda x, a, *_: jax.nn.elu(x, a),
    "gelu_tanh": lambda x, *_: jax.nn.gelu(x, approximate=True),
    "hardsigmoid": lambda x, *_: jax.nn.hard_sigmoid(x),
    "hardswish": lambda x, *_: jax.nn.hard_silu(x),
    "hardtanh": lambda x, a, b: jnp.where((x > a) & (x < b), x, lax.stop_gradient(jnp.clip(x, a, b))),
    "log_sigmoid": lambda x, *_: jax.nn.log_sigmoid(x),
    "mish": lambda x, *_: jax.nn.mish(x),
    "selu": lambda x, *_: jax.nn.selu(x),
    "softplus": lambda x, a, b: jnp.where(a * x > b, x, jax.nn.softplus(a * x) / a),
    "softsign": lambda x, *_: jax.nn.soft_sign(x),
    "tanhshrink": lambda x, *_: x - jnp.tanh(x),
}
"""Activations by name, each a function of x and up to two numbers."""


class Plain:
    """Base of layers without variables."""

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """Nothing to learn."""
        return Variables({}, {})


@component
class Pointwise(Plain):
    """One of `FUNCTIONS`, with its numbers: alpha of elu and celu, beta and threshold of softplus, ends of hardtanh."""

    name: str
    a: float = 1.0
    b: float = 1.0

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """Same shape as `x`."""
        return FUNCTIONS[self.name](x, self.a, self.b).astype(x.dtype), {}


@component
class ChannelsFirstFlatten(Plain):
    """[n, h, w, c] -> [n, c h w]: the order of features when PyTorch flattens an image."""

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """[n, f]; an x with two axes is returned as it is."""
        return (jnp.moveaxis(x, -1, 1) if x.ndim > 2 else x).reshape(x.shape[0], -1), {}


@component
class Margin(Plain):
    """Pixels around an image: zeros, or minus infinity before a maximum.

    - sizes: above and below, left and right
    """

    sizes: Pair
    lowest: bool = False

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """[n, h, w, c] -> [n, h + 2 sizes[0], w + 2 sizes[1], c]."""
        around = ((0, 0), *((size, size) for size in self.sizes), (0, 0))
        return jnp.pad(x, around, constant_values=-jnp.inf if self.lowest else 0.0), {}


@component
class GlobalAverage(Plain):
    """[n, h, w, c] -> [n, 1, 1, c]: the mean of all pixels, as in `AdaptiveAvgPool2d(1)`."""

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """[n, 1, 1, c]."""
        return x.mean((1, 2), keepdims=True), {}


@component
class Convolution:
    """A two-dimensional convolution with any kernel [kh, kw], strides, margins, dilation and groups."""

    filters: Annotated[int, Gt(0)]
    kernel_size: Pair
    strides: Pair
    margins: Margins
    dilation: Pair = (1, 1)
    groups: Annotated[int, Gt(0)] = 1
    use_bias: bool = True

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """`kernel` [kh, kw, c / groups, o] and `bias` [o] zero."""
        kernel = initialize("auto", key, (*self.kernel_size, shape[-1] // self.groups, self.filters))
        return Variables({"kernel": kernel} | ({"bias": jnp.zeros(self.filters)} if self.use_bias else {}), {})

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """[n, h, w, c] -> [n, h', w', o]."""
        y = self._product(x, variables.params["kernel"])
        if self.use_bias:
            y = y + variables.params["bias"].astype(y.dtype)[None, None, None, :]
        return y, {}

    def _product(self, x: Array, kernel: Array) -> Array:
        plain = self.groups == 1 and self.dilation == (1, 1)
        if plain and len(set(self.kernel_size)) == len(set(self.strides)) == 1:
            y: Array = convolve(x, kernel, self.strides[0], self.margins)
            return y
        return lax.conv_general_dilated(
            x,
            kernel.astype(x.dtype),
            self.strides,
            self.margins,
            rhs_dilation=self.dilation,
            feature_group_count=self.groups,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )


@component
class TorchBatchNorm:
    """PyTorch's batch normalization, over the last axis: `BatchNorm` with other running averages.

    A batch's own variance is divided by the number of values m, the running one by m - 1. Each batch moves the running
    averages by `momentum`, without a warm-up; None: they are plain means over all batches. Places without a row are not
    counted.

    - momentum: in [0, 1], the weight of a batch
    - epsilon: >= 0, in squared units of x
    - affine: whether scale and shift are learned
    - frozen: as in `BatchNorm`; PyTorch's own continues to follow the batches unless it is set to `eval()`
    """

    momentum: Annotated[float, Ge(0)] | None = 0.1
    epsilon: Annotated[float, Ge(0)] = 1e-5
    affine: bool = True
    frozen: bool = field(default=False, repr=False)

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """`gamma` ones, `beta` zeros; running `mean` zeros, `variance` ones [f], and the `count` of batches."""
        f = shape[-1]
        params = {"gamma": jnp.ones(f), "beta": jnp.zeros(f)} if self.affine else {}
        return Variables(params, {"mean": jnp.zeros(f), "variance": jnp.ones(f), "count": jnp.zeros(())})

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """Same shape as x [n, ..., f]; `present` [n] matters in training only."""
        state, f = variables.state, x.shape[-1]
        gamma, beta = (variables.params.get("gamma", jnp.ones(f)), variables.params.get("beta", jnp.zeros(f)))
        if train and not self.frozen:
            y, mean, variance = normalize(x, gamma, beta, present, self.epsilon)
            return y, self._update_statistics(state, x, mean, variance, present)
        factor = gamma * lax.rsqrt(state["variance"] + self.epsilon)
        wide = x.astype(jnp.float32) * _align_features(factor, x) + _align_features(beta - state["mean"] * factor, x)
        return wide.astype(x.dtype), state

    def _update_statistics(self, state: Tree, x: Array, mean: Array, variance: Array, present: Array | None) -> Tree:
        rows = jnp.float32(len(x)) if present is None else present.sum().astype(jnp.float32)
        values = rows * x[0, ..., 0].size
        unbiased = variance * values / jnp.maximum(values - 1, 1)
        some, count = (rows > 0).astype(jnp.float32), state["count"]
        rate = some * (1 / (count + 1) if self.momentum is None else self.momentum)
        return lax.stop_gradient(
            {
                "mean": state["mean"] + rate * (mean - state["mean"]),
                "variance": state["variance"] + rate * (unbiased - state["variance"]),
                "count": count + some,
            }
        )


def _align_features(features: Array, x: Array) -> Array:
    """[f] -> [1, ..., f], with as many axes as x."""
    return features.reshape((1,) * (x.ndim - 1) + (-1,))
