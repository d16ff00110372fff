"""What a model reaches that has learned nothing, and whether answers are better than that."""

import math

import numpy as np
from jaxtyping import Float64

from batchwright.diagnosis.evidence import Evidence

FEWEST_EPOCHS = 5
"""Epochs that a check of a curve's course needs."""

UNSURE = 2.0
"""Standard errors to both sides of a figure between which its true value may well be."""

FAR_ABOVE = 5.0
"""The loss of the first epoch, as a multiple of what a constant answer reaches, that is no sound start. Sound trainings
measured up to 3: it is a mean over the epoch, and begins with random answers."""

TINY = 0.05
"""A loss of a constant answer below which there is next to nothing to learn."""

PLAIN = ("auto", "cross_entropy", "mean_squared_error")
"""Losses whose value is known for a model that answers the same for all rows."""


def chance_loss(evidence: Evidence) -> float | None:
    """The loss of the best constant answer: the entropy of the classes, or the variance of the target, which is 1.

    None where the loss is of another kind, or the classes are weighted or smoothed.
    """
    settings, train = evidence.settings, evidence.confusion.get("train")
    plain = settings.get("task.loss", "auto") in PLAIN and not settings.get("task.class_weights")
    if not plain or settings.get("task.label_smoothing", 0.0):
        return None
    if evidence.encoding is not None and evidence.encoding.target.task == "regression":
        return 1.0
    if train is None or not train.sum() > 0:
        return None
    shares = train.sum(axis=1) / train.sum()
    return float(-np.sum(shares[shares > 0] * np.log(shares[shares > 0])))


def starts_far_above(evidence: Evidence) -> bool:
    """Whether the training loss of the first epoch is far above what a constant answer reaches."""
    chance = chance_loss(evidence)
    if chance is None or chance <= TINY or not len(evidence.loss):
        return False
    return bool(evidence.loss[0] > FAR_ABOVE * chance)


def agreement(confusion: Float64[np.ndarray, "classes classes"]) -> tuple[float, float]:
    """Cohen's kappa: 0 for answers that know nothing of the classes, 1 for answers that are all right; and its error.

    The standard error is the one under independence (Fleiss, Cohen and Everitt 1969). Both are NaN where all rows are
    of one class and get one answer.

    >>> kappa, error = agreement(np.array([[40.0, 10.0], [10.0, 40.0]]))
    >>> round(kappa, 12), round(error, 12)
    (0.6, 0.1)
    """
    rows = confusion.sum()
    if not rows > 0:
        return math.nan, math.nan
    true, answered = confusion.sum(axis=1) / rows, confusion.sum(axis=0) / rows
    expected = float(true @ answered)
    variance = expected + expected**2 - float(np.sum(true * answered * (true + answered)))
    if expected >= 1:
        return math.nan, math.nan
    right = float(np.trace(confusion) / rows)
    return (right - expected) / (1 - expected), math.sqrt(max(variance, 0.0) / float(rows)) / (1 - expected)


def held_out(evidence: Evidence) -> Float64[np.ndarray, "classes classes"] | None:
    """The confusion matrix of validation and test rows together."""
    found = [matrix for part, matrix in evidence.confusion.items() if part != "train"]
    return np.sum(found, axis=0) if found else None
