"""Members of a population: programs that differ only in numbers, each with a state and an order of the rows."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int32

from batchwright.errors import ConfigError
from batchwright.nn.protocols import Variables
from batchwright.training.state import Program, TrainState, host_state_with, initial_variables, state_shapes

C = TypeVar("C")


class Population(NamedTuple):
    """A population: every array of `programs` and `states` has a leading axis of members.

    `orders` says, for each member, which of the row orders given to a segment it takes.
    """

    programs: Program
    states: TrainState
    orders: Int32[jax.Array | np.ndarray, " members"]

    @property
    def number(self) -> int:
        """The number of members."""
        return len(self.orders)


def stack_programs(trees: Sequence[Program]) -> Program:
    """Stack programs into one whose numbers have a leading axis of members.

    Raises:
        ConfigError: the programs differ in more than numbers.
    """
    structures = {str(jax.tree.structure(tree)) for tree in trees}
    if len(structures) > 1:
        raise ConfigError("what is trained at once has to differ in numbers alone, not in layers, rules or options.")
    together: Program = jax.tree.map(jnp.asarray, stack_numbers(trees))
    return together


def stack_numbers(components: Sequence[C]) -> C:
    """Components of one structure as one whose numbers have a leading axis, on the host."""
    together: C = jax.tree.map(lambda *numbers: np.asarray(numbers, np.float32), *components)
    return together


def begin(
    programs: Sequence[Program], seeds: Sequence[int], example: Mapping[str, np.ndarray | jax.Array]
) -> Population:
    """Members before the first iteration: one for every program and seed, `programs[i]` with `seeds[i]`.

    Each begins as it would alone: `initial_state` of its program and seed. Members with the same seed take the same
    order of rows. What a network learns of the example is computed once for all members with equal seed and model.
    """
    stack_programs(programs)  # refuses what cannot be trained at once before anything is made
    variables = dict[tuple[int, bytes], Variables]()
    each = []
    for program, seed in zip(programs, seeds, strict=True):
        which = seed, b"".join(np.asarray(number).tobytes() for number in jax.tree.leaves(program.model))
        if which not in variables:
            variables[which] = initial_variables(program.model, example, seed=seed)
        each.append(host_state_with(program, variables[which], seed=seed))
    return stack_members(programs, seeds, each)


def stack_members(programs: Sequence[Program], seeds: Sequence[int], each: Sequence[TrainState]) -> Population:
    """Members of which each has a program, a seed and a state; see `begin`."""
    distinct = list(dict.fromkeys(seeds))
    orders = np.array([distinct.index(seed) for seed in seeds], np.int32)
    states = jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves]), *each)
    return Population(stack_programs(programs), states, orders)


def shapes_of(program: Program, example: Mapping[str, np.ndarray | jax.Array], *, members: int) -> Population:
    """What `begin` makes for `members` copies of this program with different seeds: shapes and dtypes, no content."""
    one = state_shapes(program, example)
    numbers = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(np.shape(leaf), jnp.float32), program)
    shapes: Population = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((members, *leaf.shape), leaf.dtype),
        Population(numbers, one, jnp.zeros((), jnp.int32)),
    )
    return shapes


def choose_members(members: Population, which: Sequence[int] | np.ndarray) -> Population:
    """The members with these numbers, as a population of their own; the orders keep their numbers."""
    places = np.asarray(which, np.int32)
    # On the host: on the device, each number of places would be a program of its own.
    some: Population = jax.tree.map(lambda leaf: np.asarray(leaf)[places], members)
    return some
