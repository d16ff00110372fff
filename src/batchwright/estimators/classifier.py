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
from batchwright.estimators.arguments import plain
from batchwright.estimators.labels import (
    Coding,
    Indicator,
    Labels,
    OneLabel,
    SeveralLabels,
    coding_of,
    in_order,
    same,
)
from batchwright.estimators.network import Kind, Perceptron

ClassWeight: TypeAlias = Literal["balanced"] | Mapping[Any, float] | None
C = TypeVar("C", bound="Classifier")


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class Classifier(ClassifierMixin, Perceptron):  # type: ignore[misc]
    """A multi-layer perceptron that tells classes apart, as a scikit-learn estimator.

    Arrays hold numbers; data frames may hold text, booleans and dates as well, which are encoded as in `load`. Numbers
    are standardised and missing cells filled in, so that no scaler or imputer is needed before it.

    Args:
        hidden_layer_sizes: units of each hidden layer, above 0; one number is one layer, () none.
        activation: between layers, one of `nn.activations.ACTIVATIONS`.
        batch_normalization: whether hidden layers are normalised over the batch.
        dropout: in [0, 1), the share of activations left out in training.
        loss: what is minimised: a name as in `fit` of this package, "auto" the usual one, or a function of (outputs,
            targets) that gives one loss per row.
        optimizer: the name of an update rule, or one of `optim.OPTIMIZERS` with numbers of its own.
        learning_rate: above 0; None is the rule's own.
        momentum: in [0, 1), of the rules that have one (`sgd`, `rmsprop`, `muon`); None is the rule's own.
        l2: at least 0, adds l2·w to the gradient; None is the rule's own.
        weight_decay: at least 0, shrinks the parameters beside the rule's own step; None is the rule's own.
        schedule: the name of a learning-rate schedule, or one of `optim.SCHEDULES` with numbers of its own.
        batch_size: rows per update; "full" is all of them, an `AdaptiveBatchSize` a number that grows.
        epochs: passes over the training rows, at least 1.
        early_stopping: whether to stop when the validation loss has not fallen for `n_iter_no_change` epochs, or for
            how many; the best epoch's parameters are kept then. An `EarlyStopping` says all of it.
        tol: at least 0: an epoch is better than those before where its loss is lower by more than that. Without early
            stopping, training stops when the training loss has not fallen by it for `n_iter_no_change` epochs, and
            warns where the epochs are over before; None trains all epochs, and does not warn.
        n_iter_no_change: epochs to wait for a better one, at least 1; infinity waits for ever.
        validation_split: share of the rows in [0, 1) that are held out, and measured after every epoch. None is a tenth
            where early stopping or the schedule goes by them, and else 0: all rows are learned from.
        standardize: whether numbers are standardised; False takes them as they are, as where a scaler comes before.
        shuffle: whether the rows come in a new order in each epoch, rather than as they are.
        warm_start: whether `fit` goes on from the parameters of the last `fit`; its rows are encoded as the first were.
        verbose: whether a line is printed after each epoch.
        class_weight: "balanced", or a weight above 0 by label, 1 for those not named.
        random_state: of the first parameters, the order of the rows, dropout and the rows held out.

    Attributes:
        classes_: the labels in order, in the dtype in which they were given; of an indicator the numbers of its
            columns; of several targets a list, with an array for each.
        n_features_in_, feature_names_in_: the columns of X; names where it is a data frame whose names are text.
        history_: a dictionary for each epoch of the last `fit`, or each call of `partial_fit`: epoch, iteration,
            seconds, learning_rate, loss, and val_... metrics.
        n_iter_: how many these are.
        loss_curve_, loss_, best_loss_: the training losses since the first parameters, the last, and the lowest; the
            lowest is None where training goes by rows held out.
        validation_scores_, best_validation_score_: the score on the rows held out after each epoch, and the highest;
            None where there are no such rows.
        t_: rows that were trained on since the first parameters, as often as they were.
        n_layers_, n_outputs_, out_activation_: layers, those of inputs and outputs among them; outputs of the network;
            and what makes predictions of these.
        model_: the network, its parameters, and how rows are encoded.
        trained_: all that `fit` of this package says of the run; it is not kept in pickles and copies.

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
        """Train one epoch over these rows, from where the last call has left it, with a learning rate that stays.

        The first call learns how rows are encoded, and later ones keep to it: give it rows like those to
        come, or do without (`standardize=False`). Later calls with as many rows compile nothing. After `fit` it goes on
        from the fitted parameters, with a new state of the optimizer. `schedule` and `epochs` are not used.

        Args:
            X: [rows, columns], as for `fit`.
            y: [rows], labels; or an indicator, as for `fit`.
            classes: all labels that are to come; the first call needs them, later ones may leave them out.
            sample_weight: [rows], as for `fit`.

        Raises:
            ValueError, TypeError: arrays that scikit-learn's own estimators refuse; labels that `classes` lacks.
            ConfigError: an argument is out of range, or early stopping is asked for.
            DivergedError: a loss was not finite.
        """
        fitted: C = self._one_pass(X, y, sample_weight, classes)
        return fitted

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The most probable label of each row [rows]; of an indicator 0 or 1, of several targets a label, for each."""
        found = self._predictions(X)
        return self._coding.labels(found)

    def predict_proba(self, X: Any) -> Labels:  # noqa: N803
        """The probability of each class, float64 [rows, classes] in the order of `classes_`; each row sums to 1.

        Of an indicator it is that of each label [rows, labels]; of several targets a list, with an array for each.
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
        elif going_on and not same(self.classes_, found.classes):
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
            if classes is not None and not same(self.classes_, in_order(classes)):
                raise ValueError(f"`classes={classes!r:.200}` are not those of the first call: {self.classes_}.")
            return self._coding
        if classes is None and not isinstance(found, Indicator):
            raise ValueError("classes must be passed on the first call to partial_fit: all labels that are to come.")
        if self.class_weight == "balanced":
            raise ConfigError(
                "class_weight 'balanced' needs rows of all classes, and partial_fit sees some of them: give a "
                "weight for each label, as sklearn.utils.class_weight.compute_class_weight finds them."
            )
        return found if isinstance(found, Indicator) else OneLabel(in_order(classes))

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
        given = {plain(label): float(weight) for label, weight in self.class_weight.items()}
        if strangers := given.keys() - places.keys():
            known, named = (first_ten(map(repr, labels)) for labels in (places, strangers))
            raise ConfigError(f"class_weight names {named}, which y does not have; it has {known}.")
        return {places[label]: weight for label, weight in given.items()}
