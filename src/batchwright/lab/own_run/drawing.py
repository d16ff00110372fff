"""Figures of a run that was looked at."""

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from batchwright.figures import Axis, Line, Points, Svg, contour, line_chart, scatter
from batchwright.figures.scale import short
from batchwright.lab.own_run.batch_clouds import Clouds
from batchwright.lab.own_run.landscape import Landscape
from batchwright.lab.own_run.sharpness import Sharpness

Floats: TypeAlias = NDArray[np.float64]


def draw_landscape(seen: Landscape, name: str) -> Svg:
    """Levels of the training loss over the plane, with the way from its start to its end."""
    axes = Axis("first direction"), Axis("second direction")
    value = Axis("training loss", scale=_scale(seen.heights))
    plane = "" if seen.directions == "path" else " in random directions"
    title = f"{name}: loss around the run{plane}; the plane explains {seen.share:.1%}"
    way = Line("the run", seen.points[:, 0], seen.points[:, 1])
    return contour(seen.heights, seen.across, seen.up, *axes, value, title=title, paths=[way])


def draw_true_loss(seen: Landscape, name: str) -> Svg:
    """The loss along the way, and the loss where the way is projected into the plane."""
    lines = [
        Line("at the run's parameters", seen.iterations, seen.losses),
        Line("projected into the plane", seen.iterations, seen.projected),
    ]
    scale = _scale(np.concatenate([seen.losses, seen.projected]))
    return line_chart(lines, Axis("iteration"), Axis("training loss", scale=scale), title=f"{name}: true and projected")


def draw_sharpness(sharp: Sharpness, name: str) -> Svg:
    """The largest curvature along the run, beside what the learning rate bears."""
    lines = [Line("largest curvature", sharp.iterations, sharp.curvatures)]
    known = np.isfinite(sharp.limits)
    if known.any():
        lines.append(Line("what the rate bears", sharp.iterations[known], sharp.limits[known]))
    scale = _scale(sharp.curvatures)
    return line_chart(
        lines, Axis("iteration"), Axis("curvature", scale=scale), title=f"{name}: sharpness along the run"
    )


def draw_clouds(clouds: Clouds, name: str) -> Svg:
    """The gradients of batches of several sizes, along the two main directions of the way."""
    points = [Points(f"batches of {one.batch_size:,}", one.points[:, 0], one.points[:, 1]) for one in clouds.clouds]
    points.append(Points("all rows", clouds.mean[:1], clouds.mean[1:]))
    noise = "" if clouds.noise is None else f"; noise scale {short(clouds.noise.value)} rows"
    title = f"{name}: gradients at iteration {clouds.iteration:,}{noise}"
    return scatter(points, Axis("along the first direction"), Axis("along the second direction"), title=title)


def _scale(values: Floats) -> Literal["linear", "log"]:
    """Logarithmic if all finite values are above 0."""
    known = values[np.isfinite(values)]
    return "log" if len(known) and known.min() > 0 else "linear"
