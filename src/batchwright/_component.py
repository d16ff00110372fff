"""Frozen dataclasses that JAX takes apart: their numbers flow through a program, everything else shapes it.

A layer, an update rule and a task are each a component. When a component is passed to a compiled function, its `float`
fields are traced: another learning rate or dropout rate compiles nothing, and a stack of them can be put under `vmap`.
Everything else (sizes, names, flags) is part of the program. A `float` that is None or exactly 0.0 is switched off and
static too, so that a rule without momentum keeps no velocity and a network without dropout draws no random numbers.
"""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, dataclass_transform, get_args, get_origin, get_type_hints

import jax

C = TypeVar("C")


@dataclass_transform(frozen_default=True)
def component(cls: type[C]) -> type[C]:
    """Make `cls` a frozen dataclass, and tell JAX which fields are numbers, components, or static.

    >>> @component
    ... class Scale:
    ...     factor: float = 2.0
    ...     name: str = "scale"
    >>> jax.tree.leaves(Scale())
    [2.0]
    """
    hints = get_type_hints(cls, include_extras=True)
    numbers = frozenset(name for name, hint in hints.items() if _holds_a_number(hint))
    cls.__post_init__ = lambda self: _normalize(self, numbers)  # type: ignore[attr-defined]
    dataclass = dataclasses.dataclass(frozen=True)(cls)
    names = tuple(field.name for field in dataclasses.fields(dataclass))  # type: ignore[arg-type]

    def flatten(self: C) -> tuple[tuple[object, ...], tuple[tuple[str, ...], tuple[tuple[str, object], ...]]]:
        dynamic, children, static = list[str](), list[object](), list[tuple[str, object]]()
        for name in names:  # for every call of a compiled function, and so without a pass for each of the three
            value = getattr(self, name)
            if not _is_off(value) if name in numbers else _is_component(value):
                dynamic.append(name)
                children.append(value)
            else:
                static.append((name, value))
        return tuple(children), (tuple(dynamic), tuple(static))

    def unflatten(structure: tuple[tuple[str, ...], tuple[tuple[str, object], ...]], children: tuple[object, ...]) -> C:
        self = object.__new__(dataclass)  # not __init__: JAX also puts tracers and placeholders where numbers were
        for name, value in (*structure[1], *zip(structure[0], children, strict=True)):
            object.__setattr__(self, name, value)
        return self

    jax.tree_util.register_pytree_node(dataclass, flatten, unflatten)
    setattr(dataclass, _MARK, True)
    return dataclass


def _normalize(self: object, numbers: frozenset[str]) -> None:
    """Turn lists into tuples, because whatever shapes a program must be hashable, and any mapping into a dict.

    A number that is the integer 0 becomes 0.0, which is switched off.
    """
    for name, value in vars(self).items():
        if isinstance(value, list):
            object.__setattr__(self, name, tuple(value))
        elif isinstance(value, Mapping) and not isinstance(value, dict):
            object.__setattr__(self, name, dict(value))  # JAX takes it apart
        elif name in numbers and type(value) is int and value == 0:
            object.__setattr__(self, name, 0.0)


_MARK = "_is_a_component"


def _is_off(value: object) -> bool:
    return value is None or (isinstance(value, float) and value == 0.0)


def _is_component(value: object) -> bool:
    if isinstance(value, tuple):
        return bool(value) and all(map(_is_component, value))
    return _MARK in vars(type(value))  # a subclass that is not marked itself shapes the program, like any other object


def _holds_a_number(hint: Any) -> bool:
    """Whether a field annotated `hint` holds a float or an array: `float`, `float | None`, `Annotated[float, ...]`."""
    if get_origin(hint) is Annotated:
        return _holds_a_number(get_args(hint)[0])
    return hint in (float, jax.Array) or any(map(_holds_a_number, get_args(hint)))
