"""Training from Python in one call: what `batchwright train` does, with objects in place of a configuration file."""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias, cast

import numpy as np

from batchwright import _machine, workflow
from batchwright._files import path_of
from batchwright.config import Config, LossName, TaskSettings, Training, settings_of, validate_component
from batchwright.config.sections import AUTO, BATCH_SIZE, MEASURABLE
from batchwright.data.dataset import Dataset
from batchwright.errors import ConfigError
from batchwright.nn import Architecture, Tabular
from batchwright.optim import Adam, OneCycle, Optimizer, Schedule
from batchwright.runs.run import open_run
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
    deterministic: bool = False,
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
        deterministic: whether the bits of the result are the same on any number of cores; no more than 4 are used then.
        seed: of the first parameters, the order of the rows and dropout.
        run_dir: a new folder to record the run in; None records nothing.

    Raises:
        ConfigError: an argument is out of range, or does not go with the data.
        UsageError: it is to be deterministic, and JAX has been used otherwise in this process.
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
    _check_kinds(network, optimizer, schedule)
    place = None if run_dir is None else path_of(run_dir, "run_dir")
    chosen = {"optimizer.learning_rate": learning_rate, "training.batch_size": batch_size, "training.epochs": epochs}
    to_measure = tuple(key for key in MEASURABLE if isinstance(chosen[key], str) and chosen[key] == AUTO)
    if learning_rate is not None and "optimizer.learning_rate" not in to_measure:
        optimizer = replace(optimizer, learning_rate=_rate(learning_rate))
    task = TaskSettings(loss=loss, label_smoothing=label_smoothing, class_weights=class_weights)
    training = Training(
        DEFAULT.epochs if "training.epochs" in to_measure else cast("int", epochs),
        _batch_size(batch_size),
        seed,
        precision,
        remainder,
        early_stopping,
        max_time,
        divergence,
        checkpoints,
        noise_scale,
        deterministic,
    )
    for part in (network, optimizer, schedule, task, training):
        validate_component(part)
    config = Config(network=network, optimizer=optimizer, schedule=schedule, task=task, training=training)
    return _last(workflow.train(settings_of(config, to_measure), data, record=run_dir is not None, run_dir=place))


def _check_kinds(network: object, optimizer: object, schedule: object) -> None:
    """Raise a ConfigError where a part is a class, or not a part of its kind."""
    kinds = (
        ("network", network, Architecture, "nn.MLP()"),
        ("optimizer", optimizer, Optimizer, "optim.Adam()"),
        ("schedule", schedule, Schedule, "optim.OneCycle()"),
    )
    problems = []
    for name, given, kind, example in kinds:
        if isinstance(given, type):
            problems.append(f"{name}={given.__name__} is a class: make one of it, as {given.__name__}().")
        elif not isinstance(given, kind):
            problems.append(f"{name} takes one that is made as {example}, but is {given!r:.60}.")
    if problems:
        raise ConfigError(" ".join(problems))


def _rate(given: object) -> float:
    """A learning rate as a number of Python; whether it is in range is checked with the rest."""
    plain = given.item() if isinstance(given, np.generic) else given
    if isinstance(plain, bool) or not isinstance(plain, float | int):
        raise ConfigError(f'learning_rate takes a number > 0, "auto" or None, but is {given!r:.60}.')
    return plain


def _batch_size(given: BatchSize | AdaptiveBatchSize | Auto) -> BatchSize | Growing:
    """A batch size as the configuration has it; the default stands in for one that is to be measured."""
    if isinstance(given, str) and given == "auto":
        return BATCH_SIZE
    return Growing(given) if isinstance(given, AdaptiveBatchSize) else given


def resume(run: Path | str, data: Dataset | None = None) -> Trained:
    """Go on with a recorded run that did not finish, from its last checkpoint: to the bit as if it had never stopped.

    A machine on which bits may differ (`docs/reliability.md`) comes as a warning.

    Args:
        run: the run's folder.
        data: the rows that `fit` was given; None reads those of a run of the command line again.

    Raises:
        RunError: the run has ended, or cannot be read, or its rows are no longer what they were.
        UsageError: another process is writing the run.
        DivergedError: a loss was not finite.
    """
    place = path_of(run, "run")
    trained = _last(workflow.resume(place, data))
    if moved := _machine.changed(open_run(place).manifest.machine):
        warnings.warn(f"{place}: {moved}.", stacklevel=2)
    return trained


def _last(events: Iterator[Event]) -> Trained:
    trained = next(event for event in events if isinstance(event, Trained))
    for _ in events:  # goes on to the error of a run that has diverged
        pass
    return trained
