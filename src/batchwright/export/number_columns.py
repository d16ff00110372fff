"""Columns of numbers, flags and dates: the nodes that do what their encoders do, for all of a kind together."""

from collections.abc import Mapping, Sequence

import numpy as np

from batchwright.data.encode.differences import Difference
from batchwright.data.encode.encoders import Number, Quantile
from batchwright.export.building import Builder
from batchwright.export.columns import Block, Placed, all_cells, concat, filled, indicators, row
from batchwright.export.dates import part_of_date
from batchwright.export.graph import NO_DATE, Value


def emit_numbers(builder: Builder, placed: Sequence[Placed]) -> list[Block]:
    """The columns of `Number`."""
    with builder.within("numbers"):
        cells = all_cells(builder, placed)
        missing = builder.apply("IsNaN", cells)
        scaled = _scale(builder, cells, [one.encoder for one in placed])
        columns = Block(filled(builder, missing, scaled, 0.0), tuple(one.place for one in placed))
        return [columns, *indicators(builder, placed, missing)]


def _scale(builder: Builder, cells: Value, encoders: Sequence[Number]) -> Value:
    """(x − center) / scale within the limits, and z / √(1 + (z/c)²) where there is a smooth limit; of halves."""
    halves = builder.apply("Sub", builder.apply("Mul", cells, 0.5), row([one.center / 2 for one in encoders]))
    scaled = builder.apply("Div", halves, row([one.scale / 2 for one in encoders]))
    limits = row([one.limit for one in encoders])
    scaled = builder.apply("Min", builder.apply("Max", scaled, -limits), limits)
    if all(one.smooth_limit is None for one in encoders):
        return scaled
    shares = builder.apply(
        "Mul", scaled, row([0.0 if one.smooth_limit is None else 1 / one.smooth_limit for one in encoders])
    )
    squares = builder.apply("Add", builder.apply("Mul", shares, shares), 1.0)
    return builder.apply("Div", scaled, builder.apply("Sqrt", squares))


def emit_quantiles(builder: Builder, placed: Sequence[Placed]) -> list[Block]:
    """The columns of `Quantile`; of a single knot, it gives its level where the number is missing too."""
    with builder.within("quantiles"):
        cells = all_cells(builder, placed)
        missing = builder.apply("IsNaN", cells)
        ranks = _interpolate(builder, cells, [one.encoder for one in placed])
        alone = row([one.encoder.levels[0] if len(one.encoder.knots) == 1 else 0.0 for one in placed])
        columns = Block(filled(builder, missing, ranks, alone), tuple(one.place for one in placed))
        return [columns, *indicators(builder, placed, missing)]


def _interpolate(builder: Builder, cells: Value, encoders: Sequence[Quantile]) -> Value:
    """The levels at the cells, linear between knots.

    The last knot that is not above a cell is found by halves: the tables of all columns are filled up to a power of two
    with knots at infinity, and lie one after the other.
    """
    count = 1 << max(len(one.knots) for one in encoders).bit_length()
    knots, levels, slopes = (
        np.concatenate(each) for each in zip(*(_table(one, count) for one in encoders), strict=True)
    )
    first, last = row([one.knots[0] for one in encoders]), row([one.knots[-1] for one in encoders])
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


def emit_flags(builder: Builder, placed: Sequence[Placed]) -> list[Block]:
    """The columns of `Flag`."""
    with builder.within("flags"):
        cells = all_cells(builder, placed)
        missing = builder.apply("IsNaN", cells)
        columns = Block(filled(builder, missing, cells, 0.5), tuple(one.place for one in placed))
        return [columns, *indicators(builder, placed, missing)]


def emit_moments(builder: Builder, placed: Sequence[Placed]) -> list[Block]:
    """The columns of `Moment`."""
    return [block for one in placed for block in _moment(builder, one)]


def _moment(builder: Builder, one: Placed) -> list[Block]:
    with builder.within(one.encoder.column):
        missing, parts = builder.apply("Equal", one.cells, np.array(NO_DATE)), one.encoder.parts
        blocks = []
        if parts:
            found = concat(builder, [part_of_date(builder, one.cells, part.column) for part in parts])
            scaled = _scale(builder, found, parts)
            places = tuple(range(one.place, one.place + len(parts)))
            blocks.append(Block(filled(builder, missing, scaled, 0.0), places))
        return [*blocks, *indicators(builder, [one], missing)]


def fill_missing(
    builder: Builder, differences: Sequence[Difference], numeric: Value, columns: Mapping[str, Value]
) -> Value:
    """What one column says of the other where that is missing, as `differences.fill_missing` puts it in."""
    known = dict[int, Value]()
    with builder.within("differences"):
        for one in differences:
            first, second = (known.get(place) or _column(builder, numeric, place) for place in one.places)
            gone = [
                builder.apply("IsNaN", builder.apply("Reshape", columns[name], shape=(-1, 1))) for name in one.columns
            ]
            of_first, of_second = (
                builder.apply("And", own, builder.apply("Not", other)) for own, other in (gone, gone[::-1])
            )
            known[one.places[0]] = builder.apply("Where", of_first, _first_from(builder, one, second), first)
            first = known[one.places[0]]
            known[one.places[1]] = builder.apply("Where", of_second, _second_from(builder, one, first), second)
        order = np.arange(int(numeric.shape[1] or 0))
        order[list(known)] = len(order) + np.arange(len(known))
        together = builder.apply("Concat", numeric, *known.values(), axis=1)
        return builder.apply("Gather", together, order, axis=1)


def _column(builder: Builder, matrix: Value, place: int) -> Value:
    return builder.apply("Gather", matrix, np.array([place]), axis=1)


def _first_from(builder: Builder, one: Difference, second: Value) -> Value:
    return builder.apply("Add", builder.apply("Mul", second, one.slope), one.center)


def _second_from(builder: Builder, one: Difference, first: Value) -> Value:
    return builder.apply("Div", builder.apply("Sub", first, one.center), one.slope)
