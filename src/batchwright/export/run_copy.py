"""The files of a run that its model needs, as they can be given to others."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

from batchwright.runs.manifest import CONFORMAL, HISTORY, MANIFEST, MODEL, REFIT, SCHEMA, WEIGHTS, Setting
from batchwright.runs.run import Run

GIVEN = (SCHEMA, HISTORY, REFIT, MODEL, WEIGHTS, CONFORMAL)
"""All but what is of single rows, or says where things lie on a machine."""
PLACES = ("data.source", "data.test", "data.image_dir", "data.cache_dir")
"""Settings that are files and folders."""


def files_to_give(run: Run) -> dict[str, bytes]:
    """The files by name: a run that can be opened, without its rows and without the paths of its machine.

    Raises:
        RunError: the run has no model, or a file is not as it was written.
    """
    run.read(WEIGHTS)  # says what is wrong with a run that has none
    contents = {name: run.read(name) for name in GIVEN if name in run.manifest.files}
    manifest = run.manifest
    given = replace(
        manifest,
        source=last_part(manifest.source),
        machine={},
        paths={},
        begun_from="",
        settings={key: _without_path(key, setting) for key, setting in manifest.settings.items()},
        files={name: manifest.files[name] for name in contents},
    )
    return {MANIFEST: given.to_text().encode(), **contents}


def _without_path(key: str, setting: Setting) -> Setting:
    """The setting without evidence, which is not given, and the last part of what is a path."""
    value = _last_parts(setting.value) if key in PLACES else setting.value
    return replace(setting, value=value, evidence="")


def _last_parts(value: Any) -> Any:
    if isinstance(value, str):
        return last_part(value)
    if isinstance(value, Mapping):
        return {key: _last_parts(one) for key, one in value.items()}
    return [_last_parts(one) for one in value] if isinstance(value, list | tuple) else value


def last_part(source: str) -> str:
    r"""The last part of a path or an address.

    >>> last_part("https://me:secret@example.org/a/people.csv?key=1"), last_part("C:\\data\\people.csv")
    ('people.csv', 'people.csv')
    """
    path = urlsplit(source).path if "://" in source else source
    return PurePath(path.replace("\\", "/")).name
