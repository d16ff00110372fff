"""Gradients of batches of several sizes at one moment of a run: how far they scatter, and the noise scale behind it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from numpy.typing import NDArray

from batchwright.lab.own_run.landscape import Plane, main_plane, mean_loss
from batchwright.lab.own_run.retrace import Trace, Vector, unravel
from batchwright.measure.inside import Group, divide
from batchwright.measure.noise_scale import NoiseScale, measure_noise
from batchwright.training.libraries import for_large_products
from batchwright.training.state import Program, TrainState, to_device

Floats: TypeAlias = NDArray[np.float64]
BATCHES = 64
"""Batches of each size."""
NOISE_ROWS = 1_024
LEAST_ROWS = 48
"""Training rows below which no noise is measured."""


@dataclass(frozen=True, eq=False)
class Cloud:
    """Gradients of batches of one size, as seen in the plane of the way.

    Args:
        batch_size: rows of a batch.
        points: the part of each gradient along the two directions [batches, 2].
    """

    batch_size: int
    points: Floats


@dataclass(frozen=True, eq=False)
class Clouds:
    """Gradients at a moment.

    Args:
        iteration: of the moment.
        mean: the gradient of all rows along the two directions.
        clouds: for each batch size below the number of rows, the smallest first.
        noise: the noise scale at this moment: with batches of so many rows, noise and gradient are of one size. None
            where there are too few rows to measure it.
        batch_size: of the run.
    """

    iteration: int
    mean: Floats
    clouds: tuple[Cloud, ...]
    noise: NoiseScale | None
    batch_size: int

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        noise = self.noise
        return {
            "iteration": self.iteration,
            "batch_size": self.batch_size,
            "mean": self.mean.tolist(),
            "clouds": [{"batch_size": one.batch_size, "points": one.points.tolist()} for one in self.clouds],
            "noise_scale": None
            if noise is None
            else {name: _finite(getattr(noise, name)) for name in ("value", "low", "high")},
        }


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def clouds(trace: Trace, *, at: int | None = None, seed: int = 0) -> Clouds:
    """The gradients of 64 batches of several sizes at a moment of a run, and the noise scale there.

    Args:
        trace: the way, of `retrace`.
        at: the place of the moment among those of the trace; None: the middle one.
        seed: of the batches.
    """
    moment = trace.moments[len(trace.moments) // 2 if at is None else at]
    plane = main_plane(np.stack([one.params for one in trace.moments]), trace, seed)
    train, own = trace.prepared.dataset.train, trace.job.plan.batch_size
    random = np.random.default_rng(np.random.SeedSequence([seed, moment.iteration]))
    whole = divide(train, trace.job.program.model.task, groups=1)[0]
    look = partial(_along, trace, moment.params, plane, whole)
    mean = look(np.arange(train.rows)[None])[0]
    found = []
    sizes = {max(1, own // 8), own, 8 * own}
    for size in sorted(size for size in sizes if size < train.rows):  # a batch of all rows is the mean
        batches = np.stack([random.choice(train.rows, size, replace=False) for _ in range(BATCHES)])
        found.append(Cloud(size, look(batches)))
    noise = None
    if train.rows >= LEAST_ROWS:
        places = random.choice(train.rows, min(NOISE_ROWS, train.rows), replace=False).astype(np.int32)
        state = trace.state_with(moment.params)
        noise = measure_noise(trace.job.program, state, to_device(train), places, seed=seed).overall
    return Clouds(moment.iteration, mean, tuple(found), noise, own)


def _along(trace: Trace, params: Vector, plane: Plane, whole: Group, batches: NDArray[np.int64]) -> Floats:
    """The parts of the batches' gradients along the plane's directions [batches, 2]."""
    state = trace.prepared.state
    found = _parts()(trace.job.program, state, whole, plane._replace(origin=params), batches.astype(np.int32))
    return np.asarray(found, np.float64)


@cache
def _parts() -> Callable[[Program, TrainState, Group, Plane, NDArray[np.int32]], Array]:
    def parts(program: Program, state: TrainState, whole: Group, plane: Plane, batches: Array) -> Array:
        like = program.trained_params(state.params)
        params = unravel(jnp.asarray(plane.origin), like)
        ways = [unravel(jnp.asarray(way), like) for way in (plane.first, plane.second)]

        def of_batch(rows: Array) -> Array:
            group: Group = jax.tree.map(lambda array: jnp.asarray(array)[rows], whole)
            group = group._replace(shares=group.shares / group.shares.sum())
            gradient = jax.grad(lambda params: mean_loss(program, state, group, params))(params)
            return jnp.stack([_dot(gradient, way) for way in ways])

        found: Array = lax.map(of_batch, jnp.asarray(batches))
        return found

    return jax.jit(parts, compiler_options=for_large_products())


def _dot(one: Any, other: Any) -> Array:
    return sum(map(jnp.vdot, jax.tree.leaves(one), jax.tree.leaves(other)), jnp.zeros(()))
