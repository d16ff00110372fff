"""Run a stretch of iterations of all members as one compiled program."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import PartitionSpec
from jaxtyping import Float32, Int32

from batchwright.nn.protocols import Inputs, Tree, Variables
from batchwright.population.members import Population
from batchwright.population.threads import cores, map_on_cores
from batchwright.training.libraries import first_product
from batchwright.training.order import batches
from batchwright.training.placement import AXIS, LOCAL, Placement
from batchwright.training.plan import Plan
from batchwright.training.segment import Epoch, epoch_without_change, iterate, no_losses, occupied_bytes
from batchwright.training.state import RUNNING, Model, Program, Rows, TrainState
from batchwright.training.step import Loss


class Orders(NamedTuple):
    """The input of the iterations: the rows of each batch in each order, and the learning rates of each member.

    `newest` holds the share of the newest variables in each member's average; None where no average is kept.
    """

    batches: Int32[np.ndarray, "orders iterations parts n"]
    rates: Float32[np.ndarray, "members iterations"]
    newest: Float32[np.ndarray, "members iterations"] | None = None


OPERATIONS_TOGETHER = 2**19
"""The most operations of a member's network on the rows of a batch, half of them products, at which members make each
iteration together on a CPU. Measured on 2 cores with jaxlib 0.10.2, together against in turn: below the limit 0.7 to
0.95 of the time; just above it, the same; at five times the limit 1.2 to 1.6; with filters over 28 x 28 pixels, 1.8."""

WEIGHTS_TOGETHER = 2**13
"""The most weights of a member at which members make each iteration together on a CPU: a group's weights, velocities
and gradients are 1.5 MB then. Together takes 1.5 times as long as in turn with a table of 300 embeddings (13,000
weights), and 2.8 times with one of 5,000 (250,000 weights)."""

GROUP = 16
"""Members that make an iteration together on a CPU. For 256 members with 20-64-2 or embeddings, groups of 8 to 32 take
0.6 to 0.8 of the time of all at once: all
at once, parameters and gradients have left the caches by their next use."""


def pays_together(plan: Plan, members: Population, rows: Rows) -> bool:
    """Whether the members make each iteration together, rather than each member all of its iterations in turn.

    The products of small networks leave a CPU waiting for the next instruction; the products of larger ones keep it
    busy by themselves. The operations of the network are counted, because a weight of a convolution is used at every
    pixel and one of an embedding in no product. The weights are counted too, because every iteration updates all of
    them: a group's weights have to stay in the caches. A GPU is assumed to have room for more at once.
    """
    if jax.default_backend() != "cpu":
        return True
    weights = sum(leaf.size for leaf in jax.tree.leaves(members.states.params)) / members.number
    return weights <= WEIGHTS_TOGETHER and operations(plan, members, rows) <= OPERATIONS_TOGETHER


def operations(plan: Plan, members: Population, rows: Rows) -> float:
    """Floating-point operations in the forward pass of one member's network, on rows of a batch computed at once."""
    model, states = members.programs.model, members.states
    one = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), (model, states.params, states.state)
    )
    batch = {name: jax.ShapeDtypeStruct((plan.part_rows, *a.shape[1:]), a.dtype) for name, a in rows.inputs.items()}
    cost = _forward.lower(*one, batch).cost_analysis()
    assert cost is not None  # XLA counts operations on every CPU
    return float(cost["flops"])


@jax.jit
def _forward(model: Model, params: Tree, state: Tree, inputs: Inputs) -> Array:
    return model.outputs(Variables(params, state), inputs)


def group_of(members: int, *, together: bool) -> int:
    """How many of the members make an iteration together.

    There are only three sizes, so that few programs are compiled, whatever the number of members.

    >>> [group_of(members, together=True) for members in (1, 3, 5, 37)], group_of(37, together=False)
    ([1, 4, 16, 16], 1)
    """
    if not together:
        return 1
    if jax.default_backend() != "cpu":
        return members
    return next((size for size in (1, GROUP // 4) if members <= size), GROUP)


def orders_of(plan: Plan, seeds: tuple[int, ...], iterations: int) -> Int32[np.ndarray, "orders iterations parts n"]:
    """The first `iterations` batches of a run with each seed, epoch after epoch."""
    epochs = range(-(-iterations // plan.iterations_per_epoch))
    alone = plan.on_one_device
    return np.stack([np.concatenate([batches(alone, seed=s, epoch=e) for e in epochs])[:iterations] for s in seeds])


@partial(jax.jit, static_argnames="padded", donate_argnames=("states", "losses"))
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
) -> tuple[TrainState, Loss]:
    """Iterations span[0] ... span[1] - 1 of every member; the members make each iteration together.

    The losses of the batches are written in their places. A single member of a device has no axis of members.
    """

    def iterations(
        program: Program, order: Array, state: TrainState, losses: Loss, rates: Array, newest: Array | None
    ) -> tuple[TrainState, Loss]:
        def batch_of(i: Array) -> Array:
            return jnp.asarray(orders.batches)[order, i]

        return iterate(program, (state, losses), rows, batch_of, rates, newest, span, padded=padded)

    given = jax.tree.map(jnp.asarray, (orders.rates, orders.newest))
    of_members = (programs, orders_of_members, states, losses, *given)
    done: tuple[TrainState, Loss]
    if len(orders_of_members) > 1:
        done = jax.vmap(iterations)(*of_members)
        return done
    done = jax.tree.map(lambda leaf: leaf[None], iterations(*jax.tree.map(lambda leaf: leaf[0], of_members)))
    return done


@partial(jax.jit, static_argnames=("structure", "padded"), donate_argnames="state")
def _segment_of_one(
    fixed: Sequence[Array],
    state: TrainState,
    losses: Loss,
    epoch: Epoch,
    span: tuple[Array, Array],
    *,
    structure: Any,
    padded: bool,
) -> tuple[TrainState, Loss]:
    """`_segment` of a single member on one device, without an axis of members."""
    program, rows = jax.tree.unflatten(structure, fixed)
    order, rates, newest = jax.tree.map(jnp.asarray, epoch)
    return iterate(program, (state, losses), rows, lambda i: order[i], rates, newest, span, padded=padded)


@cache
def _segment_on(placement: Placement, *, padded: bool) -> jax.stages.Wrapped:
    """`_segment` on several devices: each has members of its own, and does with them what one device does."""
    loop = partial(_segment, padded=padded)
    mesh, own, all_same = placement.mesh, PartitionSpec(AXIS), PartitionSpec()
    given = (own, own, own, own, all_same, Orders(all_same, own, own), all_same)  # type: ignore[arg-type]
    apart = jax.shard_map(loop, mesh=mesh, in_specs=given, out_specs=own, check_vma=False)
    mine, same = placement.sharding(AXIS), placement.sharding()
    lies = (mine, mine, mine, mine, same, Orders(same, mine, mine), same)  # type: ignore[arg-type]
    return jax.jit(apart, in_shardings=lies, out_shardings=mine, donate_argnums=(2, 3))


@dataclass(frozen=True)
class CompiledMember:
    """A segment compiled for a single member on one device and a maximum number of iterations."""

    run: Callable[..., tuple[TrainState, Loss]]
    iterations: int

    def __call__(
        self, fixed: Sequence[Any], state: TrainState, epoch: Epoch, iterations: int
    ) -> tuple[TrainState, Loss]:
        """The state after the first `iterations` iterations, and the losses of their batches; both are on the device.

        Args:
            fixed: the `fixed_leaves` of program and rows.
            state: the state before; it is used up.
            epoch: the rows of each batch, the learning rates and the shares of the average.
            iterations: how many of them.
        """
        places = np.zeros(self.iterations, np.float32)
        return self.run(fixed, state, Loss(places, places), epoch, (np.int32(0), np.int32(iterations)))


def fixed_leaves(program: Program, rows: Rows) -> list[Any]:
    """The arrays that no iteration changes, on the device: to take the program apart takes as long as a small epoch."""
    return [*(jax.device_put(np.float32(number)) for number in jax.tree.leaves(program)), *jax.tree.leaves(rows)]


@dataclass(frozen=True)
class CompiledPopulation:
    """A segment compiled for a group of members and a maximum number of iterations, and the bytes that it occupies.

    Several devices train as large a part of the group each. `member` is the program where a group is one member, on one
    device.
    """

    run: Callable[..., tuple[TrainState, Loss]]
    group: int
    orders: int
    iterations: int
    memory_bytes: int
    member: CompiledMember | None = None

    def __call__(self, members: Population, rows: Rows, orders: Orders, iterations: int) -> tuple[Population, Loss]:
        """The members after the first `iterations` iterations, and the losses [members, iterations] of their batches.

        Groups are run on all cores of a CPU, one core each; their states are on the host afterwards. Once a loss of a
        member is not finite, that loss and all later ones are NaN: the member made no further update.
        """
        begun = np.array(members.states.step)
        states, losses = self._states_and_losses(members, rows, orders, iterations)
        status = np.asarray(states.status)
        ended = np.where(status == RUNNING, iterations, status - begun)
        known = np.arange(iterations)[None, :] < ended[:, None]
        means, weights = (np.asarray(array)[:, :iterations] for array in losses)
        return members._replace(states=states), Loss(np.where(known, means, np.float32(np.nan)), weights)

    def _states_and_losses(
        self, members: Population, rows: Rows, orders: Orders, iterations: int
    ) -> tuple[TrainState, Loss]:
        if self.group == members.number > 1 and self.orders == len(orders.batches):
            return self._run(members, orders, rows=rows, iterations=iterations)
        on_host: Population = jax.tree.map(np.asarray, members)
        count, size = members.number, self.group
        groups = [range(first, min(first + size, count)) for first in range(0, count, size)]

        def run(group: range) -> tuple[TrainState, Loss]:
            if self.member is not None:
                return _run_alone(self.member, on_host, orders, group[0], rows=rows, iterations=iterations)
            places = np.resize(np.array(group, np.int32), size)  # fills the last group up with its own members
            done = self._run(*_take_group(on_host, orders, places, count=self.orders), iterations=iterations, rows=rows)
            kept: tuple[TrainState, Loss] = jax.tree.map(lambda leaf: np.asarray(leaf)[: len(group)], done)
            return kept

        done = map_on_cores(run, groups)
        together: tuple[TrainState, Loss] = jax.tree.map(lambda *leaves: np.concatenate(leaves), *done)
        return together

    def _run(self, members: Population, orders: Orders, *, rows: Rows, iterations: int) -> tuple[TrainState, Loss]:
        span, losses = (np.int32(0), np.int32(iterations)), _no_losses(members.number, self.iterations)
        done: tuple[TrainState, Loss] = self.run(
            members.programs, members.orders, members.states, losses, rows, orders, span
        )
        return done


def _run_alone(
    run: CompiledMember, members: Population, orders: Orders, place: int, *, rows: Rows, iterations: int
) -> tuple[TrainState, Loss]:
    """The member at a place after its iterations, as a group of one on the host, and the losses of their batches."""
    program, state = jax.tree.map(lambda leaf: leaf[place], (members.programs, members.states))
    newest = None if orders.newest is None else orders.newest[place]
    epoch = Epoch(orders.batches[members.orders[place]], orders.rates[place], newest)
    done = run(fixed_leaves(program, rows), state, epoch, iterations)
    group: tuple[TrainState, Loss] = jax.tree.map(lambda leaf: np.asarray(leaf)[None], done)
    return group


def _take_group(
    members: Population, orders: Orders, places: Int32[np.ndarray, " group"], *, count: int
) -> tuple[Population, Orders]:
    """The members at these places and the orders that they take, padded to the `count` orders of the program."""
    some: Population = jax.tree.map(lambda leaf: leaf[places], members)
    taken, own = np.unique(some.orders, return_inverse=True)
    batches_of_group = orders.batches[np.resize(taken, count)]
    return some._replace(orders=own.astype(np.int32)), Orders(
        batches_of_group, orders.rates[places], None if orders.newest is None else orders.newest[places]
    )


def _no_losses(members: int, iterations: int) -> Loss:
    nothing = np.zeros((members, iterations), np.float32)
    return Loss(*(jax.device_put(nothing, may_alias=False) for _ in Loss._fields))


def compile_population(
    members: Population, rows: Rows, plan: Plan, *, orders: int, iterations: int, together: bool
) -> CompiledPopulation:
    """Compile training for these members, up to `iterations` iterations and `orders` orders of rows; run nothing."""
    first_product()
    placement = rows.placement
    group = placement.count * group_of(-(-members.number // placement.count), together=together)
    waiting = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(members))
    at_once = min(cores(), -(-members.number // group))
    if group == 1:
        compiled = _compile_member(members, rows, plan, iterations)
        member, of_group = CompiledMember(compiled, iterations), 1
    else:
        member, of_group = None, min(orders, group)
        compiled = _compile_group(members, rows, plan, group=group, orders=of_group, iterations=iterations)
    occupied = _occupied_bytes(compiled, rows, at_once) + waiting
    return CompiledPopulation(compiled, group, of_group, iterations, occupied, member)


def _compile_member(members: Population, rows: Rows, plan: Plan, iterations: int) -> jax.stages.Compiled:
    program, state = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), (members.programs, members.states)
    )
    leaves, structure = jax.tree.flatten((program, rows))
    epoch = epoch_without_change(np.zeros((iterations, plan.parts, plan.part_rows), np.int32), state)
    args = (leaves, state, no_losses(iterations), epoch, (np.int32(0), np.int32(0)))
    return _segment_of_one.lower(*args, structure=structure, padded=plan.padded).compile()


def _compile_group(
    members: Population, rows: Rows, plan: Plan, *, group: int, orders: int, iterations: int
) -> jax.stages.Compiled:
    placement = rows.placement
    some: Population = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((group, *leaf.shape[1:]), leaf.dtype), members)
    shape = (orders, iterations, plan.parts, plan.part_rows)
    nothing = np.zeros((group, iterations), np.float32)
    given = Orders(np.zeros(shape, np.int32), nothing, None if members.states.average is None else nothing)
    span, losses = (np.int32(0), np.int32(0)), _no_losses(group, iterations)
    args = (some.programs, some.orders, some.states, losses, rows, given, span)
    if placement == LOCAL:
        return _segment.lower(*args, padded=plan.padded).compile()
    return _segment_on(placement, padded=plan.padded).lower(*args).compile()


def _occupied_bytes(compiled: jax.stages.Compiled, rows: Rows, at_once: int) -> int:
    """Bytes that `at_once` simultaneous runs of a program on the same rows occupy."""
    shared: int = sum(leaf.nbytes for leaf in jax.tree.leaves(rows))
    return shared + at_once * (occupied_bytes(compiled) - shared)
