"""Searches from Python in one call: what the command line does, on rows that have been loaded."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from batchwright._files import path_of
from batchwright.config import LossName
from batchwright.config.sections import MEMBERS
from batchwright.data.dataset import Dataset
from batchwright.errors import ConfigError
from batchwright.nn import Architecture, Layer, Network
from batchwright.optim import Optimizer, Schedule
from batchwright.runs.model import MOST_MEMBERS
from batchwright.runs.searches import reopen_search
from batchwright.search.brought import Parts, space_of
from batchwright.search.events import Searched, SearchEvent, SearchOptions
from batchwright.search.logged import log_search
from batchwright.search.search import go_on, search
from batchwright.search.trials import Pruning
from batchwright.tasks import Loss, Metric, Task
from batchwright.tracking import places_of
from batchwright.workflow.events import Noted


def run_search(
    data: Dataset,
    space: Mapping[str, Any] | None = None,
    *,
    network: Architecture | Network | Layer | None = None,
    optimizer: Optimizer | None = None,
    schedule: Schedule | None = None,
    loss: LossName | Loss | None = None,
    metrics: Sequence[str | Metric] = (),
    task: Task | None = None,
    objective: str | None = None,
    trials: int = 64,
    seeds: int = 1,
    folds: int = 1,
    pruning: Pruning = "halving",
    members: int | Literal["auto"] | None = None,
    storage: str | None = None,
    study_name: str | None = None,
    run_dir: Path | str | None = None,
    log_to: str | Sequence[str] = (),
) -> Searched:
    """Train many configurations at once on rows that `load` has read, and the best one again.

    Args:
        data: training rows, and validation rows, by which configurations are compared.
        space: values, ranges and choices by configuration key; other keys have their defaults. Without any range or
            choice, the number of trials decides what is searched.
        network: as for `fit`, like the arguments up to `task`: a name or a part of your own. The space can vary the
            numbers of a part, as in {"optimizer.learning_rate": {"log": [1e-3, 1e-1]}} for a rule of your own.
        optimizer: the same.
        schedule: the same.
        loss: the same.
        metrics: the same.
        task: the same.
        objective: the metric by which trials are compared, such as "accuracy": one that the task reports on the
            validation rows, one in `metrics`, or "loss". None is the loss. Each trial is judged by its value in the
            epoch that early stopping keeps.
        trials: how many configurations are tried.
        seeds: how many seeds each is trained with: other first parameters and another order of the rows.
        folds: how many parts of the training and validation rows are held out in turn; 1 keeps the split.
        pruning: how configurations that fall behind are stopped early: "halving", "hyperband" or "none".
        members: how many of the best trials with different settings are trained again, with other seeds, to answer
            together: 2 to 64, or "auto"; None trains the best one again. `best` stays the best trial.
        storage: the URL of a database that other processes use too, such as "postgresql://...".
        study_name: the study in that database; None takes the name of the data.
        run_dir: a new folder for the search; None takes `runs/<name>-search-<n>`.
        log_to: as for `fit`: each trial is a run there, and the training of the best one another.

    Raises:
        ConfigError: all problems of the space and the parts, and of their fit to the data.
        RunError: the folder exists, or the study is for other rows or another space.
        UsageError: folder or database cannot be written, or not even one trial fits in memory.
        BatchwrightError: all trials have diverged, none has the objective, or the database cannot be reached.

    >>> import tempfile, batchwright as bw
    >>> space = {
    ...     "optimizer.learning_rate": {"log": [1e-3, 1e-1]},
    ...     "network.name": "linear",
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
    check_text(storage=storage, study_name=study_name, objective=objective)
    chosen = space_of(_with_members(space, members), Parts(network, optimizer, schedule, loss, metrics, task))
    place = None if run_dir is None else path_of(run_dir, "run_dir")
    options = SearchOptions(trials, seeds, pruning, storage, study_name, folds, objective)
    places = places_of(log_to, search=True)
    return _run_to_end(log_search(search(chosen, options, data, run_dir=place), places))


def resume_search(
    folder: Path | str,
    data: Dataset | None = None,
    *,
    network: Architecture | Network | Layer | None = None,
    optimizer: Optimizer | None = None,
    schedule: Schedule | None = None,
    loss: Loss | None = None,
    metrics: Sequence[Metric] = (),
    task: Task | None = None,
    log_to: str | Sequence[str] = (),
) -> Searched:
    """Continue a search that did not finish: finished trials are kept, the trials in progress begin again.

    Args:
        folder: the folder of the search.
        data: the rows that `run_search` was given; None reads the rows of a command-line search again.
        network: the network of your own that `run_search` was given; the same holds below. A search records only
            their printed form.
        optimizer: the same.
        schedule: the same.
        loss: the same.
        metrics: the same.
        task: the same.
        log_to: as for `run_search`; the trials that were trained before are not logged again.

    Raises:
        ConfigError: a part of your own is missing, or differs from the search's.
        RunError: the folder cannot be read, its rows have changed, or its study is in a database.
        UsageError: another process is writing it.
        BatchwrightError: all trials have diverged.
    """
    if not isinstance(data, Dataset | None):
        raise ConfigError(f"data takes rows that load has read, or None, but is {data!r:.60}.")
    place = path_of(folder, "folder")
    given = Parts(network, optimizer, schedule, loss, metrics, task).given()
    places = places_of(log_to, search=True)
    return _run_to_end(log_search(go_on(reopen_search(place), data, given=given), places))


def _with_members(space: Any, members: object) -> Any:
    """The space with the number of members, as a configuration has it.

    Raises:
        ConfigError: the space says it too, or it is no number of members.
    """
    if isinstance(members, int | float) and (isinstance(members, bool) or members not in range(2, MOST_MEMBERS + 1)):
        raise ConfigError(f"members takes 2 to {MOST_MEMBERS} trials, 'auto', or None, but is {members!r:.60}.")
    if members is None or not isinstance(space, Mapping | None):
        return space
    if MEMBERS in (space or {}):
        raise ConfigError(f"{MEMBERS} is in the space, and members is given as well: leave one of them out.")
    return {**(space or {}), MEMBERS: members}


def check_text(**given: Any) -> None:
    """Raise a ConfigError if an option is neither text nor None."""
    for name, value in given.items():
        if not isinstance(value, str | None):
            raise ConfigError(f"{name} takes text or None, but is {value!r:.60}.")


def _run_to_end(events: Iterator[SearchEvent]) -> Searched:
    missed = list[str]()
    for event in events:
        if isinstance(event, Noted):
            missed.append(event.note)
        if isinstance(event, Searched):
            break
    for note in missed:
        warnings.warn(note, stacklevel=3)
    assert isinstance(event, Searched)
    return event
