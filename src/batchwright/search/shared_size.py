"""The batch size of a study that several machines work on: the first machine measures it, and all use it.

Each machine that finds no size measures one, and adds it to the study as a trial that is not trained. A database gives
numbers to trials one after the other, so that the lowest is the same for all, also where two begin at once.
"""

from collections.abc import Callable
from typing import NamedTuple

import optuna
from optuna.trial import TrialState

from batchwright.search.storage import retry
from batchwright.search.study import Study

PROPOSED = "batch_size"
"""The attribute of a trial that is not trained, with what a machine has measured."""


class Size(NamedTuple):
    """A batch size, and why; None where it could not be measured, and then stays as it is. `notes` are sentences."""

    size: int | None
    reason: str
    notes: tuple[str, ...]


def agreed_size(study: Study, measure: Callable[[], Size]) -> Size:
    """The batch size of a study; it is measured where no machine has told one before."""
    known = _first_told(study)
    if known is not None:
        notes = tuple(f"{note} (by another machine of the study)" for note in known.notes)
        return known._replace(notes=notes)
    own = measure()
    told = optuna.trial.create_trial(state=TrialState.FAIL, user_attrs={PROPOSED: own._asdict()})
    retry(lambda: study.optuna.add_trial(told))
    return _first_told(study) or own


def _first_told(study: Study) -> Size | None:
    trials = retry(lambda: study.optuna.get_trials(deepcopy=False, states=(TrialState.FAIL,)))
    told = min((trial for trial in trials if PROPOSED in trial.user_attrs), key=lambda one: one.number, default=None)
    if told is None:
        return None
    found = told.user_attrs[PROPOSED]
    return Size(found["size"], found["reason"], tuple(found["notes"]))
