"""Our estimators under the arguments and attributes of scikit-learn's MLP, so that its tests can be run on them.

Only spelling is translated here; what a test asks for is done by the estimators.
"""

import io
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if

from batchwright import Classifier, EarlyStopping, Regressor, optim
from batchwright.errors import ConfigError, DivergedError

ACTIVATIONS = {"logistic": "sigmoid"}
LOSSES = {"squared_error": "mean_squared_error"}
SAID = {
    "early stopping needs validation rows": "The validation set is too small. Increase 'validation_fraction'",
    "the loss was not finite": "Solver produced non-finite parameter weights. The input data may contain large values "
    "and need to be preprocessed.",
}
"""The beginning of what is said here, and what scikit-learn says instead."""


class _MLP(BaseEstimator):
    """What both share. `lbfgs` is no mini-batch descent: Adam on all rows at once stands in for it."""

    _made: type
    most_epochs: ClassVar[int | None] = None

    def __init__(
        self,
        loss: Any = None,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        self._several = np.ndim(y) == 2 and np.shape(y)[1] > 1
        with _as_scikit_learn_says():
            self._estimator(X).fit(X, y, sample_weight)
        return self

    @available_if(lambda self: self.solver != "lbfgs")
    def partial_fit(self, X: Any, y: Any, *classes: Any, **more: Any) -> Any:
        with _as_scikit_learn_says():
            self._estimator(X).partial_fit(X, y, *classes, **more)
        return self

    def predict(self, X: Any) -> np.ndarray:
        return self.made_.predict(X)

    def __getattr__(self, name: str) -> Any:
        """Fitted attributes are those of the estimator."""
        if name == "made_" or not name.endswith("_") or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.made_, name)

    @property
    def coefs_(self) -> list[np.ndarray]:
        return self._arrays("kernel")

    @property
    def intercepts_(self) -> list[np.ndarray]:
        return self._arrays("bias")

    def _arrays(self, kind: str) -> list[np.ndarray]:
        body = self.made_.model_.variables.params["body"]
        layers = sorted((name for name in body if "kernel" in body[name]), key=lambda name: int(name.split("_")[-1]))
        return [np.asarray(body[name][kind]) for name in layers]

    def _estimator(self, X: Any) -> Any:
        """The estimator, which keeps what it has learned, with the arguments as they are now."""
        rows = X.shape[0] if hasattr(X, "shape") else len(X)
        if not hasattr(self, "made_"):
            self.made_ = self._made()
        return self.made_.set_params(**self._arguments(rows))

    def _arguments(self, rows: int) -> dict[str, Any]:
        sizes = self.hidden_layer_sizes
        stopping = {"early_stopping": False, "tol": self.tol, "n_iter_no_change": self.n_iter_no_change + 1}
        if self.early_stopping:
            stopping = {"early_stopping": self._stopping(), "tol": None}
        batch = "full" if self.solver == "lbfgs" else min(200, rows) if self.batch_size == "auto" else self.batch_size
        return stopping | {
            "hidden_layer_sizes": sizes,
            "activation": ACTIVATIONS.get(self.activation, self.activation),
            "loss": LOSSES.get(self.loss, self.loss or "auto"),
            "optimizer": self._optimizer(rows if batch == "full" else batch),
            "schedule": "constant",
            "batch_size": batch,
            "epochs": min(self.max_iter, self.most_epochs or self.max_iter),
            "validation_split": self.validation_fraction if self.early_stopping else None,
            "batch_normalization": False,
            "standardize": False,
            "shuffle": self.shuffle,
            "warm_start": self.warm_start,
            "verbose": bool(self.verbose),
            "random_state": self.random_state,
        }

    def _stopping(self) -> EarlyStopping:
        """By the score on rows held out; of numbers by their squared error, 1 - R² in units of the variance."""
        patience = self.max_iter + 1 if math.isinf(self.n_iter_no_change) else int(self.n_iter_no_change) + 1
        monitor = "val_exact_match" if self._several and self._monitor == "val_accuracy" else self._monitor
        return EarlyStopping(monitor, patience, self.tol)

    def _optimizer(self, batch: int) -> optim.Optimizer:
        """The rule for gradients `_slope` times those of scikit-learn, whose penalty is alpha/(2n)·|w|² of kernels."""
        penalty = {"l2": self._slope * self.alpha / batch, "exclude": ("bias",)} if self.alpha else {}
        if self.solver == "sgd":
            nesterov = self.nesterovs_momentum and self.momentum > 0
            rate = self.learning_rate_init / self._slope
            return optim.SGD(rate, momentum=float(self.momentum), nesterov=nesterov, **penalty)
        rate = 0.01 if self.solver == "lbfgs" else self.learning_rate_init
        return optim.Adam(rate, **penalty)


class MLPClassifier(ClassifierMixin, _MLP):
    _made = Classifier
    _slope = 1.0
    _monitor = "val_accuracy"

    def predict_proba(self, X: Any) -> np.ndarray:
        return self.made_.predict_proba(X)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        return self.made_.predict_log_proba(X)


class MLPRegressor(RegressorMixin, _MLP):
    """scikit-learn minimises half the squared error."""

    _made = Regressor
    _slope = 2.0
    _monitor = "val_loss"


@contextmanager
def _as_scikit_learn_says() -> Iterator[None]:
    """Errors and printed lines in scikit-learn's words."""
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            yield
    except (ConfigError, DivergedError) as error:
        said = next((words for begin, words in SAID.items() if str(error).startswith(begin)), None)
        if said is None:
            raise
        raise ValueError(said) from error
    finally:
        if printed.getvalue():
            sys.stdout.write(printed.getvalue().replace("epoch", "Iteration"))
