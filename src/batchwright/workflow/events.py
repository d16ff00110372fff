"""What happens in a training beside the events of its fit."""

from dataclasses import dataclass
from pathlib import Path

from batchwright.training.checkpoint import EpochRow


@dataclass(frozen=True)
class Recording:
    """What follows is recorded in the folder `path`, which was made, or opened again."""

    path: Path


@dataclass(frozen=True)
class Noted:
    """Something that a person should know has happened beside the training: `note` is a sentence."""

    note: str


@dataclass(frozen=True)
class MembersDone:
    """Members that are trained together have done an epoch.

    - members: their numbers, from 1; running: how many of them go on; count: of all members
    - epoch, epochs: the epoch, from 1, and the most that there can be
    - share: of the whole training that is done, if all have all epochs
    - loss: the least validation loss of a member so far; None where they are trained anew on all rows
    """

    members: tuple[int, ...]
    running: int
    count: int
    epoch: int
    epochs: int
    share: float
    loss: float | None


@dataclass(frozen=True)
class RefitEpoch:
    """An epoch of the training on all rows is done, of `epochs`; `row` is its line of that training's history."""

    row: EpochRow
    epochs: int
