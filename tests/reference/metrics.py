"""Losses, their gradients and metrics in float64 NumPy, written out row by row and pair by pair."""

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    """Of one row, in extended precision."""
    exact = np.asarray(logits, np.longdouble)
    powers = np.exp(exact - exact.max())
    return powers / powers.sum()


def smoothed(target: int, classes: int, smoothing: float) -> np.ndarray:
    """The distribution that cross-entropy is taken to."""
    return (1 - smoothing) * np.eye(classes, dtype=np.longdouble)[target] + smoothing / classes


def cross_entropy(logits: np.ndarray, targets: np.ndarray, smoothing: float = 0.0) -> np.ndarray:
    """-Σ q log p of each row, with log p = z - log Σ exp z."""
    losses = []
    for row, target in zip(np.asarray(logits, np.longdouble), targets, strict=True):
        log_p = row - row.max() - np.log(np.exp(row - row.max()).sum())
        losses.append(-(smoothed(target, len(row), smoothing) * log_p).sum())
    return np.array(losses, np.float64)


def cross_entropy_gradient(logits: np.ndarray, targets: np.ndarray, smoothing: float = 0.0) -> np.ndarray:
    """p - q, the gradient of each row's loss by its own logits."""
    rows = zip(logits, targets, strict=True)
    return np.array([softmax(row) - smoothed(target, len(row), smoothing) for row, target in rows], np.float64)


def with_zero(logits: np.ndarray) -> np.ndarray:
    """The two logits (0, z) of which one binary logit z [n, 1] is the difference."""
    return np.concatenate([np.zeros_like(logits), logits], axis=1)


def error_loss(name: str, error: float, delta: float = 1.0) -> float:
    """The loss of one error."""
    size = abs(error)
    if name == "mean_squared_error":
        return size**2
    if name == "mean_absolute_error":
        return size
    return size**2 / 2 if size <= delta else delta * (size - delta / 2)


def error_gradient(name: str, error: float, delta: float = 1.0) -> float:
    """Its derivative."""
    if name == "mean_squared_error":
        return 2 * error
    return float(np.sign(error)) if name == "mean_absolute_error" else float(np.clip(error, -delta, delta))


def roc_auc(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> float:
    """Over all pairs of a positive and a negative row."""
    won = pairs = 0.0
    for i in np.flatnonzero(positive):
        for j in np.flatnonzero(~positive):
            pair = weights[i] * weights[j]
            pairs += pair
            won += pair * (0.5 if scores[i] == scores[j] else float(scores[i] > scores[j]))
    return won / pairs


def calibration_error(confidence: np.ndarray, right: np.ndarray, weights: np.ndarray, bins: int) -> float:
    """Bin by bin, from the mean confidence and the share that is right."""
    error = 0.0
    for index in range(bins):
        inside = (confidence > index / bins) & (confidence <= (index + 1) / bins)
        if inside.any():
            gap = np.average(right[inside], weights=weights[inside]) - np.average(
                confidence[inside], weights=weights[inside]
            )
            error += weights[inside].sum() / weights.sum() * abs(gap)
    return error
