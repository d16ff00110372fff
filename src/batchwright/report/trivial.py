"""What the model gains over a trivial one, which answers all rows alike, as the training rows suggest."""

from dataclasses import dataclass, replace

import numpy as np

from batchwright.report.blocks import Block, Grid, Words
from batchwright.report.gathered import Measured
from batchwright.runs.run import Run
from batchwright.tasks.answers import ClassAnswers, LabelAnswers, PlainAnswers, SeveralAnswers, ValueAnswers
from batchwright.tasks.metrics import METRICS, Answers, Metric, compute
from batchwright.tasks.per_class import PerClass

LEAST = 1e-12
"""The least share of the rows that a class is given, so that its logarithm is finite."""

ALWAYS_GOOD = ("calibration_error",)
"""Metrics by which a trivial model is good, as it says no more than it knows."""

MOST_METRICS = 40


@dataclass(frozen=True)
class TrainingCounts:
    """The weight of the training rows of each class; of labels, the rows without and with each; by target."""

    one: PerClass | None
    by_target: dict[str, PerClass]


def counts_of(run: Run) -> TrainingCounts:
    """What the record of a run says of its training rows."""
    return TrainingCounts(run.per_class("train"), run.by_target("train"))


def trivial_answers(answers: Answers, counts: TrainingCounts) -> Answers | None:
    """The same rows, answered trivially: by the shares of the classes and labels, and the mean of numbers.

    Classes that are not counted in the record, as there are too many, are counted in these rows. None for a user's own
    task.
    """
    match answers:
        case ClassAnswers():
            return _by_share(answers, counts.one)
        case LabelAnswers():
            found = [counts.by_target.get(name) for name in answers.classes]
            shares = [_share_of_label(answers, place, one) for place, one in enumerate(found)]
            odds = np.log(np.clip(shares, LEAST, 1)) - np.log(np.clip(1 - np.array(shares), LEAST, 1))
            return replace(answers, log_odds=np.broadcast_to(odds, answers.log_odds.shape))
        case ValueAnswers():
            return replace(answers, standardised=np.zeros_like(answers.standardised), levels=(), quantiles=None)
        case SeveralAnswers():
            each = {
                name: _by_share(one, counts.by_target.get(name))
                if isinstance(one, ClassAnswers)
                else replace(one, standardised=np.zeros_like(one.standardised), levels=(), quantiles=None)
                for name, one in answers.targets.items()
            }
            return replace(answers, targets=each)
        case PlainAnswers():
            return None
    raise AssertionError(answers)


def _by_share(answers: ClassAnswers, found: PerClass | None) -> ClassAnswers:
    weight = answers.occurring if found is None else found.weight
    logs = np.log(np.clip(weight / weight.sum(), LEAST, 1.0))
    return replace(answers, log_probabilities=np.broadcast_to(logs, answers.log_probabilities.shape))


def _share_of_label(answers: LabelAnswers, place: int, found: PerClass | None) -> float:
    if found is None or found.weight.sum() == 0:
        return float(answers.share @ answers.true[:, place])
    return float(found.weight[1] / found.weight.sum())


def gain_blocks(measured: Measured, counts: TrainingCounts) -> list[Block]:
    """A table of the metrics of the model beside those of the trivial one, on the same rows."""
    trivial = trivial_answers(measured.answers, counts)
    if trivial is None:
        return [Words("A task of your own has no trivial model to compare with.")]
    metrics = [metric for metric in measured.task.reported if metric.name != "loss"]
    model, plain = compute(metrics, measured.answers), compute(metrics, trivial)
    larger = {metric.name: metric.larger_is_better for metric in metrics}
    rows = tuple(
        (name, value, plain[name], value - plain[name], _verdict(value - plain[name], larger[name]))
        for name, value in model.items()
        if name in plain
    )
    worse = [str(row[0]) for row in rows if row[4] == "worse" and str(row[0]).partition("[")[0] not in ALWAYS_GOOD]
    heads = ("metric", "model", "trivial model", "difference", "model is")
    part = measured.labelled.part
    caption = f"Gain over a trivial model on the {measured.labelled.split.rows:,} {part} rows"
    said = f"By {', '.join(worse)} the model is worse than one that answers all rows alike."
    grid = Grid(caption, heads, rows[:MOST_METRICS])
    how = Words(f"The trivial model answers all rows alike: {_how(measured.answers)}.")
    return [grid, how, *([Words(said, strong=True)] if worse else [])]


def _how(answers: Answers) -> str:
    match answers:
        case ClassAnswers():
            return "the most frequent class of the training rows, and the shares of the classes as probabilities"
        case LabelAnswers():
            return "for each label the share of the training rows that have it"
        case ValueAnswers():
            return "the mean of the training rows"
    return "the most frequent class, or the mean, of the training rows"


def _verdict(difference: float, larger: bool) -> str:
    if difference == 0:
        return "equal"
    return "better" if (difference > 0) == larger else "worse"


def headline_metric(measured: Measured) -> Metric | None:
    """The metric that a task is known by."""
    return METRICS.get(measured.task.headline)
