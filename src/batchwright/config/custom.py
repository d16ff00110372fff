"""A user's own parts: a record holds `custom` and their printed form, and Python code supplies them again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from pathlib import Path
from typing import Any

from batchwright._printed import printed_form
from batchwright.config.components import validate_component
from batchwright.config.document import Node, Problem
from batchwright.config.hints import fields_of, read_as
from batchwright.config.sections import BEFORE, CUSTOM, NOTHING, NUMBERS, SECTIONS, Own, Section
from batchwright.config.settings import Settings, read_document, settings_from, with_value
from batchwright.errors import ConfigError
from batchwright.nn import Architecture, Custom, Tabular
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


def given_of(settings: Settings) -> Given:
    """The parts of settings that are code of the user's own, with which their record is read again."""
    config = settings.config
    parts = ((section, getattr(config, section.name)) for section in SECTIONS)
    own = {section.name: part for section, part in parts if section.is_custom(part)}
    return Given(**own, loss=config.own.loss, metrics=config.own.metrics, task=config.own.task)


def read_run_settings(path: Path, given: Given) -> Settings:
    """The settings in the configuration of a run, with the given objects in place of its `custom` parts.

    Raises:
        ConfigError: a custom part is not given, or a different one is given, or a part is given that is not custom in
            the run.
    """
    document, problems = read_run_document(path)
    document, brought = take_custom_parts(document, given)
    for name in brought.parts:
        document = with_value(document, name, Node({}), problems)
    settings = settings_from(document, problems, brought.own)
    for name, part in brought.parts.items():
        settings = settings.with_section(name, part, "user")
    return settings


def read_run_document(path: Path) -> tuple[Node, list[Problem]]:
    """The tree of the configuration of a run, and problems of its form.

    Where it is of an earlier version, the keys that it lacks have the value that does what was done then.
    """
    document, problems = read_document(path, ())
    plain = document.plain
    for key, value in BEFORE:
        section, name = key.split(".")
        here = plain.get(section) if isinstance(plain, dict) else None
        if isinstance(here, dict) and name not in here and (key != NUMBERS or here.get("name") == Tabular.name):
            document = with_value(document, key, Node.of(value), problems)
    return document, problems


@dataclass(frozen=True)
class Brought:
    """What a user has brought in place of what is custom: sections by name, and what is in the task."""

    parts: Mapping[str, Any] = field(default_factory=dict)
    own: Own = NOTHING

    def plain(self) -> dict[str, dict[str, Any]]:
        """How a document says it, by section: that it is custom, and its printed form."""
        sections = {section.name: section for section in SECTIONS if section.tag}
        said = {
            name: {str(sections[name].tag): CUSTOM, "form": printed_form(part)} for name, part in self.parts.items()
        }
        task: dict[str, Any] = {
            key: {CUSTOM: printed_form(part)}
            for key, part in (("loss", self.own.loss), ("name", self.own.task))
            if part is not None
        }
        if self.own.metrics:
            task["metrics"] = [{CUSTOM: metric.name} for metric in self.own.metrics]
        return said | ({"task": task} if task else {})


def take_custom_parts(document: Node, given: Given, *, whose: str = "run") -> tuple[Node, Brought]:
    """A document without what says that something is custom, and what is given in the place of that.

    Other keys of a section that is custom stay in the document.

    Raises:
        ConfigError: as `read_run_settings`; `whose` says of what.
    """
    found = {section.name: _part(section, document, given, whose) for section in SECTIONS if section.tag}
    parts = {name: part for name, part in found.items() if part is not None}
    for section in SECTIONS:
        node = document.find((section.name,))
        if section.name in parts and node is not None and isinstance(node.value, dict):
            kept = {key: child for key, child in node.value.items() if key not in (section.tag, "form")}
            document = with_value(document, section.name, Node(kept, node.place), [])
    document, own = _take_task_parts(document, given, whose)
    return document, Brought(parts, own)


def with_numbers(name: str, part: Any, node: Node | None) -> Any:
    """A part of the user's own with what a section says of its fields.

    Raises:
        ConfigError: it has no such field, or one that does not take the value.

    >>> from batchwright.optim import SGD
    >>> with_numbers("optimizer", SGD(), Node.of({"momentum": 0.5})).momentum
    0.5
    """
    said = node.value if node is not None and isinstance(node.value, dict) else {}
    fields = hints_of(part)
    for key, child in said.items():
        if key not in fields:
            raise ConfigError(
                f"{name}.{key}: {printed_form(part):.60} has no such number. It has: {', '.join(fields) or 'none'}."
                f"{f' ({child.place})' if child.place else ''}"
            )
    values = {key: read_as(fields[key], child) for key, child in said.items()}
    if not values:
        return part
    part = replace(part, **values)
    validate_component(part)
    return part


def hints_of(part: Any) -> Mapping[str, Any]:
    """The annotations of the numbers that a part of the user's own has, by name; none of what is no dataclass."""
    return fields_of(type(part)) if is_dataclass(part) and not isinstance(part, Custom) else {}


def metric_names(metrics: object) -> tuple[str, ...]:
    """The metrics that are given by name.

    Raises:
        ConfigError: one that is neither a name nor a metric.
    """
    if isinstance(metrics, str | Metric) or not isinstance(metrics, Sequence):
        raise ConfigError(f"metrics takes a list, as ['average_precision', Metric(...)], but is {metrics!r:.60}.")
    for one in metrics:
        if not isinstance(one, str | Metric):
            raise ConfigError(
                f"metrics takes names, such as average_precision, and metrics, as Metric('missed', False, function), "
                f"but {one!r:.60} is neither."
            )
    return tuple(one for one in metrics if isinstance(one, str))


def check_kinds(network: object, optimizer: object, schedule: object, *, optional: bool = False) -> None:
    """Raise a ConfigError where a part is a class, or not a part of its kind; `optional` ones may be None."""
    kinds = (
        ("network", network, Architecture, "nn.MLP()"),
        ("optimizer", optimizer, Optimizer, "optim.Adam()"),
        ("schedule", schedule, Schedule, "optim.OneCycle()"),
    )
    problems = []
    for name, given, kind, example in kinds:
        if isinstance(given, type):
            problems.append(f"{name}={given.__name__} is a class: make one of it, as {given.__name__}().")
        elif not isinstance(given, kind) and not (optional and given is None):
            problems.append(f"{name} takes one that is made as {example}, but is {given!r:.60}.")
    if problems:
        raise ConfigError(" ".join(problems))


def check_part(name: str, form: str, given: Any, *, whose: str = "run") -> Any:
    """What is given for a custom part, if it is the one of this printed form.

    Raises:
        ConfigError: it has another form, or nothing is given.
    """
    if given is None:
        raise ConfigError(
            f"the {whose} names its {name}, {form}, and does not hold its code: give it again, as {name}=."
        )
    if form not in (printed_form(given), printed_form(given).replace(", rates={}", "")):  # rules had no `rates` before
        raise ConfigError(
            f"the {name} of this {whose} is {form}, and {printed_form(given)} was given: give the one it has."
        )
    return given


def _part(section: Section, document: Node, given: Given, whose: str) -> Any:
    """What is given for a section that is custom; None where it is not."""
    assert section.tag is not None
    tag, form = (document.find((section.name, key)) for key in (section.tag, "form"))
    offered = getattr(given, section.name)
    if tag is not None and tag.value == CUSTOM:
        return check_part(section.name, str(form.value if form else ""), offered, whose=whose)
    if offered is not None:
        _refuse(section.name, whose)
    return None


def _take_task_parts(document: Node, given: Given, whose: str) -> tuple[Node, Own]:
    """The document without what is custom in its task, and that in the form that was given."""
    section = document.find(("task",))
    entries = dict(section.value) if section and isinstance(section.value, dict) else {}
    found = {"loss": _form(entries.get("loss")), "task": _form(entries.get("name"))}
    offered = {name: getattr(given, name) for name in found}
    for name, form in found.items():
        if form is None and offered[name] is not None:
            _refuse(name, whose)
    forms = {name: form for name, form in found.items() if form is not None}
    own = Own(**{name: check_part(name, form, offered[name], whose=whose) for name, form in forms.items()})
    listed = entries.get("metrics")
    plain = listed.plain if listed else []
    custom = [str(entry[CUSTOM]) for entry in plain if isinstance(entry, Mapping)]
    names = {metric.name: metric for metric in given.metrics}
    if sorted(custom) != sorted(names):
        raise ConfigError(
            f"the {whose} names metrics whose code it does not hold: {', '.join(custom) or 'none'}. Given were "
            f"{', '.join(names) or 'none'}: give the same again, as metrics=."
        )
    kept = {key: node for key, node in entries.items() if _form(node) is None}
    if custom:
        kept["metrics"] = Node.of([entry for entry in plain if isinstance(entry, str)])
    if section is not None and isinstance(section.value, dict):
        document = with_value(document, "task", Node(kept, section.place), [])
    return document, replace(own, metrics=tuple(names[name] for name in custom))


def _form(node: Node | None) -> str | None:
    """The printed form inside a custom value."""
    plain = node.plain if node else None
    return str(plain[CUSTOM]) if isinstance(plain, Mapping) and CUSTOM in plain else None


def _refuse(name: str, whose: str) -> None:
    raise ConfigError(f"the {name} of this {whose} is one of batchwright's, and known: leave out {name}=.")
