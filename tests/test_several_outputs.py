"""Estimators of several outputs: labels as an indicator, classes and numbers in several columns."""

import pickle
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import make_multilabel_classification
from sklearn.linear_model import LinearRegression
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import cross_val_score

import batchwright as bw
from batchwright.errors import BatchwrightError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3))
VALUES = X @ RNG.normal(size=(3, 2)) * [1.0, 1000.0] + [5.0, -20.0]
CLASSES = np.stack([np.where(X[:, 0] > 0, "up", "down"), np.digitize(X[:, 1], [-0.5, 0.5]).astype(str)], axis=1)
QUICK: dict[str, Any] = {"learning_rate": 0.05, "batch_normalization": False, "epochs": 20, "random_state": 0}


def test_several_numbers_are_predicted_each_in_its_own_unit() -> None:
    regressor = bw.Regressor((), **QUICK | {"epochs": 60}).fit(X, VALUES)
    answers = regressor.predict(X)
    assert answers.shape == (200, 2)
    np.testing.assert_allclose(
        answers, LinearRegression().fit(X, VALUES).predict(X), atol=0.02 * VALUES.std(axis=0).max()
    )
    assert regressor.score(X, VALUES) == pytest.approx(r2_score(VALUES, answers))
    assert regressor.score(X, VALUES) > 0.99
    assert regressor.n_outputs_ == 2
    again = pickle.loads(pickle.dumps(regressor))
    np.testing.assert_array_equal(again.predict(X), answers)


def test_labels_as_an_indicator_are_answered_as_one() -> None:
    rows, y = make_multilabel_classification(n_samples=200, n_features=6, n_classes=4, random_state=0)
    classifier = bw.Classifier((16,), **QUICK).fit(rows, y)
    probabilities = classifier.predict_proba(rows)
    assert probabilities.shape == y.shape
    np.testing.assert_array_equal(classifier.predict(rows), probabilities >= 0.5)
    np.testing.assert_array_equal(classifier.classes_, np.arange(4))
    assert classifier.score(rows, y) == accuracy_score(y, classifier.predict(rows))
    assert classifier.score(rows, y) > 0.35, "a guess has 0.06"
    assert (classifier.n_outputs_, classifier.out_activation_) == (4, "logistic")
    sparse = bw.Classifier((16,), **QUICK).fit(csr_matrix(rows), csr_matrix(y))
    np.testing.assert_allclose(sparse.predict_proba(rows), probabilities, atol=1e-6)


@pytest.mark.parametrize("y", [np.zeros((40, 2), int), np.tile([1, 0], (40, 1))])
def test_labels_that_no_row_has_are_no_obstacle(y: np.ndarray) -> None:
    classifier = bw.Classifier((4,), **QUICK | {"epochs": 30}).fit(X[:40], y)
    np.testing.assert_array_equal(classifier.predict(X[:40]), y)


def test_classes_in_several_columns() -> None:
    classifier = bw.Classifier((8,), **QUICK).fit(X, CLASSES)
    answers, probabilities = classifier.predict(X), classifier.predict_proba(X)
    assert [part.tolist() for part in classifier.classes_] == [["down", "up"], ["0", "1", "2"]]
    assert [part.shape for part in probabilities] == [(200, 2), (200, 3)]
    for place, (classes, part) in enumerate(zip(classifier.classes_, probabilities, strict=True)):
        np.testing.assert_array_equal(answers[:, place], classes[part.argmax(axis=1)])
    assert classifier.score(X, CLASSES) == (answers == CLASSES).all(axis=1).mean()
    assert classifier.score(X, CLASSES) > 0.7


def test_early_stopping_and_cross_validation_know_several_outputs() -> None:
    stopped = bw.Regressor((4,), **QUICK, early_stopping=3, validation_split=0.2).fit(X, VALUES)
    assert len(stopped.validation_scores_) == stopped.n_iter_
    assert stopped.best_validation_score_ == max(row["val_r2"] for row in stopped.history_)
    assert (cross_val_score(bw.Regressor((), **QUICK), X, VALUES, cv=2) > 0.5).all()


def test_passes_over_an_indicator_go_on() -> None:
    rows, y = make_multilabel_classification(n_samples=60, n_features=6, n_classes=3, random_state=0)
    classifier = bw.Classifier((8,), **QUICK)
    for _ in range(15):
        classifier.partial_fit(rows, y)
    assert classifier.score(rows, y) > 0.3, "a guess has 0.13"
    numbers = bw.Regressor((8,), **QUICK)
    for _ in range(15):
        numbers.partial_fit(X, VALUES)
    assert numbers.score(X, VALUES) > 0.8
    warm = bw.Regressor((8,), **QUICK, warm_start=True).fit(X, VALUES)
    assert warm.fit(X, VALUES).t_ == 2 * 20 * 200


@pytest.mark.parametrize(
    ("arguments", "y", "said"),
    [
        ({"class_weight": "balanced"}, CLASSES, "class_weight is for one label a row"),
        ({"class_weight": {"up": 2.0}}, CLASSES, "class_weight is for one label a row"),
        ({"loss": "focal"}, (X[:, :2] > 0).astype(int), "unknown loss 'focal'"),
    ],
)
def test_what_several_outputs_do_not_have_is_refused(arguments: dict[str, Any], y: np.ndarray, said: str) -> None:
    with pytest.raises(BatchwrightError, match=said):
        bw.Classifier((4,), **QUICK, **arguments).fit(X, y)


@pytest.mark.parametrize("y", [VALUES[:, 0], VALUES[:, [0, 1, 1]]])
def test_another_number_of_outputs_is_refused(y: np.ndarray) -> None:
    fitted = bw.Regressor((), **QUICK | {"epochs": 1}, warm_start=True).fit(X, VALUES)
    with pytest.raises(ValueError, match=r"y has \d columns, but Regressor was fitted with 2"):
        fitted.fit(X, y)
    with pytest.raises(ValueError, match=r"y has \d columns, but Regressor was fitted with 2"):
        fitted.partial_fit(X, y)


def test_partial_fit_of_several_targets_is_refused() -> None:
    with pytest.raises(ValueError, match="partial_fit takes one target"):
        bw.Classifier((4,), **QUICK).partial_fit(X, CLASSES, classes=["up", "down"])
