"""Metrics of `LabelAnswers`, sets of labels; each is an exact number with row weights."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from batchwright.tasks.answers import LabelAnswers
from batchwright.tasks.scores import average_precision, roc_auc


def exact_match(answers: LabelAnswers) -> float:
    """The share of rows with exactly the right labels."""
    return float(answers.share @ (answers.predicted == answers.true).all(axis=1))


def hamming_loss(answers: LabelAnswers) -> float:
    """The share of all labels of all rows that are given wrongly or missing."""
    return float((answers.share @ (answers.predicted != answers.true)).mean())


def micro_f1(answers: LabelAnswers) -> float | None:
    """2·hits / (occurring + given) over the labels of all rows together; None if none occurs or is given."""
    hits, either = _hits_and_either(answers)
    return float(2 * hits.sum() / either.sum()) if either.any() else None


def macro_f1_of_labels(answers: LabelAnswers) -> float | None:
    """The mean of 2·hits / (occurring + given) over the labels that occur or are given."""
    hits, either = _hits_and_either(answers)
    known = either > 0
    return float((2 * hits[known] / either[known]).mean()) if known.any() else None


def log_loss_of_labels(answers: LabelAnswers) -> float:
    """The mean over labels and rows of -log p of the label's true state."""
    return float((answers.share @ np.logaddexp(0.0, -answers.towards)).mean())


def roc_auc_of_labels(answers: LabelAnswers) -> float | None:
    """The mean of ROC AUC over the labels that some rows have and others lack."""
    return _mean_over_labels(roc_auc, answers)


def average_precision_of_labels(answers: LabelAnswers) -> float | None:
    """The mean of average precision over the labels that some rows have."""
    return _mean_over_labels(average_precision, answers)


def _hits_and_either(answers: LabelAnswers) -> tuple[Float[np.ndarray, " labels"], Float[np.ndarray, " labels"]]:
    """Share of rows that have and are given each label; share that have it plus share that are given it."""
    hits = answers.share @ (answers.predicted & answers.true)
    return hits, answers.share @ answers.predicted + answers.share @ answers.true


def _mean_over_labels(
    score: Callable[[np.ndarray, np.ndarray, np.ndarray], float | None], answers: LabelAnswers
) -> float | None:
    pairs = zip(answers.log_odds.T, answers.true.T, strict=True)
    found = [score(log_odds, true, answers.weights) for log_odds, true in pairs]
    known = [value for value in found if value is not None]
    return sum(known) / len(known) if known else None
