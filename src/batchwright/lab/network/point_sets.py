"""Points for a small network: known figures of two classes, and curves of one number by another."""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from batchwright.errors import UsageError, unknown

Floats: TypeAlias = NDArray[np.float64]
Columns: TypeAlias = dict[str, Floats | list[str]]
Draw: TypeAlias = Callable[[np.random.Generator, int], tuple[Floats, Floats]]

CLASSES = ("blue", "orange")
X1, X2, CLASS, X, Y = "x1", "x2", "class", "x", "y"
MOST_ROWS = 2_000
LARGEST_NOISE = 1.0


def moons(random: np.random.Generator, rows: int) -> tuple[Floats, Floats]:
    """Two half circles, each around the other's end."""
    first = (rows + 1) // 2
    angle = np.pi * random.random(rows)
    upper = np.arange(rows) < first
    x = np.where(upper, np.cos(angle), 1.0 - np.cos(angle))
    y = np.where(upper, np.sin(angle), 0.5 - np.sin(angle))
    return np.stack([x - 0.5, y - 0.25], axis=1), (~upper).astype(np.float64)


def circles(random: np.random.Generator, rows: int) -> tuple[Floats, Floats]:
    """A disc in a ring."""
    outer = np.arange(rows) >= (rows + 1) // 2
    radius = np.where(outer, 0.8 + 0.3 * random.random(rows), 0.5 * np.sqrt(random.random(rows)))
    angle = 2.0 * np.pi * random.random(rows)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), outer.astype(np.float64)


def spirals(random: np.random.Generator, rows: int) -> tuple[Floats, Floats]:
    """Two arms that wind around each other one and a half times."""
    second = np.arange(rows) >= (rows + 1) // 2
    along = np.sqrt(random.random(rows))
    angle = 3.0 * np.pi * along + np.where(second, np.pi, 0.0)
    return np.stack([along * np.cos(angle), along * np.sin(angle)], axis=1), second.astype(np.float64)


def xor(random: np.random.Generator, rows: int) -> tuple[Floats, Floats]:
    """Four squares; those across from each other are of one class, so that no line divides the two."""
    points = random.uniform(0.05, 1.0, (rows, 2)) * random.choice([-1.0, 1.0], (rows, 2))
    return points, (points[:, 0] * points[:, 1] < 0).astype(np.float64)


def sine(x: Floats) -> Floats:
    """One and a half waves."""
    return np.sin(1.5 * np.pi * x)


def step(x: Floats) -> Floats:
    """A jump in the middle."""
    return np.where(x > 0, 1.0, -1.0)


def bump(x: Floats) -> Floats:
    """A narrow hill on a slope."""
    return 0.5 * x + np.exp(-((x / 0.2) ** 2))


def _along(curve: Callable[[Floats], Floats], random: np.random.Generator, rows: int) -> tuple[Floats, Floats]:
    x = random.uniform(-1.0, 1.0, rows)
    return x[:, None], curve(x)


CLASS_SETS: dict[str, Draw] = {"moons": moons, "circles": circles, "spirals": spirals, "xor": xor}
CURVES: dict[str, Callable[[Floats], Floats]] = {"sine": sine, "step": step, "bump": bump}
POINT_SETS: dict[str, Draw] = CLASS_SETS | {name: partial(_along, curve) for name, curve in CURVES.items()}
USUAL_NOISE = {"moons": 0.15, "circles": 0.08, "spirals": 0.03, "xor": 0.0, "sine": 0.1, "step": 0.1, "bump": 0.1}


def draw_points(name: str, *, rows: int = 200, noise: float | None = None, seed: int = 0) -> Columns:
    """The columns of a set of points: x1, x2 and class, or x and y for a curve.

    Args:
        name: one of `POINT_SETS`.
        rows: how many points, 8 to 2,000.
        noise: standard deviation of what is added to each place (to y for a curve), 0 to 1; None: what suits the set.
        seed: of the points, ≥ 0.

    Raises:
        UsageError: no such set, or a number out of its range.

    >>> {name: len(cells) for name, cells in draw_points("moons", rows=50).items()}
    {'x1': 50, 'x2': 50, 'class': 50}
    """
    if name not in POINT_SETS:
        raise UsageError(unknown("set of points", name[:60], POINT_SETS))
    if not 8 <= rows <= MOST_ROWS:
        raise UsageError(f"rows is {rows:,}; it must be 8 to {MOST_ROWS:,}.")
    spread = USUAL_NOISE[name] if noise is None else noise
    if not 0.0 <= spread <= LARGEST_NOISE:
        raise UsageError(f"noise is {spread}; it must be 0 to {LARGEST_NOISE:.0f}.")
    if seed < 0:
        raise UsageError(f"the seed is {seed}; it must be 0 or more.")
    random = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed])))
    points, targets = POINT_SETS[name](random, rows)
    if name in CURVES:
        return {X: points[:, 0], Y: targets + spread * random.standard_normal(rows)}
    points = points + spread * random.standard_normal(points.shape)
    return {X1: points[:, 0], X2: points[:, 1], CLASS: [CLASSES[int(code)] for code in targets]}
