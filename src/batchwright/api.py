"""Training and searching from Python in one call: what the command line does, with objects in place of files."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from batchwright import workflow
from batchwright.config import Config, LossName, TaskSettings, Training, flow, settings_of, validate_component
from batchwright.config.sections import AUTO, BATCH_SIZE, MEASURABLE
from batchwright.data.dataset import Dataset
from batchwright.errors import ConfigError
from batchwright.nn import Architecture, Tabular
from batchwright.optim import Adam, OneCycle, Optimizer, Schedule
from batchwright.runs.reading import to_plain
from batchwright.runs.searches import reopen_search
from batchwright.search.events import Options, Searched, SearchEvent
from batchwright.search.search import go_on, search
from batchwright.search.space import load_space
from batchwright.search.trials import Pruning
from batchwright.training.checkpoint import Checkpoints
from batchwright.training.fit import Divergence
from batchwright.training.growth import AdaptiveBatchSize, Growing
from batchwright.training.plan import BatchSize, Remainder
from batchwright.training.state import Precision
from batchwright.training.stopping import EarlyStopping
from batchwright.workflow import Event, Trained

DEFAULT = Training()
Auto: TypeAlias = Literal["auto"]


def fit(
    data: Dataset,
    *,
    network: Architecture = Tabular(),
    optimizer: Optimizer = Adam(),
    schedule: Schedule = OneCycle(),
    epochs: int | Auto = DEFAULT.epochs,
    batch_size: BatchSize | AdaptiveBatchSize | Auto = BATCH_SIZE,
    learning_rate: float | Auto | None = None,
    early_stopping: EarlyStopping | None = DEFAULT.early_stopping,
    loss: LossName = "auto",
    class_weights: Literal["balanced"] | Mapping[str, float] | None = None,
    label_smoothing: float = 0.0,
    remainder: Remainder = "keep",
    precision: Precision = "float32",
    max_time: float | None = None,
    divergence: Divergence = DEFAULT.divergence,
    checkpoints: Checkpoints = DEFAULT.checkpoints,
    noise_scale: bool = False,
    seed: int = 0,
    run_dir: Path | str | None = None,
) -> Trained:
    """Train a network on rows that `load` has read.

    Args:
        data: training rows, and validation and test rows where there are any.
        network: `nn.MLP`, `nn.CNN`, `nn.Tabular` or `nn.Linear`.
        optimizer: the update rule, one of `optim.OPTIMIZERS`, with its learning rate.
        schedule: how the learning rate changes, one of `optim.SCHEDULES`.
        epochs: passes over the training rows, at least 1; "auto" is as many as the validation loss falls.
        batch_size: rows per update; "full" is all of them, an `AdaptiveBatchSize` a number that grows, "auto" is
            measured.
        learning_rate: takes the place of the optimizer's; "auto" is measured.
        early_stopping: when to stop before the last epoch, and whether the best one's parameters are kept; None never
            stops, and keeps the last ones.
        loss: "auto" is cross_entropy for classes, mean_squared_error for values.
        class_weights: "balanced", or a weight > 0 by class name.
        label_smoothing: in [0, 1).
        remainder: whether a last batch that is not full is used ("keep") or left out ("drop").
        precision: of products; "bfloat16" still accumulates, and keeps parameters, in float32.
        max_time: seconds of training after which it stops.
        divergence: what follows when a loss is not finite.
        checkpoints: when a recorded run saves all that it needs to go on.
        noise_scale: whether the gradient noise scale is measured at the end of each epoch, for the history.
        seed: of the first parameters, the order of the rows and dropout.
        run_dir: a new folder to record the run in; None records nothing.

    Raises:
        ConfigError: an argument is out of range, or does not go with the data.
        DivergedError: a loss was not finite.

    >>> import batchwright as bw
    >>> network, optimizer = bw.nn.MLP((16,)), bw.optim.Adam(learning_rate=0.01)
    >>> trained = bw.fit(bw.load("iris"), network=network, optimizer=optimizer, epochs=30, batch_size=16)
    >>> trained.test_metrics["accuracy"] > 0.8
    True
    """
    if not isinstance(data, Dataset):
        raise ConfigError(
            f"fit takes rows that load has read, as in fit(load('people.csv', target='pay')), but not {data!r:.60}."
        )
    chosen = {"optimizer.learning_rate": learning_rate, "training.batch_size": batch_size, "training.epochs": epochs}
    to_measure = tuple(key for key in MEASURABLE if chosen[key] == AUTO)
    if isinstance(learning_rate, float | int):
        optimizer = replace(optimizer, learning_rate=learning_rate)
    task = TaskSettings(loss=loss, label_smoothing=label_smoothing, class_weights=class_weights)
    training = Training(
        DEFAULT.epochs if epochs == "auto" else epochs,
        _batch_size(batch_size),
        seed,
        precision,
        remainder,
        early_stopping,
        max_time,
        divergence,
        checkpoints,
        noise_scale,
    )
    for part in (network, optimizer, schedule, task, training):
        validate_component(part)
    config = Config(network=network, optimizer=optimizer, schedule=schedule, task=task, training=training)
    place = None if run_dir is None else Path(run_dir)
    return _last(workflow.train(settings_of(config, to_measure), data, record=run_dir is not None, run_dir=place))


def _batch_size(given: BatchSize | AdaptiveBatchSize | Auto) -> BatchSize | Growing:
    """A batch size as the configuration has it; the default stands in for one that is to be measured."""
    if given == "auto":
        return BATCH_SIZE
    return Growing(given) if isinstance(given, AdaptiveBatchSize) else given


def resume(run: Path | str, data: Dataset | None = None) -> Trained:
    """Go on with a recorded run that did not finish, from its last checkpoint: to the bit as if it had never stopped.

    Args:
        run: the run's folder.
        data: the rows that `fit` was given; None reads those of a run of the command line again.

    Raises:
        RunError: the run has ended, or cannot be read, or its rows are no longer what they were.
        UsageError: another process is writing the run.
        DivergedError: a loss was not finite.
    """
    return _last(workflow.resume(run, data))


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
    chosen = load_space(None, [(key, flow(value), "space") for key, value in to_plain(space or {}).items()])
    options = Options(trials, seeds, pruning, storage, study_name, folds)
    return _found(search(chosen, options, data, run_dir=None if run_dir is None else Path(run_dir)))


def resume_search(folder: Path | str, data: Dataset | None = None) -> Searched:
    """Go on with a search that did not finish: trials that were trained are kept, those in progress begin again.

    Args:
        folder: that of the search.
        data: the rows that `run_search` was given; None reads those of a search of the command line again.

    Raises:
        RunError: the folder cannot be read, or its rows are no longer what they were.
        UsageError: another process is writing it.
    """
    return _found(go_on(reopen_search(Path(folder)), data))


def _found(events: Iterator[SearchEvent]) -> Searched:
    return next(event for event in events if isinstance(event, Searched))


def _last(events: Iterator[Event]) -> Trained:
    trained = next(event for event in events if isinstance(event, Trained))
    for _ in events:  # goes on to the error of a run that has diverged
        pass
    return trained
