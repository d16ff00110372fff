"""Calibration: how often it is so where the model says that it is, in 15 bins of equal width, with intervals."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from batchwright.figures import reliability
from batchwright.report.blocks import Chart
from batchwright.report.rows_shown import shown_name
from batchwright.tasks.answers import ClassAnswers, LabelAnswers
from batchwright.tasks.metrics import METRICS
from batchwright.tasks.scores import CALIBRATION_BINS, wilson


@dataclass(frozen=True)
class Bins:
    """The bins from the lowest probability to the highest; NaN where there are no rows.

    Args:
        predicted: the mean probability.
        observed: the share of rows in which it was so.
        low, high: Wilson's 95 % interval of that share.
        weight: the weight of the rows.
    """

    predicted: np.ndarray
    observed: np.ndarray
    low: np.ndarray
    high: np.ndarray
    weight: np.ndarray


def bin_by_probability(
    probability: Float[np.ndarray, " rows"], happened: Bool[np.ndarray, " rows"], weights: Float[np.ndarray, " rows"]
) -> Bins:
    """Bin rows by a probability; bin b is (b/15, (b+1)/15].

    >>> bins = bin_by_probability(np.array([0.05, 0.9, 0.9]), np.array([False, True, False]), np.ones(3))
    >>> bins.weight[[0, 13]].tolist(), bins.observed[[0, 13]].tolist()
    ([1.0, 2.0], [0.0, 0.5])
    """
    place = np.clip(np.ceil(probability * CALIBRATION_BINS).astype(np.int64) - 1, 0, CALIBRATION_BINS - 1)

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(place, values, CALIBRATION_BINS)

    weight = total(weights)
    whole = np.where(weight > 0, weight, np.nan)
    observed = total(weights * happened) / whole
    rows = weight**2 / np.where(weight > 0, total(weights**2), np.nan)
    low, high = wilson(observed, rows)
    return Bins(total(weights * probability) / whole, observed, low, high, weight)


def calibration_chart(answers: ClassAnswers) -> Chart:
    """Of two classes, the probability of the second; of more, that of the answer."""
    two = len(answers.classes) == 2
    probability = answers.probabilities[:, 1] if two else answers.probabilities.max(axis=1)
    happened = answers.true == 1 if two else answers.probabilities.argmax(axis=1) == answers.true
    what = f"probability of {shown_name(answers.classes[1])}" if two else "probability of the answer"
    error = METRICS["calibration_error"].compute(answers)
    return _chart(bin_by_probability(probability, happened, answers.weights), what, f"Calibration error {error:.4f}. ")


def calibration_of_labels(answers: LabelAnswers) -> Chart:
    """The probabilities of all labels together."""
    probability = 1 / (1 + np.exp(-np.clip(answers.log_odds, -700, 700)))
    weights = np.repeat(answers.weights, probability.shape[1])
    bins = bin_by_probability(probability.ravel(), answers.true.ravel(), weights)
    return _chart(bins, "probability of each label", "")


def _chart(bins: Bins, what: str, before: str) -> Chart:
    arrays = (bins.predicted, bins.observed, bins.weight)
    drawn = reliability(*arrays, title=f"Calibration: {what}", low=bins.low, high=bins.high, width=480, height=420)
    words = f"{before}On the diagonal, probabilities are right. {CALIBRATION_BINS} bins, 95 % intervals."
    return Chart(drawn, words)
