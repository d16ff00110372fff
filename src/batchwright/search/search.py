"""A search from beginning to end: rounds of trials trained at once, then the best one as a run of its own."""

import hashlib
import shutil
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np

from batchwright import _cache, _machine
from batchwright._files import explain_write_errors
from batchwright.config import NONE_GIVEN, Given, Settings, dump_config
from batchwright.data.dataset import Dataset
from batchwright.errors import BatchwrightError, ConfigError, DataError, InterruptedRunError, RunError, UsageError
from batchwright.measure.device_memory import free_memory
from batchwright.population.at_once import member_bytes, most_at_once, wave_sizes
from batchwright.population.fit import common_rows
from batchwright.runs.manifest import BEST_RUN
from batchwright.runs.searches import BEST_CONFIG, SPACE, STUDY, SearchFolder, SearchPlan, create_search
from batchwright.search.defaults import default_dimensions
from batchwright.search.events import Began, Progress, RoundDone, Searched, SearchEvent, SearchOptions, Waiting
from batchwright.search.importance import by_logarithm, importance
from batchwright.search.journal import mend_journal
from batchwright.search.narrowing import narrow_space
from batchwright.search.objective import LOSS, Objective, objective_of
from batchwright.search.space import Space, corners, load_space
from batchwright.search.study import Asked, Finished, Outcome, Study, open_study
from batchwright.search.trials import Standing, Trial, rungs, train_trials
from batchwright.training.job import Job
from batchwright.workflow import Prepared, Repeated, Trained, folds, repeat, train
from batchwright.workflow.measuring import SIZE, batch_sizes
from batchwright.workflow.places import find_again, places_of
from batchwright.workflow.preparing import example_of, job_on, prepare

FIRST_SHARE, ROUND_SHARE = 0.5, 0.25
"""The share of the trials that are spread evenly, in the first round; and of the rounds after it."""
ROUND, MOST_IN_ROUND = 8, 64
"""The fewest and the most trials of a round; trials of the same round do not learn from each other."""
AGAIN = "the same search, with its storage and study name and another folder, goes on with it"
WAIT = 2.0
"""Seconds between two looks at the trials that other processes are training."""


def search(
    space: Space,
    options: SearchOptions,
    dataset: Dataset | None = None,
    *,
    run_dir: Path | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Iterator[SearchEvent]:
    """Search, and say what happens; at last comes `Searched`.

    Args:
        space: what may be chosen; without dimensions, what the number of trials can tell of.
        options: how.
        dataset: the rows, where they have been loaded already.
        run_dir: the folder of the search; None takes `runs/<source>-search-<n>`.
        interrupted: asked after every epoch; True ends the search there, and what was found is kept.

    Raises:
        DataError, ConfigError, RunError: what was asked for cannot be done; nothing was written.
        InterruptedRunError: it was interrupted.
    """
    _cache.use()
    space, prepared, plan, notes = _plan_search(space, options, dataset)
    folder = create_search(run_dir, plan, space.to_text())
    with folder:
        yield from _carry_out(_Search(space, options, prepared, folder, notes, interrupted))


def go_on(
    folder: SearchFolder,
    dataset: Dataset | None = None,
    *,
    given: Given = NONE_GIVEN,
    interrupted: Callable[[], bool] = lambda: False,
) -> Iterator[SearchEvent]:
    """Go on with a search that did not finish: trials that were trained are kept, those in progress begin again.

    Args:
        folder: the folder of the search.
        dataset: the rows, where they were not read from a source.
        given: the parts of the search that are code of the user's own, which its record only names.
        interrupted: as for `search`.

    Raises:
        ConfigError: a part of the user's own is not given, or another one.
        RunError: its rows are no longer what they were, or its study is in a database.
        InterruptedRunError: as for `search`.
    """
    _cache.use()
    with folder:
        if folder.plan.in_database:
            raise RunError(f"the study of {folder.path} is in a database: {AGAIN}.")
        _machine.use_recorded_threads(folder.plan.machine)
        plan, space = folder.plan, load_space(folder.path / SPACE, given=given, whose="search")
        options = SearchOptions(plan.trials, plan.seeds, plan.pruning, folds=plan.folds, objective=plan.objective)
        settings = space.settings(space.point(_middle(space)))
        if settings.config.data.source is None and dataset is None:
            again = f"bw.resume_search({str(folder.path)!r}, data)"
            raise RunError(f"{folder.path} searches on rows from Python: go on with it there, {again}.")
        prepared = prepare(find_again(settings, plan.paths), dataset)
        if prepared.dataset.fingerprint != plan.fingerprint:
            raise RunError(f"the rows of {prepared.dataset.name} differ from the rows of the search in {folder.path}.")
        found = (mend_journal(folder.path / STUDY), _machine.difference_note(plan.machine))
        notes = tuple(note for note in found if note)
        yield from _carry_out(_Search(space, options, prepared, folder, notes, interrupted))


@dataclass(frozen=True)
class _Search:
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
        return _objective(self.space, self.options, self.prepared)

    @property
    def identity(self) -> dict[str, Any]:
        """What a study has to be of to be this search's."""
        text = hashlib.sha256(self.space.to_text().encode()).hexdigest()
        asked = self.options.objective and f"{self.objective.direction} {self.objective.monitor}"
        return {
            "rows": self.prepared.dataset.fingerprint,
            "space": text,
            "seeds": self.options.seeds,
            "folds": self.options.folds,
            "pruning": self.options.pruning,
            "objective": asked,
        }

    def settings(self, chosen: Mapping[str, Any]) -> Settings:
        """Those of a trial."""
        plan, settings = self.folder.plan, self.space.settings(chosen)
        if plan.batch_size is None:
            return settings
        return settings.with_measured({SIZE: plan.batch_size}, {SIZE: {"reason": plan.batch_size_reason}})


def _plan_search(
    space: Space, options: SearchOptions, dataset: Dataset | None
) -> tuple[Space, Prepared, SearchPlan, tuple[str, ...]]:
    """What is searched, on which rows; the batch size is measured where nobody has chosen it."""
    first = space.settings(space.point(_middle(space)))
    if not space.dimensions:
        space = space.with_dimensions(default_dimensions(first, options.trials))
        first = space.settings(space.point(_middle(space)))
    if not space.dimensions:
        raise ConfigError("there is nothing to search: give a space for a key, as learning_rate: {log: [1e-4, 1]}.")
    if first.to_measure:
        raise ConfigError(
            f"{first.to_measure[0]}: auto does not go with a search, which measures the batch size itself."
        )
    prepared = prepare(first, dataset)
    common_rows([prepared.job])
    if prepared.job.validation is None:
        raise ConfigError(
            "a search compares trials on the validation rows: give data.validation_split a share above 0."
        )
    _objective(space, options, prepared)
    if options.folds > 1:
        folds(prepared, options.folds)  # refuses what cannot be dealt out, before anything is written
    for chosen in corners(space):
        job_on(prepared, space.settings(chosen))  # refuses what is too large, before anything is written
    size, reason, notes = _batch_size(space, first, prepared)
    plan = SearchPlan(
        prepared.dataset.name,
        prepared.dataset.fingerprint,
        options.trials,
        options.seeds,
        options.pruning,
        size,
        reason,
        options.folds,
        options.storage is not None,
        _machine.describe(),
        places_of(prepared.settings.config.data),
        options.objective,
    )
    return space, prepared, plan, notes


def _objective(space: Space, options: SearchOptions, prepared: Prepared) -> Objective:
    """What trials are compared by.

    Raises:
        ConfigError: the task does not report it.
    """
    keys = [dimension.key for dimension in space.dimensions]
    return objective_of(options.objective, prepared.job.program.model.task, keys)


def _batch_size(space: Space, settings: Settings, prepared: Prepared) -> tuple[int | None, str, tuple[str, ...]]:
    """The measured batch size, why, and what to say; None where it is searched or was chosen, or cannot be measured."""
    searched = any(dimension.key == SIZE for dimension in space.dimensions)
    if searched or settings.origins[SIZE] != "default":
        return None, "", ()
    try:
        found = batch_sizes(prepared)
    except (ConfigError, DataError) as error:
        return None, "", (f"the batch size stays {prepared.plan.batch_size:,}: {error}",)
    return found.recommended, found.reason, (f"the batch size {found.recommended:,} was measured: {found.reason}",)


def _carry_out(search: _Search) -> Iterator[SearchEvent]:
    started, prepared, options = time.perf_counter(), search.prepared, search.options
    place = options.storage or search.folder.path / STUDY
    name = options.study_name or Path(prepared.dataset.name).stem
    objective, seed = search.objective, prepared.job.seed
    study = open_study(search.space, place, name=name, identity=search.identity, seed=seed, objective=objective)
    try:
        yield Began(prepared, search.space, options, search.folder.path, search.notes, objective)
        if not study.alone:
            study.begin(_first_round(options.trials), seed=prepared.job.seed)
            study.reclaim()
        while len(finished := study.finished_trials()) < options.trials:
            yield from (_run_round_alone if study.alone else _run_round)(search, study, finished)
            _record(search, study.finished_trials())
            _refuse_undefined(objective, study.finished_trials())
        _record(search, finished)  # once more: what is there may be damaged
        comparable = study.comparable_copy()
    finally:
        study.close()
    _refuse_undefined(objective, finished)
    best = _best(finished, objective)
    if best is None:
        raise BatchwrightError("all trials have diverged: search smaller learning rates.")
    settings = search.settings(best.chosen)
    try:
        trained, repeated = yield from _winner(search, settings)
    except InterruptedRunError as error:
        raise InterruptedRunError(f"interrupted while the best was trained anew; {_how_to_go_on(search)}.") from error
    seconds = time.perf_counter() - started
    noise = _seed_variance(finished, log=by_logarithm(comparable))
    figure = objective.monitor if options.objective else "the loss"
    found = importance(comparable, seed_variance=noise, seed=seed, figure=figure)
    yield Searched(search.folder.path, tuple(finished), best, settings, trained, repeated, found, seconds, objective)


def _refuse_undefined(objective: Objective, finished: Sequence[Finished]) -> None:
    """End a search whose objective no trial has, though some did not diverge.

    Raises:
        BatchwrightError: it is so.
    """
    if objective == LOSS:  # whose trials have diverged, as the outputs are not finite
        return
    trained = [one for one in finished if one.outcome.ending != "diverged"]
    if trained and not any(isfinite(one.outcome.value) for one in trained):
        raise BatchwrightError(
            f"{objective.monitor} is not a finite number in any of the {len(trained)} trials that did not diverge: the "
            "validation rows do not determine it. Take another objective."
        )


def _run_round_alone(search: _Search, study: Study, finished: Sequence[Finished]) -> Iterator[SearchEvent]:
    """Train the rest of the first incomplete round: the trials that a killed process did not finish.

    Proposals depend on the rounds before it, and rungs count all of its trials. So an interrupted round ends like one
    that was not interrupted.
    """
    options, first = search.options, _first_round(search.options.trials)
    known = {one.number: one.outcome for one in finished}
    places = next(places for places in round_places(options.trials) if not known.keys() >= set(places))
    before = [one for one in finished if one.number < places.start]
    space, notes = narrow_space(search.space, before, search.objective) if places.start >= first else (search.space, ())
    asked = study.ask_round(places, space, spread=first, seed=search.prepared.job.seed)
    trained = [one for one in finished if one.number in places]
    of_round = sorted([*asked, *trained], key=lambda one: one.number)
    example = example_of(search.prepared.dataset)
    for wave in _waves([_trial(search, one) for one in of_round], example):
        if any(trial.number not in known for trial in wave):
            yield from _train_wave(search, study, before, of_round, wave, known)
    yield _end_of_round(search, study, notes)


def round_places(trials: int) -> Iterator[range]:
    """The numbers of the trials of each round.

    >>> list(round_places(20))
    [range(0, 10), range(10, 18), range(18, 20)]
    """
    first, start = _first_round(trials), 0
    while start < trials:
        size, end = (first, first) if start < first else (max(ROUND, round(ROUND_SHARE * trials)), trials)
        places = range(start, min(start + min(size, MOST_IN_ROUND), end))
        yield places
        start = places.stop


def _run_round(search: _Search, study: Study, finished: Sequence[Finished]) -> Iterator[SearchEvent]:
    """Ask for trials, train them, and tell how they came out; where others train the last ones, wait for them."""
    options, first = search.options, _first_round(search.options.trials)
    running = study.count_running()
    left = options.trials - len(finished) - running
    if left <= 0:
        yield Waiting(running)
        if search.interrupted():
            _stop(search, study)
        time.sleep(WAIT)
        study.reclaim()
        return
    space, notes = (
        narrow_space(search.space, finished, search.objective) if len(finished) >= first else (search.space, ())
    )
    size = first if len(finished) < first else max(ROUND, round(ROUND_SHARE * options.trials))
    asked = study.ask(min(size, left, MOST_IN_ROUND), space)
    example = example_of(search.prepared.dataset)
    trials = [_trial(search, one) for one in asked]
    for wave in _waves(trials, example):
        yield from _train_wave(search, study, finished, asked, wave)
    yield _end_of_round(search, study, notes)


def _end_of_round(search: _Search, study: Study, notes: tuple[str, ...]) -> RoundDone:
    """The end of a round, with a sentence for trials that cannot be judged."""
    finished = study.finished_trials()
    without = sum(one.outcome.ending == "undefined" for one in finished)
    trials = "trial has" if without == 1 else "trials have"
    said = f"{without} {trials} no finite {search.objective.monitor} at its end, which counts as the worst"
    return RoundDone(finished, (*notes, said) if without else notes)


def _train_wave(
    search: _Search,
    study: Study,
    finished: Sequence[Finished],
    asked: Sequence[Asked],
    wave: Sequence[Trial],
    known: Mapping[int, Outcome] = MappingProxyType({}),
) -> Iterator[SearchEvent]:
    """Train trials that fit into memory together, and tell the study of each as soon as it has ended.

    Those that are known already are not trained again; they count at the rungs.
    """
    example, told, started = example_of(search.prepared.dataset), set(known), time.perf_counter()
    trained_before = {trial.number: known[trial.number] for trial in wave if trial.number in known}
    before = started
    members = {trial.number: len(trial.jobs) for trial in wave}
    epochs = wave[0].jobs[0].plan.epochs
    none_yet = [Standing(trial.number, (), None, search.objective) for trial in wave]
    yield Progress(finished, asked, none_yet, 0, epochs, 0.0, 0.0)
    for epoch, standings in enumerate(
        train_trials(wave, example, judged_by=search.objective, trained=trained_before), start=1
    ):
        now = time.perf_counter()
        trained = sum(
            members[standing.number]
            for standing in standings
            if len(standing.curve) == epoch and standing.number not in trained_before
        )
        rows = trained * wave[0].jobs[0].plan.rows_per_epoch
        for standing in standings:
            if standing.outcome and standing.number not in told:
                study.tell(standing.number, standing.outcome)
                told.add(standing.number)
        yield Progress(finished, asked, standings, epoch, epochs, rows / (now - before), now - started)
        before = time.perf_counter()
        if search.interrupted():
            _stop(search, study)


def _stop(search: _Search, study: Study) -> NoReturn:
    """Keep what was found, and say how to go on."""
    finished = study.finished_trials()
    _record(search, finished)
    found = _best(finished, search.objective)
    best = f"the best so far is in {search.folder.path / BEST_CONFIG}, and " if found else ""
    said = f"interrupted after {len(finished)} of {search.options.trials} trials"
    raise InterruptedRunError(f"{said}; {best}{_how_to_go_on(search)}.")


def _how_to_go_on(search: _Search) -> str:
    """How to go on with a search that was interrupted."""
    return AGAIN if search.options.storage else f"`batchwright resume {search.folder.path}` goes on with it"


def _winner(search: _Search, settings: Settings) -> Generator[SearchEvent, None, tuple[Trained, Repeated | None]]:
    """Train the best settings anew, as a run of its own, and with further seeds where there are several."""
    place = search.folder.path / BEST_RUN
    if place.exists():
        with explain_write_errors(place):
            shutil.rmtree(place)
    trained: Trained | None = None
    for event in train(settings, search.prepared.dataset, run_dir=place, interrupted=search.interrupted):
        trained = event if isinstance(event, Trained) else trained
        yield event
    assert trained is not None
    repeated: Repeated | None = None
    if search.options.seeds > 1:
        for told in repeat(trained, search.options.seeds, interrupted=search.interrupted):
            repeated = told if isinstance(told, Repeated) else repeated
            yield told
    return trained, repeated


def _trial(search: _Search, asked: Asked) -> Trial:
    settings = search.settings(asked.chosen)
    each = [job_on(search.prepared, settings, of_fold) for of_fold in search.jobs]
    jobs = tuple(replace(job, seed=job.seed + further) for further in range(search.options.seeds) for job in each)
    return Trial(asked.number, jobs, rungs(jobs[0].plan.epochs, search.options.pruning, asked.number))


def _waves(trials: Sequence[Trial], example: Mapping[str, np.ndarray]) -> Iterator[Sequence[Trial]]:
    """The trials in waves of about one size, each as many as fit into memory at once, by the largest of them.

    Raises:
        UsageError: not even one trial fits, with all its seeds.
    """
    seeds = len(trials[0].jobs)
    largest = max((trial.jobs[0] for trial in trials), key=lambda job: member_bytes(job, example))
    of_trial = len({job.seed for job in trials[0].jobs})
    most = most_at_once(largest, example, members=len(trials) * seeds, seeds=of_trial, bytes_free=free_memory())
    if most < seeds:
        raise UsageError(f"{most} networks fit in memory at once, a trial has {seeds}: take fewer seeds or folds.")
    first = 0
    for size in wave_sizes(len(trials), most // seeds):
        yield trials[first : first + size]
        first += size


def _record(search: _Search, finished: Sequence[Finished]) -> None:
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
    best = _best(finished, search.objective)
    search.folder.write_trials(lines, dump_config(search.settings(best.chosen)) if best else None)


def _best(finished: Sequence[Finished], objective: Objective) -> Finished | None:
    """The best trial; None where none can be judged."""
    good = [one for one in finished if isfinite(one.outcome.value)]
    return min(good, key=lambda one: (objective.cost(one.outcome.value), one.number), default=None)


def _seed_variance(finished: Sequence[Finished], *, log: bool) -> float | None:
    """The variance between the seeds of a trial, of all trials alike; None where each has one seed."""
    losses = [np.asarray(one.outcome.by_seed) for one in finished if one.outcome.by_seed]
    compared = [np.log(of_trial) if log else of_trial for of_trial in losses]
    return float(np.mean([of_trial.var(ddof=1) for of_trial in compared])) if compared else None


def _first_round(trials: int) -> int:
    """How many trials are spread evenly; all, where there are few."""
    return trials if trials <= ROUND else max(ROUND, round(FIRST_SHARE * trials))


def _middle(space: Space) -> list[float]:
    return [0.5] * len(space.dimensions)
