"""Turn components into plain data and back, and check components that were made in Python rather than read."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence, Set
from functools import cache
from typing import Any, TypeVar

import jax
import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError

from batchwright.config.check import STRICT, make
from batchwright.config.document import Node
from batchwright.config.emit import shorten
from batchwright.config.hints import choices, describe, fields_of, float32_problem, members
from batchwright.config.sections import AUTO, MEASURABLE
from batchwright.errors import ConfigError, nearest, unknown
from batchwright.nn.networks import Hidden
from batchwright.optim import Optimizer

C = TypeVar("C")


MEASURABLE_NAMES = frozenset(key.rpartition(".")[2] for key in MEASURABLE)
"""The arguments that may be "auto"."""
FORMER_TAG = "kind"
"""What networks were told apart by; it is still read."""


def to_plain(component: Any) -> dict[str, Any]:
    """A dataclass as plain data, ready for `json.dump`: its kind or name if it has one, and its fields.

    >>> from batchwright.optim import SGD
    >>> to_plain(SGD(momentum=0.9))["momentum"]
    0.9
    """
    named = {tag: getattr(component, tag) for tag in (_tag(type(component)),) if tag}
    return named | {name: plain_value(getattr(component, name)) for name in fields_of(type(component))}


def from_plain(plain: Mapping[str, Any], classes: Sequence[type[C]]) -> C:
    """The component that `to_plain` described, of one of `classes`; missing fields get their defaults.

    Raises:
        ConfigError: an unknown kind or name, unknown keys, or values of the wrong type or out of range; all at once.

    >>> from batchwright.optim import OPTIMIZERS
    >>> from_plain({"name": "sgd", "momentum": 0.5}, OPTIMIZERS).momentum
    0.5
    """
    tag = _tag(classes[0])
    by_name = {getattr(cls, tag): cls for cls in classes} if tag else {None: classes[0]}
    if tag and tag not in plain and FORMER_TAG in plain:
        plain = {tag if key == FORMER_TAG else key: value for key, value in plain.items()}
    name = plain.get(tag) if tag else None
    if name not in by_name:
        raise ConfigError(unknown(str(tag), str(name), map(str, by_name)))
    cls = by_name[name]
    rest = {key: value for key, value in plain.items() if key != tag}
    made, problems = make({cls.__name__: cls}, {cls.__name__: Node.of(rest)})
    if problems:
        raise ConfigError("\n".join(map(str, problems)))
    component: C = made[cls.__name__]
    return component


def validate_component(component: Any, *, as_arguments: bool = False) -> None:
    """Check the fields of a component, and of the components in it, against what their annotations allow.

    Arrays and numbers that JAX is tracing are not checked. Raises ConfigError with all problems. They name a field
    with its class, or with `as_arguments` like an argument of a call.

    >>> from batchwright.optim import SGD
    >>> validate_component(SGD(momentum=1.5))
    Traceback (most recent call last):
    batchwright.errors.ConfigError: SGD.momentum: must be a number >= 0 and < 1, but is 1.5.
    """
    if isinstance(component, type):
        raise ConfigError(f"{component.__name__} is a class: make one of it, as {component.__name__}().")
    if not _is_component(component):
        raise ConfigError(
            f"{shorten(component)} is not a network, an optimizer or a schedule: make one, as optim.Adam()."
        )
    prefix, measurable = (f"{type(component).__name__}.", set()) if not as_arguments else ("", MEASURABLE_NAMES)
    problems = list(_problems(component, prefix, measurable))
    if not problems and isinstance(component, Optimizer | Hidden) and (between := component.problem()):
        problems = [f"{type(component).__name__}: {between}"]
    if problems:
        raise ConfigError("\n".join(problems))


def _problems(component: Any, prefix: str, measurable: Set[str] = frozenset()) -> Iterator[str]:
    for name, hint in fields_of(type(component)).items():
        value, where = getattr(component, name), f"{prefix}{name}"
        parts = value if isinstance(value, tuple) and any(map(_is_component, value)) else (value,)
        for number, part in enumerate(parts):
            if _is_component(part):
                yield from _problems(part, f"{where}." if part is value else f"{where}[{number}].")
        fits = _is_one_of(value, hint) if any(map(_is_component, parts)) else _fits(value, hint)
        if not fits:
            given, auto = shorten(plain_value(value)), f', or "{AUTO}"' if name in measurable else ""
            yield f"{where}: must be {describe(hint, python=True)}{auto}, but is {given}.{_suggest_name(hint, value)}"
        elif rounded := float32_problem(hint, value):
            yield f"{where}: {rounded}"


def _suggest_name(hint: Any, value: object) -> str:
    """The allowed name that is nearest to a text, as a question."""
    near = nearest(value, choices(hint)) if isinstance(value, str) else None
    return f" Did you mean {near}?" if near else ""


def _is_component(value: Any) -> bool:
    """Whether a value is an instance of a dataclass, and not a dataclass itself."""
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _is_one_of(value: Any, hint: Any) -> bool:
    """Whether a component's class is named in an annotation; inside tuples and protocols this is not checked."""
    classes = [member for member in members(hint) if isinstance(member, type) and dataclasses.is_dataclass(member)]
    return isinstance(value, tuple) or not classes or isinstance(value, tuple(classes))


def _fits(value: Any, hint: Any) -> bool:
    if dataclasses.is_dataclass(hint):
        return False  # the value is not even a component
    if isinstance(value, jax.Array) or any(getattr(member, "_is_protocol", False) for member in members(hint)):
        return True
    try:
        _adapter(hint).validate_python(value.item() if isinstance(value, np.generic) else value)
    except ValidationError:
        return False
    return True


@cache
def _adapter(hint: Any) -> Any:
    return TypeAdapter(hint, config=ConfigDict(**STRICT, arbitrary_types_allowed=True))


def _tag(cls: type) -> str | None:
    """What distinguishes a class from the others of its section: an attribute of the class, not a field."""
    return "name" if hasattr(cls, "name") and "name" not in fields_of(cls) else None


def plain_value(value: Any) -> Any:
    """Tuples and arrays as lists, single numbers of arrays as numbers."""
    if _is_component(value):
        return to_plain(value)
    if isinstance(value, Mapping):
        return {str(key): plain_value(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(entry) for entry in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic | jax.Array) else value
