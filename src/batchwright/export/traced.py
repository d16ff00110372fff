"""What is known of an array while a network is traced, and the nodes that are added for it.

Broadcasts are put off: an array of the shape [rows, 3] whose rows are all the same is held as [1, 3], since the
operators that work element by element broadcast by themselves. So no constant grows, and few nodes are needed.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from batchwright.export.building import Builder, Held
from batchwright.export.graph import Attribute, Dtype, Value

SIZES = (7, 11)
"""Rows with which a network is traced. A size that is c times these both times is c times the rows."""


class Rows(NamedTuple):
    """The size of an axis: this many times the number of rows."""

    times: int


Size: TypeAlias = int | Rows
Sizes: TypeAlias = tuple[Size, ...]


class NoFormError(Exception):
    """Why something has no form in the graph; `tracing` adds where it is."""


class Traced(NamedTuple):
    """An array of the shape `sizes`; what holds it has 1 in place of a size along which all entries are the same.

    `name` is that of the variable that it is or is made from.
    """

    held: Held
    sizes: Sizes
    name: str = ""

    @property
    def known(self) -> bool:
        """Whether it is an array, and not computed."""
        return isinstance(self.held, np.ndarray)


class Equation(NamedTuple):
    """One operation of a traced network: its inputs, and its parameters with either number of rows.

    `sizes` and `dtypes` are those of its outputs; arrays of bfloat16 are held as float32.
    """

    name: str
    inputs: tuple[Traced, ...]
    params: Mapping[str, Any]
    others: Mapping[str, Any]
    sizes: tuple[Sizes, ...]
    dtypes: tuple[Dtype, ...]


class Nodes:
    """Adds nodes for traced arrays; they are named after the layer whose variables were used last."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder

    def add(self, op: str, *inputs: Traced | Held | float, **attributes: Attribute) -> Value:
        """The value that a node makes."""
        named = next((one.name for one in inputs if isinstance(one, Traced) and one.known and one.name), "")
        if named:
            self.builder.scope = named.rpartition("/")[0]
        held = [self.constant(one) if isinstance(one, Traced) else one for one in inputs]
        return self.builder.apply(op, *held, **attributes)

    def constant(self, traced: Traced) -> Held:
        """What holds an array; if it is known, a constant with its name."""
        if isinstance(traced.held, np.ndarray):
            return self.builder.constant(traced.held, traced.name)
        return traced.held

    def whole(self, traced: Traced) -> Traced:
        """The array without any broadcast left."""
        if all(one == size or (isinstance(size, Rows) and one is None) for one, size in zip_sizes(traced)):
            return traced
        if isinstance(traced.held, np.ndarray) and not any(isinstance(size, Rows) for size in traced.sizes):
            return traced._replace(held=np.ascontiguousarray(np.broadcast_to(traced.held, known_sizes(traced.sizes))))
        shape = tuple(-size.times if isinstance(size, Rows) else size for size in traced.sizes)
        return traced._replace(held=self.add("Expand", traced, shape=shape))

    def reshape(self, held: Held, sizes: Sequence[Size]) -> Held:
        """The same numbers in another shape."""
        if isinstance(held, np.ndarray):
            return held.reshape(known_sizes(sizes))
        if sum(isinstance(size, Rows) for size in sizes) > 1:
            raise NoFormError("an array with two axes of rows")
        wanted = tuple(-1 if isinstance(size, Rows) else size for size in sizes)
        kept = tuple(None if size == -1 else size for size in wanted)
        return held if kept == held.shape else self.builder.apply("Reshape", held, shape=wanted)

    def transpose(self, held: Held, perm: Sequence[int]) -> Held:
        """The axes in another order."""
        if list(perm) == sorted(perm):
            return held
        if isinstance(held, np.ndarray):
            return np.ascontiguousarray(held.transpose(perm))
        return self.builder.apply("Transpose", held, perm=tuple(perm))

    def slice(self, held: Held, axis: int, start: int, end: int, step: int = 1) -> Held:
        """Some places along an axis; an `end` of -1 with a step below 0 is one before the first."""
        size = shape_of(held)[axis]
        if size == 1 or (start, end, step) == (0, size, 1):
            return held
        if isinstance(held, np.ndarray):
            places = np.arange(start, end, step)
            return np.ascontiguousarray(np.take(held, places, axis))
        end = BEFORE_FIRST if end < 0 else end
        return self.builder.apply("Slice", held, starts=(start,), ends=(end,), axes=(axis,), steps=(step,))


BEFORE_FIRST = -(2**31)
"""The end of a slice that goes backwards over everything."""


def shape_of(held: Held) -> tuple[int | None, ...]:
    """The shape of what holds an array."""
    return held.shape


def zip_sizes(traced: Traced) -> list[tuple[int | None, Size]]:
    """For each axis what is held and what it stands for."""
    return list(zip(shape_of(traced.held), traced.sizes, strict=True))


def checked(traced: Traced) -> Traced:
    """The array, if what holds it has its shape, with broadcasts left; rows have to be rows."""
    for one, size in zip_sizes(traced):
        if one != 1 and one != (None if isinstance(size, Rows) else size):
            raise NoFormError("whose shape depends on the number of rows")
    return traced


def known_sizes(sizes: Sequence[Size]) -> tuple[int, ...]:
    """Sizes of which none is that of the rows."""
    if any(isinstance(size, Rows) for size in sizes):
        raise NoFormError("a known array with an axis of rows")
    return tuple(size for size in sizes if not isinstance(size, Rows))


def unify(one: Sequence[int], other: Sequence[int]) -> Sizes:
    """The sizes of an array from its shapes with either number of rows.

    >>> unify((7, 3, 14), (11, 3, 22))
    (Rows(times=1), 3, Rows(times=2))
    """
    return tuple(_unify(*pair) for pair in zip(one, other, strict=True))


def _unify(one: int, other: int) -> Size:
    if one == other:
        return one
    times, rest = divmod(one, SIZES[0])
    if rest or other != times * SIZES[1]:
        raise NoFormError(f"an array whose size is {one} for {SIZES[0]} rows and {other} for {SIZES[1]}")
    return Rows(times)
