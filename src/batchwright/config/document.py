"""YAML text as a tree of values with their places. Nothing in a document is run, and only a tree is accepted.

Scalars follow YAML 1.2: `1e-3` is a number, `no` and `on` are text. Keys are text, whatever they look like.
Tags, anchors and aliases are refused: they bring objects and exponential sizes, and a configuration needs none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import yaml

from batchwright.errors import ConfigError

MAX_CHARACTERS = 200_000
"""The most characters, for about a second of parsing; a configuration has some thousand."""
MAX_DEPTH = 16

Scalar: TypeAlias = bool | int | float | str | None


class Place(NamedTuple):
    """Where a value was written: a file and its line, or an option of the command line."""

    source: str
    line: int | None = None

    def __str__(self) -> str:
        return self.source if self.line is None else f"{self.source}:{self.line}"


class Problem(NamedTuple):
    """A problem and its place."""

    place: Place | None
    message: str

    def __str__(self) -> str:
        return self.message if self.place is None else f"{self.place}: {self.message}"


@dataclass(frozen=True)
class Node:
    """A value, the text of a scalar as written, and its place (the place of its key, if it has one)."""

    value: "Scalar | list[Node] | dict[str, Node]"
    place: Place | None = None
    text: str = ""

    @classmethod
    def of(cls, plain: Any, place: Place | None = None) -> "Node":
        """The tree for a plain value."""
        if isinstance(plain, dict):
            return cls({str(key): cls.of(value, place) for key, value in plain.items()}, place)
        if isinstance(plain, list | tuple):
            return cls([cls.of(value, place) for value in plain], place)
        return cls(plain, place, str(plain))

    @property
    def plain(self) -> Any:
        """The plain value: dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: node.plain for key, node in self.value.items()}
        return [node.plain for node in self.value] if isinstance(self.value, list) else self.value

    def find(self, path: tuple[str, ...]) -> "Node | None":
        """The node at a path of keys; None if there is none."""
        if not path:
            return self
        child = self.value.get(path[0]) if isinstance(self.value, dict) else None
        return child.find(path[1:]) if child else None

    def place_of(self, path: tuple[str, ...]) -> Place | None:
        """The place of the value at a path of keys, or of the nearest one above it."""
        found = self.find(path)
        return found.place if found else self.place_of(path[:-1])


def parse(text: str, source: str, *, lines: bool = True) -> tuple[Node, list[Problem]]:
    """The tree of a document, null if it is empty, and the keys that are given twice.

    `lines` says whether places have lines. Raises ConfigError if the text is not YAML, or is more than a tree.

    >>> node, _ = parse("{rate: 1e-3, flag: no}", "run.yaml")
    >>> node.plain
    {'rate': 0.001, 'flag': 'no'}
    """
    if len(text) > MAX_CHARACTERS:
        raise ConfigError(f"{source}: has {len(text):,} characters; a configuration has {MAX_CHARACTERS:,} at most.")
    reader = _Reader(source, lines)
    try:
        events = (event for event in yaml.parse(text, yaml.SafeLoader) if not isinstance(event, yaml.StreamStartEvent))
        root = _document(events, reader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = reader.place(mark) if mark else source
        detail = ", ".join(filter(None, (error.context, error.problem)))
        raise ConfigError(f"{place}: is not YAML: {detail}. Quote text that holds special characters.") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{source}: is not YAML: {error}") from error
    return root, reader.repeated


@dataclass
class _Reader:
    """The events of a document, and the keys that it repeats."""

    source: str
    lines: bool
    repeated: list[Problem] = field(default_factory=list)

    def place(self, mark: Any) -> Place:
        return Place(self.source, mark.line + 1 if self.lines else None)

    def refuse(self, event: yaml.Event, what: str) -> ConfigError:
        return ConfigError(f"{self.place(event.start_mark)}: {what}")


def _document(events: Iterator[yaml.Event], reader: _Reader) -> Node:
    if isinstance(next(events), yaml.StreamEndEvent):
        return Node(None, Place(reader.source, 1 if reader.lines else None))
    root = _node(next(events), events, reader, depth=0)
    next(events)  # the end of the document
    another = next(events)
    if isinstance(another, yaml.DocumentStartEvent):
        raise reader.refuse(another, "a second document begins here; keep one.")
    return root


def _node(event: yaml.Event, events: Iterator[yaml.Event], reader: _Reader, *, depth: int) -> Node:
    if not isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) or event.anchor:
        raise reader.refuse(event, "anchors and aliases (& and *) are not supported; quote the text, or write it out.")
    if event.tag and event.tag != "!":
        raise reader.refuse(event, f"tags such as {event.tag} are not supported; leave it out.")
    if depth > MAX_DEPTH:
        raise reader.refuse(event, f"nested deeper than {MAX_DEPTH} levels.")
    place = reader.place(event.start_mark)
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event, place, reader)
    if isinstance(event, yaml.SequenceStartEvent):
        items = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(_node(event, events, reader, depth=depth + 1))
        return Node(items, place)
    return Node(_mapping(events, reader, depth=depth + 1), place)


def _mapping(events: Iterator[yaml.Event], reader: _Reader, *, depth: int) -> dict[str, Node]:
    found: dict[str, Node] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        key = _node(event, events, reader, depth=depth)
        if isinstance(key.value, dict | list):
            raise reader.refuse(event, "a key must be text, not a list or a mapping.")
        value = _node(next(events), events, reader, depth=depth)
        if key.text in found:
            first = found[key.text].place
            where = f" (first in line {first.line})" if first and first.line else ""
            reader.repeated.append(Problem(key.place, f"{key.text}: is given twice{where}; keep one of them."))
        else:
            found[key.text] = Node(value.value, key.place, value.text)
    return found


def _scalar(event: yaml.ScalarEvent, place: Place, reader: _Reader) -> Node:
    try:
        event.value.encode()
    except UnicodeEncodeError:
        raise reader.refuse(event, "text with half a character (a lone surrogate); write it as UTF-8.") from None
    plain = event.implicit[0] and event.style is None
    return Node(resolve_scalar(event.value) if plain else event.value, place, event.value)


_WORDS: dict[str, Scalar] = {
    spelled: value
    for word, value in (("", None), ("~", None), ("null", None), ("true", True), ("false", False))
    for spelled in (word, word.title(), word.upper())
}
_INTEGER = re.compile(r"[-+]?[0-9]{1,400}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def resolve_scalar(text: str) -> Scalar:
    """The meaning of an unquoted scalar in YAML 1.2.

    >>> [resolve_scalar(text) for text in ("1e-3", "12", "on", "True", "~", "1_000")]
    [0.001, 12, 'on', True, None, '1_000']
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return float(text.replace(".", "")) if _SPECIAL.fullmatch(text) else text
