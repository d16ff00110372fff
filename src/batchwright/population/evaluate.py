"""All members over the same rows, in evaluation mode: the mean loss of each, and its outputs."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float32, Int32

from batchwright.nn.protocols import Inputs, Variables, is_in_bfloat16
from batchwright.population.members import Population
from batchwright.population.segment import GROUP
from batchwright.population.threads import cores, map_on_cores
from batchwright.training.evaluate import ROWS_AT_ONCE, size_of_pieces
from batchwright.training.libraries import for_many_rows
from batchwright.training.state import Model, Program, Rows


def mean_losses(members: Population, rows: Rows, *, together: bool) -> Float32[np.ndarray, " members"]:
    """The weighted mean loss of each member over `rows`; not finite where a member's loss is not."""
    variables = Variables(members.states.params, members.states.state)
    return np.asarray(_mean_losses(members.programs, variables, rows, together=together))


@partial(jax.jit, static_argnames="together")
def _mean_losses(programs: Program, variables: Variables, rows: Rows, *, together: bool) -> Array:
    def of_member(program: Program, variables: Variables) -> Array:
        losses = program.model.task.losses(program.model.outputs(variables, rows.inputs), rows.targets)
        weights = jnp.ones_like(losses) if rows.weights is None else rows.weights
        return jnp.sum(losses * weights) / jnp.sum(weights)

    if together:
        found: Array = jax.vmap(of_member)(programs, variables)
    else:
        found = lax.map(lambda member: of_member(*member), (programs, variables))
    return found


def outputs_of_members(
    models: Model, variables: Variables, inputs: Inputs, *, together: bool, rows_at_once: int = ROWS_AT_ONCE
) -> Float32[np.ndarray, "members rows outputs"]:
    """The outputs of small members for all rows, on the host; of each those that `training.evaluate` gives alone.

    All arrays of `models` and `variables` have a leading axis of members. `together` computes each piece of the rows
    for all members as one product, which suits a GPU. Otherwise members follow each other, `GROUP` at most in a call,
    and the calls are divided over the cores; this is one program, whatever the number of members.
    """
    on_host: tuple[Model, Variables] = jax.tree.map(np.asarray, (models, variables))
    number, rows = len(jax.tree.leaves(on_host)[0]), len(next(iter(inputs.values())))
    size = size_of_pieces(inputs, min(rows, rows_at_once))
    starts = np.minimum(np.arange(0, rows, size), rows - size).astype(np.int32)
    group = number if together else GROUP
    share = min(group, -(-number // cores()))
    shares = [np.arange(first, min(first + share, number), dtype=np.int32) for first in range(0, number, share)]

    program = _each_output(bfloat16=is_in_bfloat16(models.network))

    def run(places: Int32[np.ndarray, " some"]) -> np.ndarray:
        filled = np.resize(places, group)
        some: tuple[Model, Variables] = jax.tree.map(lambda leaf: leaf[filled], on_host)
        done = program(*some, inputs, starts, np.int32(len(places)), size=size, together=together)
        return np.asarray(done)[: len(places)]

    pieces = np.concatenate(map_on_cores(run, shares))
    last = size * len(starts) - rows  # rows of the last piece that the piece before it has covered
    before, rest = pieces[:, :-1], pieces[:, -1, last:]
    return np.concatenate([before.reshape(number, rows - rest.shape[1], rest.shape[2]), rest], axis=1)


@cache
def _each_output(*, bfloat16: bool) -> jax.stages.Wrapped:
    """The program of `outputs_of_members`, which uses the libraries that a single network is evaluated with."""
    options = for_many_rows(bfloat16=bfloat16)
    return jax.jit(_pieces_of_members, static_argnames=("size", "together"), compiler_options=options)


def _pieces_of_members(
    models: Model,
    variables: Variables,
    inputs: Inputs,
    starts: Int32[Array, " pieces"],
    count: Int32[Array, ""],
    *,
    size: int,
    together: bool,
) -> Float32[Array, "members pieces size outputs"]:
    """The outputs of the first `count` members for pieces of the rows that begin at `starts`; 0 for other members."""

    def of_member(model: Model, own: Variables) -> Array:
        def of_piece(start: Array) -> Array:
            piece = {name: lax.dynamic_slice_in_dim(array, start, size) for name, array in inputs.items()}
            return model.outputs(own, piece)

        found: Array = lax.map(of_piece, starts)
        return found

    if together:
        of_all: Array = jax.vmap(of_member)(models, variables)
        return of_all

    def put(i: Array, found: Array) -> Array:
        return found.at[i].set(of_member(*jax.tree.map(lambda leaf: leaf[i], (models, variables))))

    shape = jax.eval_shape(jax.vmap(of_member), models, variables)
    filled: Array = lax.fori_loop(0, count, put, jnp.zeros(shape.shape, shape.dtype))
    return filled
