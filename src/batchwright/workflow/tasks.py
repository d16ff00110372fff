"""Make the task from a target, the settings and the user's own parts; refuse what does not fit before training."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

import numpy as np

from batchwright.config.sections import NOTHING, Own, TaskSettings
from batchwright.data.dataset import Dataset
from batchwright.data.encode.labels import LabelTarget
from batchwright.data.encode.several import SeveralTargets, Target, each_target
from batchwright.data.encode.targets import ClassTarget, ValueTarget, transforms_of
from batchwright.errors import ConfigError, DataError
from batchwright.tasks import (
    CLASS_LOSSES,
    LABEL_LOSSES,
    METRICS,
    VALUE_LOSSES,
    Classification,
    Metric,
    Multilabel,
    Regression,
    Several,
    Task,
    check_losses,
    class_weights,
)
from batchwright.tasks.metrics import (
    CLASS_METRICS,
    LABEL_METRICS,
    MORE_CLASS_METRICS,
    MORE_LABEL_METRICS,
    MORE_VALUE_METRICS,
    OF_CLASSES,
    OF_VALUES,
    VALUE_METRICS,
    choose_metrics,
)
from batchwright.tasks.smearing import curves_of

Name = TypeVar("Name", bound=str)
CLIP_MARGIN = 0.25
"""By which share of their range answers may go beyond the training rows: errors in the range stay as they are, and no
answer is absurd."""
LARGEST = float(np.finfo(np.float64).max)
ROWS_TRIED = 1_000
"""Rows on which a user's own metrics are tried."""


def task_of(dataset: Dataset, settings: TaskSettings, own: Own, *, linear: bool = False) -> Task:
    """The task for the data's target and the settings; the loss "auto" is the task's first loss.

    A `linear` network is made to go beyond what training saw, so that its answers have no limits unless asked for.

    Raises:
        ConfigError: a loss or a metric that does not exist for this kind of target, or a part of the user's own that
            fails.
        DataError: targets that the loss does not accept.
    """
    if settings.calibration == "temperature":
        _check_calibration(dataset, own)
    if own.task is not None:
        return _try_parts(_own_task(own), dataset, own)
    if settings.clip_margin != "auto" and not _has_values(dataset.target):
        raise ConfigError("task.clip_margin is for numbers, but classes are predicted here: leave it out.")
    if settings.clip_margin == "auto" and linear:
        settings = replace(settings, clip_margin="none")
    return _try_parts(_make_task(dataset, settings, own), dataset, own)


def _check_calibration(dataset: Dataset, own: Own) -> None:
    """Refuse a temperature where there are no probabilities, or no rows to find it from."""
    target = dataset.target
    parts = target.parts if isinstance(target, SeveralTargets) else (target,)
    if own.task is not None or all(isinstance(part, ValueTarget) for part in parts):
        what = "a task of your own has its own answers" if own.task is not None else "numbers have none"
        raise ConfigError(f"task.calibration temperature is for probabilities, and {what}: leave it out.")
    if dataset.validation is None:
        raise ConfigError(
            "task.calibration temperature is found on validation rows: set data.validation_split above 0."
        )


def _has_values(target: Target) -> bool:
    """Whether a number is among what is predicted."""
    parts = target.parts if isinstance(target, SeveralTargets) else (target,)
    return any(isinstance(part, ValueTarget) for part in parts)


def _make_task(dataset: Dataset, settings: TaskSettings, own: Own) -> Task:
    """The task for this kind of target."""
    target = dataset.target
    if isinstance(target, ClassTarget):
        return _classification(dataset, target, dataset.train.targets, settings, own)
    if isinstance(target, ValueTarget):
        return _regression(dataset, (target,), settings, own)
    if isinstance(target, LabelTarget):
        return _multilabel(target, settings, own)
    if target.of_values:
        values = tuple(part for part in target.parts if isinstance(part, ValueTarget))
        return _regression(dataset, values, settings, own)
    return _several(dataset, target, settings, own)


def _own_task(own: Own) -> Task:
    task = own.task
    if not isinstance(task, Task):
        kind = isinstance(task, str)
        remedy = f": the kind of target is an argument of load, as in load(..., task={task!r:.60})" if kind else ""
        raise ConfigError(f"task takes a task, as one made of a class on CustomTask, but is {task!r:.60}{remedy}.")
    if own.loss is not None or own.metrics:
        raise ConfigError("a task of your own has its own loss and metrics: leave out loss and metrics, or the task.")
    return task


def _classification(
    dataset: Dataset, target: ClassTarget, codes: np.ndarray, settings: TaskSettings, own: Own
) -> Classification:
    weights = class_weights(settings.class_weights, codes, dataset.train.weights, classes=target.classes)
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


def _regression(dataset: Dataset, targets: tuple[ValueTarget, ...], settings: TaskSettings, own: Own) -> Regression:
    if settings.threshold != 0.5:
        raise ConfigError("task.threshold is for two classes, and the target is a number: leave it out.")
    loss = own.loss or _loss(settings.loss, VALUE_LOSSES, "regression")
    transforms = curves_of(transforms_of(targets))
    if loss == "poisson":
        if transforms:
            raise ConfigError(
                "the loss poisson is for counts as they are: leave data.target_transform out, or take another loss."
            )
        _check_counts(dataset)
    return Regression(
        loss,
        settings.delta,
        settings.quantiles,
        len(targets),
        tuple(target.mean for target in targets),
        tuple(target.std for target in targets),
        tuple(target.name for target in targets) if len(targets) > 1 else (),
        _extra(settings, own, VALUE_METRICS, MORE_VALUE_METRICS),
        transforms,
        (),
        *_limits(targets, settings.clip_margin),
    )


def _limits(targets: tuple[ValueTarget, ...], margin: float | str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The lowest and the highest answer for each target; none without a margin, or if a range is not known or empty.

    With "auto", no answer is below 0 if no training row is: prices, counts and lengths never are.
    """
    if margin == "none":
        return (), ()
    share = CLIP_MARGIN if isinstance(margin, str) else margin
    lowest, highest = list[float](), list[float]()
    for low, high in ((target.lowest, target.highest) for target in targets):
        if low is None or high is None or low == high:
            return (), ()
        least = max(low - share * high + share * low, -LARGEST)
        lowest.append(max(least, 0.0) if margin == "auto" and low >= 0.0 else least)
        highest.append(min(high + share * high - share * low, LARGEST))
    return tuple(lowest), tuple(highest)


def _multilabel(target: LabelTarget, settings: TaskSettings, own: Own) -> Multilabel:
    if settings.class_weights is not None:
        raise ConfigError("task.class_weights is for one target of classes, not for labels: leave it out.")
    if isinstance(settings.threshold, str):
        raise ConfigError(
            f"task.threshold {settings.threshold} is chosen for two classes; for labels give a number in (0, 1)."
        )
    return Multilabel(
        target.classes,
        own.loss or _loss(settings.loss, LABEL_LOSSES, target.task),
        settings.label_smoothing,
        settings.threshold,
        target.separator,
        _extra(settings, own, LABEL_METRICS, MORE_LABEL_METRICS),
    )


def _several(dataset: Dataset, target: SeveralTargets, settings: TaskSettings, own: Own) -> Several:
    """A head for each target; named losses and metrics go to the heads that have them."""
    if settings.class_weights is not None or settings.threshold != 0.5:
        raise ConfigError("task.class_weights and task.threshold are for one target of classes: leave them out.")
    kinds = {type(part) for part in target.parts}
    losses = (*CLASS_LOSSES, *(VALUE_LOSSES if ValueTarget in kinds else ()))
    if own.loss is None and settings.loss != "auto" and settings.loss not in losses:
        _loss(settings.loss, losses, "several targets")
    allowed = (*OF_CLASSES, *(OF_VALUES if ValueTarget in kinds else ()))
    choose_metrics(settings.metrics, allowed)
    heads = tuple(_head(dataset, part, codes, settings) for part, codes in each_target(target, dataset.train.targets))
    _check_names(own)
    return Several(target.columns, heads, own.loss, own.metrics)


def _head(
    dataset: Dataset, part: ClassTarget | ValueTarget, codes: np.ndarray, settings: TaskSettings
) -> Classification | Regression:
    """The head for one target, with the settings for its kind."""
    is_class = isinstance(part, ClassTarget)
    losses, metrics = (CLASS_LOSSES, OF_CLASSES) if is_class else (VALUE_LOSSES, OF_VALUES)
    names = {metric.name for metric in metrics}
    mine = replace(
        settings,
        loss=settings.loss if settings.loss in losses else "auto",
        metrics=tuple(name for name in settings.metrics if name in names),
        label_smoothing=settings.label_smoothing if is_class else 0.0,
    )
    if isinstance(part, ClassTarget):
        return _classification(dataset, part, codes, mine, NOTHING)
    return _regression(dataset, (part,), mine, NOTHING)


def _check_counts(dataset: Dataset) -> None:
    """Refuse counts below 0, or with a mean that is not above 0."""
    parts = [part for part in (dataset.train, dataset.validation, dataset.test) if part is not None and part.rows]
    encoded = [each_target(dataset.target, part.targets) for part in parts]
    for place, (target, _) in enumerate(encoded[0]):
        if isinstance(target, ValueTarget):
            _check_count(target, min(float(target.decode(found[place][1]).min()) for found in encoded))


def _check_count(target: ValueTarget, least: float) -> None:
    if least < -1e-6 * (abs(target.mean) + target.std) or target.mean <= 0:
        raise DataError(
            f"the loss poisson is for counts, numbers of 0 or more with a mean above 0, but {target.name!r} goes down "
            f"to {least:.6g}, and its mean is {target.mean:.6g}: take another loss."
        )


def _extra(settings: TaskSettings, own: Own, usual: tuple[Metric, ...], more: tuple[Metric, ...]) -> tuple[Metric, ...]:
    """The requested metrics besides the default ones."""
    chosen = [
        metric for metric in choose_metrics(dict.fromkeys(settings.metrics), (*usual, *more)) if metric not in usual
    ]
    _check_names(own)
    return (*chosen, *own.metrics)


def _check_names(own: Own) -> None:
    names = [metric.name for metric in own.metrics]
    for name in names:
        if name in METRICS or names.count(name) > 1:
            raise ConfigError(f"metrics: there is a metric {name!r} already: give yours another name.")


def _loss(chosen: str, allowed: tuple[Name, ...], task: str) -> Name:
    """The chosen loss of a task's allowed losses; "auto" is the first."""
    if chosen == "auto":
        return allowed[0]
    found = next((name for name in allowed if name == chosen), None)
    if found is None:
        raise ConfigError(f"task.loss {chosen!r} is not one of a {task}; allowed here: {', '.join(allowed)}.")
    return found


def _try_parts(task: Task, dataset: Dataset, own: Own) -> Task:
    """The task, once the user's own parts have worked on some rows."""
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


def medians_note(task: Task, monitor: str) -> Iterator[str]:
    """A sentence where an epoch is judged by a metric of answers that are not yet means (`finish_task`)."""
    if monitor not in ("loss", "val_loss") and isinstance(task, Regression | Several) and task.needs_residuals:
        yield (
            f"{monitor} of each epoch is that of medians, as answers become means only after training: another epoch "
            "or trial may have the best one then; val_loss does not depend on it"
        )
