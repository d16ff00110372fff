"""The estimators as scikit-learn expects them, and against shares and forward passes worked out in NumPy."""

import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from jax.experimental.compilation_cache import compilation_cache
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks
from tests.naming import stable

from batchwright import optim
from batchwright.errors import ConfigError, DataError
from batchwright.estimators import Classifier, Regressor

PLAIN = {"batch_normalization": False, "optimizer": "sgd", "schedule": "constant", "batch_size": "full"}
QUICK = PLAIN | {"learning_rate": 0.1, "momentum": 0.9, "epochs": 15, "random_state": 0}

EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": "columns are standardised by rows, so that to them a row of "
    "weight 2 is not two rows; below, where that makes no difference, and with weights of 0",
    "check_do_not_raise_errors_in_init_or_set_params": "types are checked here; done below, where they are not",
}
OF_VALUES = [
    check
    for _, check in estimator_checks_generator(Regressor())
    if any(word in str(check) for word in ("regressor", "_y_", "_score_"))
]


@pytest.fixture(autouse=True, scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Programs are compiled in a hurry, and kept for the other tests of this file."""
    folder = str(tmp_path_factory.mktemp("programs"))
    settings = {
        "jax_compilation_cache_dir": folder,
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
        "jax_disable_most_optimizations": True,
    }
    before = {name: jax.config.values[name] for name in settings}
    for name, value in settings.items():
        jax.config.update(name, value)
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


def blobs(labels: object = (0, 1, 2), rows: int = 20) -> tuple[np.ndarray, np.ndarray]:
    names = np.array(labels)
    places = np.repeat(np.arange(len(names)), rows)
    noise = np.random.default_rng(0).normal(size=(len(places), 3))
    return noise + 6 * np.eye(3)[places], names[places]


def frame_data() -> tuple[dict[str, list[object]], np.ndarray]:
    """A text column that decides the label, beside noise with missing cells."""
    generator = np.random.default_rng(0)
    colour = np.array(["red", "green", "blue"])[generator.integers(3, size=60)]
    size = generator.normal(size=60)
    sizes = [None if row % 7 == 0 else float(value) for row, value in enumerate(size)]
    return {"colour": colour.tolist(), "size": sizes}, np.where(colour == "red", "stop", "go")


@pytest.mark.slow
@parametrize_with_checks([Classifier((8,), **QUICK)], expected_failed_checks=lambda _: EXPECTED_FAILURES)
def test_scikit_learn_accepts_the_classifier(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.parametrize("check", OF_VALUES, ids=stable)
def test_scikit_learn_accepts_the_regressor(check):
    """Only what asks for values: the other checks are of code that the classifier shares."""
    check(Regressor((8,), **QUICK))


def test_arguments_of_any_type_are_kept_until_fit():
    """In a process of its own, where types are not checked at run time."""
    code = (
        "from sklearn.utils.estimator_checks import check_do_not_raise_errors_in_init_or_set_params as check\n"
        "from batchwright import Classifier, Regressor\n"
        "for made in (Classifier(), Regressor()): check(type(made).__name__, made)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("labels", [(3, -7, 40), ("b", "a", "10"), (2.0, 1.0, 3.0), (True, False)])
def test_labels_come_back_as_they_were_given(labels):
    X, y = blobs(labels)
    classifier = Classifier((8,), **QUICK).fit(X, y)
    assert classifier.classes_.tolist() == sorted(labels)
    assert classifier.classes_.dtype == y.dtype
    predicted = classifier.predict(X)
    assert predicted.dtype == y.dtype
    assert np.mean(predicted == y) > 0.95


def test_object_labels_and_a_series_of_categories():
    X, y = blobs(("low", "mid", "high"))
    for given in (y.astype(object), pd.Series(y, dtype="category"), pl.Series(y), y.tolist()):
        assert Classifier((8,), **QUICK).fit(X, given).score(X, y) > 0.95


def test_probabilities_are_those_of_the_network():
    X, y = blobs()
    X[3, 1] = np.nan
    classifier = Classifier((5,), **QUICK | {"epochs": 3}).fit(X, y)
    body = jax.tree.map(lambda array: np.asarray(array, np.float64), classifier.model_.variables.params["body"])
    (first, last) = (body[name] for name in sorted(name for name in body if "kernel" in body[name]))
    missing = np.isnan(X[:, 1:2])
    scaled = np.nan_to_num((X - np.nanmean(X, axis=0)) / np.nanstd(X, axis=0))
    inputs = np.hstack([scaled[:, :2], missing, scaled[:, 2:]])
    hidden = np.maximum(inputs @ first["kernel"] + first["bias"], 0)
    odds = np.exp(hidden @ last["kernel"] + last["bias"])
    probabilities = classifier.predict_proba(X)
    np.testing.assert_allclose(probabilities, odds / odds.sum(axis=1, keepdims=True), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (classifier.predict(X) == classifier.classes_[probabilities.argmax(axis=1)]).all()


@pytest.mark.parametrize("by", ["rows", "classes", "balanced"])
def test_weights_are_shares(by):
    """Where two labels share an input, the fitted probability is the share of the weights (logistic regression)."""
    X = np.array([[0.0], [0.0], [1.0], [1.0]] * 3)
    y = np.array(["no", "yes", "no", "no"] * 3)
    weight = {"rows": np.where(y == "yes", 3.0, 1.0), "classes": None, "balanced": None}[by]
    class_weight = {"rows": None, "classes": {"yes": 3.0}, "balanced": "balanced"}[by]
    classifier = Classifier((), **QUICK | {"epochs": 150, "learning_rate": 0.5, "class_weight": class_weight})
    shares = classifier.fit(X, y, sample_weight=weight).predict_proba([[0.0], [1.0]])[:, 1]
    assert shares[0] == pytest.approx(0.75, abs=0.01)  # 3 rows weigh what 9 do in "balanced": the same share
    assert shares[1] < 0.05


@pytest.mark.parametrize("made", [Classifier, Regressor])
def test_rows_of_weight_zero_are_as_if_they_were_not_there(made):
    """To the bit, wild values, a label of their own and the held-out rows included."""
    X, y = blobs()
    weights = np.random.default_rng(3).integers(0, 4, len(y)).astype(float)
    X[weights == 0], counting = 1e9, weights > 0
    y = np.where(counting, y, 7)
    settings = QUICK | {"validation_split": 0.2, "early_stopping": 3}
    whole = made((8,), **settings).fit(X, y, sample_weight=weights)
    part = made((8,), **settings).fit(X[counting], y[counting], sample_weight=weights[counting])
    assert np.array_equal(whole.predict(X), part.predict(X))
    assert whole.history_[-1]["val_loss"] == part.history_[-1]["val_loss"]


@pytest.mark.parametrize("made", [Classifier, Regressor])
def test_a_weight_of_three_is_three_rows(made):
    """With all rows in a batch; the columns are those whose scale repeating rows does not change."""
    X = np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]] * 2)
    y, times = np.array([0, 1, 1, 0, 1, 1, 0, 1]), np.repeat([3, 1], 4)
    if made is Regressor:
        y = np.array([1.0, 2.0, 3.0, -6.0] * 2)
    weighted = made((8,), **QUICK).fit(X, y, sample_weight=times)
    repeated = made((8,), **QUICK).fit(X.repeat(times, axis=0), y.repeat(times))
    method = "predict_proba" if made is Classifier else "predict"
    np.testing.assert_allclose(getattr(weighted, method)(X), getattr(repeated, method)(X), rtol=1e-4)


def test_class_weights_reach_the_loss_alone():
    """One row in 200 of the rare class: normalised by its weights, a network ranked worse than by rows (AUC 0.54)."""
    generator = np.random.default_rng(0)
    rows = 4000
    y = (np.arange(rows) % 200 == 0).astype(int)
    X = generator.normal(size=(rows, 8)) + 1.2 * y[:, None] * (np.arange(8) < 3)
    learned, judged = np.arange(rows) < 2000, np.arange(rows) >= 2000
    classifier = Classifier(class_weight="balanced", random_state=0, epochs=10).fit(X[learned], y[learned])
    assert roc_auc_score(y[judged], classifier.predict_proba(X[judged])[:, 1]) > 0.8


def test_values_come_back_in_their_own_unit():
    X = np.random.default_rng(0).normal(size=(80, 2))
    y = 1e4 + 300 * X[:, 0] - 200 * X[:, 1]
    regressor = Regressor((), **QUICK | {"epochs": 200}).fit(X, y)
    np.testing.assert_allclose(regressor.predict(X), y, rtol=1e-4)
    assert regressor.score(X, y) > 0.999


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_data_frames_with_text_and_missing_cells(kind):
    data, y = frame_data()
    X = kind(data)
    classifier = Classifier((8,), **QUICK).fit(X, y)
    assert classifier.feature_names_in_.tolist() == ["colour", "size"]
    assert classifier.n_features_in_ == 2
    assert classifier.score(X, y) == 1.0
    assert classifier.predict(kind({"colour": ["purple", "red"], "size": [0.0, None]})).shape == (2,)
    with pytest.raises(ValueError, match="feature names should match"):
        classifier.predict(kind({"color": ["red"], "size": [0.0]}))


def test_columns_may_be_called_target_and_weight():
    X, y = blobs()
    X = pd.DataFrame(X, columns=["target", "weight", "target_"])
    assert Classifier((8,), **QUICK).fit(X, y, sample_weight=np.ones(len(y))).score(X, y) > 0.95


def test_an_array_after_a_data_frame_goes_by_position():
    X, y = blobs()
    regressor = Regressor((8,), **QUICK).fit(pd.DataFrame(X, columns=["a", "b", "c"]), y)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        by_position = regressor.predict(X)
    assert (by_position == regressor.predict(pd.DataFrame(X, columns=["a", "b", "c"]))).all()


def test_rows_are_held_out_only_for_what_goes_by_them():
    X, y = blobs(rows=40)
    every = Classifier((8,), **QUICK).fit(X, y)
    assert every.trained_.prepared.plan.training_rows == 120
    assert every.n_iter_ == len(every.history_) == QUICK["epochs"]
    assert "val_loss" not in every.history_[0]
    stopped = Classifier((8,), **QUICK | {"learning_rate": 1.0, "epochs": 500, "early_stopping": 2}).fit(X, y)
    assert stopped.trained_.prepared.plan.training_rows == 108
    losses = [row["val_loss"] for row in stopped.history_]
    assert stopped.n_iter_ == int(np.argmin(losses)) + 1 + 2 < 500
    plateau = {"schedule": "reduce_on_plateau", "validation_split": 0.25, "epochs": 2}
    followed = Classifier((8,), **QUICK | plateau).fit(X, y)
    assert followed.trained_.prepared.plan.training_rows == 90
    assert "val_loss" in followed.history_[0]


def test_a_seed_decides_all():
    X, y = blobs()
    first, again, other = (Regressor((8,), **QUICK | {"random_state": seed}).fit(X, y).predict(X) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
    state = np.random.RandomState(1)
    assert (Regressor((8,), **QUICK | {"random_state": state}).fit(X, y).predict(X) == first).all()


def test_a_rule_of_ones_own_keeps_its_numbers_but_those_given():
    X, y = blobs()
    rule = optim.SGD(0.5, nesterov=True)
    settings = QUICK | {"optimizer": rule, "schedule": optim.Piecewise(points=((1, 0.125),))}
    numbers = {"learning_rate": np.float64(0.25), "epochs": np.int64(2)}  # as searches give them
    fitted = Classifier([4, 4], **settings).set_params(**numbers).fit(X, y)
    assert fitted.trained_.prepared.job.program.optimizer == optim.SGD(0.25, momentum=0.9, nesterov=True)
    assert [row["learning_rate"] for row in fitted.history_] == [0.25, 0.125]


@pytest.mark.slow
def test_searches_pipelines_and_clones():
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), Classifier((8,), **(QUICK | {"epochs": 60})))
    assert cross_val_score(pipeline, X, y, cv=3).mean() > 0.9
    grid = {"learning_rate": np.array([1e-6, 0.1]), "hidden_layer_sizes": [(), (8,)]}
    search = GridSearchCV(Classifier(**QUICK), grid, cv=2).fit(X, y)
    assert search.best_params_["learning_rate"] == 0.1
    assert not hasattr(clone(search.best_estimator_), "classes_")


def test_pickles_predict_the_same(tmp_path: Path):
    data, y = frame_data()
    X = pd.DataFrame(data)
    classifier = Classifier((8,), **QUICK | {"class_weight": "balanced"}).fit(X, y)
    joblib.dump(classifier, tmp_path / "classifier.joblib")
    for copy in (pickle.loads(pickle.dumps(classifier)), joblib.load(tmp_path / "classifier.joblib")):
        assert (copy.predict_proba(X) == classifier.predict_proba(X)).all()
        assert copy.history_ == classifier.history_
        assert not hasattr(copy, "trained_")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"optimizer": "adam"}, "optimizer 'adam' takes no momentum: leave it out, or take one of 'sgd'"),
        ({"optimizer": optim.Adam()}, "takes no momentum"),
        ({"optimizer": "sdg"}, "unknown optimizer 'sdg': did you mean 'sgd'"),
        ({"schedule": "one_cicle"}, "unknown schedule 'one_cicle': did you mean 'one_cycle'"),
        ({"schedule": "piecewise"}, "points: is missing"),
        ({"learning_rate": -1.0}, "learning_rate: must be a number > 0, but is -1.0"),
        ({"dropout": 1.0}, "dropout"),
        ({"epochs": 0}, "epochs"),
        ({"hidden_layer_sizes": (8, 0)}, "hidden_layer_sizes"),
        ({"early_stopping": True, "validation_split": 0.001}, "early stopping needs validation rows"),
        ({"class_weight": {4: 2.0}}, "class_weight names 4, which y does not have; it has 0, 1, 2"),
    ],
)
def test_arguments_that_do_not_fit(settings, said):
    with pytest.raises(ConfigError, match=said):
        Classifier(**{"hidden_layer_sizes": (8,)} | QUICK | settings).fit(*blobs())


X, Y = blobs()


@pytest.mark.parametrize(
    ("estimator", "rows", "error", "said"),
    [
        (Regressor(), (X, np.stack([Y, Y], axis=1)), ValueError, "y has 2 columns, but Regressor predicts one"),
        (Classifier(), (X, np.stack([Y, Y], axis=1)), ValueError, "y has 2 columns, but Classifier predicts one"),
        (Classifier(), (X, np.linspace(0, 1, 60)), ValueError, "continuous"),
        (Regressor(), (np.full((60, 2), "red"), Y), ValueError, "could not convert string to float"),
        (Regressor(), (X, Y, -np.ones(60)), ValueError, "sample_weight must be at least 0"),
        (Regressor(), (pl.DataFrame({"a": [np.inf, 1.0, 2.0]}), [1, 2, 3]), DataError, "not a finite number"),
    ],
)
def test_rows_that_cannot_be_learned_from(estimator, rows, error, said):
    with pytest.raises(error, match=said):
        estimator.fit(*rows)


@pytest.mark.parametrize("y", [["a"] * 60, ["a"] * 59 + ["b"], [f"label {row % 29}" for row in range(60)]])
def test_few_rows_of_a_class_are_learned_from_as_by_scikit_learn(y):
    classifier = Classifier((8,), **QUICK).fit(X, y)
    assert classifier.classes_.tolist() == sorted(set(y))
    probabilities = classifier.predict_proba(X)
    assert probabilities.shape == (60, len(set(y)))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_a_constant_target_and_constant_columns_are_learned_from_as_by_scikit_learn():
    regressor = Regressor((8,), **QUICK).fit(X, np.full(60, 7.0))
    np.testing.assert_allclose(regressor.predict(X), 7.0, atol=2.0)
    constant = Regressor((8,), **QUICK).fit(np.full((60, 2), 3.0), X[:, 0])
    np.testing.assert_allclose(constant.predict(np.full((2, 2), 3.0)), X[:, 0].mean(), atol=0.5)


@pytest.mark.parametrize("scale", [1e300, 1e-300, 1e308])
def test_targets_near_the_ends_of_the_numbers(scale):
    """Such targets are learned as those of about 1 are."""
    y = np.clip(X @ [0.3, -0.2, 0.1] / 3, -1, 1)
    plain, ends = (Regressor((), **QUICK).fit(X, y * factor) for factor in (1.0, scale))
    np.testing.assert_allclose(ends.predict(X) / scale, plain.predict(X), rtol=1e-5, atol=1e-7)
    for row, other in zip(plain.trained_.history, ends.trained_.history, strict=True):
        assert row["loss"] == pytest.approx(other["loss"], rel=1e-5)


def test_nothing_is_predicted_before_fit():
    with pytest.raises(NotFittedError):
        Classifier().predict(X)


@pytest.mark.parametrize("value", [0.0, 5.0, 1e-9, 1e300, 1e-302])
def test_a_constant_target_is_what_is_predicted(value: float) -> None:
    x = np.random.default_rng(0).normal(size=(60, 3))
    said = Regressor(hidden_layer_sizes=(8,), epochs=2).fit(x, np.full(60, value)).predict(x)
    np.testing.assert_allclose(said, value, rtol=1e-5, atol=1e-5 if value == 0 else 0)
