"""How a space is searched, and what a search says while it runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, get_args

from batchwright._shown import Drawings, Shown
from batchwright.config import Settings
from batchwright.errors import ConfigError, unknown
from batchwright.search.importance import Importance
from batchwright.search.objective import LOSS, Objective
from batchwright.search.space import Space
from batchwright.search.study import Asked, Finished
from batchwright.search.trials import Pruning, Standing
from batchwright.workflow import Event, Prepared, Repeated, Trained

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class SearchOptions:
    """How a space is searched.

    - trials: how many configurations are tried, by all processes that work on the study
    - seeds: how many times each is trained, with other first parameters and another order of the rows
    - folds: with how many parts of the training and validation rows held out in turn; 1 keeps the split
    - pruning: whether trials that fall behind end early, by one ladder of rungs or by several
    - storage, study_name: the URL of a database that other processes work with too, and the study in it
    - objective: the metric by which they are compared, as accuracy; None is the validation loss
    """

    trials: int = 64
    seeds: int = 1
    pruning: Pruning = "halving"
    storage: str | None = None
    study_name: str | None = None
    folds: int = 1
    objective: str | None = None

    def __post_init__(self) -> None:
        """Raise a ConfigError where numbers are not whole, or below 1, or there is no such pruning."""
        numbers = {name: getattr(self, name) for name in ("trials", "seeds", "folds")}
        problems = [
            f"{name} has to be a whole number from 1 on, but is {value!r}."
            for name, value in numbers.items()
            if not isinstance(value, int) or value < 1
        ]
        problems += [
            f"{name} takes text, or None, but is {value!r:.60}."
            for name, value in {name: getattr(self, name) for name in ("storage", "study_name", "objective")}.items()
            if not (value is None or isinstance(value, str))
        ]
        if self.pruning not in get_args(Pruning):
            problems.append(unknown("pruning", str(self.pruning), get_args(Pruning)))
        if problems:
            raise ConfigError(" ".join(problems))


@dataclass(frozen=True)
class Began:
    """All that is known before the first trial; `notes` are sentences for the user."""

    prepared: Prepared
    space: Space
    options: SearchOptions
    folder: Path
    notes: tuple[str, ...]
    objective: Objective = LOSS


@dataclass(frozen=True)
class Progress:
    """An epoch of a round is done; before the first one, `epoch` is 0.

    - finished: the trials of all rounds before, by anyone
    - asked, standings: the trials of this round, and where each stands
    - epochs: of a whole trial; rows_per_second: of all members together
    - known: the numbers of those in this round that an earlier process has trained
    """

    finished: Sequence[Finished]
    asked: Sequence[Asked]
    standings: Sequence[Standing]
    epoch: int
    epochs: int
    rows_per_second: float
    seconds: float
    known: frozenset[int] = frozenset()

    @property
    def alive(self) -> int:
        """Trials of this round that go on."""
        return sum(one.outcome is None for one in self.standings)

    @property
    def diverged(self) -> int:
        """Trials of this round that have diverged."""
        return sum(one.outcome is not None and one.outcome.ending == "diverged" for one in self.standings)

    @property
    def at_rung(self) -> bool:
        """Whether trials were left behind after this epoch."""
        return any(
            one.outcome is not None and one.outcome.ending == "stopped" and len(one.curve) == self.epoch
            for one in self.standings
        )


@dataclass(frozen=True)
class RoundDone:
    """A round is done, and what it has changed in the space: a sentence each."""

    finished: Sequence[Finished]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class MembersChosen:
    """The trials that become members of an ensemble, the best first; `notes` are sentences for the user.

    One alone is trained again as it is.
    """

    trials: tuple[Finished, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Waiting:
    """All trials are taken; other processes train the given number of them, and the search waits."""

    running: int


@dataclass(frozen=True)
class Searched(Shown):
    """What was found.

    - best: the best trial by the `objective`
    - settings: those with which `trained` was trained anew, and `repeated` with as many seeds, where there are several:
      of the best trial, or of an ensemble of the best
    - seconds: of the whole search
    - members: the trials whose settings the members of the ensemble have, in order of their numbers; empty where only
      the best is trained
    """

    folder: Path
    finished: tuple[Finished, ...]
    best: Finished
    settings: Settings
    trained: Trained
    repeated: Repeated | None
    importance: Importance | None
    seconds: float
    objective: Objective = LOSS
    members: tuple[Finished, ...] = ()

    def __repr__(self) -> str:
        """The best settings, and what was trained with them."""
        return f"<Searched: best of {len(self.finished)} trials: {dict(self.best.chosen)}; {self.trained}>"

    def drawings(self) -> Drawings:
        """What draws each figure, by name, or why there is none."""
        from batchwright.search.drawing import search_drawings

        return search_drawings(self.finished, self.objective, self.importance)

    def frames(self) -> "dict[str, pl.DataFrame]":
        """All tables by name, each as a data frame: trials, curves, importance, interactions."""
        from batchwright.search.frames import search_frames

        return search_frames(self.finished, self.importance)

    @property
    def diverged(self) -> int:
        """How many trials have."""
        return sum(one.outcome.ending == "diverged" for one in self.finished)


SearchEvent: TypeAlias = Began | Progress | RoundDone | Waiting | MembersChosen | Event | int | Repeated | Searched
