"""The statistics of batch normalization, computed anew for parameters that do not change meanwhile.

The running averages of training are means over the batches of some hundred iterations, which other parameters have
seen: while the learning rate is high, they lag behind. Here some batches pass the network with the same parameters, in
training mode, and each statistic becomes the mean of those of these batches.
"""

from collections.abc import Callable
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Int32

from batchwright.nn.frozen import with_batch_statistics
from batchwright.nn.protocols import Inputs, Network, Tree, Variables, is_in_bfloat16
from batchwright.training.libraries import for_many_rows
from batchwright.training.order import permutation
from batchwright.training.plan import Plan
from batchwright.training.state import KEYS, Rows, TrainState

MOST_BATCHES, ITERATIONS_PER_BATCH = 32, 32
"""The most batches whose statistics are taken, and iterations of an epoch for each: a batch takes about a third of an
iteration, so all take about 1 % of an epoch."""
LEAST_ITERATIONS = 8 * ITERATIONS_PER_BATCH
"""Iterations of an epoch from which this is worth while: fewer batches than 8 say less than the running averages."""
STATISTICS = 0x73746174
"""Folded into the key of an iteration, for dropout to draw other numbers than in training; and what chooses rows."""


def batches_of(plan: Plan) -> Int32[np.ndarray, "batches n"]:
    """Row numbers of some whole batches, by chance: rows next to each other, or evenly apart, may be of one kind.

    They are of different rows, and the same each time.

    >>> batches_of(Plan(training_rows=8, batch_size=2, epochs=1)).shape
    (1, 2)
    >>> batches_of(Plan(training_rows=60_000, batch_size=128, epochs=1)).shape
    (14, 128)
    """
    count = max(1, min(MOST_BATCHES, plan.iterations_per_epoch // ITERATIONS_PER_BATCH))
    order = permutation(plan.training_rows, seed=STATISTICS, epoch=0)
    return order[: count * plan.part_rows].reshape(count, plan.part_rows)


def with_statistics(network: Network, state: TrainState, rows: Rows, plan: Plan) -> Variables:
    """The variables of a state that are evaluated, with statistics of some batches of these rows."""
    batches = batches_of(plan)
    key = jax.random.fold_in(jax.random.fold_in(jax.random.wrap_key_data(state.key, impl=KEYS), state.step), STATISTICS)
    return statistics_of(network, state.evaluated, rows, batches, key)


def statistics_of(
    network: Network, variables: Variables, rows: Rows, batches: Int32[np.ndarray, "batches n"], key: Array
) -> Variables:
    """The variables with statistics of these batches in the state of batch normalization."""
    own, names = with_batch_statistics(network)
    if not names:
        return variables
    found = _compile_statistics(bfloat16=is_in_bfloat16(network))(own, variables, rows.inputs, batches, key)
    state = variables.state
    for name in names:
        state = _replaced(state, name.split("/"), found)
    return Variables(variables.params, state)


def _replaced(state: Tree, path: list[str], found: Tree) -> Tree:
    if not path:
        return state | {name: found[name] for name in ("mean", "variance")}
    return state | {path[0]: _replaced(state[path[0]], path[1:], found[path[0]])}


@cache
def _compile_statistics(
    *, bfloat16: bool
) -> Callable[[Network, Variables, Inputs, Int32[np.ndarray, "batches n"], Array], Tree]:
    return jax.jit(_statistics, compiler_options=for_many_rows(bfloat16=bfloat16))


def _statistics(network: Network, variables: Variables, inputs: Inputs, batches: Array, key: Array) -> Tree:
    """The mean of the states after each of the batches alone."""

    def state_after(number: Array) -> Tree:
        batch = {name: array[batches[number]] for name, array in inputs.items()}
        drawn = jax.random.fold_in(key, number)
        state: Tree = network.apply(variables, batch, train=True, key=drawn, present=None)[1]
        return state

    states = lax.map(state_after, jnp.arange(len(batches)))
    found: Tree = jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), states)
    return found
