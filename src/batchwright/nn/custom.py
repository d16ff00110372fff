"""A user's own network or layer as an architecture; a last layer is added where there is none."""

import inspect
from typing import Any, ClassVar

import jax
from jax import Array

from batchwright._component import component
from batchwright._printed import printed_form
from batchwright.errors import ConfigError
from batchwright.nn.activations import Activation
from batchwright.nn.embeddings import Columns, Pixels
from batchwright.nn.ensembles import EnsembleHead
from batchwright.nn.foreign.module import TAKERS, comes_from
from batchwright.nn.layers import Dense, Dropout, Flatten, Sequential
from batchwright.nn.networks import CNN, MLP, FeedForward, Linear, Tabular
from batchwright.nn.normalization import BatchNorm, LayerNorm
from batchwright.nn.protocols import Architecture, Dtype, Features, Layer, Network, Tree, Variables

NOT_LAST = (Activation, Dropout, BatchNorm, LayerNorm)
"""Layers after which a last Dense is expected."""


def as_architecture(given: Any) -> Architecture:
    """Turn a user's network into an architecture.

    Args:
        given: an `Architecture`; a `Network`; a `Layer`, such as `Sequential`, whose `init` takes a `shape`.

    Raises:
        ConfigError: it is none of these.
    """
    if isinstance(given, type):
        raise ConfigError(f"network={given.__name__} is a class: make one of it, as {given.__name__}().")
    if isinstance(given, Architecture):
        return given
    if isinstance(given, Network):
        return Custom(given)
    taker = next((taker for library, taker in TAKERS.items() if comes_from(library, given)), None)
    if taker:
        raise ConfigError(f"network is the module of another library, {type(given).__name__}: give nn.{taker}(module).")
    made = {kind.name: f"nn.{kind.__name__}()" for kind in (MLP, CNN, Tabular, Linear)}
    instead = made.get(given) if isinstance(given, str) else None
    raise ConfigError(
        f"network takes nn.MLP() or another architecture, a Network, or a Layer such as nn.Sequential, but is "
        f"{given!r:.60}{f': give {instead}' if instead else ''}."
    )


@component
class Custom:
    """An architecture of one network, or of one layer on all inputs side by side (images as they are).

    >>> network = Custom(Sequential((Dense(8), Activation("relu")))).build(Features(numeric=3), 2)
    >>> rows = {"numeric": jax.numpy.ones((5, 3))}
    >>> network.apply(network.init(jax.random.key(0), rows), rows, train=False)[0].shape
    (5, 2)
    """

    name: ClassVar[str] = "custom"
    part: Network | Layer

    def __repr__(self) -> str:
        """The part that it was made from."""
        return printed_form(self.part)

    def build(self, features: Features, outputs: int, *, dtype: Dtype = "float32") -> Network:
        """The network for these inputs and this many outputs.

        Raises:
            ConfigError: bfloat16 is requested for a user's own network, whose products batchwright does not compute; or
                a layer is given rows that hold an image and columns.
        """
        if isinstance(self.part, Layer) and _takes_shape(self.part):
            if features.image and (features.numeric or features.cardinalities):
                raise ConfigError(
                    "the rows hold an image and columns, and a layer takes one array: give network=nn.CNN(), nn.MLP() "
                    "or nn.Tabular(), which take both, or an nn.Network of your own, or leave the columns out."
                )
            encoder = Pixels() if features.image else Columns.of(features)
            return FeedForward(encoder, Sequential((Headed(self.part, outputs),)), dtype)
        if dtype != "float32":
            raise ConfigError(f"precision {dtype} is for batchwright's own layers, and the network is {self!r}.")
        return self.part  # type: ignore[return-value]


@component
class Headed:
    """A layer, with a Dense added where it does not end in one, or in an EnsembleHead, with this many outputs."""

    body: Layer
    outputs: int

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """Variables of the layer ("body") and of the Dense ("head", if there is one).

        Raises:
            ConfigError: the layer ends in a Dense or an EnsembleHead of another size.
        """
        body = self.body.init(jax.random.fold_in(key, 0), shape)
        made = self._output_shape_of_body(body, shape)
        last = _last(self.body)
        wanted = (last.submodels, self.outputs) if isinstance(last, EnsembleHead) else (self.outputs,)
        if isinstance(last, EnsembleHead) and made != wanted:
            raise ConfigError(
                f"the network ends in EnsembleHead({last.units}), and the target needs {self.outputs} outputs: make it "
                f"EnsembleHead({self.outputs}, {last.submodels})."
            )
        if isinstance(last, Dense) and made != wanted:
            raise ConfigError(
                f"the network ends in Dense({last.units}), and the target needs {self.outputs} outputs: make it "
                f"Dense({self.outputs}), or leave it out, and one is added."
            )
        if made == wanted and not isinstance(last, NOT_LAST):
            return Variables({"body": body.params}, {"body": body.state})
        head = self.head.init(jax.random.fold_in(key, 1), made)
        return Variables({"body": body.params, "head": head.params}, {"body": body.state, "head": head.state})

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """[n, ...] -> [n, outputs], or [n, k, outputs] from k submodels."""
        body = Variables(variables.params["body"], variables.state["body"])
        x, state = self.body.apply(body, x, train=train, key=key, present=present)
        if "head" not in variables.params:
            return x, {"body": state}
        head = Variables(variables.params["head"], variables.state["head"])
        x, last = self.head.apply(head, x, train=train, key=None, present=present)
        return x, {"body": state, "head": last}

    @property
    def head(self) -> Sequential:
        """What is added: a Dense on all features of a row."""
        return Sequential((Flatten(), Dense(self.outputs)))

    def _output_shape_of_body(self, body: Variables, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the layer's output for a row."""
        row = jax.ShapeDtypeStruct((1, *shape), "float32")
        made = jax.eval_shape(
            lambda variables, x: self.body.apply(variables, x, train=False, key=None, present=None)[0], body, row
        )
        return tuple(made.shape[1:])


def _takes_shape(part: Any) -> bool:
    """Whether a part's `init` takes the shape of a row, as layers do, rather than rows, as networks do."""
    return list(inspect.signature(part.init).parameters)[1:2] == ["shape"]


def _last(layer: Layer) -> Layer:
    """The last layer, inside nested layers."""
    return _last(layer.layers[-1]) if isinstance(layer, Sequential) and layer.layers else layer
