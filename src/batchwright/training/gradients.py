"""The loss of a batch and its gradient: forward, loss, backward. Gradients are taken only here."""

from functools import partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Bool, Float, Int32

from batchwright.nn.augment import AUGMENT, mix
from batchwright.nn.protocols import Inputs, Tree, Variables
from batchwright.optim.names import put_back
from batchwright.training.placement import AXIS
from batchwright.training.state import Program, Rows


class Found(NamedTuple):
    """What a batch comes to.

    `mean` is the mean loss over its rows, `total` the sum of their weights; None: all places hold a row that weighs 1.
    `state` is the network's new state, `gradients` are those of the mean loss; None in place of frozen parameters.
    """

    mean: Float[Array, ""]
    total: Float[Array, ""] | None
    state: Tree
    gradients: Tree


class BatchPart(NamedTuple):
    """The places of a batch that are computed at once.

    `rows` holds their row numbers, `present` says which hold a row (None: all do), and `shares` holds their shares in
    the batch's mean loss.
    """

    rows: Int32[Array, " n"]
    present: Bool[Array, " n"] | None
    shares: Float[Array, " n"] | Float[Array, ""]


def find_gradients(
    program: Program,
    variables: Variables,
    rows: Rows,
    batch: Int32[Array, "parts n"],
    key: Array,
    *,
    padded: bool,
    mesh: Mesh | None = None,
    part_of: tuple[int, int] | None = None,
) -> Found:
    """The loss of a batch and its gradient, however many parts it has.

    `batch` holds row numbers; where `padded`, a number past the last row marks a place without a row. With a `mesh`,
    each of its devices has rows of its own, whose numbers are those at its places of the batch.

    With `part_of`, how many rows there are and how many places a batch has, these rows and places are a part of them;
    what is found has then been divided by the places of the batch, as the weights of the others are not known here.
    """
    length, places = (rows.length, None) if part_of is None else part_of
    present = batch < length if padded else None
    weights = _weights(program, rows, batch, present, mesh)
    total = None if weights is None else weights.sum()
    parts = _parts(batch, present, weights, total if places is None else places)
    if batch.shape[0] == 1:
        part = jax.tree.map(lambda a: a[0], parts)
        mean, state, gradients = _gradients(program, variables, rows, part, key, padded=padded, mesh=mesh)
    else:
        mean, state, gradients = _accumulate_gradients(program, variables, rows, parts, key, padded=padded, mesh=mesh)
    return Found(mean, total, state, gradients)


def _weights(
    program: Program,
    rows: Rows,
    batch: Int32[Array, "parts n"],
    present: Bool[Array, "parts n"] | None,
    mesh: Mesh | None,
) -> Float[Array, "parts n"] | None:
    """The weight of every place of the batch: sample weight · class weight, and 0 where no row is. None: all 1."""
    if mesh is not None and len(batch) > 1:  # each part is divided over the devices
        marks = [None] * len(batch) if present is None else [present[i : i + 1] for i in range(len(batch))]
        each = [_weights(program, rows, batch[i : i + 1], mark, mesh) for i, mark in enumerate(marks)]
        known = [weights for weights in each if weights is not None]
        return jnp.concatenate(known) if known else None
    places, padded = batch.reshape(-1), present is not None
    factors = (
        None if present is None else present.reshape(-1).astype(jnp.float32),
        None if rows.weights is None else _take_rows(rows.weights, places, padded=padded, mesh=mesh),
        program.model.task.row_weights(_take_rows(rows.targets, places, padded=padded, mesh=mesh)),
    )
    known = [factor for factor in factors if factor is not None]
    return reduce(jnp.multiply, known).reshape(batch.shape) if known else None


def _take_rows(array: Array, places: Array, *, padded: bool, mesh: Mesh | None) -> Array:
    """These rows of an array. Only padded batches hold numbers past the last row, which need to be clipped."""

    def take(array: Array, places: Array) -> Array:
        return array.at[places].get(mode="clip" if padded else "promise_in_bounds")

    if mesh is None:
        return take(array, places)
    own, size = PartitionSpec(AXIS), len(places)
    if left_over := -size % mesh.size:  # each device takes as many
        places = jnp.pad(places, (0, left_over))
    taken: Array = jax.shard_map(take, mesh=mesh, in_specs=(own, own), out_specs=own)(array, places)
    return taken[:size]


def _parts(batch: Array, present: Array | None, weights: Array | None, whole: Array | int | None) -> BatchPart:
    """The parts of a batch, whose losses are divided by `whole`: by default by its places."""
    whole = batch.size if whole is None else whole
    if weights is None:
        return BatchPart(batch, None, jnp.full(batch.shape[0], 1.0 / whole))
    return BatchPart(batch, present, weights / jnp.where(whole == 0.0, 1.0, whole))


def _gradients(
    program: Program,
    variables: Variables,
    rows: Rows,
    part: BatchPart,
    key: Array,
    *,
    padded: bool,
    mesh: Mesh | None = None,
) -> tuple[Float[Array, ""], Tree, Tree]:
    """A part's share of the batch's mean loss, the network's new state, and the part's share of the gradient."""
    take = partial(_take_rows, places=part.rows, padded=padded, mesh=mesh)
    inputs: Inputs = {name: take(array) for name, array in rows.inputs.items()}
    targets = take(rows.targets)
    inputs, mixed = _augment(program, inputs, part, key)

    def loss(trained: Tree) -> tuple[Array, Tree]:
        params = put_back(trained, variables.params)
        outputs, state = program.model.network.apply(
            Variables(params, variables.state), inputs, train=True, key=key, present=part.present
        )
        return _sum_of_losses(program, outputs, targets, part.shares, mixed), state

    (mean, state), gradients = jax.value_and_grad(loss, has_aux=True)(program.trained_params(variables.params))
    return mean, state, gradients


class _Mixed(NamedTuple):
    """The place [n] of the row that each row of a batch is mixed with, and the share of the row itself."""

    others: Int32[Array, " n"]
    share: Float[Array, ""]


def _augment(program: Program, inputs: Inputs, part: BatchPart, key: Array) -> tuple[Inputs, _Mixed | None]:
    """The inputs with images changed at random, and how they are mixed; as they are where nothing is augmented."""
    augment = program.augment
    if augment is None:
        return inputs, None
    changing, mixing = jax.random.split(jax.random.fold_in(key, AUGMENT))
    images = augment.images(changing, inputs["image"])
    if not augment.mixes:
        return inputs | {"image": images}, None
    count = len(images) if part.present is None else jnp.sum(part.present)
    images, *mixed = mix(mixing, augment.mixup, images, count)
    return inputs | {"image": images}, _Mixed(*mixed)


def _sum_of_losses(program: Program, outputs: Array, targets: Array, shares: Array, mixed: _Mixed | None) -> Array:
    """The losses times their shares in the mean loss; of mixed rows, the losses of both, each with its own share."""
    total = jnp.sum(program.model.losses(outputs, targets) * shares)
    if mixed is None:
        return total
    others = shares if shares.ndim == 0 else shares[mixed.others]
    other = jnp.sum(program.model.losses(outputs, targets[mixed.others]) * others)
    return mixed.share * total + (1 - mixed.share) * other


def _accumulate_gradients(
    program: Program,
    variables: Variables,
    rows: Rows,
    parts: BatchPart,
    key: Array,
    *,
    padded: bool,
    mesh: Mesh | None,
) -> tuple[Float[Array, ""], Tree, Tree]:
    """The `_gradients` of all parts of a batch, computed one after the other and added up."""

    def add(number: Array, sums: tuple[Array, Tree, Tree]) -> tuple[Array, Tree, Tree]:
        mean, state, gradients = sums
        part = jax.tree.map(lambda a: a[number], parts)
        at_state = Variables(variables.params, state)
        key_of_part = jax.random.fold_in(key, number)
        more, state, further = _gradients(program, at_state, rows, part, key_of_part, padded=padded, mesh=mesh)
        return mean + more, state, jax.tree.map(jnp.add, gradients, further)

    nothing = (jnp.zeros(()), variables.state, jax.tree.map(jnp.zeros_like, program.trained_params(variables.params)))
    sums: tuple[Array, Tree, Tree] = lax.fori_loop(0, parts.rows.shape[0], add, nothing)
    return sums
