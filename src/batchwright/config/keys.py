"""Explain a key that is unknown at its place: where it belongs, or what was probably meant."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import cache
from typing import Any, NamedTuple

from batchwright.config.hints import fields_of, nested_dataclass
from batchwright.config.sections import SECTIONS, Section

NEAR, VERY_NEAR = 0.6, 0.85
"""Least similarity (1: equal) of a suggestion, and of a suggestion for a key that is also known elsewhere."""
SAME_LEVEL, SAME_SECTION = 0.1, 0.05
"""Added to the similarity of a key nearby."""

OTHER_NAMES = {"lr": "learning_rate", "eta": "learning_rate", "wd": "weight_decay", "bn": "batch_normalization"}
"""Common names that are too different from the names used here to be found by similarity."""


class Home(NamedTuple):
    """A place where a key is known, and the kinds of its section that have it; empty if all have it."""

    path: tuple[str, ...]
    kinds: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ".".join(self.path) + self.of_kinds

    @property
    def of_kinds(self) -> str:
        """The kinds, in words."""
        return f" (of {', '.join(self.kinds)})" if self.kinds else ""

    @property
    def level(self) -> str:
        """The section to write it in."""
        above = ".".join(self.path[:-1])
        return f"under {above}{self.of_kinds}" if above else f"at the top level, as the section {self.path[0]}"


def explain(path: tuple[str, ...], allowed: tuple[str, ...]) -> str:
    """One sentence about the unknown key at the end of `path`, where only the keys `allowed` are known.

    >>> explain(("training", "batchsize"), ("epochs", "batch_size"))
    'training.batchsize: unknown key; did you mean training.batch_size?'
    >>> explain(("batch_size",), ("data", "training"))
    'batch_size: unknown key here; it belongs under training.'
    """
    *level, key = path
    name, known = ".".join(path), homes()
    here = [Home((*level, option)) for option in allowed]
    near = _most_similar_home(path, here)
    also = f", or did you mean {near}?" if near and _likeness(path, near.path) >= VERY_NEAR else "."
    for home in known:
        if home.path == path:
            return f"{name}: not a key of the {path[0]} chosen; it is one of {', '.join(home.kinds)}{also}"
        if "." in key and ".".join(home.path) == key:
            return f"{name}: unknown key; write {home.path[-1]} in a line of its own, indented {home.level}."
    if elsewhere := [home.level for home in known if home.path[-1] == key]:
        return f"{name}: unknown key here; it belongs {' or '.join(elsewhere)}{also}"
    own = {home.path for home in here}
    if best := _most_similar_home(path, [*here, *(home for home in known if home.path not in own)]):
        return f"{name}: unknown key; did you mean {best}?"
    return f"{name}: unknown key. Allowed: {', '.join(allowed)}."


@cache
def homes() -> tuple[Home, ...]:
    """Every key of every section, for all kinds."""
    return tuple(home for section in SECTIONS for home in _homes_of(section))


def _homes_of(section: Section) -> Iterator[Home]:
    yield Home((section.name,))
    if section.tag:
        yield Home((section.name, section.tag))
    owners: dict[tuple[str, ...], list[type]] = {}
    for cls in section.classes:
        for path in key_paths(cls):
            owners.setdefault(path, []).append(cls)
    for path, classes in owners.items():
        everywhere = len(classes) == len(section.classes)
        yield Home(
            (section.name, *path), () if everywhere else tuple(getattr(cls, section.tag or "") for cls in classes)
        )


def key_paths(cls: type[Any]) -> Iterator[tuple[str, ...]]:
    """The fields of a dataclass, and of the dataclasses in them."""
    for name, hint in fields_of(cls).items():
        yield (name,)
        if inner := nested_dataclass(hint):
            yield from ((name, *path) for path in key_paths(inner))


def _most_similar_home(path: tuple[str, ...], among: list[Home]) -> Home | None:
    """The home that a misspelt path probably means; None if none is similar."""
    best = max(among, key=lambda home: _likeness(path, home.path), default=None)
    return best if best and _likeness(path, best.path) >= NEAR else None


def _likeness(path: tuple[str, ...], other: tuple[str, ...]) -> float:
    nearby = SAME_LEVEL if path[:-1] == other[:-1] else SAME_SECTION if path[:1] == other[:1] else 0.0
    return _letters(path[-1], other[-1]) + nearby


@cache
def _letters(name: str, other: str) -> float:
    """The share of letters that two names have in common, in order."""
    meant = OTHER_NAMES.get(_fold(name), name)
    return SequenceMatcher(None, _fold(meant), _fold(other)).ratio()


def _fold(name: str) -> str:
    return name.casefold().replace("-", "_").replace(" ", "_")
