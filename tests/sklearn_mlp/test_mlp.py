"""scikit-learn's own tests of its MLP, run on our estimators; those of what differs by design are skipped by name."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from unittest import mock

import pytest
import sklearn.neural_network
from tests.programs import programs  # noqa: F401  (a fixture)
from tests.sklearn_mlp import adapter

PRIVATE = "reads or sets private attributes of scikit-learn's own code"
SOLVER = "of the solver lbfgs, which is no mini-batch descent"
FLOAT32 = "parameters are float32, and values are predicted in float64"
DIFFERENT = {
    "test_fit": PRIVATE + "; an epoch is worked out in tests/training/test_training.py",
    "test_gradient": PRIVATE + "; gradients are compared with finite differences in tests/tasks",
    "test_lbfgs_classification": SOLVER,
    "test_lbfgs_regression": SOLVER,
    "test_lbfgs_classification_maxfun": SOLVER,
    "test_lbfgs_regression_maxfun": SOLVER,
    "test_mlp_vs_poisson_glm_equivalent": SOLVER + "; the loss is compared in tests/tasks/test_losses.py",
    "test_learning_rate_warmstart": PRIVATE,
    "test_adaptive_learning_rate": PRIVATE + "; the schedule reduce_on_plateau is what it is for",
    "test_n_iter_no_change": PRIVATE + "; done in tests/test_estimators.py",
    "test_n_iter_no_change_inf": PRIVATE + "; done in tests/test_estimators.py",
    "test_early_stopping_stratified": "a class of a single row stays in training, and nothing is refused",
    "test_mlp_diverging_loss": "a loss that is not finite raises DivergedError, which says where",
    "test_mlp_param_dtypes[MLPClassifier-float64]": FLOAT32,
    "test_mlp_param_dtypes[MLPRegressor-float32]": FLOAT32,
    "test_mlp_param_dtypes[MLPRegressor-float64]": FLOAT32,
}
"""Tests that are not run, and why."""
BRIEF = {
    "test_alpha": 60,
    "test_warm_start": 3,
    "test_sparse_matrices": 20,
    "test_predict_proba_multiclass": 20,
    "test_mlp_classifier_dtypes_casting": 20,
    "test_mlp_regressor_dtypes_casting": 20,
    "test_mlp_param_dtypes": 3,
}
"""The most epochs in tests of errors, or of two trainings side by side, which may be of any length."""


def _theirs() -> ModuleType:
    """The installed tests, whose estimators are ours."""
    path = Path(sklearn.neural_network.__file__).parent / "tests" / "test_mlp.py"
    spec = importlib.util.spec_from_file_location("scikit_learn_test_mlp", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    names = {"MLPClassifier": adapter.MLPClassifier, "MLPRegressor": adapter.MLPRegressor}
    with mock.patch.multiple(sklearn.neural_network, **names):
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    return module


THEIRS = _theirs()
LONG = (
    "test_partial_fit_classification",
    "test_partial_fit_regression",
    "test_multilabel_classification",
    "test_mlp_loading_from_joblib_partial_fit",
)
"""Hundreds of calls, each of which is typed at run time here: they are tried by `make soak`."""
TESTS = {
    name: pytest.mark.soak(test) if name in LONG else test
    for name, test in vars(THEIRS).items()
    if name.startswith("test_")
}
globals().update(TESTS)
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


@pytest.fixture(autouse=True)
def as_designed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    name = request.node.name
    monkeypatch.setattr(adapter._MLP, "most_epochs", BRIEF.get(request.node.originalname))
    if reason := DIFFERENT.get(name, DIFFERENT.get(request.node.originalname)):
        pytest.skip(reason)


@pytest.fixture
def global_random_seed() -> int:
    return 42


def test_every_difference_is_of_a_test() -> None:
    assert {name.partition("[")[0] for name in (*DIFFERENT, *BRIEF)} <= TESTS.keys()
    assert THEIRS.MLPClassifier is adapter.MLPClassifier
