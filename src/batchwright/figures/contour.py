"""A surface seen from above, such as the loss over two directions, with paths on it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from batchwright.figures.colours import dash, series_role
from batchwright.figures.isolines import outlines
from batchwright.figures.keys import Key, dots, draw_keys, rows_of_keys, unnamed_note
from batchwright.figures.line_chart import Line
from batchwright.figures.motion import walker
from batchwright.figures.plane import (
    Plane,
    draw_axes,
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
from batchwright.figures.scale import Axis, Floats, Numbers, Scale, Table, floats, scale_of
from batchwright.figures.svg import SMALL, Svg, document, number, rectangle, shape, stroke, text
from batchwright.figures.text import shorten
from batchwright.figures.thinning import thin

LEGEND = 90.0
DEEPEST = 0.65
"""Opacity of all layers together. Each lies on the lower ones, so that higher is darker, or lighter on dark paper."""
LEVELS = 12
FEW = 7
"""With fewer round numbers than this, there are levels halfway between them too."""


def contour(
    heights: Table,
    x_values: Numbers,
    y_values: Numbers,
    x: Axis,
    y: Axis,
    value: Axis,
    *,
    title: str,
    paths: Sequence[Line] = (),
    seconds: float | None = None,
    width: float = 640,
    height: float = 480,
) -> Svg:
    """Levels of a surface as layers of blue, with a line around each, and paths from a ring to a dot.

    Args:
        heights: numbers [rows, columns]; where one is not finite, the surface has a hole.
        x_values: of the columns, rising.
        y_values: of the rows, rising.
        x: the axis below.
        y: the axis on the left.
        value: what the levels show; with scale="log", levels are powers of ten.
        title: of the figure.
        paths: lines on the surface.
        seconds: how long a dot walks along each path, again and again; None: nothing moves.
        width: in pixels; below 240 the figure is a thumbnail without words.
        height: in pixels.

    >>> contour([[0.0, 1.0], [1.0, 2.0]], [0, 1], [0, 1], Axis("a"), Axis("b"), Axis("loss"), title="Loss")
    <Svg: Loss>
    """
    size = size_of(width, height)
    surface, across, down = _checked(heights, x_values, y_values)
    tracks = [(floats(path.x), floats(path.y)) for path in paths]
    scales = (
        scale_of([across, *(track[0] for track in tracks)], x),
        scale_of([down, *(track[1] for track in tracks)], y),
        scale_of([surface], value),
    )
    if scales[0] is None or scales[1] is None or scales[2] is None:
        return nothing(title, size, "there is no finite value to show" if surface.size else "there is nothing to show")
    keys = [Key(path.name, series_role(at + 1), dash(at)) for at, path in enumerate(paths)]
    rows, head = rows_of_keys(keys, size)
    name = value.title or "values"
    notes = gaps_note(name, surface, value) + outside_note(name, surface, scales[2])
    notes += unnamed_note(keys)
    xy = (scales[0], scales[1])
    notes += [note for path, track in zip(paths, tracks, strict=True) for note in _track_notes(path, track, xy)]
    place = plane(xy, (x, y), size, gutter=0.0 if size.small else LEGEND, head=head, foot=bool(notes))
    levels = _levels(scales[2])
    return document(
        *size,
        title,
        _describe(value, scales[2], [range_words(x, place.x, "x"), range_words(y, place.y, "y"), *notes]),
        draw_title(title, size),
        draw_keys(rows, 40.0),
        draw_axes(place, (x, y), size, level=False),
        place.clip(
            _draw_layers(place, scales[2].share(surface).reshape(surface.shape), across, down, levels),
            *(_draw_track(place, track, key, seconds) for track, key in zip(tracks, keys, strict=True)),
        ),
        "" if size.small else _draw_legend(place, levels, value),
        draw_notes(notes, size),
    )


def _checked(heights: Table, x: Numbers, y: Numbers) -> tuple[NDArray[np.float64], Floats, Floats]:
    surface, across, down = np.asarray(heights, dtype=np.float64), floats(x), floats(y)
    if surface.size == 0:
        return np.empty((0, 0)), np.empty(0), np.empty(0)
    if surface.shape != (len(down), len(across)):
        raise ValueError(f"The heights have the shape {surface.shape}; x and y need {(len(down), len(across))}.")
    if not (np.all(np.diff(across) > 0) and np.all(np.diff(down) > 0)):
        raise ValueError("x_values and y_values have to rise.")
    return surface, across, down


def _levels(scale: Scale) -> list[tuple[float, str]]:
    """Shares of the scale at which there are levels, rising, and their labels; between round numbers there is none."""
    ticks = scale.ticks(LEVELS)
    shares = scale.share([tick.value for tick in ticks]).tolist()
    levels = [(share, tick.label) for share, tick in zip(shares, ticks, strict=True)]
    if 1 < len(ticks) < FEW:
        half = (shares[1] - shares[0]) / 2
        between = [shares[0] - half, *(share + half for share in shares)]
        levels += [(share, "") for share in between if 0 < share < 1]
    return sorted(levels)


def _opacity(levels: Sequence[tuple[float, str]]) -> float:
    """Of each layer."""
    return float(1 - (1 - DEEPEST) ** (1 / (len(levels) + 1)))


def _draw_layers(
    place: Plane, surface: NDArray[np.float64], x: Floats, y: Floats, levels: Sequence[tuple[float, str]]
) -> str:
    across, down, opacity = place.across(x), place.down(y), _opacity(levels)
    parts = [shape(outlines(surface, across, down, -1.0).area, "s0", opacity=opacity, rule="evenodd")]
    for share, label in levels:
        around = outlines(surface, across, down, share)
        told = f"above {label}" if label else ""
        parts.append(shape(around.area, "s0", opacity=opacity, rule="evenodd", told=told) if around.area else "")
        parts.append(stroke(around.line, "s0", opacity=0.6 if label else 0.25) if around.line else "")
    return "".join(parts)


def _draw_track(place: Plane, track: tuple[Floats, Floats], key: Key, seconds: float | None) -> str:
    """A path with an edge of paper around it; it begins in a ring and ends in a dot."""
    across, down = place.across(track[0]), place.down(track[1])
    seen = np.isfinite(across) & np.isfinite(down)
    across, down = across[seen], down[seen]
    if not len(across):
        return ""
    kept = thin(across, down)
    path = path_of(across[kept], down[kept])
    first, last = ((float(across[at]), float(down[at])) for at in (0, -1))
    line = stroke(path, key.role, width=2.0, dashes=key.dashes or "", told=key.name)
    ring = shape(dots([first], 4.5), key.role) + shape(dots([first], 2.2), "paper")
    dot = shape(dots([last], 4.5), key.role) if seconds is None else walker(across, down, key.role, seconds)
    return stroke(path, "paper", width=4.0, opacity=0.8) + line + ring + dot


def _track_notes(path: Line, track: tuple[Floats, Floats], scales: tuple[Scale, Scale]) -> list[str]:
    if len(track[0]) != len(track[1]):
        raise ValueError(f"The path {path.name!r} has {len(track[0])} x and {len(track[1])} y: it needs equally many.")
    name = shorten(path.name, 200) or "path"
    lost = int(np.count_nonzero(~(np.isfinite(track[0]) & np.isfinite(track[1]))))
    notes = [f"{name}: {lost:,} points are not finite and left out"] if lost else []
    return notes + outside_note(f"x of {name}", track[0], scales[0]) + outside_note(f"y of {name}", track[1], scales[1])


def _draw_legend(place: Plane, levels: Sequence[tuple[float, str]], value: Axis) -> str:
    left, top, tall = place.right + 18, place.top + 14, min(place.bottom - place.top - 14, 240.0)
    opacity = _opacity(levels)
    parts = [text(left, top - 8, shorten(value.label, LEGEND, SMALL), role="soft", size=SMALL)]
    parts.append(shape(rectangle(left, top, 12, tall), "s0", opacity=opacity))
    free = np.inf
    for share, label in levels:
        down = top + tall * (1 - share)
        parts.append(shape(rectangle(left, top, 12, down - top), "s0", opacity=opacity))
        if label and down + 13 <= free:
            free = down
            parts.append(stroke(f"M{number(left)} {number(down)}h12", "s0", opacity=0.6))
            parts.append(text(left + 17, down + 4, label, role="soft", size=SMALL))
    return "".join(parts)


def _describe(value: Axis, scale: Scale, words: list[str]) -> str:
    return f"Contour chart of {range_words(value, scale, 'heights')}. " + "".join(f"{word}. " for word in words)
