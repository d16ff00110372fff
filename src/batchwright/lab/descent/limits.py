"""Which learning rates descend: limits that follow from the curvature of the loss at its minimum."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from batchwright.lab.descent.surfaces import Surface
from batchwright.optim import SGD, Optimizer
from batchwright.training.plan import BatchSize

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Limits:
    """The curvature of a loss at its minimum, and the learning rates that follow from it.

    With plain gradient descent on a loss of curvature λ, a step is w ← w − η·λ·(w − w*), so that the distance to the
    minimum w* is multiplied by 1 − η·λ: it falls to 0 at once if η = 1/λ, changes its sign in each step beyond, and
    grows if |1 − η·λ| > 1, that is beyond η = 2/λ. With several weights this holds along each direction, so that the
    largest λ sets the limit, and 2/(smallest + largest) is the best rate for all.

    Args:
        flattest: the smallest curvature.
        steepest: the largest.
        best: the best rate of gradient descent without momentum; None for any other rule.
        largest: the rate beyond which the rule diverges: 2/λ; with momentum μ 2·(1 + μ)/λ, with Nesterov's form
            2·(1 + μ)/((1 + 2μ)·λ). None if there is no such limit, as for rules whose steps do not shrink with the
            gradient.
    """

    flattest: float
    steepest: float
    best: float | None
    largest: float | None


@lru_cache(64)
def hessian(surface: Surface, point: tuple[float, ...]) -> Floats:
    """The second derivatives of the loss at a point [weights, weights]."""
    if surface.value is None:
        inputs = surface.inputs()
        return np.asarray(2.0 * inputs.T @ inputs / surface.rows)
    return np.asarray(jax.hessian(surface.value)(jnp.asarray(point, jnp.float32)), np.float64)


def limits_of(surface: Surface, rule: Optimizer | None = None) -> Limits | None:
    """The limits of a rule's learning rate near the minimum; None if the minimum is not known.

    Args:
        surface: the loss.
        rule: gradient descent without momentum by default.

    >>> from batchwright.lab import SURFACES
    >>> limits_of(SURFACES["valley"]).largest
    0.08
    """
    if surface.minimum is None:
        return None
    curvatures = np.linalg.eigvalsh(hessian(surface, surface.minimum))
    flattest, steepest = float(curvatures[0]), float(curvatures[-1])
    of = SGD() if rule is None else rule
    plain = isinstance(of, SGD) and not of.momentum
    best = 2.0 / (flattest + steepest) if plain else None
    return Limits(flattest, steepest, best, largest_rate(of, steepest))


def steepest_batch(surface: Surface, batch_size: BatchSize) -> float | None:
    """The largest curvature of a batch of `batch_size` points of a line; None for any other surface.

    The curvature of a batch is 2·mean x² over its points, so that the points farthest from 0 make the steepest.
    """
    if surface.value is not None or surface.weights != 1:
        return None
    squares = np.sort(np.asarray(surface.x, np.float64) ** 2)[::-1]
    return float(2.0 * squares[: None if batch_size == "full" else batch_size].mean())


def largest_rate(rule: Optimizer, curvature: float) -> float | None:
    """The rate beyond which a rule diverges on a loss of this curvature; None if there is no such limit."""
    if not isinstance(rule, SGD):
        return None
    kept = float(rule.momentum)
    ahead = 1.0 + 2.0 * kept if rule.nesterov else 1.0
    return 2.0 * (1.0 + kept) / (ahead * curvature)
