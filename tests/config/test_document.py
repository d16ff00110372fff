"""The reader of YAML, against JSON, against what PyYAML says of the same text, and against hostile documents."""

import contextlib
import json
import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from batchwright.config.document import MAX_CHARACTERS, Place, parse, resolve_scalar
from batchwright.config.emit import flow
from batchwright.errors import ConfigError

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
PLAIN = st.recursive(SCALARS, lambda child: st.lists(child, max_size=3) | st.dictionaries(TEXT, child, max_size=3))


@given(PLAIN)
def test_what_is_written_is_read_again(plain: object) -> None:
    assert parse(flow(plain), "x")[0].plain == plain


@given(PLAIN)
def test_json_is_read_as_json(plain: object) -> None:
    text = json.dumps(plain, ensure_ascii=True)
    if "\\ud" not in text and "Infinity" not in text:
        assert parse(text, "x")[0].plain == json.loads(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001), ("1E5", 1e5), (".5", 0.5), ("-2.", -2.0), ("+7", 7), ("007", 7), ("-0", 0),
        ("no", "no"), ("on", "on"), ("y", "y"), ("1_000", "1_000"), ("12:30", "12:30"), ("0x1F", "0x1F"),
        ("2001-01-01", "2001-01-01"), ("true", True), ("False", False), ("NULL", None), ("~", None), ("", None),
        (".inf", math.inf), ("-.INF", -math.inf), ("inf", "inf"), ("1e", "1e"), ("=", "="), ("<<", "<<"),
    ],
)  # fmt: skip
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    assert resolve_scalar(text) == value
    assert type(resolve_scalar(text)) is type(value)
    assert parse(f"key: '{text}'", "x")[0].plain == {"key": text}  # quoted, it is text


def test_not_a_number_is_read_as_such() -> None:
    found = resolve_scalar(".nan")
    assert isinstance(found, float)
    assert math.isnan(found)


def test_an_ordinary_document_is_what_pyyaml_makes_of_it() -> None:
    text = """\
# note
a: {b: [1, -2.5, 'x: y'], c: }
d:
  - true
  - e: |
      two
      lines
  - >-
    folded
    text
"""
    assert parse(text, "x")[0].plain == yaml.safe_load(text)


def test_places_are_the_lines_of_keys() -> None:
    node, _ = parse("a: 1\nb:\n  c:\n    - 2\n", "run.yaml")
    assert node.place_of(("a",)) == Place("run.yaml", 1)
    assert str(node.place_of(("b", "c"))) == "run.yaml:3"
    assert node.place_of(("b", "lacking", "deeper")) == Place("run.yaml", 2)


def test_keys_are_text_and_repeated_ones_are_all_reported() -> None:
    node, repeated = parse("0: a\nnull: b\n0: c\nd: {e: 1, e: 2}\n", "run.yaml")
    assert node.plain == {"0": "a", "null": "b", "d": {"e": 1}}
    assert [str(problem) for problem in repeated] == [
        "run.yaml:3: 0: is given twice (first in line 1); keep one of them.",
        "run.yaml:4: e: is given twice (first in line 4); keep one of them.",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: b: c", "run.yaml:1: is not YAML"),
        ("a: [1, 2\nb: 3", "run.yaml:2: is not YAML"),
        ("a:\n\t- 1", "run.yaml:2: is not YAML"),
        ("a: 'open", "is not YAML"),
        ("a: \x07", "is not YAML"),
        ("a: @b", "Quote text"),
        ("a: !!python/object/apply:os.system [ls]", "tags such as tag:yaml.org,2002:python/object/apply:os.system"),
        ("a: !!int '5'", "tags such as"),
        ("a: &x 1\nb: *x", "run.yaml:1: anchors and aliases"),
        ("b: *x", "anchors and aliases"),
        ("a: 1\n---\nb: 2", "run.yaml:2: a second document"),
        ("[a]: 1", "a key must be text"),
        ('a: "\\ud800"', "lone surrogate"),
        ("[" * 5000, "run.yaml:1: nested deeper than"),
        ("{a: " * 5000, "nested deeper than"),
        ("x" * (MAX_CHARACTERS + 1), "has 200,001 characters"),
    ],
)
def test_what_is_not_a_plain_tree_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r"run\.yaml") as caught:
        parse(text, "run.yaml")
    assert said in str(caught.value)


@given(st.text(max_size=40) | st.text("{}[]:,-&*!|>'\"#%@ \n\tab01.", max_size=40))
def test_any_text_is_a_tree_or_a_configuration_error(text: str) -> None:
    with contextlib.suppress(ConfigError):
        plain = parse(text, "x")[0].plain
        assert repr(parse(flow(plain), "x")[0].plain) == repr(plain)  # repr: not-a-number is not equal to itself
