"""The task that a target, the settings and what a user brings make; what does not fit is refused before training."""

from dataclasses import replace
from typing import TypeVar

import numpy as np

from batchwright.config.sections import Own, TaskSettings
from batchwright.data.dataset import Dataset
from batchwright.data.targets import ClassTarget, ValueTarget
from batchwright.errors import ConfigError, DataError
from batchwright.nn.protocols import Variables
from batchwright.tasks import (
    CLASS_LOSSES,
    METRICS,
    VALUE_LOSSES,
    Classification,
    Metric,
    Regression,
    Task,
    check_losses,
    class_weights,
)
from batchwright.tasks.metrics import CLASS_METRICS, MORE_CLASS_METRICS, MORE_VALUE_METRICS, VALUE_METRICS, named
from batchwright.tasks.threshold import best_threshold
from batchwright.training.evaluate import answers_of
from batchwright.training.feed import OnDisk
from batchwright.training.state import Model, Rows

Name = TypeVar("Name", bound=str)
ROWS_TRIED = 1_000
"""Rows on whose targets metrics of a user's own are tried."""


def task_of(dataset: Dataset, settings: TaskSettings, own: Own) -> Task:
    """The task that the data's target and the settings make; the loss "auto" is the first that the task has.

    Raises:
        ConfigError: a loss or a metric that is not one of this kind of target, or a part of the user's own that fails.
        DataError: targets that the loss is not for.
    """
    if own.task is not None:
        return _tried(_own_task(own), dataset, own)
    target = dataset.target
    if isinstance(target, ClassTarget):
        return _tried(_classification(dataset, target, settings, own), dataset, own)
    return _tried(_regression(dataset, target, settings, own), dataset, own)


def _own_task(own: Own) -> Task:
    task = own.task
    if not isinstance(task, Task):
        raise ConfigError(f"task takes a task, as one made of a class on CustomTask, but is {task!r:.60}.")
    if own.loss is not None or own.metrics:
        raise ConfigError("a task of your own has its own loss and metrics: leave out loss and metrics, or the task.")
    return task


def _classification(dataset: Dataset, target: ClassTarget, settings: TaskSettings, own: Own) -> Classification:
    weights = class_weights(
        settings.class_weights, dataset.train.targets, dataset.train.weights, classes=target.classes
    )
    loss = own.loss or _loss(settings.loss, CLASS_LOSSES, target.task)
    if settings.label_smoothing and loss not in ("cross_entropy", "binary_cross_entropy"):
        raise ConfigError("task.label_smoothing is for cross_entropy and binary_cross_entropy; leave it out.")
    threshold = settings.threshold
    if threshold != 0.5 and len(target.classes) != 2:
        raise ConfigError(f"task.threshold is for two classes, and there are {len(target.classes)}: leave it out.")
    if isinstance(threshold, str) and dataset.validation is None:
        raise ConfigError(
            f"task.threshold {threshold} is chosen on validation rows: set data.validation_split above 0."
        )
    return Classification(
        target.classes,
        loss,
        settings.label_smoothing,
        weights,
        settings.gamma,
        threshold if isinstance(threshold, float) else 0.5,
        _extra(settings, own, CLASS_METRICS, MORE_CLASS_METRICS),
    )


def _regression(dataset: Dataset, target: ValueTarget, settings: TaskSettings, own: Own) -> Regression:
    if settings.threshold != 0.5:
        raise ConfigError("task.threshold is for two classes, and the target is a number: leave it out.")
    loss = own.loss or _loss(settings.loss, VALUE_LOSSES, target.task)
    if loss == "poisson":
        _check_counts(dataset, target)
    return Regression(
        loss,
        settings.delta,
        settings.quantiles,
        mean=(target.mean,),
        std=(target.std,),
        extra=_extra(settings, own, VALUE_METRICS, MORE_VALUE_METRICS),
    )


def _check_counts(dataset: Dataset, target: ValueTarget) -> None:
    parts = (dataset.train, dataset.validation, dataset.test)
    least = min(float(target.decode(part.targets).min()) for part in parts if part is not None and part.rows)
    if least < -1e-6 * (abs(target.mean) + target.std) or target.mean <= 0:
        raise DataError(
            f"the loss poisson is for counts, numbers of 0 or more with a mean above 0, but {target.name!r} goes down "
            f"to {least:.6g}, and its mean is {target.mean:.6g}: take another loss."
        )


def _extra(settings: TaskSettings, own: Own, usual: tuple[Metric, ...], more: tuple[Metric, ...]) -> tuple[Metric, ...]:
    """The metrics that were asked for beside the usual ones."""
    chosen = [metric for metric in named(dict.fromkeys(settings.metrics), (*usual, *more)) if metric not in usual]
    names = [metric.name for metric in own.metrics]
    for name in names:
        if name in METRICS or names.count(name) > 1:
            raise ConfigError(f"metrics: there is a metric {name!r} already: give yours another name.")
    return (*chosen, *own.metrics)


def _loss(chosen: str, allowed: tuple[Name, ...], task: str) -> Name:
    """The chosen one of the losses of a task, "auto" the first."""
    if chosen == "auto":
        return allowed[0]
    found = next((name for name in allowed if name == chosen), None)
    if found is None:
        raise ConfigError(f"task.loss {chosen!r} is not one of a {task}; allowed here: {', '.join(allowed)}.")
    return found


def _tried(task: Task, dataset: Dataset, own: Own) -> Task:
    """The task, once what the user brought to it has worked on some rows."""
    rows = np.linspace(0, dataset.train.rows - 1, min(dataset.train.rows, ROWS_TRIED)).astype(np.int64)
    targets = np.asarray(dataset.train.targets[rows])
    if own.loss is not None or own.task is not None:
        check_losses(own.loss or task.losses, task.outputs, targets)
    if own.metrics or own.task is not None:
        outputs = np.random.default_rng(0).normal(size=(len(rows), task.outputs)).astype(np.float32)
        for name, value in task.metrics(outputs, targets).items():
            if np.isnan(value):
                raise ConfigError(
                    f"the metric {name!r} gives NaN for {len(rows):,} rows of the data and finite outputs: let it give "
                    "a number, or None where the rows do not determine one."
                )
    return task


def with_threshold(task: Task, settings: TaskSettings, model: Model, variables: Variables, rows: Rows | OnDisk) -> Task:
    """The task with the threshold that is best on these rows, where one is to be chosen."""
    aim = settings.threshold
    if not isinstance(task, Classification) or not isinstance(aim, str):
        return task
    outputs, targets, weights = answers_of(model, variables, rows)
    own = np.ones(len(targets)) if weights is None else weights.astype(np.float64)
    used = np.flatnonzero(own)
    second = task.probabilities(outputs[used])[:, 1]
    return replace(task, threshold=best_threshold(second, targets[used], own[used], aim=aim))
