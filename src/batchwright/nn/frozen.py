"""Batch normalization with frozen scale and shift: it keeps its running averages, and uses them in training too.

This is what Keras does for a layer with `trainable=False`: frozen layers give the same in training and evaluation.
"""

from collections.abc import Callable
from dataclasses import replace

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


def with_frozen(network: Network, is_frozen: Callable[[str], bool]) -> Network:
    """The network, with batch normalization frozen where its parameters are frozen.

    Only layers inside batchwright's own layers are found; layers or modules of another kind handle batch statistics in
    their own way.

    Args:
        network: what is trained.
        is_frozen: whether the parameter of this name is frozen.
    """
    return (
        replace(network, body=_freeze(network.body, "body", is_frozen)) if isinstance(network, FeedForward) else network
    )


def follows_batches(network: Network, variables: Variables) -> bool:
    """Whether the network is a module of another library with batch statistics, which cannot be frozen from outside."""
    if not isinstance(network, FeedForward) or not isinstance(network.body, Foreign):
        return False
    return network.body.module.mixes_rows(Variables(variables.params["body"], variables.state["body"]))


def _freeze(layer: Layer, name: str, is_frozen: Callable[[str], bool]) -> Layer:
    """The layer with batch normalization frozen where needed; `name` is the name of its variables."""
    match layer:
        case BatchNorm() | TorchBatchNorm(affine=True):
            frozen = is_frozen(f"{name}/gamma") and is_frozen(f"{name}/beta")
            return replace(layer, frozen=True) if frozen else layer
        case Sequential(layers):
            names = [f"{name}/{name_of_layer(index, inner)}" for index, inner in enumerate(layers)]
            inside = (_freeze(inner, own, is_frozen) for inner, own in zip(layers, names, strict=True))
            return Sequential(tuple(inside))
        case ImageAndRest(image, body):
            return ImageAndRest(image, _freeze(body, name, is_frozen))
        case EachSubmodel(body):
            return EachSubmodel(_freeze(body, name, is_frozen))
        case Residual(body, None):
            return Residual(_freeze(body, name, is_frozen))
        case Residual(body, shortcut) if shortcut is not None:
            return Residual(_freeze(body, f"{name}/body", is_frozen), _freeze(shortcut, f"{name}/shortcut", is_frozen))
        case Headed(body, outputs):
            return Headed(_freeze(body, f"{name}/body", is_frozen), outputs)
        case Copied(inner, first):
            return Copied(_freeze(inner, name, is_frozen), first)
    return layer
