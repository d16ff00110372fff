"""Which line or colour is which: names at the ends of lines, or a row of keys above the plane."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from batchwright.figures.colours import Role
from batchwright.figures.plane import EDGE, ROW, Size
from batchwright.figures.svg import number, shape, stroke, text
from batchwright.figures.text import shorten, width_of

SAMPLE = 20.0
"""Pixels of a piece of line before its name."""
WIDEST = 150.0
PALE = 0.35
"""Opacity of a pale line."""
FORMS: tuple[tuple[tuple[float, float], ...], ...] = (
    (),
    ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
    ((0, -1.2), (1.2, 0.9), (-1.2, 0.9)),
)
"""Corners of spots as multiples of their radius; none: round."""
MOST = 24
"""Names; further ones are counted."""


class Key(NamedTuple):
    """A name, and how what it names is drawn.

    A line has this dash, and may be pale. If `dashes` is None, it is a set of points of this form, as in `spots`.
    """

    name: str
    role: Role
    dashes: str | None = ""
    pale: bool = False
    form: int = 0


def gutter(keys: Sequence[Key], size: Size) -> float:
    """Pixels that names at the ends of lines need."""
    if size.small or not keys:
        return 0.0
    widest = max(width_of(shorten(key.name, WIDEST), 12.0) for key in keys[:MOST])
    return min(SAMPLE + 16 + widest, 0.4 * size.width)


def end_names(keys: Sequence[Key], ends: Sequence[float], left: float, top: float, bottom: float, wide: float) -> str:
    """Names to the right of the ends of lines, moved apart where they would touch.

    Args:
        keys: of the lines.
        ends: the height of each line's last point, in pixels.
        left: where the names begin.
        top: the highest place for a name.
        bottom: the lowest.
        wide: pixels from `left` to the edge.
    """
    room = max(1, int((bottom - top) // ROW) + 1)
    first = sorted(range(len(keys)), key=lambda place: (keys[place].pale, place))
    hidden = len(keys) - (room - 1) if len(keys) > room else 0
    shown = sorted(first[: len(keys) - hidden], key=lambda place: (ends[place], place))
    lowest = bottom - ROW if hidden else bottom
    parts = []
    for place, at in zip(shown, _apart([ends[place] for place in shown], top, lowest), strict=True):
        key = keys[place]
        parts.append(_sample(key, left, at))
        parts.append(text(left + SAMPLE + 5, at + 4, shorten(key.name, wide - SAMPLE - 5)))
    if hidden:
        parts.append(text(left, bottom + 4, f"and {hidden:,} more", role="soft"))
    return "".join(parts)


def rows_of_keys(keys: Sequence[Key], size: Size) -> tuple[list[list[tuple[float, Key]]], float]:
    """Keys in rows from left to right, each with its x, and the height of all rows in pixels."""
    rows: list[list[tuple[float, Key]]] = []
    at = size.width
    for key in () if size.small else keys[:MOST]:
        name = shorten(key.name, WIDEST)
        wide = _sample_width(key) + 5 + width_of(name, 12.0) + 14
        if at + wide > size.width - EDGE:
            rows.append([])
            at = EDGE
        rows[-1].append((at, key._replace(name=name)))
        at += wide
    return rows, len(rows) * (ROW + 3)


def unnamed_note(keys: Sequence[Key]) -> list[str]:
    """A sentence about the names for which `rows_of_keys` has no room."""
    return [f"{len(keys) - MOST:,} more names not shown"] if len(keys) > MOST else []


def draw_keys(rows: Sequence[Sequence[tuple[float, Key]]], top: float) -> str:
    """The rows; the middle of the first is at `top`."""
    parts = []
    for row, keys in enumerate(rows):
        down = top + row * (ROW + 3)
        parts += [_sample(key, at, down) + text(at + _sample_width(key) + 5, down + 4, key.name) for at, key in keys]
    return "".join(parts)


def dots(points: Sequence[tuple[float, float]], radius: float = 3.0) -> str:
    """The path of round dots, all of one size."""
    r = number(radius)
    d = number(2 * radius)
    return "".join(f"M{number(x - radius)} {number(y)}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0" for x, y in points)


def _sample(key: Key, left: float, down: float) -> str:
    if key.dashes is None:
        return shape(spots([(left + 4, down)], key.form, 4.0), key.role)
    path = f"M{number(left)} {number(down)}h{number(SAMPLE)}"
    return stroke(path, key.role, width=2.0, dashes=key.dashes, opacity=PALE if key.pale else None)


def spots(points: Sequence[tuple[float, float]], form: int, radius: float = 3.0) -> str:
    """The path of spots: dots, squares, diamonds or triangles, again from the start after four forms."""
    corners = FORMS[form % len(FORMS)]
    if not corners:
        return dots(points, radius)
    words = [
        " ".join(f"{number(x + radius * across)} {number(y + radius * down)}" for across, down in corners)
        for x, y in points
    ]
    return "".join(f"M{word}z" for word in words)


def _sample_width(key: Key) -> float:
    return 9.0 if key.dashes is None else SAMPLE


def _apart(ends: Sequence[float], top: float, bottom: float) -> list[float]:
    """Rising places near these rising ones, at least a line of text apart, within the bounds."""
    places = np.clip(np.array(ends, dtype=np.float64), top, bottom)
    for place in range(1, len(places)):
        places[place] = max(places[place], places[place - 1] + ROW)
    if len(places) and places[-1] > bottom:
        places[-1] = bottom
        for place in range(len(places) - 2, -1, -1):
            places[place] = min(places[place], places[place + 1] - ROW)
    return [float(place) for place in places]
