"""The nodes of operations that move numbers, and of sums and products over axes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import cast

import numpy as np

from batchwright.export.building import Held
from batchwright.export.elementwise import Emit
from batchwright.export.graph import Value
from batchwright.export.traced import Equation, Nodes, NoFormError, Rows, Size, Traced, shape_of, unify


def _broadcast(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    x, sizes = equation.inputs[0], equation.sizes[0]
    held = dict(zip(equation.params["broadcast_dimensions"], zip_held(x), strict=True))
    return [nodes.reshape(x.held, [held.get(axis, 1) for axis in range(len(sizes))])]


def zip_held(x: Traced) -> list[Size]:
    """The sizes of what holds an array."""
    return [1 if one == 1 else size for one, size in zip(shape_of(x.held), x.sizes, strict=True)]


def _reshape(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    x, sizes = equation.inputs[0], equation.sizes[0]
    if [size for size in x.sizes if size != 1] == [size for size in sizes if size != 1]:
        held = iter([one for one, size in zip(zip_held(x), x.sizes, strict=True) if size != 1])
        return [nodes.reshape(x.held, [1 if size == 1 else next(held) for size in sizes])]
    return [nodes.reshape(nodes.whole(x).held, sizes)]


def _squeeze(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    x, gone = equation.inputs[0], equation.params["dimensions"]
    return [nodes.reshape(x.held, [one for axis, one in enumerate(zip_held(x)) if axis not in gone])]


def _transpose(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    return [nodes.transpose(equation.inputs[0].held, equation.params["permutation"])]


def _concatenate(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    axis = equation.params["dimension"]
    if isinstance(equation.sizes[0][axis], Rows):
        raise NoFormError("of rows with other rows")
    return [nodes.add("Concat", *map(nodes.whole, equation.inputs), axis=axis)]


def _stack(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    """Side by side along a new axis."""
    axis = equation.params["axis"]
    whole = (nodes.whole(one) for one in equation.inputs)
    wide = [nodes.reshape(nodes.constant(one), [*one.sizes[:axis], 1, *one.sizes[axis:]]) for one in whole]
    return [nodes.add("Concat", *wide, axis=axis)]


def _unstack(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    x, axis = nodes.whole(equation.inputs[0]), equation.params["axis"]
    each = (nodes.slice(x.held, axis, place, place + 1) for place in range(len(equation.sizes)))
    return [nodes.reshape(one, sizes) for one, sizes in zip(each, equation.sizes, strict=True)]


def _tile(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    held = nodes.whole(equation.inputs[0]).held
    for axis, times in enumerate(equation.params["reps"]):
        if times > 1 and isinstance(equation.inputs[0].sizes[axis], Rows):
            raise NoFormError("of the rows")
        held = nodes.add("Concat", *[held] * times, axis=axis) if times > 1 else held
    return [held]


def _slice(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    x, held = equation.inputs[0], equation.inputs[0].held
    steps = equation.params["strides"] or (1,) * len(x.sizes)
    starts, ends = equation.params["start_indices"], equation.params["limit_indices"]
    for axis, (size, start, end, step) in enumerate(zip(x.sizes, starts, ends, steps, strict=True)):
        if not isinstance(size, Rows):
            held = nodes.slice(held, axis, start, end, step)
        elif equation.sizes[0][axis] != size:
            raise NoFormError("of some of the rows")
    return [held]


def _dynamic_slice(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    x, *starts = equation.inputs
    held = x.held
    for axis, (start, size, wanted) in enumerate(zip(starts, x.sizes, equation.sizes[0], strict=True)):
        if size == wanted:
            continue
        if isinstance(size, Rows) or not isinstance(start.held, np.ndarray):
            raise NoFormError("from a place that is computed")
        first = int(np.clip(start.held, 0, size - cast(int, wanted)))
        held = nodes.slice(held, axis, first, first + cast(int, wanted))
    return [held]


def _split(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    axis, sizes = equation.params["axis"], list(map(int, equation.params["sizes"]))
    if isinstance(equation.inputs[0].sizes[axis], Rows):
        raise NoFormError("of the rows")
    held = equation.inputs[0].held
    return [nodes.slice(held, axis, end - size, end) for end, size in zip(accumulate(sizes), sizes, strict=True)]


def _reverse(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    held = equation.inputs[0].held
    for axis in equation.params["dimensions"]:
        size = equation.inputs[0].sizes[axis]
        if isinstance(size, Rows):
            raise NoFormError("of the rows")
        held = nodes.slice(held, axis, size - 1, -1, -1)
    return [held]


def _pad(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    x, value = equation.inputs
    padding = [tuple(map(int, each)) for each in equation.params["padding_config"]]
    if any(between for _, _, between in padding) or not isinstance(value.held, np.ndarray):
        raise NoFormError("between numbers, or with a number that is computed")
    whole = nodes.whole(x)
    held = whole.held
    for axis, (low, high, _) in enumerate(padding):
        if low < 0 or high < 0:
            size = cast(int, x.sizes[axis])
            held = nodes.slice(held, axis, max(0, -low), size - max(0, -high))
    pads = tuple(max(0, low) for low, _, _ in padding) + tuple(max(0, high) for _, high, _ in padding)
    return [nodes.add("Pad", held, pads=pads, value=float(value.held)) if any(pads) else held]


def _count(_: Nodes, equation: Equation) -> Sequence[Held]:
    """0, 1, 2, ... along an axis, the same for all rows."""
    axis, sizes = equation.params["dimension"], equation.sizes[0]
    if isinstance(sizes[axis], Rows):
        raise NoFormError("of the numbers of the rows")
    dtype = np.float32 if equation.dtypes[0] == "float32" else np.int64
    return [np.arange(sizes[axis], dtype=dtype).reshape([-1 if one == axis else 1 for one in range(len(sizes))])]


@dataclass(frozen=True)
class _Reduce:
    """A node that reduces axes; of truths, as whole numbers."""

    op: str

    def __call__(self, nodes: Nodes, equation: Equation) -> Sequence[Held]:
        """The node."""
        axes = equation.params["axes"]
        x = _with_axes(nodes, equation.inputs[0], axes)
        if equation.dtypes[0] == "bool":
            found = nodes.add(self.op, nodes.add("Cast", x, to="int64"), axes=axes, keepdims=0)
            return [nodes.add("Cast", found, to="bool")]
        return [nodes.add(self.op, x, axes=axes, keepdims=0)]


def _with_axes(nodes: Nodes, x: Traced, axes: Sequence[int]) -> Traced:
    """The array without broadcasts along axes, none of which may be that of the rows."""
    if any(isinstance(x.sizes[axis], Rows) for axis in axes):
        raise NoFormError("over the rows, whose answers must not depend on each other")
    return nodes.whole(x)


def _largest_place(op: str) -> Emit:
    def emit(nodes: Nodes, equation: Equation) -> Sequence[Held]:
        (axis,) = equation.params["axes"]
        x = _with_axes(nodes, equation.inputs[0], (axis,))
        return [nodes.add("ArgMax", nodes.add(op, x) if op else x, axis=axis, keepdims=0)]

    return emit


def _cumulate(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    axis = equation.params["axis"]
    x = _with_axes(nodes, equation.inputs[0], (axis,))
    if not equation.params["reverse"]:
        return [nodes.add("CumSum", x, axis=axis)]
    last = cast(int, x.sizes[axis]) - 1
    turned = nodes.add("CumSum", nodes.slice(x.held, axis, last, -1, -1), axis=axis)
    return [nodes.slice(turned, axis, last, -1, -1)]


def _gather(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    """The entries of one axis at some places, as `take` has them."""
    (table, places), names = equation.inputs, equation.params["dimension_numbers"]
    if len(names.start_index_map) != 1 or names.operand_batching_dims or names.start_indices_batching_dims:
        raise NoFormError("of places that are given by more than one number")
    (axis,), taken_sizes = names.start_index_map, unify(equation.params["slice_sizes"], equation.others["slice_sizes"])
    if names.collapsed_slice_dims != (axis,) or taken_sizes != (*table.sizes[:axis], 1, *table.sizes[axis + 1 :]):
        raise NoFormError("of parts of axes")
    if isinstance(table.sizes[axis], Rows):
        raise NoFormError("of rows")
    count, inner = cast(int, table.sizes[axis]), places.sizes[:-1]
    index = nodes.whole(places._replace(held=nodes.reshape(nodes.whole(places).held, inner), sizes=inner))
    inside = _clip_places(nodes, index, count)
    taken = nodes.add("Gather", nodes.whole(table), inside, axis=axis)
    if str(equation.params["mode"]).endswith("FILL_OR_DROP") and not _is_inside(index.held, inside):
        taken = _fill_outside(nodes, taken, (index.held, inside), (axis, equation.params["fill_value"]))
    return [nodes.transpose(taken, _order(names.offset_dims, len(inner), axis, len(equation.sizes[0])))]


def _clip_places(nodes: Nodes, index: Traced, count: int) -> Held:
    if isinstance(index.held, np.ndarray):
        return np.clip(index.held, 0, count - 1).astype(np.int64)
    return nodes.add("Min", nodes.add("Max", index, 0), count - 1)


def _is_inside(given: Held, inside: Held) -> bool:
    """Whether places are known, and none is outside."""
    return isinstance(given, np.ndarray) and isinstance(inside, np.ndarray) and np.array_equal(given, inside)


def _fill_outside(nodes: Nodes, taken: Value, index: tuple[Held, Held], how: tuple[int, float | None]) -> Value:
    """Another number where a place is outside: that of `how`, or NaN, or the least whole number."""
    (given, inside), (axis, filler) = index, how
    fits = nodes.add("Equal", given, inside)
    wide = nodes.reshape(fits, [*_sizes_of(fits), *[1] * (len(taken.shape) - axis - len(fits.shape))])
    usual = np.nan if taken.dtype == "float32" else np.iinfo(np.int32).min
    return nodes.add("Where", wide, taken, np.array(usual if filler is None else filler, taken.dtype))


def _sizes_of(value: Value) -> list[Size]:
    return [Rows(1) if size is None else size for size in value.shape]


def _order(offsets: Sequence[int], inner: int, axis: int, count: int) -> list[int]:
    """The axes of `Gather`'s output, in the order in which they are wanted."""
    places = iter(range(axis, axis + inner))
    others = iter([*range(axis), *range(axis + inner, count)])
    return [next(others) if place in offsets else next(places) for place in range(count)]


SHAPING: Mapping[str, Emit] = {
    "argmax": _largest_place(""),
    "argmin": _largest_place("Neg"),
    "broadcast_in_dim": _broadcast,
    "concatenate": _concatenate,
    "cumsum": _cumulate,
    "dynamic_slice": _dynamic_slice,
    "gather": _gather,
    "iota": _count,
    "pad": _pad,
    "reduce_and": _Reduce("ReduceMin"),
    "reduce_max": _Reduce("ReduceMax"),
    "reduce_min": _Reduce("ReduceMin"),
    "reduce_or": _Reduce("ReduceMax"),
    "reduce_sum": _Reduce("ReduceSum"),
    "reshape": _reshape,
    "rev": _reverse,
    "slice": _slice,
    "split": _split,
    "squeeze": _squeeze,
    "stack": _stack,
    "tile": _tile,
    "transpose": _transpose,
    "unstack": _unstack,
}
"""What becomes of each operation that moves numbers or reduces axes."""
