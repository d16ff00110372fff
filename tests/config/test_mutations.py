"""Every key of every configuration that can be shipped, misspelt, misplaced and given the wrong kind of value."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from batchwright.config import load_config, to_plain
from batchwright.config.document import Node
from batchwright.config.keys import homes
from batchwright.config.sections import SECTIONS, EarlyStopping, Section
from batchwright.errors import ConfigError
from batchwright.training.average import Average

EXTRA: dict[str, dict[str, Any]] = {"piecewise": {"points": [[1, 0.1], [2, 0.01]]}}
"""What a kind cannot do without."""
WRONG: dict[type, tuple[object, ...]] = {
    bool: ("yes", 1, None),
    int: (1.5, "many", True, None),
    float: ("fast", True, [0.1]),
    str: ([1], {"a": 1}, None),
    list: ("a, b", {"a": 1}, 3),
    dict: ("a", 3, [[]]),
    type(None): ([["a"]], {"surprise": [{}]}),
}

BY_ROWS = ("training.epochs", "training.batch_size", "training.early_stopping.patience", "training.augment")
"""Keys that take null besides numbers and names."""

KINDS = [(section, cls) for section in SECTIONS for cls in section.classes]


@cache
def shipped(section: Section, cls: type) -> dict[str, Any]:
    """The section with all of its keys, as plain data."""
    if section.tag:
        name = getattr(cls, section.tag)
        given = {section.tag: name} | EXTRA.get(name, {})
        config = load_config(None, [(section.name, json.dumps(given), "")]).config
        return to_plain(getattr(config, section.name))
    plain = to_plain(cls())
    inner = {"epochs": 20, "batch_size": 64}
    inner |= {"early_stopping": to_plain(EarlyStopping()), "average": to_plain(Average())}
    return plain | (inner if "early_stopping" in plain else {})


def answer(tree: dict[str, Any]) -> str:
    """What is said of a whole configuration."""
    overrides = [(key, json.dumps(value), "--set") for key, value in tree.items()]
    with pytest.raises(ConfigError) as caught:
        load_config(None, overrides)
    return str(caught.value)


def typos(key: str) -> tuple[str, ...]:
    """Likely misspellings: another case, hyphens, no underscores, a letter left out, doubled, exchanged or added."""
    middle = len(key) // 2
    return (
        key.upper(),
        key.replace("_", "-"),
        key.replace("_", ""),
        "".join(part.capitalize() if number else part for number, part in enumerate(key.split("_"))),
        key[:middle] + key[middle + 1 :] or "x" + key,
        key[:middle] + key[middle] + key[middle:],
        key[: middle - 1] + key[middle] + key[middle - 1] + key[middle + 1 :] if middle else key + "x",
        key + "s",
    )


ALIKE = {"test", "text"}
"""Keys of which a typo may mean either, as tet."""


def levels(plain: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """The mapping itself and the mappings of known keys in it, by path."""
    yield (), plain
    if isinstance(plain.get("early_stopping"), dict):
        yield ("early_stopping",), plain["early_stopping"]


def nested_in(path: tuple[str, ...], tree: dict[str, Any]) -> dict[str, Any]:
    return nested_in(path[:-1], {path[-1]: tree}) if path else tree


def replaced(plain: dict[str, Any], path: tuple[str, ...], level: dict[str, Any]) -> dict[str, Any]:
    return level if not path else plain | {path[0]: level}


@pytest.mark.parametrize(("section", "cls"), KINDS, ids=[f"{section.name}-{cls.__name__}" for section, cls in KINDS])
class TestEveryKey:
    def test_as_shipped_it_is_right(self, section: Section, cls: type) -> None:
        config = load_config(None, [(section.name, json.dumps(shipped(section, cls)), "--set")]).config
        assert type(getattr(config, section.name)) is cls

    def test_misspelt_the_right_one_is_suggested(self, section: Section, cls: type) -> None:
        plain = shipped(section, cls)
        for path, level in levels(plain):
            for number in range(8):
                wrong = {key: typos(key)[number] for key in level if typos(key)[number] not in level}
                if section.tag in wrong:
                    del wrong[section.tag]  # below: without it, other keys belong to another kind
                mutated = {wrong.get(key, key): value for key, value in level.items()}
                said = answer({section.name: replaced(plain, path, mutated)}).splitlines() if wrong else []
                above = ".".join((section.name, *path, ""))
                for key, typo in wrong.items():
                    line = next(line for line in said if line.startswith(f"--set: {above}{typo}: unknown key"))
                    meant = ALIKE if key in ALIKE else {key}
                    assert any(f"did you mean {above}{one}?" in line for one in meant)
                assert len(said) == len(set(wrong.values())) + sum("is missing" in line for line in said)

    def test_a_misspelt_kind_or_name_is_suggested(self, section: Section, cls: type) -> None:
        plain = shipped(section, cls)
        for typo in set(typos(section.tag)) - set(plain) if section.tag else ():
            said = answer({section.name: {typo if key == section.tag else key: value for key, value in plain.items()}})
            assert f"{section.name}.{typo}: unknown key" in said
            assert f"did you mean {section.name}.{section.tag}?" in said

    def test_at_another_level_the_right_one_is_named(self, section: Section, cls: type) -> None:
        plain = shipped(section, cls)
        others = [(other.name,) for other in SECTIONS if other is not section]
        known = {home.path for home in homes()}
        for path, level in levels(plain):
            for elsewhere in ((), *others, *([] if path else [("training", "early_stopping")])):
                moved: Any = {key: value for key, value in level.items() if (*elsewhere, key) not in known}
                said = answer(nested_in(elsewhere, moved)) if moved else ""
                for key in moved:
                    wrong = ".".join((*elsewhere, key))
                    line = next(line for line in said.splitlines() if line.startswith(f"--set: {wrong}: "))
                    assert "unknown key here; it belongs " in line
                    assert f"under {'.'.join((section.name, *path))}" in line

    def test_with_the_wrong_kind_of_value_it_says_what_is_right(self, section: Section, cls: type) -> None:
        plain = shipped(section, cls)
        for path, level in levels(plain):
            for key, value in level.items():
                name = ".".join((section.name, *path, key))
                for wrong in WRONG[type(value)]:
                    if wrong is None and (key == section.tag or name in BY_ROWS):
                        continue
                    said = answer({section.name: replaced(plain, path, level | {key: wrong})})
                    unknown = f"{name}: unknown" in said or f"{name}.a: unknown key" in said
                    assert said.startswith(f"--set: {name}: must be ") or unknown, said

    def test_inside_another_section_it_is_sent_to_the_top(self, section: Section, cls: type) -> None:
        for other in SECTIONS:
            said = answer({other.name: {section.name: shipped(section, cls)}})
            assert f"{other.name}.{section.name}: unknown key here; it belongs at the top level" in said

    def test_in_another_kind_of_its_section_its_kinds_are_named(self, section: Section, cls: type) -> None:
        plain = shipped(section, cls)
        for other in section.classes:
            own = shipped(section, other)
            foreign = set(plain) - set(own)
            said = answer({section.name: plain | own}).splitlines() if foreign else []
            assert len(said) == len(foreign)
            for key in foreign:
                start = f"--set: {section.name}.{key}: not a key of the {section.name} chosen; it is one of "
                line = next(line for line in said if line.startswith(start))
                assert getattr(cls, section.tag or "") in line


def test_misspelt_sections_are_suggested() -> None:
    for section in SECTIONS:
        for typo in set(typos(section.name)) - {section.name}:
            assert f"{typo}: unknown key; did you mean {section.name}?" in answer({typo: {}})


def test_misspelt_kinds_are_suggested() -> None:
    for section in SECTIONS:
        for name in section.by_name:
            for typo in set(typos(name)) - set(section.by_name):
                said = answer({section.name: {section.tag: typo, "nonsense": 1}})
                assert f"unknown {section.name} '{typo}': did you mean '" in said
                assert f"{section.name}.nonsense: unknown key" in said


def test_a_node_of_plain_data_is_that_data() -> None:
    for section, cls in KINDS:
        assert Node.of(shipped(section, cls)).plain == shipped(section, cls)
