"""What a fit comes to, and when it is to end because somebody asks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from batchwright.errors import InterruptedRunError
from batchwright.runs.folder import RunFolder
from batchwright.tasks.conformal import Chosen
from batchwright.training.checkpoint import EpochRow
from batchwright.training.events import Compiled, Stopped
from batchwright.training.state import Rows
from batchwright.workflow.finishing import Answers


class HeldOut(NamedTuple):
    """Answers to rows by networks that were not trained on them, where the model that is kept has learned all rows.

    - answers: outputs, targets and weights of the rows; places: which of the rows that the model has learned they are
    - taught: answers from which the residuals of means are learned
    - rows: all rows that the model has learned
    - chosen: what that means for intervals
    - remark: a sentence that says whose the validation figures are
    - folds: which fold has held out each of the rows, from 1; None where none are dealt out
    """

    answers: Answers
    places: np.ndarray
    taught: tuple[Answers, ...]
    rows: Rows
    chosen: Chosen
    remark: str
    folds: np.ndarray | None = None


@dataclass
class Fitted:
    """What the events of a fit have told; `held_out` where the validation figures are not those of the model kept."""

    compiled: Compiled
    stopped: Stopped
    history: list[EpochRow]
    seconds: float
    last_wrong: np.ndarray | None
    held_out: HeldOut | None = None
    refit: tuple[EpochRow, ...] = ()


def heed(interrupted: Callable[[], bool], folder: RunFolder | None) -> Callable[[], bool]:
    """Whether training is to end: `interrupted` says so, or another process asks for it in the folder."""
    if folder is None:
        return interrupted

    def ends() -> bool:
        wish = folder.wish()
        if wish == "stop now":
            raise InterruptedRunError(
                f"ended at once, as another process asked; `batchwright resume {folder.path}` goes on from the last "
                "checkpoint."
            )
        return wish == "stop" or interrupted()

    return ends
