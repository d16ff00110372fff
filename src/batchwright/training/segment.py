"""Run a stretch of iterations as one compiled program, so that Python runs once per segment, not once per batch."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.sharding import Mesh
from jaxtyping import Float, Int32

from batchwright.training.libraries import first_product, optimised, pays_for
from batchwright.training.placement import AXIS, LOCAL, Placement
from batchwright.training.plan import Plan
from batchwright.training.shared import Sharing, can_share
from batchwright.training.state import Program, Rows, TrainState
from batchwright.training.step import Loss, step


class Epoch(NamedTuple):
    """The input of the iterations of an epoch: the rows of each batch, and its learning rate.

    `newest` holds the shares of the newest variables in their average; None where no average is kept.
    """

    batches: Int32[Array, "iterations parts n"] | Int32[np.ndarray, "iterations parts n"]
    rates: Float[Array, " iterations"] | Float[np.ndarray, " iterations"]
    newest: Float[Array, " iterations"] | Float[np.ndarray, " iterations"] | None = None


def iterate(
    program: Program,
    carry: tuple[TrainState, Loss],
    rows: Rows,
    batch_of: Callable[[Array], Array],
    rates: Float[Array, " iterations"],
    newest: Float[Array, " iterations"] | None,
    span: tuple[Array, Array],
    *,
    padded: bool,
    mesh: Mesh | None = None,
    sharing: Sharing | None = None,
) -> tuple[TrainState, Loss]:
    """The training loop, for a single network or for a member of a population: iterations span[0] ... span[1] - 1.

    Args:
        program: what is trained.
        carry: the state, and the losses of all iterations; the losses of these iterations are written at their places.
        rows: the training rows.
        batch_of: the rows of the batch of an iteration, int32 [parts, n].
        rates: the learning rates.
        newest: the shares of the newest variables in their average; None where no average is kept.
        span: the bounds; they are traced, so that a segment of any length is the same program, with the same bits.
        padded: whether a row number past the last row marks a place without a row.
        mesh: devices each of which has rows of its own; None where each has all rows.
        sharing: how devices share a batch, if each can compute with its own rows as if they were all.
    """

    def one(i: Array, carry: tuple[TrainState, Loss]) -> tuple[TrainState, Loss]:
        train, losses = carry
        share = None if newest is None else newest[i]
        batch = batch_of(i)
        train, loss = step(program, train, rows, batch, rates[i], share, padded=padded, mesh=mesh, sharing=sharing)
        return train, jax.tree.map(lambda places, one: places.at[i].set(one), losses, loss)

    done: tuple[TrainState, Loss] = lax.fori_loop(*span, one, carry)
    return done


@partial(jax.jit, static_argnames=("padded", "mesh", "size", "sharing"), donate_argnames="train")
def _segment(
    program: Program,
    train: TrainState,
    losses: Loss,
    rows: Rows,
    epoch: Epoch,
    span: tuple[Array, Array],
    *,
    padded: bool,
    mesh: Mesh | None = None,
    size: int | None = None,
    sharing: Sharing | None = None,
) -> tuple[TrainState, Loss]:
    """Iterations span[0] ... span[1] - 1 of an epoch; their losses are written at their places.

    `size` is how many places of each part are used; None: all.
    """
    order, rates, newest = jax.tree.map(jnp.asarray, epoch)

    def batch_of(i: Array) -> Array:
        batch: Array = order[i]
        return batch if size is None else batch[:, :size]

    carry = train, losses
    return iterate(program, carry, rows, batch_of, rates, newest, span, padded=padded, mesh=mesh, sharing=sharing)


@cache
def _segment_on(placement: Placement, *, divided: bool, padded: bool, size: int, shares: bool) -> jax.stages.Wrapped:
    """`_segment` on several devices; rows are `divided`, or each device has all; whether each computes by itself."""
    assert placement.mesh is not None
    sharing = Sharing(placement.mesh, divided) if shares else None
    mesh = placement.mesh if divided and not shares else None
    copied, rows = placement.sharding(), placement.sharding(*[AXIS] * divided)
    epoch = Epoch(placement.sharding(None, None, AXIS), copied, copied)  # type: ignore[arg-type]  # how they lie
    return jax.jit(
        partial(_segment, padded=padded, mesh=mesh, size=size, sharing=sharing),
        in_shardings=(copied, copied, copied, rows, epoch, copied),
        out_shardings=copied,
        donate_argnums=1,
    )


def epoch_without_change(order: Int32[np.ndarray, "iterations parts n"], train: TrainState) -> Epoch:
    """Iterations with a learning rate of 0, which also leave the state's average, if any, as it is."""
    nothing = np.zeros(len(order), np.float32)
    return Epoch(order, nothing, None if train.average is None else nothing)


@lru_cache(maxsize=16)
def no_losses(iterations: int) -> Loss:
    """Places for the losses of `iterations` iterations, all 0; a segment copies them."""
    nothing = np.zeros(iterations, np.float32)  # put there, as a program that makes zeros would have to be compiled
    return Loss(*(jax.device_put(nothing, may_alias=False) for _ in Loss._fields))


@dataclass(frozen=True)
class CompiledSegment:
    """A segment compiled for the shapes of one plan, and what compiling it took.

    `seconds` is the time to compile it (or to read it from the cache). `memory_bytes` is what the program occupies on
    a device: rows, parameters, optimizer state and temporary arrays.
    """

    run: Callable[[Program, TrainState, Loss, Rows, Epoch, tuple[np.int32, np.int32]], tuple[TrainState, Loss]]
    seconds: float
    memory_bytes: int
    placement: Placement = LOCAL

    def __call__(
        self, program: Program, carry: tuple[TrainState, Loss], rows: Rows, epoch: Epoch, span: tuple[int, int]
    ) -> tuple[TrainState, Loss]:
        """The carry after iterations span[0] ... span[1] - 1 of the epoch; the given state is used up."""
        epoch = epoch._replace(batches=self.placement.spread(epoch.batches))
        return self.run(program, *self.placement.everywhere(carry), rows, epoch, (np.int32(span[0]), np.int32(span[1])))


def compile_segment(
    program: Program,
    train: TrainState,
    rows: Rows,
    plan: Plan,
    *,
    iterations: int | None = None,
    quickly: bool = False,
) -> CompiledSegment:
    """Compile the training loop for these shapes of rows and this plan; nothing is run.

    `iterations` is how many are passed at once, by default the iterations of an epoch. The rows may have no content.
    Compiled `quickly`, an iteration takes a little longer, and has other last bits.
    """
    started, placement = time.perf_counter(), rows.placement
    if plan.devices != placement.count:
        raise ValueError(f"the plan is for {plan.devices} devices, and the rows lie on {placement.count}.")
    iterations = plan.iterations_per_epoch if iterations is None else iterations
    epoch = epoch_without_change(np.zeros((iterations, plan.parts, plan.part_places), np.int32), train)
    span = (np.int32(0), np.int32(0))
    places = no_losses(iterations)
    if placement == LOCAL:
        lowered = _segment.lower(program, train, places, rows, epoch, span, padded=plan.padded)
    else:
        shares, size = can_share(program, placement, plan), plan.part_rows
        loop = _segment_on(placement, divided=rows.are_divided, padded=plan.padded, size=size, shares=shares)
        lowered = loop.lower(program, *_shapes_of((train, places)), rows, _shapes_of(epoch), span)
    products = plan.part_rows * sum(leaf.size for leaf in jax.tree.leaves(train.params))
    large = pays_for(program.model.network, products)
    if large and not quickly:
        first_product()
    compiled = lowered.compile(optimised(large_products=large, quickly=quickly))
    return CompiledSegment(compiled, time.perf_counter() - started, occupied_bytes(compiled), placement)


def _shapes_of(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), tree)


MOST_SEGMENTS = 16
"""Segments that are kept: as many as there may be shapes of rows before the first is compiled anew."""


class Segments:
    """Compiled segments, one for each shape of program, rows and batches, so that none is compiled twice."""

    def __init__(self) -> None:
        self._by_shape = dict[Hashable, CompiledSegment]()

    def of(
        self,
        program: Program,
        train: TrainState,
        rows: Rows,
        plan: Plan,
        *,
        iterations: int,
        quickly: bool = False,
    ) -> CompiledSegment:
        """The segment of `compile_segment`, compiled when it is first asked for."""
        leaves, structure = jax.tree.flatten((program, train, rows))
        shapes = tuple((np.shape(leaf), getattr(leaf, "dtype", type(leaf))) for leaf in leaves)
        shape = (structure, shapes, iterations, plan.parts, plan.part_rows, plan.padded, rows.placement, quickly)
        if shape not in self._by_shape:
            while len(self._by_shape) >= MOST_SEGMENTS:
                del self._by_shape[next(iter(self._by_shape))]
            self._by_shape[shape] = compile_segment(program, train, rows, plan, iterations=iterations, quickly=quickly)
        return self._by_shape[shape]


def occupied_bytes(compiled: Any) -> int:
    """Bytes of a compiled program's arguments, results and temporary arrays; shared memory is counted once."""
    memory = compiled.memory_analysis()
    parts = memory.argument_size_in_bytes, memory.output_size_in_bytes, memory.temp_size_in_bytes
    return int(sum(parts) - memory.alias_size_in_bytes)
