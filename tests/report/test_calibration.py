"""Bins and intervals against scikit-learn and SciPy."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve

from batchwright.report.calibration import bin_by_probability


def test_bins_are_those_of_scikit_learn_and_intervals_those_of_wilson():
    rng = np.random.default_rng(1)
    probability = rng.beta(0.6, 0.6, 700)
    happened = rng.random(700) < probability
    found = bin_by_probability(probability, happened, np.ones(700))
    observed, predicted = calibration_curve(happened, probability, n_bins=15)
    filled = found.weight > 0
    np.testing.assert_allclose(found.observed[filled], observed)
    np.testing.assert_allclose(found.predicted[filled], predicted)
    assert found.weight.sum() == 700
    for bin_ in np.flatnonzero(filled):
        rows = int(found.weight[bin_])
        interval = binomtest(round(found.observed[bin_] * rows), rows).proportion_ci(0.95, method="wilson")
        assert (found.low[bin_], found.high[bin_]) == pytest.approx((interval.low, interval.high))


def test_weights_count_as_rows():
    probability, happened = np.array([0.1, 0.11, 0.9]), np.array([True, False, True])
    heavy = bin_by_probability(probability, happened, np.array([2.0, 1.0, 1.0]))
    assert heavy.observed[1] == pytest.approx(2 / 3)
    assert heavy.predicted[1] == pytest.approx((2 * 0.1 + 0.11) / 3)
    assert np.isnan(heavy.observed[5])
