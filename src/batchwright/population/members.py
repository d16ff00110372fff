"""What is trained at once: programs that differ in numbers alone, each with a state and an order of the rows."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int32

from batchwright.errors import ConfigError
from batchwright.training.state import Program, TrainState, initial_state


class Members(NamedTuple):
    """A population: `programs` and `states` have an axis of members in front of every array.

    `orders` says which of the orders of the rows that are given to a segment each member takes.
    """

    programs: Program
    states: TrainState
    orders: Int32[jax.Array, " members"]

    @property
    def number(self) -> int:
        """How many there are."""
        return len(self.orders)


def stacked(trees: Sequence[Program]) -> Program:
    """Programs as one whose numbers have an axis of members in front.

    Raises:
        ConfigError: they differ in more than numbers.
    """
    structures = {str(jax.tree.structure(tree)) for tree in trees}
    if len(structures) > 1:
        raise ConfigError("what is trained at once has to differ in numbers alone, not in layers, rules or options.")
    together: Program = jax.tree.map(lambda *leaves: jnp.asarray(leaves, jnp.float32), *trees)
    return together


def begin(programs: Sequence[Program], seeds: Sequence[int], example: Mapping[str, np.ndarray | jax.Array]) -> Members:
    """Members before the first iteration: one for every program and seed, `programs[i]` with `seeds[i]`.

    Each begins as it would alone: `initial_state` of its program and seed; those of a seed take the same order.
    """
    together, distinct, fresh = stacked(programs), list(dict.fromkeys(seeds)), dict[tuple[int, int], TrainState]()
    pairs = [(id(program), seed) for program, seed in zip(programs, seeds, strict=True)]
    for pair, program in zip(pairs, programs, strict=True):
        if pair not in fresh:
            fresh[pair] = initial_state(program, example, seed=pair[1])
    states = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(fresh[pair] for pair in pairs))
    return Members(together, states, jnp.asarray([distinct.index(seed) for seed in seeds], jnp.int32))


def chosen(members: Members, which: Sequence[int]) -> Members:
    """The members with these numbers, as a population of their own."""
    places = jnp.asarray(which, jnp.int32)
    some: Members = jax.tree.map(lambda leaf: leaf[places], members)
    return some
