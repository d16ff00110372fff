"""Calibration: how often events happened to which a model gave some probability."""

import numpy as np

from batchwright.figures.keys import dots
from batchwright.figures.plane import (
    Plane,
    draw_axes,
    draw_notes,
    draw_title,
    nothing,
    path_of,
    plane,
    size_of,
)
from batchwright.figures.scale import Axis, Floats, Numbers, Scale, floats, short
from batchwright.figures.svg import Svg, document, number, rectangle, shape, stroke

FOOT = 0.22
"""Share of the height of the plane that the bars of the counts take."""


def reliability(
    predicted: Numbers,
    observed: Numbers,
    counts: Numbers,
    *,
    title: str,
    low: Numbers | None = None,
    high: Numbers | None = None,
    width: float = 520,
    height: float = 460,
) -> Svg:
    """A reliability diagram: on the dashed diagonal, probabilities are right; below it, the model is too sure.

    Args:
        predicted: the mean probability in each bin of rows, 0 to 1.
        observed: the share of rows in which it happened, 0 to 1.
        counts: the rows in each bin, as pale bars at the foot; bins without rows are left out.
        title: of the figure.
        low: where the interval of each observed share begins; None: no intervals.
        high: where it ends.
        width: in pixels; below 240 the figure is a thumbnail without words.
        height: in pixels.

    >>> reliability([0.1, 0.5, 0.9], [0.0, 0.4, 0.95], [10, 40, 50], title="Calibration")
    <Svg: Calibration>
    """
    size, axes = size_of(width, height), (Axis("predicted probability"), Axis("observed share"))
    arrays = [floats(part) for part in (predicted, observed, counts, low, high) if part is not None]
    if len({len(part) for part in arrays}) != 1 or len(arrays) == 4:
        raise ValueError(
            "Every bin needs a predicted and an observed share and a count, and both low and high or neither."
        )
    if not (np.isfinite(arrays[2]).all() and (arrays[2] >= 0).all()):
        raise ValueError("Counts have to be finite numbers that are not below 0.")
    filled = np.isfinite(arrays[0]) & np.isfinite(arrays[1]) & (arrays[2] > 0)
    if not filled.any():
        return nothing(title, size, "there are no rows to count")
    x, y, rows, *interval = (part[filled] for part in arrays)
    place = plane((Scale(0.0, 1.0), Scale(0.0, 1.0)), axes, size, foot=True)
    notes = [f"pale bars: rows in each bin, {short(float(rows.max()))} at most"]
    diagonal = stroke(path_of(place.across([0.0, 1.0]), place.down([0.0, 1.0])), "soft", dashes="4 3")
    across, down = place.across(x), place.down(y)
    return document(
        *size,
        title,
        _describe(x, y, rows),
        draw_title(title, size),
        draw_axes(place, axes, size),
        place.clip(_draw_counts(place, across, rows), diagonal, _draw_intervals(place, across, interval)),
        stroke(path_of(across, down), "s0", width=2.0),
        shape(dots([(float(a), float(b)) for a, b in zip(across, down, strict=True)], 4.0), "s0"),
        draw_notes(notes, size),
    )


def _draw_counts(place: Plane, across: Floats, rows: Floats) -> str:
    tall = rows / rows.max() * FOOT * (place.bottom - place.top)
    wide = min(16.0, 0.7 * (place.right - place.left) / len(rows))
    bars = [
        shape(rectangle(at - wide / 2, place.bottom - up, wide, up), "soft", opacity=0.3, told=f"{short(count)} rows")
        for at, up, count in zip(across.tolist(), tall.tolist(), rows.tolist(), strict=True)
    ]
    return "".join(bars)


def _draw_intervals(place: Plane, across: Floats, interval: list[Floats]) -> str:
    if not interval:
        return ""
    ends = zip(across.tolist(), *(place.down(edge).tolist() for edge in interval), strict=True)
    lines = [
        f"M{number(at)} {number(low)}V{number(high)}M{number(at - 4)} {number(low)}h8M{number(at - 4)} {number(high)}h8"
        for at, low, high in ends
        if np.isfinite(low) and np.isfinite(high)
    ]
    return stroke("".join(lines), "s0", width=1.5)


def _describe(x: Floats, y: Floats, rows: Floats) -> str:
    gap = float(np.sum(np.abs(x - y) * rows) / rows.sum())
    bins = "; ".join(
        f"{short(a)} predicted, {short(b)} observed in {short(count)} rows"
        for a, b, count in zip(x.tolist(), y.tolist(), rows.tolist(), strict=True)
    )
    return f"Reliability diagram. Mean gap between predicted and observed: {short(gap)}. {bins}."
