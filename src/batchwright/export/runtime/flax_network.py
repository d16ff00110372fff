"""A network as a module of Flax: its weights are parameters, its operators are those of the graph."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from flax import nnx
from jax import lax
from jax import numpy as jnp


class Constant(nnx.Variable[Any]):
    """An array that is not learned."""


class Weights(nnx.Module):
    """Arrays by name, and those of inner layers."""


class Network(nnx.Module):
    """The network: from encoded inputs by name to its outputs [rows, outputs].

    Constants of layers that are floats are parameters, all else are of the type `Constant`; names of layers are kept.
    """

    def __init__(
        self,
        nodes: Sequence[tuple[str, Sequence[str], str, Mapping[str, Any]]],
        constants: Mapping[str, Any],
        output: str,
    ) -> None:
        self.nodes = tuple((op, tuple(given), made, _fixed(settings)) for op, given, made, settings in nodes)
        self.names, self.output = tuple(constants), output
        self.weights = Weights()
        for name, array in constants.items():
            *groups, last = name.split("/")
            is_learned = bool(groups) and np.issubdtype(array.dtype, np.floating)
            setattr(_group(self.weights, groups), last, (nnx.Param if is_learned else Constant)(jnp.asarray(array)))

    def __call__(self, **inputs: Any) -> Any:
        """The outputs for inputs such as `numeric` float32 [rows, columns] and `categorical` int32 [rows, columns]."""
        values = {name: _at(self.weights, name.split("/"))[...] for name in self.names} | inputs
        rows = len(next(iter(inputs.values())))
        with jax.numpy_rank_promotion("allow"):
            for op, given, output, settings in self.nodes:
                values[output] = apply_flax(op, [values[name] for name in given], dict(settings), rows)
        return values[self.output]


def _fixed(settings: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Settings as what can be compared and hashed."""
    return tuple((name, tuple(one) if isinstance(one, list) else one) for name, one in settings.items())


def _group(weights: Any, names: Sequence[str]) -> Any:
    """The weights of an inner layer, which is made where it is new."""
    for name in names:
        if not hasattr(weights, name):
            setattr(weights, name, Weights())
        weights = getattr(weights, name)
    return weights


def _at(weights: Any, names: Sequence[str]) -> Any:
    for name in names:
        weights = getattr(weights, name)
    return weights


def apply_flax(op: str, inputs: Sequence[Any], settings: Mapping[str, Any], rows: int) -> Any:
    """The output of an operator."""
    if op == "Expand":
        shape = tuple(rows * -one if one < 0 else one for one in settings["shape"])
        return jnp.broadcast_to(inputs[0], jnp.broadcast_shapes(inputs[0].shape, shape))
    return FLAX_FUNCTIONS[op](*inputs, **settings)


def _cast(x: Any, to: str) -> Any:
    return x.astype(jax.dtypes.canonicalize_dtype(jnp.dtype(to)))


def _slice_along(x: Any, starts: Sequence[int], ends: Sequence[int], axes: Sequence[int], steps: Sequence[int]) -> Any:
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        stop = None if step < 0 and end < -x.shape[axis] else end
        x = x[(slice(None),) * (axis % x.ndim) + (slice(start, stop, step),)]
    return x


def _pad_all(x: Any, pads: Sequence[int], value: float) -> Any:
    return jnp.pad(x, list(zip(pads[: x.ndim], pads[x.ndim :], strict=True)), constant_values=value)


def _sides(pads: Sequence[int]) -> list[tuple[int, int]]:
    """What is put before and after each spatial axis."""
    half = len(pads) // 2
    return list(zip(pads[:half], pads[half:], strict=True))


def _convolve(x: Any, kernel: Any, group: int, strides: Any, pads: Any, dilations: Any) -> Any:
    axes = "HW"[: x.ndim - 2]
    return lax.conv_general_dilated(
        x,
        kernel,
        tuple(strides),
        _sides(pads),
        rhs_dilation=tuple(dilations),
        dimension_numbers=(f"NC{axes}", f"OI{axes}", f"NC{axes}"),
        feature_group_count=group,
    )


def _reduce_windows(x: Any, first: float, reduce: Any, window: tuple[Any, Any, Any]) -> Any:
    kernel_shape, strides, pads = window
    sides = [(0, 0), (0, 0), *_sides(pads)]
    return lax.reduce_window(x, jnp.array(first, x.dtype), reduce, (1, 1, *kernel_shape), (1, 1, *strides), sides)


def _largest_of_windows(x: Any, kernel_shape: Any, strides: Any, pads: Any) -> Any:
    return _reduce_windows(x, -math.inf, lax.max, (kernel_shape, strides, pads))


def _means_of_windows(x: Any, kernel_shape: Any, strides: Any, pads: Any, count_include_pad: int) -> Any:
    assert count_include_pad
    return _reduce_windows(x, 0.0, lax.add, (kernel_shape, strides, pads)) / math.prod(kernel_shape)


FLAX_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "Abs": jnp.abs,
    "Ceil": jnp.ceil,
    "Cos": jnp.cos,
    "Erf": lax.erf,
    "Exp": jnp.exp,
    "Floor": jnp.floor,
    "Log": jnp.log,
    "Neg": jnp.negative,
    "Not": jnp.logical_not,
    "Round": jnp.round,
    "Sigmoid": jax.nn.sigmoid,
    "Sign": jnp.sign,
    "Sin": jnp.sin,
    "Sqrt": jnp.sqrt,
    "Tanh": jnp.tanh,
    "IsNaN": jnp.isnan,
    "Add": jnp.add,
    "Sub": jnp.subtract,
    "Mul": jnp.multiply,
    "Div": jnp.divide,
    "Max": jnp.maximum,
    "Min": jnp.minimum,
    "Pow": jnp.power,
    "Mod": jnp.remainder,
    "Equal": jnp.equal,
    "Less": jnp.less,
    "LessOrEqual": jnp.less_equal,
    "Greater": jnp.greater,
    "GreaterOrEqual": jnp.greater_equal,
    "And": jnp.logical_and,
    "Or": jnp.logical_or,
    "Where": jnp.where,
    "MatMul": jnp.matmul,
    "Cast": _cast,
    "Concat": lambda *arrays, axis: jnp.concatenate(arrays, axis=axis),
    "Reshape": lambda x, shape: x.reshape(shape),
    "Transpose": lambda x, perm: x.transpose(perm),
    "Slice": _slice_along,
    "Gather": lambda table, places, axis: jnp.take(table, places, axis=axis, mode="clip"),
    "Pad": _pad_all,
    "ReduceSum": lambda x, axes, keepdims: x.sum(axis=tuple(axes), keepdims=bool(keepdims), dtype=x.dtype),
    "ReduceMax": lambda x, axes, keepdims: x.max(axis=tuple(axes), keepdims=bool(keepdims)),
    "ReduceMin": lambda x, axes, keepdims: x.min(axis=tuple(axes), keepdims=bool(keepdims)),
    "ArgMax": lambda x, axis, keepdims: jnp.argmax(x, axis=axis, keepdims=bool(keepdims)),
    "CumSum": lambda x, axis: jnp.cumsum(x, axis=axis, dtype=x.dtype),
    "Conv": _convolve,
    "MaxPool": _largest_of_windows,
    "AveragePool": _means_of_windows,
}
"""The operators of networks by name; `Expand` needs the rows too."""
