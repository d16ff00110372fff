"""The levels of a surface as paths of SVG, which a page draws as they are."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from batchwright.figures.isolines import outlines
from batchwright.figures.scale import short
from batchwright.lab.descent.drawing import GRID, above_least
from batchwright.lab.descent.surfaces import Surface, View

SIZE = 1000.0
"""Paths are in a square of this size; y points downwards."""
LEVELS = 12


def contours_of(surface: Surface, view: View) -> list[dict[str, Any]]:
    """For each level, from the lowest: its loss in words, and what lies above it, as area and as line."""
    known = surface.name if not surface.rows else (surface.x, surface.y)
    return list(_cached(_Key(known, surface), view))


class _Key:
    """A surface that is equal to others of the same name or points."""

    def __init__(self, known: object, surface: Surface) -> None:
        self.known, self.surface = known, surface

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.known == self.known

    def __hash__(self) -> int:
        return hash(self.known)


@lru_cache(64)
def _cached(key: _Key, view: View) -> Sequence[dict[str, Any]]:
    across, up = (np.linspace(low, high, GRID) for low, high in view)
    heights, least = above_least(key.surface, across, up)
    logs = np.log10(heights)
    ends = np.linspace(0.0, SIZE, GRID)
    levels = np.linspace(float(logs.min()), float(logs.max()), LEVELS + 2)[1:-1]
    found = []
    for level in levels.tolist():
        around = outlines(logs, ends, ends[::-1].copy(), level)
        found.append({"loss": short(10**level + least, 3), "area": around.area, "line": around.line})
    return found
