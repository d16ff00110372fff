"""Common parts for modules of all libraries: a module is one layer, behind an encoder of the inputs."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from batchwright._component import component
from batchwright._extras import import_optional
from batchwright.errors import ConfigError, UsageError
from batchwright.nn.embeddings import Encoder, scaled_image
from batchwright.nn.networks import FeedForward
from batchwright.nn.protocols import Inputs, Network, Tree, Variables

MODES = {
    "train": True,
    "training": True,
    "is_training": True,
    "deterministic": False,
    "use_running_average": False,
    "inference": False,
}
"""Keywords that tell modules whether they train, with the value for training."""

TAKERS = {"flax": "from_flax", "equinox": "from_equinox", "keras": "from_keras", "torch": "from_torch"}
"""The function that takes a module of each library."""


@runtime_checkable
class Module(Protocol):
    """A module of another library as two pure functions. Objects are compared by identity, as they hold arrays."""

    @property
    def library(self) -> str:
        """The library's name."""

    def mixes_rows(self, variables: Variables) -> bool:
        """Whether the rows of a batch influence each other in training: whether there are batch statistics."""

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """The first variables."""

    def apply(self, variables: Variables, x: Array, *, train: bool, key: Array | None) -> tuple[Any, Tree]:
        """The module's output for x [n, ...], and its new state."""


@component
class OneArray:
    """The inputs for a module without an encoder: numeric columns as they are, or an image's pixels / 255."""

    def init(self, key: Array, example: Inputs) -> Variables:
        """Nothing to learn. Raises ConfigError if there are categorical columns or texts."""
        if "categorical" in example or "text" in example:
            numeric = example["numeric"].shape[1] if "numeric" in example else 0
            columns = example["categorical"].shape[1] if "categorical" in example else 0
            texts = ", and texts" if "text" in example else ""
            raise ConfigError(
                f"the table has {columns} categorical and {numeric} numeric columns{texts}, but a module of another "
                "library is given one array of numbers. Pass encoder=bw.nn.Columns.of(bw.nn.Features(numeric="
                f"{numeric}, cardinalities=..., text=...)), with the number of categories of each column, which are "
                "then embedded in front of the module; or leave these columns out."
            )
        if len(example) != 1:
            raise ConfigError(
                f"the inputs are {', '.join(sorted(example))}, but a module of another library is given one array: "
                "pass an encoder= that makes one of them, such as bw.nn.Columns."
            )
        return Variables({}, {})

    def apply(self, variables: Variables, inputs: Inputs) -> Array:
        """float32 [n, d] or [n, h, w, channels]."""
        return scaled_image(inputs) if "image" in inputs else inputs["numeric"]


@component
class Foreign:
    """A module of another library as a layer."""

    module: Module
    name: str

    def __repr__(self) -> str:
        """Only its class: a module may be long."""
        return f"<{self.name} of {self.module.library}>"

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """The module's first variables, floats in float32.

        Raises:
            ConfigError: the module does not take rows of this shape, or gives something other than [n, outputs].
        """
        with _explain_module_errors(self.module.library, shape):
            variables = Variables(*map(_to_single_precision, self.module.init(key, shape)))
            rows = jax.ShapeDtypeStruct((2, *shape), jnp.float32)
            given, _ = jax.eval_shape(partial(self.module.apply, train=False, key=None), variables, rows)
        check_given(self.module.library, given)
        return variables

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """float32 [n, o] and the new state, each array in its original dtype.

        Raises:
            ConfigError: some places of the batch hold no row, and the module would count them as rows.
        """
        if train and present is not None and self.module.mixes_rows(variables):
            raise ConfigError(
                f"the {self.module.library} module has batch statistics, which would count the empty places of a batch "
                "that is not full. Set `remainder=drop`, or a batch size that divides the number of training rows."
            )
        y, state = self.module.apply(variables, x, train=train, key=key)
        return y.astype(jnp.float32), jax.tree.map(lambda new, old: new.astype(old.dtype), state, variables.state)


def check_given(library: str, given: Any) -> None:
    """Raise ConfigError if a module's output for 2 rows is not an array [2, outputs]."""
    if not hasattr(given, "shape") or len(given.shape) != 2 or given.shape[0] != 2:
        found = str(list(given.shape)) if hasattr(given, "shape") else f"a {type(given).__name__}"
        raise ConfigError(
            f"for 2 rows the {library} module gives {found}, but a network gives one array [rows, outputs]: "
            "wrap the module in one that returns such an array."
        )


def network_of(module: Module, encoder: Encoder | None, given: object) -> Network:
    """The network of `encoder` and module; `given` is the object that the user passed."""
    return FeedForward(OneArray() if encoder is None else encoder, Foreign(module, type(given).__name__))


@contextmanager
def _explain_module_errors(library: str, shape: tuple[int, ...]) -> Iterator[None]:
    """Turn an error of the library into one that says what the module was given."""
    try:
        yield
    except UsageError:
        raise
    except Exception as error:
        sizes = ", ".join(map(str, shape))
        said = " ".join(str(error).split())[:300]
        raise ConfigError(
            f"the {library} module does not take an array of [n, {sizes}], which the inputs make: "
            f"{type(error).__name__}: {said}. Build the module for these sizes, or pass another encoder=."
        ) from error


def library(name: str, *, install: str) -> Any:
    """The module called `name` of a library. Raises ConfigError if it is not installed."""
    return import_optional(name, install, what=TAKERS[name.partition(".")[0]], error=ConfigError)


def refusal(taker: str, allowed: str, given: object) -> ConfigError:
    """The error that `taker` does not accept the given object, with the function that does."""
    other = next((TAKERS[root] for root in TAKERS if comes_from(root, given) and TAKERS[root] != taker), None)
    kind = f"{type(given).__module__}.{type(given).__qualname__}".removeprefix("builtins.")
    if isinstance(given, type):
        kind, other = f"the class {given.__qualname__}", None
    remedy = f"use bw.nn.{other}" if other else "pass an object of such a class"
    return ConfigError(f"{taker} takes {allowed}, but got {kind}: {remedy}.")


def comes_from(library: str, given: object) -> bool:
    """Whether the object's class, or one of its base classes, is from this library."""
    return any(kind.__module__.partition(".")[0] == library for kind in type(given).__mro__)


def mode_keywords(module: object, *, train: bool) -> dict[str, bool]:
    """The keywords of the module's `__call__` that tell it whether it trains."""
    return {name: train == training for name, training in MODES.items() if takes(module, name)}


def takes(module: object, name: str, *, method: str = "__call__") -> bool:
    """Whether a method of the module has an argument with this name. Raises ConfigError if it cannot be called."""
    if not callable(module):
        raise ConfigError(f"a {type(module).__name__} cannot be called with an array: give it a method __call__.")
    return name in inspect.signature(getattr(type(module), method)).parameters


def copy_arrays(tree: Any) -> Any:
    """The tree with a NumPy copy of every array, unaffected by later changes of the module."""
    return jax.tree.map(np.array, tree)


def is_float(array: Any) -> bool:
    """Whether an array holds floating-point numbers."""
    return bool(jnp.issubdtype(array.dtype, jnp.floating))


def _to_single_precision(tree: Tree) -> Tree:
    """The tree with its floats in float32, the dtype of parameters in memory and on disk."""
    single: Tree = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32) if is_float(a) else jnp.asarray(a), tree)
    return single


@dataclass(frozen=True, eq=False)
class Leaves:
    """Converts between a library's tree and nested dicts of its arrays, by the name of each leaf."""

    names: tuple[tuple[str, ...], ...]
    structure: Any

    @classmethod
    def of(cls, tree: Any, name: Callable[[Any], tuple[str, ...]] | None = None) -> "Leaves":
        """The names follow from the paths of the leaves; `name` converts a path to another name."""
        leaves, structure = jax.tree_util.tree_flatten_with_path(tree)
        return cls(make_unique((name or parts)(path) for path, _ in leaves), structure)

    def to_named(self, tree: Any) -> Tree:
        """The arrays of a tree in nested dicts."""
        return nest_by_name(zip(self.names, jax.tree.leaves(tree), strict=True))

    def restore(self, named: Tree) -> Any:
        """The tree that these nested dicts were made from."""
        return jax.tree.unflatten(self.structure, [array_at(named, name) for name in self.names])


def parts(path: Any) -> tuple[str, ...]:
    """The keys of a path of JAX as text."""
    return tuple(jax.tree_util.keystr((key,), simple=True) for key in path)


def make_unique(names: Iterable[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """The names; a repeated name gets a number at its end.

    >>> make_unique([("a", "w"), ("a", "w"), ("b",)])
    (('a', 'w'), ('a', 'w_1'), ('b',))
    """
    seen: dict[tuple[str, ...], int] = {}
    made = []
    for name in names:
        count = seen[name] = seen.get(name, -1) + 1
        made.append((*name[:-1], f"{name[-1]}_{count}") if count else name)
    return tuple(made)


def nest_by_name(arrays: Iterable[tuple[tuple[str, ...], Any]]) -> Tree:
    """Nested dicts of arrays by their names.

    >>> nest_by_name([(("a", "w"), 1), (("a", "b"), 2)])
    {'a': {'w': 1, 'b': 2}}
    """
    tree: Tree = {}
    for name, array in arrays:
        branch = tree
        for part in name[:-1]:
            branch = branch.setdefault(part, {})
        branch[name[-1]] = array
    return tree


def array_at(tree: Tree, name: tuple[str, ...]) -> Any:
    """The array with this name."""
    for part in name:
        tree = tree[part]
    return tree
