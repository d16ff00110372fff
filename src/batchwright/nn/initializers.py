"""Initial weights: random, with a variance that keeps signals and gradients of the same size from layer to layer."""

from math import prod, sqrt
from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jax import Array

from batchwright.nn.activations import ActivationName

InitializerName = Literal[
    "auto",
    "he_normal",
    "he_uniform",
    "glorot_normal",
    "glorot_uniform",
    "lecun_normal",
    "lecun_uniform",
    "orthogonal",
]
INITIALIZERS: tuple[InitializerName, ...] = get_args(InitializerName)
_STD_OF_NORMAL_CUT_AT_2 = 0.87962566103423978


def initialize(name: InitializerName, key: Array, shape: tuple[int, ...]) -> Array:
    """Draw float32 weights of `shape` [..., inputs, outputs]; fan_in = prod(shape[:-1]), fan_out likewise.

    - he: variance 2 / fan_in (He et al. 2015, arXiv 1502.01852), for relu and its relatives
    - glorot: variance 2 / (fan_in + fan_out) (Glorot and Bengio 2010), for tanh and outputs; "auto" is this one
    - lecun: variance 1 / fan_in (LeCun et al. 1998)
    - orthogonal: orthonormal rows or columns of the matrix [fan_in, outputs] (Saxe et al. 2014, arXiv 1312.6120)

    `_normal` is a normal distribution cut at two standard deviations, `_uniform` a uniform one, as in Keras.

    >>> deviation = initialize("he_normal", jax.random.key(0), (800, 128)).std()
    >>> print(f"{deviation:.3f}")  # sqrt(2 / 800)
    0.050
    """
    if name == "orthogonal":
        return _orthogonal(key, shape)
    receptive = prod(shape[:-2])
    fan_in, fan_out = receptive * shape[-2], receptive * shape[-1]
    family, _, distribution = ("glorot_uniform" if name == "auto" else name).partition("_")
    variance = {"he": 2 / fan_in, "glorot": 2 / (fan_in + fan_out), "lecun": 1 / fan_in}[family]
    if distribution == "uniform":
        limit = sqrt(3 * variance)
        return jax.random.uniform(key, shape, minval=-limit, maxval=limit)
    return jax.random.truncated_normal(key, -2.0, 2.0, shape) * (sqrt(variance) / _STD_OF_NORMAL_CUT_AT_2)


def for_activation(name: InitializerName, activation: ActivationName) -> InitializerName:
    """The initializer for "auto" before `activation`: he_normal for relu and its relatives, else glorot_uniform."""
    if name != "auto":
        return name
    return "he_normal" if activation in ("relu", "leaky_relu", "gelu", "silu") else "glorot_uniform"


def _orthogonal(key: Array, shape: tuple[int, ...]) -> Array:
    rows, columns = prod(shape[:-1]), shape[-1]
    q, r = jnp.linalg.qr(jax.random.normal(key, (max(rows, columns), min(rows, columns))))
    q = q * jnp.where(jnp.diagonal(r) < 0, -1.0, 1.0)[None, :]  # makes the draw uniform over orthogonal matrices
    return (q if rows >= columns else q.T).reshape(shape)
