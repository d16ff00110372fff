"""Normalization layers: BatchNorm over the rows of a batch; LayerNorm, RMSNorm and GroupNorm within each row."""

from dataclasses import field
from functools import partial
from typing import Annotated

import jax
import jax.numpy as jnp
from annotated_types import Ge, Gt, Lt
from jax import Array

from batchwright._component import component
from batchwright.errors import ConfigError
from batchwright.nn.divided import axis_of_devices
from batchwright.nn.protocols import Tree, Variables


@component
class BatchNorm:
    """y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, per feature (last axis), before the activation.

    In training, mean and variance are the batch's own: every row counts once, whatever it weighs in the loss, and
    places without a row (padding) do not count. A batch of one row has variance 0 and gives beta. In evaluation they
    are running averages, running += rate * (batch - running) with rate = 1 - min(momentum, (1 + t) / (10 + t)) after t
    updates: so statistics of short runs on small data neither lag behind by 1 / (1 - momentum) iterations nor remember
    their start. A batch that is partly padding moves them by the share of its places that hold a row.

    - momentum: in [0, 1). PyTorch's momentum is 1 minus this one. Keras has no such warm-up.
    - epsilon: > 0, in squared units of x (Keras's 1e-3; PyTorch's is 1e-5)
    - frozen: whether training uses the running averages, as evaluation does, and leaves them as they are: Keras's
      `trainable=False`. Training sets it if `training.freeze` matches gamma and beta

    Paper: Ioffe and Szegedy 2015, arXiv 1502.03167
    """

    momentum: Annotated[float, Ge(0), Lt(1)] = 0.99
    epsilon: Annotated[float, Gt(0)] = 1e-3
    frozen: bool = field(default=False, repr=False)

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """`gamma` ones, `beta` zeros; running `mean` zeros, `variance` ones [f], and the `count` of updates."""
        f = shape[-1]
        params = {"gamma": jnp.ones(f), "beta": jnp.zeros(f)}
        return Variables(params, {"mean": jnp.zeros(f), "variance": jnp.ones(f), "count": jnp.zeros(())})

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """Same shape as x [n, ..., f]; `present` [n] matters in training only."""
        (gamma, beta), state = (variables.params["gamma"], variables.params["beta"]), variables.state
        if train and not self.frozen:
            if axis := axis_of_devices():
                y, mean, variance, filled = normalize_divided(x, gamma, beta, present, self.epsilon, axis)
            else:
                y, mean, variance = normalize(x, gamma, beta, present, self.epsilon)
                filled = None if present is None else jnp.mean(present)
            return y, self._update_statistics(state, mean, variance, filled)
        return _scale_and_shift(x, gamma, beta, state["mean"], jax.lax.rsqrt(state["variance"] + self.epsilon)), state

    def _update_statistics(self, state: Tree, mean: Array, variance: Array, filled: Array | None) -> Tree:
        count = state["count"]
        rate = 1 - jnp.minimum(self.momentum, (1 + count) / (10 + count))
        if filled is not None:
            rate = rate * filled
        return jax.lax.stop_gradient(
            {
                "mean": state["mean"] + rate * (mean - state["mean"]),
                "variance": state["variance"] + rate * (variance - state["variance"]),
                "count": count + 1,
            }
        )


@jax.custom_vjp
def normalize(
    x: Array, gamma: Array, beta: Array, present: Array | None, epsilon: Array | float
) -> tuple[Array, Array, Array]:
    """Batch normalization of x [n, ..., f] by its own mean and variance: y, mean [f] and variance [f].

    Both are means over all axes except the last, of the rows that are present (bool [n]; None: all); zeros if no row
    is. Only y has a gradient. With h = (x - mean) / sqrt(variance + epsilon), w a cell's share in the means, and g the
    gradient of y: beta gets sum(g), gamma gets sum(g h), and x gets gamma / sqrt(variance + epsilon) * (g - w (sum(g) +
    h sum(g h))). It is written out because this passes over x half as often as the derived gradient.
    """
    return _normalize(x, gamma, beta, present, epsilon)[0]


def _normalize(
    x: Array, gamma: Array, beta: Array, present: Array | None, epsilon: Array | float
) -> tuple[tuple[Array, Array, Array], tuple[Array, Array, Array | None, Array | float, Array, Array]]:
    wide, shares = x.astype(jnp.float32), _shares(present)
    mean = _mean(wide, shares)
    variance = _mean(jnp.square(wide - _align_features(mean, x)), shares)
    scale = jax.lax.rsqrt(variance + epsilon)
    return (_scale_and_shift(x, gamma, beta, mean, scale), mean, variance), (x, gamma, present, epsilon, mean, scale)


def _normalize_backward(
    saved: tuple[Array, Array, Array | None, Array | float, Array, Array], cotangents: tuple[Array, Array, Array]
) -> tuple[Array, Array, Array, None, Array]:
    x, gamma, present, epsilon, mean, scale = saved
    g, axes = cotangents[0].astype(jnp.float32), tuple(range(x.ndim - 1))
    normalized = (x.astype(jnp.float32) - _align_features(mean, x)) * _align_features(scale, x)
    for_beta, for_gamma = jnp.sum(g, axes), jnp.sum(g * normalized, axes)
    rows = _shares(present)
    shares = jnp.float32(1 / len(x)) if rows is None else rows.reshape(-1, *(1,) * (x.ndim - 1))
    common = (_align_features(for_beta, x) + normalized * _align_features(for_gamma, x)) * (shares / x[0, ..., 0].size)
    for_x = _align_features(gamma * scale, x) * (g - common)
    return for_x.astype(x.dtype), for_gamma, for_beta, None, jnp.zeros_like(epsilon)


normalize.defvjp(_normalize, _normalize_backward)


@partial(jax.custom_vjp, nondiff_argnums=(5,))
def normalize_divided(
    x: Array, gamma: Array, beta: Array, present: Array | None, epsilon: Array | float, axis: str
) -> tuple[Array, Array, Array, Array | None]:
    """`normalize` of a batch of which each device of `axis` has as many places x [n, ..., f].

    Besides, the share of all places that hold a row; None where all do. Each direction takes one sum over the devices:
    of the means m_i and variances v_i of the devices, with their shares s_i of the rows, the mean is m = sum(s_i m_i)
    and the variance sum(s_i (v_i + (m_i - m)²)). The gradients of gamma and beta are those of this device's rows.
    """
    return _normalize_divided(x, gamma, beta, present, epsilon, axis)[0]


def _normalize_divided(
    x: Array, gamma: Array, beta: Array, present: Array | None, epsilon: Array | float, axis: str
) -> tuple[tuple[Array, Array, Array, Array | None], tuple[Array, ...]]:
    (_, own_mean, own_variance), _ = _normalize(x, gamma, beta, present, epsilon)
    count = jnp.float32(len(x)) if present is None else jnp.sum(present).astype(jnp.float32)
    each = jax.lax.all_gather(jnp.concatenate([own_mean, own_variance, count[None]]), axis)  # [devices, 2f + 1]
    (means, variances), counts = jnp.split(each[:, :-1], 2, axis=1), each[:, -1:]
    rows = jnp.sum(counts)
    shares = counts / jnp.maximum(rows, 1)
    mean = jnp.sum(shares * means, 0)
    variance = jnp.sum(shares * (variances + jnp.square(means - mean[None, :])), 0)
    scale = jax.lax.rsqrt(variance + epsilon)
    filled = None if present is None else rows / (len(x) * len(each))
    y = _scale_and_shift(x, gamma, beta, mean, scale)
    return (y, mean, variance, filled), (x, gamma, present, epsilon, mean, scale, rows)  # type: ignore[return-value]


def _normalize_divided_backward(
    axis: str, saved: tuple[Array, ...], cotangents: tuple[Array, Array, Array, Array | None]
) -> tuple[Array, Array, Array, None, Array]:
    x, gamma, present, epsilon, mean, scale, rows = saved
    g, axes = cotangents[0].astype(jnp.float32), tuple(range(x.ndim - 1))
    normalized = (x.astype(jnp.float32) - _align_features(mean, x)) * _align_features(scale, x)
    for_beta, for_gamma = jnp.sum(g, axes), jnp.sum(g * normalized, axes)
    of_beta, of_gamma = jnp.split(jax.lax.psum(jnp.concatenate([for_beta, for_gamma]), axis), 2)
    marks = jnp.ones(len(x)) if present is None else present.astype(jnp.float32)
    shares = (marks / jnp.maximum(rows, 1)).reshape(-1, *(1,) * (x.ndim - 1))
    common = (_align_features(of_beta, x) + normalized * _align_features(of_gamma, x)) * (shares / x[0, ..., 0].size)
    for_x = _align_features(gamma * scale, x) * (g - common)
    return for_x.astype(x.dtype), for_gamma, for_beta, None, jnp.zeros_like(epsilon)


normalize_divided.defvjp(_normalize_divided, _normalize_divided_backward)


def _shares(present: Array | None) -> Array | None:
    """The share of each place [n] in a mean over the rows that are present; all 0 if no row is."""
    return None if present is None else present / jnp.maximum(jnp.sum(present), 1).astype(jnp.float32)


def _mean(x: Array, shares: Array | None) -> Array:
    """Mean over all axes except the last, a row's pixels alike and the rows by their shares, as a product: [f]."""
    if shares is None:
        return jnp.mean(x, tuple(range(x.ndim - 1)))
    return jnp.dot(shares, jnp.mean(x, tuple(range(1, x.ndim - 1))), precision="highest")


def _scale_and_shift(x: Array, gamma: Array, beta: Array, mean: Array, scale: Array) -> Array:
    """(x - mean) * scale * gamma + beta, as one product and one sum per cell."""
    factor = gamma * scale
    y = x.astype(jnp.float32) * _align_features(factor, x) + _align_features(beta - mean * factor, x)
    return y.astype(x.dtype)


def _align_features(features: Array, x: Array) -> Array:
    """[f] -> [1, ..., f], with as many axes as x."""
    return features.reshape((1,) * (x.ndim - 1) + (-1,))


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
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """Same shape as x [n, ..., f]."""
        wide = x.astype(jnp.float32)
        centred = wide - jnp.mean(wide, axis=-1, keepdims=True)
        variance = jnp.mean(jnp.square(centred), axis=-1, keepdims=True)
        gamma, beta = (_align_features(variables.params[name], x) for name in ("gamma", "beta"))
        return (centred * jax.lax.rsqrt(variance + self.epsilon) * gamma + beta).astype(x.dtype), {}


@component
class RMSNorm:
    """y = gamma * x / sqrt(mean(x²) + epsilon), over the features (last axis) of each row alone.

    - epsilon: > 0, in squared units of x (Keras's 1e-6; PyTorch's is the spacing of floats at 1, 1.2e-7)

    Paper: Zhang and Sennrich 2019, arXiv 1910.07467
    """

    epsilon: Annotated[float, Gt(0)] = 1e-6

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """`gamma` ones [f]."""
        return Variables({"gamma": jnp.ones(shape[-1])}, {})

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """Same shape as x [n, ..., f]."""
        wide = x.astype(jnp.float32)
        scale = jax.lax.rsqrt(jnp.mean(jnp.square(wide), axis=-1, keepdims=True) + self.epsilon)
        return (wide * scale * _align_features(variables.params["gamma"], x)).astype(x.dtype), {}


@component
class GroupNorm:
    """y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, over all places and the channels of a group of a row.

    The channels (last axis) are divided into groups of neighbours. Mean and variance are a row's own, so they do not
    depend on the batch size; the variance is divided by the number of values. gamma and beta are per channel.

    - groups: > 0, a divisor of the channels (Keras's 32); 1: all channels together
    - epsilon: > 0, in squared units of x (Keras's 1e-3; PyTorch's is 1e-5)

    Paper: Wu and He 2018, arXiv 1803.08494
    """

    groups: Annotated[int, Gt(0)] = 32
    epsilon: Annotated[float, Gt(0)] = 1e-3

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """`gamma` ones and `beta` zeros, both [c]. Raises ConfigError if the groups do not divide the channels."""
        if shape[-1] % self.groups:
            divisors = [count for count in range(1, shape[-1] + 1) if shape[-1] % count == 0]
            raise ConfigError(
                f"{self.groups} groups do not divide {shape[-1]} channels: "
                f"take a number of groups that does ({', '.join(map(str, divisors))})"
            )
        return Variables({"gamma": jnp.ones(shape[-1]), "beta": jnp.zeros(shape[-1])}, {})

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """Same shape as x [n, ..., c]."""
        rows = x.astype(jnp.float32).reshape(x.shape[0], -1, x.shape[-1])
        centred = rows - self._mean_of_groups(rows)
        scale = jax.lax.rsqrt(self._mean_of_groups(jnp.square(centred)) + self.epsilon)
        gamma, beta = (_align_features(variables.params[name], rows) for name in ("gamma", "beta"))
        return (centred * (scale * gamma) + beta).reshape(x.shape).astype(x.dtype), {}

    def _mean_of_groups(self, rows: Array) -> Array:
        """[n, places, c] -> [n, 1, c]: the mean over all places and the channels of a group, for each channel of it."""
        channels = rows.shape[-1]
        groups = jnp.mean(rows, axis=1).reshape(-1, self.groups, channels // self.groups)
        means = jnp.mean(groups, axis=-1, keepdims=True)
        return jnp.broadcast_to(means, groups.shape).reshape(-1, 1, channels)
