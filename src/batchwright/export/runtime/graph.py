"""A model as its columns, its weights and its operators, and how it answers rows."""

import base64
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from batchwright.export.runtime.operators import apply, dtype_of
from batchwright.export.runtime.texts import CELL_FUNCTIONS

AT_ONCE = 4096
"""Rows that are answered at a time, so that what is between stays small."""
ENCODED = "encoded "
"""What stands before the names of encoded arrays where they are made beside columns."""


class Model(NamedTuple):
    """What a file holds.

    - readers: how cells become typed, one for each column
    - inputs: the name, the dtype and the shape of each input, without the rows
    - constants: the arrays by name
    - nodes: operator, inputs, output, attributes
    - outputs: the names of the answers
    - header: whether the first record of a CSV file names the columns
    - known: what the training rows had in each column
    """

    readers: Sequence[Mapping[str, Any]]
    inputs: Sequence[tuple[str, str, tuple[int, ...]]]
    constants: Mapping[str, np.ndarray]
    nodes: Sequence[tuple[str, Sequence[str], str, Mapping[str, Any]]]
    outputs: Sequence[str]
    header: bool = True
    known: Sequence[Mapping[str, Any]] = ()


def unpack(table: Mapping[str, Sequence[Any]], texts: Mapping[str, Any], packed: str) -> dict[str, Any]:
    """The constants: numbers by dtype, shape and place among the packed bytes, and texts."""
    data = zlib.decompress(base64.b64decode(packed))
    found = {name: np.array(text, object) for name, text in texts.items()}
    for name, (dtype, shape, start) in table.items():
        kind = np.dtype(dtype).newbyteorder("<")
        numbers = np.frombuffer(data, kind, math.prod(shape), start).reshape(shape)
        found[name] = numbers.astype(np.dtype(dtype))
    return found


def run_graph(model: Model, typed: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The answers for typed columns of equal length, by name."""
    return run_graphs((model,), typed)


def run_graphs(models: Sequence[Model], typed: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The answers of models of which each begins with what the one before gives."""
    rows = len(next(iter(typed.values())))
    pieces = [_run_all(models, piece) for piece in _pieces(typed, rows)]
    return {name: _texts(np.concatenate([piece[name] for piece in pieces])) for name in pieces[0]}


def _run_all(models: Sequence[Model], piece: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    for model in models:
        piece = {name.removeprefix(ENCODED): array for name, array in _run(model, piece).items()}
    return piece


def _pieces(typed: Mapping[str, np.ndarray], rows: int) -> Iterator[dict[str, np.ndarray]]:
    for start in range(0, max(rows, 1), AT_ONCE):
        yield {name: array[start : start + AT_ONCE] for name, array in typed.items()}


def _texts(answers: np.ndarray) -> np.ndarray:
    return answers.astype(str) if answers.dtype == object else answers


def _run(model: Model, typed: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The answers for a few rows; what no later node needs is let go."""
    values = {name: np.asarray(typed[name], dtype_of(dtype)) for name, dtype, _ in model.inputs}
    rows = len(values[model.inputs[0][0]])
    last = {name: place for place, node in enumerate(model.nodes) for name in node[1]}
    last.update(dict.fromkeys(model.outputs, len(model.nodes)))
    with np.errstate(all="ignore"):
        for place, (op, inputs, output, attributes) in enumerate(model.nodes):
            given = [model.constants[name] if name in model.constants else values[name] for name in inputs]
            cells = CELL_FUNCTIONS.get(op)
            values[output] = cells(*given, **attributes) if cells else apply(op, given, attributes, rows)
            for name in inputs:
                if last[name] == place:
                    values.pop(name, None)
    return {name: values[name] for name in model.outputs}
