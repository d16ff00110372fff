"""How often numbers fall into bins of equal width."""

import math
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

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
    plane,
    range_words,
    size_of,
)
from batchwright.figures.scale import FLAT, Axis, Floats, Numbers, Scale, floats, scale_of, short
from batchwright.figures.svg import Svg, document, rectangle, shape

LEAST, MOST = 5, 60
"""Bins, unless the numbers are few whole ones."""
LARGEST_COUNTED = 2.0**50
"""Up to here, halves between whole numbers are floats."""


def histogram(
    values: Numbers,
    x: Axis,
    *,
    title: str,
    marks: Sequence[Mark] = (),
    width: float = 640,
    height: float = 320,
) -> Svg:
    """Counts of numbers in bins of a round width, by the rule of Freedman and Diaconis (1981).

    Whole numbers in a narrow range have a bin each. On a log axis, bins are equal in their logarithms.

    Args:
        values: numbers.
        x: their axis. If it has bounds, numbers outside are left out and a note counts them.
        title: of the figure.
        marks: remarkable places.
        width: in pixels; below 240 the figure is a thumbnail without words.
        height: in pixels.

    >>> histogram([1, 2, 2, 3], Axis("visits"), title="Visits")
    <Svg: Visits>
    """
    size, y = size_of(width, height), Axis("count")
    given = floats(values)
    scale = scale_of([given], x)
    if scale is None:
        return nothing(title, size, "there is no finite value to show" if len(given) else "there is nothing to show")
    seen = given[(given >= scale.low) & (given <= scale.high)]
    notes = gaps_note(x.title or "values", given, x)
    if lost := int(np.count_nonzero(np.isfinite(given) & ((given > 0) | (not scale.log)))) - len(seen):
        notes.append(f"{lost:,} outside {short(scale.low)} to {short(scale.high)}")
    edges = bin_edges(seen, scale)
    counts = np.histogram(seen, edges)[0]
    reach = Scale(float(edges[0]), float(edges[-1]), scale.log, scale.whole)
    upwards = scale_of([[0.0], counts], y, pad=0.05) or Scale(0.0, 1.0)
    place = plane((reach, Scale(0.0, upwards.high, whole=True)), (x, y), size, foot=bool(notes))
    return document(
        *size,
        title,
        _describe(seen, edges, counts, range_words(x, reach, "values"), notes),
        draw_title(title, size),
        draw_bands(place, marks),
        draw_axes(place, (x, y), size),
        _draw_bins(place, edges, counts.astype(np.float64)),
        draw_marks(place, marks, size),
        draw_notes(notes, size),
    )


def bin_edges(values: Floats, scale: Scale) -> Floats:
    """Edges of bins that hold all values.

    Args:
        values: finite, within the scale.
        scale: whose logarithm is used if it is a log scale.

    >>> bin_edges(np.array([1.0, 2.0, 4.0]), Scale(1.0, 4.0, whole=True)).tolist()
    [0.5, 1.5, 2.5, 3.5, 4.5]
    """
    if not len(values):
        return np.array([scale.low, scale.high])
    if scale.log:
        count = _count(np.log10(values))
        edges = np.logspace(np.log10(scale.low), np.log10(scale.high), count + 1)
        edges[0], edges[-1] = min(edges[0], values.min()), max(edges[-1], values.max())
        return np.asarray(edges, dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    largest = max(abs(low), abs(high))
    if scale.whole and high - low < MOST and largest < LARGEST_COUNTED:
        return np.arange(low - 0.5, high + 1)
    if high - low <= FLAT * largest:
        return np.linspace(scale.low, scale.high, LEAST + 1)
    step = _round_step((high / 2 - low / 2) / _count(values) * 2, whole=scale.whole)
    first, last = math.floor(Decimal(repr(low)) / step), math.floor(Decimal(repr(high)) / step)
    return np.unique([float(place * step) for place in range(first, last + 2)])


def _count(values: Floats) -> int:
    """Bins of the width 2 (interquartile range) / n^⅓, within bounds."""
    scaled = values / (np.abs(values).max() or 1.0)  # squares and differences stay finite
    lower, upper = np.percentile(scaled, [25, 75])
    wide = 2 * (upper - lower) / len(values) ** (1 / 3)
    span = float(scaled.max() - scaled.min())
    return int(np.clip(np.ceil(span / wide), LEAST, MOST)) if wide > 0 and span < MOST * wide else MOST // 2


def _round_step(least: float, *, whole: bool) -> Decimal:
    """The next larger of 1, 2 and 5 times a power of ten."""
    power = Decimal(repr(least)).adjusted()
    step = next(
        Decimal(digit).scaleb(power + more)
        for more in (0, 1)
        for digit in (1, 2, 5)
        if float(Decimal(digit).scaleb(power + more)) >= least
    )
    return max(step, Decimal(1)) if whole else step


def _draw_bins(place: Plane, edges: Floats, counts: Floats) -> str:
    """A bar for each bin with numbers; a pixel high at least, so that a single number among many shows."""
    across, down = place.across(edges), place.down(counts)
    gap = 1.0 if len(across) > 1 and float(np.diff(across).min()) > 4 else 0.0
    bars = [
        rectangle(left + gap / 2, min(top, place.bottom - 1), max(right - left - gap, 0.5), max(place.bottom - top, 1))
        for left, right, top, count in zip(across[:-1], across[1:], down, counts, strict=True)
        if count
    ]
    return shape("".join(bars), "s0", opacity=0.85)


def _describe(values: Floats, edges: Floats, counts: NDArray[np.intp], reach: str, notes: list[str]) -> str:
    words = [f"Histogram of {len(values):,} numbers in {len(counts):,} bins. {reach}."]
    if len(values):
        most = int(np.argmax(counts))
        lower, middle, upper = (short(float(part)) for part in np.percentile(values, [25, 50, 75]))
        words.append(f"Median {middle}, quartiles {lower} and {upper}.")
        words.append(
            f"Most, {counts[most]:,}, between {short(float(edges[most]))} and {short(float(edges[most + 1]))}."
        )
    return " ".join([*words, *(f"{note}." for note in notes)])
