"""Find the files of the rows: where the configuration says, or else where they were before."""

from collections.abc import Mapping
from dataclasses import replace

from batchwright.config import Data, Settings
from batchwright.data.formats.format import split_part, to_path

SOURCE, TEST = "data.source", "data.test"


def places_of(data: Data) -> dict[str, str]:
    """The absolute paths of the files with the rows, by the key that names them."""
    given = {SOURCE: data.source, TEST: data.test}
    return {key: str(to_path(path).resolve()) for key, path in given.items() if path and _exists(path)}


def find_again(settings: Settings, places: Mapping[str, str]) -> Settings:
    """The settings; a file that is not where they say, as when run from another folder, is taken from `places`."""
    data = settings.config.data
    data = replace(data, source=_find(data.source, places.get(SOURCE)), test=_find(data.test, places.get(TEST)))
    return replace(settings, config=replace(settings.config, data=data))


def _find(given: str | None, before: str | None) -> str | None:
    return given if given is None or before is None or _exists(given) else before


def _exists(path: str) -> bool:
    return split_part(to_path(path))[0].exists()
