"""Networks as scikit-learn estimators, for pipelines, cross-validation and searches over their arguments."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar

import narwhals as nw
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from batchwright import api
from batchwright.config import from_plain
from batchwright.config.sections import BATCH_SIZE
from batchwright.data.cells import first_ten
from batchwright.data.dataset import prepare
from batchwright.data.options import DataOptions
from batchwright.data.schema import Task
from batchwright.errors import ConfigError, unknown
from batchwright.nn import MLP
from batchwright.nn.activations import ActivationName
from batchwright.optim import OPTIMIZERS, SCHEDULES, Optimizer, Schedule
from batchwright.runs.predictions import Predictions, predict
from batchwright.training.growth import AdaptiveBatchSize
from batchwright.training.plan import BatchSize
from batchwright.training.stopping import EarlyStopping
from batchwright.workflow import Trained

VALIDATION_SPLIT = 0.1
"""The share of the rows held out where something is measured on them; that of scikit-learn's MLPClassifier."""

PATIENCE = 10
"""Epochs to wait for a lower validation loss, where early stopping is True; scikit-learn's `n_iter_no_change`."""

E = TypeVar("E", bound="_Network")
Columns: TypeAlias = dict[str, Any]
ClassWeight: TypeAlias = Literal["balanced"] | Mapping[Any, float] | None


@dataclasses.dataclass(eq=False, repr=False)
class _Network(BaseEstimator, ABC):  # type: ignore[misc]
    """What both estimators share: their arguments, and the way from rows to a trained network and back."""

    _task: ClassVar[Task]

    hidden_layer_sizes: int | Sequence[int] = (256, 128)
    _: dataclasses.KW_ONLY
    activation: ActivationName = "relu"
    batch_normalization: bool = True
    dropout: float = 0.0
    optimizer: str | Optimizer = "adam"
    learning_rate: float | None = None
    momentum: float | None = None
    schedule: str | Schedule = "one_cycle"
    batch_size: BatchSize | AdaptiveBatchSize = BATCH_SIZE
    epochs: int = api.DEFAULT.epochs
    early_stopping: bool | int = False
    validation_split: float | None = None
    random_state: int | np.random.RandomState | None = None

    def fit(self: E, X: Any, y: Any, sample_weight: Any = None) -> E:  # noqa: N803
        """Train a new network.

        Args:
            X: [rows, columns], an array of numbers or any data frame; missing cells are NaN or null.
            y: [rows], what is to be predicted.
            sample_weight: [rows], at least 0: what each row counts for, in the loss and in validation; rows of weight 0
                are as if they were not there.

        Raises:
            ValueError, TypeError: arrays that scikit-learn's own estimators refuse, or labels that cannot be learned.
            DataError: a data frame that cannot be learned from.
            ConfigError: an argument is out of range, or does not go with the others or with the data.
            DivergedError: a loss was not finite.
        """
        y = _one_column(self, y)
        columns = self._columns(X, fitting=True)
        weights = None if sample_weight is None else _weights(sample_weight)
        check_consistent_length(next(iter(columns.values())), y, weights)
        if weights is not None:
            counting = np.flatnonzero(weights)
            columns = {name: cells[counting] for name, cells in columns.items()}
            y, weights = y[counting], weights[counting]
        self.trained_ = self._train(columns, self._encode(y), weights)
        self.model_ = self.trained_.model
        self.history_ = list(self.trained_.history)
        self.n_iter_ = len(self.history_)
        return self

    @abstractmethod
    def _encode(self, y: np.ndarray) -> np.ndarray:
        """What the network learns, float64 or int64 [rows], from what the user gave."""

    def _class_weights(self) -> Literal["balanced"] | dict[str, float] | None:
        return None

    def _train(self, columns: Columns, targets: np.ndarray, weights: np.ndarray | None) -> Trained:
        chosen = dataclasses.replace(self, **{name: _plain(value) for name, value in self.get_params(False).items()})
        numbers = {"learning_rate": chosen.learning_rate, "momentum": chosen.momentum}
        optimizer: Optimizer = _part("optimizer", chosen.optimizer, OPTIMIZERS, numbers)
        schedule: Schedule = _part("schedule", chosen.schedule, SCHEDULES, {})
        stopping, share = _stopping(chosen.early_stopping), chosen.validation_split
        if share is None:
            share = VALIDATION_SPLIT if stopping or schedule.uses_losses else 0.0
        seed = int(check_random_state(chosen.random_state).randint(2**31 - 1))
        table, target, weight = _table(columns, targets, weights)
        options = DataOptions(target, self._task, validation_split=share, test_split=0.0, weights=weight)
        dataset = prepare(table, options, seed=seed, lenient=True)
        if stopping and dataset.validation is None:
            raise ConfigError(
                f"early stopping needs validation rows, but validation_split {share:g} of {dataset.train.rows:,} rows "
                "is none: raise it, or train to the last epoch (early_stopping=False)."
            )
        return api.fit(
            dataset,
            network=MLP(
                tuple(np.atleast_1d(chosen.hidden_layer_sizes).tolist()),
                chosen.activation,
                batch_normalization=chosen.batch_normalization,
                dropout=chosen.dropout,
            ),
            optimizer=optimizer,
            schedule=schedule,
            epochs=chosen.epochs,
            batch_size=chosen.batch_size,
            early_stopping=stopping,
            class_weights=self._class_weights(),
            seed=seed,
        )

    def _predictions(self, X: Any) -> Predictions:  # noqa: N803
        check_is_fitted(self)
        return predict(self.model_, self._columns(X))

    def _columns(self, X: Any, *, fitting: bool = False) -> Columns:  # noqa: N803
        """The columns of X, by the names that they had in `fit`."""
        frame = nw.from_native(X, eager_only=True, pass_through=True)
        if isinstance(frame, nw.DataFrame):
            validate_data(self, X, reset=fitting, skip_check_array=True)
            cells = list(frame.iter_columns())
        else:
            finite, dtype = "allow-nan", (np.float64, np.float32)
            array = validate_data(
                self, X, reset=fitting, dtype=dtype, ensure_all_finite=finite, ensure_min_samples=1 + fitting
            )
            cells = list(array.T)
        names = getattr(self, "feature_names_in_", map(str, range(len(cells))))
        return dict(zip(names, cells, strict=True))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """All but `trained_`, which holds the rows and buffers of the device that training has used up."""
        return {name: value for name, value in super().__getstate__().items() if name != "trained_"}


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class Classifier(ClassifierMixin, _Network):  # type: ignore[misc]
    """A multi-layer perceptron that tells classes apart, as a scikit-learn estimator.

    Arrays hold numbers; data frames may hold text, booleans and dates as well, which are encoded as in `load`. Numbers
    are standardised and missing cells filled in, so that no scaler or imputer is needed before it.

    Args:
        hidden_layer_sizes: units of each hidden layer, above 0; one number is one layer, () none.
        activation: between layers, one of `nn.activations.ACTIVATIONS`.
        batch_normalization: whether hidden layers are normalised over the batch.
        dropout: in [0, 1), the share of activations left out in training.
        optimizer: the name of an update rule, or one of `optim.OPTIMIZERS` with numbers of its own.
        learning_rate: above 0; None is the rule's own.
        momentum: in [0, 1), of the rules that have one (`sgd`, `rmsprop`, `muon`); None is the rule's own.
        schedule: the name of a learning-rate schedule, or one of `optim.SCHEDULES` with numbers of its own.
        batch_size: rows per update; "full" is all of them, an `AdaptiveBatchSize` a number that grows.
        epochs: passes over the training rows, at least 1.
        early_stopping: whether to stop when the validation loss has not fallen for 10 epochs, or for how many; the best
            epoch's parameters are kept then.
        validation_split: share of the rows in [0, 1) that are held out, and measured after every epoch. None is a tenth
            where early stopping or the schedule goes by them, and else 0: all rows are learned from.
        class_weight: "balanced", or a weight above 0 by label, 1 for those not named.
        random_state: of the first parameters, the order of the rows, dropout and the rows held out.

    Attributes:
        classes_: the labels in order, in the dtype in which they were given.
        n_features_in_, feature_names_in_: the columns of X; names where it is a data frame whose names are text.
        history_: a dictionary for each epoch: epoch, iteration, seconds, learning_rate, loss, and val_... metrics.
        n_iter_: epochs trained.
        model_: the network, its parameters, and how rows are encoded.
        trained_: all that `fit` of this package says of the run; it is not kept in pickles and copies.

    scikit-learn's `MLPClassifier` has `max_iter` for `epochs`, `solver` for `optimizer` and `learning_rate_init` for
    `learning_rate`; it neither normalises batches nor standardises columns.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = Classifier((64,), learning_rate=0.01, batch_size=16, epochs=40, random_state=0).fit(X, y)
    >>> bool(classifier.score(X, y) > 0.9)
    True
    """

    _task: ClassVar[Task] = "classification"

    class_weight: ClassWeight = None

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The most probable label of each row [rows]."""
        probabilities = self.predict_proba(X)
        labels: np.ndarray = self.classes_[probabilities.argmax(axis=1)]
        return labels

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """The probability of each class, float64 [rows, classes] in the order of `classes_`; each row sums to 1."""
        probabilities = self._predictions(X).probabilities
        assert probabilities is not None
        return probabilities

    def _encode(self, y: np.ndarray) -> np.ndarray:
        """Places in `classes_`: the names of the classes in the data layer are these numbers."""
        check_classification_targets(y)
        encoder = LabelEncoder().fit(y)
        codes: np.ndarray = encoder.transform(y)
        self.classes_ = encoder.classes_
        return codes

    def _class_weights(self) -> Literal["balanced"] | dict[str, float] | None:
        if not isinstance(self.class_weight, Mapping):
            return self.class_weight
        places = {label: str(place) for place, label in enumerate(self.classes_.tolist())}
        given = {_plain(label): float(weight) for label, weight in self.class_weight.items()}
        if strangers := given.keys() - places.keys():
            known, named = (first_ten(map(repr, labels)) for labels in (places, strangers))
            raise ConfigError(f"class_weight names {named}, which y does not have; it has {known}.")
        return {places[label]: weight for label, weight in given.items()}


class Regressor(RegressorMixin, _Network):  # type: ignore[misc]
    """A multi-layer perceptron that predicts a number, as a scikit-learn estimator; it minimises the squared error.

    The target is standardised in training, and predicted in its own unit. Arguments and attributes are those of
    `Classifier` but for `class_weight` and `classes_`. For several numbers a row, fit one estimator for each, as
    `sklearn.multioutput.MultiOutputRegressor` does.

    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = Regressor((16,), learning_rate=0.01, batch_size=32, random_state=0).fit(X, y)
    >>> bool(regressor.score(X, y) > 0.4)
    True
    """

    _task: ClassVar[Task] = "regression"

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The value of each row, float64 [rows]."""
        return self._predictions(X).answers

    def _encode(self, y: np.ndarray) -> np.ndarray:
        return y.astype(np.float64)


def _one_column(estimator: _Network, y: Any) -> np.ndarray:
    """The array [rows] that y is, as scikit-learn checks it."""
    shape = np.asarray(y).shape
    if len(shape) == 2 and shape[1] > 1:
        raise ValueError(
            f"y has {shape[1]} columns, but {type(estimator).__name__} predicts one: fit one estimator for each, as "
            "sklearn.multioutput does."
        )
    checked: np.ndarray = validate_data(estimator, y=y)
    return checked


def _weights(sample_weight: Any) -> np.ndarray:
    weights: np.ndarray = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if weights.ndim != 1:
        raise ValueError(f"sample_weight holds one weight per row, but has the shape {weights.shape}.")
    if weights.min() < 0 or weights.max() == 0:
        raise ValueError(f"sample_weight must be at least 0, and not all zero; its smallest is {weights.min():g}.")
    return weights


def _part(what: str, chosen: Any, classes: tuple[type[Any], ...], numbers: Mapping[str, float | None]) -> Any:
    """The update rule or schedule that a name or an instance stands for, with these numbers in place of its own."""
    given = {name: number for name, number in numbers.items() if number is not None}
    by_name = {cls.name: cls for cls in classes}
    cls = by_name.get(chosen) if isinstance(chosen, str) else type(chosen)
    if cls is None or not dataclasses.is_dataclass(cls):
        raise ConfigError(unknown(what, str(chosen), by_name))
    for name in given.keys() - _fields(cls):
        takers = ", ".join(repr(other) for other, rule in by_name.items() if name in _fields(rule))
        raise ConfigError(f"{what} {chosen!r} takes no {name}: leave it out, or take one of {takers}.")
    return (
        from_plain({"name": chosen} | given, classes)
        if isinstance(chosen, str)
        else dataclasses.replace(chosen, **given)
    )


def _fields(cls: Any) -> set[str]:
    return {field.name for field in dataclasses.fields(cls)}


def _stopping(setting: bool | int) -> EarlyStopping | None:
    if setting is False:
        return None
    return EarlyStopping(patience=PATIENCE if setting is True else setting)


def _plain(value: Any) -> Any:
    """A number of NumPy, such as those that searches give, as one of Python."""
    return value.item() if isinstance(value, np.generic) else value


def _table(columns: Columns, targets: np.ndarray, weights: np.ndarray | None) -> tuple[Columns, str, str | None]:
    """All columns of a table, and the names in it of the targets and of the weights."""
    target, weight = (
        next(name for n in count() if (name := base + "_" * n) not in columns) for base in ("target", "weight")
    )
    table = columns | {target: targets}
    return (table, target, None) if weights is None else (table | {weight: weights}, target, weight)
