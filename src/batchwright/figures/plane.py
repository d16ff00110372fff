"""The plane of a chart with two axes: where it lies in the figure, its grid and labels, and marks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from batchwright.figures.scale import Axis, Floats, Numbers, Scale, Tick, floats, short
from batchwright.figures.svg import LARGE, SMALL, Svg, clip, document, number, rectangle, shape, stroke, text
from batchwright.figures.text import shorten, width_of

EDGE = 16.0
"""Pixels between what is drawn and the edge of the figure."""
SMALLEST = 240.0
"""A figure that is narrower is a thumbnail: it has no words, as they would not be readable."""
LOWEST = 180.0
"""Pixels of height that a figure with words needs."""
ROW = 15.0
"""Pixels between lines of text."""


class Size(NamedTuple):
    """Width and height of a figure in pixels; text has the same size in all figures."""

    width: float
    height: float

    @property
    def small(self) -> bool:
        return self.width < SMALLEST


def size_of(width: float, height: float) -> Size:
    """A size in which a figure has room for its words: at least 180 pixels high, or 16 for a thumbnail."""
    least = 16.0 if width < SMALLEST else LOWEST
    return Size(max(float(width), 16.0), max(float(height), least))


@dataclass(frozen=True)
class Mark:
    """A remarkable place on an axis: a line across the plane, or a band.

    Args:
        at: the place.
        text: what to say about it.
        until: the other end of a band; None: a line.
        axis: "x" for an upright line, "y" for a level one.
    """

    at: float
    text: str = ""
    until: float | None = None
    axis: Literal["x", "y"] = "x"


@dataclass(frozen=True)
class Plane:
    """A rectangle in the figure, and the scales of its two axes."""

    left: float
    top: float
    right: float
    bottom: float
    x: Scale
    y: Scale

    def across(self, values: Numbers | float) -> Floats:
        """The x coordinates in pixels; NaN for what cannot be shown."""
        return self.left + self.x.share(values) * (self.right - self.left)

    def down(self, values: Numbers | float) -> Floats:
        """The y coordinates in pixels; NaN for what cannot be shown."""
        return self.bottom - self.y.share(values) * (self.bottom - self.top)

    def clip(self, *parts: str) -> str:
        """Parts cut at the plane, with room for the width of lines."""
        return clip(self.left - 4, self.top - 4, self.right - self.left + 8, self.bottom - self.top + 8, "".join(parts))


def plane(
    scales: tuple[Scale, Scale],
    axes: tuple[Axis, Axis],
    size: Size,
    *,
    gutter: float = 0.0,
    head: float = 0.0,
    foot: bool = False,
) -> Plane:
    """The plane that leaves room for the title, the labels, and more.

    Args:
        scales: of x and y.
        axes: of x and y.
        size: of the figure.
        gutter: pixels to keep free on the right.
        head: pixels to keep free above.
        foot: keep a line free for notes below.
    """
    x, y = scales
    if size.small:
        return Plane(3.0, 3.0, size.width - 3.0, size.height - 3.0, x, y)
    top = 34.0 + (ROW + 5 if axes[1].label else 0.0) + head
    bottom = size.height - 28.0 - (ROW + 2 if axes[0].label else 0.0) - (ROW if foot else 0.0)
    labels = [width_of(tick.label, SMALL) for tick in y.ticks(_most(bottom - top))]
    left = EDGE + max(labels, default=0.0) + 6
    return Plane(left, top, max(size.width - EDGE - gutter, left + 20), max(bottom, top + 20), x, y)


def draw_axes(place: Plane, axes: tuple[Axis, Axis], size: Size, *, level: bool = True) -> str:
    """Grid, labels of ticks and titles of both axes; `level`: with lines across at the ticks of y."""
    if size.small:
        return stroke(f"M{number(place.left)} {number(place.bottom)}H{number(place.right)}", "soft")
    ticks = place.y.ticks(_most(place.bottom - place.top))
    parts = [*_level_ticks(place, ticks, level=level), *_upright_ticks(place, size.width - 3)]
    parts.append(stroke(f"M{number(place.left)} {number(place.bottom)}H{number(place.right)}", "soft"))
    above = shorten(axes[1].label, size.width - 2 * EDGE)
    if above:
        parts.append(text(EDGE, place.top - 12, above, role="soft"))
    below = shorten(axes[0].label, place.right - EDGE)
    if below:
        parts.append(text(place.right, place.bottom + 18 + ROW + 2, below, role="soft", anchor="end"))
    return "".join(parts)


def draw_title(title: str, size: Size) -> str:
    """The title, cut to the width of the figure."""
    words = shorten(title, size.width - 2 * EDGE, LARGE * 1.15)  # bold letters are wider
    return "" if size.small else text(EDGE, 22.0, words, size=LARGE, bold=True)


def draw_notes(notes: Sequence[str], size: Size) -> str:
    """What a reader has to know, in small letters at the lower left."""
    if size.small or not notes:
        return ""
    return text(EDGE, size.height - 6, shorten("; ".join(notes), size.width - 2 * EDGE, SMALL), role="soft", size=SMALL)


def draw_bands(place: Plane, marks: Sequence[Mark]) -> str:
    """The bands among the marks, to be drawn below the data."""
    return "".join(shape(_band(place, mark), "soft", opacity=0.14) for mark in marks if mark.until is not None)


def draw_marks(place: Plane, marks: Sequence[Mark], size: Size) -> str:
    """The lines among the marks, and the words of all marks, which avoid each other as far as there is room."""
    lines = [(_line(place, mark), mark.text) for mark in marks if mark.until is None]
    drawn = "".join(stroke(path, "soft", dashes="4 3", told=words) for path, words in lines if path)
    return drawn if size.small else drawn + "".join(_words(place, marks))


def nothing(title: str, size: Size, why: str = "there is nothing to show") -> Svg:
    """A figure that says why it is empty."""
    parts = "" if size.small else text(size.width / 2, size.height / 2, why, role="soft", anchor="middle")
    return document(*size, title, f"Empty: {why}.", draw_title(title, size), parts)


def path_of(x: Floats, y: Floats) -> str:
    """A line through points in pixels; NaN breaks it, and a point alone between gaps is a dot."""
    parts: list[str] = []
    for begin, end in runs(np.isfinite(x) & np.isfinite(y)):
        points = [f"{number(across)} {number(down)}" for across, down in zip(x[begin:end], y[begin:end], strict=True)]
        parts.append(f"M{points[0]}h0" if len(points) == 1 else f"M{points[0]}L{' '.join(points[1:])}")
    return "".join(parts)


def runs(good: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Begin and end of each stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def gaps_note(name: str, values: Numbers, axis: Axis) -> list[str]:
    """A sentence about the values that this axis cannot show."""
    given = floats(values)
    notes = []
    if lost := int(np.count_nonzero(~np.isfinite(given))):
        notes.append(f"{name}: {lost:,} {_values(lost)} not finite and left out")
    if axis.scale == "log" and (lost := int(np.count_nonzero(np.isfinite(given) & (given <= 0)))):
        notes.append(f"{name}: {lost:,} {_values(lost)} not above 0 and left out of a log axis")
    return notes


def outside_note(name: str, values: Numbers, scale: Scale) -> list[str]:
    """A sentence about the values beyond the ends of an axis."""
    share = scale.share(values)
    lost = int(np.count_nonzero((share < -1e-9) | (share > 1 + 1e-9)))
    return [f"{name}: {lost:,} {_values(lost)} outside {short(scale.low)} to {short(scale.high)}"] if lost else []


def range_words(axis: Axis, scale: Scale, otherwise: str) -> str:
    """An axis in words, for the description."""
    kind = ", log scale" if scale.log else ""
    return f"{axis.label or otherwise}: {short(scale.low)} to {short(scale.high)}{kind}"


def _values(count: int) -> str:
    return "value is" if count == 1 else "values are"


def _most(pixels: float) -> int:
    return int(np.clip(pixels / 36, 4, 9))


def _level_ticks(place: Plane, ticks: Sequence[Tick], *, level: bool) -> Iterator[str]:
    for tick, down in zip(ticks, place.down([tick.value for tick in ticks]).tolist(), strict=True):
        if level:
            yield stroke(f"M{number(place.left)} {number(down)}H{number(place.right)}", "grid")
        yield text(place.left - 6, down + 4, tick.label, role="soft", size=SMALL, anchor="end")


def _upright_ticks(place: Plane, right: float) -> Iterator[str]:
    """Ticks below the plane; every second or third only where their labels would touch; none beyond `right`."""
    ticks = place.x.ticks(int(np.clip((place.right - place.left) / 50, 4, 9)))
    across = place.across([tick.value for tick in ticks])
    widest = max((width_of(tick.label, SMALL) for tick in ticks), default=0.0) + 10
    gap = float(np.diff(across).min()) if len(ticks) > 1 else widest
    every = max(1, int(np.ceil(widest / max(gap, 1e-6))))
    for tick, at in list(zip(ticks, across.tolist(), strict=True))[::every]:
        yield stroke(f"M{number(at)} {number(place.bottom)}v4", "soft")
        inside = min(at, right - width_of(tick.label, SMALL) / 2)
        yield text(inside, place.bottom + 17, tick.label, role="soft", size=SMALL, anchor="middle")


def _band(place: Plane, mark: Mark) -> str:
    ends = (mark.at, mark.at if mark.until is None else mark.until)
    found = place.across(ends) if mark.axis == "x" else place.down(ends)
    if not np.isfinite(found).all():
        return ""
    low, high = sorted(found.tolist())
    if mark.axis == "x":
        low, high = max(low, place.left), min(high, place.right)
        return rectangle(low, place.top, max(high - low, 0.0), place.bottom - place.top)
    low, high = max(low, place.top), min(high, place.bottom)
    return rectangle(place.left, low, place.right - place.left, max(high - low, 0.0))


def _line(place: Plane, mark: Mark) -> str:
    """The path of a mark; empty if it lies outside the plane."""
    share = (place.x if mark.axis == "x" else place.y).share(mark.at)[0]
    if not -1e-9 <= share <= 1 + 1e-9:
        return ""
    if mark.axis == "x":
        at = number(place.across(mark.at)[0])
        return f"M{at} {number(place.top)}V{number(place.bottom)}"
    at = number(place.down(mark.at)[0])
    return f"M{number(place.left)} {at}H{number(place.right)}"


def _words(place: Plane, marks: Sequence[Mark]) -> Iterator[str]:
    """Words beside upright marks in up to three rows at the top, and above level ones at the left."""
    ends = [-np.inf] * 3
    for mark in sorted(marks, key=lambda mark: mark.at):
        words = shorten(mark.text, 0.5 * (place.right - place.left), SMALL)
        share = (place.x if mark.axis == "x" else place.y).share(mark.at)[0]
        if not words or not 0 <= share <= 1:
            continue
        if mark.axis == "y":
            yield text(place.left + 5, place.down(mark.at)[0] - 4, words, role="soft", size=SMALL, halo=True)
            continue
        at, wide = float(place.across(mark.at)[0]), width_of(words, SMALL)
        anchor, begin = (None, at + 4) if at + 4 + wide <= place.right else ("end", at - 4 - wide)
        row = next((row for row, end in enumerate(ends) if begin > end + 6), None)
        if row is not None:
            ends[row] = begin + wide
            across = at + 4 if anchor is None else at - 4
            yield text(across, place.top + 11 + row * ROW, words, role="soft", size=SMALL, anchor=anchor, halo=True)
