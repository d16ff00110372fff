"""A search in its folder, opened without trust: its trials, and what mattered among their settings."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchwright._files import path_of
from batchwright._shown import Drawings, Shown
from batchwright.errors import RunError
from batchwright.runs.kinds import how_to_open
from batchwright.runs.reading import REMEDY, parse, parse_json, read_bytes
from batchwright.runs.searches import RESULT, TRIALS, is_search, read_result
from batchwright.search.importance import Importance, plain_importance
from batchwright.search.objective import LOSS, Objective
from batchwright.search.study import ENDINGS, Finished, Outcome

if TYPE_CHECKING:
    import polars as pl

MOST_BYTES = 1 << 28
"""Of the file of trials."""


@dataclass(frozen=True)
class SavedSearch(Shown):
    """The search in the folder `path`.

    Args:
        path: the folder.
        finished: the trials that have been trained.
        objective: by what they are compared.
        importance: which settings mattered; None where that was not found.
    """

    path: Path
    finished: tuple[Finished, ...]
    objective: Objective
    importance: Importance | None

    def __repr__(self) -> str:
        """The folder, the number of trials, and what the best came to."""
        best = self.objective.best(one.outcome.value for one in self.finished)
        return f"<SavedSearch {self.path}: {len(self.finished):,} trials, best {self.objective.monitor} {best:.4g}>"

    def drawings(self) -> Drawings:
        """What draws each figure, by name, or why there is none."""
        from batchwright.search.drawing import search_drawings

        return search_drawings(self.finished, self.objective, self.importance)

    def frames(self) -> "dict[str, pl.DataFrame]":
        """All tables by name, each as a data frame: trials, curves, importance, interactions."""
        from batchwright.search.frames import search_frames

        return search_frames(self.finished, self.importance)


def describe_result(objective: Objective, importance: Importance | None) -> dict[str, Any]:
    """What the folder of a search keeps of its result besides the trials, as plain data."""
    return {
        "objective": {"monitor": objective.monitor, "larger_is_better": objective.larger_is_better},
        "importance": None if importance is None else plain_importance(importance),
    }


def open_search(path: Path | str) -> SavedSearch:
    """The search in a folder, as far as it got. Nothing in it is executed, and nothing outside it is read.

    Raises:
        RunError: it is not the folder of a search, no trial was recorded, or a file is damaged.
    """
    path = path_of(path, "path")
    if not is_search(path):
        raise RunError(f"{path} is not the folder of a search.{how_to_open(path)}")
    if not (path / TRIALS).exists():
        raise RunError(f"the search in {path} has recorded no trial yet: `batchwright resume {path}` goes on with it.")
    plain = read_result(path)
    result = _Result() if plain is None else parse(_Result, plain, path / RESULT)
    lines = read_bytes(path, TRIALS, at_most=MOST_BYTES).split(b"\n")
    trials = [parse(_Trial, parse_json(line, path / TRIALS), path / TRIALS) for line in lines if line]
    finished = tuple(_finished(one, result.objective, path) for one in trials)
    return SavedSearch(path, finished, result.objective, result.importance)


@dataclass(frozen=True)
class _Trial:
    """A line of the file of trials."""

    number: int
    settings: dict[str, Any]
    ending: str
    value: float | None
    curve: tuple[float | None, ...]


@dataclass(frozen=True)
class _Result:
    """What `describe_result` gave."""

    objective: Objective = LOSS
    importance: Importance | None = None


def _finished(one: _Trial, objective: Objective, path: Path) -> Finished:
    """A trial; numbers that were not finite are the worst there can be."""
    if one.ending not in ENDINGS:
        raise RunError(f"{path / TRIALS}: trial {one.number} ended as {one.ending!r:.40}, which none does. {REMEDY}")
    curve = tuple(objective.worst if value is None else value for value in one.curve)
    value = objective.worst if one.value is None else one.value
    return Finished(one.number, one.settings, Outcome(one.ending, value, curve))
