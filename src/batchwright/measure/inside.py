"""Measure every layer of a network on a few rows: its gradient, its next update, its weights and its outputs.

The gradients of a few groups of rows are computed by one compiled program. Their norms are taken by NumPy, as it would
take far longer to compile them than to compute them.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float32, Float64

from batchwright.nn.activations import Activation
from batchwright.nn.foreign.module import Foreign
from batchwright.nn.foreign.torch_layers import ChannelsFirstFlatten, GlobalAverage, Margin
from batchwright.nn.inside import Seen, look_inside
from batchwright.nn.layers import Flatten
from batchwright.nn.networks import FeedForward
from batchwright.nn.pooling import AvgPool, GlobalAveragePool, GlobalMaxPool, MaxPool
from batchwright.nn.protocols import Network, Tree, Variables
from batchwright.nn.series import Series
from batchwright.optim.names import names_of, put_back
from batchwright.optim.rule import update
from batchwright.tasks import Task
from batchwright.training.libraries import for_large_products, quick_to_compile
from batchwright.training.state import KEYS, Arrays, Program, TrainState

Figures: TypeAlias = dict[str, dict[str, Array]]
"""What is known of the outputs of each layer for a group of rows."""

SILENT = (
    *(Flatten, Series, MaxPool, AvgPool, GlobalAveragePool, GlobalMaxPool),
    *(ChannelsFirstFlatten, GlobalAverage, Margin),
)
"""Layers that only arrange, choose or average the outputs of the layer before them."""

CAN_DIE = ("relu", "gelu", "silu")
"""Activations that are 0, in float32, wherever their input is negative enough."""

FLAT = 0.02
"""The share of its largest slope below which a sigmoid or tanh is saturated."""

SMALL = 2**14
"""Pixels of a group below which convolutions take longer to compile than to run. With 8 x 8 images and 8 rows, a CNN
takes 0.3 s in place of 2.3 s to compile with little optimisation, and 4 in place of 3 ms to run; with 28 x 28 images
and 64 rows, 290 in place of 90 ms to run (of a core, jaxlib 0.10.2)."""


FEW_WEIGHTS = 2**20
"""The most weights of a network whose gradients of all groups are kept at once: 4 MB for each group."""


class Group(NamedTuple):
    """Some rows, on the host; a share is what a row counts in the mean loss, times the number of groups."""

    inputs: dict[str, np.ndarray]
    targets: np.ndarray
    shares: Float32[np.ndarray, " rows"]

    def __repr__(self) -> str:
        """How many rows."""
        return f"<Group: {len(self.targets):,} rows>"


def divide(rows: Arrays, task: Task, *, groups: int) -> tuple[Group, ...]:
    """Rows in groups of equal size, with what each row counts: sample weight · class weight, as in training."""
    count = len(rows.targets)
    of_classes = task.row_weights(np.asarray(rows.targets))
    factors = (np.asarray(factor, np.float32) for factor in (rows.weights, of_classes) if factor is not None)
    weights = np.prod([np.ones(count, np.float32), *factors], axis=0)
    whole = Group(
        {name: np.array(array) for name, array in rows.inputs.items()},
        np.array(rows.targets),
        np.asarray(weights * (groups / weights.sum(dtype=np.float64)), np.float32),
    )
    parts: Iterator[Group] = (
        jax.tree.map(lambda array, number=number: np.split(array, groups)[number], whole) for number in range(groups)
    )
    return tuple(parts)


def measure_layers(
    program: Program, train: TrainState, groups: Sequence[Group], *, seed: int, rate: float, batch_size: int
) -> dict[str, float]:
    """Figures of every layer at this state, by `<layer>/<figure>`.

    Each group passes the network by itself, in training mode but without dropout. With g the gradient of the mean loss
    over all groups, s² the variance of the gradients of groups of b rows, B the batch size and w the parameters:

        gradient = |g|      gradient_noise = √(s²·b/B) / |g|      weights = |w|      update_ratio = |Δw| / |w|

    where Δw is the update that the rule would make with g. These are of trained parameters only. Of outputs there are
    mean and deviation over rows and units, the share of dead units, which are 0 for all rows, and the share of
    saturated outputs. A figure that is not finite, or that the rows do not determine, such as a ratio to 0, is NaN: the
    history could not tell these apart. Other numbers compile nothing.

    Args:
        program: what is trained.
        train: the parameters and the state of the update rule; they are not used up.
        groups: of equal size, of `divide`.
        seed: of what a network of a user's own draws.
        rate: the learning rate of the update, at least 0.
        batch_size: B, at least 1.
    """
    trained = jax.device_get(program.trained_params(train.params))
    quick = is_quick(trained, groups[0])
    total, squares, told = None, list[np.ndarray](), list[Any]()
    for first, some in _at_once(groups, trained):
        given = (program, train, some, np.uint32(seed), np.int32(first))
        gradients, figures = jax.device_get(_gradients(quick=quick)(*given))
        for place in range(len(some.targets)):
            gradient, of_group = jax.tree.map(lambda leaf, place=place: leaf[place, ...], (gradients, figures))
            total = gradient if total is None else jax.tree.map(np.add, total, gradient)
            squares.append(_squares(gradient))
            told.append(of_group)
    mean = jax.tree.map(lambda leaf: leaf / np.float32(len(groups)), total)
    step = jax.device_get(_step(quick=quick)(program, train, mean, np.float32(rate)))
    norms = {"gradient": _squares(mean), "step": _squares(step), "weights": _squares(trained)}
    variance = (np.sum(squares, axis=0) - len(groups) * norms["gradient"]).clip(0.0) / max(len(groups) - 1, 1)
    noise = variance * (len(groups[0].targets) / batch_size) if len(groups) > 1 else np.full_like(variance, np.nan)
    layers = layers_of(program.model.network, trained)
    found = _figures_of_weights(layers, norms | {"noise": noise}) | dict(_figures_of_outputs(told))
    return {name: value if math.isfinite(value) else math.nan for name, value in found.items()}


def is_quick(params: Tree, group: Group) -> bool:
    """Whether little optimisation suffices: products of matrices, which a library computes, or small images."""
    convolutions = any(leaf.ndim > 3 for leaf in jax.tree.leaves(params))
    return not convolutions or sum(array.size for array in group.inputs.values()) < SMALL


def layers_of(network: Network, params: Tree) -> list[str]:
    """The name of the layer that each array of parameters belongs to, in the order of the arrays.

    It is the array's name without its last part; in a network or module of another kind, whose parts are not known, the
    array's whole name.
    """
    known = isinstance(network, FeedForward) and not isinstance(network.body, Foreign)
    return [(name.rpartition("/")[0] or name) if known else name for name in names_of(params)]


def _at_once(groups: Sequence[Group], trained: Tree) -> Iterator[tuple[int, Group]]:
    """The groups that a call measures, along a first axis, with the number of the first: for few weights all."""
    weights = sum(leaf.size for leaf in jax.tree.leaves(trained))
    size = len(groups) if weights <= FEW_WEIGHTS else 1
    for first in range(0, len(groups), size):
        some: Group = jax.tree.map(lambda *parts: np.stack(parts), *groups[first : first + size])
        yield first, some


@cache
def _gradients(*, quick: bool) -> Callable[..., tuple[Tree, Figures]]:
    """The gradients of the mean losses of groups, and the figures of their outputs, along a first axis."""

    def of_group(program: Program, train: TrainState, group: Group, seed: Array, number: Array) -> tuple[Tree, Figures]:
        own_key = jax.random.fold_in(jax.random.key(seed, impl=KEYS), number)
        inputs = {name: jnp.asarray(array) for name, array in group.inputs.items()}

        def loss(some: Tree) -> tuple[Array, Figures]:
            variables = Variables(put_back(some, train.params), train.state)
            outputs, seen = look_inside(program.model.network, variables, inputs, train=True, key=own_key)
            told = {one.name: dict(_describe(one)) for one in seen if not isinstance(one.layer, SILENT)}
            return jnp.sum(program.model.losses(outputs, jnp.asarray(group.targets)) * group.shares), told

        found: tuple[Tree, Figures] = jax.grad(loss, has_aux=True)(program.trained_params(train.params))
        return found

    def compute(program: Program, train: TrainState, groups: Group, seed: Array, first: Array) -> tuple[Tree, Figures]:
        def measure(given: tuple[Array, Group]) -> tuple[Tree, Figures]:
            return of_group(program, train, given[1], seed, given[0])

        numbers = first + jnp.arange(len(groups.targets), dtype=jnp.int32)
        found: tuple[Tree, Figures] = lax.map(measure, (numbers, jax.tree.map(jnp.asarray, groups)))
        return found

    return jax.jit(compute, compiler_options=quick_to_compile() if quick else for_large_products())


@cache
def _step(*, quick: bool) -> Callable[..., Tree]:
    """What the update rule would add to the trained parameters with a gradient."""

    def compute(program: Program, train: TrainState, gradient: Tree, rate: Array) -> Tree:
        trained = program.trained_params(train.params)
        gradient = jax.tree.map(jnp.asarray, gradient)
        moved, _ = update(program.optimizer, gradient, train.opt_state, trained, rate)
        step: Tree = jax.tree.map(jnp.subtract, moved, trained)
        return step

    return jax.jit(compute, compiler_options=quick_to_compile() if quick else None)


def _describe(one: Seen) -> Iterator[tuple[str, Array]]:
    """Mean and variance of a layer's outputs; for some activations, which units live, or the share at the flat ends."""
    y = jax.lax.stop_gradient(one.output).astype(jnp.float32)
    yield "mean", y.mean()
    yield "variance", y.var()
    match one.layer:
        case Activation(name) if name in CAN_DIE:
            yield "alive", (y != 0).reshape(-1, y.shape[-1]).any(axis=0)
        case Activation("tanh"):
            yield "flat", (1 - jnp.square(y) < FLAT).mean(dtype=jnp.float32)
        case Activation("sigmoid"):
            yield "flat", (4 * y * (1 - y) < FLAT).mean(dtype=jnp.float32)


def _squares(tree: Tree) -> Float64[np.ndarray, " leaves"]:
    """The squared norm of each array; BLAS would sum in an order that depends on the number of cores."""
    return np.array([np.square(leaf).sum(dtype=np.float64) for leaf in jax.tree.leaves(tree)], np.float64)


def _figures_of_weights(
    layers: Sequence[str], squares: Mapping[str, Float64[np.ndarray, " leaves"]]
) -> dict[str, float]:
    """The figures of each layer's parameters, from the squares of each of their arrays."""
    found = dict[str, float]()
    for layer in dict.fromkeys(layers):
        own = np.array([name == layer for name in layers])
        gradient, step, weights, noise = (
            np.sqrt(squares[name][own].sum()) for name in ("gradient", "step", "weights", "noise")
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            figures = {
                "gradient": gradient,
                "gradient_noise": noise / gradient,
                "update_ratio": step / weights,
                "weights": weights,
            }
        found |= {f"{layer}/{name}": float(value) for name, value in figures.items()}
    return found


def _figures_of_outputs(told: Sequence[Mapping[str, Mapping[str, np.ndarray]]]) -> Iterator[tuple[str, float]]:
    """The figures of each layer's outputs over all groups, which are of equal size."""
    for layer, kinds in told[0].items():
        of_groups = {kind: np.array([one[layer][kind] for one in told], np.float64) for kind in kinds}
        mean = of_groups["mean"]
        yield f"{layer}/mean", float(mean.mean())
        yield f"{layer}/deviation", float(np.sqrt(of_groups["variance"].mean() + mean.var()))
        if "alive" in of_groups:
            yield f"{layer}/dead", float(1.0 - of_groups["alive"].any(axis=0).mean())
        if "flat" in of_groups:
            yield f"{layer}/saturated", float(of_groups["flat"].mean())
