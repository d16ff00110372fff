"""Settings that differ from others in some keys, and the keys in which settings differ."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from batchwright.config.check import build
from batchwright.config.components import plain_value, to_plain
from batchwright.config.custom import hints_of, with_numbers
from batchwright.config.document import Node, Problem
from batchwright.config.keys import explain
from batchwright.config.sections import SECTIONS, Section
from batchwright.config.settings import Settings, explain_problems, with_value
from batchwright.errors import ConfigError


def with_changes(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """The settings with other values of some keys.

    A kind of network, update rule or schedule that is another than before has its own defaults for the keys that are
    not among the changes. Nothing in a section that changes is to be measured, or follows from the rows, any more.

    Args:
        settings: those that stay as they are elsewhere.
        changes: plain values by dotted key.

    Raises:
        ConfigError: an unknown key, or a value that a key does not take; all at once.

    >>> from batchwright.config import load_config
    >>> changed = with_changes(load_config(), {"optimizer.name": "sgd", "optimizer.learning_rate": 0.1})
    >>> changed.config.optimizer.name, changed.config.optimizer.learning_rate
    ('sgd', 0.1)
    """
    sections = {section.name: section for section in SECTIONS}
    for name in dict.fromkeys(key.partition(".")[0] for key in changes):
        if name not in sections:
            raise ConfigError(explain((name,), tuple(sections)))
        if name in changes:
            example = next(iter(hints_of(sections[name].default())))
            raise ConfigError(f"{name}: is a section: write the keys that differ, such as {name}.{example}.")
        own = {key.partition(".")[2]: value for key, value in changes.items() if key.startswith(f"{name}.")}
        settings = settings.with_section(name, _changed_part(settings, sections[name], own), "user")
    evidence = {key: said for key, said in settings.evidence.items() if settings.origins.get(key, "user") != "user"}
    return replace(settings, evidence=evidence)


def changes_between(base: Settings, other: Settings) -> dict[str, Any]:
    """The changes by which `with_changes` makes the second configuration of the first, except for the rows.

    >>> from batchwright.config import load_config
    >>> other = load_config(None, [("network.dropout", "0.1", ""), ("optimizer.name", "sgd", "")])
    >>> changes_between(load_config(), other)
    {'network.dropout': 0.1, 'optimizer.name': 'sgd'}
    """
    found = dict[str, Any]()
    for section in SECTIONS:
        if section.name != "data":
            parts = (getattr(settings.config, section.name) for settings in (base, other))
            found |= {f"{section.name}.{key}": value for key, value in _differences(section, *parts)}
    return found


def _changed_part(settings: Settings, section: Section, changes: Mapping[str, Any]) -> Any:
    """The part of a section with other values."""
    part = getattr(settings.config, section.name)
    if section.is_custom(part) and section.tag not in changes:
        return with_numbers(section.name, part, Node.of(dict(changes)))
    another = section.tag is not None and changes.get(section.tag, part.name) != part.name
    document, problems = Node.of({} if another else {section.name: to_plain(part)}), list[Problem]()
    for key, value in changes.items():
        document = with_value(document, f"{section.name}.{key}", Node.of(value), problems)
    config, found = build(document, settings.config.own)
    if said := [*problems, *found]:
        raise ConfigError(explain_problems(said))
    return getattr(config, section.name)


def _differences(section: Section, base: Any, other: Any) -> Iterator[tuple[str, Any]]:
    """The fields of a part that differ from those of another part of its kind, or from the defaults of its kind."""
    fields = hints_of(other)
    if section.is_custom(other) and not fields:
        return
    now = to_plain(other)
    if type(base) is type(other):
        before = to_plain(base)
    else:
        before = {one.name: _default(one) for one in dataclasses.fields(other)}
        yield str(section.tag), now[str(section.tag)]
    yield from ((name, now[name]) for name in fields if now[name] != before[name])


def _default(field: "dataclasses.Field[Any]") -> Any:
    """The default of a field as plain data; `MISSING` where it has none."""
    made = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    return plain_value(made)
