"""Which rows are answered wrongly."""

import numpy as np
from jaxtyping import Bool

from batchwright.tasks.answers import ClassAnswers
from batchwright.tasks.classification import Classification
from batchwright.tasks.labels import Multilabel
from batchwright.tasks.protocol import Task
from batchwright.tasks.several import Several


def wrong_rows(task: Task, outputs: np.ndarray, targets: np.ndarray) -> Bool[np.ndarray, " rows"] | None:
    """Whether each row is answered wrongly: with another class, in any of several targets, or with other labels.

    A row whose outputs are not finite is wrong. None for a task without classes: a number is never quite right.
    """
    finite = np.isfinite(outputs).all(axis=1)
    known, ones = np.where(finite[:, None], outputs, 0.0), np.ones(len(outputs))
    match task:
        case Classification():
            right = task.answers(known, np.asarray(targets), ones).right
        case Multilabel():
            answers = task.answers(known, np.asarray(targets), ones)
            right = (answers.predicted == answers.true).all(axis=1)
        case Several():
            parts = task.answers(known, np.asarray(targets), ones).targets.values()
            right = np.all([part.right for part in parts if isinstance(part, ClassAnswers)], axis=0)
        case _:
            return None
    return np.asarray(~(right & finite))
