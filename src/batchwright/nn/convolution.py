"""Two-dimensional convolution, with gradients as products that XLA computes well inside a compiled loop on the CPU.

JAX's own gradient for a kernel is forty times as slow inside a loop as outside of it. Here the gradient of the input is
one more forward convolution, and the gradient of the kernel a few matrix products. Under `vmap` over kernels the
convolutions run one member after the other: grouped convolutions would be slower.

Letters: n rows, h x w pixels, c channels, k x k kernel, o filters.
"""

from functools import partial
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
from annotated_types import Gt
from jax import Array, lax
from jax.custom_batching import sequential_vmap

from batchwright._component import component
from batchwright.errors import ConfigError
from batchwright.nn.initializers import InitializerName, initialize
from batchwright.nn.protocols import Tree, Variables

Padding = Literal["same", "valid"]
Margins = tuple[tuple[int, int], tuple[int, int]]  # zeros above and below, left and right; negative: cropped


def _correlate(x: Array, kernel: Array, stride: int, margins: Margins) -> Array:
    """Lay `kernel` [k, k, c, o] over x [n, h, w, c] every `stride` pixels -> [n, h', w', o]."""

    @sequential_vmap  # type: ignore[untyped-decorator]
    def correlate(x: Array, kernel: Array) -> Array:
        return lax.conv_general_dilated(
            x,
            kernel.astype(x.dtype),
            (stride, stride),
            margins,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            preferred_element_type=jnp.float32,
        )

    product: Array = correlate(x, kernel)
    return product.astype(x.dtype)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def convolve(x: Array, kernel: Array, stride: int, margins: Margins) -> Array:
    """y[n, i, j, o] = sum over a, b, c of x[n, stride i + a, stride j + b, c] kernel[a, b, c, o], x with `margins`."""
    return _correlate(x, kernel, stride, margins)


def _forward(x: Array, kernel: Array, stride: int, margins: Margins) -> tuple[Array, tuple[Array, Array]]:
    return convolve(x, kernel, stride, margins), (x, kernel)  # not `_correlate`: a curvature differentiates it again


def _backward(stride: int, margins: Margins, saved: tuple[Array, Array], g: Array) -> tuple[Array, Array]:
    x, kernel = saved
    size = len(kernel)
    g = spread(g, x.shape[1:3], size, stride, margins)
    (above, below), (left, right) = ((size - 1 - low, size - 1 - high) for low, high in margins)
    turned = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
    return convolve(g, turned, 1, ((above, below), (left, right))), _kernel_gradient(x, g, size, margins)


convolve.defvjp(_forward, _backward)


def spread(g: Array, sides: tuple[int, ...], size: int, stride: int, margins: Margins) -> Array:
    """The gradient [n, h', w', o] of an output as if the stride had been 1; `sides` are the sides of the input."""
    tails = [
        total + sum(margin) - size - (length - 1) * stride
        for total, margin, length in zip(sides, margins, g.shape[1:3], strict=True)
    ]
    return lax.pad(
        g, jnp.zeros((), g.dtype), ((0, 0, 0), (0, tails[0], stride - 1), (0, tails[1], stride - 1), (0, 0, 0))
    )


def _kernel_gradient(x: Array, g: Array, size: int, margins: Margins) -> Array:
    """Sum over n, i, j of x[n, i + a, j + b, c] g[n, i, j, o] -> [a, b, c, o]: a product of two matrices for each a.

    If x has few channels, its shifts along both axes are combined in one product.
    """
    (_, h, w, filters), channels = g.shape, x.shape[-1]
    padded = jnp.pad(x, ((0, 0), *margins, (0, 0)))
    columns = jnp.concatenate([padded[:, :, b : b + w] for b in range(size)], axis=-1)  # [n, h + k - 1, w, b c]
    shifted = [columns[:, a : a + h] for a in range(size)]
    if size * channels < channels + filters:
        return _transposed_dot(jnp.concatenate(shifted, axis=-1), g).reshape(size, size, channels, filters)
    return jnp.stack([_transposed_dot(rows, g) for rows in shifted]).reshape(size, size, channels, filters)


def _transposed_dot(x: Array, y: Array) -> Array:
    """Sum over all axes but the last: [n, h, w, p] and [n, h, w, q] -> float32 [p, q]."""
    x, y = (array.reshape(-1, array.shape[-1]) for array in (x, y))  # XLA would transpose anything that is not a matrix
    return lax.dot_general(x, y, (((0,), (0,)), ((), ())), preferred_element_type=jnp.float32)


def margin(length: int, size: int, stride: int, padding: Padding) -> tuple[int, int]:
    """Zeros before and after a side of `length`, the odd one after it, for a kernel of `size`.

    >>> margin(6, 3, 2, "same")
    (0, 1)
    """
    if padding == "valid":
        return 0, 0
    missing = max((-(-length // stride) - 1) * stride + size - length, 0)
    return missing // 2, missing - missing // 2


def refuse_too_large(size: int, padding: Padding, shape: tuple[int, ...]) -> None:
    """Raise ConfigError if a kernel without padding is larger than an image of `shape` [h, w, c]."""
    if padding == "valid" and size > min(shape[:2]):
        raise ConfigError(
            f"a {size} x {size} kernel does not fit into {shape[0]} x {shape[1]} pixels: "
            "make it smaller, use fewer convolutions, or set padding to 'same'"
        )


@component
class Conv2D:
    """y[i, j, o] = b[o] + sum over a, b, c of x[stride i + a, stride j + b, c] W[a, b, c, o]: filters over an image.

    - filters: o, > 0; kernel_size: k, > 0, of a k x k kernel; strides: > 0, pixels between two positions of the kernel
    - padding: "same" adds zeros around the image so that h' = ceil(h / strides); "valid" adds none
    - use_bias: off before a BatchNorm, whose beta takes the bias's place

    >>> layer = Conv2D(filters=8)
    >>> variables = layer.init(jax.random.key(0), (28, 28, 1))
    >>> layer.apply(variables, jnp.ones((2, 28, 28, 1)), train=False, key=None, present=None)[0].shape
    (2, 28, 28, 8)
    """

    filters: Annotated[int, Gt(0)]
    kernel_size: Annotated[int, Gt(0)] = 3
    strides: Annotated[int, Gt(0)] = 1
    padding: Padding = "same"
    use_bias: bool = True
    initializer: InitializerName = "auto"

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """`kernel` [k, k, c, o] and `bias` [o] zero. Raises ConfigError if the kernel is larger than the image."""
        size = self.kernel_size
        refuse_too_large(size, self.padding, shape)
        params: Tree = {"kernel": initialize(self.initializer, key, (size, size, shape[-1], self.filters))}
        if self.use_bias:
            params["bias"] = jnp.zeros(self.filters)
        return Variables(params, {})

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """[n, h, w, c] -> [n, h', w', o]."""
        above, beside = (margin(length, self.kernel_size, self.strides, self.padding) for length in x.shape[1:3])
        y = convolve(x, variables.params["kernel"], self.strides, (above, beside))
        if self.use_bias:
            y = y + variables.params["bias"].astype(y.dtype)[None, None, None, :]
        return y, {}
