"""Metrics against scikit-learn, against sums over pairs, and against properties that must hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from sklearn import metrics as peer
from tests.reference import metrics as reference

from batchwright.errors import ConfigError, DataError
from batchwright.tasks import metrics
from batchwright.tasks.answers import ClassAnswers, ValueAnswers, log_softmax, used_rows


def classification(log_p: np.ndarray, true: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    every = (*metrics.CLASS_METRICS, *metrics.MORE_CLASS_METRICS)
    return metrics.compute(every, ClassAnswers(log_p, true, weights))


def regression(predictions: np.ndarray, values: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """Metrics of numbers that are standardised with a deviation of 2 and a mean of 1 on the way."""
    ones = np.ones(values.shape[1])
    answers = ValueAnswers((predictions - 1) / 2, (values - 1) / 2, weights, 2 * ones, ones)
    return metrics.compute((*metrics.VALUE_METRICS, *metrics.MORE_VALUE_METRICS), answers)


def table(rows: int, classes: int, *, seed: int, weighted: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-probabilities with many ties, class codes of all classes, and weights."""
    rng = np.random.default_rng(seed)
    targets = np.concatenate([np.arange(classes), rng.integers(0, classes, rows - classes)])
    logits = rng.integers(-2, 3, (rows, classes)).astype(np.float64)
    return log_softmax(logits), targets, rng.uniform(0.1, 5.0, rows) if weighted else np.ones(rows)


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
        "average_precision": np.mean(
            [
                peer.average_precision_score(targets == code, p[:, code], sample_weight=weights)
                for code in range(int(classes == 2), classes)
            ]
        ),
    }
    found = classification(log_p, targets, weights)
    assert found.keys() == {one.name for one in (*metrics.CLASS_METRICS, *metrics.MORE_CLASS_METRICS)}
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-12)


def test_classes_that_do_not_occur_do_not_count() -> None:
    log_p = log_softmax(np.array([[3.0, 1.0, 0.0, -1.0], [0.0, 2.0, 1.0, -1.0], [1.0, 0.0, 2.0, -1.0]]))
    found = classification(log_p, np.array([0, 1, 1]), np.ones(3))  # class 2 is predicted only, class 3 never
    assert found["balanced_accuracy"] == pytest.approx((1 + 1 / 2) / 2)
    assert found["macro_f1"] == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert found["roc_auc"] == pytest.approx((1 + 1 / 2) / 2)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("targets", [1, 3])
def test_regression_agrees_with_scikit_learn(targets: int, weighted: bool) -> None:
    rng = np.random.default_rng(targets)
    values = rng.normal(5.0, 3.0, (50, targets))
    predictions = values + rng.normal(size=values.shape)
    values, predictions = np.abs(values) + 0.1, np.abs(predictions) + 0.1
    weights = rng.uniform(0.1, 5.0, 50) if weighted else np.ones(50)
    expected = {
        "rmse": peer.root_mean_squared_error(values, predictions, sample_weight=weights),
        "mae": peer.mean_absolute_error(values, predictions, sample_weight=weights),
        "r2": peer.r2_score(values, predictions, sample_weight=weights),
        "mean_absolute_percentage_error": peer.mean_absolute_percentage_error(
            values, predictions, sample_weight=weights
        ),
        "mean_poisson_deviance": np.mean(
            [peer.mean_poisson_deviance(values[:, k], predictions[:, k], sample_weight=weights) for k in range(targets)]
        ),
    }
    assert regression(predictions, values, weights) == pytest.approx(expected, rel=1e-10)


def test_equal_targets_have_no_r2() -> None:
    values = np.full((3, 1), 0.1)  # whose weighted mean is not exactly 0.1
    assert "r2" not in regression(np.zeros((3, 1)), values, np.array([1.0, 2.0, 4.0]))
    both = np.column_stack([values, [0.0, 1.0, 2.0]])
    assert regression(both, both, np.ones(3))["r2"] == 1.0


@pytest.mark.parametrize("weighted", [False, True])
def test_top_k_accuracy_without_ties_is_that_of_scikit_learn(weighted: bool) -> None:
    rng = np.random.default_rng(0)
    log_p, true = log_softmax(rng.normal(size=(80, 6))), rng.integers(0, 6, 80)
    weights = rng.uniform(0.1, 5.0, 80) if weighted else np.ones(80)
    found = classification(log_p, true, weights)
    for k in (2, 3, 5):
        expected = peer.top_k_accuracy_score(true, log_p, k=k, labels=range(6), sample_weight=weights)
        assert found[f"top_{k}_accuracy"] == pytest.approx(expected)


def test_a_tie_is_in_the_top_as_often_as_by_chance() -> None:
    log_p = np.log(np.array([[0.4, 0.2, 0.2, 0.2]]))
    for true, expected in ((0, 1.0), (1, 1 / 3), (3, 1 / 3)):
        assert classification(log_p, np.array([true]), np.ones(1))["top_2_accuracy"] == pytest.approx(expected)


def test_pinball_and_coverage_of_quantiles() -> None:
    rng = np.random.default_rng(0)
    true, weights, levels = rng.normal(size=(60, 1)), rng.uniform(0.5, 2.0, 60), (0.1, 0.5, 0.8)
    quantiles = np.sort(rng.normal(size=(60, 1, 3)), axis=2)
    answers = ValueAnswers(quantiles[:, :, 1], true, weights, np.array([3.0]), np.zeros(1), levels, quantiles)
    each = [
        peer.mean_pinball_loss(3 * true[:, 0], 3 * quantiles[:, 0, k], alpha=level, sample_weight=weights)
        for k, level in enumerate(levels)
    ]
    assert metrics.pinball(answers) == pytest.approx(np.mean(each))
    inside = [low <= y <= high for (low, _, high), y in zip(quantiles[:, 0], true[:, 0], strict=True)]
    assert metrics.coverage(answers) == pytest.approx(np.average(inside, weights=weights))


def test_what_the_rows_do_not_determine_is_left_out() -> None:
    found = regression(np.array([[1.0], [-2.0]]), np.array([[0.0], [4.0]]), np.ones(2))
    assert found.keys() == {"rmse", "mae", "r2"}
    assert "average_precision" not in classification(np.log([[0.5, 0.5]]), np.array([0]), np.ones(1))


def test_a_metric_that_fails_is_named() -> None:
    broken = metrics.Metric("kappa", True, lambda answers: answers.tru)
    with pytest.raises(ConfigError, match=r"the metric 'kappa' fails on 1 rows \(AttributeError: .*ClassAnswers"):
        metrics.compute((broken,), ClassAnswers(np.log([[0.5, 0.5]]), np.array([0]), np.ones(1)))


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
    repeated = classification(np.repeat(log_p, copies, 0), np.repeat(targets, copies), np.ones(copies.sum()))
    assert classification(log_p, targets, copies.astype(np.float64)) == pytest.approx(repeated, rel=1e-9, abs=1e-12)


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
        used_rows(3, weights)


def test_no_rows_at_all() -> None:
    with pytest.raises(DataError, match="no row to measure: 0 rows"):
        used_rows(0, None)
