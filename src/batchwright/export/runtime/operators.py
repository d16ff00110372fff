"""The operators of a graph in NumPy."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

DTYPES = {"string": np.dtype(object), "bfloat16": np.dtype(np.float32)}


def dtype_of(name: str) -> "np.dtype[Any]":
    """The dtype of a value; texts are objects, as they have any length."""
    return DTYPES.get(name) or np.dtype(name)


def cast(x: np.ndarray, to: str) -> np.ndarray:
    """Numbers as those of another dtype."""
    if to == "bfloat16":
        return round_to_bfloat16(x)
    with np.errstate(invalid="ignore", over="ignore"):
        return x.astype(dtype_of(to))


def round_to_bfloat16(x: np.ndarray) -> np.ndarray:
    """Numbers rounded to 8 significant bits, halves to even, as float32."""
    numbers = np.ascontiguousarray(x, np.float32)
    bits = numbers.view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return np.where(np.isfinite(numbers), rounded.view(np.float32), numbers)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1 / (1 + small), small / (1 + small)), x.dtype)


def erf(x: np.ndarray) -> np.ndarray:
    """The error function, from the table of the standard library: it is rare, and exact so."""
    found = np.fromiter((math.erf(one) for one in x.ravel().tolist()), np.float64, x.size)
    return found.reshape(x.shape).astype(x.dtype)


def concat_texts(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Texts one after the other."""
    return np.asarray(np.add(x.astype(object), y.astype(object)), object)


def concat(*arrays: np.ndarray, axis: int) -> np.ndarray:
    """Arrays side by side."""
    return np.concatenate(arrays, axis=axis)


def reshape(x: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """The same numbers in another shape; of no rows, -1 is none."""
    known = math.prod(one for one in shape if one != -1)
    return x.reshape([(0 if known == 0 else x.size // known) if one == -1 else one for one in shape])


def transpose(x: np.ndarray, perm: Sequence[int]) -> np.ndarray:
    """The axes in another order."""
    return np.transpose(x, perm)


def expand(x: np.ndarray, shape: Sequence[int], rows: int) -> np.ndarray:
    """Broadcast to a shape, in which -c is c times the rows."""
    wanted = [rows * -one if one < 0 else one for one in shape]
    return np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(wanted)))


def take_slice(
    x: np.ndarray, starts: Sequence[int], ends: Sequence[int], axes: Sequence[int], steps: Sequence[int]
) -> np.ndarray:
    """A part of an array; an end before the first place is where all that come before it end."""
    parts = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        parts[axis] = slice(start, None if step < 0 and end < -x.shape[axis] else end, step)
    return x[tuple(parts)]


def gather(table: np.ndarray, places: np.ndarray, axis: int) -> np.ndarray:
    """The entries of a table at some places."""
    return np.take(table, places, axis=axis)


def pad(x: np.ndarray, pads: Sequence[int], value: float) -> np.ndarray:
    """An array with a margin of one value."""
    widths = list(zip(pads[: x.ndim], pads[x.ndim :], strict=True))
    return np.pad(x, widths, constant_values=value)


def reduce_sum(x: np.ndarray, axes: Sequence[int], keepdims: int) -> np.ndarray:
    """Sums over axes."""
    return np.asarray(np.sum(x, axis=tuple(axes), keepdims=bool(keepdims), dtype=x.dtype))


def reduce_max(x: np.ndarray, axes: Sequence[int], keepdims: int) -> np.ndarray:
    """The greatest over axes."""
    return np.asarray(np.max(x, axis=tuple(axes), keepdims=bool(keepdims)))


def reduce_min(x: np.ndarray, axes: Sequence[int], keepdims: int) -> np.ndarray:
    """The smallest over axes."""
    return np.asarray(np.min(x, axis=tuple(axes), keepdims=bool(keepdims)))


def argmax(x: np.ndarray, axis: int, keepdims: int) -> np.ndarray:
    """The place of the greatest, the first of equals."""
    return np.asarray(np.argmax(x, axis=axis, keepdims=bool(keepdims)), np.int64)


def cumsum(x: np.ndarray, axis: int) -> np.ndarray:
    """Sums up to and with each entry."""
    return np.cumsum(x, axis=axis, dtype=x.dtype)


def _windows(x: np.ndarray, size: Sequence[int], strides: Sequence[int], dilations: Sequence[int]) -> np.ndarray:
    """The windows of padded images: [n, c, places..., size...]."""
    spread = [(one - 1) * wide + 1 for one, wide in zip(size, dilations, strict=True)]
    spatial = tuple(range(2, x.ndim))
    found = np.lib.stride_tricks.sliding_window_view(x, spread, axis=spatial)
    at = tuple(slice(None, None, one) for one in strides)
    inside = tuple(slice(None, None, one) for one in dilations)
    return found[(slice(None), slice(None), *at, *inside)]


def _padded(x: np.ndarray, pads: Sequence[int], value: float) -> np.ndarray:
    spatial = x.ndim - 2
    return pad(x, [0, 0, *pads[:spatial], 0, 0, *pads[spatial:]], value)


def conv(
    x: np.ndarray,
    kernel: np.ndarray,
    group: int,
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
) -> np.ndarray:
    """A convolution of images or series: windows times kernels, for each group of channels."""
    windows = _windows(_padded(x, pads, 0.0), kernel.shape[2:], strides, dilations)
    n, channels, spatial = len(x), x.shape[1] // group, x.ndim - 2
    places = windows.shape[2 : 2 + spatial]
    parts = []
    for one, kernels in enumerate(np.split(kernel, group)):
        own = np.moveaxis(windows[:, one * channels : (one + 1) * channels], 1, 1 + spatial)
        flat = own.reshape(n * math.prod(places), kernels[0].size) @ kernels.reshape(len(kernels), -1).T
        parts.append(np.moveaxis(flat.reshape(n, *places, len(kernels)), -1, 1))
    return np.concatenate(parts, axis=1)


def max_pool(x: np.ndarray, kernel_shape: Sequence[int], strides: Sequence[int], pads: Sequence[int]) -> np.ndarray:
    """The greatest of each window."""
    windows = _windows(_padded(x, pads, -np.inf), kernel_shape, strides, [1] * len(kernel_shape))
    return np.asarray(windows.max(axis=tuple(range(x.ndim, windows.ndim))))


def average_pool(
    x: np.ndarray, kernel_shape: Sequence[int], strides: Sequence[int], pads: Sequence[int], count_include_pad: int
) -> np.ndarray:
    """The mean of each window, with what is padded."""
    assert count_include_pad
    windows = _windows(_padded(x, pads, 0.0), kernel_shape, strides, [1] * len(kernel_shape))
    return np.asarray(windows.mean(axis=tuple(range(x.ndim, windows.ndim)), dtype=x.dtype))


FUNCTIONS: Mapping[str, Callable[..., np.ndarray]] = {
    "Abs": np.abs,
    "Ceil": np.ceil,
    "Cos": np.cos,
    "Erf": erf,
    "Exp": np.exp,
    "Floor": np.floor,
    "Log": np.log,
    "Neg": np.negative,
    "Not": np.logical_not,
    "Round": np.rint,
    "Sigmoid": sigmoid,
    "Sign": np.sign,
    "Sin": np.sin,
    "Sqrt": np.sqrt,
    "Tanh": np.tanh,
    "IsNaN": np.isnan,
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Max": np.maximum,
    "Min": np.minimum,
    "Pow": np.power,
    "Mod": np.mod,
    "Equal": np.equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "And": np.logical_and,
    "Or": np.logical_or,
    "Where": np.where,
    "StringConcat": concat_texts,
    "Cast": cast,
    "Concat": concat,
    "Reshape": reshape,
    "Transpose": transpose,
    "Slice": take_slice,
    "Gather": gather,
    "Pad": pad,
    "ReduceSum": reduce_sum,
    "ReduceMax": reduce_max,
    "ReduceMin": reduce_min,
    "ArgMax": argmax,
    "CumSum": cumsum,
    "MatMul": np.matmul,
    "Conv": conv,
    "MaxPool": max_pool,
    "AveragePool": average_pool,
}
"""The operators by name; `Expand` needs the rows too."""


def apply(op: str, inputs: Sequence[np.ndarray], attributes: Mapping[str, Any], rows: int) -> np.ndarray:
    """The output of an operator."""
    if op == "Expand":
        return expand(inputs[0], attributes["shape"], rows)
    return np.asarray(FUNCTIONS[op](*inputs, **attributes))
