"""The curves against scikit-learn's, and their intervals against what is known of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from batchwright.report.ranking import GRID, MOST_ROWS, rank, ranking_blocks
from batchwright.tasks.answers import ClassAnswers


def rows(count, seed, *, levels=None):
    rng = np.random.default_rng(seed)
    positive = rng.random(count) < 0.4
    positive[:2] = [True, False]
    scores = rng.normal(size=count) + positive
    return (scores if levels is None else np.round(scores * levels)), positive, rng.uniform(0.2, 3.0, count)


def highest_at(place, false, true):
    """The highest point of a polyline above a place."""
    heights = []
    for a, b, low, high in zip(false, false[1:], true, true[1:], strict=False):
        if a <= place <= b:
            heights.append(high if a == b else low + (place - a) / (b - a) * (high - low))
    return max(heights)


@given(st.integers(2, 80), st.integers(0, 10_000), st.sampled_from([None, 1, 3]))
def test_the_curves_are_those_of_scikit_learn(count, seed, levels):
    scores, positive, weights = rows(count, seed, levels=levels)
    found = rank(scores, positive, weights)
    assert found is not None
    false, true, _ = metrics.roc_curve(positive, scores, sample_weight=weights, drop_intermediate=False)
    np.testing.assert_allclose(found.recall, [highest_at(place, false, true) for place in GRID], atol=1e-9)
    assert found.area == pytest.approx(metrics.roc_auc_score(positive, scores, sample_weight=weights))
    assert found.average == pytest.approx(metrics.average_precision_score(positive, scores, sample_weight=weights))
    assert found.share == pytest.approx(weights[positive].sum() / weights.sum())
    precision, recall, _ = metrics.precision_recall_curve(positive, scores, sample_weight=weights)
    for place, value in zip(GRID, found.precision, strict=True):
        reached = np.flatnonzero(recall[:-1] >= place - 1e-9)  # sklearn's recall falls
        assert value == pytest.approx(precision[reached[-1]], abs=1e-9)


def test_the_interval_of_the_area_holds_the_truth_about_as_often_as_it_says():
    """Of two normal distributions one apart, the area is Φ(1/√2)."""
    truth, held, times = 0.7602499389, 0, 120
    for seed in range(times):
        found = rank(*rows(150, seed)[:2], np.ones(150), seed=seed)
        assert found is not None
        low, high = found.area_interval
        assert low <= found.area <= high
        held += low <= truth <= high
    assert held >= 0.88 * times


def test_of_very_many_rows_some_are_resampled_and_the_interval_is_as_narrow_as_that_of_all():
    few, many = rank(*rows(MOST_ROWS, 0)), rank(*rows(4 * MOST_ROWS, 0))
    assert few is not None
    assert many is not None
    widths = [one.area_interval[1] - one.area_interval[0] for one in (few, many)]
    assert 1.6 < widths[0] / widths[1] < 2.5


@pytest.mark.parametrize("true", [[0, 0, 0], [1, 1, 1]])
def test_one_class_has_no_curve_and_the_report_says_so(true):
    answers = ClassAnswers(np.log(np.full((3, 2), 0.5)), np.array(true), np.ones(3), ("no", "yes"))
    (words,) = ranking_blocks(answers)
    assert "No ROC curve for yes" in words.text
