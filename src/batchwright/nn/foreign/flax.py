"""Modules of Flax: `from_flax` for modules of flax.nnx and of flax.linen."""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from batchwright.errors import ConfigError
from batchwright.nn.embeddings import Encoder
from batchwright.nn.foreign.module import (
    Leaves,
    array_at,
    copy_arrays,
    is_float,
    library,
    mode_keywords,
    nest_by_name,
    network_of,
    parts,
    refusal,
)
from batchwright.nn.protocols import Network, Tree, Variables


def from_flax(module: object, *, encoder: Encoder | None = None, variables: Tree | None = None) -> Network:
    """A network from a module of Flax: a `flax.nnx.Module` or a `flax.linen.Module`.

    The module is called with one array: numeric columns float32 [n, d], or images float32 [n, h, w, channels] with
    pixels / 255. It returns [n, outputs], before a softmax.

    A module of nnx begins with a copy of its parameters. A module of linen has none: it begins with `variables`, or
    with variables from its `init` and the run's key. Every `nnx.Param` is learned, or the collection "params" of linen;
    all other variables are state. In training, dropout draws from the run's key, not from the module's own `Rngs`, and
    the module is switched to training: by `module.train()` in nnx, and by those of the keywords train, training,
    is_training, deterministic, use_running_average and inference that its `__call__` takes.

    If the module has batch statistics, every batch must be full, because Flax would count empty places as rows: set
    `remainder=drop`, or a batch size that divides the number of training rows.

    Args:
        module: the module; it is not changed.
        encoder: turns the inputs into one array. A table with categorical columns needs one, such as
            `bw.nn.Columns.of(features)`, which embeds them after the numeric columns.
        variables: for a linen module only: the result of its `init`, such as {"params": ..., "batch_stats": ...}.

    Raises:
        ConfigError: Flax is not installed, or this is not one of its modules.
    """
    nnx, linen = library("flax.nnx", install="batchwright[flax]"), library("flax.linen", install="batchwright[flax]")
    if isinstance(module, linen.Module):
        return network_of(
            _Linen(module, None if variables is None else copy_arrays(_unfreeze(variables))), encoder, module
        )
    if not isinstance(module, nnx.Module):
        raise refusal("from_flax", "a flax.nnx.Module or a flax.linen.Module", module)
    if variables is not None:
        raise ConfigError("a module of flax.nnx holds its own variables: leave variables= out.")
    return network_of(_nnx(nnx, module), encoder, module)


def _unfreeze(variables: Any) -> Tree:
    tree: Tree = library("flax.core", install="batchwright[flax]").unfreeze(variables)
    return tree


@dataclass(frozen=True, eq=False, repr=False)
class _Nnx:
    """A module of flax.nnx: the structure of the module, its first variables, and its streams of random numbers."""

    library: ClassVar[str] = "Flax"
    nnx: Any
    graph: Any
    params: Leaves
    state: Leaves
    streams: Any
    first: Variables
    has_statistics: bool

    def mixes_rows(self, variables: Variables) -> bool:
        return self.has_statistics

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        return self.first

    def apply(self, variables: Variables, x: Array, *, train: bool, key: Array | None) -> tuple[Any, Tree]:
        streams = self._streams_from(key if train else None, draws=train)
        given = (self.params.restore(variables.params), streams, self.state.restore(variables.state))
        module = self.nnx.merge(self.graph, *given)
        (module.train if train else module.eval)()
        y = module(x, **mode_keywords(module, train=train))
        return y, self._state_of(module) if train else variables.state

    def _state_of(self, module: Any) -> Tree:
        """The module's state, without variables that the call has added."""
        state = _split(self.nnx, module)[3]
        now = Leaves.of(state, _name_of_variable).to_named(state)
        return nest_by_name((name, array_at(now, name)) for name in self.state.names)

    def _streams_from(self, key: Array | None, *, draws: bool) -> Any:
        """The streams of random numbers, each restarted from the key; without a key, as the module has them."""
        leaves, structure = self.streams
        if key is not None:
            leaves = [_begin_stream(jax.random.fold_in(key, number), old) for number, old in enumerate(leaves)]
        elif draws and leaves:
            raise ConfigError("the Flax module draws random numbers in training: pass a key.")
        return jax.tree.unflatten(structure, leaves)  # new variables each time, as a call counts in them


def _begin_stream(key: Array, old: Any) -> Array:
    """The array of a stream of random numbers at its start: its key or keys, or the number of keys drawn."""
    if not jnp.issubdtype(old.dtype, jax.dtypes.prng_key):
        return jnp.zeros_like(old)
    return jax.random.split(key, old.shape) if old.shape else key


def _nnx(nnx: Any, module: Any) -> _Nnx:
    graph, params, streams, state = _split(nnx, module)
    of_params, of_state = (Leaves.of(tree, _name_of_variable) for tree in (params, state))
    first = Variables(copy_arrays(of_params.to_named(params)), copy_arrays(of_state.to_named(state)))
    kinds = jax.tree.leaves(state, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable))
    mixes = any(isinstance(kind, nnx.BatchStat) for kind in kinds)
    return _Nnx(nnx, graph, of_params, of_state, jax.tree.flatten(streams), first, mixes)


def _split(nnx: Any, module: Any) -> tuple[Any, Any, Any, Any]:
    """The module's structure, its learned floats, its streams of random numbers, and all other arrays."""

    def learned(_: Any, value: Any) -> bool:
        return isinstance(value, nnx.Param) and is_float(value)

    graph, params, streams, state = nnx.split(module, learned, nnx.RngState, ...)
    return graph, params, streams, state


def _name_of_variable(path: Any) -> tuple[str, ...]:
    """The name of a variable, whose path ends in the attribute that holds its array."""
    return parts(path[:-1] if isinstance(path[-1], jax.tree_util.GetAttrKey) and len(path) > 1 else path)


@dataclass(frozen=True, eq=False, repr=False)
class _Linen:
    """A module of flax.linen, and the variables that it begins with, if they were given."""

    library: ClassVar[str] = "Flax"
    module: Any
    first: Tree | None

    def mixes_rows(self, variables: Variables) -> bool:
        return "batch_stats" in variables.state

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        given = self.first
        if given is None:
            rows, keys = jnp.zeros((2, *shape)), {"params": key} | _streams(jax.random.fold_in(key, 1))
            given = _unfreeze(self.module.init(keys, rows, **mode_keywords(self.module, train=False)))
        return Variables(given.get("params", {}), {name: tree for name, tree in given.items() if name != "params"})

    def apply(self, variables: Variables, x: Array, *, train: bool, key: Array | None) -> tuple[Any, Tree]:
        given = {"params": variables.params, **variables.state}
        keywords = mode_keywords(self.module, train=train)
        if not train:
            return self.module.apply(given, x, **keywords), variables.state
        keys = None if key is None else _streams(key)
        y, state = self.module.apply(given, x, **keywords, mutable=list(variables.state), rngs=keys)
        return y, _unfreeze(state)


def _streams(key: Array) -> dict[str, Array]:
    """Keys by the names that modules of linen ask for; a stream of another name draws from "params"."""
    return {"dropout": jax.random.fold_in(key, 0), "params": jax.random.fold_in(key, 1)}
