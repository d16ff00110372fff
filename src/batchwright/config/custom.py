"""A user's own parts: a record holds `custom` and their printed form, and Python code supplies them again."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from batchwright._printed import printed
from batchwright.config.document import Node
from batchwright.config.sections import CUSTOM, SECTIONS, Own, Section
from batchwright.config.settings import Settings, read_document, settings_from, with_value
from batchwright.errors import ConfigError
from batchwright.nn import Architecture
from batchwright.optim import Optimizer, Schedule
from batchwright.tasks import Loss, Metric, Task


@dataclass(frozen=True)
class Given:
    """The objects that Python code supplies for parts that a record only names."""

    network: Architecture | None = None
    optimizer: Optimizer | None = None
    schedule: Schedule | None = None
    loss: Loss | None = None
    metrics: tuple[Metric, ...] = ()
    task: Task | None = None


NONE_GIVEN = Given()


def recorded(path: Path, given: Given) -> Settings:
    """The settings in the configuration of a run, with the given objects in place of its `custom` parts.

    Raises:
        ConfigError: a custom part is not given, or a different one is given, or a part is given that is not custom in
            the run.
    """
    document, problems = read_document(path, ())
    parts = {section.name: _part(section, document, given) for section in SECTIONS if section.tag}
    for name in [name for name, part in parts.items() if part is not None]:
        document = with_value(document, name, Node({}), problems)
    document, own = _own(document, given)
    settings = settings_from(document, problems, own)
    for name, part in parts.items():
        settings = settings if part is None else settings.with_section(name, part, "user")
    return settings


def checked(name: str, form: str, given: Any) -> Any:
    """The object given for a custom part, if it has this printed form.

    Raises:
        ConfigError: it has another form, or nothing is given.
    """
    if given is None:
        raise ConfigError(f"the run names its {name}, {form}, and does not hold its code: give it again, as {name}=.")
    if form not in (printed(given), printed(given).replace(", rates={}", "")):  # rules had no `rates` before
        raise ConfigError(f"the {name} of this run is {form}, and {printed(given)} was given: give the one it has.")
    return given


def _part(section: Section, document: Node, given: Given) -> Any:
    """The object given for a section, if the section is custom; else None."""
    assert section.tag is not None
    tag, form = (document.find((section.name, key)) for key in (section.tag, "form"))
    offered = getattr(given, section.name)
    if tag is not None and tag.value == CUSTOM:
        return checked(section.name, str(form.value if form else ""), offered)
    if offered is not None:
        _refuse(section.name)
    return None


def _own(document: Node, given: Given) -> tuple[Node, Own]:
    """The document without the custom parts of its task, and these parts as given."""
    section = document.find(("task",))
    entries = dict(section.value) if section and isinstance(section.value, dict) else {}
    found = {"loss": _form(entries.get("loss")), "task": _form(entries.get("kind"))}
    offered = {name: getattr(given, name) for name in found}
    for name, form in found.items():
        if form is None and offered[name] is not None:
            _refuse(name)
    own = Own(**{name: checked(name, form, offered[name]) for name, form in found.items() if form is not None})
    listed = entries.get("metrics")
    plain = listed.plain if listed else []
    custom = [str(entry[CUSTOM]) for entry in plain if isinstance(entry, Mapping)]
    names = {metric.name: metric for metric in given.metrics}
    if sorted(custom) != sorted(names):
        raise ConfigError(
            f"the run names metrics whose code it does not hold: {', '.join(custom) or 'none'}. Given were "
            f"{', '.join(names) or 'none'}: give the same again, as metrics=."
        )
    kept = {key: node for key, node in entries.items() if _form(node) is None}
    if custom:
        kept["metrics"] = Node.of([entry for entry in plain if isinstance(entry, str)])
    whole = Node({**document.value, "task": Node(kept)}) if isinstance(document.value, dict) else document
    return whole, replace(own, metrics=tuple(names[name] for name in custom))


def _form(node: Node | None) -> str | None:
    """The printed form inside a custom value."""
    plain = node.plain if node else None
    return str(plain[CUSTOM]) if isinstance(plain, Mapping) and CUSTOM in plain else None


def _refuse(name: str) -> None:
    raise ConfigError(f"the {name} of this run is one of batchwright's, and known: leave out {name}=.")
