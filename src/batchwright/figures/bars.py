"""Level bars, each with its name, such as the importance of columns with intervals; and ranges without a bar."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from batchwright.figures.keys import dots
from batchwright.figures.plane import (
    EDGE,
    SMALLEST,
    Plane,
    Size,
    draw_notes,
    draw_title,
    nothing,
    outside_note,
    size_of,
)
from batchwright.figures.scale import Axis, Floats, Numbers, Scale, floats, scale_of, short
from batchwright.figures.svg import SMALL, Svg, document, number, rectangle, shape, stroke, text
from batchwright.figures.text import shorten, width_of

THICK, APART = 14.0, 8.0
MOST = 40
"""Bars that are drawn; further ones are counted in a note."""


@dataclass(frozen=True)
class Bar:
    """A bar from zero to a value.

    Args:
        name: stands on its left.
        value: its length.
        low: where its interval begins; None: no interval.
        high: where its interval ends.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None


def bars(bars: Sequence[Bar], value: Axis, *, title: str, width: float = 640, height: float | None = None) -> Svg:
    """Bars from the top down in the order given, with their values, and lines for their intervals.

    Args:
        bars: the first 40 are drawn; a note counts the others.
        value: the axis of the values; linear, as a bar has to begin at zero.
        title: of the figure.
        width: in pixels; below 240 the figure is a thumbnail without words.
        height: in pixels; None: as the number of bars needs.

    >>> bars([Bar("age", 0.3, 0.2, 0.4), Bar("city", 0.1)], Axis("loss without it"), title="Importance")
    <Svg: Importance>
    """
    if value.scale == "log":
        raise ValueError("Bars begin at zero, which a log axis has not: use Axis(scale='linear').")
    size = _size(width, height, min(len(bars), MOST) + (len(bars) > MOST))
    shown = bars[:MOST]
    numbers = [[bar.value, bar.low, bar.high] for bar in shown]
    finite = np.array(numbers, dtype=np.float64).reshape(-1)
    if not np.isfinite(finite).any():
        return nothing(title, size, "there is no finite value to show" if bars else "there is nothing to show")
    scale = scale_of([[0.0], finite], value)
    assert scale is not None  # zero is finite
    notes = _notes(bars) + outside_note(value.title or "values", finite, scale)
    place = _place(shown, scale, value, size, foot=bool(notes))
    told = "; ".join(f"{shorten(bar.name, 300)}: {_amount(bar)}" for bar in shown)
    return document(
        *size,
        title,
        " ".join([f"Bar chart of {value.label or 'values'}. {told}.", *(f"{note}." for note in notes)]),
        draw_title(title, size),
        _draw_grid(place, value, size),
        *(part for row, bar in enumerate(shown) for part in _draw_bar(place, bar, row, len(shown), size)),
        draw_notes(notes, size),
    )


def spans(ranges: Sequence[Bar], value: Axis, *, title: str, width: float = 640, height: float | None = None) -> Svg:
    """Ranges from the top down in the order given, each a line from `low` to `high` with a spot at its value.

    Args:
        ranges: the first 40 are drawn; a note counts the others.
        value: the axis of the values; linear or log.
        title: of the figure.
        width: in pixels; below 240 the figure is a thumbnail without words.
        height: in pixels; None: as the number of ranges needs.

    >>> spans([Bar("sgd", 0.1, 0.01, 0.5)], Axis("learning rate", scale="log"), title="Learning rates")
    <Svg: Learning rates>
    """
    size = _size(width, height, min(len(ranges), MOST) + (len(ranges) > MOST))
    shown = ranges[:MOST]
    scale = scale_of([floats([one.value, one.low, one.high]) for one in shown], value, pad=0.04)
    if scale is None:
        return nothing(title, size)
    notes = _notes(ranges)
    place = _place(shown, scale, value, size, foot=bool(notes))
    told = "; ".join(f"{shorten(one.name, 300)}: {_amount(one)}" for one in shown)
    return document(
        *size,
        title,
        " ".join([f"Ranges of {value.label or 'values'}. {told}.", *(f"{note}." for note in notes)]),
        draw_title(title, size),
        _draw_grid(place, value, size),
        *(part for row, one in enumerate(shown) for part in _draw_span(place, one, row, len(shown), size)),
        draw_notes(notes, size),
    )


def _draw_span(place: Plane, one: Bar, row: int, rows: int, size: Size) -> Iterator[str]:
    """The line, its ends, the spot, and the name and the value on either side."""
    step = (place.bottom - place.top) / rows
    middle, told = place.top + (row + 0.5) * step, f"{shorten(one.name, 300)}: {_amount(one)}"
    spot, low, high = _along(place, floats([one.value, one.low, one.high])).tolist()
    if np.isfinite([low, high]).all():
        ends = f"{number(middle - 4)}v8"
        path = f"M{number(low)} {number(middle)}H{number(high)}M{number(low)} {ends}M{number(high)} {ends}"
        yield stroke(path, "s0", width=2.0, told=told)
    if np.isfinite(spot):
        yield shape(dots([(spot, middle)], 4.0), "s0", told=told)
    if not size.small:
        yield text(place.left - 8, middle + 4, shorten(one.name, 0.32 * size.width), anchor="end")
        yield text(place.right + 8, middle + 4, short(one.value), role="soft", size=SMALL)


def _size(width: float, height: float | None, rows: int) -> Size:
    if height is not None or width < SMALLEST:
        return size_of(width, height or 48.0)
    return Size(width, 84 + rows * (THICK + APART))


def _amount(bar: Bar) -> str:
    interval = f" ({short(bar.low)} to {short(bar.high)})" if bar.low is not None and bar.high is not None else ""
    return short(bar.value) + interval


def _notes(bars: Sequence[Bar]) -> list[str]:
    lost = sum(not np.isfinite(bar.value) for bar in bars[:MOST])
    notes = [f"{lost:,} {'value is' if lost == 1 else 'values are'} not finite and left out"] if lost else []
    return notes + ([f"{len(bars) - MOST:,} more not shown"] if len(bars) > MOST else [])


def _place(bars: Sequence[Bar], scale: Scale, value: Axis, size: Size, *, foot: bool) -> Plane:
    """The rectangle of the bars: between names on the left and values on the right."""
    rows = Scale(0.0, 1.0)
    if size.small:
        return Plane(3.0, 3.0, size.width - 3.0, size.height - 3.0, scale, rows)
    names = max(width_of(shorten(bar.name, 0.32 * size.width), 12.0) for bar in bars)
    amounts = max(width_of(short(bar.value), SMALL) for bar in bars)
    left, right = EDGE + names + 8, size.width - EDGE - amounts - 8
    return Plane(left, 36.0, right, size.height - 26.0 - (18 if value.label else 0) - (15 if foot else 0), scale, rows)


def _along(place: Plane, values: Numbers) -> Floats:
    """The x coordinates of values; those beyond the axis are cut at its ends."""
    return np.clip(place.across(values), place.left, place.right)


def _draw_grid(place: Plane, value: Axis, size: Size) -> str:
    zero = number(place.left if place.x.log else _along(place, [0.0])[0])  # a log axis has no zero
    if size.small:
        return stroke(f"M{zero} {number(place.top)}V{number(place.bottom)}", "soft")
    parts = []
    ticks = place.x.ticks(int(np.clip((place.right - place.left) / 65, 4, 9)))
    free = -np.inf
    for tick, at in zip(ticks, place.across([tick.value for tick in ticks]).tolist(), strict=True):
        parts.append(stroke(f"M{number(at)} {number(place.top)}V{number(place.bottom)}", "grid"))
        if at - width_of(tick.label, SMALL) / 2 > free:
            parts.append(text(at, place.bottom + 16, tick.label, role="soft", size=SMALL, anchor="middle"))
            free = at + width_of(tick.label, SMALL) / 2 + 6
    parts.append(stroke(f"M{zero} {number(place.top)}V{number(place.bottom)}", "soft"))
    label = shorten(value.label, place.right - EDGE)
    parts.append(text(place.right, place.bottom + 33, label, role="soft", anchor="end") if label else "")
    return "".join(parts)


def _draw_bar(place: Plane, bar: Bar, row: int, rows: int, size: Size) -> Iterator[str]:
    """The bar, its interval, and, beyond both, its value."""
    step = (place.bottom - place.top) / rows
    middle, thick = place.top + (row + 0.5) * step, min(THICK, 0.7 * step)
    told = f"{shorten(bar.name, 300)}: {_amount(bar)}"
    zero, end = (float(at) for at in _along(place, [0.0, bar.value]))
    if np.isfinite(end):
        path = rectangle(min(zero, end), middle - thick / 2, abs(end - zero), thick)
        yield shape(path, "s0" if bar.value >= 0 else "s1", opacity=0.85, told=told)
    beyond = max(zero, end) if np.isfinite(end) else zero
    interval = _along(place, [bar.low, bar.high])
    if np.isfinite(interval).all():
        low, high = (number(at) for at in interval)
        ends = f"{number(middle - thick / 4)}v{number(thick / 2)}"
        yield stroke(f"M{low} {number(middle)}H{high}", "ink", width=1.5, told=told)
        yield stroke(f"M{low} {ends}M{high} {ends}", "ink", width=1.5)
        beyond = max(beyond, float(interval.max()))
    if not size.small:
        yield text(place.left - 8, middle + 4, shorten(bar.name, 0.32 * size.width), anchor="end")
        yield text(beyond + 6, middle + 4, short(bar.value), role="soft", size=SMALL, halo=True)
