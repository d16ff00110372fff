"""Modules of Equinox: `from_equinox`."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from batchwright.errors import ConfigError
from batchwright.nn.embeddings import Encoder
from batchwright.nn.foreign.module import Leaves, copy_arrays, library, network_of, parts, refusal, takes
from batchwright.nn.protocols import Network, Tree, Variables


def from_equinox(
    module: object, state: object = None, *, encoder: Encoder | None = None, channels_first: bool = True
) -> Network:
    """A network from a module of Equinox, which is called with one row at a time, under `jax.vmap`.

    A row is one array: numeric columns float32 [d], or an image float32 [channels, h, w] with pixels / 255, as the
    layers of Equinox take it. The module returns [outputs], before a softmax. If the module has a state, it is called
    as module(x, state) and returns the outputs and the new state; if it takes `key`, it is given one.

    It begins with a copy of its arrays. All floating-point arrays are learned, as by `eqx.is_inexact_array`; the state
    is carried along, and everything else stays as it is. Dropout draws from the run's key, with a different one for
    each row. `eqx.nn.inference_mode` switches between training and evaluation.

    If the module has an `eqx.nn.BatchNorm`, every batch must be full, because it would count empty places as rows: set
    `remainder=drop`, or a batch size that divides the number of training rows.

    Args:
        module: the module.
        state: the second result of `eqx.nn.make_with_state(Module)(...)`, if the module has a state.
        encoder: turns the inputs into one array. A table with categorical columns needs one, such as
            `bw.nn.Columns.of(features)`, which embeds them after the numeric columns.
        channels_first: False gives images as [h, w, channels].

    Raises:
        ConfigError: Equinox is not installed, this is not one of its modules, or its state is missing.
    """
    eqx = library("equinox", install="batchwright[equinox]")
    if not isinstance(module, eqx.Module):
        raise refusal("from_equinox", "an equinox.Module", module)
    params, rest = eqx.partition(module, eqx.is_inexact_array)
    indices = _indices(eqx, module)
    if state is None and indices:
        raise ConfigError(
            "the Equinox module has a state: make both with `module, state = eqx.nn.make_with_state(Module)(...)`, "
            "and pass from_equinox(module, state)."
        )
    of_params, of_state = Leaves.of(params), _leaves_of_state(state, indices)
    first = Variables(copy_arrays(of_params.to_named(params)), copy_arrays(of_state.to_named(state)))
    axes = {layer.axis_name for layer in _leaves_of_kind(module, eqx.nn.BatchNorm)}
    if len(axes) > 1:
        raise ConfigError(
            f"the BatchNorm layers have the axes {sorted(map(str, axes))}: give all of them one axis_name."
        )
    axis = next(iter(axes), None)
    return network_of(
        _Equinox(eqx, rest, of_params, of_state, first, takes(module, "key"), axis, channels_first),
        encoder,
        module,
    )


def _leaves_of_kind(module: Any, kind: Any) -> list[Any]:
    leaves = jax.tree.leaves(module, is_leaf=lambda leaf: isinstance(leaf, kind))
    return [leaf for leaf in leaves if isinstance(leaf, kind)]


def _indices(eqx: Any, module: Any) -> dict[Hashable, tuple[str, ...]]:
    """The place in the module of each value of its state, by the key of the value in the state."""

    def is_index(leaf: Any) -> bool:
        return isinstance(leaf, eqx.nn.StateIndex)

    leaves, _ = jax.tree_util.tree_flatten_with_path(module, is_leaf=is_index)
    return {leaf.marker: parts(path) for path, leaf in leaves if is_index(leaf)}


def _leaves_of_state(state: Any, indices: dict[Hashable, tuple[str, ...]]) -> Leaves:
    """The arrays of a state, named by their place in the module."""
    if state is None:
        return Leaves.of(None)
    values, markers = state.tree_flatten()
    names = [
        (*indices[marker], *parts(path)) or ("value",)
        for marker, value in zip(markers, values, strict=True)
        for path, _ in jax.tree_util.tree_flatten_with_path(value)[0]
    ]
    return Leaves(tuple(names), jax.tree.structure(state))


@dataclass(frozen=True, eq=False, repr=False)
class _Equinox:
    """A module of Equinox: everything that is not learned, its first variables, and how it is called."""

    library: ClassVar[str] = "Equinox"
    eqx: Any
    rest: Any
    params: Leaves
    state: Leaves
    first: Variables
    takes_key: bool
    axis: Hashable
    channels_first: bool

    def mixes_rows(self, variables: Variables) -> bool:
        return self.axis is not None

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        return self.first

    def apply(self, variables: Variables, x: Array, *, train: bool, key: Array | None) -> tuple[Any, Tree]:
        module = self.eqx.combine(self.params.restore(variables.params), self.rest)
        module = self.eqx.nn.inference_mode(module, value=not train)
        state = self.state.restore(variables.state)
        has_state = state is not None

        def of_row(row: Array, own: Array | None) -> tuple[Any, Any]:
            given = module(row, *([state] if has_state else []), **({"key": own} if self.takes_key else {}))
            return given if has_state else (given, None)

        keys = jax.random.split(key, len(x)) if train and self.takes_key and key is not None else None
        rows = jnp.moveaxis(x, -1, 1) if self.channels_first and x.ndim == 4 else x
        y, new = jax.vmap(of_row, out_axes=(0, None), axis_name=self.axis)(rows, keys)
        return y, self.state.to_named(new) if train else variables.state
