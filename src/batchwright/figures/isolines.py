"""Where a surface on a grid is at least as high as a level: closed outlines, by marching squares."""

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from batchwright.figures.plane import runs
from batchwright.figures.scale import Floats
from batchwright.figures.svg import number

BELOW = -np.inf
"""The height of what lies around the grid, and of values that are not finite: no outline crosses the edge."""


Edge: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
"""Two neighbouring corners, the smaller first."""


class Outlines(NamedTuple):
    """Paths around an area: `area` to fill by the rule "evenodd", and `line`, without the edge of the grid."""

    area: str
    line: str


def outlines(heights: NDArray[np.float64], x: Floats, y: Floats, level: float) -> Outlines:
    """The paths around all places with heights ≥ level.

    Args:
        heights: of a surface [rows, columns].
        x: coordinates of the columns in pixels.
        y: coordinates of the rows in pixels.
        level: a height.
    """
    known = np.where(np.isfinite(heights), heights, BELOW)
    ring = np.pad(known, 1, constant_values=BELOW)
    across, down = np.pad(x, 1, mode="edge"), np.pad(y, 1, mode="edge")
    following = dict(_segments(ring, level))
    areas, lines = [], []
    while following:
        edge = next(iter(following))
        points, outer = [], []
        while edge in following:
            points.append(_crossing(ring, across, down, level, edge))
            outer.append(min(float(ring[corner]) for corner in edge) == BELOW)
            edge = following.pop(edge)
        areas.append(_closed(points))
        lines.append(_open(points, outer))
    return Outlines("".join(areas), "".join(lines))


def _segments(ring: NDArray[np.float64], level: float) -> Iterator[tuple[Edge, Edge]]:
    """From the edge where a walk clockwise around a cell leaves the height to the edge where it comes back."""
    inside = ring >= level
    corners = inside[:-1, :-1].astype(np.int8) + inside[:-1, 1:] + inside[1:, 1:] + inside[1:, :-1]
    for row, column in np.argwhere((corners > 0) & (corners < 4)).tolist():
        walk = [(row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column)]
        sides = list(zip(walk, [*walk[1:], walk[0]], strict=True))
        leaves = [place for place, (one, other) in enumerate(sides) if inside[one] and not inside[other]]
        comes = [place for place, (one, other) in enumerate(sides) if inside[other] and not inside[one]]
        high = len(leaves) == 2 and sum(float(ring[corner]) for corner in walk) / 4 >= level
        for leave in leaves:
            turn = 1 if high else -1  # of a saddle, whether its middle belongs to the height
            back = next((leave + turn * step) % 4 for step in (1, 2, 3) if (leave + turn * step) % 4 in comes)
            yield _edge(*sides[leave]), _edge(*sides[back])


def _edge(one: tuple[int, int], other: tuple[int, int]) -> Edge:
    return (one, other) if one < other else (other, one)


def _crossing(ring: NDArray[np.float64], x: Floats, y: Floats, level: float, edge: Edge) -> tuple[float, float]:
    one, other = edge
    low, high = float(ring[one]), float(ring[other])
    share = 1.0 if low == BELOW else 0.0 if high == BELOW else (level - low) / (high - low)
    across = x[one[1]] * (1 - share) + x[other[1]] * share
    down = y[one[0]] * (1 - share) + y[other[0]] * share
    return float(across), float(down)


def _closed(points: list[tuple[float, float]]) -> str:
    words = _words(points)
    return f"M{words[0]}L{' '.join(words[1:])}z" if len(words) > 2 else ""


def _open(points: list[tuple[float, float]], outer: list[bool]) -> str:
    """The parts of an outline that lie within the surface."""
    if not any(outer):
        return _closed(points)
    begin = outer.index(True)  # so that no part runs over the end of the list
    points, outer = points[begin:] + points[:begin], outer[begin:] + outer[:begin]
    parts = []
    for begin, end in runs(~np.array(outer)):
        words = _words(points[begin:end])
        if len(words) > 1:
            parts.append(f"M{words[0]}L{' '.join(words[1:])}")
    return "".join(parts)


def _words(points: list[tuple[float, float]]) -> list[str]:
    """Coordinates as text, without repetitions."""
    words = [f"{number(across)} {number(down)}" for across, down in points]
    return [word for place, word in enumerate(words) if place == 0 or word != words[place - 1]]
