"""Normalization layers: BatchNorm over the rows of a batch, LayerNorm over the features of a row."""

from typing import Annotated

import jax
import jax.numpy as jnp
from annotated_types import Ge, Gt, Lt
from jax import Array

from batchwright._component import component
from batchwright.nn.protocols import Tree, Variables


@component
class BatchNorm:
    """y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, per feature (last axis), before the activation.

    In training, mean and variance are the batch's own, weighted by the rows' weights: rows of weight 0 (padding) count for
    nothing, and a batch of one row has variance 0 and gives beta. In evaluation they are running averages,
    running += rate * (batch - running) with rate = 1 - min(momentum, (1 + t) / (10 + t)) after t updates: so that
    statistics of short runs on small data do not lag behind by 1 / (1 - momentum) iterations, nor remember their start.
    A batch of which only a part is not padding moves them by that part of the rate.

    - momentum: in [0, 1). PyTorch's momentum is 1 minus this one. Keras has no warm-up of it.
    - epsilon: > 0, in squared units of x (Keras's 1e-3; PyTorch's is 1e-5)

    Paper: Ioffe and Szegedy 2015, arXiv 1502.03167
    """

    momentum: Annotated[float, Ge(0), Lt(1)] = 0.99
    epsilon: Annotated[float, Gt(0)] = 1e-3

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """`gamma` ones, `beta` zeros; running `mean` zeros, `variance` ones, `count` of updates; each but the last [f]."""
        f = shape[-1]
        params = {"gamma": jnp.ones(f), "beta": jnp.zeros(f)}
        return Variables(params, {"mean": jnp.zeros(f), "variance": jnp.ones(f), "count": jnp.zeros(())})

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, weights: Array | None
    ) -> tuple[Array, Tree]:
        """x [n, ..., f] -> same shape; `weights` [n] matter in training only."""
        params, state = variables
        mean, variance = _moments(x, weights) if train else (state["mean"], state["variance"])
        scale = params["gamma"] * jax.lax.rsqrt(variance + self.epsilon)
        shift = params["beta"] - mean * scale
        features = (1,) * (x.ndim - 1) + (-1,)
        y = (x.astype(jnp.float32) * scale.reshape(features) + shift.reshape(features)).astype(x.dtype)
        return y, (self._updated(state, mean, variance, weights) if train else state)

    def _updated(self, state: Tree, mean: Array, variance: Array, weights: Array | None) -> Tree:
        count = state["count"]
        rate = 1 - jnp.minimum(self.momentum, (1 + count) / (10 + count))
        if weights is not None:
            rate = rate * jnp.mean(weights > 0)
        return jax.lax.stop_gradient(
            {
                "mean": state["mean"] + rate * (mean - state["mean"]),
                "variance": state["variance"] + rate * (variance - state["variance"]),
                "count": count + 1,
            }
        )


def _moments(x: Array, weights: Array | None) -> tuple[Array, Array]:
    """Weighted mean and variance over all axes but the last; a total weight of 0 gives zeros."""
    x = x.astype(jnp.float32)
    axes = tuple(range(x.ndim - 1))
    if weights is None:
        mean = jnp.mean(x, axes, keepdims=True)
        return mean.reshape(-1), jnp.mean(jnp.square(x - mean), axes)
    rows = weights.astype(jnp.float32).reshape(-1, *(1,) * (x.ndim - 1))
    cells = x[0, ..., 0].size  # pixels that share a row's weight
    total = jnp.maximum(jnp.sum(rows) * cells, jnp.finfo(jnp.float32).tiny)
    mean = jnp.sum(x * rows, axes, keepdims=True) / total
    return mean.reshape(-1), jnp.sum(jnp.square(x - mean) * rows, axes) / total


@component
class LayerNorm:
    """y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, over the features (last axis) of each row alone.

    - epsilon: > 0, in squared units of x

    Paper: Ba et al. 2016, arXiv 1607.06450
    """

    epsilon: Annotated[float, Gt(0)] = 1e-3

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """`gamma` ones and `beta` zeros, both [f]."""
        return Variables({"gamma": jnp.ones(shape[-1]), "beta": jnp.zeros(shape[-1])}, {})

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, weights: Array | None
    ) -> tuple[Array, Tree]:
        """x [n, ..., f] -> same shape."""
        wide = x.astype(jnp.float32)
        centred = wide - jnp.mean(wide, axis=-1, keepdims=True)
        variance = jnp.mean(jnp.square(centred), axis=-1, keepdims=True)
        features = (1,) * (x.ndim - 1) + (-1,)
        gamma, beta = variables.params["gamma"].reshape(features), variables.params["beta"].reshape(features)
        return (centred * jax.lax.rsqrt(variance + self.epsilon) * gamma + beta).astype(x.dtype), {}
