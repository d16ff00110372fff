"""The settings of a recorded run with some of them changed."""

from collections.abc import Mapping
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
from batchwright.workflow.places import find_again


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
    document = _without_defaults(document, chosen, origins)
    document, brought = take_custom_parts(document, given)
    extended = {EPOCHS: run.manifest.extended[-1].epochs} if run.manifest.extended else {}
    settings = Space(document, (), brought).settings(extended | chosen)
    touched = {key for key in settings.origins for change in chosen if key == change or key.startswith(f"{change}.")}
    known = {key: origins.get(key, "default") for key in settings.origins}
    said = replace(settings, origins=known | dict.fromkeys(touched, "user"))
    return find_again(said, run.manifest.paths)


def _without_defaults(document: Node, chosen: Mapping[str, Any], origins: Mapping[str, str]) -> Node:
    """The document without what is a default in the sections whose kind is chosen anew."""
    plain = document.plain
    for section in SECTIONS:
        tag = f"{section.name}.{section.tag}"
        here = plain.get(section.name)
        if tag not in chosen or not isinstance(here, dict) or here.get(section.tag) == chosen[tag]:
            continue
        plain[section.name] = {
            name: value for name, value in here.items() if origins.get(f"{section.name}.{name}") != "default"
        }
    return Node.of(plain)
