"""Models of Keras 3 on JAX: `from_keras`."""

import re
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from batchwright._extras import check_installed
from batchwright.errors import ConfigError, UsageError
from batchwright.nn.embeddings import Encoder
from batchwright.nn.foreign.module import (
    array_at,
    comes_from,
    make_unique,
    nest_by_name,
    network_of,
    refusal,
    takes,
)
from batchwright.nn.protocols import Network, Tree, Variables

SEED = "seed_generator_state"
"""Keras's name for the counter of a `SeedGenerator`."""


def from_keras(model: object, *, encoder: Encoder | None = None) -> Network:
    """A network from a model of Keras 3, which must run on JAX: set KERAS_BACKEND=jax before Keras is imported.

    The model is called with one array: numeric columns float32 [n, d], or images float32 [n, h, w, channels] with
    pixels / 255. It returns [n, outputs], before a softmax.

    It begins with a copy of its weights. Trainable weights are learned, all others are state; frozen layers stay
    frozen. Dropout draws from the run's key, not from the model's own seeds. Optimizer, loss and metrics of `compile`
    are ignored. A model whose own `call` takes no `training` does not train its dropout or batch statistics, as in
    `model.fit`.

    If the model has a `BatchNormalization`, every batch must be full, because Keras would count empty places as rows:
    set `remainder=drop`, or a batch size that divides the number of training rows.

    Args:
        model: a `keras.Model` or another layer, built; it is not changed.
        encoder: turns the inputs into one array. A table with categorical columns needs one, such as
            `bw.nn.Columns.of(features)`, which embeds them after the numeric columns.

    Raises:
        ConfigError: Keras is not installed or does not run on JAX; or this is not one of its layers, is not built, or
            adds penalties to the loss.
    """
    check_installed("keras", "batchwright[keras]", what="from_keras", error=ConfigError)
    if not comes_from("keras", model):  # without a model, its backend may not be there to be imported
        raise refusal("from_keras", "a keras.Model or keras.layers.Layer", model)
    keras = import_module("keras")
    if not isinstance(model, keras.layers.Layer):
        raise refusal("from_keras", "a keras.Model or keras.layers.Layer", model)
    _check(keras, model)
    return network_of(_keras(keras, model), encoder, model)


def _check(keras: Any, model: Any) -> None:
    if (backend := keras.backend.backend()) != "jax":
        raise ConfigError(
            f"Keras runs on {backend}: set the environment variable KERAS_BACKEND=jax before importing it."
        )
    if not model.built:
        raise ConfigError(
            f"the Keras model {model.name!r} has no weights yet: call model.build((None, columns)) first."
        )
    if model.losses:
        raise ConfigError(
            f"the Keras model {model.name!r} adds penalties to the loss (regularizers, add_loss), which would be left "
            "out: build it without them, and use l2 or weight_decay of the update rule."
        )


@dataclass(frozen=True, eq=False, repr=False)
class _Keras:
    """A model of Keras: the names of its variables in Keras's order, and its first variables.

    `fixed` holds the names of the variables that are not trainable, None in place of a seed.
    """

    library: ClassVar[str] = "Keras"
    model: Any
    trainable: tuple[tuple[str, ...], ...]
    fixed: tuple[tuple[str, ...] | None, ...]
    first: Variables
    has_statistics: bool

    def mixes_rows(self, variables: Variables) -> bool:
        return self.has_statistics

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        return self.first

    def copy(self, variables: Variables) -> Any:
        """Another model of Keras with these variables; the user's own stays as it is.

        Raises:
            UsageError: Keras cannot make the model anew from its configuration.
        """
        try:
            copied = type(self.model).from_config(self.model.get_config())
            if not copied.built:
                copied.build_from_config(self.model.get_build_config())
        except (NotImplementedError, TypeError, ValueError) as error:
            raise UsageError(
                f"Keras cannot make the model {self.model.name!r} anew from its configuration, as it does to open a "
                f"file: {error!s:.300}. Give such layers a get_config and `keras.saving.register_keras_serializable`."
            ) from error
        for names, own, tree in (
            (self.trainable, copied.trainable_variables, variables.params),
            (self.fixed, copied.non_trainable_variables, variables.state),
        ):
            for name, variable in zip(names, own, strict=True):
                if name is not None:
                    variable.assign(array_at(tree, name))
        return copied

    def apply(self, variables: Variables, x: Array, *, train: bool, key: Array | None) -> tuple[Any, Tree]:
        if train and key is None and None in self.fixed:
            raise ConfigError("the Keras model draws random numbers in training: pass a key.")
        learned = [array_at(variables.params, name) for name in self.trainable]
        others = [
            _seed(key, number) if name is None else array_at(variables.state, name)
            for number, name in enumerate(self.fixed)
        ]
        mode = {"training": train} if takes(self.model, "training", method="call") else {}
        y, new = self.model.stateless_call(learned, others, x, **mode)
        if not train:
            return y, variables.state
        return y, nest_by_name((name, array) for name, array in zip(self.fixed, new, strict=True) if name is not None)


def _seed(key: Array | None, number: int) -> Array:
    """The state of a seed generator of Keras; without a key, any state, as nothing draws from it."""
    if key is None:
        return jnp.zeros(2, jnp.uint32)
    return jax.random.bits(jax.random.fold_in(key, number), (2,), jnp.uint32)


def _keras(keras: Any, model: Any) -> _Keras:
    names, layers = _names(model), _layers(model)
    learned, others = model.trainable_variables, model.non_trainable_variables
    trainable = tuple(names[id(variable)] for variable in learned)
    fixed = tuple(None if variable.name == SEED else names[id(variable)] for variable in others)
    params = nest_by_name((name, np.array(variable.value)) for name, variable in zip(trainable, learned, strict=True))
    state = nest_by_name(
        (name, np.array(variable.value)) for name, variable in zip(fixed, others, strict=True) if name is not None
    )
    mixes = any(isinstance(layer, keras.layers.BatchNormalization) and layer.trainable for layer in layers)
    return _Keras(model, trainable, fixed, Variables(params, state), mixes)


def _layers(model: Any) -> list[Any]:
    """The model and all layers in it, at any depth."""
    return list(model._flatten_layers())


def _names(model: Any) -> dict[int, tuple[str, ...]]:
    """A name for each variable, by its identity: its path without the model's own name.

    Keras numbers the layers of a process: the same model built again has dense_2 in place of dense. So Keras's numbers
    are replaced by counting within the model, so that saved weights fit it in every process.
    """
    automatic = {re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(layer).__name__).lower() for layer in _layers(model)}
    seen: dict[tuple[str, ...], dict[str, str]] = {}
    names = []
    for variable in model.variables:
        path = variable.path.removeprefix(f"{model.name}/").split("/")
        name: tuple[str, ...] = ()
        for part in path[:-1]:
            base = re.sub(r"_\d+$", "", part)
            known = seen.setdefault(name, {})
            if part not in known:
                count = sum(re.sub(r"_\d+$", "", other) == base for other in known)
                known[part] = (f"{base}_{count}" if count else base) if base in automatic else part
            name = (*name, known[part])
        names.append((*name, path[-1]))
    return dict(zip(map(id, model.variables), make_unique(names), strict=True))
