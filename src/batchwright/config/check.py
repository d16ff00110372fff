"""Make a Config from a document: choose each section's class, and check its keys and values; all problems at once."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from functools import cache
from types import NoneType
from typing import Any, Literal, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from batchwright.config.conflicts import conflicts
from batchwright.config.document import Node, Problem, resolve_scalar
from batchwright.config.emit import shorten
from batchwright.config.hints import (
    choices,
    describe,
    entry_class,
    fields_of,
    float32_problem,
    members,
    nested_dataclass,
    read_as,
)
from batchwright.config.keys import explain
from batchwright.config.sections import AUTO, CUSTOM, MEASURABLE, NOTHING, SCALES, SECTIONS, Config, Own, Section
from batchwright.errors import nearest, unknown

STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


def build(document: Node, own: Own = NOTHING) -> tuple[Config, list[Problem]]:
    """The configuration of a document, and all its problems; the configuration is valid only if there are none."""
    problems: list[Problem] = []
    root = _mapping(document, "the configuration", problems)
    classes, given = dict[str, type](), dict[str, Node]()
    for section in SECTIONS:
        first: str = section.tag or next(iter(fields_of(section.default)))
        node = _mapping(root.find((section.name,)) or Node({}, root.place), section.name, problems, first=first)
        classes[section.name], given[section.name] = _choose(section, node, problems)
    names = tuple(section.name for section in SECTIONS)
    unknown_keys = [(key, node) for key, node in _children(root).items() if key not in names]
    problems += [Problem(node.place, explain((key,), names)) for key, node in unknown_keys]
    made, found = make(classes, given)
    config = Config(**made, own=own) if made else Config()
    return config, problems + found + ([] if problems or found else conflicts(config, root))


def make(classes: Mapping[str, type], given: Mapping[str, Node]) -> tuple[dict[str, Any], list[Problem]]:
    """An instance of each class from the mapping with the same name; empty if there are problems."""
    plain = {
        name: {key: read_as(fields_of(cls).get(key), node) for key, node in _children(given[name]).items()}
        for name, cls in classes.items()
    }
    try:
        model = model_of(tuple(classes.items())).model_validate_json(json.dumps(plain))
    except ValidationError as error:
        paths = dict.fromkeys(_path(detail["loc"], classes) for detail in error.errors(include_url=False))
        outer = {path[:length] for path in paths for length in range(len(path))}
        return {}, [_problem(path, classes, given) for path in paths if path not in outer]
    made = {name: getattr(model, name) for name in classes}
    lost = [
        problem
        for name, instance in made.items()
        for problem in _rounding_problems(instance, (name,), Node(dict(given)))
    ]
    return ({}, lost) if lost else (made, [])


def _rounding_problems(instance: Any, path: tuple[str, ...], document: Node) -> Iterator[Problem]:
    """Numbers of an instance, and of its components, that float32 rounds out of their bounds."""
    for key, hint in fields_of(type(instance)).items():
        value, where = getattr(instance, key), (*path, key)
        if is_dataclass(value):
            yield from _rounding_problems(value, where, document)
        elif said := float32_problem(hint, value):
            yield Problem(document.place_of(where), f"{'.'.join(where)}: {said}")


@cache
def model_of(classes: tuple[tuple[str, type], ...]) -> type[BaseModel]:
    """A strict model with a field for each name; the same rules apply to dataclasses inside it."""
    parts: dict[str, Any] = {name: (cls, ...) for name, cls in classes}
    return create_model("Run", __config__=STRICT, **parts)


def _mapping(node: Node, name: str, problems: list[Problem], *, first: str = "") -> Node:
    """The node if it is a mapping; an empty one if it is null or, as a problem, anything else."""
    if isinstance(node.value, dict):
        return node
    if node.value is not None:
        example = f"; write {name}: {{{first}: {shorten(node.plain)}}}" if first and isinstance(node.value, str) else ""
        problems.append(
            Problem(node.place, f"{name}: must be a mapping of keys, but is {shorten(node.plain)}{example}.")
        )
    return Node({}, node.place)


def _children(node: Node) -> dict[str, Node]:
    return node.value if isinstance(node.value, dict) else {}


def _choose(section: Section, node: Node, problems: list[Problem]) -> tuple[type, Node]:
    """The class of a section, and the mapping of its fields; for an unknown name, the default class and no fields."""
    keys = _children(node)
    if section.tag is None or section.tag not in keys:
        return section.default, node
    tag, rest = keys[section.tag], {key: child for key, child in keys.items() if key != section.tag}
    if cls := section.by_name.get(str(tag.value)):
        return cls, Node(rest, node.place)
    if tag.value == CUSTOM:
        form = keys["form"].text if "form" in keys else "?"
        said = f"is Python code, {form}, which a file cannot hold: train, or go on with the run, from Python."
        problems.append(Problem(tag.place, f"{section.name}.{section.tag}: {said}"))
        return section.default, Node({}, node.place)
    said = unknown(section.name, tag.text or shorten(tag.plain), section.by_name)
    problems.append(Problem(tag.place, f"{section.name}.{section.tag}: {said}"))
    known = {key for cls in section.classes for key in fields_of(cls)}
    strangers = {key: child for key, child in rest.items() if key not in known}
    allowed = (section.tag, *sorted(known))
    problems += [Problem(child.place, explain((section.name, key), allowed)) for key, child in strangers.items()]
    return section.default, Node({}, node.place)


def _path(location: tuple[int | str, ...], classes: Mapping[str, type]) -> tuple[str, ...]:
    """The keys in a location of pydantic, which continues into entries of lists and names alternatives of types."""
    hint: Any = classes[str(location[0])]
    path, alternatives = [str(location[0])], False
    for part in location[1:]:
        owner = nested_dataclass(hint)
        if (owner is None and entry_class(hint) is None) or (alternatives and owner and part != owner.__name__):
            break
        if not alternatives:
            path.append(str(part))
            hint = _hint_below(hint, str(part))
        alternatives = not alternatives and sum(member is not NoneType for member in members(hint)) > 1
    return tuple(path)


def _hint_below(hint: Any, key: str) -> Any:
    """The annotation of a key of a dataclass, or of a mapping of names to dataclasses; None if there is no such key."""
    owner = nested_dataclass(hint)
    return fields_of(owner).get(key) if owner else entry_class(hint)


def _problem(path: tuple[str, ...], classes: Mapping[str, type], given: Mapping[str, Node]) -> Problem:
    """The problem at a path that was refused."""
    name, hint = ".".join(path), classes[path[0]]
    for part in path[1:-1]:
        hint = _hint_below(hint, part)
    document, owner = Node(dict(given)), nested_dataclass(hint)
    place = document.place_of(path)
    if owner and path[-1] not in fields_of(owner):
        tags = tuple(section.tag for section in SECTIONS if path[:-1] == (section.name,) and section.tag)
        return Problem(place, explain(path, (*tags, *fields_of(owner))))
    hint, node = _hint_below(hint, path[-1]), document.find(path)
    if node is None:
        return Problem(place, f"{name}: is missing; it must be {describe(hint)}.")
    return Problem(place, f"{name}: {_misfit(path[-1], hint, node, measurable=name in MEASURABLE)}")


def _misfit(key: str, hint: Any, node: Node, *, measurable: bool) -> str:
    """State what a value should have been, and what it is."""
    names = (*choices(hint), AUTO) if measurable else choices(hint)
    entries = node.plain if isinstance(node.plain, list) else [node.plain]
    if any(isinstance(entry, dict) and entry.keys() == {CUSTOM} for entry in entries):
        return "is Python code, which a file cannot hold: train, or go on with the run, from Python."
    if isinstance(node.value, str) and names and all(_is_name(member) for member in members(hint)):
        return unknown(key, node.value, names)
    hints = [f"must be {describe(hint)}{f', or {AUTO}' if measurable else ''}, but is {shorten(node.plain)}."]
    if isinstance(node.value, dict) and node.value.keys() & set(SCALES):
        hints.append("`batchwright search` chooses from a range or a list.")
    if isinstance(node.value, str):
        if near := nearest(node.value, names):
            hints.append(f"Did you mean {near}?")
        if isinstance(resolve_scalar(node.value), int | float):
            hints.append("Leave out the quotation marks.")
        if (owner := nested_dataclass(hint)) and node.value in choices(fields_of(owner).get("name")):
            hints.append(f"Write {{name: {node.value}}}.")
    return " ".join(hints)


def _is_name(member: Any) -> bool:
    return get_origin(member) is Literal or member is NoneType
