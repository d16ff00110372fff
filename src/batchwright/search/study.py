"""The study of a search, which Optuna keeps: what is to be tried next, and how what was tried came out.

First come points of a scrambled Sobol sequence, which cover the space evenly; after them come proposals of the
tree-structured Parzen estimator (Bergstra et al. 2011, Algorithms for Hyper-Parameter Optimization).
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import count as count_from
from math import isfinite
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import optuna
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.storages.journal import JournalStorage
from optuna.trial import FrozenTrial, TrialState

from batchwright.errors import BatchwrightError, RunError
from batchwright.search import storage
from batchwright.search.objective import LOSS, Objective
from batchwright.search.parameters import distribution, is_point, parameter_of, propose, sobol, suggest_values, value_of
from batchwright.search.space import Space
from batchwright.search.storage import Heartbeat, close, database, journal, retry, silence_warnings, trial_id

PLACE = "place"
"""The attribute that has a trial's place in the search; a trial that is queued again keeps it."""
Ending: TypeAlias = Literal["finished", "stopped", "diverged", "undefined"]
ENDINGS: tuple[Ending, ...] = get_args(Ending)


@dataclass(frozen=True)
class Outcome:
    """How a trial ended, what it is judged by (infinitely bad where it diverged), and that after every epoch.

    "undefined" is one whose rows do not determine what it is judged by. `by_seed` has what each of several seeds and
    folds came to, of a trial that has finished.
    """

    ending: Ending
    value: float
    curve: tuple[float, ...]
    by_seed: tuple[float, ...] = ()


@dataclass(frozen=True)
class Asked:
    """A trial that is to be trained: its number in the study, and what was chosen for it, by key."""

    number: int
    chosen: Mapping[str, Any]


@dataclass(frozen=True)
class Finished(Asked):
    """A trial that has been trained."""

    outcome: Outcome


class Study:
    """What a process has of a study that others may work on at the same time; close it when no more is asked for.

    Raises:
        BatchwrightError: the database was asked several times, and could not be reached.
    """

    def __init__(
        self, study: optuna.Study, kept_in: RDBStorage | JournalStorage, space: Space, objective: Objective = LOSS
    ) -> None:
        self.space = space
        self.objective = objective
        self.optuna = study
        self._kept_in = kept_in
        self._running: set[int] = set()
        self._empty = dict[int, float]()
        self._numbers = dict[int, int]()
        self._alive = Heartbeat(study, kept_in, self._running)

    def begin(self, count: int, *, seed: int) -> None:
        """Enqueue the first trials, skipping those already queued: a process that did so may have been killed."""
        if retry(lambda: self.optuna.user_attrs).get("begun"):
            return
        there = {trial.user_attrs.get(PLACE) for trial in self._trials()}
        for place, shares in enumerate(sobol(count, len(self.space.dimensions), seed=seed)):
            if place not in there:
                chosen = self.space.point(shares)
                parameters = dict(parameter_of(self.space, key, value) for key, value in chosen.items())
                retry(partial(self.optuna.enqueue_trial, parameters, user_attrs={PLACE: place}))
        retry(lambda: self.optuna.set_user_attr("begun", True))

    def ask_round(self, places: range, space: Space, *, spread: int, seed: int) -> list[Asked]:
        """Ask for the trials of one round that have not been trained, for a study that one process works on.

        What is proposed depends on the trials of earlier rounds, the space and the seed. It does not depend on how
        often the round was begun, nor on the order in which trials finished.

        Args:
            places: the numbers of the round's trials.
            space: the space as it is narrowed for this round.
            spread: how many trials of the study are points of a Sobol sequence.
            seed: of the search.
        """
        for trial in self._trials(TrialState.RUNNING, TrialState.WAITING):  # what a killed process left
            fail = self.optuna._storage.set_trial_state_values  # `tell` takes none that is waiting
            retry(partial(fail, trial._trial_id, TrialState.FAIL))
        trained = self._trials_by_place()
        if places.start < spread:
            points = sobol(spread, len(space.dimensions), seed=seed)[places.start : places.stop]
            chosen = [space.point(shares) for shares in points]
            proposed = [dict(parameter_of(space, key, value) for key, value in one.items()) for one in chosen]
        else:
            before = [trained[place] for place in sorted(trained) if place < places.start]
            of_round = int(np.random.SeedSequence([seed, places.start]).generate_state(1)[0])
            direction = self.objective.direction
            proposed = propose(len(places), space, before, seed=of_round, direction=direction)
        return [
            self._begin_trial(place, parameters, space)
            for place, parameters in zip(places, proposed, strict=True)
            if place not in trained
        ]

    def _begin_trial(self, place: int, parameters: Mapping[str, Any], space: Space) -> Asked:
        """Record a trial that is to be trained next."""
        retry(partial(self.optuna.enqueue_trial, dict(parameters), user_attrs={PLACE: place}))
        trial = retry(self.optuna.ask)
        self._running.add(trial.number)
        self._numbers[place] = trial.number
        return Asked(place, retry(partial(suggest_values, trial, space)))

    def _trials_by_place(self) -> dict[int, FrozenTrial]:
        """The trials that have been trained, by their place in the search; those without one take what is free."""
        trained = [trial for trial in self._trials(TrialState.COMPLETE, TrialState.PRUNED) if _is_told(trial)]
        placed = dict[int, FrozenTrial]()
        for trial in trained:
            placed.setdefault(trial.user_attrs.get(PLACE, -1), trial)
        placed.pop(-1, None)
        free = (place for place in count_from(0) if place not in placed)
        return placed | {next(free): trial for trial in trained if PLACE not in trial.user_attrs}

    def ask(self, count: int, space: Space) -> list[Asked]:
        """Ask for trials that no other process has, from the space as it is now; queued trials come first."""
        asked: list[Asked] = []
        while len(asked) < count:
            trial = retry(self.optuna.ask)
            if self._is_second(trial):
                retry(partial(self.optuna.tell, trial.number, state=TrialState.FAIL))
                continue
            self._running.add(trial.number)
            retry(partial(self._alive.beat, trial.number))
            asked.append(Asked(trial.number, retry(partial(suggest_values, trial, space))))
        return asked

    def _is_second(self, trial: optuna.Trial) -> bool:
        """Whether an earlier trial has its place: two processes that begin a study at once both put all in line."""
        place = trial.user_attrs.get(PLACE)
        return place is not None and any(
            other.number < trial.number and other.user_attrs.get(PLACE) == place and other.state != TrialState.FAIL
            for other in self._trials()
        )

    def tell(self, number: int, outcome: Outcome) -> None:
        """Record how a trial has ended; one that was told already stays as it was."""
        number = self._numbers.get(number, number)
        stopped = outcome.ending != "finished"

        def tell() -> None:
            trial = optuna.trial.Trial(self.optuna, trial_id(self.optuna, number))
            with suppress(optuna.exceptions.UpdateFinishedTrialError):
                trial.set_user_attr("ending", outcome.ending)
                trial.set_user_attr("curve", [value if isfinite(value) else None for value in outcome.curve])
                trial.set_user_attr("by_seed", list(outcome.by_seed))
                if stopped:
                    trial.report(outcome.value, step=max(len(outcome.curve), 1))
            state = TrialState.PRUNED if stopped else TrialState.COMPLETE
            self.optuna.tell(number, None if stopped else outcome.value, state=state, skip_if_finished=True)

        retry(tell)
        self._running.discard(number)

    def give_back(self) -> None:
        """Put the trials that this process has not told of in line again."""
        for number in sorted(self._running):
            retry(partial(_put_back, self.optuna, number))
        self._running.clear()

    def reclaim(self) -> None:
        """Put the trials of processes that have died in line again: of a database, those without a sign of life.

        A process may have died before the first sign of a trial; then nothing is chosen for it for as long.
        """
        shared = isinstance(self._kept_in, RDBStorage)
        if shared:
            retry(lambda: fail_stale_trials(self.optuna))
        others = [trial for trial in self._trials(TrialState.RUNNING) if trial.number not in self._running]
        for trial in self._trials_empty_for_long(others) if shared else others:
            retry(partial(_put_back, self.optuna, trial.number))

    def _trials_empty_for_long(self, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        """Of these, those for which nothing was chosen since they were first seen here, some time ago."""
        now = time.monotonic()
        self._empty = {trial.number: self._empty.get(trial.number, now) for trial in trials if not trial.params}
        return [trial for trial in trials if now - self._empty.get(trial.number, now) > storage.GRACE]

    def finished_trials(self) -> list[Finished]:
        """All trials that have been trained, by anyone, in the order of their numbers.

        In the journal of one process they are numbered by their place in the search: a trial that was interrupted and
        trained again keeps its number.
        """
        return [
            replace(found, number=number)
            for number, trial in self._trained_trials()
            if (found := _finished_trial(trial, self.space, self.objective))
        ]

    @property
    def alone(self) -> bool:
        """Whether no other process works on the study."""
        return isinstance(self._kept_in, JournalStorage)

    def _trained_trials(self) -> list[tuple[int, FrozenTrial]]:
        """The trials that have been trained, with the number by which the search knows each."""
        if self.alone:
            return sorted(self._trials_by_place().items())
        return [(trial.number, trial) for trial in self._trials(TrialState.COMPLETE, TrialState.PRUNED)]

    def comparable_copy(self) -> optuna.Study:
        """A copy in memory that judges all trials after the same number of epochs: where the first one was stopped.

        Otherwise stopped trials would not count in the importances, and only the good ones would remain. Parameters
        have the names of their keys; a `one_minus_log` parameter still holds 1 minus the value.
        """
        objective = self.objective
        trials = [trial for _, trial in self._trained_trials() if _finished_trial(trial, self.space, objective)]
        keys = {distribution(dimension)[0]: dimension.key for dimension in self.space.dimensions}
        curves = {trial.number: _curve(trial, objective) for trial in trials}
        endings = {trial.number: trial.user_attrs["ending"] for trial in trials}
        epochs = min((len(curve) for number, curve in curves.items() if endings[number] != "diverged"), default=1)
        study = optuna.create_study(direction=objective.direction)
        study.add_trials(
            optuna.create_trial(
                params={keys[name]: value for name, value in trial.params.items()},
                distributions={keys[name]: of for name, of in trial.distributions.items()},
                value=objective.worst
                if endings[trial.number] == "diverged"
                else objective.best(curves[trial.number][:epochs]),
            )
            for trial in trials
        )
        return study

    def count_running(self) -> int:
        """How many are being trained, by anyone."""
        return len(self._trials(TrialState.RUNNING))

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        """The trials in one of these states; without any, all."""
        return retry(lambda: self.optuna.get_trials(deepcopy=False, states=states or None))

    def close(self) -> None:
        """Give back what was not trained, and end the signs of life."""
        self._alive.stop()
        with suppress(BatchwrightError):
            self.give_back()
        close(self._kept_in)


def open_study(
    space: Space,
    place: Path | str,
    *,
    name: str,
    identity: Mapping[str, Any],
    seed: int,
    objective: Objective = LOSS,
) -> Study:
    """The study of this name, new or begun.

    Args:
        space: what is searched.
        place: the file of a journal, or the URL of a database, as postgresql://user@host/name.
        name: the name of the study in the database.
        identity: what the study is of: rows, space and how trials are trained. A study of anything else is refused.
        seed: of what is proposed.
        objective: what trials are judged by; part of the identity, as whatever else trials depend on.

    Raises:
        RunError: the study is of other rows, or of another space.
        UsageError: there is no such database, or no driver for it.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    kept_in = journal(place) if isinstance(place, Path) else database(place)
    try:
        study = retry(
            lambda: optuna.create_study(
                storage=kept_in, study_name=name, load_if_exists=True, direction=objective.direction
            )
        )
        _check(study, identity, place if isinstance(place, Path) else name)
        done = len(retry(lambda: study.get_trials(deepcopy=False)))
        if isinstance(place, Path):
            _check_points(study, space, place)
    except BaseException:
        close(kept_in)
        raise
    study.sampler = optuna.samplers.TPESampler(
        seed=(seed * 1_000_003 + done) % 2**32, n_startup_trials=0, multivariate=False, constant_liar=True
    )
    return Study(study, kept_in, space, objective)


def _finished_trial(trial: FrozenTrial, space: Space, objective: Objective) -> Finished | None:
    """What a study says of a trial that has been trained; None where another program has told something else."""
    ending: Any = trial.user_attrs.get("ending")
    curve = trial.user_attrs.get("curve")
    value = trial.value if trial.state == TrialState.COMPLETE else trial.intermediate_values.get(trial.last_step or 0)
    if ending not in ENDINGS or not isinstance(curve, list) or value is None:
        return None
    names = {distribution(dimension)[0]: dimension for dimension in space.dimensions}
    chosen = {
        names[name].key: value_of(names[name], parameter) for name, parameter in trial.params.items() if name in names
    }
    by_seed = tuple(map(float, trial.user_attrs.get("by_seed", ())))
    return Finished(trial.number, chosen, Outcome(ending, float(value), _curve(trial, objective), by_seed))


def _is_told(trial: FrozenTrial) -> bool:
    """Whether a trial that has ended was told by batchwright, with all that it needs to be known again."""
    return {"ending", "curve"} <= trial.user_attrs.keys() and (
        trial.state == TrialState.COMPLETE or bool(trial.intermediate_values)
    )


def _check_points(study: optuna.Study, space: Space, path: Path) -> None:
    """Refuse a journal whose trials are not of this space.

    Raises:
        RunError: a trial that has been trained has other settings, or one that its setting does not take.
    """
    for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)):
        if not is_point(space, trial.params):
            raise RunError(
                f"{path}: trial {trial.number} is not a point of the searched space, but {trial.params!s:.120}. "
                "The journal was damaged or edited: copy it again from where it is whole."
            )


def _curve(trial: FrozenTrial, objective: Objective) -> tuple[float, ...]:
    """What a trial was judged by after every epoch."""
    return tuple(objective.worst if one is None else float(one) for one in trial.user_attrs["curve"])


def _put_back(study: optuna.Study, number: int) -> None:
    """End a trial that was not trained, and put what was chosen for it in line."""
    trial = next(one for one in study.get_trials(deepcopy=False) if one.number == number)
    study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
    with silence_warnings():
        RetryHeartbeatStaleTrialCallback()(study, trial)


def _check(study: optuna.Study, identity: Mapping[str, Any], where: Path | str) -> None:
    """Say what a new study is of, or refuse one that is of something else."""
    known = study.user_attrs.get("batchwright")
    if known is None:
        if study.get_trials(deepcopy=False):
            raise RunError(f"the study {where} is not one of batchwright: give another `study_name`.")
        retry(lambda: study.set_user_attr("batchwright", dict(identity)))
    elif differing := [key for key, value in identity.items() if known.get(key) != value]:
        told = ", ".join(f"{key} (there {known.get(key)!s:.12}, here {identity[key]!s:.12})" for key in differing)
        raise RunError(
            f"the study {where} is for another search: {told}. Give another `study_name`, or continue that search."
        )
