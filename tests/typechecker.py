"""Beartype as PEP 484 has it: where a float is declared, an int will do.

jaxtyping binds the arguments of every call and checks them twice, to say which of them is wrong. Here they are checked
once, in a place of its own for the sizes that shapes name; functions that name none need no such place.
"""

import inspect
from collections.abc import Callable
from dataclasses import is_dataclass
from functools import update_wrapper, wraps
from types import FunctionType
from typing import Annotated, Any, ForwardRef, Literal, get_args, get_origin

import jaxtyping
from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True, violation_type=jaxtyping.TypeCheckError))
jaxtyped = jaxtyping.jaxtyped
SIZES = jaxtyped("context")
"""In it, a size has one value by its name."""


def parts_of(hint: object) -> list[object]:
    """A hint, and all hints in it."""
    if isinstance(hint, list):  # the arguments of a Callable
        return [part for one in hint for part in parts_of(one)]
    if get_origin(hint) is Literal:
        return []
    inside = get_args(hint)[:1] if get_origin(hint) is Annotated else get_args(hint)
    return [hint, *(part for one in inside for part in parts_of(one))]


def is_looked_up(hint: object) -> bool:
    """Whether a hint is a name that only jaxtyping looks up."""
    return isinstance(hint, str | ForwardRef)


def has_shape(hint: object) -> bool:
    """Whether a hint says something of shapes."""
    return inspect.isclass(hint) and issubclass(hint, jaxtyping.AbstractArray)


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose arguments and result are checked."""
    hints = [part for hint in function.__annotations__.values() for part in parts_of(hint)]
    shaped = any(map(has_shape, hints))
    if any(map(is_looked_up, hints)) or (shaped and inspect.isgeneratorfunction(function)):
        return jaxtyped(function, typechecker=check)
    checking = check_again(function) if "<locals>" in function.__qualname__ else check(function)
    return with_sizes(checking) if shaped else checking


FIRST: dict[tuple[object, ...], tuple[Callable[..., Any], Callable[..., Any]]] = {}
"""Functions that are defined in others: the first of the same lines and hints, and how that is checked."""


def check_again(function: Callable[..., Any]) -> Callable[..., Any]:
    """`check`, whose code is written once for a function that is defined anew in each call of another."""
    hints = ((name, repr(hint) if has_shape(hint) else hint) for name, hint in function.__annotations__.items())
    lines = function.__code__, *hints
    first, checking = FIRST.get(lines) or FIRST.setdefault(lines, (function, check(function)))
    if checking is first:
        return function
    again = FunctionType(checking.__code__, checking.__globals__, checking.__name__, checking.__defaults__)
    named = checking.__kwdefaults__ or {}
    again.__kwdefaults__ = {name: function if value is first else value for name, value in named.items()}
    return update_wrapper(again, function)


def with_sizes(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function each of whose calls has sizes of its own."""

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        with SIZES:
            return function(*arguments, **named)

    return call


def decorate(decorated: Any) -> Any:
    """A function that is checked; of a class, what makes it from its fields."""
    if not inspect.isclass(decorated):
        return checked(decorated)
    if is_dataclass(decorated) and not hasattr(decorated.__init__, "__wrapped__"):
        decorated.__init__ = checked(decorated.__init__)
    return decorated


def decorator(typechecker: object) -> Callable[[Any], Any]:
    return decorate


def check_quickly() -> None:
    """Make the hook of jaxtyping, which puts `@jaxtyping.jaxtyped(typechecker=...)` everywhere, decorate so."""
    jaxtyping.jaxtyped = decorator
