"""The line and the parabola side by side: the same steps seen twice."""

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from batchwright.figures.colours import LIGHT
from batchwright.figures.keys import dots
from batchwright.figures.motion import moving, walker
from batchwright.figures.plane import EDGE, Plane, Size, draw_axes, draw_notes, draw_title, path_of
from batchwright.figures.scale import Axis, Scale, short
from batchwright.figures.svg import SMALL, Svg, document, element, shape, stroke, text

if TYPE_CHECKING:
    from batchwright.lab.descent.path import Path

Floats: TypeAlias = NDArray[np.float64]
WIDTH, HEIGHT = 760.0, 380.0
SAMPLES = 121
WIDER = 2.5
"""How much wider than the view of the surface a picture may be, to show steps that lead away."""


class Frame(NamedTuple):
    """The two planes, with their axes."""

    line: Plane
    parabola: Plane
    axes: tuple[tuple[Axis, Axis], tuple[Axis, Axis]]


def draw_line(path: "Path", *, seconds: float | None = None) -> Svg:
    """The points with the line of the last step, and the parabola of the loss with each step on it.

    What leaves the picture is drawn up to its edge.
    """
    size = Size(WIDTH, HEIGHT)
    frame = _frame(path)
    notes = _notes(path, frame.parabola)
    title = f"y = w·x by {path.steps:,} steps: w from {short(path.points[0, 0])} to {short(path.end[0])}"
    told = f"The loss falls or rises from {short(path.losses[0])} to {short(path.losses[-1])}."
    return document(
        *size,
        title,
        " ".join([told, *notes]),
        draw_title(title, size),
        draw_axes(frame.line, frame.axes[0], size),
        frame.line.clip(_draw_data(path, frame.line, seconds)),
        draw_axes(frame.parabola, frame.axes[1], size),
        frame.parabola.clip(_draw_steps(path, frame.parabola, seconds)),
        text(frame.line.left, frame.line.top - 12, "y", role="soft", size=SMALL),
        text(frame.parabola.left, frame.parabola.top - 12, "loss", role="soft", size=SMALL),
        draw_notes(notes, size),
    )


def parabola(path_or_view: tuple[float, float], losses_of: "Path") -> tuple[Floats, Floats]:
    """The loss over a range of w."""
    weights = np.linspace(*path_or_view, SAMPLES)
    return weights, losses_of.surface.losses(weights[:, None])


def range_of(path: "Path") -> tuple[float, float]:
    """The weights that a picture shows: those around the minimum, the start, and the first steps that lead away."""
    low, high = path.surface.view[0]
    middle, reach = (low + high) / 2, WIDER * (high - low) / 2
    shown = [weight for weight in path.points[:, 0].tolist() if abs(weight - middle) <= reach]
    return min(low, float(path.points[0, 0]), *shown), max(high, float(path.points[0, 0]), *shown)


def _frame(path: "Path") -> Frame:
    x, y = np.asarray(path.surface.x), np.asarray(path.surface.y)
    low, high = range_of(path)
    top = float(path.surface.losses(np.array([[low], [high]])).max())
    reach = max(0.05, 0.08 * float(np.ptp([*x, 0.0])))
    tall = max(0.05, 0.15 * float(np.ptp([*y, 0.0])))
    across = Scale(min(0.0, float(x.min())) - reach, max(0.0, float(x.max())) + reach)
    up = Scale(min(0.0, float(y.min())) - tall, max(0.0, float(y.max())) + tall)
    bottom, middle = HEIGHT - 62.0, WIDTH / 2
    return Frame(
        Plane(58.0, 58.0, middle - 22, bottom, across, up),
        Plane(middle + 50, 58.0, WIDTH - EDGE, bottom, Scale(low, high), Scale(0.0, 1.05 * top)),
        ((Axis("x"), Axis("")), (Axis("w"), Axis(""))),
    )


def _draw_data(path: "Path", place: Plane, seconds: float | None) -> str:
    """The points, the first line faintly and the last; it turns if the figure moves."""
    ends = np.array([place.x.low, place.x.high])
    across = place.across(ends)
    heights = np.stack([place.down(path.points[:, 0] * end) for end in ends])
    first = stroke(path_of(across, heights[:, 0]), "s1", opacity=0.4, width=1.5)
    turning = "" if seconds is None else moving("y1", heights[0], seconds) + moving("y2", heights[1], seconds)
    last = element(
        "line",
        turning,
        x1=float(across[0]),
        y1=float(heights[0, -1]),
        x2=float(across[1]),
        y2=float(heights[1, -1]),
        class_="bw-s-s1 bw-line",
        stroke=LIGHT["s1"],
        stroke_width=2.0,
    )
    points = list(zip(place.across(path.surface.x).tolist(), place.down(path.surface.y).tolist(), strict=True))
    return first + last + shape(dots(points, 4.0), "s0")


def _draw_steps(path: "Path", place: Plane, seconds: float | None) -> str:
    """The parabola, and each step from point to point on it."""
    curve = stroke(path_of(*_on(place, *parabola(range_of(path), path))), "s0", width=2.0)
    across, down = _on(place, path.points[:, 0], path.losses)
    steps = stroke(path_of(across, down), "s1", width=1.5, opacity=0.8)
    marks = shape(dots(list(zip(across.tolist(), down.tolist(), strict=True)), 2.5), "s1")
    last = shape(dots([(float(across[-1]), float(down[-1]))], 4.5), "s1")
    return curve + steps + marks + (last if seconds is None else walker(across, down, "s1", seconds))


def _on(place: Plane, weights: Floats, losses: Floats) -> tuple[Floats, Floats]:
    return place.across(weights), place.down(losses)


def _notes(path: "Path", place: Plane) -> list[str]:
    weights = path.points[:, 0]
    outside = int(np.count_nonzero((weights < place.x.low) | (weights > place.x.high) | (path.losses > place.y.high)))
    ended = {"steps": [], "converged": ["it converged"], "diverged": ["it diverged"]}[path.ended]
    beyond = [f"{outside:,} of {path.steps + 1:,} points are outside the picture"] if outside else []
    return [*ended, *beyond]
