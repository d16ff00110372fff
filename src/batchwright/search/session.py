"""What all steps of a search need, its record, and how it ends before its time."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn

from batchwright.config import Settings, dump_config
from batchwright.errors import InterruptedRunError
from batchwright.runs.searches import BEST_CONFIG, STUDY, SearchFolder
from batchwright.search.events import SearchOptions
from batchwright.search.objective import Objective, objective_of
from batchwright.search.space import Space
from batchwright.search.study import Finished, Study, open_study
from batchwright.training.job import Job
from batchwright.workflow import Prepared
from batchwright.workflow.budget import with_budget_of, with_epochs_for_size
from batchwright.workflow.folds import folds
from batchwright.workflow.measuring import SIZE

AGAIN = "the same search, with its storage and study name and another folder, goes on with it"


@dataclass(frozen=True)
class Session:
    """What all steps of a search need."""

    space: Space
    options: SearchOptions
    prepared: Prepared
    folder: SearchFolder
    notes: tuple[str, ...]
    interrupted: Callable[[], bool]

    @cached_property
    def jobs(self) -> tuple[Job, ...]:
        """A job with the rows of each fold."""
        folded = self.options.folds > 1
        return folds(self.prepared, self.options.folds) if folded else (self.prepared.job,)

    @cached_property
    def objective(self) -> Objective:
        """What trials are compared by."""
        return chosen_objective(self.space, self.options, self.prepared)

    def open_study(self) -> Study:
        """The study of this search, new or begun.

        Raises:
            RunError, UsageError: as `study.open_study`.
        """
        place = self.options.storage or self.folder.path / STUDY
        return study_of(self.space, self.options, self.prepared, self.objective, place=place)

    def settings(self, chosen: Mapping[str, Any]) -> Settings:
        """Those of a trial."""
        plan, settings = self.folder.plan, with_budget_of(self.space.settings(chosen), self.prepared.settings)
        if plan.batch_size is None:
            return settings
        settings = settings.with_measured({SIZE: plan.batch_size}, {SIZE: {"reason": plan.batch_size_reason}})
        return with_epochs_for_size(settings, self.prepared.plan.training_rows)


def study_of(
    space: Space, options: SearchOptions, prepared: Prepared, objective: Objective, *, place: str | Path
) -> Study:
    """The study of a search, in a database or in a journal; see `study.open_study`."""
    asked = options.objective and f"{objective.direction} {objective.monitor}"
    identity = {
        "rows": prepared.dataset.fingerprint,
        "space": hashlib.sha256(space.to_text().encode()).hexdigest(),
        "seeds": options.seeds,
        "folds": options.folds,
        "pruning": options.pruning,
        "objective": asked,
    }
    name = options.study_name or Path(prepared.dataset.name).stem
    return open_study(space, place, name=name, identity=identity, seed=prepared.job.seed, objective=objective)


def chosen_objective(space: Space, options: SearchOptions, prepared: Prepared) -> Objective:
    """What trials are compared by.

    Raises:
        ConfigError: the task does not report it.
    """
    keys = [dimension.key for dimension in space.dimensions]
    return objective_of(options.objective, prepared.job.program.model.task, keys)


def record_trials(search: Session, finished: Sequence[Finished]) -> None:
    """Write every trial, and the configuration of the best so far, into the folder."""
    lines = [
        {
            "number": one.number,
            "settings": dict(one.chosen),
            "ending": one.outcome.ending,
            "value": one.outcome.value,
            "curve": list(one.outcome.curve),
        }
        for one in finished
    ]
    best = best_of(finished, search.objective)
    search.folder.write_trials(lines, dump_config(search.settings(best.chosen)) if best else None)


def best_of(finished: Sequence[Finished], objective: Objective) -> Finished | None:
    """The best trial; None where none can be judged."""
    good = [one for one in finished if isfinite(one.outcome.value)]
    return min(good, key=lambda one: (objective.cost(one.outcome.value), one.number), default=None)


def stop_search(search: Session, study: Study) -> NoReturn:
    """Keep what was found, and say how to go on."""
    finished = study.finished_trials()
    record_trials(search, finished)
    found = best_of(finished, search.objective)
    best = f"the best so far is in {search.folder.path / BEST_CONFIG}, and " if found else ""
    said = f"interrupted after {len(finished)} of {search.options.trials} trials"
    raise InterruptedRunError(f"{said}; {best}{how_to_go_on(search)}.")


def how_to_go_on(search: Session) -> str:
    """How to go on with a search that was interrupted."""
    return AGAIN if search.options.storage else f"`batchwright resume {search.folder.path}` goes on with it"
