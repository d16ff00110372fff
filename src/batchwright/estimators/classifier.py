"""The estimator that tells classes apart."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.multiclass import check_classification_targets

from batchwright.data.encode.several import Target
from batchwright.data.typed.cells import first_ten
from batchwright.errors import ConfigError
from batchwright.estimators.arguments import plain_number
from batchwright.estimators.labels import (
    Coding,
    Indicator,
    Labels,
    OneLabel,
    SeveralLabels,
    are_same_classes,
    coding_of,
    distinct_labels,
)
from batchwright.estimators.network import Kind, Perceptron

ClassWeight: TypeAlias = Literal["balanced"] | Mapping[Any, float] | None
C = TypeVar("C", bound="Classifier")


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class Classifier(ClassifierMixin, Perceptron):  # type: ignore[misc]
    """A multi-layer perceptron for classification, as a scikit-learn estimator.

    Arrays hold numbers; data frames may hold text, booleans and dates as well, which are encoded as in `load`. Numbers
    are standardised and missing cells filled in, so that no scaler or imputer is needed before it.

    Args:
        hidden_layer_sizes: units of each hidden layer, above 0; one number is one layer, () none.
        activation: between layers, one of `nn.activations.ACTIVATIONS`.
        batch_normalization: whether hidden layers are normalised over the batch. None: yes, except in an ensemble.
        dropout: in [0, 1), the share of activations left out in training. None is 0; 0.1 in an ensemble, 0.2 where
            `numbers` are embedded; for a `Regressor` up to 0.2
            if there are fewer than 3,200 training rows, `epochs` is None, and no hidden layer has fewer than 128 units.
        ensemble: 0, or 2 or more submodels that share their weights, whose answers are averaged.
        numbers: "none" takes numbers as they are; another name of `nn.numeric.NUMBER_ENCODERS`, such as
            "piecewise_linear", embeds each column of numbers, and "auto" tries some on rows held out.
        loss: a name as in `batchwright.fit`, "auto" for the usual loss, or a function of (outputs, targets) that
            returns one loss per row.
        optimizer: the name of an update rule, or an instance of one of `optim.OPTIMIZERS`.
        learning_rate: above 0; None is the rule's default.
        momentum: in [0, 1), of the rules that have one (`sgd`, `rmsprop`, `muon`); None is the rule's default.
        l2: at least 0, adds l2·w to the gradient; None is the rule's default.
        weight_decay: at least 0, shrinks the parameters in addition to the rule's own step; None is the rule's default,
            and for a `Regressor` with Adam 10 or less if there are fewer than 3,200 training rows and `epochs` is None.
        schedule: the name of a learning-rate schedule, or an instance of one of `optim.SCHEDULES`.
        batch_size: rows per update; "full" is all of them, an `AdaptiveBatchSize` a number that grows. None is 64,
            and less if there are fewer than 3,200 training rows.
        epochs: passes over the training rows, at least 1. None is 20, and more if there are fewer than 3,200 rows.
        early_stopping: True stops when the validation loss has not fallen for `n_iter_no_change` epochs, a number after
            this number of epochs; the best epoch's parameters are kept. An `EarlyStopping` sets all details.
        tol: at least 0: an epoch counts as better if its loss is lower by more than `tol`. Without early stopping,
            training stops when the training loss has not fallen by `tol` for `n_iter_no_change` epochs, and warns if
            the epochs end before that; None trains all epochs, and does not warn.
        n_iter_no_change: epochs to wait for a better one, at least 1; infinity never stops. None is 10, and half of all
            epochs if there are fewer than 3,200 training rows.
        validation_split: share of the rows in [0, 1) that are held out, and evaluated after every epoch. None is a
            tenth if early stopping or the schedule needs them, otherwise 0: training uses all rows.
        standardize: whether numbers are standardised; False takes them as they are, for example after a scaler.
        shuffle: whether each epoch takes the rows in a new order; otherwise in the given order.
        warm_start: whether `fit` continues from the parameters of the last `fit`; the rows are encoded as in the first.
        verbose: whether a line is printed after each epoch.
        class_weight: "balanced", or a weight above 0 by label, 1 for labels that are not named.
        random_state: the seed of the first parameters, the order of the rows, dropout and the rows held out.

    Attributes:
        classes_: the labels in order, in their own dtype; for an indicator the numbers of its columns; for several
            targets a list of arrays.
        n_features_in_, feature_names_in_: the number of columns of X; their names if X is a data frame with text names.
        history_: a dictionary for each epoch of the last `fit`, or each call of `partial_fit`: epoch, iteration,
            seconds, learning_rate, loss, and val_... metrics.
        n_iter_: the number of epochs in `history_`.
        loss_curve_, loss_, best_loss_: the training loss of every epoch, also of earlier fits with warm start; the
            last; and the lowest, None if training uses the rows held out for stopping or the schedule.
        validation_scores_, best_validation_score_: the score on the rows held out after each epoch, and the highest;
            None without such rows.
        t_: the number of rows trained on since the first parameters, counted in every epoch.
        n_layers_, n_outputs_, out_activation_: the number of layers, including inputs and outputs; the number of
            outputs; and the function that turns outputs into predictions.
        model_: the network, its parameters, and how rows are encoded.
        trained_: the result of `batchwright.fit`; pickles and copies do not keep it.

    scikit-learn's `MLPClassifier` has `max_iter` for `epochs`, `solver` for `optimizer`, `learning_rate_init` for
    `learning_rate` and `alpha` for n·`l2`; it neither normalises batches nor standardises columns.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = Classifier((64,), learning_rate=0.01, batch_size=16, epochs=40, random_state=0).fit(X, y)
    >>> bool(classifier.score(X, y) > 0.9)
    True
    """

    class_weight: ClassWeight = None

    def partial_fit(self: C, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> C:  # noqa: N803
        """Train one epoch over these rows, continuing from the last call, with a constant learning rate.

        The first call learns how rows are encoded, and later calls use the same encoding: give it rows that are typical
        of the later ones, or set `standardize=False`. Later calls with the same number of rows compile nothing. After
        `fit` it continues from the fitted parameters, with a new state of the optimizer. It ignores `schedule` and
        `epochs`.

        Args:
            X: [rows, columns], as for `fit`.
            y: [rows], labels; or an indicator, as for `fit`.
            classes: all labels that will occur; the first call needs them, later calls may omit them.
            sample_weight: [rows], as for `fit`.

        Raises:
            ValueError, TypeError: arrays that scikit-learn's own estimators refuse; labels that `classes` lacks.
            ConfigError: an argument is out of range, or early stopping is on.
            DivergedError: a loss was not finite.
        """
        fitted: C = self._one_pass(X, y, sample_weight, classes)
        return fitted

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The most probable label per row [rows]; for an indicator 0 or 1 per label; for several targets one each."""
        found = self._predictions(X)
        return self._coding.labels(found)

    def predict_proba(self, X: Any) -> Labels:  # noqa: N803
        """The probability of each class, float64 [rows, classes] in the order of `classes_`; each row sums to 1.

        For an indicator it is the probability of each label [rows, labels]; for several targets, a list of arrays.
        """
        found = self._predictions(X)
        return self._coding.probabilities(found)

    def predict_log_proba(self, X: Any) -> Labels:  # noqa: N803
        """The logarithm of `predict_proba`; minus infinity where that is 0."""
        found = self.predict_proba(X)
        with np.errstate(divide="ignore"):
            return [np.log(part) for part in found] if isinstance(found, list) else np.asarray(np.log(found))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """The share of rows whose answer is right; of labels and of several targets, wholly right."""
        answers = self.predict(X)
        if not isinstance(self.classes_, list):
            return float(accuracy_score(y, answers, sample_weight=sample_weight))
        return float(np.average((answers == np.asarray(y)).all(axis=1), weights=sample_weight))

    def _know_labels(self, y: np.ndarray, *, going_on: bool, classes: Any = None, partial: bool = False) -> None:
        check_classification_targets(y)
        found = coding_of(y)
        if partial:
            found = self._known_classes(found, classes, going_on=going_on)
        elif going_on and not are_same_classes(self.classes_, found.classes):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {self.classes_}, `y` has {found.classes}"
            )
        self._coding: Coding = found
        self.classes_: Labels = found.classes

    def _known_classes(self, found: Coding, classes: Any, *, going_on: bool) -> Coding:
        """The labels that are to come, from a first call; later ones have to say the same."""
        if isinstance(found, SeveralLabels):
            raise ValueError("partial_fit takes one target, or an indicator of labels; y has several: use fit.")
        if going_on:
            if classes is not None and not are_same_classes(self.classes_, distinct_labels(classes)):
                raise ValueError(
                    f"`classes={classes!r:.200}` differ from the classes of the first call: {self.classes_}."
                )
            return self._coding
        if classes is None and not isinstance(found, Indicator):
            raise ValueError("classes must be passed on the first call to partial_fit: all labels that are to come.")
        if self.class_weight == "balanced":
            raise ConfigError(
                "class_weight 'balanced' needs rows of all classes, and partial_fit sees some of them: give a "
                "weight for each label, as sklearn.utils.class_weight.compute_class_weight finds them."
            )
        return found if isinstance(found, Indicator) else OneLabel(distinct_labels(classes))

    def _targets(self, y: np.ndarray) -> np.ndarray:
        return self._coding.encode(y)

    def _target(self, found: Target, values: np.ndarray, *, more_to_come: bool) -> Target:
        return self._coding.target(found)

    @property
    def _kind(self) -> Kind:
        return Kind(self._coding.task, self._coding.losses, self._coding.score)

    @property
    def _out_activation(self) -> str:
        return "logistic" if self.loss == "binary_cross_entropy" or isinstance(self._coding, Indicator) else "softmax"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _class_weights(self) -> Literal["balanced"] | dict[str, float] | None:
        if self.class_weight is None:
            return None
        if not isinstance(self._coding, OneLabel):
            raise ConfigError("class_weight is for one label a row, and y has several columns: leave it out.")
        if not isinstance(self.class_weight, Mapping):
            return self.class_weight
        places = {label: str(place) for place, label in enumerate(self._coding.classes.tolist())}
        given = {plain_number(label): float(weight) for label, weight in self.class_weight.items()}
        if strangers := given.keys() - places.keys():
            known, named = (first_ten(map(repr, labels)) for labels in (places, strangers))
            raise ConfigError(f"class_weight names {named}, which y does not have; it has {known}.")
        return {places[label]: weight for label, weight in given.items()}
