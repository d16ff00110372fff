"""Columns as numbers: the nodes that do what the encoders of `data/encode` do, in float64 as they do.

Encoders of one kind are done together, so that a table of a hundred numbers takes as many nodes as one number.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from batchwright.data.encode.differences import Difference
from batchwright.data.encode.encoders import (
    Category,
    Flag,
    Moment,
    Number,
    OneHot,
    Ordinal,
    Quantile,
)
from batchwright.data.encode.encoding import Encoding, ImagePreprocessing
from batchwright.data.encode.preprocessing import Preprocessing
from batchwright.data.encode.tags import Tags
from batchwright.data.encode.texts import HashedText, text_dtype
from batchwright.export.building import Builder
from batchwright.export.dates import part_of_date
from batchwright.export.graph import NO_DATE, Dtype, Value

CELLS: Mapping[type, Dtype] = {
    Number: "float64",
    Quantile: "float64",
    Flag: "float64",
    Moment: "int64",
    OneHot: "string",
    Ordinal: "string",
    Category: "string",
    Tags: "string",
    HashedText: "string",
}
"""What the cells of a column are, by its encoder."""


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


def column_inputs(encoding: Encoding) -> tuple[Value, ...]:
    """The inputs of the graph: one for each column that is used; the image first, where there is one."""
    made = encoding.preprocessing
    if isinstance(made, ImagePreprocessing):
        return (Value("image", "uint8", (None, *made.shape)),)
    image = [] if made.image is None else [Value(made.image.column, "uint8", (None, *made.image.shape))]
    return (*image, *(Value(one.column, CELLS[type(one)], (None,)) for one in made.encoders))


def encode(builder: Builder, encoding: Encoding) -> dict[str, tuple[Value, str]]:
    """The inputs of the network by name, each with the dtype that the network knows it by."""
    made, columns = encoding.preprocessing, {value.name: value for value in builder.inputs}
    if isinstance(made, ImagePreprocessing):
        return {"image": (columns["image"], "uint8")}
    found = {}
    placed = _placed(builder, made)
    for name, dtype in (("numeric", "float32"), ("categorical", "int32"), ("text", _text_dtype(made))):
        blocks = [block for kind, each in placed[name].items() for block in EMITTERS[kind](builder, each)]
        if blocks:
            with builder.within("encoding"):
                found[name] = (_side_by_side(builder, blocks), dtype)
    if made.differences:
        found["numeric"] = (_fill_missing(builder, made, found["numeric"][0], columns), "float32")
    if made.image is not None:
        found["image"] = (columns[made.image.column], "uint8")
    return found


def _text_dtype(made: Preprocessing) -> str:
    return np.dtype(text_dtype(made.texts)).name if made.texts else "int32"


def _placed(builder: Builder, made: Preprocessing) -> dict[str, dict[type, list[Placed]]]:
    """The encoders of each input of the network by their kind, with the places that they fill."""
    inputs, ends = {value.name: value for value in builder.inputs}, dict.fromkeys(("numeric", "categorical", "text"), 0)
    found: dict[str, dict[type, list[Placed]]] = {name: {} for name in ends}
    for encoder in made.encoders:
        kind = type(encoder)
        name = {Category: "categorical", HashedText: "text"}.get(kind, "numeric")
        cells = builder.apply("Reshape", inputs[encoder.column], shape=(-1, 1))
        found[name].setdefault(kind, []).append(Placed(encoder, cells, ends[name]))
        ends[name] += _width(encoder)
    return found


def _width(encoder: Any) -> int:
    """The places that an encoder fills."""
    if isinstance(encoder, Category):
        return 1
    return encoder.width if isinstance(encoder, HashedText) else len(encoder.features)


def _side_by_side(builder: Builder, blocks: Sequence[Block]) -> Value:
    """All columns, each in its place."""
    together = _concat(builder, [block.columns for block in blocks])
    places = np.array([place for block in blocks for place in block.places])
    order = np.argsort(places)
    return (
        together if np.array_equal(order, np.arange(len(order))) else builder.apply("Gather", together, order, axis=1)
    )


def _concat(builder: Builder, values: Sequence[Value]) -> Value:
    return values[0] if len(values) == 1 else builder.apply("Concat", *values, axis=1)


def _all_cells(builder: Builder, placed: Sequence[Placed]) -> Value:
    """The cells of all columns, [rows, columns]."""
    return _concat(builder, [one.cells for one in placed])


def _row(values: Sequence[float]) -> np.ndarray:
    """Numbers of columns, float64 [1, columns]."""
    return np.array([values], np.float64)


def _as_float(builder: Builder, value: Value) -> Value:
    return builder.apply("Cast", value, to="float32")


def _filled(builder: Builder, missing: Value, value: Value, instead: float | np.ndarray) -> Value:
    """The numbers in float32, with another one where they are missing."""
    return _as_float(builder, builder.apply("Where", missing, np.asarray(instead, np.float64), value))


def _indicators(builder: Builder, placed: Sequence[Placed], missing: Value) -> list[Block]:
    """A column that is 1 where the number is missing, for each encoder that has one as its last."""
    having = [at for at, one in enumerate(placed) if one.encoder.indicator]
    if not having:
        return []
    some = missing
    if len(having) < len(placed):
        some = builder.apply("Gather", missing, np.array(having), axis=1)
    places = tuple(placed[at].place + _width(placed[at].encoder) - 1 for at in having)
    return [Block(_as_float(builder, some), places)]


def _numbers(builder: Builder, placed: Sequence[Placed]) -> list[Block]:
    with builder.within("numbers"):
        cells = _all_cells(builder, placed)
        missing = builder.apply("IsNaN", cells)
        scaled = _scale(builder, cells, [one.encoder for one in placed])
        columns = Block(_filled(builder, missing, scaled, 0.0), tuple(one.place for one in placed))
        return [columns, *_indicators(builder, placed, missing)]


def _scale(builder: Builder, cells: Value, encoders: Sequence[Number]) -> Value:
    """(x − center) / scale within the limits, and z / √(1 + (z/c)²) where there is a smooth limit; of halves."""
    halves = builder.apply("Sub", builder.apply("Mul", cells, 0.5), _row([one.center / 2 for one in encoders]))
    scaled = builder.apply("Div", halves, _row([one.scale / 2 for one in encoders]))
    limits = _row([one.limit for one in encoders])
    scaled = builder.apply("Min", builder.apply("Max", scaled, -limits), limits)
    if all(one.smooth_limit is None for one in encoders):
        return scaled
    shares = builder.apply(
        "Mul", scaled, _row([0.0 if one.smooth_limit is None else 1 / one.smooth_limit for one in encoders])
    )
    squares = builder.apply("Add", builder.apply("Mul", shares, shares), 1.0)
    return builder.apply("Div", scaled, builder.apply("Sqrt", squares))


def _quantiles(builder: Builder, placed: Sequence[Placed]) -> list[Block]:
    """Of a single knot, `Quantile` gives its level where the number is missing too."""
    with builder.within("quantiles"):
        cells = _all_cells(builder, placed)
        missing = builder.apply("IsNaN", cells)
        ranks = _interpolate(builder, cells, [one.encoder for one in placed])
        alone = _row([one.encoder.levels[0] if len(one.encoder.knots) == 1 else 0.0 for one in placed])
        columns = Block(_filled(builder, missing, ranks, alone), tuple(one.place for one in placed))
        return [columns, *_indicators(builder, placed, missing)]


def _interpolate(builder: Builder, cells: Value, encoders: Sequence[Quantile]) -> Value:
    """The levels at the cells, linear between knots.

    The last knot that is not above a cell is found by halves: the tables of all columns are filled up to a power of two
    with knots at infinity, and lie one after the other.
    """
    count = 1 << max(len(one.knots) for one in encoders).bit_length()
    knots, levels, slopes = (
        np.concatenate(each) for each in zip(*(_table(one, count) for one in encoders), strict=True)
    )
    first, last = _row([one.knots[0] for one in encoders]), _row([one.knots[-1] for one in encoders])
    within = builder.apply("Min", builder.apply("Max", cells, first), last)
    starts = np.arange(len(encoders), dtype=np.int64)[None, :] * count
    place, step = None, count // 2
    while step:
        further = starts + step if place is None else builder.apply("Add", place, np.array(step))
        knot = builder.apply("Gather", knots, further, axis=0)
        reached = builder.apply("LessOrEqual", knot, within)
        place = builder.apply("Where", reached, further, starts if place is None else place)
        step //= 2
    assert place is not None
    low, slope, level = (builder.apply("Gather", table, place, axis=0) for table in (knots, slopes, levels))
    return builder.apply("Add", builder.apply("Mul", builder.apply("Sub", within, low), slope), level)


def _table(encoder: Quantile, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Knots, levels and the slopes after them, filled up to a count."""
    knots, levels = np.array(encoder.knots), np.array(encoder.levels)
    rest = count - len(knots)
    with np.errstate(over="ignore"):
        slopes = np.diff(levels) / np.diff(knots)
    return (
        np.pad(knots, (0, rest), constant_values=np.inf),
        np.pad(levels, (0, rest), constant_values=levels[-1]),
        np.pad(slopes, (0, rest + 1)),
    )


def _flags(builder: Builder, placed: Sequence[Placed]) -> list[Block]:
    with builder.within("flags"):
        cells = _all_cells(builder, placed)
        missing = builder.apply("IsNaN", cells)
        columns = Block(_filled(builder, missing, cells, 0.5), tuple(one.place for one in placed))
        return [columns, *_indicators(builder, placed, missing)]


def _moments(builder: Builder, placed: Sequence[Placed]) -> list[Block]:
    return [block for one in placed for block in _moment(builder, one)]


def _moment(builder: Builder, one: Placed) -> list[Block]:
    with builder.within(one.encoder.column):
        missing, parts = builder.apply("Equal", one.cells, np.array(NO_DATE)), one.encoder.parts
        blocks = []
        if parts:
            found = _concat(builder, [part_of_date(builder, one.cells, part.column) for part in parts])
            scaled = _scale(builder, found, parts)
            places = tuple(range(one.place, one.place + len(parts)))
            blocks.append(Block(_filled(builder, missing, scaled, 0.0), places))
        return [*blocks, *_indicators(builder, [one], missing)]


def _codes(builder: Builder, one: Placed, categories: tuple[str, ...], *, missing: bool) -> Value:
    """The code of each cell, int64 [rows, 1]."""
    merge_case = bool(one.encoder.merge_case)
    return builder.apply("CategoryCodes", one.cells, categories=categories, missing=missing, merge_case=merge_case)


def _are(builder: Builder, codes: Value, count: int) -> Value:
    """A column for each code from 1: 1 where it is that code."""
    return _as_float(builder, builder.apply("Equal", codes, np.arange(1, count + 1)[None, :]))


def _one_hots(builder: Builder, placed: Sequence[Placed]) -> list[Block]:
    blocks = []
    for one in placed:
        with builder.within(one.encoder.column):
            codes = _codes(builder, one, one.encoder.categories, missing=one.encoder.missing)
            width = _width(one.encoder)
            blocks.append(Block(_are(builder, codes, width), tuple(range(one.place, one.place + width))))
    return blocks


def _ordinals(builder: Builder, placed: Sequence[Placed]) -> list[Block]:
    blocks = []
    for one in placed:
        encoder, place = one.encoder, one.place
        ranks = (np.arange(len(encoder.order)) - encoder.center) / encoder.scale
        with builder.within(encoder.column):
            codes = _codes(builder, one, encoder.order, missing=encoder.missing)
            table = np.concatenate([[0.0], ranks, [0.0]]).astype(np.float32)
            blocks.append(Block(builder.apply("Gather", table, codes, axis=0), (place,)))
            known = len(encoder.order) if encoder.one_hot else 0
            if known:
                blocks.append(Block(_are(builder, codes, known), tuple(range(place + 1, place + 1 + known))))
            if encoder.missing:
                last = builder.apply("Equal", codes, np.array(len(encoder.order) + 1))
                blocks.append(Block(_as_float(builder, last), (place + 1 + known,)))
    return blocks


def _categories(builder: Builder, placed: Sequence[Placed]) -> list[Block]:
    blocks = []
    for one in placed:
        with builder.within(one.encoder.column):
            codes = _codes(builder, one, one.encoder.categories, missing=one.encoder.missing)
            blocks.append(Block(codes, (one.place,)))
    return blocks


def _tags(builder: Builder, placed: Sequence[Placed]) -> list[Block]:
    blocks = []
    for one in placed:
        given = {name: getattr(one.encoder, name) for name in ("separator", "values", "other", "missing")}
        with builder.within(one.encoder.column):
            held = builder.apply("HeldValues", one.cells, **given)
            blocks.append(Block(held, tuple(range(one.place, one.place + _width(one.encoder)))))
    return blocks


def _texts(builder: Builder, placed: Sequence[Placed]) -> list[Block]:
    blocks = []
    for one in placed:
        names = ("features", "ngrams", "length", "missing", "separator")
        given = {name: getattr(one.encoder, name) for name in names}
        with builder.within(one.encoder.column):
            words = builder.apply("HashedWords", one.cells, **given)
            blocks.append(Block(words, tuple(range(one.place, one.place + one.encoder.width))))
    return blocks


EMITTERS: Mapping[type, Emit] = {
    Number: _numbers,
    Quantile: _quantiles,
    Flag: _flags,
    Moment: _moments,
    OneHot: _one_hots,
    Ordinal: _ordinals,
    Category: _categories,
    Tags: _tags,
    HashedText: _texts,
}
"""What becomes of each kind of encoder; images, of `Picture`, are inputs of the network as they are."""


def _fill_missing(builder: Builder, made: Preprocessing, numeric: Value, columns: Mapping[str, Value]) -> Value:
    """What one column says of the other where that is missing, as `differences.fill_missing` puts it in."""
    filled = dict[int, Value]()
    with builder.within("differences"):
        for one in made.differences or ():
            first, second = (filled.get(place) or _column(builder, numeric, place) for place in one.places)
            gone = [
                builder.apply("IsNaN", builder.apply("Reshape", columns[name], shape=(-1, 1))) for name in one.columns
            ]
            of_first, of_second = (
                builder.apply("And", own, builder.apply("Not", other)) for own, other in (gone, gone[::-1])
            )
            filled[one.places[0]] = builder.apply("Where", of_first, _first_from(builder, one, second), first)
            first = filled[one.places[0]]
            filled[one.places[1]] = builder.apply("Where", of_second, _second_from(builder, one, first), second)
        order = np.arange(int(numeric.shape[1] or 0))
        order[list(filled)] = len(order) + np.arange(len(filled))
        together = builder.apply("Concat", numeric, *filled.values(), axis=1)
        return builder.apply("Gather", together, order, axis=1)


def _column(builder: Builder, matrix: Value, place: int) -> Value:
    return builder.apply("Gather", matrix, np.array([place]), axis=1)


def _first_from(builder: Builder, one: Difference, second: Value) -> Value:
    return builder.apply("Add", builder.apply("Mul", second, one.slope), one.center)


def _second_from(builder: Builder, one: Difference, first: Value) -> Value:
    return builder.apply("Div", builder.apply("Sub", first, one.center), one.slope)
