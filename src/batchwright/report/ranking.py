"""ROC and precision-recall curves with 95 % intervals, by resampling rows (Efron 1979, the Poisson bootstrap)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from batchwright.figures import Axis, Line, Mark, line_chart
from batchwright.report.blocks import Block, Chart, Words
from batchwright.report.rows_shown import shown_name
from batchwright.tasks.answers import ClassAnswers
from batchwright.tasks.scores import average_precision, roc_auc

MOST_CLASSES = 5
RESAMPLES, MOST_ROWS, BINS = 200, 50_000, 1_000
"""Resamples, the rows that are resampled of more, and the steps into which their scores are cut."""

LEVELS = (0.025, 0.975)
GRID = np.linspace(0.0, 1.0, 101)
SIZE: dict[str, Any] = {"width": 480.0, "height": 420.0}


@dataclass(frozen=True)
class Ranking:
    """Two curves and the areas below them, each with its 95 % interval; curves are on a grid from 0 to 1.

    Args:
        recall: the share of positive rows found, by the share of negative rows taken for positive (ROC).
        recall_low, recall_high: its interval at each place.
        precision: the precision, by the share of positive rows found.
        precision_low, precision_high: its interval at each place.
        area: the area under the ROC curve.
        area_interval: where it lies.
        average: the average precision.
        average_interval: where it lies.
        share: the share of positive rows.
    """

    recall: np.ndarray
    recall_low: np.ndarray
    recall_high: np.ndarray
    precision: np.ndarray
    precision_low: np.ndarray
    precision_high: np.ndarray
    area: float
    area_interval: tuple[float, float]
    average: float
    average_interval: tuple[float, float]
    share: float


def rank(
    scores: Float[np.ndarray, " rows"],
    positive: Bool[np.ndarray, " rows"],
    weights: Float[np.ndarray, " rows"],
    *,
    seed: int = 0,
) -> Ranking | None:
    """The curves of a score; None where no row is positive, or none is negative.

    Args:
        scores: the higher, the surer of the positive class.
        positive: whether a row is.
        weights: of the rows, above 0.
        seed: of the resampling.
    """
    area, average = roc_auc(scores, positive, weights), average_precision(scores, positive, weights)
    if area is None or average is None:
        return None
    rng = np.random.default_rng(seed)
    whole = _curves(*_steps(scores, positive, weights))
    chosen = rng.choice(len(scores), MOST_ROWS, replace=False) if len(scores) > MOST_ROWS else slice(None)
    drawn = _resample(scores[chosen], positive[chosen], weights[chosen], rng, len(scores))
    if not drawn:
        return None
    ends = [np.quantile(np.stack(each), LEVELS, axis=0) for each in zip(*drawn, strict=True)]
    (low, high), (down, up), area_ends, average_ends = ends
    share = float(weights[positive].sum() / weights.sum())
    intervals = ((float(area_ends[0]), float(area_ends[1])), (float(average_ends[0]), float(average_ends[1])))
    return Ranking(whole[0], low, high, whole[1], down, up, area, intervals[0], average, intervals[1], share)


def _steps(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The weight of positive and of negative rows at each score, from the highest down."""
    _, place = np.unique(-scores, return_inverse=True)
    return np.bincount(place, weights * positive), np.bincount(place, weights * ~positive)


def _resample(
    scores: np.ndarray, positive: np.ndarray, weights: np.ndarray, rng: np.random.Generator, rows: int
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """The curves and areas of rows drawn again, each counting as often as a Poisson number says.

    Where only some of the rows are drawn from, the numbers vary less by that much, as there are more rows in truth.
    """
    _, place = np.unique(-scores, return_inverse=True)
    place = place * BINS // (place.max() + 1) if place.max() >= BINS else place
    bins, often = int(place.max()) + 1, rows / len(scores)
    found = []
    for _ in range(RESAMPLES):
        drawn = weights * rng.poisson(often, len(weights)) / often
        positives = np.bincount(place[positive], drawn[positive], bins)
        negatives = np.bincount(place[~positive], drawn[~positive], bins)
        if positives.sum() and negatives.sum():
            recall, precision = _curves(positives, negatives)
            found.append((recall, precision, *_areas(positives, negatives)))
    return found


def _curves(positives: np.ndarray, negatives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The recall by false alarms, and the precision by recall, on the grid."""
    hits, alarms = np.cumsum(positives), np.cumsum(negatives)
    recall, false = np.append(0.0, hits / hits[-1]), np.append(0.0, alarms / alarms[-1])
    last = np.searchsorted(false, GRID, "right") - 1  # along an upright piece of the curve, its top
    after = np.minimum(last + 1, len(false) - 1)
    across = np.where(after > last, false[after] - false[last], 1.0)
    on_grid = recall[last] + (GRID - false[last]) / across * (recall[after] - recall[last])
    there = np.searchsorted(recall[1:], GRID - 1e-12)
    precision = hits / np.maximum(hits + alarms, np.finfo(float).tiny)
    return on_grid, precision[np.minimum(there, len(precision) - 1)]


def _areas(positives: np.ndarray, negatives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The area under the ROC curve, and the average precision, from the weights at each score from the highest down."""
    below = negatives.sum() - np.cumsum(negatives)
    area = positives @ (below + negatives / 2) / (positives.sum() * negatives.sum())
    hits = np.cumsum(positives)
    average = positives @ (hits / np.maximum(hits + np.cumsum(negatives), np.finfo(float).tiny)) / hits[-1]
    return np.asarray(area), np.asarray(average)


def ranking_blocks(answers: ClassAnswers) -> list[Block]:
    """The curves of two classes, or of each of up to five against the others."""
    if len(answers.classes) > MOST_CLASSES:
        words = f"ROC curves are drawn for up to {MOST_CLASSES} classes; the table of classes has the area of each."
        return [Words(words)] if len(answers.classes) <= 20 else []
    places = [1] if len(answers.classes) == 2 else range(len(answers.classes))
    named = [(answers.classes[place], _rank_class(answers, place)) for place in places]
    found = [(name, one) for name, one in named if one is not None]
    lost = [name for name, one in named if one is None]
    blocks: list[Block] = []
    if lost:
        listed = ", ".join(map(shown_name, lost))
        blocks.append(Words(f"No ROC curve for {listed}: it takes rows that are of the class and rows that are not."))
    return [*blocks, *_charts(found)] if found else blocks


def _rank_class(answers: ClassAnswers, place: int) -> Ranking | None:
    """Two classes are ranked by the difference of their logarithms, which tells apart what rounds to 1."""
    log_p = answers.log_probabilities
    scores = log_p[:, place] - log_p[:, 0] if log_p.shape[1] == 2 else log_p[:, place]
    return rank(scores, answers.true == place, answers.weights)


def _charts(found: Sequence[tuple[str, Ranking]]) -> list[Block]:
    shown = [(shown_name(name), one) for name, one in found]
    roc = [Line(name, GRID, one.recall, one.recall_low, one.recall_high) for name, one in shown]
    chance = Line("chance", [0.0, 1.0], [0.0, 1.0], pale=True)
    share = Axis("false positive rate", low=0.0, high=1.0), Axis("true positive rate", low=0.0, high=1.0)
    areas = "; ".join(f"{name}: area {_with_interval(one.area, one.area_interval)}" for name, one in shown)
    recall = [Line(name, GRID, one.precision, one.precision_low, one.precision_high) for name, one in shown]
    marks = [Mark(one.share, "share of rows", axis="y") for _, one in shown[:1]] if len(shown) == 1 else []
    means = "; ".join(
        f"{name}: average precision {_with_interval(one.average, one.average_interval)}" for name, one in shown
    )
    axes = Axis("recall", low=0.0, high=1.0), Axis("precision", low=0.0, high=1.0)
    said = "95 % intervals over the rows, at each place."
    return [
        Chart(line_chart([*roc, chance], *share, title="ROC", **SIZE), f"{areas}. {said}"),
        Chart(line_chart(recall, *axes, title="Precision and recall", marks=marks, **SIZE), f"{means}. {said}"),
    ]


def _with_interval(value: float, ends: tuple[float, float]) -> str:
    return f"{value:.4f} ({ends[0]:.4f} to {ends[1]:.4f})"
