"""The estimators as scikit-learn expects them, and against shares and forward passes worked out in NumPy."""

import pickle
from functools import partial
from pathlib import Path

import jax
import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import coo_array, csc_matrix, csr_array
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils._testing import assert_allclose_dense_sparse as close
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks
from tests.naming import stable
from tests.programs import programs  # noqa: F401  (a fixture)

from batchwright import AdaptiveBatchSize, EarlyStopping, optim
from batchwright.errors import ConfigError, DataError, DivergedError
from batchwright.estimators import Classifier, Regressor
from batchwright.training import segment

PLAIN = {"batch_normalization": False, "optimizer": "sgd", "schedule": "constant", "batch_size": "full"}
QUICK = PLAIN | {"learning_rate": 0.1, "momentum": 0.9, "epochs": 15, "random_state": 0}

NOT_HERE = {"check_do_not_raise_errors_in_init_or_set_params": "types are checked here; done below, where they are not"}
BRIEF = QUICK | {"epochs": 2}
SETTINGS = {
    "check_sample_weight_equivalence": {"standardize": False},  # columns are standardised by rows, of any weight
    "_train": {"epochs": 15},  # these ask for good predictions
    "_classes": {"epochs": 15},
    "_class_weight": {"epochs": 15, "hidden_layer_sizes": (8,)},
}
"""What an estimator needs to pass some checks, as scikit-learn has such settings for its own."""

OF_VALUES = [
    check
    for _, check in estimator_checks_generator(Regressor())
    if any(word in str(check) for word in ("regressor", "_y_", "_score_"))
]


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


def needed_by(check: object) -> dict[str, object]:
    return next((settings for name, settings in SETTINGS.items() if name in str(check)), {})


@pytest.mark.slow
@parametrize_with_checks([Classifier((), **BRIEF)], expected_failed_checks=lambda _: NOT_HERE)
def test_scikit_learn_accepts_the_classifier(estimator, check, monkeypatch):
    needed = needed_by(check)
    if "standardize" in needed:  # to four digits, as scikit-learn compares float32, in which all is trained
        monkeypatch.setattr(estimator_checks, "assert_allclose_dense_sparse", partial(close, rtol=1e-4))
    check(estimator.set_params(**needed))


@pytest.mark.slow
@pytest.mark.parametrize("check", OF_VALUES, ids=stable)
def test_scikit_learn_accepts_the_regressor(check):
    """Only what asks for values: the other checks are of code that the classifier shares."""
    check(Regressor((), **BRIEF).set_params(**needed_by(check)))


def test_arguments_of_any_type_are_kept_until_fit(tmp_path, children):
    """In a process of its own, where types are not checked at run time."""
    (tmp_path / "kept.py").write_text(
        "from sklearn.utils.estimator_checks import check_do_not_raise_errors_in_init_or_set_params as check\n"
        "from batchwright import Classifier, Regressor\n"
        "for made in (Classifier(), Regressor()): check(type(made).__name__, made)\n"
    )
    process = children.fork(tmp_path / "kept.py", cwd=tmp_path)
    assert process.ended() == 0, process.err


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


@pytest.mark.parametrize("made", [Classifier, Regressor])
def test_calls_of_partial_fit_are_the_epochs_of_fit(made):
    """To the bit within the limits, a pickle on the way included; the second call compiles nothing."""
    settings = {**QUICK, "epochs": 3, "batch_size": 16}
    whole = made((8,), **settings).fit(X, Y)
    classes = {"classes": [0, 1, 2]} if made is Classifier else {}
    parts = made((8,), **settings).partial_fit(X, Y, **classes).partial_fit(X, Y)
    with jax.log_compiles(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(segment, "compile_segment", lambda *_, **__: pytest.fail("compiled anew"))
        again = pickle.loads(pickle.dumps(parts))
        parts.partial_fit(X, Y)
    again.partial_fit(X, Y)
    for one in (parts, again):
        said, expected = one.predict(X), whole.predict(X)
        if made is Regressor:  # no row of Y is below 0, and a limit of 0 is not exactly 0
            said, expected = said.clip(1e-15, 2.5), expected.clip(1e-15)
        assert (said == expected).all()
        assert one.loss_curve_ == whole.loss_curve_ == [row["loss"] for row in one.history_]
        assert (one.n_iter_, one.t_) == (whole.n_iter_, whole.t_) == (3, 180)


def test_partial_fit_of_rows_that_grow_and_of_labels_that_come_late():
    """Columns that do not vary in the first rows are inputs too, and one value says nothing of a scale."""
    generator = np.random.default_rng(0)
    first, later = np.array([[3.0, 1.0]]), np.column_stack([np.full(40, 3.0), generator.normal(size=40)])
    classifier = Classifier((8,), **QUICK).partial_fit(first, ["b"], classes=["a", "b", "c"])
    labels = np.where(later[:, 1] > 0, "a", "c")
    for _ in range(40):
        classifier.partial_fit(later, labels)
    assert classifier.classes_.tolist() == ["a", "b", "c"] and classifier.score(later, labels) > 0.95
    regressor = Regressor((), **QUICK).partial_fit(first, [5.0])
    for _ in range(60):
        regressor.partial_fit(later, 5 - 2 * later[:, 1])
    assert regressor.score(later, 5 - 2 * later[:, 1]) > 0.9


def test_partial_fit_after_fit_goes_on_from_its_parameters():
    fitted = Classifier((8,), **QUICK).fit(X, Y)
    epochs, last = fitted.n_iter_, fitted.loss_
    fitted.partial_fit(X, Y)
    assert len(fitted.loss_curve_) == epochs + 1 and fitted.loss_ < last and fitted.n_iter_ == 1
    fitted.fit(X, Y)
    assert len(fitted.loss_curve_) == epochs


@pytest.mark.parametrize(
    ("settings", "calls", "said"),
    [
        ({}, [([0, 1, 2], None)], "classes must be passed on the first call"),
        ({}, [([0, 1, 2], [0, 1])], "labels that are not among the classes: 2. Known: 0, 1"),
        ({}, [([0, 1, 2], [0, 1, 2]), ([0, 1, 3], None)], "labels that are not among the classes: 3"),
        ({}, [([0, 1, 2], [0, 1, 2]), ([0, 1, 2], [0, 1, 2, 3])], "differ from the classes of the first call"),
        ({"early_stopping": 3}, [([0, 1, 2], [0, 1, 2])], "partial_fit does not support early_stopping"),
        ({"class_weight": "balanced"}, [([0, 1, 2], [0, 1, 2])], "'balanced' needs rows of all classes"),
        ({"batch_size": AdaptiveBatchSize()}, [([0, 1, 2], [0, 1, 2])], "a batch size that stays the same"),
    ],
)
def test_what_partial_fit_refuses(settings, calls, said):
    classifier = Classifier((4,), **QUICK | settings)
    for labels, classes in calls[:-1]:
        classifier.partial_fit(X[::20], labels, classes=classes)
    with pytest.raises(ValueError, match=said):
        classifier.partial_fit(X[::20], calls[-1][0], classes=calls[-1][1])


def test_partial_fit_that_diverges_goes_on_from_what_it_had():
    regressor = Regressor((), **QUICK | {"standardize": False}).partial_fit(X, X[:, 0])
    before = regressor.predict(X)
    with pytest.raises(DivergedError, match="not finite at iteration 2"):
        regressor.partial_fit(X * 1e30, X[:, 0])
    assert (regressor.predict(X) == before).all()
    assert np.isfinite(regressor.partial_fit(X, X[:, 0]).predict(X)).all()


def test_warm_start_goes_on_where_the_last_fit_has_ended():
    """As one training where the optimizer keeps nothing; rows of another scale are encoded as the first were."""
    settings = QUICK | {"momentum": 0.0, "epochs": 4}
    whole = Regressor((8,), **settings | {"epochs": 8}).fit(X, Y)
    warm = Regressor((8,), warm_start=True, **settings).fit(X, Y).fit(X, Y)
    np.testing.assert_allclose(warm.predict(X), whole.predict(X), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(warm.loss_curve_, whole.loss_curve_, rtol=1e-4)
    encoding = warm.model_.encoding
    assert warm.n_iter_ == 4 and warm.fit(X + 1, 2 * Y).model_.encoding.identity() == encoding.identity()
    assert (warm.model_.encoding.target.lowest, warm.model_.encoding.target.highest) == (0.0, 4.0)
    with pytest.raises(
        ConfigError, match=r"hidden_layer_sizes is .* the fitted network, whose parameters training goes on from, has"
    ):
        warm.set_params(hidden_layer_sizes=(5,)).fit(X, Y)
    with pytest.raises(ValueError, match="X has 2 features"):
        warm.fit(X[:, :2], Y)


def test_rows_for_validation_are_measured_and_decide():
    """Not learned from, and weighed as `evaluate` weighs them."""
    weights = np.r_[np.ones(5), np.zeros(5)]
    held_out = {"X_val": X[10:20], "y_val": Y[10:20], "sample_weight_val": weights}
    settings = QUICK | {"epochs": 40, "early_stopping": 2, "learning_rate": 2.0}
    stopped = Classifier((8,), **settings).fit(X[20:], Y[20:] % 2, **held_out | {"y_val": 1 - Y[10:20]})
    assert stopped.trained_.prepared.plan.training_rows == 40
    assert stopped.trained_.prepared.dataset.validation.rows == 5
    right = [row["val_accuracy"] for row in stopped.history_]
    assert stopped.validation_scores_ == right and stopped.best_validation_score_ == max(right)
    assert stopped.best_loss_ is None and stopped.n_iter_ < 40
    plain = Classifier((8,), **QUICK).fit(X, Y)
    measured = Classifier((8,), **QUICK).fit(X, Y, X_val=X[:3], y_val=Y[:3])
    assert (measured.predict_proba(X) == plain.predict_proba(X)).all() and plain.validation_scores_ is None
    assert measured.best_loss_ == min(measured.loss_curve_) == min(plain.loss_curve_)


@pytest.mark.parametrize(
    ("settings", "given", "said"),
    [
        ({}, {"X_val": X}, "X_val and y_val go together"),
        ({}, {"sample_weight_val": Y}, "X_val and y_val go together"),
        ({"validation_split": 0.1}, {"X_val": X, "y_val": Y}, "validation_split is 0.1, and X_val is given"),
        ({}, {"X_val": X, "y_val": Y + 1}, "labels that are not among the classes: 3"),
        ({}, {"X_val": X[:, :2], "y_val": Y}, "X has 2 features"),
        ({"tol": -1.0}, {}, "tol must be a number of at least 0"),
        ({"tol": 0.1, "n_iter_no_change": 0}, {}, "a whole number of at least 1"),
        ({"tol": 0.1, "early_stopping": EarlyStopping()}, {}, "has a min_delta of its own"),
        ({"loss": "huber"}, {}, "unknown loss 'huber'"),
        ({"l2": -1.0}, {}, "l2: must be a number >= 0"),
    ],
)
def test_what_fit_refuses(settings, given, said):
    with pytest.raises(ValueError, match=said):
        Classifier((4,), **QUICK | settings).fit(X, Y, **given)


@pytest.mark.parametrize("patience", [1, 3])
def test_tolerance_ends_the_training_or_warns(patience):
    """The history is that of all epochs, cut where the loss has not fallen by tol for so many epochs."""
    settings = QUICK | {"epochs": 60, "tol": 0.05, "n_iter_no_change": patience}
    losses = Classifier((8,), **settings | {"tol": None}).fit(X, Y).loss_curve_
    bar, since, epochs = np.inf, 0, 0
    while since < patience:
        better = losses[epochs] < bar - 0.05
        bar, since, epochs = (losses[epochs], 0, epochs + 1) if better else (bar, since + 1, epochs + 1)
    assert Classifier((8,), **settings).fit(X, Y).loss_curve_ == losses[:epochs]
    for unfinished in ({"epochs": epochs - 1}, {"n_iter_no_change": np.inf}):
        with pytest.warns(ConvergenceWarning, match=r"not converged to within tol=0\.05"):
            Classifier((8,), **settings | unfinished).fit(X, Y)


def test_losses_by_name_and_as_functions():
    """One output is the log-odds of the second label; a function is the loss that has its name."""
    one = Classifier((), **QUICK | {"loss": "binary_cross_entropy", "standardize": False}).fit(X, Y % 2)
    dense = one.model_.variables.params["body"]["dense_0"]
    odds = np.exp(X @ dense["kernel"][:, 0].astype(np.float64) + dense["bias"])
    np.testing.assert_allclose(one.predict_proba(X)[:, 1], odds / (1 + odds), rtol=1e-4, atol=1e-7)
    assert (one.n_outputs_, one.out_activation_, one.n_layers_) == (1, "logistic", 2)
    assert Classifier((4,), **QUICK | {"epochs": 1}).fit(X, Y % 2).n_outputs_ == 2
    named = Regressor((), **QUICK | {"loss": "mean_squared_error"}).fit(X, Y)
    own = Regressor((), **QUICK | {"loss": lambda outputs, targets: (outputs[:, 0] - targets) ** 2}).fit(X, Y)
    np.testing.assert_allclose(own.predict(X), named.predict(X), rtol=1e-5, atol=1e-6)
    counts = Regressor((), **QUICK | {"loss": "poisson", "learning_rate": 0.01}).fit(X, Y)
    assert counts.out_activation_ == "exp" and (counts.predict(X) > 0).all()


def test_sparse_rows_are_their_dense_ones():
    for container in (csr_array, csc_matrix, coo_array):
        sparse = container(np.where(X > 1, X, 0.0))
        one, other = (Classifier((8,), **QUICK).fit(rows, Y) for rows in (sparse, sparse.toarray()))
        assert (one.predict_proba(sparse) == other.predict_proba(sparse.toarray())).all()
    with pytest.raises(DataError, match=r"take 8e\+05 GB with their zeros"):
        Classifier((8,), **QUICK).fit(csr_array((60, 1_666_666_666_666), dtype=np.float64), Y)


def test_numbers_are_taken_as_they_are_where_asked():
    """A linear model by gradient descent in NumPy, of columns and target in their own units."""
    target, steps = X @ [1.0, -2.0, 0.5] + 3, 10
    found = Regressor((), **QUICK | {"standardize": False, "learning_rate": 0.01, "epochs": steps}).fit(X, target)
    start = Regressor((), **QUICK | {"standardize": False, "learning_rate": 1e-30, "epochs": 1}).fit(X, target)
    design = np.column_stack([X, np.ones(len(X))])
    dense = start.model_.variables.params["body"]["dense_0"]
    weights, velocity = np.append(dense["kernel"].ravel(), dense["bias"]).astype(np.float64), np.zeros(4)
    for _ in range(steps):
        velocity = 0.9 * velocity + 2 * design.T @ (design @ weights - target) / len(X)
        weights = weights - 0.01 * velocity
    np.testing.assert_allclose(found.predict(X), design @ weights, rtol=1e-4)


def test_rows_stay_in_order_where_they_are_not_shuffled():
    """Sorted by target, the last batch pulls most: in the order of the rows, their mean is overestimated."""
    ordered, x = np.repeat([-1.0, 1.0], 32), np.ones((64, 1))
    settings = QUICK | {"batch_size": 8, "epochs": 3, "momentum": 0.0, "standardize": False}
    kept = Regressor((), **settings | {"shuffle": False}).fit(x, ordered)
    assert kept.predict(x[:1])[0] > 0.7 > abs(Regressor((), **settings).fit(x, ordered).predict(x[:1])[0])


def test_weights_reach_fit_and_score_by_metadata_routing():
    weights = np.where(Y == 0, 1.0, 0.0)
    with config_context(enable_metadata_routing=True):
        requested = Classifier((4,), **QUICK).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        assert "X_val" in requested.get_metadata_routing().fit.requests
        found = cross_validate(requested, X, Y, params={"sample_weight": weights}, cv=2, return_estimator=True)
    assert [fitted.classes_.tolist() for fitted in found["estimator"]] == [[0], [0]]
    assert (found["test_score"] == 1.0).all()


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_frames_come_out_of_a_pipeline_with_their_names(kind):
    pipeline = make_pipeline(StandardScaler(), Classifier((4,), **QUICK)).set_output(transform=kind)
    fitted = pipeline.fit(pd.DataFrame(X, columns=["a", "b", "c"]), Y)[-1]
    assert fitted.feature_names_in_.tolist() == ["a", "b", "c"]


def test_a_pipeline_is_cloned_set_and_kept_as_a_whole(tmp_path: Path):
    """With columns of both kinds, and names of parameters that lead into it."""
    data, y = frame_data()
    frame = pd.DataFrame(data)
    numbers = frame.select_dtypes("number").columns.tolist()
    columns = ColumnTransformer([("scaled", StandardScaler(), numbers)], remainder="passthrough")
    pipeline = Pipeline([("columns", columns.set_output(transform="pandas")), ("network", Classifier((4,), **BRIEF))])
    wanted = pipeline.fit(frame, y).predict_proba(frame)
    again = clone(pipeline).fit(frame, y)
    assert (again.predict_proba(frame) == wanted).all(), "a clone learns the same"
    joblib.dump(pipeline, tmp_path / "pipeline.joblib")
    for copy in (pickle.loads(pickle.dumps(pipeline)), joblib.load(tmp_path / "pipeline.joblib")):
        assert (copy.predict_proba(frame) == wanted).all()
        assert copy[-1].feature_names_in_.tolist() == pipeline[-1].feature_names_in_.tolist()
    other = clone(pipeline).set_params(network__hidden_layer_sizes=(), network__learning_rate=0.5)
    assert (other["network"].hidden_layer_sizes, other["network"].learning_rate) == ((), 0.5)
    assert not np.array_equal(other.fit(frame, y).predict_proba(frame), wanted)


def test_verbose_prints_a_line_for_each_epoch(capsys):
    Classifier((4,), verbose=True, **QUICK | {"epochs": 2}).fit(X, Y, X_val=X, y_val=Y).partial_fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": loss ")[0] for line in lines] == ["epoch 1 of 2", "epoch 2 of 2", "epoch 1"]
    assert "val_loss" in lines[0] and "val_accuracy" in lines[0]


def test_callbacks_follow_a_training_and_end_it():
    """Those of scikit-learn, where it has them: what they are given is ready to predict."""
    callback = pytest.importorskip("sklearn.callback")
    said = []

    class Spy:
        def setup(self, estimator, context):
            said.append("setup")

        def teardown(self, estimator, context):
            said.append("teardown")

        def on_fit_task_begin(self, estimator, context):
            said.append(f"{context.task_name} {context.task_id} begins")

        def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
            said.append((context.task_name, fitted_estimator.score(X, y), len(metadata)))
            return context.task_name == "epoch" and context.task_id == 2

    monitor = callback.ScoringMonitor(scoring="accuracy")
    followed = Classifier((4,), **QUICK).set_callbacks(Spy(), monitor).fit(X, Y)
    assert said[:3] == ["setup", "fit 0 begins", "epoch 0 begins"] and said[-1] == "teardown"
    ends = [one for one in said if isinstance(one, tuple)]
    assert [name for name, *_ in ends] == ["epoch"] * 3 + ["fit"] and followed.n_iter_ == 3
    assert ends[2][1] == ends[3][1] == followed.score(X, Y)
    assert ends[0][1] == Classifier((4,), **QUICK | {"epochs": 1}).fit(X, Y).score(X, Y)
    logged = {row["task_id_path"]: row["accuracy"] for row in monitor.get_logs().data}
    assert logged == {(0,): ends[3][1], **{(0, epoch): ends[epoch][1] for epoch in range(3)}}
    said.clear()
    followed.partial_fit(X, Y)
    assert [one[0] for one in said if isinstance(one, tuple)] == ["epoch", "partial_fit"]
    followed.set_callbacks().fit(X, Y)
    assert followed.n_iter_ == QUICK["epochs"]
