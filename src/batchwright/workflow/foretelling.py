"""Predict the memory and compile time of a network from shapes alone, and refuse one that needs too much.

Nothing is allocated, drawn or compiled here: an array of a thousand million numbers costs as little as a small one.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from batchwright.errors import ConfigError
from batchwright.measure.device_memory import fits, free_memory
from batchwright.nn.ensembles import submodels_of
from batchwright.nn.protocols import TARGETS, Inputs, Network, Tree, Variables
from batchwright.nn.series import Series
from batchwright.training.plan import Plan
from batchwright.training.shapes import by_shapes
from batchwright.training.state import Program, state_shapes

MOST_PER_AXIS = 2**31 - 1

LAYER_SECONDS = 0.1
"""Approximate seconds to compile one layer, for first variables and training together: 0.3 to 0.4 s measured on two
cores for a hidden layer, which is four of them: Dense, BatchNorm, activation, dropout."""
MOST_COMPILE_SECONDS = 120.0
"""A network predicted to compile for longer is refused. Deeper networks of this kind are not known to learn more."""
NOTED_COMPILE_SECONDS = 15.0
"""A network predicted to compile for longer is reported."""

LITTLE_WORK = 5e9
"""Products of a whole training below which its loop is compiled quickly (`training.libraries.QUICKLY`): about a second
of a core, less than compiling it well takes. It is a bound of work and not of time, as last bits depend on it."""
OF_UPDATE = 100_000
"""Products that take as long as an update takes beside them: 20 microseconds of a core."""

KEPT_PER_NUMBER = 8
"""More arrays than any layer here keeps per number for the gradient: a bound that can be computed without tracing the
network."""


@dataclasses.dataclass(frozen=True)
class Foretold:
    """What training a network needs.

    - parameters: numbers that are learned
    - memory_bytes: memory of parameters, gradients and optimizer state, and of what a batch keeps for the gradient
    - compile_seconds: about how long the programs take to compile, if none is in the cache
    """

    parameters: int
    memory_bytes: int
    compile_seconds: float


def refuse_too_large(program: Program, plan: Plan, example: Mapping[str, np.ndarray]) -> Foretold:
    """What training needs; refuse a network that does not fit on this machine, or takes minutes to compile.

    Args:
        program: what would be trained.
        plan: its batches.
        example: rows that the network is shown when it is made.

    Raises:
        ConfigError: states what was requested, what it would need, what there is, and what to do.
    """
    network = program.model.network
    if largest_size(network) > MOST_PER_AXIS:
        raise ConfigError(
            f"a layer of this network has a size of more than {MOST_PER_AXIS:,}, the most places that an array has "
            "along an axis: take smaller layers."
        )
    if (seconds := compile_seconds(network)) > MOST_COMPILE_SECONDS:
        raise ConfigError(
            f"a network of {layers_of(network):,} layers (counting normalization, activation and dropout) would take "
            f"about {_duration(seconds)} to compile; what takes more than {_duration(MOST_COMPILE_SECONDS)} is "
            "refused: take fewer hidden layers, and wider ones if need be."
        )
    free = free_memory()
    foretold = foretell(program, plan, example, enough=lambda most: fits(most, free))
    if not fits(foretold.memory_bytes, free):
        raise ConfigError(
            f"a network of {foretold.parameters:,} parameters would take about {_size(foretold.memory_bytes)} to train "
            f"with batches of {plan.part_rows:,} rows (parameters, gradients, optimizer, activations), and "
            f"{_size(free or 0)} are free: take smaller layers, or smaller batches."
        )
    return foretold


def slow_compile_notes(program: Program) -> Iterator[str]:
    """A sentence about a network that takes long to compile."""
    seconds = compile_seconds(program.model.network)
    if seconds > NOTED_COMPILE_SECONDS:
        yield f"{layers_of(program.model.network):,} layers take about {_duration(seconds)} to compile, the first time"


def foretell(
    program: Program,
    plan: Plan,
    example: Mapping[str, np.ndarray],
    *,
    enough: Callable[[int], bool] = lambda _: False,
) -> Foretold:
    """What training needs.

    Tracing the network takes tens of milliseconds. It is skipped if `enough` is True of an upper bound of the memory
    that needs no tracing; the bound is then returned.
    """
    state = state_shapes(program, example)
    params, seconds = _bytes(state.params), compile_seconds(program.model.network)
    held, parameters = _bytes(state) + params, sum(prod(leaf.shape) for leaf in jax.tree.leaves(state.params))
    bound = held + plan.part_rows * _places(program.model.network, example) * params * KEPT_PER_NUMBER
    if enough(bound):
        return Foretold(parameters, bound, seconds)
    return Foretold(parameters, held + _kept_bytes(program, example, plan.part_rows), seconds)


def is_little_work(network: Network, parameters: int, plan: Plan, example: Mapping[str, np.ndarray]) -> bool:
    """Whether a training is so short that compiling its loop well takes longer than the loop."""
    products = plan.batch_size * parameters * _places(network, example)
    return plan.updates * (OF_UPDATE + products) <= LITTLE_WORK


def _places(network: Network, example: Mapping[str, np.ndarray]) -> int:
    """The most pixels of an image, steps of a series, or words of a text, at which a parameter is used; by submodel."""
    walked = {"image", "text", "numeric"} if holds_layer(network, Series) else {"image", "text"}
    places = max((prod(array.shape[1:3]) for name, array in example.items() if name in walked), default=1)
    return places * submodels_of(network)


def holds_layer(part: Any, layer: type[Any]) -> bool:
    """Whether a layer of this kind is anywhere in a network."""
    if isinstance(part, tuple):
        return any(holds_layer(inner, layer) for inner in part)
    if isinstance(part, layer) or not dataclasses.is_dataclass(part):
        return isinstance(part, layer)
    return any(holds_layer(getattr(part, field.name), layer) for field in dataclasses.fields(part))


def largest_size(network: Any) -> int:
    """The largest integer among the fields of a network and of its components."""
    if isinstance(network, tuple):
        return max(map(largest_size, network), default=0)
    if dataclasses.is_dataclass(network):
        return max((largest_size(getattr(network, field.name)) for field in dataclasses.fields(network)), default=0)
    return network if isinstance(network, int) else 0


def compile_seconds(network: Network) -> float:
    """About how long a network takes to compile."""
    return LAYER_SECONDS * layers_of(network)


def layers_of(network: Any) -> int:
    """The number of layers: the components that contain no others. An object that is no component is one layer."""
    if isinstance(network, tuple):
        return sum(map(layers_of, network))
    if not dataclasses.is_dataclass(network):
        return 0
    inner = sum(layers_of(getattr(network, field.name)) for field in dataclasses.fields(network))
    return inner or 1


@by_shapes
def _kept_bytes(program: Program, example: Mapping[str, Any], rows: int) -> int:
    """Bytes that a part of a batch keeps for the gradient, besides the parameters themselves."""
    network, state = program.model.network, state_shapes(program, example)

    def kept(variables: Variables, inputs: Inputs) -> Any:
        def outputs(params: Tree) -> tuple[Array, Tree]:
            at = Variables(params, variables.state)
            return network.apply(at, inputs, train=True, key=jax.random.key(0), present=None)

        return jax.vjp(outputs, variables.params, has_aux=True)[1]

    inputs = {
        name: jax.ShapeDtypeStruct((rows, *array.shape[1:]), array.dtype)
        for name, array in example.items()
        if name != TARGETS
    }
    return max(0, _bytes(jax.eval_shape(kept, state.variables, inputs)) - _bytes(state.params))


def _bytes(tree: Any) -> int:
    """Bytes of all arrays of a tree, as integers of any size."""
    return sum(prod(leaf.shape) * jnp.dtype(leaf.dtype).itemsize for leaf in jax.tree.leaves(tree) if _is_array(leaf))


def _is_array(leaf: Any) -> bool:
    return hasattr(leaf, "shape") and not jnp.issubdtype(leaf.dtype, jax.dtypes.extended)


def _size(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:,.0f} minutes" if seconds >= 100 else f"{seconds:,.0f} seconds"
