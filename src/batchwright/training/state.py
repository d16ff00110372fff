"""What a compiled training program is given, and what it changes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from batchwright._component import component
from batchwright.errors import ConfigError
from batchwright.nn.augment import Augment, Views
from batchwright.nn.protocols import TARGETS, Inputs, Network, Tree, Variables, example_for
from batchwright.nn.uncompiled import call_on_host, call_uncompiled
from batchwright.optim import rule
from batchwright.optim.names import leave_out_chosen, list_names, names_of, refuse_unmatched
from batchwright.optim.rule import Optimizer
from batchwright.tasks import Task
from batchwright.tasks.target_columns import target_columns
from batchwright.training.placement import LOCAL, Placement, is_divided, placement_of
from batchwright.training.shapes import by_shapes

Precision = Literal["float32", "bfloat16"]

KEYS = "threefry2x32"
"""The generator of random numbers: under `vmap`, each member of a population draws its own."""

RUNNING = -1
"""The status of a run whose losses have all been finite; any other status is the iteration at which one was not."""


@runtime_checkable
class Arrays(Protocol):
    """Rows as arrays, as in `data.Split`."""

    @property
    def inputs(self) -> dict[str, np.ndarray]: ...
    @property
    def targets(self) -> np.ndarray: ...
    @property
    def weights(self) -> np.ndarray | None: ...


class Rows(NamedTuple):
    """Rows on the device, in compact dtypes: inputs by name, targets [n] or [n, k], weights [n]."""

    inputs: Inputs
    targets: jax.Array
    weights: jax.Array | None

    def __repr__(self) -> str:
        """How many rows."""
        return f"<Rows: {self.length:,}, inputs {', '.join(self.inputs)}>"

    @property
    def length(self) -> int:
        """The number of rows."""
        return len(self.targets)

    @property
    def placement(self) -> Placement:
        """The devices that they lie on."""
        return placement_of(self.targets)

    @property
    def are_divided(self) -> bool:
        """Whether each device has rows of its own, rather than a copy of all."""
        return is_divided(self.targets)


@jax.jit
def take_rows(rows: Rows, places: np.ndarray | jax.Array) -> Rows:
    """The rows at these places."""
    some: Rows = jax.tree.map(lambda array: array[places], rows)
    return some


@component
class Model:
    """A network and its task, which says what the outputs mean; with variables, it is evaluated, saved and predicts.

    With `views`, what it answers is the mean of the network's outputs for several views of each image.
    """

    network: Network
    task: Task
    views: Views | None = None

    def __repr__(self) -> str:
        """The network and the task."""
        return f"<Model: {type(self.network).__name__} with {type(self.task).__name__}>"

    @property
    def without_views(self) -> "Model":
        """The model that looks at each image as it is."""
        return replace(self, views=None)

    def losses(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """The loss of each row [n] in training: of outputs [n, k, o], the mean of the losses of the k submodels."""
        if outputs.ndim == 2:
            return self.task.losses(outputs, targets)
        rows, submodels, _ = outputs.shape
        each = self.task.losses(outputs.reshape(rows * submodels, -1), jnp.repeat(targets, submodels, axis=0))
        return each.reshape(rows, submodels).mean(axis=1)

    def outputs(self, variables: Variables, inputs: Inputs) -> jax.Array:
        """What the network answers in evaluation mode, float32 [n, o]; the outputs of submodels are pooled."""
        outputs = self.each_output(variables, inputs)
        return self.task.pool(outputs) if outputs.ndim == 3 else outputs

    def each_output(self, variables: Variables, inputs: Inputs) -> jax.Array:
        """The outputs of the network in evaluation mode; of k submodels, those of each [n, k, o]."""
        seen = [inputs] if self.views is None else [inputs | {"image": one} for one in self.views.of(inputs["image"])]
        each = [self.network.apply(variables, one, train=False, key=None, present=None)[0] for one in seen]
        return each[0] if len(each) == 1 else jnp.mean(jnp.stack(each), axis=0)


@component
class Program:
    """What is trained, and by which rule; changing its numbers, the hyperparameters, compiles nothing.

    `frozen` holds patterns of names (`optim.names`) whose parameters stay as they are: they have no gradient, no decay
    and no optimizer state. `averaged` says whether an average of the parameters is kept beside them. `augment` says how
    the images are changed at random; None leaves them as they are.
    """

    model: Model
    optimizer: Optimizer
    frozen: tuple[str, ...] = ()
    averaged: bool = False
    augment: Augment | None = None

    def trained_params(self, params: Tree) -> Tree:
        """The parameters that are trained; None in place of frozen ones."""
        trained: Tree = leave_out_chosen(params, self.frozen)
        return trained


class TrainState(NamedTuple):
    """Everything that changes in training.

    `step` counts the updates made, int32 []. `key` is the data of the run's random key, uint32 [2], folded with the
    step for dropout. `status` is `RUNNING`, or the iteration, counted from 0, whose loss was not finite; nothing
    changed after it. `average` is the average of the variables (`training.average`); None where none is kept.
    """

    params: Tree
    state: Tree
    opt_state: Any
    step: jax.Array
    key: jax.Array
    status: jax.Array
    average: Variables | None = None

    def __repr__(self) -> str:
        """The number of parameter arrays."""
        return f"<TrainState: {len(jax.tree.leaves(self.params)):,} arrays of parameters>"

    @property
    def variables(self) -> Variables:
        """What the network needs to be applied, as in training."""
        return Variables(self.params, self.state)

    @property
    def evaluated(self) -> Variables:
        """The variables that are evaluated and kept: the average, if there is one."""
        return self.variables if self.average is None else self.average


def to_device(split: Arrays, placement: Placement = LOCAL) -> Rows:
    """The rows of a split on each device; one device uses the memory of an array that nobody can change."""

    def put(array: np.ndarray) -> jax.Array:
        placed: jax.Array = _put(array) if placement == LOCAL else placement.everywhere(array)  # type: ignore[assignment]
        return placed

    weights = None if split.weights is None else put(split.weights)
    return Rows({name: put(array) for name, array in split.inputs.items()}, put(split.targets), weights)


def _put(array: np.ndarray) -> jax.Array:
    placed: jax.Array = jax.device_put(array, may_alias=not array.flags.writeable)
    return placed


def initial_state(program: Program, example: Mapping[str, np.ndarray | jax.Array], *, seed: int) -> TrainState:
    """The state before the first iteration: a pure function of the program, the example rows and the seed."""
    return state_with(program, initial_variables(program.model, example, seed=seed), seed=seed)


@by_shapes
def state_shapes(program: Program, example: Mapping[str, np.ndarray | jax.Array | jax.ShapeDtypeStruct]) -> TrainState:
    """The shapes and dtypes of `initial_state`, without content. The trace of the network is made once for both."""
    model = program.model
    variables = jax.eval_shape(_variables, model, example_for(model.network, example), _key(0))
    _check_frozen(program, variables.params)
    shapes: TrainState = jax.eval_shape(
        _state_of(program.frozen, program.averaged), program.optimizer, variables, _key(0)
    )
    return shapes


def initial_variables(model: Model, example: Mapping[str, np.ndarray | jax.Array], *, seed: int) -> Variables:
    """The first variables of a network for rows shaped like these."""
    variables: Variables = call_uncompiled(_variables, model, example_for(model.network, example), _key(seed))
    return variables


def state_with(program: Program, variables: Variables, *, seed: int) -> TrainState:
    """The state of `initial_state`, but with these variables.

    Raises:
        ConfigError: a pattern of the optimizer, or of what is frozen, matches no parameter, or all of them are frozen.
    """
    return _make_state(call_uncompiled, program, variables, seed)


def host_state_with(program: Program, variables: Variables, *, seed: int) -> TrainState:
    """`state_with` on the host; its parameters are the arrays of the variables, which nobody may change."""
    return _make_state(call_on_host, program, variables, seed)


def _make_state(call: Callable[..., Any], program: Program, variables: Variables, seed: int) -> TrainState:
    _check_frozen(program, variables.params)
    made = _state_of(program.frozen, program.averaged)
    state: TrainState = call(made, program.optimizer, variables, _key(seed))
    return state


def _check_frozen(program: Program, params: Tree) -> None:
    names = names_of(params)
    refuse_unmatched("training.freeze", program.frozen, names)
    if program.frozen and not jax.tree.leaves(program.trained_params(params)):
        raise ConfigError(
            f"training.freeze: {', '.join(map(repr, program.frozen))} leaves no parameter to be trained, of "
            f"{list_names(names)}: freeze fewer."
        )


def _key(seed: int) -> jax.Array:
    """`jax.random.key` of a seed below 2**32, which would compile two programs."""
    key: jax.Array = jax.random.wrap_key_data(jax.device_put(np.array([0, seed], np.uint32)), impl=KEYS)
    return key


def _variables(model: Model, example: dict[str, np.ndarray | jax.Array], key: jax.Array) -> Variables:
    initial, _ = jax.random.split(key)
    shown = {name: jnp.asarray(array) for name, array in example.items()}
    targets = {name: target_columns(model.task, shown[name]) for name in shown if name == TARGETS}
    return model.network.init(initial, shown | targets)


@cache
def _state_of(frozen: tuple[str, ...], averaged: bool) -> Callable[..., TrainState]:
    """`_state` with these; the same function each time, which JAX then traces once for all numbers of a rule."""
    return partial(_state, frozen=frozen, averaged=averaged)


def _state(
    optimizer: Optimizer, variables: Variables, key: jax.Array, *, frozen: tuple[str, ...], averaged: bool
) -> TrainState:
    _, training = jax.random.split(key)
    return TrainState(
        variables.params,
        variables.state,
        rule.init(optimizer, leave_out_chosen(variables.params, frozen)),
        jnp.zeros((), jnp.int32),
        jax.random.key_data(training),
        jnp.full((), RUNNING, jnp.int32),
        jax.tree.map(jnp.copy, variables) if averaged else None,
    )
