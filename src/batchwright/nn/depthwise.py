"""Depthwise convolution: each channel of an image has a kernel of its own, and channels are not mixed.

It is a sum of k * k shifted elementwise products, and so is the gradient of its input. On the CPU, the gradient of the
kernel is added up row by row. XLA's grouped convolution and its derived gradient take two hundred times as long inside
a compiled loop there.

Letters: n rows, h x w pixels, c channels, k x k kernel, m kernels per channel.
"""

from functools import partial
from typing import Annotated

import jax
import jax.numpy as jnp
from annotated_types import Gt
from jax import Array, lax

from batchwright._component import component
from batchwright.nn.convolution import Margins, Padding, margin, pixels_under_kernel, refuse_too_large, spread
from batchwright.nn.initializers import InitializerName, initialize
from batchwright.nn.protocols import Tree, Variables


@component
class DepthwiseConv2D:
    """y[i, j, c m + q] = b[c m + q] + sum over a, b of x[stride i + a, stride j + b, c] W[a, b, c, q].

    A 1 x 1 `Conv2D` after it mixes the channels: together they are a separable convolution.

    - kernel_size: k, > 0, of a k x k kernel; strides: > 0, pixels between two positions of the kernel
    - padding: "same" adds zeros around the image so that h' = ceil(h / strides); "valid" adds none
    - depth_multiplier: m, > 0, kernels for each channel; their outputs lie side by side, as in Keras and PyTorch
    - use_bias: off before a BatchNorm, whose beta takes the bias's place
    - initializer: each channel's kernels are drawn like the kernels of a convolution with one channel. Keras counts the
      inputs of all channels instead, which makes its weights sqrt(c) times smaller

    Paper: Chollet 2017, arXiv 1610.02357

    >>> layer = DepthwiseConv2D(depth_multiplier=2)
    >>> variables = layer.init(jax.random.key(0), (28, 28, 3))
    >>> layer.apply(variables, jnp.ones((2, 28, 28, 3)), train=False, key=None, present=None)[0].shape
    (2, 28, 28, 6)
    """

    kernel_size: Annotated[int, Gt(0)] = 3
    strides: Annotated[int, Gt(0)] = 1
    padding: Padding = "same"
    depth_multiplier: Annotated[int, Gt(0)] = 1
    use_bias: bool = True
    initializer: InitializerName = "auto"

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """`kernel` [k, k, c, m] and `bias` [c m] zero. Raises ConfigError if the kernel is larger than the image."""
        size, channels, multiplier = self.kernel_size, shape[-1], self.depth_multiplier
        refuse_too_large(size, self.padding, shape)
        draw = partial(initialize, self.initializer, shape=(size, size, 1, multiplier))
        kernels = jax.vmap(lambda key: draw(key)[:, :, 0], out_axes=2)(jax.random.split(key, channels))
        params: Tree = {"kernel": kernels}
        if self.use_bias:
            params["bias"] = jnp.zeros(channels * multiplier)
        return Variables(params, {})

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """[n, h, w, c] -> [n, h', w', c m]."""
        size = self.kernel_size
        above, beside = (margin(length, size, self.strides, self.padding) for length in x.shape[1:3])
        kernel = variables.params["kernel"].reshape(size, size, -1)
        repeated = jnp.repeat(x, self.depth_multiplier, axis=-1) if self.depth_multiplier > 1 else x
        y = convolve_channels(repeated, kernel, self.strides, (above, beside))
        if self.use_bias:
            y = y + variables.params["bias"].astype(y.dtype)[None, None, None, :]
        return y, {}


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def convolve_channels(x: Array, kernel: Array, stride: int, margins: Margins) -> Array:
    """y[n, i, j, c] = sum over a, b of x[n, stride i + a, stride j + b, c] kernel[a, b, c], x with `margins`."""
    shifted = pixels_under_kernel(x, kernel.shape[:2], stride, margins)
    products = (part.astype(jnp.float32) * kernel[a, b][None, None, None] for (a, b), part in shifted.items())
    return sum(products, start=jnp.float32(0)).astype(x.dtype)


def _forward(x: Array, kernel: Array, stride: int, margins: Margins) -> tuple[Array, tuple[Array, Array]]:
    return convolve_channels(x, kernel, stride, margins), (x, kernel)


def _backward(stride: int, margins: Margins, saved: tuple[Array, Array], g: Array) -> tuple[Array, Array]:
    x, kernel = saved
    size = len(kernel)
    (above, below), (left, right) = ((size - 1 - low, size - 1 - high) for low, high in margins)
    turned = jnp.flip(kernel, (0, 1))
    dense = spread(g, x.shape[1:3], size, stride, margins)
    for_x = convolve_channels(dense, turned, 1, ((above, below), (left, right)))
    sums = {"cpu": _sum_row_by_row, "default": _sum_products}
    for_kernel = lax.platform_dependent(
        x, g, **{name: partial(function, size=size, stride=stride, margins=margins) for name, function in sums.items()}
    )
    return for_x, for_kernel


convolve_channels.defvjp(_forward, _backward)


def _sum_products(x: Array, g: Array, size: int, stride: int, margins: Margins) -> Array:
    """Sum over n, i, j of x[n, stride i + a, stride j + b, c] g[n, i, j, c] -> float32 [a, b, c]."""
    products = _products(x, g, size, stride, margins)
    return jnp.stack([product.sum((0, 1, 2)) for product in products]).reshape(size, size, -1)


def _sum_row_by_row(x: Array, g: Array, size: int, stride: int, margins: Margins) -> Array:
    """The same, in a loop over the rows that sums images: XLA's own sums take up to three times as long."""

    def add(sums: list[Array], row: tuple[Array, Array]) -> tuple[list[Array], None]:
        image, gradient = (array[None] for array in row)
        products = _products(image, gradient, size, stride, margins)
        return [total + product[0] for total, product in zip(sums, products, strict=True)], None

    sums, _ = lax.scan(add, [jnp.zeros(g.shape[1:])] * size**2, (x, g))
    return jnp.stack([total.sum((0, 1)) for total in sums]).reshape(size, size, -1)


def _products(x: Array, g: Array, size: int, stride: int, margins: Margins) -> list[Array]:
    shifted = pixels_under_kernel(x, (size, size), stride, margins).values()
    return [part.astype(jnp.float32) * g.astype(jnp.float32) for part in shifted]
