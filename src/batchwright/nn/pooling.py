"""Pooling: each window of an image or a series, or all of it, is reduced to its largest value or its mean.

Adjacent windows are an axis of a reshaped array, overlapping ones a few shifted copies: XLA's own window reduction has
a gradient that is twenty times as slow on the CPU.
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
    """The largest value of each window of an image or a series; equal values share its gradient.

    - pool_size: > 0, side of a square window, or length of one along a series; pixels at the right and lower edge, and
      steps at the end, that fill no window are left out
    - strides: > 0, pixels between two windows; None: the pool size, so windows are adjacent

    >>> MaxPool().apply(Variables({}, {}), jnp.arange(16.0).reshape(1, 4, 4, 1), train=False, key=None, present=None)[
    ...     0
    ... ].ravel().tolist()
    [5.0, 7.0, 13.0, 15.0]
    """

    pool_size: Annotated[int, Gt(0)] = 2
    strides: Annotated[int, Gt(0)] | None = None

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """Nothing to learn. Raises ConfigError if the window does not fit."""
        return _init_pool(self.pool_size, shape)

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """[n, h, w, c] -> [n, h', w', c], h' = (h - pool_size) // strides + 1; [n, s, c] -> [n, s', c]."""
        image, window = _as_image(x, self.pool_size)
        if self.strides in (None, self.pool_size):
            return _drop_row_axis(window_maximum(_divide_into_windows(image, window)), x), {}
        return _drop_row_axis(reduce(jnp.maximum, _window_pixels(image, window, self.strides or self.pool_size)), x), {}


@component
class AvgPool:
    """The mean of each window; the fields are as in `MaxPool`."""

    pool_size: Annotated[int, Gt(0)] = 2
    strides: Annotated[int, Gt(0)] | None = None

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """Nothing to learn. Raises ConfigError if the window does not fit."""
        return _init_pool(self.pool_size, shape)

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """[n, h, w, c] -> [n, h', w', c], h' = (h - pool_size) // strides + 1; [n, s, c] -> [n, s', c]."""
        image, window = _as_image(x, self.pool_size)
        if self.strides in (None, self.pool_size):
            return _drop_row_axis(_divide_into_windows(image, window).mean((2, 4)), x), {}
        copies = _window_pixels(image, window, self.strides or self.pool_size)
        return _drop_row_axis(reduce(jnp.add, copies) / len(copies), x), {}


@component
class GlobalAveragePool:
    """The mean of each channel over the whole image or series: [n, h, w, c] or [n, s, c] -> [n, c].

    Paper: Lin et al. 2013, Network In Network, arXiv 1312.4400
    """

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """Nothing to learn."""
        return Variables({}, {})

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """[n, ..., c] -> [n, c], added up in float32."""
        return jnp.mean(x.astype(jnp.float32), tuple(range(1, x.ndim - 1))).astype(x.dtype), {}


@component
class GlobalMaxPool:
    """The largest value of each channel over the whole image or series: [n, h, w, c] or [n, s, c] -> [n, c].

    Equal values share its gradient.
    """

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """Nothing to learn."""
        return Variables({}, {})

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """[n, ..., c] -> [n, c]."""
        return jnp.max(x, tuple(range(1, x.ndim - 1))), {}


@jax.custom_vjp
def window_maximum(windows: Array) -> Array:
    """Maximum over the axes 2 and 4 of `windows` [n, h', rows, w', columns, c]; equal values share its gradient."""
    return reduce(jnp.maximum, _cells(windows))


def _window_maximum_forward(windows: Array) -> tuple[Array, tuple[Array, Array]]:
    top = window_maximum(windows)
    return top, (windows, top)


def _window_maximum_backward(saved: tuple[Array, Array], g: Array) -> tuple[Array]:
    windows, top = saved
    winners = sum((cell == top).astype(g.dtype) for cell in _cells(windows))
    share, top = (array[:, :, None, :, None, :] for array in (g / winners, top))
    return (jnp.where(windows == top, share, 0),)


window_maximum.defvjp(_window_maximum_forward, _window_maximum_backward)


def _cells(windows: Array) -> list[Array]:
    rows, columns = windows.shape[2], windows.shape[4]
    return [windows[:, :, a, :, b] for a in range(rows) for b in range(columns)]


Window = tuple[int, int]  # rows and columns


def _as_image(x: Array, size: int) -> tuple[Array, Window]:
    """A series as an image of one row of pixels, and the window of `size`; an image stays as it is."""
    return (x[:, None], (1, size)) if x.ndim == 3 else (x, (size, size))


def _drop_row_axis(y: Array, x: Array) -> Array:
    return y[:, 0] if x.ndim == 3 else y


def _divide_into_windows(x: Array, window: Window) -> Array:
    """[n, h, w, c] -> [n, h', rows, w', columns, c]."""
    n, h, w, c = x.shape
    rows, columns = window
    h, w = h // rows, w // columns
    return x[:, : h * rows, : w * columns].reshape(n, h, rows, w, columns, c)


def _window_pixels(x: Array, window: Window, stride: int) -> list[Array]:
    """The pixel (a, b) of every window, for all a and b: an array [n, h', w', c] for each."""
    h, w = (length - size + 1 for length, size in zip(x.shape[1:3], window, strict=True))
    return [x[:, a : a + h : stride, b : b + w : stride] for a in range(window[0]) for b in range(window[1])]


def _init_pool(size: int, shape: tuple[int, ...]) -> Variables:
    if size > min(shape[:-1]):
        pool, given = (f"{size} x {size} pixels", "images") if len(shape) == 3 else (f"{size} steps", "series")
        raise ConfigError(
            f"a pool of {pool} does not fit into {' x '.join(map(str, shape[:-1]))}: "
            f"use fewer pooling layers, a smaller pool_size, or larger {given}"
        )
    return Variables({}, {})
