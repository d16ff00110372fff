"""Two-dimensional convolution, with gradients as operations that XLA computes well inside a compiled loop on the CPU.

JAX's own gradient for a kernel is forty times as slow inside a loop as outside of it. Here both gradients are forward
convolutions: that of the kernel with the batch in place of the channels. Under `vmap` over kernels the convolutions run
one member after the other: grouped convolutions would be slower.

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


FEW_PRODUCTS = 32
"""The most products in an output value that a CPU adds up by themselves. XLA joins them with what follows, so that the
output of a first layer, its largest array, need not be written. With 9 products (3 x 3, grey) the evaluation of the
benchmarks' CNN takes 0.73 of the processor time, an iteration 0.92; with 27 (3 x 3, colour) 0.90 and 0.95."""


def _correlate(x: Array, kernel: Array, stride: int, margins: Margins) -> Array:
    """Lay `kernel` [k, k, c, o] over x [n, h, w, c] every `stride` pixels -> float32 [n, h', w', o]."""
    few = kernel[..., 0].size <= FEW_PRODUCTS

    @sequential_vmap  # type: ignore[untyped-decorator]
    def correlate(x: Array, kernel: Array) -> Array:
        given, by_xla = (x, kernel.astype(x.dtype)), partial(_by_xla, stride=stride, margins=margins)
        if not few:
            return by_xla(*given)
        by_pixels = partial(_add_products, stride=stride, margins=margins)
        found: Array = lax.platform_dependent(*given, cpu=by_pixels, default=by_xla)
        return found

    product: Array = correlate(x, kernel)
    return product


def _by_xla(x: Array, kernel: Array, stride: int, margins: Margins) -> Array:
    return lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        margins,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        preferred_element_type=jnp.float32,
    )


def _add_products(x: Array, kernel: Array, stride: int, margins: Margins) -> Array:
    """The same, one product after the other."""
    x, kernel = x.astype(jnp.float32), kernel.astype(jnp.float32)
    pixels = pixels_under_kernel(x, kernel.shape[:2], stride, margins)
    products = (
        part[..., c : c + 1] * kernel[a, b, c][None, None, None]
        for (a, b), part in pixels.items()
        for c in range(x.shape[-1])
    )
    return sum(products, start=jnp.float32(0))


def pixels_under_kernel(
    x: Array, sides: tuple[int, ...], stride: int, margins: Margins
) -> dict[tuple[int, int], Array]:
    """The pixel (a, b) under a kernel with `sides` at each of its positions, for all a and b: [n, h', w', c] each."""
    x = lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), *((low, high, 0) for low, high in margins), (0, 0, 0)))
    h, w = (length - side + 1 for length, side in zip(x.shape[1:3], sides, strict=True))
    return {(a, b): x[:, a : a + h : stride, b : b + w : stride] for a in range(sides[0]) for b in range(sides[1])}


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def convolve(x: Array, kernel: Array, stride: int, margins: Margins) -> Array:
    """y[n, i, j, o] = sum over a, b, c of x[n, stride i + a, stride j + b, c] kernel[a, b, c, o], x with `margins`."""
    return _correlate(x, kernel, stride, margins).astype(x.dtype)


def _forward(x: Array, kernel: Array, stride: int, margins: Margins) -> tuple[Array, tuple[Array, Array]]:
    return convolve(x, kernel, stride, margins), (x, kernel)  # not `_correlate`: a curvature differentiates it again


def _backward(stride: int, margins: Margins, saved: tuple[Array, Array], g: Array) -> tuple[Array, Array]:
    x, kernel = saved
    g = spread(g, x.shape[1:3], len(kernel), stride, margins)
    return _input_gradient(g, kernel, margins), _kernel_gradient(x, g, len(kernel), margins)


convolve.defvjp(_forward, _backward)


def _input_gradient(g: Array, kernel: Array, margins: Margins) -> Array:
    """The gradient [n, h, w, c] of the input, from that of an output with stride 1."""
    above_and_below, beside = ((len(kernel) - 1 - low, len(kernel) - 1 - high) for low, high in margins)
    return convolve(g, jnp.flip(kernel, (0, 1)).swapaxes(2, 3), 1, (above_and_below, beside))


def spread(g: Array, sides: tuple[int, ...], size: int, stride: int, margins: Margins) -> Array:
    """The gradient [n, h', w', o] of an output as if the stride had been 1; `sides` are the sides of the input."""
    tails = [
        total + sum(margin) - size - (length - 1) * stride
        for total, margin, length in zip(sides, margins, g.shape[1:3], strict=True)
    ]
    return lax.pad(
        g, jnp.zeros((), g.dtype), ((0, 0, 0), (0, tails[0], stride - 1), (0, tails[1], stride - 1), (0, 0, 0))
    )


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _kernel_gradient(x: Array, g: Array, size: int, margins: Margins) -> Array:
    """Sum over n, i, j of x[n, i + a, j + b, c] g[n, i, j, o] -> float32 [a, b, c, o], for a kernel of `size`.

    It is linear in x and in g, so that its own gradients are convolutions again.
    """
    channels, filters = x.shape[-1], g.shape[-1]
    by_products = partial(_kernel_gradient_by_products, size=size, margins=margins)
    if len(x) == 1 or size == 1 or size * channels < channels + filters:
        return by_products(x, g)
    by_convolution = partial(_kernel_gradient_by_convolution, margins=margins)
    found: Array = lax.platform_dependent(x, g, cpu=by_convolution, default=by_products)
    return found


def _kernel_gradient_forward(x: Array, g: Array, size: int, margins: Margins) -> tuple[Array, tuple[Array, Array]]:
    return _kernel_gradient(x, g, size, margins), (x, g)


def _kernel_gradient_backward(
    _size: int, margins: Margins, saved: tuple[Array, Array], kernel: Array
) -> tuple[Array, Array]:
    x, g = saved
    return _input_gradient(g, kernel, margins), convolve(x, kernel, 1, margins)


_kernel_gradient.defvjp(_kernel_gradient_forward, _kernel_gradient_backward)


def _kernel_gradient_by_convolution(x: Array, g: Array, margins: Margins) -> Array:
    """Lay g as a kernel over x: the rows of the batch are the channels, and the channels the rows."""
    x = lax.optimization_barrier(x)  # XLA would compute the activation again while it transposes
    found = _correlate(x.transpose(3, 1, 2, 0), g.transpose(1, 2, 0, 3), 1, margins)  # [c, a, b, o]
    return found.transpose(1, 2, 0, 3)


def _kernel_gradient_by_products(x: Array, g: Array, size: int, margins: Margins) -> Array:
    """A product of two matrices for each a; if x has few channels, its shifts along both axes are in one product."""
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
