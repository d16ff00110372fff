"""Put a graph together: names, constants that are kept once, and the dtype and shape of what each node makes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from math import prod
from typing import Any, TypeAlias, cast

import numpy as np

from batchwright.export.graph import ELEMENTWISE, Attribute, Dtype, Graph, Node, Shape, Value

Held: TypeAlias = Value | np.ndarray
"""A value that is computed when the graph runs, or an array that is known."""

TRUTHS = ("And", "Equal", "Greater", "GreaterOrEqual", "IsNaN", "Less", "LessOrEqual", "Not", "Or")
"""Operators whose output is bool, whatever their inputs are."""


class Builder:
    """The nodes and constants of a graph, as they are added.

    Nodes are named after the current scope, which is that of a layer or a column.
    """

    def __init__(self, inputs: Iterable[Value]) -> None:
        self.inputs = tuple(inputs)
        self.nodes: list[Node] = []
        self.constants: dict[str, np.ndarray] = {}
        self.scope = ""
        self._names = {value.name for value in self.inputs}
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._made: dict[tuple[str, tuple[str, ...], tuple[tuple[str, Attribute], ...]], Value] = {}
        self._before_reshape: dict[str, Value] = {}
        self._counts: dict[str, int] = {}

    @contextmanager
    def within(self, scope: str) -> Any:
        """Name nodes after another scope."""
        before, self.scope = self.scope, scope
        try:
            yield
        finally:
            self.scope = before

    def apply(self, op: str, *inputs: Held | float, **attributes: Attribute) -> Value:
        """Add a node, and give what it makes; a Python number takes the dtype of the first value beside it.

        What was made before is not made again, and of several changes of shape only the last is made.
        """
        values = self._values(inputs)
        if op == "Reshape":
            values = [self._before_reshape.get(values[0].name, values[0])]
        dtype, shape = infer(op, values, attributes)
        if op == "Reshape" and shape == values[0].shape:
            return values[0]
        names = tuple(value.name for value in values)
        same = op, names, tuple(sorted(attributes.items()))
        if same not in self._made:
            self._made[same] = self._add(op, names, Value("", dtype, shape), attributes)
        if op == "Reshape":
            self._before_reshape[self._made[same].name] = values[0]
        return self._made[same]

    def _add(self, op: str, names: tuple[str, ...], output: Value, attributes: Mapping[str, Attribute]) -> Value:
        made = output._replace(name=self._fresh(f"{self.scope}/{op}" if self.scope else op))
        self.nodes.append(Node(op, names, made, attributes))
        return made

    def constant(self, array: np.ndarray, name: str = "") -> Value:
        """A value for an array that is known; the same array is kept once."""
        array = np.asarray(array)
        dtype = dtype_of(array)
        key = dtype, array.shape, repr(array.tolist()).encode() if dtype == "string" else array.tobytes()
        if key not in self._known:
            self._known[key] = self._fresh(name or "constant")
            self.constants[self._known[key]] = array
        return Value(self._known[key], dtype, array.shape)

    def outputs(self, named: Sequence[tuple[str, Value]]) -> tuple[Value, ...]:
        """The values under their final names, as outputs of the graph.

        A value that is to have two names, or is an input, is made again by a node of its own.
        """
        made = {node.output.name for node in self.nodes}
        final: dict[str, str] = {}
        found = []
        for name, value in named:
            if value.name in final or value.name not in made:
                shape = tuple(-1 if size is None else size for size in value.shape)
                value = self._add("Reshape", (value.name,), value, {"shape": shape})
            final[value.name] = name
            found.append(value._replace(name=name))
        self.nodes = [_renamed(node, final) for node in self.nodes]
        return tuple(found)

    def graph(self, outputs: Iterable[Value]) -> Graph:
        """The graph of these outputs, with the nodes and constants that they need."""
        outputs = tuple(outputs)
        needed, kept = {value.name for value in outputs}, []
        for node in reversed(self.nodes):
            if node.output.name in needed:
                kept.append(node)
                needed |= set(node.inputs)
        constants = {name: array for name, array in self.constants.items() if name in needed}
        return Graph(self.inputs, constants, tuple(reversed(kept)), outputs)

    def _values(self, inputs: Sequence[Held | float]) -> list[Value]:
        known = [self.constant(one) if isinstance(one, np.ndarray) else one for one in inputs]
        like = next((one.dtype for one in known if isinstance(one, Value) and one.dtype != "bool"), "float32")
        return [one if isinstance(one, Value) else self.constant(np.array(one, like)) for one in known]

    def _fresh(self, name: str) -> str:
        """A name that nothing has: this one, or with the first number that makes it new."""
        count = self._counts.get(name, 0)
        fresh = name if count == 0 else f"{name}_{count}"
        self._counts[name] = count + 1
        if fresh in self._names:
            return self._fresh(name)
        self._names.add(fresh)
        return fresh


def _renamed(node: Node, names: Mapping[str, str]) -> Node:
    inputs = tuple(names.get(name, name) for name in node.inputs)
    output = node.output._replace(name=names.get(node.output.name, node.output.name))
    return Node(node.op, inputs, output, node.attributes)


def dtype_of(array: np.ndarray) -> Dtype:
    """The dtype of an array as graphs name it."""
    return cast(Dtype, "string" if array.dtype.kind == "U" else str(array.dtype))


def infer(op: str, inputs: Sequence[Value], attributes: Mapping[str, Attribute]) -> tuple[Dtype, Shape]:
    """The dtype and the shape of what a node makes."""
    shapes = [value.shape for value in inputs]
    if op in ELEMENTWISE:
        dtype: Dtype = "bool" if op in TRUTHS else inputs[-1].dtype
        return dtype, broadcast(*shapes)
    if op == "Cast":
        return cast(Dtype, attributes["to"]), shapes[0]
    if op in CODES:
        return CODES[op], (shapes[0][0], width_of_codes(op, attributes))
    dtype = "int64" if op == "ArgMax" else inputs[0].dtype
    return dtype, SHAPES[op](shapes, dict(attributes))


def broadcast(*shapes: Shape) -> Shape:
    """The shape to which shapes broadcast.

    >>> broadcast((None, 1), (3,))
    (None, 3)
    """
    columns = zip_longest(*(shape[::-1] for shape in shapes), fillvalue=1)
    return tuple(_common(column) for column in columns)[::-1]


def _common(sizes: Sequence[int | None]) -> int | None:
    found = {size for size in sizes if size != 1} or {1}
    if len(found) > 1:
        raise ValueError(f"sizes {sizes} do not broadcast.")
    return found.pop()


CODES: Mapping[str, Dtype] = {"CategoryCodes": "int64", "HeldValues": "float32", "HashedWords": "int64"}


def width_of_codes(op: str, attributes: Mapping[str, Any]) -> int:
    """The columns that an operator on texts makes."""
    if op == "CategoryCodes":
        return 1
    if op == "HeldValues":
        return len(attributes["values"]) + int(attributes["other"]) + int(attributes["missing"])
    return sum(max(0, attributes["length"] - together) for together in range(attributes["ngrams"]))


def _concat(shapes: Sequence[Shape], attributes: dict[str, Any]) -> Shape:
    axis, first = attributes["axis"], list(shapes[0])
    first[axis] = sum(cast(int, shape[axis]) for shape in shapes)
    return tuple(first)


def _reshape(shapes: Sequence[Shape], attributes: dict[str, Any]) -> Shape:
    wanted: tuple[int, ...] = attributes["shape"]
    if None in shapes[0]:
        return tuple(None if size == -1 else size for size in wanted)
    whole, told = prod(cast(tuple[int, ...], shapes[0])), prod(size for size in wanted if size != -1)
    return tuple(whole // max(1, told) if size == -1 else size for size in wanted)


def _slice(shapes: Sequence[Shape], attributes: dict[str, Any]) -> Shape:
    sizes = list(shapes[0])
    for start, end, axis, step in zip(*(attributes[key] for key in ("starts", "ends", "axes", "steps")), strict=True):
        sizes[axis] = len(range(*slice(start, end, step).indices(cast(int, sizes[axis]))))
    return tuple(sizes)


def _gather(shapes: Sequence[Shape], attributes: dict[str, Any]) -> Shape:
    (table, places), axis = shapes, attributes["axis"]
    return (*table[:axis], *places, *table[axis + 1 :])


def _pad(shapes: Sequence[Shape], attributes: dict[str, Any]) -> Shape:
    before, after = np.split(np.array(attributes["pads"]), 2)
    return tuple(
        None if size is None else size + int(low + high)
        for size, low, high in zip(shapes[0], before, after, strict=True)
    )


def _reduce(shapes: Sequence[Shape], attributes: dict[str, Any]) -> Shape:
    axes = attributes["axes"] if "axes" in attributes else (attributes["axis"],)
    kept = 1 if attributes["keepdims"] else 0
    return tuple(size for axis, size in enumerate(shapes[0]) for size in ([1] * kept if axis in axes else [size]))


def _matmul(shapes: Sequence[Shape], _: dict[str, Any]) -> Shape:
    left, right = shapes
    return (*broadcast(left[:-2], right[:-2]), left[-2], right[-1])


def _window(shapes: Sequence[Shape], attributes: dict[str, Any]) -> Shape:
    sizes = attributes.get("kernel_shape") or shapes[1][2:]
    spatial, strides = cast(tuple[int, ...], shapes[0][2:]), attributes["strides"]
    before, after = np.split(np.array(attributes["pads"]), 2)
    dilations = attributes.get("dilations", (1,) * len(spatial))
    places = (
        (length + int(low + high) - dilation * (size - 1) - 1) // stride + 1
        for length, low, high, dilation, size, stride in zip(
            spatial, before, after, dilations, sizes, strides, strict=True
        )
    )
    return (shapes[0][0], shapes[1][0] if len(shapes) > 1 else shapes[0][1], *places)


SHAPES: Mapping[str, Callable[[Sequence[Shape], dict[str, Any]], Shape]] = {
    "ArgMax": _reduce,
    "AveragePool": _window,
    "Concat": _concat,
    "Conv": _window,
    "CumSum": lambda shapes, _: shapes[0],
    "Expand": lambda shapes, given: broadcast(shapes[0], tuple(None if one < 0 else one for one in given["shape"])),
    "Gather": _gather,
    "MatMul": _matmul,
    "MaxPool": _window,
    "Pad": _pad,
    "ReduceMax": _reduce,
    "ReduceMin": _reduce,
    "ReduceSum": _reduce,
    "Reshape": _reshape,
    "Slice": _slice,
    "Transpose": lambda shapes, given: tuple(shapes[0][axis] for axis in given["perm"]),
}
"""How the shape of what each operator makes follows from those of its inputs and its attributes."""
