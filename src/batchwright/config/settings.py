"""Read a configuration: a file, the values set on top of it, and the source of each value."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from batchwright._printed import printed_form
from batchwright.config.check import build
from batchwright.config.components import to_plain
from batchwright.config.document import MAX_CHARACTERS, Node, Place, Problem, parse
from batchwright.config.emit import shorten
from batchwright.config.hints import fields_of, nested_dataclass
from batchwright.config.sections import (
    AUTO,
    CUSTOM,
    FORMER_NAMES,
    MEASURABLE,
    NOTHING,
    NUMBERS,
    SECTIONS,
    Config,
    Own,
    Section,
)
from batchwright.errors import ConfigError, nearest
from batchwright.nn.numeric import stand_in_numbers

Origin: TypeAlias = Literal["default", "user", "initial", "rows", "measured", "searched"]
"""Who chose a value; `initial` is the trained model that training began from, `rows` the number of training rows."""


class Override(NamedTuple):
    """A value set on top of a file: its dotted key, YAML text, and its name in messages (`--set a.b=1`)."""

    key: str
    text: str
    label: str


@dataclass(frozen=True)
class Settings:
    """A configuration, and the source of each of its values, by dotted key.

    - to_measure: the keys that are `auto`; until they have been measured, the configuration holds their defaults
    - evidence: plain data for each value that was measured or follows from the rows, by its key
    - recorded: whether they are those of a recorded training, in which nothing is left to be chosen
    - quickly: whether its programs were compiled with little optimisation; None where that follows from the plan
    """

    config: Config
    origins: Mapping[str, Origin]
    to_measure: tuple[str, ...] = ()
    evidence: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    recorded: bool = False
    quickly: bool | None = None

    def __repr__(self) -> str:
        """The values that are not defaults."""
        chosen = [key for key, origin in self.origins.items() if origin != "default"]
        named = ", ".join(chosen[:5]) + (", ..." if len(chosen) > 5 else "")
        return f"<Settings: {len(self.origins)} values, {len(chosen)} of them chosen{f': {named}' if named else ''}>"

    @property
    def values(self) -> dict[str, Any]:
        """Every value, as plain data, by dotted key."""
        plain = {section.name: _plain_section(section, getattr(self.config, section.name)) for section in SECTIONS}
        return {key: _value_at(plain, key.split(".")) for key in self.origins} | _plain_own_parts(self.config)

    def to_json(self) -> dict[str, dict[str, Any]]:
        """`{"value": ..., "origin": ...}` by dotted key; measured values also have "evidence"."""
        evidence = {key: {"evidence": dict(found)} for key, found in self.evidence.items()}
        return {
            key: {"value": value, "origin": self.origins[key]} | evidence.get(key, {})
            for key, value in self.values.items()
        }

    def with_measured(self, values: Mapping[str, Any], evidence: Mapping[str, Mapping[str, Any]]) -> "Settings":
        """The settings with measured values in place of earlier ones, and the evidence of each, by key.

        New evidence is added to earlier evidence: a rate that was measured and then rescaled keeps both.

        >>> settings = load_config(None, [("training.batch_size", "auto", "--batch-size auto")])
        >>> settings.to_measure, settings.config.training.batch_size
        (('training.batch_size',), None)
        >>> key = "training.batch_size"
        >>> done = settings.with_measured({key: 256}, {key: {"reason": "the machine idles below"}})
        >>> done.to_measure, done.config.training.batch_size, done.origins["training.batch_size"]
        ((), 256, 'measured')
        """
        config = self.config
        for key, value in values.items():
            section, name = key.split(".")
            config = replace(config, **{section: replace(getattr(config, section), **{name: value})})
        return replace(
            self,
            config=config,
            origins={**self.origins, **dict.fromkeys(values, "measured")},
            to_measure=tuple(key for key in self.to_measure if key not in values),
            evidence={
                **self.evidence,
                **{key: {**self.evidence.get(key, {}), **found} for key, found in evidence.items()},
            },
        )

    def with_default(self, key: str, evidence: Mapping[str, Any]) -> "Settings":
        """The settings with the default of `key`, which is not to be measured any more, and why."""
        left = tuple(other for other in self.to_measure if other != key)
        return replace(self, to_measure=left, evidence={**self.evidence, key: dict(evidence)})

    def with_evidence(self, key: str, evidence: Mapping[str, Any]) -> "Settings":
        """The settings with the evidence for the value of a key."""
        return replace(self, evidence={**self.evidence, key: dict(evidence)})

    def with_section(self, name: str, part: Any, origin: Origin) -> "Settings":
        """The settings with another section in place of the one with this name, all of it chosen by `origin`."""
        section = next(section for section in SECTIONS if section.name == name)
        kept = {key: said for key, said in self.origins.items() if not key.startswith(f"{name}.")}
        new = {".".join((name, *path)): origin for path in _paths(section, part)}
        return replace(self, config=replace(self.config, **{name: part}), origins={**kept, **new})

    def with_part(self, key: str, part: Any, origin: Origin) -> "Settings":
        """The settings with another dataclass as the value of a key, all of it chosen by `origin`."""
        name, field = key.split(".")
        section = next(section for section in SECTIONS if section.name == name)
        changed = replace(getattr(self.config, name), **{field: part})
        kept = {said: by for said, by in self.origins.items() if said != key and not said.startswith(f"{key}.")}
        new = {".".join((name, *path)): origin for path in _paths(section, changed) if path[0] == field}
        return replace(self, config=replace(self.config, **{name: changed}), origins={**kept, **new})


def load_config(path: Path | str | None = None, overrides: Iterable[tuple[str, str, str]] = ()) -> Settings:
    """The configuration in a YAML file, with overrides on top; the last one wins, and other values are defaults.

    Args:
        path: the file; None for the defaults.
        overrides: (dotted key, YAML text, label) for each; see `Override`. An override that chooses another kind of
            network, optimizer or schedule than the file removes the file's keys that this kind lacks.

    Raises:
        ConfigError: no such file, not YAML, or all problems with keys and values, a line each: place, key, and what is
            allowed or was probably meant.

    >>> settings = load_config(None, [("optimizer.learning_rate", "3e-3", "--learning-rate 3e-3")])
    >>> settings.config.optimizer.learning_rate, settings.origins["optimizer.learning_rate"]
    (0.003, 'user')
    """
    return settings_from(*read_document(path, overrides))


def read_document(path: Path | str | None, overrides: Iterable[tuple[str, str, str]]) -> tuple[Node, list[Problem]]:
    """The tree of a YAML file with overrides on top; only its form has been checked; see `load_config`."""
    document, problems = (Node({}), []) if path is None else parse(_text(Path(path)), str(path))
    document = _with_present_names(document)
    parsed = [(present_name(key), *parse(text, label, lines=False)) for key, text, label in overrides]
    parsed = [(key, _of_section(key, value), found) for key, value, found in parsed]
    for key, value, _ in parsed:
        document = of_kind(document, key, value)
    for key, value, found in parsed:
        document = with_value(document, key, value, problems)
        problems += found
    return document, problems


def present_name(key: str) -> str:
    """The dotted key that a setting has now.

    >>> present_name("network.kind"), present_name("network.dropout")
    ('network.name', 'network.dropout')
    """
    return FORMER_NAMES.get(key, key)


def _with_present_names(document: Node) -> Node:
    """The document with the keys that settings have now, in place of former ones."""
    for former, present in FORMER_NAMES.items():
        (section, old), new = former.split("."), present.split(".")[1]
        part = document.find((section,))
        if part is not None and isinstance(part.value, dict) and old in part.value and new not in part.value:
            kept = {new if key == old else key: node for key, node in part.value.items()}
            document = with_value(document, section, Node(kept, part.place), [])
    return document


def _of_section(key: str, value: Node) -> Node:
    """The value of a key; the value of a whole section, with outdated keys replaced by present ones."""
    return _with_present_names(Node({key: value})).find((key,)) or value


def settings_from(document: Node, problems: Iterable[Problem] = (), own: Own = NOTHING) -> Settings:
    """The settings from a document and from a user's own parts of the task.

    Raises:
        ConfigError: all problems of the document, together with the known ones.
    """
    document, to_measure = _without_auto(document)
    config, found = build(document, own)
    if said := [*problems, *found]:
        raise ConfigError(explain_problems(said))
    return _settings(config, document, to_measure)


def explain_problems(problems: Iterable[Problem]) -> str:
    """Problems as the message of an error: a line each, in the order of the file."""
    return "\n".join(map(str, sorted(problems, key=_line)))


def settings_of(config: Config, to_measure: tuple[str, ...] = ()) -> Settings:
    """The settings of a configuration made in Python; values that differ from their defaults count as the user's.

    `to_measure` holds the keys whose values in the configuration only stand in for values to be measured.

    >>> from batchwright.optim import SGD
    >>> origins = settings_of(Config(optimizer=SGD(momentum=0.9))).origins
    >>> origins["optimizer.name"], origins["optimizer.momentum"], origins["optimizer.learning_rate"]
    ('user', 'user', 'default')
    """
    changes = {section.name: _changes(section, getattr(config, section.name)) for section in SECTIONS}
    return _settings(config, Node.of(changes), to_measure)


def _without_auto(document: Node) -> tuple[Node, tuple[str, ...]]:
    """The document without the `auto` values that can be measured, and their keys."""
    found = tuple(key for key in MEASURABLE if (node := document.find(tuple(key.split(".")))) and node.value == AUTO)
    for key in found:
        section, name = key.split(".")
        part = document.find((section,))
        assert part is not None
        assert isinstance(part.value, dict)
        rest = Node({other: node for other, node in part.value.items() if other != name}, part.place)
        document = with_value(document, section, rest, [])
    return document, found


def _settings(config: Config, given: Node, to_measure: tuple[str, ...]) -> Settings:
    keys = [(section.name, *path) for section in SECTIONS for path in _paths(section, getattr(config, section.name))]
    origins: dict[str, Origin] = {".".join(key): "user" if given.find(key) else "default" for key in keys}
    if getattr(config.network, "numbers", None) == AUTO and NUMBERS in origins:
        config = replace(config, network=_with_stand_in(config.network))
        to_measure = (NUMBERS, *to_measure)
    return Settings(config, origins | dict.fromkeys(_plain_own_parts(config), "user"), to_measure)


def _with_stand_in(network: Any) -> Any:
    """The network with an embedding of numbers that has all numbers that are set, until `auto` has been tried."""
    fields = {"bins": "bins", "units": "embedding_units", "frequency_scale": "frequency_scale"}
    given = [key for key, name in fields.items() if getattr(network, name) is not None]
    usual = type(network).numbers
    return replace(network, numbers=stand_in_numbers(usual, given) or usual)


def _changes(section: Section, part: Any) -> dict[str, Any]:
    """The values of a section that differ from the defaults of its kind, and the kind if it is not the default."""
    plain = _plain_section(section, part)
    if section.is_custom(part):
        return plain
    fields = {field.name: field for field in dataclasses.fields(part) if field.init}
    changed = [name for name, field in fields.items() if getattr(part, name) != _default(field)]
    kind = [section.tag] if section.tag and type(part) is not section.default else []
    return {name: plain[name] for name in (*kind, *changed)}


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _plain_section(section: Section, part: Any) -> dict[str, Any]:
    """A section as plain data; for a user's own part, its printed form and its learning rate."""
    if not section.is_custom(part):
        return to_plain(part)
    rate = {"learning_rate": float(part.learning_rate)} if section.name == "optimizer" else {}
    return {str(section.tag): CUSTOM, "form": printed_form(part), **rate}


def _plain_own_parts(config: Config) -> dict[str, Any]:
    """A user's own parts of the task, as plain data by the key that they replace."""
    own = config.own
    custom = {"task.loss": own.loss, "task.name": own.task}
    plain: dict[str, Any] = {key: {CUSTOM: printed_form(part)} for key, part in custom.items() if part is not None}
    if own.metrics:
        plain["task.metrics"] = [*config.task.metrics, *({CUSTOM: metric.name} for metric in own.metrics)]
    return plain


def _paths(section: Section, part: Any) -> list[tuple[str, ...]]:
    """The paths of the single values in a section."""
    return [(key,) for key in _plain_section(section, part)] if section.is_custom(part) else _leaves(part, section.tag)


def _leaves(part: Any, tag: str | None = None) -> list[tuple[str, ...]]:
    """The paths of the single values of a section; a list or a mapping of the user's own keys is one value."""
    paths: list[tuple[str, ...]] = [(tag,)] if tag else []
    for name, hint in fields_of(type(part)).items():
        value = getattr(part, name)
        inner = _leaves(value) if nested_dataclass(hint) and dataclasses.is_dataclass(value) else [()]
        paths += [(name, *path) for path in inner]
    return paths


def _value_at(plain: Any, path: list[str]) -> Any:
    return _value_at(plain[path[0]], path[1:]) if path else plain


def _text(path: Path) -> str:
    """The text of a file, in UTF-8 with or without a byte-order mark."""
    try:
        with path.open("rb") as file:
            content = file.read(4 * MAX_CHARACTERS + 1)
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        names = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        near = nearest(path.name, names)
        raise ConfigError(f"{path}: no such file{f'; did you mean {path.with_name(near)}?' if near else '.'}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start}): save it as UTF-8.") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}.") from error


def of_kind(document: Node, key: str, value: Node) -> Node:
    """If a value chooses another kind (`optimizer.name`), the document without the keys that this kind lacks."""
    section = next((section for section in SECTIONS if key == f"{section.name}.{section.tag}"), None)
    part = document.find((section.name,)) if section else None
    if section is None or part is None or not isinstance(part.value, dict):
        return document
    chosen = section.by_name.get(str(value.value))
    known = part.value.keys() if chosen is None else {section.tag, *fields_of(chosen)}
    kept = {name: node for name, node in part.value.items() if name in known}
    return with_value(document, section.name, Node(kept, part.place), [])


def with_value(document: Node, key: str, value: Node, problems: list[Problem]) -> Node:
    """The document with another value at a dotted key; if that is impossible, the same document and a new problem."""
    return _with(document, tuple(key.split(".")), value, problems)


def _with(node: Node, path: tuple[str, ...], value: Node, problems: list[Problem]) -> Node:
    """The tree with another value at a path."""
    if not path:
        return value
    if node.value is not None and not isinstance(node.value, dict):
        said = (
            f"{path[0]} cannot be set in what is {shorten(node.plain)} elsewhere ({node.place}), not a mapping of keys."
        )
        problems.append(Problem(value.place, said))
        return node
    children = node.value or {}
    child = _with(children.get(path[0], Node(None, value.place)), path[1:], value, problems)
    return Node(children | {path[0]: child}, node.place)


def _line(problem: Problem) -> float:
    place = problem.place or Place("")
    return float("inf") if place.line is None else float(place.line)
