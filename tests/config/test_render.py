"""Configurations as text: what is dumped is read back; what the JSON Schema says is what the reader accepts."""

import json
from pathlib import Path
from typing import Any

import pytest

from batchwright.config import dump_config, json_schema, load_config, settings_of, starter_config
from batchwright.config.check import build
from batchwright.config.document import Node
from batchwright.config.sections import SECTIONS, Section

KINDS = [(section, name) for section in SECTIONS for name in section.by_name]
POINTS = {"piecewise": [("schedule.points", "[[1, 0.5], [3.5, 0.1]]", "")]}


@pytest.mark.parametrize(("section", "name"), KINDS, ids=[name for _, name in KINDS])
def test_what_is_dumped_is_read_as_the_same(section: Section, name: str, tmp_path: Path) -> None:
    settings = load_config(None, [(f"{section.name}.{section.tag}", name, ""), *POINTS.get(name, [])])
    (tmp_path / "config.yaml").write_text(dump_config(settings))
    again = load_config(tmp_path / "config.yaml")
    assert again.config == settings.config
    assert again.values == settings.values
    assert set(again.origins.values()) == {"user"}


def test_odd_names_survive(tmp_path: Path) -> None:
    odd = ["no", "null", "1e3", " a", "a: b", "#x", '"q"', "é\u2028\x7f\U0001f600", "[", "", "-", "~", "\\", "a\tb\n"]
    given = Node.of({"missing": odd, "kinds": dict.fromkeys(odd, "date"), "target": odd[0]})
    settings = settings_of(build(Node({"data": given}))[0])
    (tmp_path / "config.yaml").write_text(dump_config(settings))
    again = load_config(tmp_path / "config.yaml").config
    assert again == settings.config
    assert again.data.missing == tuple(odd)
    assert list(again.data.kinds) == odd


def test_every_value_stands_beside_its_origin() -> None:
    settings = load_config(
        None, [("optimizer.learning_rate", "3e-3", ""), ("training.early_stopping", "{patience: 2}", "")]
    )
    lines = dump_config(settings).splitlines()
    assert "  learning_rate: 0.003  # user" in lines
    assert "    patience: 2  # user" in lines
    assert "    monitor: val_loss  # default" in lines
    values = [line for line in lines if not line.endswith(":")]
    assert len(values) == len(settings.origins)
    assert all(line.endswith(("  # user", "  # default")) for line in values)


def test_the_starter_is_the_defaults_with_what_is_allowed(tmp_path: Path) -> None:
    text = starter_config("my data.csv", target="income: yearly")
    (tmp_path / "run.yaml").write_text(text)
    config = load_config(tmp_path / "run.yaml").config
    assert (config.data.source, config.data.target) == ("my data.csv", "income: yearly")
    assert (config.network, config.training) == (load_config().config.network, load_config().config.training)
    assert "  batch_size: null  # a whole number >= 1, or full, or {adaptive: {}}, or null, or auto" in text
    assert "  learning_rate: 0.001  # a number > 0, or auto\n" in text
    assert f"  name: adam  # one of {', '.join(SECTIONS[2].by_name)}\n" in text


def test_the_schema_knows_every_key_its_default_and_its_words() -> None:
    schema = json.loads(json.dumps(json_schema(), allow_nan=False))
    assert set(schema["properties"]) == {section.name for section in SECTIONS}
    values = settings_of(load_config().config).values
    for section in SECTIONS:
        kinds = schema["properties"][section.name].get("oneOf", [schema["properties"][section.name]])
        default = kinds[list(section.by_name.values()).index(section.default) if section.tag else 0]
        keys = list(dict.fromkeys(key.split(".")[1] for key in values if key.startswith(f"{section.name}.")))
        assert list(default["properties"]) == keys
        for key in keys:
            if key != section.tag and f"{section.name}.{key}" in values:
                assert default["properties"][key].get("default", {}) == values[f"{section.name}.{key}"]
        assert all(kind["additionalProperties"] is False for kind in kinds)
        assert [kind["title"] for kind in kinds if section.tag not in kind.get("required", [])] == [default["title"]]
    assert schema["properties"]["optimizer"]["oneOf"][0]["properties"]["momentum"]["description"].startswith(
        "μ in [0, 1)"
    )
    assert "early_stopping" in schema["properties"]["training"]["properties"]


def test_references_in_the_schema_lead_somewhere() -> None:
    schema = json_schema()

    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if "$ref" in part else []
            return own + [found for value in part.values() for found in references(value)]
        return [found for value in part for found in references(value)] if isinstance(part, list) else []

    found = references(schema)
    assert found
    assert all(reference.removeprefix("#/$defs/") in schema["$defs"] for reference in found)
