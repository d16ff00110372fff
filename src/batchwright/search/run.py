"""A search from Python in one call: what `batchwright search` does, on rows that have been loaded."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from batchwright._files import path_of
from batchwright.config import flow
from batchwright.data.dataset import Dataset
from batchwright.errors import ConfigError
from batchwright.runs.searches import reopen_search
from batchwright.search.events import Options, Searched, SearchEvent
from batchwright.search.search import go_on, search
from batchwright.search.space import load_space
from batchwright.search.trials import Pruning

EXAMPLE = "a mapping by key, as {'optimizer.learning_rate': {'log': [1e-3, 1e-1]}}"


def run_search(
    data: Dataset,
    space: Mapping[str, Any] | None = None,
    *,
    trials: int = 64,
    seeds: int = 1,
    folds: int = 1,
    pruning: Pruning = "halving",
    storage: str | None = None,
    study_name: str | None = None,
    run_dir: Path | str | None = None,
) -> Searched:
    """Train many configurations at once on rows that `load` has read, and the best one anew.

    Args:
        data: training rows, and validation rows, by whose loss configurations are compared.
        space: values, ranges and choices by the key of a configuration; the rest has its defaults. Where there is no
            range and no choice, what the number of trials can tell of is searched.
        trials: how many configurations are tried.
        seeds: how many times each is trained, with other first parameters and another order of the rows.
        folds: with how many parts of the training and validation rows held out in turn; 1 keeps the split.
        pruning: how configurations that fall behind end early: "halving", "hyperband" or "none".
        storage: the URL of a database that other processes work with too, as "postgresql://...".
        study_name: the study in that database; None takes the name of the data.
        run_dir: a new folder for the search; None takes `runs/<name>-search-<n>`.

    Raises:
        ConfigError: all that is wrong with the space, or does not go with the data.
        RunError: the folder is taken, or the study is of something else.
        UsageError: folder or database cannot be written, or not even one trial fits in memory.
        BatchwrightError: all trials have diverged, or the database stays out of reach.

    >>> import tempfile, batchwright as bw
    >>> space = {
    ...     "optimizer.learning_rate": {"log": [1e-3, 1e-1]},
    ...     "network.kind": "linear",
    ...     "training.epochs": 3,
    ...     "training.batch_size": 16,
    ... }
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found = bw.run_search(bw.load("iris"), space, trials=4, run_dir=f"{folder}/search")
    >>> len(found.finished), list(found.best.chosen), sorted(found.trained.metrics)
    (4, ['optimizer.learning_rate'], ['test', 'train', 'validation'])
    """
    if not isinstance(data, Dataset):
        raise ConfigError(
            f"run_search takes rows that load has read, as in run_search(load('people.csv')), but not {data!r:.60}."
        )
    if not isinstance(space, Mapping | None):
        raise ConfigError(f"space takes {EXAMPLE}, but is {space!r:.60}.")
    if wrong := [key for key in space or {} if not isinstance(key, str)]:
        raise ConfigError(f"space names settings by text, as {EXAMPLE}, but has the key {wrong[0]!r:.60}.")
    _check_text(storage=storage, study_name=study_name)
    chosen = load_space(None, [(key, flow(value), "space") for key, value in _plain(space or {}).items()])
    place = None if run_dir is None else path_of(run_dir, "run_dir")
    options = Options(trials, seeds, pruning, storage, study_name, folds)
    return _found(search(chosen, options, data, run_dir=place))


def resume_search(folder: Path | str, data: Dataset | None = None) -> Searched:
    """Go on with a search that did not finish: trials that were trained are kept, those in progress begin again.

    Args:
        folder: that of the search.
        data: the rows that `run_search` was given; None reads those of a search of the command line again.

    Raises:
        RunError: the folder cannot be read, or its rows are no longer what they were, or its study is in a database.
        UsageError: another process is writing it.
        BatchwrightError: all trials have diverged.
    """
    if not isinstance(data, Dataset | None):
        raise ConfigError(f"data takes rows that load has read, or None, but is {data!r:.60}.")
    return _found(go_on(reopen_search(path_of(folder, "folder")), data))


def _check_text(**given: Any) -> None:
    """Raise a ConfigError where an option is neither text nor None."""
    for name, value in given.items():
        if not isinstance(value, str | None):
            raise ConfigError(f"{name} takes text or None, but is {value!r:.60}.")


def _plain(value: Any) -> Any:
    """A value without NumPy's arrays and numbers.

    >>> _plain({"log": [np.float64(0.1), 1], "choice": np.arange(3)})
    {'log': [0.1, 1], 'choice': [0, 1, 2]}
    """
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _found(events: Iterator[SearchEvent]) -> Searched:
    return next(event for event in events if isinstance(event, Searched))
