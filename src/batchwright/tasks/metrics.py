"""How good outputs are: exact metrics on the host, in float64, each with row weights.

A row of weight zero has no influence at all: it is taken out first, so padding may hold anything. A metric that the
rows do not determine is left out of the answer (ROC AUC where only one class occurs, R² where the targets do not vary),
and outputs that are not finite make every metric NaN: a model that has broken down is not given an accuracy.
"""

import numpy as np
from jaxtyping import Array, Bool, Float, Int

from batchwright.errors import DataError

Weights = Float[np.ndarray, " rows"]

CALIBRATION_BINS = 15  # the number that Guo et al. (2017) report, and that others compare with

CLASSIFICATION = ("accuracy", "balanced_accuracy", "macro_f1", "roc_auc", "log_loss", "calibration_error")
REGRESSION = ("rmse", "mae", "r2")
RANGES = {
    **dict.fromkeys(("accuracy", "balanced_accuracy", "macro_f1", "roc_auc", "calibration_error"), (0.0, 1.0)),
    **dict.fromkeys(("loss", "log_loss", "rmse", "mae"), (0.0, float("inf"))),
    "r2": (float("-inf"), 1.0),
}
"""The least and the largest value that a metric can have; a metric that is not named here can have any."""
LARGER_IS_BETTER = frozenset({"accuracy", "balanced_accuracy", "macro_f1", "roc_auc", "r2"})


def used_rows(
    rows: int, weights: np.ndarray | Array | None
) -> tuple[Int[np.ndarray, " used"], Float[np.ndarray, " used"]]:
    """The indices of the rows that count, and their weights; all of weight one where `weights` is None.

    Raises:
        DataError: the weights do not fit the rows, one is negative or not finite, or no row has a weight above zero.

    >>> used_rows(3, np.array([2.0, 0.0, 1.0]))
    (array([0, 2]), array([2., 1.]))
    """
    all_weights = np.ones(rows) if weights is None else np.asarray(weights, np.float64)
    if all_weights.shape != (rows,):
        raise DataError(f"one weight per row is needed: {rows} rows, but weights of shape {all_weights.shape}.")
    if not (np.isfinite(all_weights) & (all_weights >= 0)).all():
        raise DataError("row weights must be finite and zero or more; remove or correct the others.")
    used = np.flatnonzero(all_weights)
    if not used.size:
        raise DataError(f"no row to measure: {rows} rows, none of them with a weight above zero.")
    return used, all_weights[used]


def log_softmax(outputs: Float[np.ndarray, "rows classes"]) -> Float[np.ndarray, "rows classes"]:
    """Log-probabilities of each row, z - log Σ exp z, finite however large the logits z are.

    >>> np.exp(log_softmax(np.array([[1e4, 1e4, 0.0]])))
    array([[0.5, 0.5, 0. ]])
    """
    by_class = np.ascontiguousarray(outputs.T)  # NumPy is slow to reduce the few classes of many rows
    shifted = by_class - by_class.max(axis=0)
    return np.asarray((shifted - np.log(np.exp(shifted).sum(axis=0))).T)


def classification(
    log_probabilities: Float[np.ndarray, "rows classes"], targets: Int[np.ndarray, " rows"], weights: Weights
) -> dict[str, float]:
    """The metrics named in `CLASSIFICATION`, of class log-probabilities against class codes 0..classes-1.

    Accuracy is the share of rows whose most probable class is right; balanced accuracy the mean of that share over the
    classes that occur; macro-F1 the mean of 2·hits / (occurring + predicted) over the classes that occur or are
    predicted; log loss the mean of -log p of the true class. Weights must be above zero (see `used_rows`).

    >>> metrics = classification(np.log([[0.9, 0.1], [0.4, 0.6]]), np.array([0, 0]), np.ones(2))
    >>> metrics["accuracy"], round(metrics["macro_f1"], 3), "roc_auc" in metrics
    (0.5, 0.333, False)
    """
    classes, total = log_probabilities.shape[1], weights.sum()
    predicted = log_probabilities.argmax(axis=1)
    right = predicted == targets
    occurring = np.bincount(targets, weights, classes)
    either = occurring + np.bincount(predicted, weights, classes)
    hits = np.bincount(targets[right], weights[right], classes)
    own = np.take_along_axis(log_probabilities, targets[:, None], axis=1)[:, 0]
    confidence = np.exp(log_probabilities.max(axis=1))
    found = {
        "accuracy": hits.sum() / total,
        "balanced_accuracy": (hits[occurring > 0] / occurring[occurring > 0]).mean(),
        "macro_f1": (2 * hits[either > 0] / either[either > 0]).mean(),
        "roc_auc": _multiclass_roc_auc(log_probabilities, targets, weights),
        "log_loss": -(weights @ own) / total,
        "calibration_error": calibration_error(confidence, right, weights),
    }
    return {name: float(value) for name, value in found.items() if value is not None}


def _multiclass_roc_auc(
    log_probabilities: Float[np.ndarray, "rows classes"], targets: Int[np.ndarray, " rows"], weights: Weights
) -> float | None:
    """ROC AUC of the second of two classes; else the mean over the classes that occur, each against the rest."""
    classes = log_probabilities.shape[1]
    if classes == 2:  # log-odds order rows as the probability does, and do not saturate at 1
        return roc_auc(log_probabilities[:, 1] - log_probabilities[:, 0], targets == 1, weights)
    each = (roc_auc(log_probabilities[:, code], targets == code, weights) for code in range(classes))
    known = [area for area in each if area is not None]
    return sum(known) / len(known) if known else None


def roc_auc(
    scores: Float[np.ndarray, " rows"], positive: Bool[np.ndarray, " rows"], weights: Weights | None = None
) -> float | None:
    """Area under the ROC curve: the chance that a positive row scores above a negative one, a tie counting half.

    AUC = Σ_{i positive} w_i (W(negative, below s_i) + W(negative, tied with s_i) / 2) / (W(positive) W(negative)).

    Returns:
        The area in [0, 1], exact with ties; None where no row is positive, or none negative.

    >>> roc_auc(np.array([0.1, 0.5, 0.5, 0.9]), np.array([False, True, False, True]))
    0.875
    """
    weights = np.ones(len(scores)) if weights is None else weights
    _, rank = np.unique(scores, return_inverse=True)
    positives = np.bincount(rank, weights * positive)
    negatives = np.bincount(rank, weights * ~positive)
    pairs = positives.sum() * negatives.sum()
    if pairs == 0:
        return None
    below = np.cumsum(negatives) - negatives
    return float(positives @ (below + negatives / 2) / pairs)


def calibration_error(
    confidence: Float[np.ndarray, " rows"],
    right: Bool[np.ndarray, " rows"],
    weights: Weights | None = None,
    *,
    bins: int = CALIBRATION_BINS,
) -> float:
    """Expected calibration error: how far the confidence in the predicted class is from the share that is right.

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


def confusion_matrix(
    targets: Int[np.ndarray, " rows"],
    predicted: Int[np.ndarray, " rows"],
    weights: Weights | None = None,
    *,
    classes: int,
) -> Float[np.ndarray, "classes classes"]:
    """Total weight of the rows of each true class (row) that were given each class (column).

    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), classes=2)
    array([[1., 1.],
           [0., 1.]])
    """
    weights = np.ones(len(targets)) if weights is None else weights
    pairs = targets.astype(np.int64) * classes + predicted
    return np.bincount(pairs, weights, classes * classes).reshape(classes, classes)


def regression(
    predictions: Float[np.ndarray, "rows targets"],
    values: Float[np.ndarray, "rows targets"],
    weights: Weights,
    unit: Float[np.ndarray, " targets"] | float = 1.0,
) -> dict[str, float]:
    """The metrics named in `REGRESSION`, each the mean over the targets, in their own unit.

    A difference of 1 between values is `unit` in the targets' own unit. Errors are multiplied by it last, so that no
    value near the largest or smallest float is squared.

    RMSE = √(mean e²), MAE = mean |e|, R² = 1 - Σ w e² / Σ w (y - ȳ)² with ȳ the weighted mean. A target that does not
    vary has no R², and where none varies it is left out.

    >>> metrics = regression(np.array([[1.0], [3.0]]), np.array([[0.0], [4.0]]), np.ones(2))
    >>> metrics["rmse"], metrics["mae"], metrics["r2"]
    (1.0, 1.0, 0.75)
    """
    share = weights / weights.sum()
    error = predictions - values
    squared = share @ error**2
    variance = share @ (values - share @ values) ** 2
    varying = (np.ptp(values, axis=0) > 0) & (variance > 0)  # rounding gives equal values a variance of about 1e-32
    absolute = share @ np.abs(error)
    found = {"rmse": float((np.sqrt(squared) * unit).mean()), "mae": float((absolute * unit).mean())}
    if varying.any():
        found["r2"] = float(1 - (squared[varying] / variance[varying]).mean())
    return found
