"""Labels as scikit-learn gives them, and as the network learns them: of one target, as an indicator, of several."""

from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
from sklearn.preprocessing import LabelEncoder
from sklearn.utils.multiclass import type_of_target

from batchwright.data.encode.labels import LabelTarget
from batchwright.data.encode.several import SeveralTargets, Target
from batchwright.data.encode.targets import ClassTarget
from batchwright.data.typed.cells import first_ten
from batchwright.data.typed.schema import Task
from batchwright.runs.predictions import Predictions
from batchwright.tasks import CLASS_LOSSES, LABEL_LOSSES

SEPARATOR = "|"
Labels: TypeAlias = np.ndarray | list[np.ndarray]


@dataclass(frozen=True)
class OneLabel:
    """A label a row, `y` [rows]."""

    task: ClassVar[Task] = "classification"
    losses: ClassVar[tuple[str, ...]] = CLASS_LOSSES
    score: ClassVar[str] = "val_accuracy"

    classes: np.ndarray

    def encode(self, y: np.ndarray) -> np.ndarray:
        """The places of the labels, int64 [rows]."""
        if strangers := sorted(map(str, set(y.tolist()) - set(self.classes.tolist()))):
            known, named = first_ten(map(str, self.classes.tolist())), first_ten(strangers)
            raise ValueError(f"y holds labels that are not among the classes: {named}. Known: {known}.")
        return np.asarray(np.searchsorted(self.classes, y))

    def target(self, found: Target) -> ClassTarget:
        """The target with the places of all classes as their names: the rows may lack some."""
        return ClassTarget(found.name, tuple(map(str, range(len(self.classes)))))

    def labels(self, found: Predictions) -> np.ndarray:
        """The most probable label [rows]."""
        return np.asarray(self.classes[self.probabilities(found).argmax(axis=1)])

    def probabilities(self, found: Predictions) -> np.ndarray:
        """The probabilities [rows, classes]."""
        assert found.probabilities is not None
        return found.probabilities


@dataclass(frozen=True)
class Indicator:
    """Any number of labels a row, `y` [rows, labels] of 0 and 1."""

    task: ClassVar[Task] = "multilabel"
    losses: ClassVar[tuple[str, ...]] = LABEL_LOSSES
    score: ClassVar[str] = "val_exact_match"

    number: int

    @property
    def classes(self) -> np.ndarray:
        """The numbers of the labels."""
        return np.arange(self.number)

    def encode(self, y: np.ndarray) -> np.ndarray:
        """The numbers of each row's labels as text, such as 0|2."""
        if y.ndim != 2 or y.shape[1] != self.number or not np.isin(y, (0, 1)).all():
            raise ValueError(f"y must be 0 or 1 for each of {self.number} labels, but has the shape {y.shape}.")
        names = np.array([str(label) for label in range(self.number)], dtype=object)
        return np.array([SEPARATOR.join(names[row]) for row in y.astype(bool)], dtype=str)

    def target(self, found: Target) -> LabelTarget:
        """The target with the numbers of all labels as their names."""
        return LabelTarget(found.name, tuple(map(str, range(self.number))), SEPARATOR)

    def labels(self, found: Predictions) -> np.ndarray:
        """0 or 1 for each label, int64 [rows, labels]."""
        return (self.probabilities(found) >= 0.5).astype(np.int64)

    def probabilities(self, found: Predictions) -> np.ndarray:
        """The probability of each label [rows, labels]."""
        assert found.probabilities is not None
        return found.probabilities


@dataclass(frozen=True)
class SeveralLabels:
    """A label a row for each of several targets, `y` [rows, targets]."""

    task: ClassVar[Task] = "classification"
    losses: ClassVar[tuple[str, ...]] = CLASS_LOSSES
    score: ClassVar[str] = "val_exact_match"

    parts: tuple[OneLabel, ...]

    @property
    def classes(self) -> list[np.ndarray]:
        """The labels of each target."""
        return [part.classes for part in self.parts]

    def encode(self, y: np.ndarray) -> np.ndarray:
        """The places of the labels, int64 [rows, targets]."""
        if y.ndim != 2 or y.shape[1] != len(self.parts):
            raise ValueError(f"y must have {len(self.parts)} columns, but has the shape {y.shape}.")
        return np.stack([part.encode(column) for part, column in zip(self.parts, y.T, strict=True)], axis=1)

    def target(self, found: Target) -> SeveralTargets:
        """The targets with the places of all classes as their names."""
        assert isinstance(found, SeveralTargets)
        return SeveralTargets(tuple(part.target(one) for part, one in zip(self.parts, found.parts, strict=True)))

    def labels(self, found: Predictions) -> np.ndarray:
        """The most probable label of each target [rows, targets]."""
        return np.stack([part.labels(one) for part, one in zip(self.parts, found.parts, strict=True)], axis=1)

    def probabilities(self, found: Predictions) -> list[np.ndarray]:
        """The probabilities of each target [rows, classes]."""
        return [part.probabilities(one) for part, one in zip(self.parts, found.parts, strict=True)]


Coding: TypeAlias = OneLabel | Indicator | SeveralLabels
"""How labels become targets (`encode`, `target`), and what a network says of rows becomes labels again (`labels`)."""


def coding_of(y: np.ndarray) -> Coding:
    """How labels like these are learned."""
    if y.ndim == 1:
        return OneLabel(distinct_labels(y))
    if type_of_target(y) == "multilabel-indicator":
        return Indicator(y.shape[1])
    return SeveralLabels(tuple(OneLabel(distinct_labels(column)) for column in y.T))


def distinct_labels(y: Any) -> np.ndarray:
    """The distinct labels in order, in their own dtype."""
    labels: np.ndarray = LabelEncoder().fit(np.asarray(y)).classes_
    return labels


def are_same_classes(classes: Labels, others: Labels) -> bool:
    """Whether two sets of classes are the same."""
    if isinstance(classes, list) or isinstance(others, list):
        return len(classes) == len(others) and all(map(np.array_equal, classes, others))
    return np.array_equal(classes, others)
