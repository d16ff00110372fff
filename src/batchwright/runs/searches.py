"""The folder of a search: its settings, the study, every trial, and the best one as a run of its own."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from batchwright._files import Lock, remove_parts, write_file
from batchwright.errors import RunError
from batchwright.runs.folder import claim, lock_of
from batchwright.runs.kinds import how_to_open
from batchwright.runs.manifest import SEARCH
from batchwright.runs.reading import parse, read_bytes, to_plain
from batchwright.runs.sealed import seal, unseal

FORMAT = 1
"""Increased when a search is written that older versions of batchwright would misread."""

SPACE, STUDY, TRIALS, BEST_CONFIG = "space.yaml", "study.journal", "trials.jsonl", "best.yaml"
RESULT = "result.json"
MOST_BYTES = {SEARCH: 1 << 20, SPACE: 1 << 20, RESULT: 1 << 26}


@dataclass(frozen=True)
class SearchPlan:
    """The settings of a search, as in `search.Options`, and the measured batch size with its reason.

    `machine` is what its bits depend on beside that, as `_machine.describe` tells it; `paths` say
    where its files lay (`workflow.places`). `objective` is the metric that was asked for, None the
    loss; `members` how many of the best trials are to answer together, None where the best one is trained again alone.
    """

    source: str
    fingerprint: str
    trials: int
    seeds: int
    pruning: Literal["halving", "hyperband", "none"]
    batch_size: int | None = None
    batch_size_reason: str = ""
    folds: int = 1
    in_database: bool = False
    machine: dict[str, str] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    objective: str | None = None
    members: int | Literal["auto"] | None = None


class SearchFolder:
    """A search's folder, locked against a second writer until it is closed."""

    def __init__(self, path: Path, plan: SearchPlan, lock: Lock) -> None:
        self.path = path
        self.plan = plan
        self._lock = lock

    def write_trials(self, trials: Iterable[Mapping[str, Any]], best_config: str | None) -> None:
        """Write the trials, a line each, and the configuration of the best one, replacing earlier ones."""
        lines = "".join(f"{json.dumps(to_plain(dict(trial)), ensure_ascii=False)}\n" for trial in trials)
        write_file(self.path / TRIALS, lines, overwrite=True)
        if best_config is not None:
            self.write_best(best_config)

    def write_best(self, config: str) -> None:
        """Write the configuration of what is trained in the end, replacing an earlier one."""
        write_file(self.path / BEST_CONFIG, config, overwrite=True)

    def write_result(self, plain: Mapping[str, Any]) -> None:
        """Write what followed from all trials, replacing an earlier result."""
        write_file(self.path / RESULT, seal({"format": FORMAT, **plain}), overwrite=True)

    def __enter__(self) -> "SearchFolder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._lock.release()


def create_search(run_dir: Path | None, plan: SearchPlan, space: str) -> SearchFolder:
    """A new folder for a search: `run_dir`, or `runs/<source>-search-<n>`; `space` is YAML.

    Raises:
        RunError: `run_dir` exists, and is not an empty folder.
        UsageError: the folder cannot be written.
    """
    path, lock = claim(run_dir, f"{Path(plan.source).stem}-search")
    folder = SearchFolder(path, plan, lock)
    write_file(path / SPACE, space)
    write_file(path / SEARCH, seal({"format": FORMAT, **to_plain(vars(plan))}))
    return folder


def is_search(path: Path) -> bool:
    """Whether a folder is the folder of a search, rather than of a run."""
    return (path / SEARCH).is_file()


def read_result(path: Path) -> dict[str, Any] | None:
    """What followed from all trials of a search; None if it has not finished, or an earlier version made it.

    Raises:
        RunError: the file is not as it was written.
    """
    if not (path / RESULT).exists():
        return None
    plain = unseal(read_bytes(path, RESULT, at_most=MOST_BYTES[RESULT]), path / RESULT, FORMAT)
    return {name: value for name, value in plain.items() if name != "format"}


def read_plan(path: Path) -> SearchPlan:
    """The settings of a search; a file with its space lies beside them.

    Raises:
        RunError: it is not the folder of a search, or cannot be read.
    """
    if not is_search(path):
        raise RunError(f"{path} is not the folder of a search: it has no {SEARCH}.{how_to_open(path)}")
    plain = unseal(read_bytes(path, SEARCH, at_most=MOST_BYTES[SEARCH]), path / SEARCH, FORMAT)
    plan = parse(SearchPlan, {name: value for name, value in plain.items() if name != "format"}, path / SEARCH)
    if min(plan.trials, plan.seeds, plan.folds) < 1 or (isinstance(plan.members, int) and plan.members < 2):
        raise RunError(f"{path / SEARCH} does not describe a search: it has no trials.")
    read_bytes(path, SPACE, at_most=MOST_BYTES[SPACE])  # refuses anything but a regular file in its folder
    return plan


def reopen_search(path: Path) -> SearchFolder:
    """Open the folder of a search to continue it.

    Raises:
        RunError: it is not the folder of a search, or cannot be read.
        UsageError: another process is writing it.
    """
    plan = read_plan(path)
    folder = SearchFolder(path, plan, lock_of(path))
    remove_parts(path)
    return folder
