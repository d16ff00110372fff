"""Losses of one or two weights: formulas, and the loss of a line on points."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from batchwright.errors import UsageError, unknown

Value: TypeAlias = Callable[[Any], Any]
"""A loss as a function of the weights [weights, ...]; arithmetic only, so that NumPy and JAX can both follow it."""
Floats: TypeAlias = NDArray[np.float64]
View: TypeAlias = tuple[tuple[float, float], ...]
"""For each weight, the lowest and the highest value that a picture shows."""

MOST_POINTS = 64
"""Points of a line; the arrays of a compiled program are as long, whatever is given."""


@dataclass(frozen=True, eq=False)
class Surface:
    """A loss of one or two weights.

    Args:
        name: what people call it.
        value: the loss as a function of the weights [weights]. None: the mean squared error of a line on `x` and `y`.
        formula: the loss as text.
        view: for each weight, the range that a picture shows.
        start: where descent begins if nothing else is said.
        minimum: where the loss is lowest, if that is known.
        noise: standard deviation of what is added to each number of a gradient, as rows of a batch of one would.
        x: of the points, if there are any.
        y: of the points.
    """

    name: str
    value: Value | None
    formula: str
    view: View
    start: tuple[float, ...]
    minimum: tuple[float, ...] | None = None
    noise: float = 0.0
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()

    @property
    def weights(self) -> int:
        """How many weights there are."""
        return len(self.start)

    @property
    def rows(self) -> int:
        """How many points there are; 0 for a formula."""
        return len(self.x)

    def inputs(self) -> Floats:
        """What the weights are multiplied by, for each point: x, and 1 if there is an intercept."""
        x = np.asarray(self.x, np.float64)
        return np.stack([x, np.ones_like(x)], axis=1)[:, : self.weights]

    def losses(self, points: Floats) -> Floats:
        """The loss at each of these points [n, weights], in float64.

        >>> SURFACES["bowl"].losses(np.array([[1.0, 1.0]])).tolist()
        [1.0]
        """
        with np.errstate(all="ignore"):
            if self.value is not None:
                return np.asarray(self.value(points.T), np.float64)
            errors = points @ self.inputs().T - np.asarray(self.y, np.float64)
            return np.asarray(np.mean(errors**2, axis=1), np.float64)


def bowl(w: Any) -> Any:
    """½(w₁² + w₂²)."""
    return 0.5 * (w[0] * w[0] + w[1] * w[1])


def valley(w: Any) -> Any:
    """½(w₁² + 25·w₂²)."""
    return 0.5 * (w[0] * w[0] + 25.0 * w[1] * w[1])


def saddle(w: Any) -> Any:
    """½(w₁² − w₂²) + ¼w₂⁴."""
    square = w[1] * w[1]
    return 0.5 * (w[0] * w[0] - square) + 0.25 * square * square


def rosenbrock(w: Any) -> Any:
    """(1 − w₁)² + 100·(w₂ − w₁²)²."""
    off, bend = 1.0 - w[0], w[1] - w[0] * w[0]
    return off * off + 100.0 * bend * bend


def beale(w: Any) -> Any:
    """(1.5 − w₁ + w₁w₂)² + (2.25 − w₁ + w₁w₂²)² + (2.625 − w₁ + w₁w₂³)²."""
    square = w[1] * w[1]
    terms = (1.5 - w[0] + w[0] * w[1], 2.25 - w[0] + w[0] * square, 2.625 - w[0] + w[0] * square * w[1])
    return terms[0] * terms[0] + terms[1] * terms[1] + terms[2] * terms[2]


def ravine(w: Any) -> Any:
    """½(0.2·w₁² + 8·w₂²)."""
    return 0.5 * (0.2 * w[0] * w[0] + 8.0 * w[1] * w[1])


FORMULAS = (
    Surface("bowl", bowl, "½(w₁² + w₂²)", ((-3.0, 3.0), (-3.0, 3.0)), (-2.5, 2.0), (0.0, 0.0)),
    Surface("valley", valley, "½(w₁² + 25·w₂²)", ((-3.0, 3.0), (-1.5, 1.5)), (-2.5, 1.0), (0.0, 0.0)),
    Surface("saddle", saddle, "½(w₁² − w₂²) + ¼w₂⁴", ((-2.0, 2.0), (-2.0, 2.0)), (-1.6, 0.01), (0.0, 1.0)),
    Surface(
        "rosenbrock", rosenbrock, "(1 − w₁)² + 100·(w₂ − w₁²)²", ((-2.0, 2.0), (-1.0, 3.0)), (-1.5, 2.0), (1.0, 1.0)
    ),
    Surface(
        "beale",
        beale,
        "(1.5 − w₁ + w₁w₂)² + (2.25 − w₁ + w₁w₂²)² + (2.625 − w₁ + w₁w₂³)²",
        ((-4.5, 4.5), (-4.5, 4.5)),
        (1.0, 1.5),
        (3.0, 0.5),
    ),
    Surface(
        "ravine",
        ravine,
        "½(0.2·w₁² + 8·w₂²), and noise in each gradient",
        ((-3.0, 3.0), (-1.5, 1.5)),
        (-2.5, 1.0),
        (0.0, 0.0),
        noise=2.0,
    ),
)

X, Y = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0), (0.9, 1.8, 3.4, 3.7, 5.3, 5.8)


def line(x: Any = X, y: Any = Y, *, intercept: bool = False) -> Surface:
    """The mean squared error of y = w·x on points, or of y = w₁·x + w₂ with an intercept.

    The curvature of the first is λ = 2·mean x²: the loss is the mean of e², not of e²/2.

    Args:
        x: of the points, 1 to 64 finite numbers.
        y: as many.
        intercept: with a second weight, w₂.

    Raises:
        UsageError: the points are no such numbers, or they leave the weights open.

    >>> line([1.0, 2.0], [2.0, 4.0]).minimum
    (2.0,)
    """
    across, up = (np.asarray(values, np.float64).reshape(-1) for values in (x, y))
    _check_points(across, up, intercept=intercept)
    table = np.stack([across, np.ones_like(across)], axis=1)[:, : 1 + intercept]
    minimum = tuple(np.linalg.lstsq(table, up, rcond=None)[0].tolist())
    reach = max(1.0, *(1.2 * abs(weight) for weight in minimum))
    view = tuple((weight - reach, weight + reach) for weight in minimum)
    start = tuple(weight - 0.9 * reach for weight in minimum)
    name, formula = ("regression", "mean (w₁·x + w₂ − y)²") if intercept else ("line", "mean (w·x − y)²")
    return Surface(name, None, formula, view, start, minimum, x=tuple(across.tolist()), y=tuple(up.tolist()))


def _check_points(x: Floats, y: Floats, *, intercept: bool) -> None:
    if len(x) != len(y) or not 1 <= len(x) <= MOST_POINTS:
        raise UsageError(
            f"there are {len(x)} x and {len(y)} y: give 1 to {MOST_POINTS} points, each with an x and a y."
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all() and max(np.abs(x).max(), np.abs(y).max()) <= LARGEST):
        raise UsageError(f"the points have to be finite numbers between −{LARGEST:,.0f} and {LARGEST:,.0f}.")
    if float(np.mean(x**2)) < LEAST:
        raise UsageError("every x is 0, so that no weight changes the loss: move a point to the left or right.")
    if intercept and float(np.ptp(x)) < LEAST:
        raise UsageError("all points have the same x, so that many lines fit: move a point to the left or right.")


LARGEST, LEAST = 1e4, 1e-6

SURFACES: dict[str, Surface] = {surface.name: surface for surface in (*FORMULAS, line(intercept=True))}
"""The surfaces of two weights by name; the last is a line with an intercept on six points."""


def surface_of(named: Surface | str) -> Surface:
    """A surface, or the one of this name.

    Raises:
        UsageError: there is none.
    """
    if isinstance(named, Surface):
        return named
    if named == "line":
        return line()
    if named not in SURFACES:
        raise UsageError(unknown("surface", named, ("line", *SURFACES)))
    return SURFACES[named]
