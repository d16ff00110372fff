"""Pooling: each window of an image becomes one pixel, its largest value or its mean.

Windows side by side are an axis of a reshaped array, overlapping ones a few shifted copies: XLA's own window reduction
has a gradient that is twenty times as slow on the CPU.
"""

from functools import reduce
from typing import Annotated

import jax
import jax.numpy as jnp
from annotated_types import Gt
from jax import Array

from batchwright._component import component
from batchwright.errors import ConfigError
from batchwright.nn.protocols import Tree, Variables


@component
class MaxPool:
    """The largest value of each window; equal ones share its gradient.

    - pool_size: > 0, of a square window; pixels at the right and lower edge that fill no window are left out
    - strides: > 0, pixels between two windows; None: the pool size, windows side by side

    >>> MaxPool().apply(Variables({}, {}), jnp.arange(16.0).reshape(1, 4, 4, 1), train=False, key=None, present=None)[
    ...     0
    ... ].ravel().tolist()
    [5.0, 7.0, 13.0, 15.0]
    """

    pool_size: Annotated[int, Gt(0)] = 2
    strides: Annotated[int, Gt(0)] | None = None

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """Nothing to learn. Raises ConfigError where the window does not fit into the image."""
        return _checked(self.pool_size, shape)

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """[n, h, w, c] -> [n, h', w', c], h' = (h - pool_size) // strides + 1."""
        if self.strides in (None, self.pool_size):
            return largest(_side_by_side(x, self.pool_size)), {}
        return reduce(jnp.maximum, _shifted(x, self.pool_size, self.strides or self.pool_size)), {}


@component
class AvgPool:
    """The mean of each window; its fields are those of `MaxPool`."""

    pool_size: Annotated[int, Gt(0)] = 2
    strides: Annotated[int, Gt(0)] | None = None

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """Nothing to learn. Raises ConfigError where the window does not fit into the image."""
        return _checked(self.pool_size, shape)

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """[n, h, w, c] -> [n, h', w', c], h' = (h - pool_size) // strides + 1."""
        if self.strides in (None, self.pool_size):
            return _side_by_side(x, self.pool_size).mean((2, 4)), {}
        copies = _shifted(x, self.pool_size, self.strides or self.pool_size)
        return reduce(jnp.add, copies) / len(copies), {}


@jax.custom_vjp
def largest(windows: Array) -> Array:
    """Maximum over the axes 2 and 4 of `windows` [n, h', size, w', size, c]; equal ones share its gradient."""
    return reduce(jnp.maximum, _cells(windows))


def _largest(windows: Array) -> tuple[Array, tuple[Array, Array]]:
    top = largest(windows)
    return top, (windows, top)


def _largest_backward(saved: tuple[Array, Array], g: Array) -> tuple[Array]:
    windows, top = saved
    winners = sum((cell == top).astype(g.dtype) for cell in _cells(windows))
    share, top = (array[:, :, None, :, None, :] for array in (g / winners, top))
    return (jnp.where(windows == top, share, 0),)


largest.defvjp(_largest, _largest_backward)


def _cells(windows: Array) -> list[Array]:
    size = windows.shape[2]
    return [windows[:, :, a, :, b] for a in range(size) for b in range(size)]


def _side_by_side(x: Array, size: int) -> Array:
    """[n, h, w, c] -> [n, h', size, w', size, c]."""
    n, h, w, c = x.shape
    h, w = h // size, w // size
    return x[:, : h * size, : w * size].reshape(n, h, size, w, size, c)


def _shifted(x: Array, size: int, stride: int) -> list[Array]:
    """The pixel (a, b) of every window, for all a and b: size * size arrays [n, h', w', c]."""
    h, w = (length - size + 1 for length in x.shape[1:3])
    return [x[:, a : a + h : stride, b : b + w : stride] for a in range(size) for b in range(size)]


def _checked(size: int, shape: tuple[int, ...]) -> Variables:
    if size > min(shape[:2]):
        raise ConfigError(
            f"a pool of {size} x {size} pixels does not fit into {shape[0]} x {shape[1]}: "
            "use fewer pooling layers, a smaller pool_size, or larger images"
        )
    return Variables({}, {})
