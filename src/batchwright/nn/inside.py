"""Look inside a network: its outputs, and with them the output of each of its layers.

Only batchwright's own ways to combine layers are looked into. A network of a user's own shows nothing, and a layer or
module of another kind shows its output alone.
"""

from math import prod
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from batchwright.nn.custom import Headed
from batchwright.nn.embeddings import Encoder
from batchwright.nn.foreign.torch import Copied
from batchwright.nn.layers import Dropout, Residual, Sequential, name_of_layer
from batchwright.nn.mixed import ImageAndRest
from batchwright.nn.networks import FeedForward
from batchwright.nn.protocols import Inputs, Layer, Network, Tree, Variables


class Seen(NamedTuple):
    """The output of a layer, or of the encoder in front of all, by the name of its variables."""

    name: str
    layer: Layer | Encoder
    output: Array


class _Mode(NamedTuple):
    """How the layers are applied: in training or not, with which random key."""

    train: bool
    key: Array | None

    def inside(self, index: int) -> "_Mode":
        """The mode for a layer among others."""
        return self if self.key is None else self._replace(key=jax.random.fold_in(self.key, index))


def look_inside(
    network: Network, variables: Variables, inputs: Inputs, *, train: bool, key: Array | None
) -> tuple[Array, list[Seen]]:
    """The outputs of `network.apply` for rows that are all present, and what its layers give, in their order.

    Dropout is left out where it is seen: outputs do not depend on chance then, and less is compiled.

    >>> from batchwright.nn import MLP, Features
    >>> network, rows = MLP((4,)).build(Features(numeric=3), 2), {"numeric": jnp.ones((5, 3))}
    >>> variables = network.init(jax.random.key(0), rows)
    >>> outputs, seen = look_inside(network, variables, rows, train=False, key=None)
    >>> [one.name for one in seen]
    ['inputs', 'body/dense_0', 'body/batch_norm_1', 'body/activation_2', 'body/dense_4']
    """
    if not isinstance(network, FeedForward):
        return network.apply(variables, inputs, train=train, key=key, present=None)[0], []
    encoder, body = (Variables(*(tree[part] for tree in variables)) for part in ("inputs", "body"))
    x = network.encoder.apply(encoder, inputs).astype(network.dtype)
    outputs, seen = _apply(network.body, "body", body, x, _Mode(train, key))
    return outputs.astype(jnp.float32), [Seen("inputs", network.encoder, x), *seen]


def _apply(layer: Layer, name: str, variables: Variables, x: Array, mode: _Mode) -> tuple[Array, list[Seen]]:
    """The output of a layer, and what the layers in it give."""
    match layer:
        case Dropout():
            return x, []
        case Sequential(layers):
            return _apply_in_turn(layers, name, variables, x, mode)
        case ImageAndRest(image, body):
            rest = x.shape[1] - prod(image)
            made, seen = _apply(body, name, variables, x[:, rest:].reshape(-1, *image), mode)
            return jnp.concatenate([x[:, :rest], made.reshape(len(x), -1).astype(x.dtype)], axis=1), seen
        case Residual(body, shortcut):
            y, seen = _apply_residual(body, shortcut, name, variables, x, mode)
            return y, [*seen, Seen(name, layer, y)]
        case Headed(body):
            y, seen = _apply(body, f"{name}/body", _part(variables, "body"), x, mode)
            if "head" not in variables.params:
                return y, seen
            y, last = _apply(layer.head, f"{name}/head", _part(variables, "head"), y, _Mode(mode.train, None))
            return y, [*seen, *last]
        case Copied(inner):
            return _apply(inner, name, variables, x, mode)
    y, _ = layer.apply(variables, x, train=mode.train, key=mode.key, present=None)
    return y, [Seen(name, layer, y)]


def _apply_in_turn(
    layers: tuple[Layer, ...], name: str, variables: Variables, x: Array, mode: _Mode
) -> tuple[Array, list[Seen]]:
    seen = list[Seen]()
    for index, layer in enumerate(layers):
        own = name_of_layer(index, layer)
        x, more = _apply(layer, f"{name}/{own}", _part(variables, own), x, mode.inside(index))
        seen += more
    return x, seen


def _apply_residual(
    body: Layer, shortcut: Layer | None, name: str, variables: Variables, x: Array, mode: _Mode
) -> tuple[Array, list[Seen]]:
    if shortcut is None:
        y, seen = _apply(body, name, variables, x, mode)
        return x + y, seen
    y, seen = _apply(body, f"{name}/body", _part(variables, "body"), x, mode.inside(0))
    beside, more = _apply(shortcut, f"{name}/shortcut", _part(variables, "shortcut"), x, mode.inside(1))
    return y + beside, [*seen, *more]


def _part(variables: Variables, name: str) -> Variables:
    """The variables of a layer among those of others; none where it has none."""
    params: Tree = variables.params.get(name, {})
    state: Tree = variables.state.get(name, {})
    return Variables(params, state)
