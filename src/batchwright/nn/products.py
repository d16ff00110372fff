"""The product of a layer's inputs with its kernel, and the products of its gradients."""

import jax
import jax.numpy as jnp
from jax import Array, lax

WIDE, SMALL, LONG = 128, 2**12, 8
"""Limits for transposed products on the CPU: for the input's gradient, at least WIDE columns of the kernel; for the
kernel's gradient, at most SMALL entries and at least LONG rows. With fewer rows that gains nothing, and XLA of jaxlib
0.10 ends the process on such a product of members with 2 or 3 rows.
"""


def dot(x: Array, w: Array) -> Array:
    """Multiply x [m, k] by float32 w [k, o] -> float32 [m, o]; all matrix products are computed here.

    If `x` is bfloat16, this product and its gradients' products take bfloat16 operands and accumulate in float32.
    """
    product: Array = _dot(x, w)
    return product


@jax.custom_vjp
def _dot(x: Array, w: Array) -> Array:
    return jnp.dot(x, w.astype(x.dtype), preferred_element_type=jnp.float32)


@jax.custom_vjp
def _dot_in_training(x: Array, w: Array) -> Array:
    return jnp.dot(x, _as_dtype_of(x, w), preferred_element_type=jnp.float32)


def _forward(x: Array, w: Array) -> tuple[Array, tuple[Array, Array]]:
    product: Array = _dot_in_training(x, w)
    return product, (x, w)


def _backward(saved: tuple[Array, Array], g: Array) -> tuple[Array, Array]:
    x, w = saved
    g = _as_dtype_of(x, g)  # otherwise both products would run in float32
    if x.dtype == jnp.bfloat16:
        return _contract(g, _as_dtype_of(x, w), axis=1, turned=False).astype(x.dtype), _gradient_of_kernel(x, g)
    rows, columns = w.shape
    dx = _contract(g, w, axis=1, turned=columns >= WIDE)
    return dx, _contract(x, g, axis=0, turned=columns < rows and w.size <= SMALL and len(x) >= LONG)


_dot.defvjp(_forward, _backward)
_dot_in_training.defvjp(_forward, _backward)


def _contract(a: Array, b: Array, *, axis: int, turned: bool) -> Array:
    """The product of two matrices over one axis of both; on the CPU, if `turned`, the transpose of b's product with a.

    Eigen, which computes float32 products on the CPU, is up to three times as fast that way if the axis is the last of
    both and long, and if the result is small and narrow; transposing costs a nanosecond per entry. The barrier keeps
    XLA from reversing it.
    """

    def product(a: Array, b: Array) -> Array:
        axes = (((axis,), (axis,)), ((), ()))
        return lax.dot_general(a, b, axes, preferred_element_type=jnp.float32)

    def transposed(a: Array, b: Array) -> Array:
        barred: Array = lax.optimization_barrier(product(b, a))
        return barred.T

    result: Array = lax.platform_dependent(a, b, cpu=transposed if turned else product, default=product)
    return result


def _gradient_of_kernel(x: Array, g: Array) -> Array:
    """x^T g of bfloat16 x [m, k] and g [m, o] -> float32 [k, o].

    On the CPU, x is transposed first: YNNPACK then multiplies in bfloat16, and otherwise XLA turns both into float32.
    With 128 rows of 784 and 512 columns that takes 430 us instead of 1,100 (2 cores with AVX-512 BF16, jaxlib 0.10.2).
    As one axis behind a barrier, the transposed x is written to memory; as a matrix, XLA would turn it into float32.
    """

    def transposed_first(x: Array, g: Array) -> Array:
        rows = lax.optimization_barrier(x.T.reshape(-1)).reshape(x.shape[::-1])
        return jnp.dot(rows, g, preferred_element_type=jnp.float32)

    def product(x: Array, g: Array) -> Array:
        return _contract(x, g, axis=0, turned=False)

    result: Array = lax.platform_dependent(x, g, cpu=transposed_first, default=product)
    return result


def _as_dtype_of(x: Array, a: Array) -> Array:
    """A float32 array as the dtype of x."""
    return _to_bfloat16(a) if x.dtype == jnp.bfloat16 else a


@jax.custom_vjp
def _to_bfloat16(a: Array) -> Array:
    """The nearest bfloat16 numbers, those of `astype`, which takes twice the time on a CPU (jaxlib 0.10.2)."""

    def upper_half(a: Array) -> Array:
        bits = lax.bitcast_convert_type(lax.reduce_precision(a, 8, 7), jnp.uint32)
        return lax.bitcast_convert_type((bits >> 16).astype(jnp.uint16), jnp.bfloat16)

    result: Array = lax.platform_dependent(a, cpu=upper_half, default=lambda a: a.astype(jnp.bfloat16))
    return result


_to_bfloat16.defvjp(lambda a: (_to_bfloat16(a), None), lambda _, g: (g.astype(jnp.float32),))
