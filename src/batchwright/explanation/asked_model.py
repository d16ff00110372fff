"""What a model answers, as numbers and as a person reads it, whatever its task."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64

from batchwright.explanation.places import Arrays
from batchwright.nn.sensitivity import has_sensitivity, sensitivity
from batchwright.runs.model import SavedModel
from batchwright.tasks import Classification, Multilabel, Regression, Several, Task
from batchwright.training.evaluate import outputs

MOST_ANSWERS = 10
"""Answers that are followed; of more classes, the first ten."""


class NamedAnswers(NamedTuple):
    """Answers as numbers [rows, answers], and the name of each."""

    names: tuple[str, ...]
    values: Float64[np.ndarray, "rows answers"]


class AskedModel:
    """A model, asked for outputs, answers and losses on encoded rows."""

    def __init__(self, model: SavedModel) -> None:
        self.task: Task = model.model.task
        self._model = model
        self._losses = jax.jit(self.task.losses)

    def outputs(self, inputs: Arrays) -> np.ndarray:
        """The outputs of the network, [rows, outputs]."""
        on_device = {name: jnp.asarray(array) for name, array in inputs.items()}
        return outputs(self._model.model, self._model.variables, on_device)

    @property
    def has_sensitivity(self) -> bool:
        """Whether it can be told at once how strongly the outputs depend on all columns."""
        return has_sensitivity(self._model.model.network)

    def sensitivity(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """How strongly the outputs depend on each input, by the name of the input."""
        return sensitivity(self._model.model.network, self._model.variables, inputs)

    def losses(self, outputs: np.ndarray, targets: np.ndarray) -> Float64[np.ndarray, " rows"]:
        """The loss of each row, without weights: of probabilities, of those that are shown, with the temperature.

        A loss of the user's own is that of the outputs as they are.
        """
        return np.asarray(self._losses(at_temperature(self.task, outputs), targets), np.float64)

    def values(self, inputs: Arrays) -> NamedAnswers:
        """Probabilities of classes and labels, values in their own unit; of two classes, the second's probability."""
        found = _values(self.task, self._model.encoding.target.name, self.outputs(inputs))
        return NamedAnswers(found.names[:MOST_ANSWERS], found.values[:, :MOST_ANSWERS])

    def probability_of_true(self, outputs: np.ndarray, targets: np.ndarray) -> Float64[np.ndarray, " rows"] | None:
        """The probability that each row's own class is given; None where the target is no class."""
        if not isinstance(self.task, Classification):
            return None
        return np.asarray(self.task.probabilities(outputs)[np.arange(len(outputs)), targets])


def at_temperature(task: Task, outputs: np.ndarray) -> np.ndarray:
    """The outputs [rows, outputs], divided by the temperature where probabilities have one.

    Where the loss is the user's own, they stay as they are.
    """
    match task:
        case Classification() | Multilabel() if not callable(task.loss) and task.temperature != 1:
            return outputs / float(task.temperature)
        case Several() if task.loss is None:
            heads = zip(task.heads, task.by_head(outputs), strict=True)
            return np.concatenate([at_temperature(head, own) for head, own in heads], axis=1)
    return outputs


def _values(task: Task, name: str, found: np.ndarray) -> NamedAnswers:
    match task:
        case Classification():
            probabilities, first = task.probabilities(found), 1 if len(task.classes) == 2 else 0
            named = tuple(f"probability of {label}" for label in task.classes[first:])
            return NamedAnswers(named, probabilities[:, first:])
        case Multilabel():
            return NamedAnswers(tuple(f"probability of {label}" for label in task.classes), task.probabilities(found))
        case Several():
            heads = zip(task.heads, task.names, task.by_head(found), strict=True)
            each = [(target, _values(head, target, own)) for head, target, own in heads]
            names = tuple(
                target if target == answer else f"{target}: {answer}" for target, one in each for answer in one.names
            )
            return NamedAnswers(names, np.concatenate([one.values for _, one in each], axis=1))
        case Regression():
            wide = task.decode(found).reshape(len(found), task.targets)
            return NamedAnswers(task.names or (name,), wide)
    plain = np.asarray(found, np.float64)
    return NamedAnswers(tuple(f"output {number}" for number in range(plain.shape[1])), plain)


def true_answers(task: Task, targets: np.ndarray) -> np.ndarray:
    """The targets as a person reads them: names of classes, values in their own unit, labels with a separator."""
    match task:
        case Classification():
            return np.take(np.array(task.classes), np.asarray(targets, np.int64))
        case Multilabel():
            names = np.array(task.classes, dtype=object)
            return np.array([task.separator.join(names[row > 0]) for row in np.asarray(targets)], dtype=str)
        case Several():
            columns = [true_answers(head, own) for head, own in zip(task.heads, targets.T, strict=True)]
            return np.stack([column.astype(object) for column in columns], axis=1)
        case Regression():
            outputs, weights = np.zeros((len(targets), task.outputs)), np.ones(len(targets))
            return np.asarray(task.answers(outputs, targets, weights).true)
    return np.asarray(targets)
