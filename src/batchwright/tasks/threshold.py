"""Choose the probability from which the second of two classes is predicted, so that a metric is best."""

from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float, Int

Aim: TypeAlias = Literal["f1", "balanced_accuracy"]
LEAST = float(np.finfo(np.float64).tiny)


def best_threshold(
    probabilities: Float[np.ndarray, " rows"],
    true: Int[np.ndarray, " rows"],
    weights: Float[np.ndarray, " rows"],
    *,
    aim: Aim,
) -> float:
    """The threshold with the best F1 of the second class, or the best balanced accuracy.

    All thresholds that separate any two rows are compared. The best lies half-way between two probabilities that occur,
    so that rows near them get the same answer; of equals, the one nearest to 1/2 is taken.

    Args:
        probabilities: probabilities of the second class.
        true: 0 or 1.
        weights: above 0.
        aim: the metric to optimise.

    >>> best_threshold(np.array([0.1, 0.2, 0.3, 0.9]), np.array([0, 0, 1, 1]), np.ones(4), aim="f1")
    0.25
    """
    found, rank = np.unique(probabilities, return_inverse=True)
    positive, negative = (np.bincount(rank, weights * (true == label), len(found)) for label in (1, 0))
    # Below[i] are the rows predicted as the first class with the threshold between found[i - 1] and found[i].
    missed, rejected = (np.concatenate([[0.0], np.cumsum(part)]) for part in (positive, negative))
    hits, kept_out = positive.sum() - missed, rejected
    if aim == "f1":
        answered = hits + negative.sum() - rejected
        scores = 2 * hits / np.maximum(positive.sum() + answered, LEAST)
    else:
        shares = [part / whole for part, whole in ((hits, positive.sum()), (kept_out, negative.sum())) if whole > 0]
        scores = np.mean(shares, axis=0)
    edges = np.concatenate([[0.0], found, [1.0]])
    thresholds = np.clip((edges[:-1] + edges[1:]) / 2, LEAST, np.nextafter(1.0, 0.0))
    best = np.flatnonzero(scores >= scores.max() - 1e-12)
    return float(thresholds[best[np.argmin(np.abs(thresholds[best] - 0.5))]])
