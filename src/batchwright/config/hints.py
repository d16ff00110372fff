"""Read from annotations what the fields of a dataclass may hold: in words, and to read scalars."""

import dataclasses
from collections.abc import Mapping
from functools import cache, partial
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
from annotated_types import Ge, Gt, Le, Len, Lt, MinLen

from batchwright.config.document import Node
from batchwright.config.durations import EXAMPLES, Duration, seconds_of

IN_A_FILE = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    NoneType: "null",
    Any: "a value",
}
IN_PYTHON = IN_A_FILE | {bool: "True or False", NoneType: "None"}


def fields_of(cls: type) -> Mapping[str, Any]:
    """The annotations of the fields that the constructor takes, by name, with their constraints."""
    one: Any = cls  # which mypy does not take for hashable
    return _fields_of(one)


@cache
def _fields_of(cls: Any) -> Mapping[str, Any]:
    hints = get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls) if field.init}


def describe(hint: Any, *, python: bool = False) -> str:
    """The values that an annotation allows, in words: as a file writes them, or as Python does.

    >>> describe(Annotated[float, Ge(0), Lt(1)] | None)
    'a number >= 0 and < 1, or null'
    >>> describe(tuple[Annotated[int, Gt(0)], ...])
    'a list, each entry a whole number > 0'
    """
    origin, args = get_origin(hint), get_args(hint)
    within = partial(describe, python=python)
    if origin is Annotated:
        return within(args[0]) + _bounds(args[1:])
    if origin is Literal:
        return ("one of " if len(args) > 1 else "") + ", ".join(map(str, args))
    if origin in (Union, UnionType):
        return ", or ".join(within(part) for part in args if not (part is int and float in args))
    if origin is tuple and args[-1] is ...:
        return f"a list, each entry {within(args[0])}"
    if origin is tuple:
        return f"a list of {len(args)}: {'; '.join(map(within, args))}"
    if _is_mapping(origin):
        return f"a mapping of names, each to {within(args[1])}"
    if dataclasses.is_dataclass(hint):
        return _constructor_text(hint) if python else _mapping_of(hint)  # type: ignore[arg-type]
    return (IN_PYTHON if python else IN_A_FILE).get(hint) or str(getattr(hint, "__name__", hint))


def _mapping_of(cls: type) -> str:
    """What stands in a file for an instance of a dataclass."""
    fields = fields_of(cls)
    if _wraps(cls):
        return f"{{{', '.join(f'{name}: {{}}' for name in fields)}}}"
    return f"a mapping of {', '.join(fields)}"


def _constructor_text(cls: type) -> str:
    """How Python makes an instance of a dataclass, or what a wrapper in the configuration is made of."""
    inner = [nested_dataclass(hint) for hint in fields_of(cls).values()] if _wraps(cls) else [cls]
    return ", or ".join(f"{one.__name__}(...)" for one in inner if one)


def _wraps(cls: type) -> bool:
    return all(map(nested_dataclass, fields_of(cls).values()))


def members(hint: Any) -> tuple[Any, ...]:
    """The alternatives of an annotation, without their constraints."""
    if get_origin(hint) is Annotated:
        return members(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return tuple(member for part in get_args(hint) for member in members(part))
    return (hint,)


def choices(hint: Any) -> tuple[str, ...]:
    """The names among the alternatives of an annotation."""
    literals = (member for member in members(hint) if get_origin(member) is Literal)
    return tuple(str(name) for literal in literals for name in get_args(literal))


def nested_dataclass(hint: Any) -> type | None:
    """The dataclass among the alternatives of an annotation."""
    return next((cls for cls in members(hint) if isinstance(cls, type) and dataclasses.is_dataclass(cls)), None)


def mapped_hint(hint: Any) -> Any:
    """The annotation of the values of a mapping of the user's own names; None if there is no such alternative."""
    return next((get_args(member)[1] for member in members(hint) if _is_mapping(get_origin(member))), None)


def entry_class(hint: Any) -> type | None:
    """The dataclass that each value of a mapping of the user's own names is; None if it is none."""
    return nested_dataclass(mapped_hint(hint))


def takes_names(hint: Any) -> bool:
    """Whether a mapping of the user's own names is among the alternatives of an annotation."""
    return any(_is_mapping(get_origin(member)) for member in members(hint))


def float32_problem(hint: Any, value: object) -> str:
    """The problem of a number within its bounds that violates them in float32, as in training; else an empty text.

    >>> float32_problem(Annotated[float, Ge(0), Lt(1)], 0.99999999)
    'is 1 in float32, in which networks are trained, and has to stay below it; 0.99999994 is the nearest that does.'
    """
    if not isinstance(value, float):
        return ""
    with np.errstate(over="ignore", under="ignore"):
        rounded = np.float32(value)
    smallest, training = np.finfo(np.float32).tiny, "in float32, in which networks are trained, and has to stay"
    for constraint in _constraints(hint):
        if isinstance(constraint, Lt) and rounded >= (bound := np.float32(constraint.lt)):  # type: ignore[arg-type]
            return f"is {rounded:g} {training} below it; {np.nextafter(bound, -bound)!s} is the nearest that does."
        if isinstance(constraint, Gt) and constraint.gt == 0 and rounded < smallest:
            return f"is 0 {training} above it; {smallest:.3g} is the smallest that does."
    return ""


def _constraints(hint: Any) -> tuple[Any, ...]:
    """The constraints of an annotation, and of its alternatives."""
    if get_origin(hint) is Annotated:
        return (*get_args(hint)[1:], *_constraints(get_args(hint)[0]))
    if get_origin(hint) in (Union, UnionType):
        return tuple(constraint for part in get_args(hint) for constraint in _constraints(part))
    return ()


def read_as(hint: Any, node: Node) -> Any:
    """The plain value of a node; a scalar stays text if text is expected, as in `target: 8`.

    A length of time is read as its seconds.
    """
    if isinstance(node.value, str) and any(map(_is_duration, _constraints(hint))):
        return node.value if (seconds := seconds_of(node.value)) is None else seconds
    if isinstance(node.value, dict):
        owner = nested_dataclass(hint)
        parts = fields_of(owner) if owner else {}
        each = mapped_hint(hint)
        return {key: read_as(parts.get(key, each), child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        tuples = [get_args(member) for member in members(hint) if get_origin(member) is tuple]
        entry = tuples[0][0] if tuples else None
        return [read_as(entry, child) for child in node.value]
    kinds = members(hint)
    as_text = str in kinds and node.value is not None and type(node.value) not in kinds
    return node.text if as_text else node.value


def _is_mapping(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _bounds(constraints: tuple[Any, ...]) -> str:
    words = []
    for constraint in constraints:
        match constraint:
            case Gt(gt=bound):
                words.append(f"> {bound}")
            case Ge(ge=bound):
                words.append(f">= {bound}")
            case Lt(lt=bound):
                words.append(f"< {bound}")
            case Le(le=bound):
                words.append(f"<= {bound}")
            case MinLen(min_length=length):
                words.append(f"({length} or more of them)")
            case Len(min_length=least, max_length=most):
                words.append(f"({least} to {most} of them)")
    unit = f" of seconds, or a text such as {EXAMPLES}" if any(map(_is_duration, constraints)) else ""
    return (" " + " and ".join(words) if words else "") + unit


def _is_duration(constraint: object) -> bool:
    return isinstance(constraint, Duration)
