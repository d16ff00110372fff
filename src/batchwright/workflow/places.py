"""Find the files of the rows: where the configuration says, or else where they were before."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from batchwright.config import Data, Settings
from batchwright.data.formats.format import split_part
from batchwright.data.formats.given import STANDARD_INPUT, is_url, standard_input, to_path
from batchwright.data.formats.several_files import find_files, is_pattern
from batchwright.errors import DataError, RunError
from batchwright.runs.manifest import CONFIG

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


def require_rows_again(data: Data, run: Path, *, how: str = "resume") -> None:
    """Raise a RunError if the rows of a run came from standard input, and are not given there again, as to `how`."""
    if STANDARD_INPUT not in (data.source, data.test):
        return
    try:
        standard_input()
    except DataError as error:
        raise RunError(
            f"the rows of {run} came from standard input, and are not kept in the run: give them again, as in "
            f"`batchwright {how} {run} < rows.csv`."
        ) from error


def require_files(data: Data, run: Path, places: Mapping[str, str]) -> None:
    """Raise a RunError if the files of a run's rows are neither where the configuration says, nor where they were."""
    for key, path in ((SOURCE, data.source), (TEST, data.test)):
        if path is not None and path == places.get(key) and not _exists(path):
            raise RunError(
                f"the rows of {run} are no longer at {path}: put them there again, or resume in a folder from which "
                f"{key} in {run / CONFIG} leads to them."
            )


def _find(given: str | None, before: str | None) -> str | None:
    return given if given is None or before is None or _exists(given) else before


def _exists(path: str) -> bool:
    """Whether a source is on this machine: a file, a folder, or a pattern that some files match."""
    if path == STANDARD_INPUT or is_url(path):
        return False
    named = to_path(path)
    return bool(find_files(named)) if is_pattern(named) else split_part(named)[0].exists()
