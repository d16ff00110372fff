"""Intervals and sets for the answers of a model, from the scores that are kept with it."""

from collections.abc import Sequence

import numpy as np

from batchwright.errors import UsageError
from batchwright.runs.model import SavedModel
from batchwright.tasks import Regression, Several
from batchwright.tasks.conformal import LEVEL, can_hold, check_level
from batchwright.tasks.coverage import Coverage, measure_coverage

SEPARATORS = ("|", ";", ", ", "/", "\t")
"""What stands between the classes of a set: the first that is in none of their names."""


def cutoffs_of(model: SavedModel, level: float | None) -> tuple[float, ...] | None:
    """The cutoff of each target; None if no level is asked for.

    Raises:
        UsageError: the level is not in (0, 1), asks for more validation rows than there were, or there were none.
    """
    if level is None:
        return None
    check_level(level)
    if model.conformal is None:
        raise UsageError(
            "intervals and sets are made from how far off a model is on its validation rows, which this one does not "
            "have: it was trained without any, by an earlier version, or with a task of your own. Train again with "
            "`data.validation_split` above 0."
        )
    return model.conformal.cutoffs(level)


def promise_notes(model: SavedModel, level: float | None) -> tuple[str, ...]:
    """What keeps intervals from holding what their level promises, if there are to be any."""
    return () if level is None or model.conformal is None else model.conformal.notes()


def coverage_of(
    model: SavedModel, level: float | None, answers: tuple[np.ndarray, np.ndarray, np.ndarray | None]
) -> tuple[Coverage, ...]:
    """How many rows the intervals or sets hold, from outputs, targets and weights; without a level at 0.9, if they can.

    Raises:
        UsageError: as `cutoffs_of`; or a level is asked for, and the model does not answer with finite numbers.
    """
    task, conformal = model.model.task, model.conformal
    if conformal is None or (level is None and not can_hold(conformal.rows, LEVEL)):
        return ()
    if bad := np.count_nonzero(~np.isfinite(answers[0].reshape(len(answers[0]), -1)).all(axis=1)):
        if level is None:
            return ()
        raise UsageError(
            f"the model does not answer {bad:,} of {len(answers[0]):,} rows with finite numbers, and such answers have "
            "no interval or set: look for extreme values in these rows, or leave the interval out."
        )
    names = task.names if isinstance(task, Regression | Several) and task.names else (model.encoding.target.name,)
    return measure_coverage(task, names, conformal, LEVEL if level is None else level, answers)


def set_texts(sets: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """The classes in each set as a text.

    >>> set_texts(np.array([[True, True], [False, True]]), ("no", "yes")).tolist()
    ['no|yes', 'yes']
    """
    between = next((sign for sign in SEPARATORS if not any(sign in name for name in classes)), SEPARATORS[0])
    names = np.array(classes, dtype=object)
    return np.array([between.join(names[row]) for row in sets], dtype=str)
