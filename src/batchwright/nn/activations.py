"""Activations: elementwise functions between layers, chosen by name; `softmax` works along the last axis."""

from typing import Annotated, Literal, get_args

import jax
from annotated_types import Ge
from jax import Array

from batchwright._component import component
from batchwright.nn.protocols import Tree, Variables

ActivationName = Literal["sigmoid", "tanh", "relu", "leaky_relu", "softmax", "gelu", "silu", "identity"]
ACTIVATIONS: tuple[ActivationName, ...] = get_args(ActivationName)


def activate(name: ActivationName, x: Array, *, slope: Array | float = 0.01) -> Array:
    """Apply the activation called `name`.

    - sigmoid: 1 / (1 + exp(-x)); tanh: tanh(x); identity: x
    - relu: max(x, 0); leaky_relu: x where x > 0, else slope * x
    - gelu: x * Phi(x), with the exact normal distribution function (Hendrycks and Gimpel 2016, arXiv 1606.08415)
    - silu: x * sigmoid(x) (Elfwing et al. 2017, arXiv 1702.03118)
    - softmax: exp(x_i) / sum_j exp(x_j), along the last axis

    >>> import jax.numpy as jnp
    >>> activate("leaky_relu", jnp.array([-2.0, 3.0]), slope=0.5).tolist()
    [-1.0, 3.0]
    """
    match name:
        case "sigmoid":
            return jax.nn.sigmoid(x)
        case "tanh":
            return jax.numpy.tanh(x)
        case "relu":
            return jax.nn.relu(x)
        case "leaky_relu":
            return jax.numpy.where(x > 0, x, (slope * x).astype(x.dtype))
        case "softmax":
            return jax.nn.softmax(x.astype("float32"), axis=-1).astype(x.dtype)
        case "gelu":
            return jax.nn.gelu(x, approximate=False)
        case "silu":
            return jax.nn.silu(x)
        case "identity":
            return x


@component
class Activation:
    """A layer that applies one activation; `slope` (>= 0) is used by leaky_relu (0.01 as in PyTorch; Keras has 0.3)."""

    name: ActivationName = "relu"
    slope: Annotated[float, Ge(0)] = 0.01

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """Nothing to learn."""
        return Variables({}, {})

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """The activation of `x`, of any shape."""
        return activate(self.name, x, slope=self.slope), {}
