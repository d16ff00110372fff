"""The settings of a recorded run with some of them changed."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from batchwright.config import NONE_GIVEN, Given, Settings
from batchwright.config.custom import read_run_document, take_custom_parts
from batchwright.config.document import Node
from batchwright.config.sections import SECTIONS
from batchwright.config.settings import present_name
from batchwright.errors import ConfigError
from batchwright.runs.manifest import CONFIG
from batchwright.runs.run import Run
from batchwright.search.space import Space
from batchwright.workflow.extending import EPOCHS
from batchwright.workflow.linear_rate import RATE, with_recorded_rate
from batchwright.workflow.places import find_again

UNCHOSEN = ("default", "rows")
"""Who has chosen a value that nobody has."""


def changed_settings(run: Run, changes: Mapping[str, Any], given: Given = NONE_GIVEN) -> Settings:
    """The settings of a run with other values for some keys, which count as the user's.

    Where a change chooses another kind, such as `optimizer.name`, values of the section that nobody has chosen become
    the defaults of that kind. A value may be `auto` where it can be measured.

    Args:
        run: the run.
        changes: values by dotted key.
        given: the parts of the run that are code of the user's own, which its record only names.

    Raises:
        ConfigError: a key that there is not, or that does not take the value; a part of the user's own is not given.
        RunError: the run's configuration is not there, or not as it was written.
    """
    document, problems = read_run_document(run.file(CONFIG))
    if problems:
        raise ConfigError("\n".join(map(str, problems)))
    origins = {key: setting.origin for key, setting in run.settings.items()}
    chosen = {present_name(key): value for key, value in changes.items()}
    unchosen = _unchosen(document, chosen, origins)
    document = _without(document, unchosen) if unchosen else document
    document, brought = take_custom_parts(document, given)
    extended = {EPOCHS: run.manifest.extended[-1].epochs} if run.manifest.extended else {}
    settings = Space(document, (), brought).settings(extended | chosen)
    touched = {key for key in settings.origins for change in chosen if key == change or key.startswith(f"{change}.")}
    known = {key: "default" if key in unchosen else origins.get(key, "default") for key in settings.origins}
    said = replace(settings, origins=known | dict.fromkeys(touched, "user"))
    if not {"network.name", "optimizer.name"} & chosen.keys():
        said = with_recorded_rate(said)
    return find_again(said, run.manifest.paths)


def _unchosen(document: Node, chosen: Mapping[str, Any], origins: Mapping[str, str]) -> set[str]:
    """The keys that nobody has chosen in the sections whose kind is chosen anew.

    With another network, the learning rate that a linear one got is among them.
    """
    found, plain = set[str](), document.plain
    for section in SECTIONS:
        tag = f"{section.name}.{section.tag}"
        here = plain.get(section.name)
        if tag not in chosen or not isinstance(here, dict) or here.get(section.tag) == chosen[tag]:
            continue
        found |= {f"{section.name}.{name}" for name in here if origins.get(f"{section.name}.{name}") in UNCHOSEN}
        found |= {RATE} if section.name == "network" and origins.get(RATE) == "rows" else set()
    return found


def _without(document: Node, keys: Collection[str]) -> Node:
    """The document without some keys of its sections."""
    plain = document.plain
    kept = {
        name: {key: value for key, value in part.items() if f"{name}.{key}" not in keys}
        if isinstance(part, dict)
        else part
        for name, part in plain.items()
    }
    return Node.of(kept)
