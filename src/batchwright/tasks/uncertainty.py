"""How much the submodels of an ensemble differ in their answers to each row."""

from typing import TypeAlias

import numpy as np
from jaxtyping import Float

from batchwright.errors import ConfigError
from batchwright.tasks.classification import Classification
from batchwright.tasks.labels import Multilabel
from batchwright.tasks.protocol import Task
from batchwright.tasks.regression import Regression

Deviation: TypeAlias = Float[np.ndarray, " rows"] | Float[np.ndarray, "rows answers"]


def deviation(task: Task, answers: np.ndarray, outputs: Float[np.ndarray, "rows submodels outputs"]) -> Deviation:
    """The standard deviation among the submodels, float64: 0 where all agree.

    It is the deviation of the answers in their own unit, [rows] for one number and [rows, targets] for several; of
    the probability of the answered class [rows]; or of the probability of each label [rows, labels].

    Args:
        task: of one target; of several, of all the same kind.
        answers: what the task answers to each row, from the pooled outputs.
        outputs: those of each submodel.

    Raises:
        ConfigError: a task of the user's own does not answer with one number for each row.

    >>> task = Regression(mean=(20.0,), std=(10.0,))
    >>> deviation(task, np.array([30.0]), np.array([[[0.5], [1.5]]])).tolist()
    [5.0]
    """
    rows, submodels = outputs.shape[:2]
    flat = outputs.reshape(rows * submodels, -1)
    if isinstance(task, Classification | Multilabel):
        found = task.probabilities(flat).reshape(rows, submodels, -1).std(axis=1)
        if isinstance(task, Multilabel):
            return np.asarray(found)
        chosen = np.argmax(np.array(task.classes)[None, :] == answers[:, None], axis=1)
        return np.asarray(found[np.arange(rows), chosen])
    of_submodels = task.decode(flat)
    if not isinstance(task, Regression) and (of_submodels.ndim > 1 or of_submodels.dtype.kind not in "fiu"):
        raise ConfigError(
            f"uncertainty is known where a task answers with one number for each row, and {type(task).__name__} "
            "does not: leave out the uncertainty."
        )
    return np.asarray(of_submodels.reshape(rows, submodels, *of_submodels.shape[1:]).std(axis=1))
