"""How well a model distinguishes each class from the others: the confusion matrix, and what follows from it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from batchwright.tasks.answers import ClassAnswers, LabelAnswers, SeveralAnswers
from batchwright.tasks.metrics import confusion_matrix

LABEL_CLASSES = ("without", "with")
"""The two classes of a label: rows that lack it, and rows that have it."""


@dataclass(frozen=True)
class PerClass:
    """`confusion` [k, k]: the weight of the rows of each of the k classes (row) that are predicted as each (column).

    >>> found = PerClass(("no", "yes"), np.array([[8.0, 2.0], [1.0, 4.0]]))
    >>> found.recall.tolist(), found.precision.round(3).tolist(), found.f1.round(3).tolist()
    ([0.8, 0.8], [0.889, 0.667], [0.842, 0.727])
    """

    classes: tuple[str, ...]
    confusion: Float[np.ndarray, "classes classes"]

    def __repr__(self) -> str:
        """The number of classes."""
        return f"<PerClass of {len(self.classes):,} classes>"

    @property
    def weight(self) -> Float[np.ndarray, " classes"]:
        """The weight of the rows of each class: their number, if rows have no weights."""
        return np.asarray(self.confusion.sum(axis=1))

    @property
    def recall(self) -> Float[np.ndarray, " classes"]:
        """The share of a class's rows that are predicted as it; NaN for a class without rows."""
        return _ratio(np.diag(self.confusion), self.confusion.sum(axis=1))

    @property
    def precision(self) -> Float[np.ndarray, " classes"]:
        """The share of the rows predicted as a class that belong to it; NaN for a class that is never predicted."""
        return _ratio(np.diag(self.confusion), self.confusion.sum(axis=0))

    @property
    def f1(self) -> Float[np.ndarray, " classes"]:
        """2·hits / (rows of the class + rows predicted as it); NaN for a class that has neither."""
        return _ratio(2 * np.diag(self.confusion), self.confusion.sum(axis=0) + self.confusion.sum(axis=1))

    def to_json(self) -> dict[str, Any]:
        """The confusion matrix and the classes as plain data."""
        figures = zip(self.classes, self.precision, self.recall, self.f1, self.weight, strict=True)
        return {
            "classes": {
                name: {"precision": precision, "recall": recall, "f1": f1, "weight": weight}
                for name, precision, recall, f1, weight in figures
            },
            "confusion": self.confusion.tolist(),
        }


def per_class(answers: ClassAnswers) -> PerClass:
    """Compare the answers of a model with the true class of the rows."""
    count = answers.log_probabilities.shape[1]
    found = confusion_matrix(answers.true, answers.predicted, answers.weights, classes=count)
    return PerClass(answers.classes, found.astype(np.float64))


def per_target(answers: SeveralAnswers) -> dict[str, PerClass]:
    """The answers for each target that is a class, by its name."""
    return {name: per_class(one) for name, one in answers.targets.items() if isinstance(one, ClassAnswers)}


def per_label(answers: LabelAnswers) -> dict[str, PerClass]:
    """By label, how rows `without` and `with` it are answered."""
    cases = zip(answers.classes, answers.true.T, answers.predicted.T, strict=True)
    return {
        name: PerClass(
            LABEL_CLASSES,
            confusion_matrix(true.astype(np.int64), given.astype(np.int64), answers.weights, classes=2).astype(float),
        )
        for name, true, given in cases
    }


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), np.nan)
