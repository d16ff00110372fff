"""The best trials of a search as the members of an ensemble: which, and with which settings."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any, Literal, TypeAlias

from batchwright.config import Settings, flow
from batchwright.config.changes import changes_between
from batchwright.config.sections import AUTO, MEMBERS
from batchwright.errors import ConfigError, RunError
from batchwright.runs.run import open_run
from batchwright.search.objective import Objective
from batchwright.search.session import Session
from batchwright.search.space import Space
from batchwright.search.study import Finished
from batchwright.workflow import Prepared
from batchwright.workflow.ensemble import refuse_members_on
from batchwright.workflow.member_count import LEAST
from batchwright.workflow.member_settings import can_differ
from batchwright.workflow.preparing import settings_on

Count: TypeAlias = int | Literal["auto"]
"""How many of the best trials are to answer together."""


def take_members(space: Space, settings: Settings) -> tuple[Space, Count | None]:
    """The space without `training.members`, and what that says in these settings of a point of it.

    Raises:
        ConfigError: it has the settings of each member.
    """
    members = settings.config.training.members
    if MEMBERS in settings.to_measure:
        return space.without_value(MEMBERS), AUTO
    if members is None:
        return space, None
    if isinstance(members, tuple):
        raise ConfigError("training.members: the members of a search are its best trials: say how many, or auto.")
    return space.without_value(MEMBERS), members


def refuse_trials_as_members(space: Space, prepared: Prepared, asked: Count, trials: int) -> None:
    """Refuse an ensemble of trials that cannot be trained, before anything is searched.

    Raises:
        ConfigError: there are fewer trials than members; trials differ in what members cannot; or as
            `refuse_members_on`.
    """
    count = LEAST if asked == AUTO else int(asked)
    refuse_members_on(prepared)
    if trials < count:
        raise ConfigError(
            f"training.members: {count} members are different trials, and `trials` is {trials}: take more, or fewer "
            "members."
        )
    if common := next((one.key for one in space.dimensions if not can_differ(one.key)), None):
        raise ConfigError(
            f"training.members: members cannot differ in {common}, which is searched: give it a value, or leave out "
            "`training.members`."
        )


def choose_trials(
    finished: Sequence[Finished], best: Finished, count: int, objective: Objective
) -> tuple[tuple[Finished, ...], tuple[str, ...]]:
    """The best trial, and the next best that were trained to the end, each with other settings; and what to say.

    Args:
        finished: all trials of a search.
        best: the best of them.
        count: how many are wanted.
        objective: by what they are compared.
    """
    whole = [one for one in finished if one.outcome.ending == "finished" and isfinite(one.outcome.value)]
    whole.sort(key=lambda one: (objective.cost(one.outcome.value), one.number))
    different = dict[str, Finished]()
    for one in (best, *whole):
        different.setdefault(_known_by(one.chosen), one)
    trials = tuple(different.values())[:count]
    if len(trials) < LEAST:
        return trials, ("the best trial is trained alone: no other one was trained to its end",)
    if len(trials) < count:
        said = f"{len(trials)} of {count} members: no more trials with other settings were trained to their end"
        return trials, (said,)
    return trials, ()


def settings_of_members(search: Session, trials: Sequence[Finished]) -> Settings:
    """The settings of the first trial, with those of each as the members of an ensemble."""
    base, *others = (settings_on(search.prepared, search.settings(one.chosen)) for one in trials)
    changes = [changes_between(base, other) for other in (base, *others)]
    each = tuple(_with_searched(one.chosen, own) for one, own in zip(trials, changes, strict=True))
    training = replace(base.config.training, members=each)
    config = replace(base.config, training=training)
    return replace(base, config=config, origins={**base.origins, MEMBERS: "searched"})


def is_unfinished_ensemble(place: Path, settings: Settings) -> bool:
    """Whether a folder has a run of these members that did not finish, and can be gone on with."""
    with suppress(RunError):
        run = open_run(place)
        known = run.settings.get(MEMBERS)
        wanted = settings.values[MEMBERS]
        return run.status not in ("finished", "diverged") and known is not None and wanted == known.value is not None
    return False


def _with_searched(chosen: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes, and what was searched besides, so that each member says what it was chosen for."""
    within = tuple(f"{key}." for key in changes)
    return {key: value for key, value in chosen.items() if not key.startswith(within)} | dict(changes)


def _known_by(chosen: Mapping[str, Any]) -> str:
    """The settings of a trial with numbers of three digits: what differs in less is the same.

    >>> _known_by({"optimizer.learning_rate": 0.0012345}) == _known_by({"optimizer.learning_rate": 0.0012312})
    True
    """
    return flow({key: _rounded(value) for key, value in sorted(chosen.items())})


def _rounded(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_rounded(entry) for entry in value]
    return f"{value:.3g}" if isinstance(value, float) else value
