"""A model as a graph of few operators: from typed columns to the answers that `predict` gives.

A graph is plain data: a list of nodes in an order in which each can be computed, whose inputs are inputs of the graph,
constants, or outputs of earlier nodes. Whoever runs `OPERATORS` and `CELL_OPERATORS` runs any model.

`OPERATORS` mean what ONNX's operators of the same name mean (https://onnx.ai/onnx/operators), restricted to what is
said here. In particular:

- Numbers of operators with two inputs broadcast as in NumPy. Types are never mixed: `Cast` comes before.
- What ONNX takes as an input although it is known is an attribute here: `axes`, `shape`, `starts`, `ends`, `steps`,
  `pads`. All attributes that a node has are listed below, and each node has all of them.

| operator | inputs | attributes | meaning |
|---|---|---|---|
| Abs Ceil Cos Erf Exp Floor Log Neg Round Sigmoid Sign Sin Sqrt Tanh | x | | Round takes halves to even |
| Add Sub Mul Div Max Min Pow | x, y | | of each pair; Max and Min are NaN where either is; Div is of floats only |
| Mod | x, y | | of integers: the sign is that of y, as with Python's `%` |
| Equal Less LessOrEqual Greater GreaterOrEqual | x, y | | bool; NaN is neither equal nor ordered; of numbers only |
| And Or | x, y | | of bool |
| Not | x | | of bool |
| IsNaN | x | | bool |
| Where | condition, x, y | | x where the condition holds, else y; of numbers, bool or string |
| Cast | x | to | to a dtype: floats to integers towards 0; bool to 0 and 1; numbers to bool as not 0 |
| Concat | x, y, ... | axis | side by side; other axes are equal |
| Reshape | x | shape | -1 at most once: what is left |
| Transpose | x | perm | axis i of the output is axis perm[i] of x |
| Expand | x | shape | broadcast to the shape; an entry -c is c × the rows of the first input of the graph |
| Slice | x | starts, ends, axes, steps | as x[start:end:step] along each of these axes; steps below 0 go backwards |
| Gather | table, places | axis | the table at int64 places, which are within it; places may have no axes |
| Pad | x | pads, value | pads: before each axis, then after each axis, all 0 or more; filled with the value |
| ReduceSum ReduceMax ReduceMin | x | axes, keepdims | keepdims 0 or 1 |
| ArgMax | x | axis, keepdims | int64: the first of equals |
| CumSum | x | axis | sums up to and with each entry |
| MatMul | x, y | | as NumPy's `matmul`; both have two axes or more |
| Conv | x, kernel | group, strides, pads, dilations | x [n, c, h, w], kernel [o, c / group, kh, kw] |
| MaxPool | x | kernel_shape, strides, pads | of [n, c, h, w]; what is padded never wins |
| AveragePool | x | kernel_shape, strides, pads, count_include_pad | of [n, c, h, w]; count_include_pad is 1 |
| StringConcat | x, y | | texts one after the other, with broadcasting |

Conv and pools also come with one spatial axis, [n, c, l], whose attributes have the matching lengths. `pads` are those
before all spatial axes, then those after.

A `Cast` to "bfloat16" is always followed by a `Cast` to "float32": together they round to 8 significant bits, halves to
even. No other value has that dtype.

`CELL_OPERATORS` turn texts into codes by rules that ONNX has no single operator for. Each takes one input of texts
[rows, 1], in which an empty text is a missing cell.

| operator | attributes | output |
|---|---|---|
| CategoryCodes | categories, missing, merge_case | int64 [rows, 1]: as `encoders.category_codes` |
| HeldValues | separator, values, other, missing | float32 [rows, width]: what `tags.Tags.write` writes |
| HashedWords | features, ngrams, length, missing, separator | int64 [rows, width]: as `texts.HashedText.write` |

Letters: n rows, c channels, h x w pixels, l steps of a series, o outputs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

Dtype: TypeAlias = Literal["float32", "float64", "int8", "uint8", "int32", "int64", "bool", "string", "bfloat16"]
Shape: TypeAlias = tuple[int | None, ...]
"""None is an axis of rows, or of a whole multiple of the rows."""

ELEMENTWISE = (
    *("Abs", "Ceil", "Cos", "Erf", "Exp", "Floor", "IsNaN", "Log", "Neg", "Not", "Round", "Sigmoid", "Sign", "Sin"),
    *("Sqrt", "Tanh", "Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Min"),
    *("Mod", "Mul", "Or", "Pow", "StringConcat", "Sub", "Where"),
)
"""Operators whose output has the shape to which their inputs broadcast."""

OPERATORS = (
    *ELEMENTWISE,
    *("ArgMax", "AveragePool", "Cast", "Concat", "Conv", "CumSum", "Expand", "Gather", "MatMul", "MaxPool", "Pad"),
    *("ReduceMax", "ReduceMin", "ReduceSum", "Reshape", "Slice", "Transpose"),
)
"""All operators that have ONNX's meaning."""

CELL_OPERATORS = ("CategoryCodes", "HeldValues", "HashedWords")
"""Operators on the texts of a column."""

NO_DATE = int(np.iinfo(np.int64).min)
"""A missing date among microseconds since 1970: NumPy's NaT."""

Attribute: TypeAlias = int | float | str | bool | tuple[int, ...] | tuple[str, ...]


class Value(NamedTuple):
    """The name, the dtype and the shape of an array."""

    name: str
    dtype: Dtype
    shape: Shape


@dataclass(frozen=True)
class Node:
    """An operator applied to the values with these names; it makes one value."""

    op: str
    inputs: tuple[str, ...]
    output: Value
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """How the outputs are made from the inputs.

    - inputs: one for each column that the model uses, [rows], under the column's name; images are uint8 [rows, h, w,
      channels]. Numbers are float64, NaN where missing; flags too: 1, 0, and NaN where missing; dates are int64
      microseconds since 1970, `NO_DATE` where missing; everything else is string, "" where missing
    - constants: by name; texts have the dtype "U"
    - nodes: in the order in which they can be computed
    - outputs: in the order of the columns of `Predictions.frame()`, with their names; each is [rows]. Each is the
      output of a node of the same name
    """

    inputs: tuple[Value, ...]
    constants: Mapping[str, np.ndarray]
    nodes: tuple[Node, ...]
    outputs: tuple[Value, ...]
