"""One iteration of mini-batch gradient descent: forward, loss, backward, update. Gradients are taken only here."""

from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Bool, Float, Int32

from batchwright.nn.augment import AUGMENT, mix
from batchwright.nn.protocols import Inputs, Tree, Variables
from batchwright.optim.names import put_back
from batchwright.optim.rule import update
from batchwright.training.average import move_average
from batchwright.training.placement import AXIS
from batchwright.training.state import KEYS, RUNNING, Program, Rows, TrainState


class Loss(NamedTuple):
    """The mean loss over the rows of a batch, and the sum of their weights; for many batches, as arrays."""

    mean: Float[Array, "*iterations"] | Float[np.ndarray, "*iterations"]
    weight: Float[Array, "*iterations"] | Float[np.ndarray, "*iterations"]


class BatchPart(NamedTuple):
    """The places of a batch that are computed at once.

    `rows` holds their row numbers, `present` says which hold a row (None: all do), and `shares` holds their shares in
    the batch's mean loss.
    """

    rows: Int32[Array, " n"]
    present: Bool[Array, " n"] | None
    shares: Float[Array, " n"] | Float[Array, ""]


def step(
    program: Program,
    train: TrainState,
    rows: Rows,
    batch: Int32[Array, "parts n"],
    rate: Float[Array, ""],
    newest: Float[Array, ""] | None = None,
    *,
    padded: bool,
    mesh: Mesh | None = None,
) -> tuple[TrainState, Loss]:
    """The state after one update with the learning rate `rate`, and the loss of the batch before it.

    `batch` holds row numbers; where `padded`, a number past the last row marks a place without a row. The gradient is
    taken of the weighted mean loss over the rows of the batch, however many parts it has; only batch normalization
    sees each part by itself. Frozen parameters have no gradient and stay as they are. If the loss is not finite,
    nothing is updated now or later, and `status` becomes this iteration. `newest` is the share of the new variables in
    their average, where one is kept. With a `mesh`, each of its devices has rows of its own, whose numbers are those at
    its places of the batch.
    """
    present = batch < rows.length if padded else None
    weights = _weights(program, rows, batch, present, mesh)
    total = jnp.float32(batch.size) if weights is None else weights.sum()
    key = jax.random.fold_in(jax.random.wrap_key_data(train.key, impl=KEYS), train.step)
    parts = _parts(batch, present, weights, total)
    if batch.shape[0] == 1:
        part = jax.tree.map(lambda a: a[0], parts)
        mean, state, gradients = _gradients(program, train.variables, rows, part, key, padded=padded, mesh=mesh)
    else:
        mean, state, gradients = _accumulate_gradients(
            program, train.variables, rows, parts, key, padded=padded, mesh=mesh
        )
    running = train.status == RUNNING
    finite = running & jnp.isfinite(mean)

    def update_state(old: _Changing) -> _Changing:
        trained = program.trained_params(old.params)
        trained, opt_state = update(program.optimizer, gradients, old.opt_state, trained, rate)
        params, average = put_back(trained, old.params), old.average
        if average is not None and newest is not None:
            average = move_average(average, Variables(params, state), newest)
        return _Changing(params, state, opt_state, old.step + 1, average)

    # A branch, not a selection: the update then works in place, and the compiler copies no velocities.
    old = _Changing(train.params, train.state, train.opt_state, train.step, train.average)
    new = lax.cond(finite, update_state, lambda same: same, old)
    status = jnp.where(running & ~finite, train.step, train.status)
    after = TrainState(new.params, new.state, new.opt_state, new.step, train.key, status, new.average)
    return after, Loss(mean, total)


class _Changing(NamedTuple):
    """The arrays that an update changes."""

    params: Tree
    state: Tree
    opt_state: Any
    step: Array
    average: Variables | None


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


def _parts(batch: Array, present: Array | None, weights: Array | None, total: Array) -> BatchPart:
    if weights is None:
        return BatchPart(batch, None, jnp.full(batch.shape[0], 1.0 / batch.size))
    return BatchPart(batch, present, weights / jnp.where(total == 0.0, 1.0, total))


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
