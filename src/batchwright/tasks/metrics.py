"""The one table of metrics, each an exact number computed on the host, in float64, with row weights.

A row of weight zero has no influence at all: it is removed first, so padding may hold anything. A metric that the rows
do not determine is left out (ROC AUC if only one class occurs, R² if the targets do not vary). Outputs that are not
finite make every metric NaN: a model that has broken down gets no accuracy.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from math import inf, nan
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float, Int

from batchwright.errors import ConfigError, unknown
from batchwright.tasks.answers import (
    ClassAnswers,
    LabelAnswers,
    PlainAnswers,
    SeveralAnswers,
    ValueAnswers,
    Weights,
)
from batchwright.tasks.label_metrics import (
    average_precision_of_labels,
    exact_match,
    hamming_loss,
    log_loss_of_labels,
    macro_f1_of_labels,
    micro_f1,
    roc_auc_of_labels,
)
from batchwright.tasks.scores import average_precision, calibration_error, roc_auc

Answers: TypeAlias = ClassAnswers | ValueAnswers | LabelAnswers | SeveralAnswers | PlainAnswers


@dataclass(frozen=True)
class Metric:
    """A metric by name: `compute` takes the answers for all rows, and returns a number, or None where there is none.

    Args:
        name: its name in records; in the history, with `val_` before it for validation.
        larger_is_better: whether a larger value is better.
        compute: takes `ClassAnswers`, `ValueAnswers`, `LabelAnswers` or, for your own task, `PlainAnswers`, whose
            `true`, `predicted` and `weights` are arrays with one entry per row; or `SeveralAnswers`, which hold these
            by target, if there are several targets and some are classes.
        low, high: the smallest and the largest possible value.

    >>> missed = Metric("missed", False, lambda answers: answers.weights @ (answers.true != answers.predicted))
    >>> float(missed.compute(ClassAnswers(np.log([[0.9, 0.1], [0.4, 0.6]]), np.array([0, 0]), np.ones(2))))
    1.0
    """

    name: str
    larger_is_better: bool
    compute: Callable[[Any], Any]
    low: float = -inf
    high: float = inf

    def __repr__(self) -> str:
        """The name, and whether larger is better."""
        return f"<Metric {self.name}: {'larger' if self.larger_is_better else 'smaller'} is better>"


def chosen(metrics: Iterable[Metric], names: Container[str] | None) -> tuple[Metric, ...]:
    """The metrics that have these names; None: all."""
    return tuple(metric for metric in metrics if names is None or metric.name in names)


def compute(metrics: Iterable[Metric], answers: Answers) -> dict[str, float]:
    """The values of metrics, by name, without the ones that the rows do not determine.

    Raises:
        ConfigError: a metric fails, or gives anything but a number or None.
    """
    found = {metric.name: _number(metric, answers) for metric in metrics}
    return {name: value for name, value in found.items() if value is not None}


def _number(metric: Metric, answers: Answers) -> float | None:
    try:
        value = metric.compute(answers)
        return None if value is None else float(value)
    except Exception as error:
        raise ConfigError(
            f"the metric {metric.name!r} fails on {len(answers.weights):,} rows ({type(error).__name__}: {error}). "
            f"Its function is given {type(answers).__name__}, and gives a number, or None where there is none."
        ) from error


def accuracy(answers: ClassAnswers) -> float:
    """The share of rows whose answer is right."""
    return float(answers.hits.sum() / answers.weights.sum())


def balanced_accuracy(answers: ClassAnswers) -> float:
    """The mean, over the classes that occur, of the share of right answers for their rows."""
    occur = answers.occurring > 0
    return float((answers.hits[occur] / answers.occurring[occur]).mean())


def macro_f1(answers: ClassAnswers) -> float:
    """The mean of 2·hits / (occurring + predicted) over the classes that occur or are predicted."""
    either = answers.occurring + answers.answered
    return float((2 * answers.hits[either > 0] / either[either > 0]).mean())


def log_loss(answers: ClassAnswers) -> float:
    """The mean of -log p of the true class."""
    own = np.take_along_axis(answers.log_probabilities, answers.true[:, None], axis=1)[:, 0]
    return float(-(answers.weights @ own) / answers.weights.sum())


def mean_roc_auc(answers: ClassAnswers) -> float | None:
    """ROC AUC of the second of two classes; else the mean over the classes that occur, each against the rest."""
    return _of_each_class(roc_auc, answers)


def mean_average_precision(answers: ClassAnswers) -> float | None:
    """Average precision of the second of two classes; else the mean over the classes that occur."""
    return _of_each_class(average_precision, answers)


def _of_each_class(
    score: Callable[[np.ndarray, np.ndarray, np.ndarray], float | None], answers: ClassAnswers
) -> float | None:
    log_p, true, weights = answers.log_probabilities, answers.true, answers.weights
    if log_p.shape[1] == 2:  # log-odds order rows as the probability does, and do not saturate at 1
        return score(log_p[:, 1] - log_p[:, 0], true == 1, weights)
    each = (score(log_p[:, code], true == code, weights) for code in range(log_p.shape[1]))
    known = [value for value in each if value is not None]
    return sum(known) / len(known) if known else None


def top_accuracy(k: int) -> Callable[[ClassAnswers], float]:
    """The share of rows whose true class is among the k most probable; with ties, the probability of that."""

    def in_top(answers: ClassAnswers) -> float:
        log_p = answers.log_probabilities
        own = np.take_along_axis(log_p, answers.true[:, None], axis=1)
        above = (log_p > own).sum(axis=1)
        equal = (log_p == own).sum(axis=1)  # the true class is among them
        share = np.clip((k - above) / equal, 0.0, 1.0)
        return float(answers.weights @ share / answers.weights.sum())

    return in_top


def expected_calibration_error(answers: ClassAnswers) -> float:
    """How far the probability of the most probable class is from the share of rows in which it is right."""
    confidence = np.exp(answers.log_probabilities.max(axis=1))
    return calibration_error(confidence, answers.most_probable == answers.true, answers.weights)


def rmse(answers: ValueAnswers) -> float:
    """√(mean e²), the mean over the targets."""
    return float((np.sqrt(answers.squared) * answers.unit).mean())  # the unit last: no large number is squared


def mae(answers: ValueAnswers) -> float:
    """Mean |e|, the mean over the targets."""
    return float((answers.share @ np.abs(answers.error) * answers.unit).mean())


def r2(answers: ValueAnswers) -> float | None:
    """1 - Σ w e² / Σ w (y - ȳ)² with ȳ the weighted mean, the mean over the targets that vary."""
    values, share = answers.standardised_true, answers.share
    variance = share @ (values - share @ values) ** 2
    varying = (np.ptp(values, axis=0) > 0) & (variance > 0)  # rounding gives equal values a variance of about 1e-32
    return float(1 - (answers.squared[varying] / variance[varying]).mean()) if varying.any() else None


def mean_absolute_percentage_error(answers: ValueAnswers) -> float | None:
    """Mean |e / y| as a share of 1; None where a target is 0."""
    true = answers.true
    if np.any(np.abs(true) <= answers.rounding):
        return None
    with np.errstate(over="ignore"):
        return float((answers.share @ np.abs((answers.predicted - true) / true)).mean())


def pinball(answers: ValueAnswers) -> float | None:
    """Mean over the levels τ of max(τ·(y - q), (τ - 1)·(y - q)), in the target's own unit; None without levels."""
    if answers.quantiles is None:
        return None
    gap, levels = answers.standardised_true[:, :, None] - answers.quantiles, np.array(answers.levels)
    each = np.maximum(levels * gap, (levels - 1) * gap).mean(axis=2)
    return float((answers.share @ each * answers.unit).mean())


def coverage(answers: ValueAnswers) -> float | None:
    """The share of targets between the lowest and the highest of the quantiles; None with fewer than two."""
    if answers.quantiles is None or len(answers.levels) < 2:
        return None
    low, high = answers.quantiles[:, :, 0], answers.quantiles[:, :, -1]
    inside = (low <= answers.standardised_true) & (answers.standardised_true <= high)
    return float((answers.share @ inside).mean())


def mean_poisson_deviance(answers: ValueAnswers) -> float | None:
    """Mean of 2·(y·log(y/μ) - y + μ), 0 if perfect; None if a target is below 0 or an answer is not above 0.

    References:
        McCullagh and Nelder, Generalized Linear Models, 1989, section 2.3.
    """
    true, predicted = answers.true, answers.predicted
    if np.any(true < -answers.rounding) or np.any(predicted <= 0):
        return None
    true = np.where(true > answers.rounding, true, 0.0)
    logs = np.where(true > 0, true * np.log(np.where(true > 0, true, 1.0) / predicted), 0.0)
    return float((2 * (answers.share @ (logs - true + predicted))).mean())


def confusion_matrix(
    targets: Int[np.ndarray, " rows"],
    predicted: Int[np.ndarray, " rows"],
    weights: Weights | None = None,
    *,
    classes: int,
) -> Float[np.ndarray, "classes classes"]:
    """Total weight of the rows of each true class (row) that were predicted as each class (column).

    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), classes=2)
    array([[1., 1.],
           [0., 1.]])
    """
    weights = np.ones(len(targets)) if weights is None else weights
    pairs = targets.astype(np.int64) * classes + predicted
    return np.bincount(pairs, weights, classes * classes).reshape(classes, classes)


CLASS_METRICS = (
    Metric("accuracy", True, accuracy, 0.0, 1.0),
    Metric("balanced_accuracy", True, balanced_accuracy, 0.0, 1.0),
    Metric("macro_f1", True, macro_f1, 0.0, 1.0),
    Metric("roc_auc", True, mean_roc_auc, 0.0, 1.0),
    Metric("log_loss", False, log_loss, 0.0, inf),
    Metric("calibration_error", False, expected_calibration_error, 0.0, 1.0),
)
VALUE_METRICS = (
    Metric("rmse", False, rmse, 0.0, inf),
    Metric("mae", False, mae, 0.0, inf),
    Metric("r2", True, r2, -inf, 1.0),
)
LABEL_METRICS = (
    Metric("micro_f1", True, micro_f1, 0.0, 1.0),
    Metric("macro_f1", True, macro_f1_of_labels, 0.0, 1.0),
    Metric("exact_match", True, exact_match, 0.0, 1.0),
    Metric("hamming_loss", False, hamming_loss, 0.0, 1.0),
    Metric("roc_auc", True, roc_auc_of_labels, 0.0, 1.0),
    Metric("log_loss", False, log_loss_of_labels, 0.0, inf),
)
"""The metrics that are always reported."""

MORE_CLASS_METRICS = (
    Metric("average_precision", True, mean_average_precision, 0.0, 1.0),
    Metric("top_2_accuracy", True, top_accuracy(2), 0.0, 1.0),
    Metric("top_3_accuracy", True, top_accuracy(3), 0.0, 1.0),
    Metric("top_5_accuracy", True, top_accuracy(5), 0.0, 1.0),
)
MORE_VALUE_METRICS = (
    Metric("mean_absolute_percentage_error", False, mean_absolute_percentage_error, 0.0, inf),
    Metric("mean_poisson_deviance", False, mean_poisson_deviance, 0.0, inf),
    Metric("pinball", False, pinball, 0.0, inf),
    Metric("coverage", True, coverage, 0.0, 1.0),
)
MORE_LABEL_METRICS = (Metric("average_precision", True, average_precision_of_labels, 0.0, 1.0),)
"""The metrics that are reported on request."""

LOSS = Metric("loss", False, lambda _: None, 0.0, inf)
"""The loss that is minimised, which each task computes by itself."""

OF_CLASSES = (*CLASS_METRICS, *MORE_CLASS_METRICS)
OF_VALUES = (*VALUE_METRICS, *MORE_VALUE_METRICS)
OF_LABELS = (*LABEL_METRICS, *MORE_LABEL_METRICS)
"""All metrics that may be requested for a kind of target."""

METRICS: Mapping[str, Metric] = {metric.name: metric for metric in (LOSS, *OF_LABELS, *OF_CLASSES, *OF_VALUES)}
"""All metrics by name. Metrics of one name are one idea, computed differently for classes and labels."""


def for_target(metric: Metric, name: str, pick: Callable[[Any], Any]) -> Metric:
    """A metric of one of several targets, such as `rmse[price]`; `pick` selects its answers from all."""
    return replace(metric, name=f"{metric.name}[{name}]", compute=lambda answers: metric.compute(pick(answers)))


def choose_metrics(names: Iterable[str], allowed: Iterable[Metric]) -> tuple[Metric, ...]:
    """The metrics with these names.

    Raises:
        ConfigError: a name that no allowed metric has.
    """
    by_name = {metric.name: metric for metric in allowed}
    for name in names:
        if name not in by_name:
            raise ConfigError(f"task.metrics: {unknown('metric', name, by_name)}")
    return tuple(by_name[name] for name in names)


def left_out_notes(metrics: Iterable[Metric], found: Mapping[str, float]) -> list[str]:
    """Notes on requested metrics that the rows do not determine."""
    missing = [metric.name for metric in metrics if metric.name not in found]
    return [f"{name} is not defined, and left out" for name in missing]


def nan_metrics(metrics: Iterable[Metric]) -> dict[str, float]:
    """NaN for the loss and each of these metrics: the result of outputs that are not finite."""
    return dict.fromkeys(("loss", *(metric.name for metric in metrics)), nan)
