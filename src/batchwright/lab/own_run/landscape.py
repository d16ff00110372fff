"""The loss of a run's network over a plane through its parameters, with the way of the run on it.

The plane lies through the last parameters. It holds the two directions in which the way moved most (the principal
components of θ_t − θ_end), or two random ones whose parts have the size of the network's own filters (Li et al. 2018).

References:
    Li et al., Visualizing the Loss Landscape of Neural Nets, 2018, arXiv 1712.09913.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from numpy.typing import NDArray

from batchwright.errors import UsageError
from batchwright.lab.own_run.retrace import Trace, Vector, ravel, unravel
from batchwright.measure.inside import Group, divide
from batchwright.nn.inside import look_inside
from batchwright.nn.protocols import Tree, Variables
from batchwright.optim.names import put_back
from batchwright.training.libraries import for_large_products
from batchwright.training.state import KEYS, Program, TrainState

Floats: TypeAlias = NDArray[np.float64]
Directions: TypeAlias = Literal["path", "random"]
MOST_ROWS = 2_000
"""Training rows over which a loss is the mean: the same for all points."""
GRID = 25
MARGIN = 0.25
"""How much farther than the way a picture reaches, as a share of its extent."""
AT_ONCE = 4
"""Points of the plane that are computed side by side."""


@dataclass(frozen=True, eq=False)
class Landscape:
    """A loss over a plane, and a way through it.

    Args:
        directions: what the plane holds.
        across: values of the first coordinate, in units of the length of a direction.
        up: values of the second.
        heights: the loss at each place of the plane [up, across].
        iterations: of the moments.
        points: the coordinates of the moments, projected into the plane [moments, 2].
        losses: the true loss at each moment.
        projected: the loss where its projection lies; where it differs from the true one, the plane misleads.
        share: how much of the way's movement lies in the plane, of squared distances from its end: 0 to 1.
        kept: the coordinates of the parameters that the run kept.
        rows: over how many training rows the loss is the mean.
    """

    directions: Directions
    across: Floats
    up: Floats
    heights: Floats
    iterations: NDArray[np.int64]
    points: Floats
    losses: Floats
    projected: Floats
    share: float
    kept: Floats
    rows: int

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        arrays = ("across", "up", "heights", "iterations", "points", "losses", "projected", "kept")
        plain = {name: getattr(self, name).tolist() for name in arrays}
        return {"directions": self.directions, "share": self.share, "rows": self.rows, **plain}


class Plane(NamedTuple):
    """Two directions through a point, orthogonal to each other."""

    origin: Vector
    first: Vector
    second: Vector


def landscape(trace: Trace, *, directions: Directions = "path", grid: int = GRID, seed: int = 0) -> Landscape:
    """The loss around the way of a run.

    Each network is applied as in training, without dropout; batch normalization takes the statistics of these rows.

    Args:
        trace: the way, of `retrace`.
        directions: "path" for the two in which it moved most, "random" for two random ones.
        grid: points in each direction, 5 to 101.
        seed: of random directions and of the rows, where there are more than 2,000.

    Raises:
        UsageError: the grid is out of its range, or the parameters never moved.
    """
    if not 5 <= grid <= 101:
        raise UsageError(f"grid is {grid}; it must be 5 to 101.")
    moved = np.stack([moment.params for moment in trace.moments])
    plane = main_plane(moved, trace, seed) if directions == "path" else random_plane(trace, seed)
    points = coordinates(plane, moved)
    kept = coordinates(plane, trace.kept[None])[0]
    across, up = (_reach(points[:, axis], kept[axis], grid, whole=directions == "random") for axis in (0, 1))
    group = some_rows(trace, seed)
    grid_points = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    heights = losses_in_plane(trace, plane, grid_points, group).reshape(len(up), len(across))
    off = moved.astype(np.float64) - moved[-1]
    total = float((off**2).sum())
    return Landscape(
        directions,
        across,
        up,
        heights,
        np.array([moment.iteration for moment in trace.moments]),
        points,
        losses_at(trace, moved, group),
        losses_in_plane(trace, plane, points, group),
        float((points**2 * _squares(plane)).sum() / total) if total else 0.0,
        kept,
        len(group.targets),
    )


def main_plane(moved: NDArray[np.float32], trace: Trace, seed: int) -> Plane:
    """The plane through the end that explains most of the way, with directions of length 1."""
    off = moved.astype(np.float64) - moved[-1]
    squares, vectors = np.linalg.eigh(off @ off.T)
    if squares[-1] <= 0:
        raise UsageError("the parameters of the run never moved, so that there is no way to show.")
    first = vectors[:, -1] @ off / np.sqrt(squares[-1])
    if squares[-2] > 1e-10 * squares[-1]:
        second = vectors[:, -2] @ off / np.sqrt(squares[-2])
    else:  # a straight way: any other direction will do
        second = _apart(random_plane(trace, seed).first.astype(np.float64), first)
    first, second = (_forward(direction, off) for direction in (first, second))
    return Plane(moved[-1], first.astype(np.float32), second.astype(np.float32))


def random_plane(trace: Trace, seed: int) -> Plane:
    """Two random directions; the part of each unit is as long as the unit's own weights, biases stay as they are."""
    state = trace.prepared.state
    end = unravel(trace.moments[-1].params, trace.job.program.trained_params(state.params))
    random = np.random.default_rng(np.random.SeedSequence([seed]))

    def of_leaf(leaf: NDArray[np.float32]) -> NDArray[np.float64]:
        if leaf.ndim < 2:
            return np.zeros(leaf.shape)
        drawn = random.standard_normal(leaf.shape)
        axes = tuple(range(leaf.ndim - 1))
        sizes = np.linalg.norm(leaf.reshape(-1, leaf.shape[-1]), axis=0)
        return np.asarray(drawn * sizes / np.sqrt((drawn**2).sum(axis=axes)))

    first, second = (ravel(jax.tree.map(of_leaf, end)).astype(np.float64) for _ in range(2))
    if not first.any():
        raise UsageError("the network has no weights but biases, so that it has no random directions.")
    length = float(np.linalg.norm(second))
    apart = _apart(second, first)
    return Plane(trace.moments[-1].params, first.astype(np.float32), (apart * length).astype(np.float32))


def _apart(direction: Floats, first: Floats) -> Floats:
    """The part of a direction that is orthogonal to the first, with length 1."""
    rest = direction - first * (direction @ first) / (first @ first)
    return np.asarray(rest / np.linalg.norm(rest))


def _forward(direction: Floats, off: Floats) -> Floats:
    """The direction turned so that the start lies on its left, or below: pictures do not depend on a sign."""
    return direction if off[0] @ direction <= 0 else -direction


def _squares(plane: Plane) -> Floats:
    """The squared length of each direction."""
    return np.array([np.square(way, dtype=np.float64).sum() for way in (plane.first, plane.second)])


def coordinates(plane: Plane, params: NDArray[np.float32]) -> Floats:
    """Where the projections of parameters lie in a plane [moments, 2]."""
    off = params.astype(np.float64) - plane.origin
    ways = np.stack([plane.first, plane.second], axis=1).astype(np.float64)
    return np.asarray(off @ ways / _squares(plane))


def _reach(along: Floats, kept: float, grid: int, *, whole: bool) -> Floats:
    """The values of a coordinate that a picture shows; random directions are shown from −1 to 1 at least."""
    ends = [*along.tolist(), float(kept), *((-1.0, 1.0) if whole else ())]
    low, high = min(ends), max(ends)
    margin = MARGIN * (high - low) if high > low else 1.0
    return np.linspace(low - margin, high + margin, grid)


def some_rows(trace: Trace, seed: int, most: int = MOST_ROWS) -> Group:
    """The training rows over which losses are means, with what each counts: all, or as many as may be, drawn."""
    train = trace.prepared.dataset.train
    chosen = np.arange(train.rows, dtype=np.int64)
    if train.rows > most:
        random = np.random.default_rng(np.random.SeedSequence([seed]))
        chosen = np.sort(random.choice(train.rows, most, replace=False).astype(np.int64))
    return divide(train.take(chosen), trace.job.program.model.task, groups=1)[0]


def losses_in_plane(trace: Trace, plane: Plane, points: Floats, group: Group) -> Floats:
    """The loss at each of these coordinates [points, 2]."""
    state = trace.prepared.state
    found = _in_plane()(trace.job.program, state, group, plane, points.astype(np.float32))
    return np.asarray(found, np.float64)


def losses_at(trace: Trace, params: NDArray[np.float32], group: Group) -> Floats:
    """The loss at each of these parameters [moments, parameters]."""
    found = _at()(trace.job.program, trace.prepared.state, group, params)
    return np.asarray(found, np.float64)


def mean_loss(program: Program, state: TrainState, group: Group, params: Tree) -> Array:
    """The mean loss of some rows, as in training but without dropout."""
    variables = Variables(put_back(params, state.params), state.state)
    inputs = {name: jnp.asarray(array) for name, array in group.inputs.items()}
    key = jax.random.wrap_key_data(state.key, impl=KEYS)
    outputs, _ = look_inside(program.model.network, variables, inputs, train=True, key=key)
    return jnp.sum(program.model.losses(outputs, jnp.asarray(group.targets)) * group.shares)


@cache
def _in_plane() -> Callable[[Program, TrainState, Group, Plane, NDArray[np.float32]], Array]:
    def losses(program: Program, state: TrainState, group: Group, plane: Plane, points: Array) -> Array:
        origin, first, second = (jnp.asarray(one) for one in plane)
        like = program.trained_params(state.params)

        def one(point: Array) -> Array:
            return mean_loss(program, state, group, unravel(origin + point[0] * first + point[1] * second, like))

        found: Array = lax.map(one, jnp.asarray(points), batch_size=AT_ONCE)
        return found

    return jax.jit(losses, compiler_options=for_large_products())


@cache
def _at() -> Callable[[Program, TrainState, Group, NDArray[np.float32]], Array]:
    def losses(program: Program, state: TrainState, group: Group, params: Array) -> Array:
        like = program.trained_params(state.params)
        found: Array = lax.map(lambda one: mean_loss(program, state, group, unravel(one, like)), jnp.asarray(params))
        return found

    return jax.jit(losses, compiler_options=for_large_products())
