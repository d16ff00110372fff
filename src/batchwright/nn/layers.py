"""Layers that work on rows: Dense, Dropout, Flatten; and Sequential and Residual, which combine layers."""

import re
from math import prod
from typing import Annotated

import jax
import jax.numpy as jnp
from annotated_types import Ge, Gt, Lt
from jax import Array

from batchwright._component import component
from batchwright.errors import ConfigError
from batchwright.nn.initializers import InitializerName, initialize
from batchwright.nn.products import dot
from batchwright.nn.protocols import Layer, Tree, Variables
from batchwright.nn.random_words import random_words


@component
class Dense:
    """y = x W + b, on x [n, ..., f] -> [n, ..., units]; leave b out before a BatchNorm, whose beta takes its place."""

    units: Annotated[int, Gt(0)]
    use_bias: bool = True
    initializer: InitializerName = "auto"

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """`kernel` [f, units] from the initializer and `bias` [units] zero."""
        params: Tree = {"kernel": initialize(self.initializer, key, (shape[-1], self.units))}
        if self.use_bias:
            params["bias"] = jnp.zeros(self.units)
        return Variables(params, {})

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """[n, ..., f] -> [n, ..., units]."""
        y = dot(x.reshape(-1, x.shape[-1]), variables.params["kernel"])
        if self.use_bias:
            y = y + variables.params["bias"][None, :]
        return y.reshape(*x.shape[:-1], self.units).astype(x.dtype), {}


@component
class Dropout:
    """In training each value is 0 with probability `rate` and x / (1 - rate) otherwise; unchanged in evaluation.

    The rate is a number of the program: changing it compiles nothing, and it may differ between members of a
    population. Switched off (0.0), it draws no random numbers. Rates are met to 1 / 65536.

    Paper: Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html
    """

    rate: Annotated[float, Ge(0), Lt(1)] = 0.5

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """Nothing to learn."""
        return Variables({}, {})

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """Same shape as `x`. Raises ConfigError if it has to draw and there is no key."""
        if not train or (isinstance(self.rate, float) and self.rate == 0.0):
            return x, {}
        if key is None:
            raise ConfigError("dropout draws random numbers in training: pass a key, or set the rate to 0")
        keep = _sixteen_bits(key, x.shape).astype(jnp.float32) >= self.rate * 2**16
        return jnp.where(keep, x / (1 - self.rate), 0).astype(x.dtype), {}


def _sixteen_bits(key: Array, shape: tuple[int, ...]) -> Array:
    """Random integers 0..65535 of `shape`, two from each word drawn: drawing is the cost of dropout on the CPU."""
    words = random_words(key, -(-prod(shape) // 2))
    return jax.lax.bitcast_convert_type(words, jnp.uint16).reshape(-1)[: prod(shape)].reshape(shape)


@component
class Flatten:
    """[n, ...] -> [n, f]: all axes of a row in one."""

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """Nothing to learn."""
        return Variables({}, {})

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """[n, ...] -> [n, f]."""
        return x.reshape(x.shape[0], prod(x.shape[1:])), {}


@component
class Sequential:
    """Layers one after the other; the i-th draws from `fold_in(key, i)`, its variables are named like `batch_norm_1`.

    >>> layer = Sequential((Dense(8), Dense(3)))
    >>> variables = layer.init(jax.random.key(0), (5,))
    >>> sorted(variables.params)
    ['dense_0', 'dense_1']
    """

    layers: tuple[Layer, ...]

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """Variables of every layer that has some; each layer's input shape follows from the one before."""
        params: Tree = {}
        state: Tree = {}
        for index, layer in enumerate(self.layers):
            own = layer.init(jax.random.fold_in(key, index), shape)
            shape = output_shape(layer, own, shape)
            params |= {name_of_layer(index, layer): own.params} if own.params else {}
            state |= {name_of_layer(index, layer): own.state} if own.state else {}
        return Variables(params, state)

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """The last layer's output, and the new states."""
        state: Tree = {}
        for index, layer in enumerate(self.layers):
            name = name_of_layer(index, layer)
            own = Variables(variables.params.get(name, {}), variables.state.get(name, {}))
            own_key = None if key is None else jax.random.fold_in(key, index)
            x, new = layer.apply(own, x, train=train, key=own_key, present=present)
            state |= {name: new} if new else {}
        return x, state


@component
class Residual:
    """y = x + body(x), or shortcut(x) + body(x) if the body changes the shape.

    - body: a layer; without a shortcut, one that keeps the shape
    - shortcut: a layer that gives the body's shape, such as a 1 x 1 `Conv2D`: a projection; None adds x itself

    Paper: He et al. 2015, arXiv 1512.03385

    >>> layer = Residual(Dense(8), shortcut=Dense(8, use_bias=False))
    >>> variables = layer.init(jax.random.key(0), (5,))
    >>> layer.apply(variables, jnp.ones((2, 5)), train=False, key=None, present=None)[0].shape
    (2, 8)
    """

    body: Layer
    shortcut: Layer | None = None

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """The body's variables; with a shortcut, "body" and "shortcut". Raises ConfigError if the shapes differ."""
        if self.shortcut is not None:
            return self._init_both(key, shape, self.shortcut)
        variables = self.body.init(key, shape)
        found = output_shape(self.body, variables, shape)
        if found != shape:
            raise ConfigError(f"a residual body must keep the shape {shape}, but gives {found}: change its last layer")
        return variables

    def _init_both(self, key: Array, shape: tuple[int, ...], shortcut: Layer) -> Variables:
        layers = (self.body, shortcut)
        body, beside = (layer.init(jax.random.fold_in(key, i), shape) for i, layer in enumerate(layers))
        found, other = (output_shape(layer, own, shape) for layer, own in zip(layers, (body, beside), strict=True))
        if found != other:
            raise ConfigError(f"a shortcut must give the body's shape {found}, but gives {other}: change either")
        return Variables(*({"body": own, "shortcut": rest} for own, rest in zip(body, beside, strict=True)))

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """The body's shape."""
        if self.shortcut is None:
            y, state = self.body.apply(variables, x, train=train, key=key, present=present)
            return x + y, state
        added, states = [], {}
        for index, (name, layer) in enumerate((("body", self.body), ("shortcut", self.shortcut))):
            own = Variables(variables.params[name], variables.state[name])
            own_key = None if key is None else jax.random.fold_in(key, index)
            y, states[name] = layer.apply(own, x, train=train, key=own_key, present=present)
            added.append(y)
        return added[0] + added[1], states


def output_shape(layer: Layer, variables: Variables, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The output shape of `layer` for inputs of `shape`, both without the batch axis; nothing is computed."""
    example = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    out, _ = jax.eval_shape(lambda v, x: layer.apply(v, x, train=False, key=None, present=None), variables, example)
    return tuple(out.shape[1:])


def name_of_layer(index: int, layer: Layer) -> str:
    """The name of a layer's variables among other layers', such as `batch_norm_1`."""
    words = re.sub("(?<=[a-z])(?=[A-Z])", "_", type(layer).__name__)
    return f"{words.lower()}_{index}"
