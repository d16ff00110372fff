"""What a fit comes to, and when it is to end because somebody asks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from batchwright.errors import InterruptedRunError
from batchwright.runs.folder import RunFolder
from batchwright.training.checkpoint import EpochRow
from batchwright.training.events import Compiled, Stopped


@dataclass
class Fitted:
    """What the events of a fit have told."""

    compiled: Compiled
    stopped: Stopped
    history: list[EpochRow]
    seconds: float
    last_wrong: np.ndarray | None


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
