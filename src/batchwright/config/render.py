"""Configurations as text: what a run used, a starter file, and the JSON Schema that editors understand."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

from batchwright.config.check import model_of
from batchwright.config.emit import block
from batchwright.config.hints import describe, fields_of, mapped_hint, nested_dataclass
from batchwright.config.sections import AUTO, MEASURABLE, SECTIONS, Config, Data, Section
from batchwright.config.settings import Settings, settings_of

HEAD = """\
# A run of batchwright: batchwright train --config THIS_FILE
# All values are defaults. The comment after a value says what is allowed; keys that you remove keep their defaults.
"""
DRAFT = "https://json-schema.org/draft/2020-12/schema"


def dump_config(settings: Settings) -> str:
    """YAML with every value, each followed by its source; `load_config` reads it as the same configuration.

    >>> print(dump_config(settings_of(Config())).splitlines()[-1])
      devices: 1  # default
    """
    return block(_tree(settings), dict(settings.origins))


def starter_config(source: str | None = None, *, target: str | None = None, schema: str | None = None) -> str:
    """A YAML file to start from: all defaults, each followed by its allowed values.

    `schema` is where the JSON Schema is, from the file: a first line tells it to editors.

    >>> print(starter_config("digits").splitlines()[3])
      source: digits  # text, or null
    """
    settings = settings_of(Config(data=Data(source=source, target=target)))
    of_editors = "" if schema is None else f"# yaml-language-server: $schema={schema}\n"
    return (
        of_editors
        + HEAD
        + block(_tree(settings), {key: _allowed_values(settings.config, key.split(".")) for key in settings.origins})
    )


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a configuration file.

    >>> json_schema()["properties"]["training"]["properties"]["seed"]["minimum"]
    0
    """
    classes = {cls.__name__: cls for section in SECTIONS for cls in section.classes}
    inner = {part.__name__: part for cls in classes.values() for part in _dataclasses_within(cls)}
    definitions = model_of(tuple(classes.items())).model_json_schema()["$defs"]
    for name, cls in (classes | inner).items():
        _describe(definitions[name], cls)
    for section in SECTIONS:
        for cls in section.classes:
            _allow_auto(definitions[cls.__name__]["properties"], section.name)
    return {
        "$schema": DRAFT,
        "title": "A run of batchwright",
        "type": "object",
        "additionalProperties": False,
        "properties": {section.name: _section_schema(section, definitions) for section in SECTIONS},
        "$defs": {name: definitions[name] for name in inner},
    }


def _allow_auto(properties: dict[str, Any], section: str) -> None:
    """Allow `auto` for the values of a section that can be measured."""
    for name in properties.keys() & {key.partition(".")[2] for key in MEASURABLE if key.startswith(f"{section}.")}:
        told = {key: properties[name].pop(key) for key in ("description", "default") if key in properties[name]}
        properties[name] = {"anyOf": [properties[name], {"const": AUTO}], **told}


def _dataclasses_within(cls: type[Any]) -> Iterator[type[Any]]:
    """The dataclasses that fields of a dataclass may hold, and the dataclasses in these."""
    hints = [hint for field in fields_of(cls).values() for hint in (field, mapped_hint(field))]
    for part in filter(None, map(nested_dataclass, hints)):
        yield part
        yield from _dataclasses_within(part)


def _section_schema(section: Section, definitions: dict[str, Any]) -> dict[str, Any]:
    if section.tag is None:
        return dict(definitions[section.default.__name__])
    kinds = []
    for name, cls in section.by_name.items():
        own = definitions[cls.__name__]
        properties = {section.tag: {"const": name}, **own["properties"]}
        required = [*([] if cls is section.default else [section.tag]), *own.get("required", [])]
        kinds.append(own | {"title": name, "properties": properties, "required": required})
    return {"oneOf": kinds, "description": f"The default is {getattr(section.default, section.tag)}."}


def _describe(definition: dict[str, Any], cls: type[Any]) -> None:
    """Add the text of docstrings to a definition: its summary, and a sentence for each field that has one."""
    said = {name: text for base in reversed(cls.__mro__) for name, text in _field_texts(base).items()}
    properties = {name: definition["properties"][name] for name in fields_of(cls)}
    for name, part in properties.items():
        part.pop("title", None)
        part |= {"description": said[name]} if name in said else {}
    summary = (inspect.getdoc(cls) or "").partition("\n\n")[0]
    definition |= {"title": cls.__name__, "description": summary.replace("\n", " "), "properties": properties}


def _field_texts(cls: type[Any]) -> dict[str, str]:
    """The text of a docstring about each field: `name: text` or `- name: text`, continued by indented lines."""
    lines = re.sub(r"\n +(?=\S)", lambda found: "\n" + " " * len(found[0][1:]), inspect.cleandoc(cls.__doc__ or ""))
    found = re.findall(r"^ *(?:- )?((?:\w+, )*\w+): (.+(?:\n {8,}.+)*)", lines, re.MULTILINE)
    return {name: " ".join(text.split()) for names, text in found for name in names.split(", ")}


def _tree(settings: Settings) -> dict[str, Any]:
    """The values as nested mappings, with sections in their order."""
    tree: dict[str, Any] = {}
    for key, value in settings.values.items():
        *above, last = key.split(".")
        level = tree
        for part in above:
            level = level.setdefault(part, {})
        level[last] = value
    return tree


def _allowed_values(config: Config, path: list[str]) -> str:
    """The allowed values at a path, in words."""
    section = next(section for section in SECTIONS if section.name == path[0])
    if path[1] == section.tag:
        return f"one of {', '.join(section.by_name)}"
    hint: Any = type(getattr(config, path[0]))
    for part in path[1:]:
        hint = fields_of(nested_dataclass(hint) or hint)[part]
    return describe(hint) + (f", or {AUTO}" if ".".join(path) in MEASURABLE else "")
