"""One iteration with all its numbers: forward pass, loss, each derivative by the chain rule, and the update.

For rows i of a batch of B, a layer with inputs a and outputs z = a·W + b, and the mean loss L:

    δᵢ = ∂L/∂zᵢ          ∂L/∂W = Σᵢ aᵢᵀ·δᵢ          ∂L/∂b = Σᵢ δᵢ          ∂L/∂aᵢ = δᵢ·Wᵀ

and through an activation a = f(z), δᵢ = ∂L/∂aᵢ · f′(zᵢ). Each δᵢ has the factor 1/B of the mean in it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from batchwright.errors import UsageError
from batchwright.lab.descent.descend import on_processor
from batchwright.lab.descent.program import QUICKLY
from batchwright.lab.network.live import Live
from batchwright.nn.activations import Activation
from batchwright.nn.layers import Dropout, Sequential, name_of_layer
from batchwright.nn.networks import FeedForward
from batchwright.nn.protocols import Layer, Tree, Variables
from batchwright.optim import update
from batchwright.training.state import KEYS, Program, TrainState

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Link:
    """A layer in the chain, for each row of the batch.

    Args:
        name: as its variables are named, such as dense_0.
        kind: what it does, such as dense or tanh.
        inputs: what goes in [rows, inputs].
        outputs: what comes out [rows, units].
        slopes_out: ∂L/∂outputs [rows, units]; δ of a dense layer.
        slopes_in: ∂L/∂inputs [rows, inputs].
        parameters: of the layer, by name, such as kernel [inputs, units]; none for an activation.
    """

    name: str
    kind: str
    inputs: Floats
    outputs: Floats
    slopes_out: Floats
    slopes_in: Floats
    parameters: "dict[str, Learned]"


@dataclass(frozen=True)
class Learned:
    """A parameter in one iteration: before, its gradient, and after."""

    before: Floats
    gradient: Floats
    after: Floats


@dataclass(frozen=True)
class Chain:
    """One iteration of a small network.

    Args:
        iteration: its number, from 1.
        rows: the training rows of the batch.
        points: their inputs in their own units [rows, inputs].
        targets: their classes' codes, or numbers as the network is to give them.
        learning_rate: of the iteration.
        links: the layers, from the first to the last.
        losses: of each row.
        loss: the mean of these, whose derivatives the slopes are.
    """

    iteration: int
    rows: NDArray[np.int64]
    points: Floats
    targets: Floats
    learning_rate: float
    links: tuple[Link, ...]
    losses: Floats
    loss: float

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "iteration": self.iteration,
            "rows": self.rows.tolist(),
            "points": self.points.tolist(),
            "targets": self.targets.tolist(),
            "learning_rate": self.learning_rate,
            "loss": self.loss,
            "losses": self.losses.tolist(),
            "links": [_plain_link(link) for link in self.links],
        }


def _plain_link(link: Link) -> dict[str, Any]:
    arrays = {name: getattr(link, name).tolist() for name in ("inputs", "outputs", "slopes_out", "slopes_in")}
    learned = {
        name: {when: getattr(one, when).tolist() for when in ("before", "gradient", "after")}
        for name, one in link.parameters.items()
    }
    return {"name": link.name, "kind": link.kind, **arrays, "parameters": learned}


def chain(live: Live) -> Chain:
    """The next iteration of a training, with all its numbers; the training itself stays where it is.

    Raises:
        UsageError: the training has diverged.

    >>> from batchwright.lab import SmallNetwork, choose_points, draw_points
    >>> one = chain(Live(SmallNetwork(choose_points(draw_points("xor")), batch_size=4)))
    >>> [link.kind for link in one.links]
    ['dense', 'tanh', 'dense', 'tanh', 'dense']
    """
    if live.diverged:
        raise UsageError("the loss is no longer a finite number: begin anew, with a smaller learning rate.")
    small, batch = live.small, live.next_batch()
    rate, train = float(small.optimizer.learning_rate), small.rows.dataset.train
    spare = np.zeros(small.plan.part_rows - len(batch), np.int64)  # as in training, where all batches have one shape
    places = np.concatenate([batch, spare])
    given = _Given(
        {name: array[places] for name, array in train.inputs.items()},
        train.targets[places],
        np.arange(len(places)) < len(batch),
        np.float32(rate),
    )
    with on_processor():
        found: _Found = jax.device_get(_compile()(small.program, live.state, given))
    targets = np.asarray(train.targets[batch], np.float64)
    losses = np.asarray(found.losses, np.float64)[: len(batch)]
    links = _join(small.model.network, found, live.state.params["body"], len(batch))
    points = small.rows.points[batch]
    return Chain(live.iteration + 1, batch, points, targets, rate, links, losses, float(found.loss))


class _Given(NamedTuple):
    """The rows of a batch, which of them are there, and the learning rate."""

    inputs: Any
    targets: Any
    present: Any
    rate: Any


class _Found(NamedTuple):
    """What goes into the first layer, the output of each, the slopes there and before it, and what is learned."""

    entered: Any
    outputs: list[Any]
    slopes: list[Any]
    gradients: Tree
    after: Tree
    losses: Any
    loss: Any


@cache
def _compile() -> Callable[[Program, TrainState, _Given], _Found]:
    return jax.jit(_differentiate, compiler_options=QUICKLY)


def _differentiate(program: Program, state: TrainState, given: _Given) -> _Found:
    """The chain of one iteration.

    A 0 is added to each output; the slope of the loss with regard to it is the one with regard to the output.
    """
    network, task = program.model.network, program.model.task
    assert isinstance(network, FeedForward)
    entered = network.encoder.apply(Variables(state.params["inputs"], state.state["inputs"]), given.inputs)
    key = jax.random.fold_in(jax.random.wrap_key_data(state.key, impl=KEYS), state.step)
    shares = given.present / given.present.sum()

    def apply(params: Tree, first: Array, zeros: Sequence[Array] | None) -> list[Array]:
        variables = Variables(params["body"], state.state["body"])
        return _apply(network.body, variables, first, zeros, _Mode(key, given.present))

    def loss(params: Tree, zeros: list[Array]) -> tuple[Array, tuple[list[Array], Array]]:
        outputs = apply(params, entered + zeros[0], zeros[1:])
        losses = task.losses(outputs[-1], given.targets)
        return jnp.sum(losses * shares), (outputs, losses)

    shapes = jax.eval_shape(lambda: apply(state.params, entered, None))
    zeros = [jnp.zeros_like(entered), *(jnp.zeros(shape.shape) for shape in shapes)]
    differentiate = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)
    (mean, (outputs, losses)), (gradients, slopes) = differentiate(state.params, zeros)
    after, _ = update(program.optimizer, gradients, state.opt_state, state.params, given.rate)
    return _Found(entered, outputs, slopes, gradients["body"], after["body"], losses, mean)


class _Mode(NamedTuple):
    """How layers are applied in training: what they draw by, and which rows are there."""

    key: Array
    present: Array


def _apply(body: Any, variables: Variables, x: Array, zeros: Sequence[Array] | None, mode: _Mode) -> list[Array]:
    """The output of each layer in turn, as `Sequential` applies them, with zeros added."""
    assert isinstance(body, Sequential)
    outputs = list[Array]()
    for index, layer in enumerate(body.layers):
        name, key = name_of_layer(index, layer), jax.random.fold_in(mode.key, index)
        own = Variables(variables.params.get(name, {}), variables.state.get(name, {}))
        x, _ = layer.apply(own, x, train=True, key=key, present=mode.present)
        x = x if zeros is None else x + zeros[index]
        outputs.append(x)
    return outputs


def _join(network: Any, found: _Found, before: Tree, rows: int) -> tuple[Link, ...]:
    """The layers with what goes in and comes out; layers that change nothing are left out."""
    links, ins = list[Link](), [found.entered, *found.outputs[:-1]]
    for index, layer in enumerate(network.body.layers):
        if not _acts(layer):
            continue
        name = name_of_layer(index, layer)
        arrays = (ins[index], found.outputs[index], found.slopes[index + 1], found.slopes[index])
        inside, out, slopes_out, slopes_in = (np.asarray(array, np.float64)[:rows] for array in arrays)
        trees = (before, found.gradients, found.after)
        learned = {
            leaf: Learned(*(np.asarray(tree[name][leaf], np.float64) for tree in trees))
            for leaf in before.get(name, {})
        }
        links.append(Link(name, kind_of(layer), inside, out, slopes_out, slopes_in, learned))
    return tuple(links)


def kind_of(layer: Layer) -> str:
    """What a layer does: its activation, or its class in words."""
    return layer.name if isinstance(layer, Activation) else name_of_layer(0, layer).rpartition("_")[0]


def _acts(layer: Layer) -> bool:
    """Whether a layer changes anything: dropout that is switched off does not."""
    return not (isinstance(layer, Dropout) and layer.rate == 0.0)
