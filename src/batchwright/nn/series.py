"""Rows that are series: numeric columns in their order as steps, and convolution along them.

Letters: n rows, s steps, c channels, k steps of a kernel, o filters.
"""

from typing import Annotated

import jax.numpy as jnp
from annotated_types import Gt
from jax import Array

from batchwright._component import component
from batchwright.errors import ConfigError
from batchwright.nn.convolution import Padding, margin
from batchwright.nn.initializers import InitializerName, initialize
from batchwright.nn.products import dot
from batchwright.nn.protocols import Tree, Variables


@component
class Series:
    """[n, f] -> [n, s, c]: columns in their order as s = f / c steps; the c channels of a step are neighbours.

    - channels: c, > 0, columns in each step

    >>> x = jnp.arange(6.0)[None, :]
    >>> Series(channels=2).apply(Variables({}, {}), x, train=False, key=None, present=None)[0].tolist()
    [[[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]]
    """

    channels: Annotated[int, Gt(0)] = 1

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """Nothing to learn. Raises ConfigError if the columns are not a whole number of steps."""
        if len(shape) != 1 or shape[0] % self.channels:
            raise ConfigError(
                f"{' x '.join(map(str, shape))} columns are not a whole number of steps of {self.channels} channels: "
                f"choose channels that divide the number of columns, or leave columns out"
            )
        return Variables({}, {})

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """[n, f] -> [n, s, c]."""
        return x.reshape(x.shape[0], x.shape[1] // self.channels, self.channels), {}


@component
class Conv1D:
    """y[i, o] = b[o] + sum over a, c of x[stride i + a, c] W[a, c, o]: filters along a series.

    It is computed as a product of the windows and the kernel, which is fast alone and in a population.

    - filters: o, > 0; kernel_size: k, > 0, steps; strides: > 0, steps between two positions of the kernel
    - padding: "same" adds zeros at both ends so that s' = ceil(s / strides); "valid" adds none
    - use_bias: off before a BatchNorm, whose beta takes the bias's place

    >>> import jax
    >>> layer = Conv1D(filters=8, strides=2)
    >>> variables = layer.init(jax.random.key(0), (100, 3))
    >>> layer.apply(variables, jnp.ones((2, 100, 3)), train=False, key=None, present=None)[0].shape
    (2, 50, 8)
    """

    filters: Annotated[int, Gt(0)]
    kernel_size: Annotated[int, Gt(0)] = 3
    strides: Annotated[int, Gt(0)] = 1
    padding: Padding = "same"
    use_bias: bool = True
    initializer: InitializerName = "auto"

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """`kernel` [k, c, o] and `bias` [o] zero. Raises ConfigError if the kernel is longer than the series."""
        if self.padding == "valid" and self.kernel_size > shape[0]:
            raise ConfigError(
                f"a kernel of {self.kernel_size} steps does not fit into {shape[0]}: "
                "make it smaller, use fewer convolutions, or set padding to 'same'"
            )
        params: Tree = {"kernel": initialize(self.initializer, key, (self.kernel_size, shape[-1], self.filters))}
        if self.use_bias:
            params["bias"] = jnp.zeros(self.filters)
        return Variables(params, {})

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """[n, s, c] -> [n, s', o]."""
        windows = self._windows(x)
        kernel = variables.params["kernel"].reshape(-1, self.filters)
        y = dot(windows.reshape(-1, len(kernel)), kernel).reshape(*windows.shape[:2], self.filters)
        if self.use_bias:
            y = y + variables.params["bias"][None, None, :]
        return y.astype(x.dtype), {}

    def _windows(self, x: Array) -> Array:
        """The steps under the kernel at each of its positions, side by side: [n, s', k c]."""
        ends = margin(x.shape[1], self.kernel_size, self.strides, self.padding)
        x = jnp.pad(x, ((0, 0), ends, (0, 0)))
        places = x.shape[1] - self.kernel_size + 1
        return jnp.concatenate([x[:, a : a + places : self.strides] for a in range(self.kernel_size)], axis=-1)
