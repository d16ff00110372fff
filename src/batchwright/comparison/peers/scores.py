"""Scores of several models on the same test rows, with intervals by bootstrap over these rows."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

RESAMPLES = 1_000
CUTS = (2.5, 97.5)
"""Percentiles: a 95 % interval."""
MOST_NUMBERS = 1 << 22
"""Numbers of resampled rows that are held at once."""
LEAST = float(np.finfo(np.float64).eps)
"""The least probability that a log loss takes, as scikit-learn's does."""
OURS = "batchwright"


@dataclass(frozen=True)
class Measured:
    """A figure on the test rows, and its 95 % interval over resampled test rows."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ContestantScores:
    """How good answers are: accuracy and log loss of classes, R² and RMSE of values.

    `difference` is the loss minus ours, on the same resampled rows; None for ours.
    """

    score: Measured
    loss: Measured
    difference: Measured | None


def score_all(answers: Mapping[str, np.ndarray], targets: np.ndarray, *, classes: bool) -> dict[str, ContestantScores]:
    """The scores of each model; `OURS` is among them.

    Args:
        answers: probabilities [rows, classes], or values [rows].
        targets: codes of classes, or values.
        classes: whether they are classes.
    """
    figures = _class_figures if classes else _value_figures
    per_row = {name: figures(found, targets) for name, found in answers.items()}
    combine = _of_classes if classes else _of_values
    stacked = np.concatenate(list(per_row.values()), axis=1)
    width = stacked.shape[1] // len(per_row)
    places = {name: slice(place * width, (place + 1) * width) for place, name in enumerate(per_row)}
    means, whole = _resampled_means(stacked), stacked.mean(axis=0, keepdims=True)
    drawn = {name: combine(means[:, place]) for name, place in places.items()}
    exact = {name: combine(whole[:, place]) for name, place in places.items()}
    return {
        name: ContestantScores(
            _measured(exact[name][0], drawn[name][0]),
            _measured(exact[name][1], drawn[name][1]),
            None if name == OURS else _measured(exact[name][1] - exact[OURS][1], drawn[name][1] - drawn[OURS][1]),
        )
        for name in answers
    }


def _class_figures(found: np.ndarray, targets: np.ndarray) -> Float64[np.ndarray, "rows 2"]:
    """Whether each answer is right, and its log loss."""
    own = found[np.arange(len(targets)), targets]
    return np.stack([found.argmax(axis=1) == targets, -np.log(np.clip(own, LEAST, 1.0))], axis=1)


def _of_classes(means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return means[:, 0], means[:, 1]


def _value_figures(found: np.ndarray, targets: np.ndarray) -> Float64[np.ndarray, "rows 3"]:
    """The squared error of each answer, the target from the mean, and its square."""
    centred = targets - targets.mean()
    return np.stack([(found - targets) ** 2, centred, centred**2], axis=1)


def _of_values(means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """R² and RMSE; R² is 0 where the targets do not differ."""
    squares, spread = means[:, 0], means[:, 2] - means[:, 1] ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        explained = np.where(spread > 0, 1.0 - squares / spread, 0.0)
    return explained, np.sqrt(squares)


def _resampled_means(figures: Float64[np.ndarray, "rows columns"]) -> Float64[np.ndarray, "resamples columns"]:
    """The means over rows that are drawn with replacement, as many as there are."""
    rng, rows = np.random.default_rng(0), len(figures)
    at_once = max(1, MOST_NUMBERS // rows)
    found = []
    for first in range(0, RESAMPLES, at_once):
        many = min(at_once, RESAMPLES - first)
        counts = np.stack([np.bincount(rng.integers(0, rows, rows), minlength=rows) for _ in range(many)])
        found.append(counts @ figures / rows)
    return np.concatenate(found)


def _measured(exact: np.ndarray, drawn: np.ndarray) -> Measured:
    low, high = np.percentile(drawn, CUTS)
    return Measured(float(exact[0]), float(low), float(high))
