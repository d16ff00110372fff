"""Metrics against scikit-learn, against sums over pairs, and against properties that must hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from sklearn import metrics as peer
from tests.reference import metrics as reference

from batchwright.errors import DataError
from batchwright.tasks import metrics


def table(rows: int, classes: int, *, seed: int, weighted: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-probabilities with many ties, class codes of all classes, and weights."""
    rng = np.random.default_rng(seed)
    targets = np.concatenate([np.arange(classes), rng.integers(0, classes, rows - classes)])
    logits = rng.integers(-2, 3, (rows, classes)).astype(np.float64)
    return metrics.log_softmax(logits), targets, rng.uniform(0.1, 5.0, rows) if weighted else np.ones(rows)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [2, 3, 7])
def test_classification_agrees_with_scikit_learn(classes: int, weighted: bool) -> None:
    log_p, targets, weights = table(200, classes, seed=classes, weighted=weighted)
    p, predicted = np.exp(log_p), log_p.argmax(axis=1)
    scores = {"y_score": p[:, 1]} if classes == 2 else {"y_score": p, "multi_class": "ovr"}
    expected = {
        "accuracy": peer.accuracy_score(targets, predicted, sample_weight=weights),
        "balanced_accuracy": peer.balanced_accuracy_score(targets, predicted, sample_weight=weights),
        "macro_f1": peer.f1_score(targets, predicted, average="macro", sample_weight=weights),
        "roc_auc": peer.roc_auc_score(targets, **scores, sample_weight=weights),
        "log_loss": peer.log_loss(targets, p, sample_weight=weights),
    }
    found = metrics.classification(log_p, targets, weights)
    assert tuple(found) == metrics.CLASSIFICATION
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-12)


def test_classes_that_do_not_occur_do_not_count() -> None:
    log_p = metrics.log_softmax(np.array([[3.0, 1.0, 0.0, -1.0], [0.0, 2.0, 1.0, -1.0], [1.0, 0.0, 2.0, -1.0]]))
    found = metrics.classification(log_p, np.array([0, 1, 1]), np.ones(3))  # class 2 is predicted only, class 3 never
    assert found["balanced_accuracy"] == pytest.approx((1 + 1 / 2) / 2)
    assert found["macro_f1"] == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert found["roc_auc"] == pytest.approx((1 + 1 / 2) / 2)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("targets", [1, 3])
def test_regression_agrees_with_scikit_learn(targets: int, weighted: bool) -> None:
    rng = np.random.default_rng(targets)
    values = rng.normal(5.0, 3.0, (50, targets))
    predictions = values + rng.normal(size=values.shape)
    weights = rng.uniform(0.1, 5.0, 50) if weighted else np.ones(50)
    expected = {
        "rmse": peer.root_mean_squared_error(values, predictions, sample_weight=weights),
        "mae": peer.mean_absolute_error(values, predictions, sample_weight=weights),
        "r2": peer.r2_score(values, predictions, sample_weight=weights),
    }
    assert metrics.regression(predictions, values, weights) == pytest.approx(expected, rel=1e-12)


def test_equal_targets_have_no_r2() -> None:
    values = np.full((3, 1), 0.1)  # whose weighted mean is not exactly 0.1
    assert "r2" not in metrics.regression(np.zeros((3, 1)), values, np.array([1.0, 2.0, 4.0]))
    both = np.column_stack([values, [0.0, 1.0, 2.0]])
    assert metrics.regression(both, both, np.ones(3))["r2"] == 1.0


scored_rows = st.integers(2, 30).flatmap(
    lambda rows: st.tuples(
        nps.arrays(np.float64, rows, elements=st.integers(-3, 3).map(float)),
        nps.arrays(np.bool_, rows),
        nps.arrays(np.float64, rows, elements=st.floats(0.01, 100)),
    )
)


@given(scored_rows)
def test_roc_auc_is_the_share_of_pairs_in_order(rows: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    scores, positive, weights = rows
    found = metrics.roc_auc(scores, positive, weights)
    if positive.all() or not positive.any():
        assert found is None
        return
    assert found == pytest.approx(reference.roc_auc(scores, positive, weights), abs=1e-12)
    assert metrics.roc_auc(-scores, positive, weights) == pytest.approx(1 - found, abs=1e-12)
    assert metrics.roc_auc(np.exp(scores), positive, weights) == pytest.approx(found, abs=1e-12)


@given(scored_rows, st.integers(1, 20))
def test_calibration_error_bin_by_bin(rows: tuple[np.ndarray, np.ndarray, np.ndarray], bins: int) -> None:
    scores, right, weights = rows
    confidence = (scores + 4) / 7.3
    expected = reference.calibration_error(confidence, right, weights, bins)
    assert metrics.calibration_error(confidence, right, weights, bins=bins) == pytest.approx(expected, abs=1e-12)


def test_calibration_error_of_certain_answers() -> None:
    assert metrics.calibration_error(np.ones(4), np.array([True, True, True, False])) == 0.25
    assert metrics.calibration_error(np.zeros(2), np.array([False, False])) == 0.0


@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_a_weight_is_a_number_of_copies(seed: int, classes: int) -> None:
    log_p, targets, _ = table(20, classes, seed=seed, weighted=False)
    copies = np.random.default_rng(seed).integers(1, 4, 20)
    repeated = metrics.classification(np.repeat(log_p, copies, 0), np.repeat(targets, copies), np.ones(copies.sum()))
    assert metrics.classification(log_p, targets, copies.astype(np.float64)) == pytest.approx(
        repeated, rel=1e-9, abs=1e-12
    )


@pytest.mark.parametrize("weights", [None, np.array([0.5, 2.0, 1.0, 1.0])])
def test_confusion_matrix_agrees_with_scikit_learn(weights: np.ndarray | None) -> None:
    targets, predicted = np.array([0, 2, 2, 1]), np.array([0, 2, 1, 1])
    expected = peer.confusion_matrix(targets, predicted, labels=[0, 1, 2, 3], sample_weight=weights)
    assert (metrics.confusion_matrix(targets, predicted, weights, classes=4) == expected).all()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(2), "one weight per row"),
        (np.array([1.0, -1.0, 0.0]), "zero or more"),
        (np.array([1.0, np.nan, 0.0]), "finite"),
        (np.zeros(3), "no row to measure"),
    ],
)
def test_weights_that_are_not_weights(weights: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        metrics.used_rows(3, weights)


def test_no_rows_at_all() -> None:
    with pytest.raises(DataError, match="no row to measure: 0 rows"):
        metrics.used_rows(0, None)
