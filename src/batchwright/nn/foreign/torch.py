"""Modules of PyTorch: `from_torch` turns a `torch.nn.Sequential` into batchwright's own layers."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from batchwright._component import component
from batchwright.errors import ConfigError
from batchwright.nn.activations import Activation, ActivationName
from batchwright.nn.embeddings import Encoder
from batchwright.nn.foreign.module import OneArray, check_given, library, refusal
from batchwright.nn.foreign.torch_layers import (
    ChannelsFirstFlatten,
    Convolution,
    GlobalAverage,
    Margin,
    Pair,
    Pointwise,
    TorchBatchNorm,
)
from batchwright.nn.layers import Dense, Dropout, Sequential, name_of_layer, output_shape
from batchwright.nn.networks import FeedForward
from batchwright.nn.normalization import LayerNorm
from batchwright.nn.pooling import AvgPool, MaxPool
from batchwright.nn.protocols import Layer, Network, Tree, Variables


def from_torch(module: object, *, encoder: Encoder | None = None) -> Network:
    """A network from a `torch.nn.Sequential`, which may hold others: batchwright's layers with a copy of its weights.

    Outputs, gradients and running statistics equal PyTorch's for the same weights, also with batches that are not full.
    PyTorch is only used to read the weights.

    Numeric columns are given as float32 [n, d]. Images, which PyTorch has as [n, channels, h, w], are [n, h, w,
    channels] here, with pixels / 255; kernels are transposed, and `Flatten` gives the features in PyTorch's order.

    It knows Linear; Conv2d; BatchNorm1d, BatchNorm2d and LayerNorm; Dropout; Flatten; MaxPool2d, AvgPool2d and
    AdaptiveAvgPool2d(1); Identity; and the activations ReLU, ReLU6, LeakyReLU, ELU, CELU, SELU, GELU, SiLU, Mish,
    Tanh, Tanhshrink, Sigmoid, LogSigmoid, Softplus, Softsign, Hardtanh, Hardsigmoid and Hardswish.

    Two things differ: dropout draws other random numbers, and equal largest values of a MaxPool2d share its gradient.

    Args:
        module: the module; it is not changed.
        encoder: turns the inputs into one array. A table with categorical columns needs one, such as
            `bw.nn.Columns.of(features)`, which embeds them after the numeric columns.

    Raises:
        ConfigError: PyTorch is not installed, or the module holds something that cannot be converted: another layer, an
            option without a counterpart, or weights that are frozen or used twice.
    """
    torch = library("torch", install="torch")
    if not isinstance(module, torch.nn.Module):
        raise refusal("from_torch", "a torch.nn.Sequential", module)
    _check(module)
    layer, variables = _sequential(module if type(module) is torch.nn.Sequential else torch.nn.Sequential(module), "")
    return FeedForward(OneArray() if encoder is None else encoder, Copied(layer, _Held(variables)))


@dataclass(frozen=True, eq=False, repr=False)
class _Held:
    """Arrays, compared by identity."""

    variables: Variables


@component
class Copied:
    """A layer that begins with given variables."""

    layer: Layer
    first: _Held

    def __repr__(self) -> str:
        """Only its class and the number of its arrays: a module may be long."""
        return f"<a module of PyTorch: {len(jax.tree.leaves(self.first.variables))} arrays>"

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """A copy of the variables. Raises ConfigError if they do not fit rows of this shape."""
        given = _fits(self.layer, self.first.variables, shape, "")
        check_given("PyTorch", jax.ShapeDtypeStruct((2, *given), jnp.float32))
        variables: Variables = jax.tree.map(jnp.asarray, self.first.variables)
        return variables

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """The output of the layer."""
        y, state = self.layer.apply(variables, x, train=train, key=key, present=present)
        return y, state


FLAT = (Dense, LayerNorm)
"""Layers that work on the last axis, which is not PyTorch's in an image."""


def _fits(layer: Layer, variables: Variables, shape: tuple[int, ...], where: str) -> tuple[int, ...]:
    """The output shape of the layer for rows of `shape`. Raises ConfigError if its variables are for another shape."""
    if isinstance(layer, Sequential):
        for index, inner in enumerate(layer.layers):
            name = name_of_layer(index, inner)
            own = Variables(variables.params.get(name, {}), variables.state.get(name, {}))
            shape = _fits(inner, own, shape, f"{where}.{name}" if where else name)
        return shape
    said = f"{where} gets rows of shape {shape}"
    if isinstance(layer, FLAT) and len(shape) != 1:
        raise ConfigError(f"{said}, and takes one axis of features: put a torch.nn.Flatten before it.")
    if isinstance(layer, Convolution | MaxPool | AvgPool | GlobalAverage | Margin) and len(shape) != 3:
        raise ConfigError(f"{said}, and takes images: load images, or build the module of Linear layers.")
    expected = jax.eval_shape(partial(layer.init, shape=shape), jax.random.key(0))
    for wanted, given in zip(jax.tree.leaves(expected), jax.tree.leaves(variables), strict=True):
        if wanted.shape != given.shape:
            raise ConfigError(
                f"{said}, for which its weights are {list(wanted.shape)}, but the module's are {list(given.shape)}: "
                "build the module for these sizes, or pass another encoder=."
            )
    return output_shape(layer, variables, shape)


def _check(module: Any) -> None:
    """Raise ConfigError if weights do not exist yet, are frozen, or are used by two layers."""
    named = list(module.named_parameters(remove_duplicate=False))
    if any(type(parameter).__name__.startswith("Uninitialized") for _, parameter in named):
        raise ConfigError("the PyTorch module has lazy layers without weights: call it once with a batch first.")
    if frozen := [name for name, parameter in named if not parameter.requires_grad]:
        raise ConfigError(
            f"from_torch cannot keep weights frozen, as {frozen[0]} is: set requires_grad, or leave this layer out."
        )
    seen: dict[int, str] = {}
    for name, parameter in named:
        if (first := seen.setdefault(id(parameter), name)) != name:
            raise ConfigError(
                f"{first} and {name} are the same weights, which from_torch would train apart: give each its own layer."
            )


class _Turned(NamedTuple):
    """One of batchwright's layers, and its variables."""

    layer: Layer
    variables: Variables = Variables({}, {})


def _sequential(module: Any, where: str) -> _Turned:
    layers: list[Layer] = []
    params: Tree = {}
    state: Tree = {}
    for name, child in module.named_children():
        for layer, variables in _turn_layer(child, f"{where}.{name}" if where else name):
            ours = name_of_layer(len(layers), layer)
            layers.append(layer)
            params |= {ours: variables.params} if variables.params else {}
            state |= {ours: variables.state} if variables.state else {}
    return _Turned(Sequential(tuple(layers)), Variables(params, state))


def _turn_layer(module: Any, where: str) -> Iterator[_Turned]:
    """Batchwright's layers for a layer of PyTorch. Raises ConfigError if there are none, or an option has no match."""
    kind = type(module).__name__
    known = type(module).__module__.startswith("torch.nn.modules.")
    if known and kind == "Sequential":
        yield _sequential(module, where)
    elif known and kind in ACTIVATIONS:
        yield _Turned(ACTIVATIONS[kind](module))
    elif known and kind in TURN:
        try:
            yield from TURN[kind](module)
        except _Without as error:
            raise ConfigError(
                f"from_torch cannot turn layer {where}, a {kind} with {error}: build it without, or write the module "
                "in Flax, Equinox or Keras."
            ) from None
    else:
        raise ConfigError(
            f"from_torch cannot turn layer {where}, a {type(module).__module__}.{kind}. It knows Sequential, "
            f"{', '.join((*TURN, *ACTIVATIONS))}. Build the module of these, or write it in Flax, Equinox or Keras."
        )


class _Without(Exception):  # noqa: N818
    """An option that has no counterpart."""


def _refuse(**options: bool) -> None:
    for name, given in options.items():
        if given:
            raise _Without(name)


def _array(tensor: Any) -> np.ndarray:
    return np.array(tensor.detach().cpu().float().numpy())


def _pair(value: Any) -> Pair:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _with_bias(kernel: np.ndarray, bias: Any) -> Variables:
    return Variables({"kernel": kernel} | ({} if bias is None else {"bias": _array(bias)}), {})


def _linear(module: Any) -> Iterator[_Turned]:
    kernel = np.ascontiguousarray(_array(module.weight).T)
    yield _Turned(Dense(module.out_features, use_bias=module.bias is not None), _with_bias(kernel, module.bias))


def _conv(module: Any) -> Iterator[_Turned]:
    _refuse(**{f"padding_mode={module.padding_mode!r}": module.padding_mode != "zeros"})
    kernel = np.ascontiguousarray(_array(module.weight).transpose(2, 3, 1, 0))
    sizes, dilation = _pair(module.kernel_size), _pair(module.dilation)
    if module.padding == "same":
        totals = [step * (size - 1) for size, step in zip(sizes, dilation, strict=True)]
        margins = tuple((total // 2, total - total // 2) for total in totals)
    else:
        margins = tuple((p, p) for p in ((0, 0) if module.padding == "valid" else _pair(module.padding)))
    layer = Convolution(
        module.out_channels,
        sizes,
        _pair(module.stride),
        (margins[0], margins[1]),
        dilation,
        module.groups,
        module.bias is not None,
    )
    yield _Turned(layer, _with_bias(kernel, module.bias))


def _batch_norm(module: Any) -> Iterator[_Turned]:
    _refuse(**{"track_running_stats=False": module.running_mean is None})
    params = {"gamma": _array(module.weight), "beta": _array(module.bias)} if module.affine else {}
    mean, variance = _array(module.running_mean), _array(module.running_var)
    state = {"mean": mean, "variance": variance, "count": _array(module.num_batches_tracked)}
    momentum = None if module.momentum is None else float(module.momentum)
    yield _Turned(TorchBatchNorm(momentum, float(module.eps), module.affine), Variables(params, state))


def _layer_norm(module: Any) -> Iterator[_Turned]:
    _refuse(
        **{
            "a normalized_shape of several axes": len(module.normalized_shape) > 1,
            "elementwise_affine=False": module.weight is None,
            "bias=False": module.bias is None,
        }
    )
    params = {"gamma": _array(module.weight), "beta": _array(module.bias)}
    yield _Turned(LayerNorm(float(module.eps)), Variables(params, {}))


def _dropout(module: Any) -> Iterator[_Turned]:
    _refuse(**{"p=1": module.p >= 1})
    yield _Turned(Dropout(float(module.p)))


def _flatten(module: Any) -> Iterator[_Turned]:
    _refuse(**{"other axes than all of a row": (module.start_dim, module.end_dim) != (1, -1)})
    yield _Turned(ChannelsFirstFlatten())


def _max_pool(module: Any) -> Iterator[_Turned]:
    _refuse(return_indices=module.return_indices, dilation=_pair(module.dilation) != (1, 1))
    yield from _pool(MaxPool, module)


def _avg_pool(module: Any) -> Iterator[_Turned]:
    margin = _pair(module.padding) != (0, 0)
    _refuse(
        **{
            "divisor_override": module.divisor_override is not None,
            "count_include_pad=False": margin and not module.count_include_pad,
        }
    )
    yield from _pool(AvgPool, module)


def _pool(layer: type[MaxPool] | type[AvgPool], module: Any) -> Iterator[_Turned]:
    size, stride, margin = _pair(module.kernel_size), _pair(module.stride), _pair(module.padding)
    _refuse(
        **{
            "ceil_mode": module.ceil_mode,
            "a window that is no square": size[0] != size[1] or stride[0] != stride[1],
        }
    )
    if margin != (0, 0):
        yield _Turned(Margin(margin, lowest=layer is MaxPool))
    yield _Turned(layer(size[0], stride[0]))


def _global_average(module: Any) -> Iterator[_Turned]:
    _refuse(**{"an output_size other than 1": module.output_size not in (1, (1, 1))})
    yield _Turned(GlobalAverage())


TURN: Mapping[str, Callable[[Any], Iterator[_Turned]]] = {
    "Linear": _linear,
    "Conv2d": _conv,
    "BatchNorm1d": _batch_norm,
    "BatchNorm2d": _batch_norm,
    "LayerNorm": _layer_norm,
    "Dropout": _dropout,
    "Flatten": _flatten,
    "MaxPool2d": _max_pool,
    "AvgPool2d": _avg_pool,
    "AdaptiveAvgPool2d": _global_average,
}
"""The conversion of each layer of PyTorch, by the name of its class."""


def _as_activation(name: ActivationName) -> Callable[[Any], Layer]:
    return lambda _: Activation(name)


def _pointwise(name: str, *numbers: str) -> Callable[[Any], Layer]:
    return lambda module: Pointwise(name, *(float(getattr(module, number)) for number in numbers))


ACTIVATIONS: Mapping[str, Callable[[Any], Layer]] = {
    "ReLU": _as_activation("relu"),
    "ReLU6": _pointwise("hardtanh", "min_val", "max_val"),
    "LeakyReLU": lambda module: Activation("leaky_relu", float(module.negative_slope)),
    "ELU": _pointwise("elu", "alpha"),
    "CELU": _pointwise("celu", "alpha"),
    "SELU": _pointwise("selu"),
    "GELU": lambda module: Activation("gelu") if module.approximate == "none" else Pointwise("gelu_tanh"),
    "SiLU": _as_activation("silu"),
    "Mish": _pointwise("mish"),
    "Tanh": _as_activation("tanh"),
    "Tanhshrink": _pointwise("tanhshrink"),
    "Sigmoid": _as_activation("sigmoid"),
    "LogSigmoid": _pointwise("log_sigmoid"),
    "Softplus": _pointwise("softplus", "beta", "threshold"),
    "Softsign": _pointwise("softsign"),
    "Hardtanh": _pointwise("hardtanh", "min_val", "max_val"),
    "Hardsigmoid": _pointwise("hardsigmoid"),
    "Hardswish": _pointwise("hardswish"),
    "Identity": _as_activation("identity"),
}
"""Batchwright's layer for each activation of PyTorch, by the name of its class."""
