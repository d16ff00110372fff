"""The search space: ranges and choices that stand in a configuration in place of values.

    optimizer:
      name: {choice: [sgd, adam]}
      learning_rate: {log: [1e-4, 1]}
      momentum: {one_minus_log: [0.5, 0.999]}       # of sgd alone: adam has none
    network:
      hidden_layer_sizes: {choice: [[64], [128, 64]]}
      dropout: {uniform: [0.1, 0.5], when: {network.hidden_layer_sizes: [[128, 64]]}}

A key that takes only integers is searched over integers.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from batchwright.config import NONE_GIVEN, Given, Settings
from batchwright.config.custom import Brought, take_custom_parts, with_numbers
from batchwright.config.document import Node, Problem
from batchwright.config.emit import block, shorten
from batchwright.config.hints import fields_of, nested_dataclass, takes_names
from batchwright.config.keys import explain
from batchwright.config.sections import SCALES, SECTIONS, Section
from batchwright.config.settings import explain_problems, of_kind, read_document, settings_from, with_value
from batchwright.errors import ConfigError
from batchwright.search.dimension import Dimension, hints_at, hints_of_key, read_dimension

NOTHING_BROUGHT = Brought()


@dataclass(frozen=True)
class Space:
    """What may be chosen, and the document that says the rest. What others depend on comes before them.

    `brought` are parts of the user's own, in place of what the document has for all others; it has their numbers.
    """

    document: Node
    dimensions: tuple[Dimension, ...]
    brought: Brought = NOTHING_BROUGHT

    def point(self, shares: Sequence[float]) -> dict[str, Any]:
        """The values, by key, at a point of the unit cube, for the dimensions that apply there."""
        chosen: dict[str, Any] = {}
        for dimension, share in zip(self.dimensions, shares, strict=True):
            if self.applies(dimension, chosen):
                chosen[dimension.key] = dimension.value(share)
        return chosen

    def applies(self, dimension: Dimension, chosen: Mapping[str, Any]) -> bool:
        """Whether a dimension applies, given the values of earlier ones."""
        section = _section_of(dimension.key)
        if section.tag and dimension.key != f"{section.name}.{section.tag}":
            cls = _class_of(section, chosen)
            if cls is not None and dimension.key.split(".")[1] not in fields_of(cls):
                return False
        return all(_value_at(self.document, key, chosen) in values for key, values in dimension.when.items())

    def settings(self, chosen: Mapping[str, Any]) -> Settings:
        """The settings of a trial; values chosen for it are marked as searched.

        Raises:
            ConfigError: all problems of the settings.
        """
        document, places = self.document, {dimension.key: dimension.place for dimension in self.dimensions}
        nodes = {key: Node.of(value, places.get(key)) for key, value in chosen.items()}
        for key, node in nodes.items():
            document = of_kind(document, key, node)
        problems: list[Problem] = []
        for key, node in nodes.items():
            document = with_value(document, key, node, problems)
        parts = {
            section.name: part
            for section in SECTIONS
            if (part := self.brought.parts.get(section.name)) and f"{section.name}.{section.tag}" not in chosen
        }
        numbers = {name: document.find((name,)) for name in parts}
        for name in parts:
            document = with_value(document, name, Node({}), problems)
        settings = settings_from(document, problems, self.brought.own)
        for name, part in parts.items():
            settings = settings.with_section(name, with_numbers(name, part, numbers[name]), "user")
        searched = [key for key in chosen if key in settings.origins or key.split(".")[0] not in parts]
        return replace(settings, origins={**settings.origins, **dict.fromkeys(searched, "searched")})

    def with_dimensions(self, dimensions: Iterable[Dimension]) -> "Space":
        """The space with these dimensions in place of its own."""
        return replace(self, dimensions=_order_dimensions(list(dimensions), []))

    def with_dimension(self, changed: Dimension) -> "Space":
        """The space with another dimension in place of the one with the same key."""
        return replace(self, dimensions=tuple(changed if d.key == changed.key else d for d in self.dimensions))

    def without_value(self, key: str) -> "Space":
        """The space without the fixed value that it has for a key."""
        return replace(self, document=_drop_value(self.document, key.split(".")))

    def to_text(self) -> str:
        """YAML that `load_space` reads as the same space, where it is given what was brought."""
        plain = self.document.plain or {}
        brought = self.brought.plain()
        for name, said in brought.items():
            here = plain.pop(name, None) or {}
            if "metrics" in said:
                said["metrics"] = [*here.get("metrics", []), *said["metrics"]]
            said |= {key: value for key, value in here.items() if key not in said}
        plain = brought | plain  # always in this order, as the text is what a study is known by
        for dimension in self.dimensions:
            *above, last = dimension.key.split(".")
            level = plain
            for part in above:
                level = level.setdefault(part, {})
            level[last] = dimension.to_plain()
        return block(plain, dict.fromkeys(_leaves(plain, {d.key for d in self.dimensions}), ""))


def load_space(
    path: Path | str | None = None,
    overrides: Iterable[tuple[str, str, str]] = (),
    *,
    given: Given = NONE_GIVEN,
    whose: str = "space",
) -> Space:
    """The space in a YAML file, with overrides on top; both as in `config.load_config`.

    Args:
        path: the file; None for the defaults.
        overrides: what is set on top of it.
        given: parts of the user's own, in place of what is custom in it.
        whose: what messages say that it is of.

    Raises:
        ConfigError: as `load_config`; something custom is not given; or a range that is empty, inverted or beyond what
            its scale or its key takes, a key that cannot be searched, a condition that can never hold; all of it, with
            the lines.

    >>> space = load_space(None, [("optimizer.learning_rate", "{log: [1e-4, 1]}", "--set")])
    >>> space.settings({"optimizer.learning_rate": 0.01}).origins["optimizer.learning_rate"]
    'searched'
    """
    document, problems = read_document(path, overrides)
    document, brought = take_custom_parts(document, given, whose=whose)
    spaces = dict(_spaces(document, ""))
    for key in spaces:
        document = _drop_value(document, key.split("."))
    found = [read_dimension(key, node, hints_of_key(key, brought.parts)) for key, node in spaces.items()]
    problems += [one for one in found if isinstance(one, Problem)]
    space = Space(document, _order_dimensions([one for one in found if isinstance(one, Dimension)], problems), brought)
    if not problems:
        problems += _problems_of_space(space)
    if problems:
        raise ConfigError(explain_problems(problems))
    return space


def _spaces(node: Node, above: str) -> Iterator[tuple[str, Node]]:
    """The dotted keys whose mapping can only be a space, or has the name of a scale."""
    for name, child in (node.value if isinstance(node.value, dict) else {}).items():
        key = f"{above}{name}"
        if isinstance(child.value, dict) and "." in key and (child.value.keys() & set(SCALES) or not _nests(key)):
            yield key, child
        else:
            yield from _spaces(child, f"{key}.")


def _nests(key: str) -> bool:
    """Whether some kind of a section takes a mapping at a key, or does not know the key."""
    section, *path = key.split(".")
    hints, tags = hints_at(key), [known.tag for known in SECTIONS if known.name == section]
    known = bool(hints) or path in [[tag] for tag in tags]
    return not known or any(nested_dataclass(hint) or takes_names(hint) for hint in hints)


def _order_dimensions(dimensions: Sequence[Dimension], problems: list[Problem]) -> tuple[Dimension, ...]:
    """Dimensions that choose a kind first, then section by section, each after the ones that it depends on."""
    names = [section.name for section in SECTIONS]
    left = sorted(dimensions, key=lambda one: (not _is_tag(one.key), names.index(_section_of(one.key).name), one.key))
    done: list[Dimension] = []
    while left:
        waiting = {dimension.key for dimension in left}
        ready = [dimension for dimension in left if not waiting & dimension.when.keys()]
        if not ready:
            circle = ", ".join(sorted(waiting))
            problems.append(Problem(left[0].place, f"{left[0].key}: the conditions of {circle} depend on each other."))
            return ()
        done.append(ready[0])
        left.remove(ready[0])
    return tuple(done)


def _problems_of_space(space: Space) -> Iterator[Problem]:
    """Everything that will fail in a trial and can be known before: keys, ends of ranges, choices and conditions."""
    yield from _impossible_conditions(space)
    yield from _strangers(space)
    said = dict[str, None]()
    for chosen in corners(space):
        try:
            space.settings(chosen)
        except ConfigError as error:
            said |= dict.fromkeys(str(error).splitlines())
    yield from (Problem(None, line) for line in said)


def corners(space: Space) -> Iterator[dict[str, Any]]:
    """Points that cover every choice and every end of a range where it applies."""
    ahead = [0.0] * len(space.dimensions)
    yield space.point(ahead)
    for number, dimension in enumerate(space.dimensions):
        ends = len(dimension.values)
        for end in range(ends):
            share = end / ends if dimension.scale == "choice" else math.nextafter(float(end), 0.0)
            base = next(_enabling_points(space, number, ahead), ahead)
            yield space.point([*base[:number], share, *base[number + 1 :]])


def _enabling_points(space: Space, number: int, shares: list[float]) -> Iterator[list[float]]:
    """The points where the dimension with this number applies, each with another choice for an earlier dimension."""
    dimension = space.dimensions[number]
    if space.applies(dimension, space.point(shares)):
        yield shares
    for other, before in enumerate(space.dimensions[:number]):
        if before.scale == "choice":
            for place in range(len(before.values)):
                point = [*shares[:other], place / len(before.values), *shares[other + 1 :]]
                if space.applies(dimension, space.point(point)):
                    yield point


def _impossible_conditions(space: Space) -> Iterator[Problem]:
    """Conditions that can never hold, or depend on a key that is not chosen from a list."""
    choices = {dimension.key: dimension for dimension in space.dimensions}
    for dimension in space.dimensions:
        for key, wanted in dimension.when.items():
            other = choices.get(key)
            if other and other.scale != "choice":
                said = f"goes by {key}, which is a range; a condition goes by a choice"
            elif other and not [value for value in wanted if value in other.values]:
                said = f"can never hold: {key} is one of {shorten(list(other.values))}, not {shorten(list(wanted))}"
            elif not other and (at := _value_at(space.document, key, {})) not in wanted:
                said = f"can never hold: {key} is {shorten(at)} in all trials, not {shorten(list(wanted))}"
            else:
                continue
            yield Problem(dimension.place, f"{dimension.key}: its condition {said}.")


def _strangers(space: Space) -> Iterator[Problem]:
    """Keys that no kind has, in sections whose kind is searched; otherwise each kind takes the keys that it has."""
    for section in SECTIONS:
        choice = next((one for one in space.dimensions if one.key == f"{section.name}.{section.tag}"), None)
        part = space.document.find((section.name,))
        if choice is None:
            continue
        classes = [section.by_name[name] for name in choice.values if name in section.by_name]
        known = {section.tag or "", *(name for cls in classes for name in fields_of(cls))}
        fixed = part.value if part and isinstance(part.value, dict) else {}
        given = {name: node.place for name, node in fixed.items()}
        own = [one for one in space.dimensions if one.key.startswith(f"{section.name}.")]
        given |= {one.key.split(".")[1]: one.place for one in own}
        for name, place in given.items():
            if name not in known and classes:
                yield Problem(place, explain((section.name, name), tuple(sorted(known))))


def _is_tag(key: str) -> bool:
    return any(key == f"{section.name}.{section.tag}" for section in SECTIONS)


def _section_of(key: str) -> Section:
    """The section of a key; the first if no section has this name, as its classes do not know the key either."""
    return next((section for section in SECTIONS if key.split(".")[0] == section.name), SECTIONS[0])


def _class_of(section: Section, chosen: Mapping[str, Any]) -> type | None:
    """The class of a section if it was chosen from several; None if it is the same for all."""
    name = chosen.get(f"{section.name}.{section.tag}")
    return section.by_name.get(str(name)) if name is not None else None


@cache
def _defaults() -> dict[str, Any]:
    """The default value of each key."""
    return settings_from(Node({})).values


def _value_at(document: Node, key: str, chosen: Mapping[str, Any]) -> Any:
    """The value of a key: chosen, or fixed, or the default."""
    if key in chosen:
        return chosen[key]
    node = document.find(tuple(key.split(".")))
    return node.plain if node else _defaults().get(key)


def _drop_value(document: Node, path: Sequence[str]) -> Node:
    """The tree without the value at a path."""
    assert isinstance(document.value, dict)
    name, *rest = path
    kept = {key: node for key, node in document.value.items() if key != name}
    if rest and (inner := _drop_value(document.value[name], rest)).value:
        kept = {**document.value, name: inner}
    return Node(kept, document.place)


def _leaves(plain: Mapping[str, Any], spaces: set[str], above: str = "") -> Iterator[str]:
    """The dotted keys that need a line of their own."""
    for name, value in plain.items():
        key = f"{above}{name}"
        holds_one = any(space.startswith(f"{key}.") for space in spaces)
        if isinstance(value, dict) and value and (holds_one or not above):
            yield from _leaves(value, spaces, f"{key}.")
        else:
            yield key
