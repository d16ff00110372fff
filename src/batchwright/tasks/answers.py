"""The input of a metric: a network's answers and the true values, for rows of weight above 0, in float64."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Array, Bool, Float, Int

from batchwright.errors import DataError

Weights = Float[np.ndarray, " rows"]


@dataclass(frozen=True)
class ClassAnswers:
    """Classes as codes 0..k-1, indices into `classes`.

    - log_probabilities [rows, classes], from the network
    - true [rows]: the class of each row
    - weights [rows], above 0
    - threshold: for two classes, the probability from which the second is predicted
    """

    log_probabilities: Float[np.ndarray, "rows classes"]
    true: Int[np.ndarray, " rows"]
    weights: Weights
    classes: tuple[str, ...] = ()
    threshold: float = 0.5

    @cached_property
    def probabilities(self) -> Float[np.ndarray, "rows classes"]:
        """The probability of each class; a row sums to 1."""
        return np.asarray(np.exp(self.log_probabilities))

    @cached_property
    def most_probable(self) -> Int[np.ndarray, " rows"]:
        """The most probable class of each row, the first of equals."""
        log_p = self.log_probabilities
        if log_p.shape[1] == 2:  # argmax takes ten times as long to look at two
            return np.asarray(log_p[:, 1] > log_p[:, 0], np.int64)
        return np.asarray(log_p.argmax(axis=1))

    @cached_property
    def predicted(self) -> Int[np.ndarray, " rows"]:
        """The class that is predicted for each row."""
        if self.threshold == 0.5:
            return self.most_probable
        return predict_classes(self.log_probabilities, self.threshold)

    @cached_property
    def right(self) -> Bool[np.ndarray, " rows"]:
        """Whether the answer is the true class."""
        return np.asarray(self.predicted == self.true)

    @cached_property
    def occurring(self) -> Float[np.ndarray, " classes"]:
        """Weight of the rows of each class."""
        return self._by_class(self.true, self.weights)

    @cached_property
    def answered(self) -> Float[np.ndarray, " classes"]:
        """Weight of the rows predicted as each class."""
        return self._by_class(self.predicted, self.weights)

    @cached_property
    def hits(self) -> Float[np.ndarray, " classes"]:
        """Weight of the rows of each class that are predicted as that class."""
        return self._by_class(self.true[self.right], self.weights[self.right])

    def _by_class(self, codes: Int[np.ndarray, " some"], weights: Float[np.ndarray, " some"]) -> np.ndarray:
        """The sum of the weights of each class."""
        return np.bincount(codes, weights, self.log_probabilities.shape[1]).astype(np.float64)


@dataclass(frozen=True)
class LabelAnswers:
    """Sets of labels: which of `classes` each row has, and how sure the network is of each.

    - log_odds [rows, labels] that a row has a label
    - true [rows, labels]: whether it has
    - weights [rows], above 0
    - threshold: the probability from which a label is given
    """

    log_odds: Float[np.ndarray, "rows labels"]
    true: Bool[np.ndarray, "rows labels"]
    weights: Weights
    classes: tuple[str, ...] = ()
    threshold: float = 0.5

    @cached_property
    def predicted(self) -> Bool[np.ndarray, "rows labels"]:
        """Which labels each row is given."""
        return given_labels(self.log_odds, self.threshold)

    @cached_property
    def share(self) -> Weights:
        """The weights, summing to 1."""
        return np.asarray(self.weights / self.weights.sum())

    @cached_property
    def towards(self) -> Float[np.ndarray, "rows labels"]:
        """The log-odds of the true state of each label."""
        return np.asarray(np.where(self.true, self.log_odds, -self.log_odds))


@dataclass(frozen=True)
class PlainAnswers:
    """Outputs and targets as they are, for a user's own task.

    - predicted [rows, outputs]; true: the targets, [rows] or more axes; weights [rows], above 0
    """

    predicted: Float[np.ndarray, "rows outputs"]
    true: np.ndarray
    weights: Weights


@dataclass(frozen=True)
class ValueAnswers:
    """Numbers, standardised with the mean and the deviation of the training rows: value = mean + unit · standardised.

    - standardised, standardised_true [rows, targets]
    - weights [rows], above 0
    - unit, mean [targets], in the target's own unit
    - levels, quantiles [rows, targets, levels]: standardised values, each meant to lie above a share of the targets
    - learned_true [rows, targets]: the targets as the network learns them, where these are a logarithm or a power
    """

    standardised: Float[np.ndarray, "rows targets"]
    standardised_true: Float[np.ndarray, "rows targets"]
    weights: Weights
    unit: Float[np.ndarray, " targets"]
    mean: Float[np.ndarray, " targets"]
    levels: tuple[float, ...] = ()
    quantiles: Float[np.ndarray, "rows targets levels"] | None = None
    learned_true: Float[np.ndarray, "rows targets"] | None = None

    @property
    def wanted(self) -> Float[np.ndarray, "rows targets"]:
        """The targets as the network learns them."""
        return self.standardised_true if self.learned_true is None else self.learned_true

    @cached_property
    def predicted(self) -> Float[np.ndarray, "rows ..."]:
        """The answers in the target's own unit: [rows] for one target, else [rows, targets]."""
        return self._to_unit(self.standardised)

    @cached_property
    def true(self) -> Float[np.ndarray, "rows ..."]:
        """The targets in their own unit, in the shape of `predicted`."""
        return self._to_unit(self.standardised_true)

    @property
    def rounding(self) -> Float[np.ndarray, "..."]:
        """The most by which `true` may differ from the original, as targets are kept in float32: [] or [targets]."""
        found = 1e-6 * (np.abs(self.mean) + self.unit)
        return np.asarray(found[0] if len(found) == 1 else found)

    @cached_property
    def share(self) -> Weights:
        """The weights, summing to 1."""
        return np.asarray(self.weights / self.weights.sum())

    @cached_property
    def error(self) -> Float[np.ndarray, "rows targets"]:
        """Answers minus targets, standardised."""
        return np.asarray(self.standardised - self.standardised_true)

    @cached_property
    def squared(self) -> Float[np.ndarray, " targets"]:
        """The mean square of the error."""
        return np.asarray(self.share @ self.error**2)

    def only(self, place: int) -> "ValueAnswers":
        """The answers for one of the targets."""
        one = slice(place, place + 1)
        return ValueAnswers(
            self.standardised[:, one],
            self.standardised_true[:, one],
            self.weights,
            self.unit[one],
            self.mean[one],
            self.levels,
            None if self.quantiles is None else self.quantiles[:, one],
        )

    def _to_unit(self, standardised: Float[np.ndarray, "rows targets"]) -> Float[np.ndarray, "rows ..."]:
        values = np.asarray(standardised * self.unit + self.mean)
        return np.asarray(values[:, 0] if values.shape[1] == 1 else values)


@dataclass(frozen=True)
class SeveralAnswers:
    """The answers for several targets, some of them classes, by name.

    - weights [rows], above 0
    """

    targets: Mapping[str, ClassAnswers | ValueAnswers]
    weights: Weights


def given_labels(log_odds: Float[np.ndarray, "rows labels"], threshold: float) -> Bool[np.ndarray, "rows labels"]:
    """Whether the probability of each label reaches the threshold."""
    return np.asarray(log_odds >= np.log(threshold) - np.log1p(-threshold))


def predict_classes(log_probabilities: Float[np.ndarray, "rows classes"], threshold: float) -> Int[np.ndarray, " rows"]:
    """The most probable class, the first of equals; of two, the second if its probability reaches the threshold."""
    if log_probabilities.shape[1] == 2 and threshold != 0.5:
        return np.asarray(np.exp(log_probabilities[:, 1]) >= threshold, np.int64)
    return np.asarray(log_probabilities.argmax(axis=1))


def used_rows(
    rows: int, weights: np.ndarray | Array | None
) -> tuple[Int[np.ndarray, " used"], Float[np.ndarray, " used"]]:
    """The indices of the rows with a weight above 0, and their weights; all are 1 if `weights` is None.

    Raises:
        DataError: the weights do not fit the rows, one is negative or not finite, or no row has a weight above zero.

    >>> used_rows(3, np.array([2.0, 0.0, 1.0]))
    (array([0, 2]), array([2., 1.]))
    """
    all_weights = np.ones(rows) if weights is None else np.asarray(weights, np.float64)
    if all_weights.shape != (rows,):
        raise DataError(f"one weight per row is needed: {rows} rows, but weights of shape {all_weights.shape}.")
    if not (np.isfinite(all_weights) & (all_weights >= 0)).all():
        raise DataError("row weights must be finite and zero or more; remove or correct the others.")
    used = np.flatnonzero(all_weights)
    if not used.size:
        raise DataError(f"no row to measure: {rows} rows, none of them with a weight above zero.")
    return used, all_weights[used]


def log_softmax(outputs: Float[np.ndarray, "rows classes"]) -> Float[np.ndarray, "rows classes"]:
    """Log-probabilities of each row, z - log Σ exp z, finite however large the logits z are.

    >>> np.exp(log_softmax(np.array([[1e4, 1e4, 0.0]])))
    array([[0.5, 0.5, 0. ]])
    """
    by_class = np.ascontiguousarray(outputs.T)  # NumPy is slow to reduce the few classes of many rows
    shifted = by_class - by_class.max(axis=0)
    return np.asarray((shifted - np.log(np.exp(shifted).sum(axis=0))).T)
