"""The nodes of matrix products, convolutions and pools."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import NamedTuple

import numpy as np

from batchwright.export.building import Held
from batchwright.export.elementwise import Emit
from batchwright.export.graph import Value
from batchwright.export.traced import Equation, Nodes, NoFormError, Rows, Size, Traced


class _Axes(NamedTuple):
    """The axes of one factor of a product: those in common, those of its own, those that are summed over."""

    batch: tuple[int, ...]
    own: tuple[int, ...]
    summed: tuple[int, ...]


def _dot(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    left, right = map(nodes.whole, equation.inputs)
    (of_left, of_right), (with_left, with_right) = equation.params["dimension_numbers"]
    first, second = _axes(left, with_left, of_left), _axes(right, with_right, of_right)
    if any(isinstance(left.sizes[axis], Rows) for axis in first.summed):
        raise NoFormError("over the rows, whose answers must not depend on each other")
    if _is_plain(first, second):
        return [nodes.add("MatMul", left, right)]
    batch = _sizes(left, first.batch)
    x = _as_matrix(nodes, left, (*first.batch, *first.own, *first.summed), (batch, first.own, first.summed))
    y = _as_matrix(nodes, right, (*second.batch, *second.summed, *second.own), (batch, second.summed, second.own))
    product = nodes.add("MatMul", x, y)
    return [nodes.reshape(product, equation.sizes[0])]


def _axes(x: Traced, batch: Sequence[int], summed: Sequence[int]) -> _Axes:
    own = tuple(axis for axis in range(len(x.sizes)) if axis not in (*batch, *summed))
    return _Axes(tuple(batch), own, tuple(summed))


def _is_plain(first: _Axes, second: _Axes) -> bool:
    """Whether the product is x @ w, of the last axis of x with the first of a matrix w."""
    plain_left = not first.batch and len(first.summed) == 1 and first.summed[0] == len(first.own) > 0
    return plain_left and second == _Axes((), (1,), (0,))


def _sizes(x: Traced, axes: Sequence[int]) -> list[Size]:
    return [x.sizes[axis] for axis in axes]


def _as_matrix(
    nodes: Nodes, x: Traced, perm: tuple[int, ...], parts: tuple[list[Size], tuple[int, ...], tuple[int, ...]]
) -> Traced:
    """The array as matrices, one for each entry of the axes in common."""
    batch, rows, columns = parts
    sizes = [*batch, _product(_sizes(x, rows)), _product(_sizes(x, columns))]
    held = nodes.reshape(nodes.transpose(x.held, perm), sizes)
    return x._replace(held=held, sizes=tuple(sizes))


def _product(sizes: Sequence[Size]) -> Size:
    known = prod(size for size in sizes if not isinstance(size, Rows))
    rows = [size for size in sizes if isinstance(size, Rows)]
    if len(rows) > 1:
        raise NoFormError("an array with two axes of rows")
    return Rows(rows[0].times * known) if rows else known


def _convolve(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    (x, kernel), params = map(nodes.whole, equation.inputs), equation.params
    names, padding = params["dimension_numbers"], params["padding"]
    if any(one != 1 for one in params["lhs_dilation"]) or params["batch_group_count"] != 1 or _crops(padding):
        raise NoFormError("with gaps in its input, groups of rows or negative padding")
    spatial = len(padding)
    if spatial > 2:
        raise NoFormError(f"along {spatial} axes")
    image = nodes.transpose(x.held, names.lhs_spec)
    filters = kernel._replace(held=nodes.transpose(kernel.held, names.rhs_spec))
    made = nodes.add(
        "Conv",
        image,
        filters,
        group=params["feature_group_count"],
        strides=tuple(params["window_strides"]),
        pads=_pads(padding),
        dilations=tuple(params["rhs_dilation"]),
    )
    return [nodes.transpose(made, np.argsort(names.out_spec).tolist())]


def _crops(padding: Sequence[tuple[int, int]]) -> bool:
    return any(low < 0 or high < 0 for low, high in padding)


def _pads(padding: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    return (*(int(low) for low, _ in padding), *(int(high) for _, high in padding))


def _pool(op: str) -> Emit:
    def emit(nodes: Nodes, equation: Equation) -> Sequence[Held]:
        x, params = nodes.whole(equation.inputs[0]), equation.params
        window, strides, padding = (params[key] for key in ("window_dimensions", "window_strides", "padding"))
        still = [axis for axis, (size, step) in enumerate(zip(window, strides, strict=True)) if size == step == 1]
        dilated = any(one != 1 for one in (*params["base_dilation"], *params["window_dilation"]))
        if dilated or _crops(padding) or not 3 <= len(window) <= 4 or 0 not in still or len(still) < 2:
            raise NoFormError("of windows with gaps, or along more than two axes")
        features = still[-1]
        moving = [axis for axis in range(1, len(window)) if axis != features]
        perm = [0, features, *moving]
        attributes = {"kernel_shape": _of_axes(window, moving), "strides": _of_axes(strides, moving)}
        attributes["pads"] = _pads([padding[axis] for axis in moving])
        made = _window(nodes, op, nodes.transpose(x.held, perm), attributes)
        return [nodes.transpose(made, np.argsort(perm).tolist())]

    return emit


def _of_axes(sizes: Sequence[int], axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(int(sizes[axis]) for axis in axes)


def _window(nodes: Nodes, op: str, image: Held, attributes: dict[str, tuple[int, ...]]) -> Value:
    """The largest or the smallest number, or the sum, of each window."""
    if op == "sum":
        mean = nodes.add("AveragePool", image, **attributes, count_include_pad=1)
        return nodes.add("Mul", mean, float(prod(attributes["kernel_shape"])))
    if op == "min":
        return nodes.add("Neg", nodes.add("MaxPool", nodes.add("Neg", image), **attributes))
    return nodes.add("MaxPool", image, **attributes)


PRODUCTS: Mapping[str, Emit] = {
    "conv_general_dilated": _convolve,
    "dot_general": _dot,
    "reduce_window_max": _pool("max"),
    "reduce_window_min": _pool("min"),
    "reduce_window_sum": _pool("sum"),
}
"""What becomes of each operation that multiplies matrices or looks at windows."""
