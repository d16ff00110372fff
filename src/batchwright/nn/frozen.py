"""Batch normalization inside a network: frozen, or with the statistics of single batches.

With frozen scale and shift it keeps its running averages, and uses them in training too. This is what Keras does for a
layer with `trainable=False`: frozen layers give the same in training and evaluation.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from batchwright.nn.custom import Headed
from batchwright.nn.ensembles import EachSubmodel
from batchwright.nn.foreign.module import Foreign
from batchwright.nn.foreign.torch import Copied
from batchwright.nn.foreign.torch_layers import TorchBatchNorm
from batchwright.nn.layers import Residual, Sequential, name_of_layer
from batchwright.nn.mixed import ImageAndRest
from batchwright.nn.networks import FeedForward
from batchwright.nn.normalization import BatchNorm
from batchwright.nn.protocols import Layer, Network, Variables

Normalization: TypeAlias = BatchNorm | TorchBatchNorm
Change: TypeAlias = Callable[[Normalization, str], Normalization]
"""Another layer for a batch normalization, given the name of its variables."""


def with_frozen(network: Network, is_frozen: Callable[[str], bool]) -> Network:
    """The network, with batch normalization frozen where its parameters are frozen.

    Only layers inside batchwright's own layers are found; layers or modules of another kind handle batch statistics in
    their own way.

    Args:
        network: what is trained.
        is_frozen: whether the parameter of this name is frozen.
    """

    def freeze(layer: Normalization, name: str) -> Normalization:
        learns = isinstance(layer, BatchNorm) or layer.affine
        frozen = learns and is_frozen(f"{name}/gamma") and is_frozen(f"{name}/beta")
        return replace(layer, frozen=True) if frozen else layer

    return _change_normalizations(network, freeze)


def with_batch_statistics(network: Network) -> tuple[Network, tuple[str, ...]]:
    """The network whose batch normalization keeps the statistics of the last batch alone, and the names of its layers.

    Frozen layers stay as they are, and so do `TorchBatchNorm` and modules of other libraries.
    """
    names = list[str]()

    def forget(layer: Normalization, name: str) -> Normalization:
        if not isinstance(layer, BatchNorm) or layer.frozen:
            return layer
        names.append(name)
        return replace(layer, momentum=0.0)

    return _change_normalizations(network, forget), tuple(names)


def follows_batches(network: Network, variables: Variables) -> bool:
    """Whether the network is a module of another library with batch statistics, which cannot be frozen from outside."""
    if not isinstance(network, FeedForward) or not isinstance(network.body, Foreign):
        return False
    return network.body.module.mixes_rows(Variables(variables.params["body"], variables.state["body"]))


def _change_normalizations(network: Network, change: Change) -> Network:
    return replace(network, body=_change(network.body, "body", change)) if isinstance(network, FeedForward) else network


def _change(layer: Layer, name: str, change: Change) -> Layer:
    """The layer with each batch normalization in it changed; `name` is the name of its variables."""
    match layer:
        case BatchNorm() | TorchBatchNorm():
            return change(layer, name)
        case Sequential(layers):
            names = [f"{name}/{name_of_layer(index, inner)}" for index, inner in enumerate(layers)]
            return Sequential(tuple(_change(inner, own, change) for inner, own in zip(layers, names, strict=True)))
        case ImageAndRest(image, body):
            return ImageAndRest(image, _change(body, name, change))
        case EachSubmodel(body):
            return EachSubmodel(_change(body, name, change))
        case Residual(body, None):
            return Residual(_change(body, name, change))
        case Residual(body, shortcut) if shortcut is not None:
            return Residual(_change(body, f"{name}/body", change), _change(shortcut, f"{name}/shortcut", change))
        case Headed(body, outputs):
            return Headed(_change(body, f"{name}/body", change), outputs)
        case Copied(inner, first):
            return Copied(_change(inner, name, change), first)
    return layer
