"""Scores for positive and negative rows: areas under curves, and how well confidence is calibrated."""

import numpy as np
from jaxtyping import Bool, Float

from batchwright.tasks.answers import Weights

SURE = 1.959963984540054
"""Standard deviations on each side of the mean that hold 95 % of a normal distribution."""
CALIBRATION_BINS = 15  # the number in Guo et al. (2017), used in other comparisons too


def roc_auc(
    scores: Float[np.ndarray, " rows"], positive: Bool[np.ndarray, " rows"], weights: Weights | None = None
) -> float | None:
    """Area under the ROC curve: the probability that a positive row scores above a negative one; a tie counts half.

    AUC = Σ_{i positive} w_i (W(negative, below s_i) + W(negative, tied with s_i) / 2) / (W(positive) W(negative)).

    Returns:
        The area in [0, 1], exact with ties; None if no row is positive, or none is negative.

    >>> roc_auc(np.array([0.1, 0.5, 0.5, 0.9]), np.array([False, True, False, True]))
    0.875
    """
    positives, negatives = _by_rank(scores, positive, weights)
    pairs = positives.sum() * negatives.sum()
    if pairs == 0:
        return None
    below = np.cumsum(negatives) - negatives
    return float(positives @ (below + negatives / 2) / pairs)


def average_precision(
    scores: Float[np.ndarray, " rows"], positive: Bool[np.ndarray, " rows"], weights: Weights | None = None
) -> float | None:
    """Area under precision over recall as steps: Σ (recall_i - recall_(i-1))·precision_i, from the highest score down.

    Returns:
        A number in [0, 1], exact with ties; None if no row is positive.

    >>> average_precision(np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, True, False, False]))
    0.8333333333333333
    """
    positives, negatives = (found[::-1] for found in _by_rank(scores, positive, weights))
    if positives.sum() == 0:
        return None
    hits = np.cumsum(positives)
    return float(positives @ (hits / (hits + np.cumsum(negatives))) / hits[-1])


def _by_rank(scores: np.ndarray, positive: np.ndarray, weights: Weights | None) -> tuple[np.ndarray, np.ndarray]:
    """Weight of the positive and of the negative rows at each score, in rising order of the scores."""
    weights = np.ones(len(scores)) if weights is None else weights
    _, rank = np.unique(scores, return_inverse=True)
    return np.bincount(rank, weights * positive), np.bincount(rank, weights * ~positive)


def calibration_error(
    confidence: Float[np.ndarray, " rows"],
    right: Bool[np.ndarray, " rows"],
    weights: Weights | None = None,
    *,
    bins: int = CALIBRATION_BINS,
) -> float:
    """Expected calibration error: how far confidence in the predicted class is from the share of right predictions.

    ECE = Σ_b W_b/W · |share right in b - mean confidence in b| over `bins` bins of equal width; a bin is (a, b].

    References:
        Guo et al., On Calibration of Modern Neural Networks, 2017 (https://arxiv.org/abs/1706.04599).

    >>> round(calibration_error(np.array([0.9, 0.9]), np.array([True, False])), 3)
    0.4
    """
    weights = np.ones(len(confidence)) if weights is None else weights
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gaps = np.bincount(place, weights * (right - confidence), bins)
    return float(np.abs(gaps).sum() / weights.sum())


def wilson(share: Float[np.ndarray, " shares"], rows: Float[np.ndarray, " shares"]) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % interval of shares of some rows (Wilson 1927).

    >>> [f"{end[0]:.3f}" for end in wilson(np.array([0.9]), np.array([100.0]))]
    ['0.826', '0.945']
    """
    square = SURE**2
    middle = (share + square / (2 * rows)) / (1 + square / rows)
    half = SURE / (1 + square / rows) * np.sqrt(share * (1 - share) / rows + square / (4 * rows**2))
    return np.clip(middle - half, 0.0, 1.0), np.clip(middle + half, 0.0, 1.0)
