"""Beartype as PEP 484 has it: where a float is declared, an int will do.

jaxtyping binds and checks the arguments of every call twice, to compare the shapes that they name. Most functions name
none: beartype checks these alone, in a tenth of the time.
"""

import inspect
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Annotated, Any, ForwardRef, Literal, get_args, get_origin

import jaxtyping
from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True, violation_type=jaxtyping.TypeCheckError))
jaxtyped = jaxtyping.jaxtyped


def needs_jaxtyping(hint: object) -> bool:
    """Whether a hint says something of shapes, or is a name that only jaxtyping looks up."""
    if isinstance(hint, str | ForwardRef):
        return True
    if get_origin(hint) in (Literal, Annotated):
        return get_origin(hint) is Annotated and needs_jaxtyping(get_args(hint)[0])
    if isinstance(hint, list):  # the arguments of a Callable
        return any(map(needs_jaxtyping, hint))
    if inspect.isclass(hint) and issubclass(hint, jaxtyping.AbstractArray):
        return True
    return any(map(needs_jaxtyping, get_args(hint)))


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    if any(map(needs_jaxtyping, function.__annotations__.values())):
        return jaxtyped(function, typechecker=check)
    return check(function)


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
