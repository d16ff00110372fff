"""What encoders of columns have in common in a graph: cells, blocks of columns, and missing numbers."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from batchwright.data.encode.encoders import Category
from batchwright.data.encode.texts import HashedText
from batchwright.export.building import Builder
from batchwright.export.graph import Value


class Placed(NamedTuple):
    """An encoder, its cells [rows, 1], and the first place that it fills."""

    encoder: Any
    cells: Value
    place: int


class Block(NamedTuple):
    """Some columns of an input of the network, [rows, columns], and their places in it."""

    columns: Value
    places: tuple[int, ...]


Emit: TypeAlias = Callable[[Builder, Sequence[Placed]], Sequence[Block]]
"""The columns that encoders of one kind make."""


def width_of(encoder: Any) -> int:
    """The places that an encoder fills."""
    if isinstance(encoder, Category):
        return 1
    return encoder.width if isinstance(encoder, HashedText) else len(encoder.features)


def concat(builder: Builder, values: Sequence[Value]) -> Value:
    """Columns side by side."""
    return values[0] if len(values) == 1 else builder.apply("Concat", *values, axis=1)


def all_cells(builder: Builder, placed: Sequence[Placed]) -> Value:
    """The cells of all columns, [rows, columns]."""
    return concat(builder, [one.cells for one in placed])


def row(values: Sequence[float]) -> np.ndarray:
    """Numbers of columns, float64 [1, columns]."""
    return np.array([values], np.float64)


def as_float(builder: Builder, value: Value) -> Value:
    """The same in float32."""
    return builder.apply("Cast", value, to="float32")


def filled(builder: Builder, missing: Value, value: Value, instead: float | np.ndarray) -> Value:
    """The numbers in float32, with another one where they are missing."""
    return as_float(builder, builder.apply("Where", missing, np.asarray(instead, np.float64), value))


def indicators(builder: Builder, placed: Sequence[Placed], missing: Value) -> list[Block]:
    """A column that is 1 where the number is missing, for each encoder that has one as its last."""
    having = [at for at, one in enumerate(placed) if one.encoder.indicator]
    if not having:
        return []
    some = missing
    if len(having) < len(placed):
        some = builder.apply("Gather", missing, np.array(having), axis=1)
    places = tuple(placed[at].place + width_of(placed[at].encoder) - 1 for at in having)
    return [Block(as_float(builder, some), places)]
