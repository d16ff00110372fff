"""Points over two axes, such as predictions against the truth."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from batchwright.figures.colours import SERIES, series_role
from batchwright.figures.keys import Key, draw_keys, rows_of_keys, spots, unnamed_note
from batchwright.figures.plane import (
    Mark,
    Plane,
    draw_axes,
    draw_bands,
    draw_marks,
    draw_notes,
    draw_title,
    gaps_note,
    nothing,
    outside_note,
    path_of,
    plane,
    range_words,
    size_of,
)
from batchwright.figures.scale import Axis, Floats, Numbers, Scale, floats, scale_of
from batchwright.figures.svg import Svg, document, rectangle, shape, stroke
from batchwright.figures.text import shorten

MOST = 2_000
"""Points that are drawn one by one; more are counted in squares, stronger in colour where there are more points."""
SQUARES = (3, 4, 5, 6, 8)
"""Sizes of the squares in pixels: the first with which there are few enough of them."""
DEPTHS = ((1, 0.35), (3, 0.5), (10, 0.7), (30, 0.85), (100, 1.0))
"""Points in a square, at least, and its opacity."""


@dataclass(frozen=True, eq=False)
class Points:
    """A set of points of one colour.

    Args:
        name: stands above the plane if there are several sets.
        x: numbers.
        y: as many numbers.
    """

    name: str
    x: Numbers
    y: Numbers


def scatter(
    points: Sequence[Points],
    x: Axis,
    y: Axis,
    *,
    title: str,
    marks: Sequence[Mark] = (),
    diagonal: bool = False,
    width: float = 640,
    height: float = 420,
) -> Svg:
    """Sets of points. More than 2,000 of them become small squares, stronger in colour where there are more points.

    Args:
        points: any number of sets; colours repeat from the seventh on, with other forms than dots.
        x: the axis below.
        y: the axis on the left.
        title: of the figure.
        marks: remarkable places.
        diagonal: give both axes the same range and draw the line where x and y are equal.
        width: in pixels; below 240 the figure is a thumbnail without words.
        height: in pixels.

    >>> scatter([Points("test", [1.0, 2.0], [1.2, 1.9])], Axis("true"), Axis("predicted"), title="Predictions")
    <Svg: Predictions>
    """
    size = size_of(width, height)
    arrays = [_checked(one) for one in points]
    across, down = [data[0] for data in arrays], [data[1] for data in arrays]
    both = [*across, *down] if diagonal else []
    scales = scale_of(both or across, x, pad=0.03), scale_of(both or down, y, pad=0.03)
    if scales[0] is None or scales[1] is None:
        return nothing(title, size, "there is no finite value to show" if points else "there is nothing to show")
    keys = (
        [Key(one.name, series_role(place), None, form=place // len(SERIES)) for place, one in enumerate(points)]
        if len(points) > 1
        else []
    )
    rows, head = rows_of_keys(keys, size)
    xy = (scales[0], scales[1])
    notes = [note for one, data in zip(points, arrays, strict=True) for note in _notes(one, data, xy, (x, y))]
    notes += unnamed_note(keys)
    many = sum(map(len, across)) > MOST
    notes += ["the more points in a place, the stronger its colour"] if many else []
    place = plane(xy, (x, y), size, head=head, foot=bool(notes))
    drawn = (_draw_many if many else _draw_few)(place, arrays)
    told = f"Scatter chart. {range_words(x, scales[0], 'x')}; {range_words(y, scales[1], 'y')}."
    told += "".join(
        f" {shorten(one.name, 300)}: {len(data[0]):,} points." for one, data in zip(points, arrays, strict=True)
    )
    return document(
        *size,
        title,
        " ".join([told, *(f"{note}." for note in notes)]),
        draw_title(title, size),
        draw_keys(rows, 40.0),
        draw_bands(place, marks),
        draw_axes(place, (x, y), size),
        place.clip(_draw_diagonal(place) if diagonal else "", drawn),
        draw_marks(place, marks, size),
        draw_notes(notes, size),
    )


def _checked(points: Points) -> tuple[Floats, Floats]:
    x, y = floats(points.x), floats(points.y)
    if len(x) != len(y):
        raise ValueError(f"The points {points.name!r} have {len(x):,} x and {len(y):,} y: they need equally many.")
    return x, y


def _notes(
    points: Points, data: tuple[Floats, Floats], scales: tuple[Scale, Scale], axes: tuple[Axis, Axis]
) -> list[str]:
    notes = []
    for axis, values, scale, otherwise in zip(axes, data, scales, "xy", strict=True):
        name = f"{axis.title or otherwise} of {shorten(points.name, 200)}" if points.name else axis.title or otherwise
        notes += gaps_note(name, values, axis) + outside_note(name, values, scale)
    return notes


def _draw_few(place: Plane, arrays: Sequence[tuple[Floats, Floats]]) -> str:
    """A dot for every point."""
    pixels = _pixels(place, arrays)
    opacity = 0.85 if sum(map(len, pixels)) <= MOST // 10 else 0.6
    return "".join(
        shape(spots([(float(a), float(b)) for a, b in points], at // len(SERIES)), series_role(at), opacity=opacity)
        for at, points in enumerate(pixels)
    )


def _draw_many(place: Plane, arrays: Sequence[tuple[Floats, Floats]]) -> str:
    """Squares that show how many points they have; even a point alone has one."""
    pixels = _pixels(place, arrays)
    square = next((side for side in SQUARES if sum(map(len, _counts(pixels, side))) <= 2 * MOST), SQUARES[-1])
    counted = enumerate(_counts(pixels, square))
    return "".join(part for at, counts in counted for part in _draw_squares(counts, square, at))


def _pixels(place: Plane, arrays: Sequence[tuple[Floats, Floats]]) -> list[NDArray[np.float64]]:
    """Coordinates [points, 2] of the points that can be shown."""
    places = [np.stack([place.across(x), place.down(y)], axis=1) for x, y in arrays]
    return [found[np.isfinite(found).all(axis=1)] for found in places]


def _counts(pixels: Sequence[NDArray[np.float64]], square: int) -> list[NDArray[np.int64]]:
    """For each set, its squares: their column, row and count of points [squares, 3], in order."""
    found = [np.unique(np.floor(points / square).astype(np.int64), axis=0, return_counts=True) for points in pixels]
    return [np.column_stack(part) for part in found]


def _draw_squares(counts: NDArray[np.int64], square: int, at: int) -> Iterator[str]:
    limits = [least for least, _ in DEPTHS] + [float("inf")]
    for depth, (_, opacity) in enumerate(DEPTHS):
        inside = counts[(counts[:, 2] >= limits[depth]) & (counts[:, 2] < limits[depth + 1])].tolist()
        if inside:
            path = "".join(rectangle(a * square, b * square, square, square) for a, b, _ in inside)
            yield shape(path, series_role(at), opacity=opacity)


def _draw_diagonal(place: Plane) -> str:
    low, high = max(place.x.low, place.y.low), min(place.x.high, place.y.high)
    ends = np.geomspace(low, high, 64) if low > 0 and place.x.log != place.y.log else np.array([low, high])
    return stroke(path_of(place.across(ends), place.down(ends)), "soft", dashes="4 3", told="where both are equal")
