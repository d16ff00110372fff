"""Figures of paths: over the surface or the parabola, and the loss by step."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from batchwright.figures import Axis, Line, Svg, contour, line_chart
from batchwright.lab.descent.rules import name_of
from batchwright.lab.descent.surfaces import Surface, View

if TYPE_CHECKING:
    from batchwright.lab.descent.path import Path

Floats: TypeAlias = NDArray[np.float64]
GRID = 61
"""Points of a surface in each direction."""
HIGHEST = 100.0
"""If a path diverges, losses are shown up to the loss at the start times this."""


def draw_path(path: "Path", *, seconds: float | None = None) -> Svg:
    """A path over its surface, or over its parabola beside the line; it moves if `seconds` says for how long."""
    if path.surface.weights == 2:
        return draw_paths([path], seconds=seconds)
    from batchwright.lab.descent.line_picture import draw_line

    return draw_line(path, seconds=seconds)


def draw_paths(paths: "Sequence[Path]", *, seconds: float | None = None) -> Svg:
    """Paths of two weights over the surface that they share."""
    surface = paths[0].surface
    view = seen(surface, [path.points[0] for path in paths])
    across, up = (np.linspace(low, high, GRID) for low, high in view)
    heights, least = above_least(surface, across, up)
    axes = [Axis(name, low=low, high=high) for name, (low, high) in zip(("w₁", "w₂"), view, strict=True)]
    value = Axis("loss" if least == 0 else "loss above the least", scale="log")
    lines = [Line(name_of(path.rule), path.points[:, 0], path.points[:, 1]) for path in paths]
    title = f"{surface.name}: {surface.formula}"
    return contour(heights, across, up, axes[0], axes[1], value, title=title, paths=lines, seconds=seconds)


def draw_loss(paths: "Sequence[Path]") -> Svg:
    """The loss of all rows by step, on a log axis if it is always above 0."""
    scale: Literal["log", "linear"] = "log" if all((path.losses > 0).all() for path in paths) else "linear"
    diverged = any(path.ended == "diverged" for path in paths)
    high = HIGHEST * max(float(path.losses[0]) for path in paths) if diverged else None
    lines = [Line(name_of(path.rule), np.arange(path.steps + 1), path.losses) for path in paths]
    title = f"Loss by step: {paths[0].surface.name}"
    return line_chart(lines, Axis("step"), Axis("loss", scale=scale, high=high), title=title)


def seen(surface: Surface, starts: Sequence[Floats]) -> View:
    """What a picture shows: the view of the surface, wide enough for these starts."""
    ends = np.array([*np.asarray(surface.view).T, *starts], np.float64)
    return tuple(zip(ends.min(axis=0).tolist(), ends.max(axis=0).tolist(), strict=True))


def above_least(surface: Surface, across: Floats, up: Floats) -> tuple[Floats, float]:
    """The loss above its least on a grid [up, across], and that least: levels by powers of ten show valleys best."""
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    losses = surface.losses(grid)
    known = [] if surface.minimum is None else [float(surface.losses(np.array([surface.minimum]))[0])]
    least = min([float(losses.min()), *known])
    raised = np.maximum(losses - least, float(np.quantile(losses - least, 0.01)))
    return raised.reshape(len(up), len(across)), 0.0 if abs(least) < 1e-12 else least
