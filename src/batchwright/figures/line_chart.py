"""Lines over a common axis, such as losses over epochs, with bands around them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from batchwright.figures.colours import dash, series_role
from batchwright.figures.keys import PALE, Key, dots, end_names, gutter
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
    runs,
    size_of,
)
from batchwright.figures.scale import Axis, Floats, Numbers, Scale, floats, scale_of, short
from batchwright.figures.svg import Svg, document, shape, stroke
from batchwright.figures.text import shorten
from batchwright.figures.thinning import thin


@dataclass(frozen=True, eq=False)
class Line:
    """A line through points in the order given.

    Args:
        name: stands at its end.
        x: numbers; where one is not finite, the line has a gap.
        y: as many numbers.
        low: the lower ends of a band around the line, such as the least over seeds; None: no band.
        high: the upper ends.
        points: also draw a dot at each point.
        pale: draw it faintly, for lines that are only background.
    """

    name: str
    x: Numbers
    y: Numbers
    low: Numbers | None = None
    high: Numbers | None = None
    points: bool = False
    pale: bool = False


def line_chart(
    lines: Sequence[Line],
    x: Axis,
    y: Axis,
    *,
    title: str,
    marks: Sequence[Mark] = (),
    width: float = 640,
    height: float = 380,
) -> Svg:
    """Lines, each with its name at its end. A long line is thinned so that its shape and all spikes stay.

    Args:
        lines: any number; colours repeat from the seventh on, with other dashes.
        x: the axis below.
        y: the axis on the left.
        title: of the figure.
        marks: remarkable places.
        width: in pixels; below 240 the figure is a thumbnail without words.
        height: in pixels.

    >>> epochs = [1, 2, 3, 4]
    >>> line_chart(
    ...     [Line("loss", epochs, [0.9, 0.5, 0.4, 0.3]), Line("val_loss", epochs, [0.9, 0.6, 0.5, 0.6])],
    ...     Axis("epoch"), Axis("loss"), title="Loss by epoch", marks=[Mark(3, "best")],
    ... )
    <Svg: Loss by epoch>
    """
    size = size_of(width, height)
    arrays = [_checked(line) for line in lines]
    scales = (
        scale_of([line[0] for line in arrays], x, pad=0.02 if any(line.points for line in lines) else 0.0),
        scale_of([part for line in arrays for part in line[1:]], y, pad=0.05, zero=True),
    )
    if scales[0] is None or scales[1] is None:
        return nothing(title, size, "there is no finite value to show" if lines else "there is nothing to show")
    keys = [Key(line.name, series_role(place), dash(place), line.pale) for place, line in enumerate(lines)]
    wide = gutter(keys, size)
    xy = (scales[0], scales[1])
    notes = [note for line, data in zip(lines, arrays, strict=True) for note in _notes(line, data, xy, (x, y))]
    place = plane(xy, (x, y), size, gutter=wide, foot=bool(notes))
    drawn = [_draw_band(place, data, key) for data, key in zip(arrays, keys, strict=True)]
    drawn += [_draw_line(place, line, data, key) for line, data, key in zip(lines, arrays, keys, strict=True)]
    names = "" if size.small else _draw_names(place, arrays, keys, wide)
    return document(
        *size,
        title,
        _describe(lines, arrays, place, (x, y), marks, notes),
        draw_title(title, size),
        draw_bands(place, marks),
        draw_axes(place, (x, y), size),
        place.clip(*drawn),
        draw_marks(place, marks, size),
        names,
        draw_notes(notes, size),
    )


def _checked(line: Line) -> tuple[Floats, ...]:
    """The arrays of a line: x, y and, if it has a band, low and high."""
    arrays = [floats(part) for part in (line.x, line.y, line.low, line.high) if part is not None]
    if len({len(part) for part in arrays}) != 1 or len(arrays) == 3:
        lengths = ", ".join(str(len(part)) for part in arrays)
        raise ValueError(
            f"The line {line.name!r} needs equally many x and y, and both low and high or neither: {lengths}."
        )
    return tuple(arrays)


def _draw_line(place: Plane, line: Line, data: tuple[Floats, ...], key: Key) -> str:
    across, down = place.across(data[0]), place.down(data[1])
    kept = [begin + thin(across[begin:end], down[begin:end]) for begin, end in _seen(across, down)]
    broken = np.concatenate([np.append(part, -1) for part in kept]) if kept else np.empty(0, dtype=np.intp)
    shown = [np.where(broken < 0, np.nan, values[broken]) for values in (across, down)]
    opacity = PALE if line.pale else None
    drawn = stroke(path_of(*shown), key.role, width=2.0, dashes=key.dashes or "", opacity=opacity, told=line.name)
    if line.points:
        places = [(float(a), float(b)) for a, b in zip(*shown, strict=True) if np.isfinite(a) and np.isfinite(b)]
        drawn += shape(dots(places), key.role, opacity=opacity)
    return drawn


def _seen(across: Floats, down: Floats) -> list[tuple[int, int]]:
    return list(runs(np.isfinite(across) & np.isfinite(down)))


def _draw_band(place: Plane, data: tuple[Floats, ...], key: Key) -> str:
    if len(data) < 4:
        return ""
    across, low, high = place.across(data[0]), place.down(data[2]), place.down(data[3])
    parts = []
    for begin, end in runs(np.isfinite(across) & np.isfinite(low) & np.isfinite(high)):
        below, above = (begin + thin(across[begin:end], edge[begin:end], 1_000) for edge in (low, high))
        ring = [np.append(across[above], across[below[::-1]]), np.append(high[above], low[below[::-1]])]
        parts.append(path_of(*ring) + "z")
    return shape("".join(parts), key.role, opacity=0.18)


def _draw_names(place: Plane, arrays: Sequence[tuple[Floats, ...]], keys: Sequence[Key], wide: float) -> str:
    ends = []
    for data in arrays:
        down = place.down(data[1])[np.isfinite(place.across(data[0]))]
        seen = down[np.isfinite(down)]
        ends.append(float(np.clip(seen[-1], place.top, place.bottom)) if len(seen) else place.bottom)
    return end_names(keys, ends, place.right + 8, place.top, place.bottom, wide - 8)


def _notes(line: Line, data: tuple[Floats, ...], scales: tuple[Scale, Scale], axes: tuple[Axis, Axis]) -> list[str]:
    name = shorten(line.name, 200) or "line"
    notes = gaps_note(name, data[1], axes[1])
    across = f"{shorten(axes[0].title, 200) or 'x'} of {name}"
    notes += gaps_note(across, data[0], axes[0])
    return notes + outside_note(name, data[1], scales[1]) + outside_note(across, data[0], scales[0])


def _describe(
    lines: Sequence[Line],
    arrays: Sequence[tuple[Floats, ...]],
    place: Plane,
    axes: tuple[Axis, Axis],
    marks: Sequence[Mark],
    notes: Sequence[str],
) -> str:
    """The figure in words: what the axes show, and the ends and extremes of the first lines."""
    words = [f"Line chart. {range_words(axes[0], place.x, 'x')}; {range_words(axes[1], place.y, 'y')}."]
    for line, data in list(zip(lines, arrays, strict=True))[:12]:
        seen = np.isfinite(place.across(data[0])) & np.isfinite(place.down(data[1]))
        words.append(f"{shorten(line.name, 300) or 'line'}: {_course(data[0][seen], data[1][seen])}.")
    if len(lines) > 12:
        words.append(f"{len(lines) - 12:,} more lines.")
    words += [f"Mark at {short(mark.at)}: {shorten(mark.text, 300)}." for mark in marks[:12] if mark.text]
    return " ".join([*words, *(f"{note}." for note in notes)])


def _course(x: Floats, y: Floats) -> str:
    if not len(y):
        return "no value that can be shown"
    least, most = int(np.argmin(y)), int(np.argmax(y))
    return (
        f"{len(y):,} {'point' if len(y) == 1 else 'points'}, from {short(y[0])} to {short(y[-1])}, "
        f"lowest {short(y[least])} at {short(x[least])}, highest {short(y[most])} at {short(x[most])}"
    )
