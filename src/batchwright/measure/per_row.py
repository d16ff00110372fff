"""Compute gradients of single rows, or of small groups of rows, in one compiled program that keeps none of them.

It gives the squared norms of all, and the dot products of their means over blocks, from which noise scales are
computed. Letters: K blocks, b rows of a group.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float32, Int32

from batchwright.nn.protocols import Inputs, Network, Tree, Variables
from batchwright.optim.names import put_back
from batchwright.training.libraries import for_large_products
from batchwright.training.state import KEYS, Program, Rows, TrainState

ROWS_AT_ONCE = 256
"""Rows whose mean gradient is computed at once: activations are kept for this many."""

LARGE_GROUP = 32
"""Rows of a group from which on groups are computed one after the other: their products are large enough to keep a CPU
busy, and batched products are far slower there."""

GRADIENTS_AT_ONCE = 2**27
"""Bytes of the gradients of groups that may be kept side by side, where the compiler does not reduce them at once."""


class Sums(NamedTuple):
    """What is kept of the gradients of all groups, leaf by leaf in the order of `jax.tree.leaves` of what is trained.

    - gram: dot products of the blocks' mean gradients
    - squares: sums over the groups of a block of |g|²
    - losses: the blocks' mean losses
    """

    gram: Float32[Array, "leaves blocks blocks"]
    squares: Float32[Array, "leaves blocks"]
    losses: Float32[Array, " blocks"]


class _Groups(NamedTuple):
    """Groups of rows, along any leading axes: row numbers [b], shares in the mean loss [b], number []."""

    places: Array
    shares: Array
    number: Array


def mixes_rows(network: Network, variables: Variables, rows: Rows) -> bool:
    """Whether the rows of a batch influence each other in training, as they do in batch normalization.

    This is assumed where the network's state after a batch is computed from it, rather than passed on unchanged like
    the bin edges of `PiecewiseLinear`. Nothing is computed.
    """
    example = {name: jax.ShapeDtypeStruct((2, *array.shape[1:]), array.dtype) for name, array in rows.inputs.items()}

    def state_after(state: Tree, inputs: Inputs) -> Tree:
        key = jax.random.key(0, impl=KEYS)
        return network.apply(Variables(variables.params, state), inputs, train=True, key=key, present=None)[1]

    program = jax.make_jaxpr(state_after)(variables.state, example).jaxpr
    return any(all(new is not old for old in program.invars) for new in program.outvars)


def gradient_sums(
    program: Program,
    train: TrainState,
    rows: Rows,
    places: Int32[Array, "blocks chunks groups rows"],
    *,
    seed: int,
    preconditioned: bool,
) -> Sums:
    """The sums over groups of rows; each group passes the network by itself, in training mode.

    The gradient of a group is the gradient of its share in the mean loss over all rows, times the number of groups, so
    that the mean of all is the gradient of the mean loss. It is not clipped, and l2 is left out. With `preconditioned`,
    each is multiplied by the rule's P (its `preconditioner`) where it has one. Changing numbers compiles nothing.

    Args:
        program: what is trained; the task gives the losses and weighs classes.
        train: the parameters, and the state of the update rule.
        rows: all rows; the ones at `places` are used.
        places: row numbers of each group; groups that are computed at once lie together; all below `rows.length`.
        seed: seed of dropout, which each group draws for itself.
        preconditioned: whether gradients are multiplied by the rule's P.
    """
    key = jax.random.key(seed, impl=KEYS)
    return _compile_sums()(program, train, rows, places, key, preconditioned=preconditioned)


@cache
def _compile_sums() -> Callable[..., Sums]:
    return jax.jit(_sums, static_argnames="preconditioned", compiler_options=for_large_products())


def _sums(program: Program, train: TrainState, rows: Rows, places: Array, key: Array, *, preconditioned: bool) -> Sums:
    factors = program.optimizer.preconditioner(train.opt_state) if preconditioned else None

    trained = program.trained_params(train.params)

    def loss(some: Tree, group: _Groups) -> Array:
        params = put_back(some, train.params)
        return _loss(program, Variables(params, train.state), rows, group, jax.random.fold_in(key, group.number))

    def of_block(chunks: _Groups) -> _Block:
        def add(sums: _Block, chunk: _Groups) -> tuple[_Block, None]:
            return jax.tree.map(jnp.add, sums, _of_chunk(loss, trained, factors, chunk)), None

        nothing = _Block(jax.tree.map(jnp.zeros_like, trained), jnp.zeros(len(leaves)), jnp.zeros(()))
        sums, _ = lax.scan(add, nothing, chunks)
        return _Block(jax.tree.map(lambda g: g / places.shape[1], sums.gradient), sums.squares, sums.loss)

    leaves = jax.tree.leaves(trained)
    blocks: _Block = lax.map(of_block, _groups(program, rows, places))
    gram = jnp.stack([_products(leaf) for leaf in jax.tree.leaves(blocks.gradient)])
    return Sums(gram, blocks.squares.T, blocks.loss / places.shape[1])


class _Block(NamedTuple):
    """A block of groups: sums over its chunks of the mean gradient, the squared norms [leaves] and the mean loss."""

    gradient: Tree
    squares: Array
    loss: Array


def _of_chunk(loss: Callable[[Tree, _Groups], Array], params: Tree, factors: Tree | None, groups: _Groups) -> _Block:
    """The sums of groups that pass the network side by side."""

    def mean_loss(params: Tree) -> Array:
        return jax.vmap(loss, (None, 0))(params, groups).mean()

    def squares(group: _Groups) -> list[Array]:
        gradient = _scale(jax.grad(loss)(barred, group), factors)
        return [jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(gradient)]

    mean, gradient = jax.value_and_grad(mean_loss)(params)
    # Seen as one program with the mean, the compiler would make the gradients of all groups once, and keep them.
    barred, groups_again = lax.optimization_barrier((params, groups))
    size = 4 * sum(leaf.size for leaf in jax.tree.leaves(params))
    at_once = min(max(GRADIENTS_AT_ONCE // size, 1), len(groups.number))
    in_turn = groups.places.shape[-1] >= LARGE_GROUP
    of_groups = lax.map(squares, groups_again, batch_size=None if in_turn else at_once)
    return _Block(_scale(gradient, factors), jnp.stack([leaf.sum() for leaf in of_groups]), mean)


def _loss(program: Program, variables: Variables, rows: Rows, group: _Groups, key: Array) -> Array:
    """A group's contribution to the mean loss, times the number of groups."""
    inputs = {name: array[group.places] for name, array in rows.inputs.items()}
    outputs, _ = program.model.network.apply(variables, inputs, train=True, key=key, present=None)
    return jnp.sum(program.model.losses(outputs, rows.targets[group.places]) * group.shares)


def _groups(program: Program, rows: Rows, places: Array) -> _Groups:
    """Groups along the first three axes; a row's share is w / Σw, times the number of groups."""
    count = places[..., 0].size
    numbers = jnp.arange(count).reshape(places.shape[:-1])
    weights = _weights(program, rows, places)
    if weights is None:
        return _Groups(places, jnp.full(places.shape, 1.0 / places.shape[-1]), numbers)
    total = weights.sum()
    return _Groups(places, weights * (count / jnp.where(total == 0.0, 1.0, total)), numbers)


def _weights(program: Program, rows: Rows, places: Array) -> Array | None:
    """Sample weight · class weight of every place, as in training; None where all are 1."""
    of_rows = None if rows.weights is None else rows.weights[places]
    of_targets = program.model.task.row_weights(rows.targets[places.reshape(-1)])
    if of_targets is None:
        return of_rows
    of_targets = of_targets.reshape(places.shape)
    return of_targets if of_rows is None else of_rows * of_targets


def _scale(gradient: Tree, factors: Tree | None) -> Tree:
    return gradient if factors is None else jax.tree.map(jnp.multiply, gradient, factors)


def _products(gradients: Array) -> Array:
    """Dot products of the gradients [blocks, ...] of one leaf."""
    flat = gradients.reshape(len(gradients), -1)
    return jnp.dot(flat, flat.T, precision="highest")
