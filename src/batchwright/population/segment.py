"""A stretch of iterations of all members as one compiled program."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float32, Int32

from batchwright.population.members import Members
from batchwright.training.libraries import first_product
from batchwright.training.order import batches
from batchwright.training.plan import Plan
from batchwright.training.segment import occupied
from batchwright.training.state import RUNNING, Program, Rows, TrainState
from batchwright.training.step import Loss, step


class Orders(NamedTuple):
    """What the iterations are given: the rows of each batch in each order, and the learning rate of each member."""

    batches: Int32[np.ndarray, "orders iterations parts n"]
    rates: Float32[np.ndarray, "members iterations"]


PRODUCTS_TOGETHER = 2**17
"""Numbers of a member's weights times rows of its batch up to which members make an iteration together on a CPU."""


def pays_together(plan: Plan, members: Members) -> bool:
    """Whether members make each iteration together, rather than one member all iterations after the other.

    The products of small networks leave a CPU waiting for the next instruction; those of larger ones keep it busy by
    themselves. A GPU always has room for more at once.
    """
    weights = sum(leaf.size for leaf in jax.tree.leaves(members.states.params)) / members.number
    return jax.default_backend() != "cpu" or plan.part_rows * weights <= PRODUCTS_TOGETHER


def orders_of(plan: Plan, seeds: tuple[int, ...], iterations: int) -> Int32[np.ndarray, "orders iterations parts n"]:
    """The first batches that a run of each seed takes, epoch after epoch."""
    epochs = range(-(-iterations // plan.iterations_per_epoch))
    return np.stack([np.concatenate([batches(plan, seed=s, epoch=e) for e in epochs])[:iterations] for s in seeds])


@partial(jax.jit, static_argnames=("padded", "together"), donate_argnames=("states", "losses"))
def _segment(
    programs: Program,
    orders_of_members: Int32[Array, " members"],
    states: TrainState,
    losses: Loss,
    rows: Rows,
    orders: Orders,
    span: tuple[Array, Array],
    *,
    padded: bool,
    together: bool,
) -> tuple[TrainState, Loss]:
    """Iterations span[0] ... span[1] - 1 of every member; the losses of their batches are put in their places.

    Members make each iteration `together`, or one member all iterations after the other.
    """

    def iterations(
        program: Program, order: Array, state: TrainState, losses: Loss, rates: Array
    ) -> tuple[TrainState, Loss]:
        def iterate(i: Array, carry: tuple[TrainState, Loss]) -> tuple[TrainState, Loss]:
            state, loss = step(program, carry[0], rows, jnp.asarray(orders.batches)[order, i], rates[i], padded=padded)
            return state, jax.tree.map(lambda places, one: places.at[i].set(one), carry[1], loss)

        carry: tuple[TrainState, Loss] = lax.fori_loop(*span, iterate, (state, losses))
        return carry

    of_members = (programs, orders_of_members, states, losses, jnp.asarray(orders.rates))
    if together:
        done: tuple[TrainState, Loss] = jax.vmap(iterations)(*of_members)
    else:
        done = lax.map(lambda member: iterations(*member), of_members)
    return done


@dataclass(frozen=True)
class CompiledPopulation:
    """A segment compiled for so many members and at most so many iterations, and the bytes that it occupies."""

    run: Callable[..., tuple[TrainState, Loss]]
    iterations: int
    memory_bytes: int

    def __call__(self, members: Members, rows: Rows, orders: Orders, iterations: int) -> tuple[Members, Loss]:
        """The members after the first so many iterations, and the losses [members, iterations] of their batches.

        The states given are lost. From the first loss of a member that was not finite on, all of its are NaN: it made
        no further update.
        """
        span, begun = (np.int32(0), np.int32(iterations)), np.array(members.states.step)
        losses = _no_losses(members.number, self.iterations)
        states, losses = self.run(members.programs, members.orders, members.states, losses, rows, orders, span)
        status = np.asarray(states.status)
        ended = np.where(status == RUNNING, iterations, status - begun)
        known = np.arange(iterations)[None, :] < ended[:, None]
        means, weights = (np.asarray(array)[:, :iterations] for array in losses)
        return members._replace(states=states), Loss(np.where(known, means, np.float32(np.nan)), weights)


def _no_losses(members: int, iterations: int) -> Loss:
    return Loss(*(jnp.zeros((members, iterations)) for _ in Loss._fields))


def compile_population(
    members: Members, rows: Rows, plan: Plan, *, orders: int, iterations: int, together: bool
) -> CompiledPopulation:
    """Compile the training of such members for up to so many iterations, in so many orders of rows; nothing is run."""
    first_product()
    shape = (orders, iterations, plan.parts, plan.part_rows)
    given = Orders(np.zeros(shape, np.int32), np.zeros((members.number, iterations), np.float32))
    span, losses = (np.int32(0), np.int32(0)), _no_losses(members.number, iterations)
    lowered = _segment.lower(
        members.programs,
        members.orders,
        members.states,
        losses,
        rows,
        given,
        span,
        padded=plan.padded,
        together=together,
    )
    compiled = lowered.compile()
    return CompiledPopulation(compiled, iterations, occupied(compiled))
