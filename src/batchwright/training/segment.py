"""Run a stretch of iterations as one compiled program, so that Python runs once per segment, not once per batch."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Int32

from batchwright.training.libraries import LARGE_PRODUCTS, first_product, for_large_products
from batchwright.training.plan import Plan
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
    """

    def one(i: Array, carry: tuple[TrainState, Loss]) -> tuple[TrainState, Loss]:
        train, losses = carry
        share = None if newest is None else newest[i]
        train, loss = step(program, train, rows, batch_of(i), rates[i], share, padded=padded)
        return train, jax.tree.map(lambda places, one: places.at[i].set(one), losses, loss)

    done: tuple[TrainState, Loss] = lax.fori_loop(*span, one, carry)
    return done


@partial(jax.jit, static_argnames="padded", donate_argnames=("train", "losses"))
def _segment(
    program: Program,
    train: TrainState,
    losses: Loss,
    rows: Rows,
    epoch: Epoch,
    span: tuple[Array, Array],
    *,
    padded: bool,
) -> tuple[TrainState, Loss]:
    """Iterations span[0] ... span[1] - 1 of an epoch; their losses are written at their places."""
    order, rates, newest = jax.tree.map(jnp.asarray, epoch)
    return iterate(program, (train, losses), rows, lambda i: order[i], rates, newest, span, padded=padded)


def epoch_without_change(order: Int32[np.ndarray, "iterations parts n"], train: TrainState) -> Epoch:
    """Iterations with a learning rate of 0, which also leave the state's average, if any, as it is."""
    nothing = np.zeros(len(order), np.float32)
    return Epoch(order, nothing, None if train.average is None else nothing)


def no_losses(iterations: int) -> Loss:
    """Places for the losses of `iterations` iterations, all 0."""
    return Loss(jnp.zeros(iterations), jnp.zeros(iterations))


@dataclass(frozen=True)
class CompiledSegment:
    """A segment compiled for the shapes of one plan, and what compiling it took.

    `seconds` is the time to compile it (or to read it from the cache). `memory_bytes` is what the program occupies:
    rows, parameters, optimizer state and temporary arrays.
    """

    run: Callable[[Program, TrainState, Loss, Rows, Epoch, tuple[np.int32, np.int32]], tuple[TrainState, Loss]]
    seconds: float
    memory_bytes: int

    def __call__(
        self, program: Program, carry: tuple[TrainState, Loss], rows: Rows, epoch: Epoch, span: tuple[int, int]
    ) -> tuple[TrainState, Loss]:
        """The carry after iterations span[0] ... span[1] - 1 of the epoch; the given carry is used up."""
        return self.run(program, *carry, rows, epoch, (np.int32(span[0]), np.int32(span[1])))


def compile_segment(
    program: Program, train: TrainState, rows: Rows, plan: Plan, *, iterations: int | None = None
) -> CompiledSegment:
    """Compile the training loop for these shapes of rows and this plan; nothing is run.

    `iterations` is how many are passed at once, by default the iterations of an epoch. The rows may have no content.
    """
    started = time.perf_counter()
    first_product()
    iterations = plan.iterations_per_epoch if iterations is None else iterations
    epoch = epoch_without_change(np.zeros((iterations, plan.parts, plan.part_rows), np.int32), train)
    span = (np.int32(0), np.int32(0))
    lowered = _segment.lower(program, train, no_losses(iterations), rows, epoch, span, padded=plan.padded)
    products = plan.part_rows * sum(leaf.size for leaf in jax.tree.leaves(train.params))
    compiled = lowered.compile(for_large_products() if products >= LARGE_PRODUCTS else None)
    return CompiledSegment(compiled, time.perf_counter() - started, occupied_bytes(compiled))


MOST_SEGMENTS = 16
"""Segments that are kept: as many as there may be shapes of rows before the first is compiled anew."""


class Segments:
    """Compiled segments, one for each shape of program, rows and batches, so that none is compiled twice."""

    def __init__(self) -> None:
        self._by_shape = dict[Hashable, CompiledSegment]()

    def of(self, program: Program, train: TrainState, rows: Rows, plan: Plan, *, iterations: int) -> CompiledSegment:
        """The segment of `compile_segment`, compiled when it is first asked for."""
        leaves, structure = jax.tree.flatten((program, train, rows))
        shapes = tuple((np.shape(leaf), str(jnp.result_type(leaf))) for leaf in leaves)
        shape = (structure, shapes, iterations, plan.parts, plan.part_rows, plan.padded)
        if shape not in self._by_shape:
            while len(self._by_shape) >= MOST_SEGMENTS:
                del self._by_shape[next(iter(self._by_shape))]
            self._by_shape[shape] = compile_segment(program, train, rows, plan, iterations=iterations)
        return self._by_shape[shape]


def occupied_bytes(compiled: Any) -> int:
    """Bytes of a compiled program's arguments, results and temporary arrays; shared memory is counted once."""
    memory = compiled.memory_analysis()
    parts = memory.argument_size_in_bytes, memory.output_size_in_bytes, memory.temp_size_in_bytes
    return int(sum(parts) - memory.alias_size_in_bytes)
