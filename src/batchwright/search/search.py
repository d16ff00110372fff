"""A search from beginning to end: rounds of trials trained at once, then the best one as a run of its own."""

import shutil
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from math import isfinite
from pathlib import Path

import numpy as np

from batchwright import _cache, _machine
from batchwright._files import explain_write_errors
from batchwright.config import NONE_GIVEN, Given, Settings, dump_config, given_of
from batchwright.config.sections import AUTO
from batchwright.data.dataset import Dataset
from batchwright.errors import BatchwrightError, ConfigError, DataError, InterruptedRunError, RunError
from batchwright.population.fit import common_rows
from batchwright.runs.manifest import BEST_RUN
from batchwright.runs.searches import SPACE, STUDY, SearchFolder, SearchPlan, create_search
from batchwright.search.alike import networks_of, scale_alike
from batchwright.search.defaults import default_dimensions
from batchwright.search.ensemble import (
    choose_trials,
    is_unfinished_ensemble,
    refuse_trials_as_members,
    settings_of_members,
    take_members,
)
from batchwright.search.events import Began, MembersChosen, Searched, SearchEvent, SearchOptions
from batchwright.search.importance import by_logarithm, importance
from batchwright.search.journal import mend_journal
from batchwright.search.objective import LOSS, Objective
from batchwright.search.rounds import first_round, run_round, run_round_alone
from batchwright.search.saved import describe_result
from batchwright.search.session import (
    AGAIN,
    Session,
    best_of,
    chosen_objective,
    how_to_go_on,
    record_trials,
    study_of,
)
from batchwright.search.shared_size import Size, agreed_size
from batchwright.search.space import Space, corners, load_space
from batchwright.search.study import Finished
from batchwright.workflow import Event, Prepared, Repeated, Trained, repeat, resume, train
from batchwright.workflow.averaging import is_averaged
from batchwright.workflow.ensemble import refuse_apart
from batchwright.workflow.folds import folds
from batchwright.workflow.held_out import refuse_without_validation, with_validation_rows
from batchwright.workflow.linear_rate import rate_of_rows
from batchwright.workflow.measuring import SIZE, batch_sizes
from batchwright.workflow.member_count import choose_count
from batchwright.workflow.places import find_again, places_of, require_rows_again
from batchwright.workflow.preparing import job_on, prepare
from batchwright.workflow.refusals import refuse_where_compared
from batchwright.workflow.tasks import medians_note


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
        yield from _carry_out(Session(space, options, prepared, folder, notes, interrupted))


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
        if dataset is None:
            require_rows_again(settings.config.data, folder.path)
        prepared = prepare(find_again(with_validation_rows(settings), plan.paths), dataset)
        if prepared.dataset.fingerprint != plan.fingerprint:
            raise RunError(f"the rows of {prepared.dataset.name} differ from the rows of the search in {folder.path}.")
        found = (mend_journal(folder.path / STUDY), _machine.difference_note(plan.machine))
        notes = tuple(note for note in found if note)
        yield from _carry_out(Session(space, options, prepared, folder, notes, interrupted))


def _plan_search(
    space: Space, options: SearchOptions, dataset: Dataset | None
) -> tuple[Space, Prepared, SearchPlan, tuple[str, ...]]:
    """What is searched, on which rows; the batch size is measured where nobody has chosen it."""
    space, scaled = scale_alike(space, networks_of(space) if dataset is None else ())
    space, members = take_members(space, space.settings(space.point(_middle(space))))
    first = space.settings(space.point(_middle(space)))
    refuse_where_compared(first)
    if not space.dimensions:
        prepared = None if first.to_measure else prepare(with_validation_rows(first), dataset)
        dataset = prepared.dataset if prepared else dataset
        averaged = prepared is not None and is_averaged(prepared.settings)
        rate = rate_of_rows(prepared.settings) if prepared else None
        space = space.with_dimensions(default_dimensions(first, options.trials, averaged=averaged, rate=rate))
        first = space.settings(space.point(_middle(space)))
    if not space.dimensions:
        raise ConfigError("there is nothing to search: give a space for a key, as learning_rate: {log: [1e-4, 1]}.")
    if first.to_measure:
        raise ConfigError(
            f"{first.to_measure[0]}: auto does not go with a search: give it values to choose from, or leave it out."
        )
    prepared = prepare(with_validation_rows(first), dataset)
    common_rows([prepared.job])
    refuse_without_validation(prepared.settings, prepared.dataset, "a search compares trials on the validation rows")
    objective = chosen_objective(space, options, prepared)
    if options.folds > 1:
        folds(prepared, options.folds)  # refuses what cannot be dealt out, before anything is written
    if members is not None:
        refuse_trials_as_members(space, prepared, members, options.trials)
    _refuse_corners(space, prepared, together=members is not None)
    size, reason, notes = _batch_size(space, first, prepared, options)
    notes = (*scaled, *notes, *medians_note(prepared.job.program.model.task, objective.monitor))
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
        members,
    )
    return space, prepared, plan, notes


def _refuse_corners(space: Space, prepared: Prepared, *, together: bool) -> None:
    """Refuse what no trial can be, or where trials are to answer `together` cannot, before anything is written."""
    for chosen in corners(space):
        settings = space.settings(chosen)
        refuse_where_compared(settings)
        job = job_on(prepared, settings)
        if together:
            refuse_apart(prepared.job, job)


def _batch_size(space: Space, settings: Settings, prepared: Prepared, options: SearchOptions) -> Size:
    """The measured batch size; none where it is searched or was chosen. Machines that share a study have one."""
    searched = any(dimension.key == SIZE for dimension in space.dimensions)
    if searched or settings.origins[SIZE] != "default":
        return Size(None, "", ())
    if options.storage is None:
        return _measured_size(prepared)
    objective = chosen_objective(space, options, prepared)
    study = study_of(space, options, prepared, objective, place=options.storage)
    try:
        return agreed_size(study, lambda: _measured_size(prepared))
    finally:
        study.close()


def _measured_size(prepared: Prepared) -> Size:
    try:
        found = batch_sizes(prepared)
    except (ConfigError, DataError) as error:
        return Size(None, "", (f"the batch size stays {prepared.plan.batch_size:,}: {error}",))
    note = f"the batch size {found.recommended:,} was measured: {found.reason}"
    return Size(found.recommended, found.reason, (note,))


def _carry_out(search: Session) -> Iterator[SearchEvent]:
    started, prepared, options = time.perf_counter(), search.prepared, search.options
    objective, seed = search.objective, prepared.job.seed
    study = search.open_study()
    try:
        yield Began(prepared, search.space, options, search.folder.path, search.notes, objective)
        if not study.alone:
            study.begin(first_round(options.trials), seed=prepared.job.seed)
            study.reclaim()
        while len(finished := study.finished_trials()) < options.trials:
            yield from (run_round_alone if study.alone else run_round)(search, study, finished)
            record_trials(search, study.finished_trials())
            _refuse_undefined(objective, study.finished_trials())
        record_trials(search, finished)  # once more: what is there may be damaged
        comparable = study.comparable_copy()
    finally:
        study.close()
    _refuse_undefined(objective, finished)
    best = best_of(finished, objective)
    if best is None:
        raise BatchwrightError("all trials have diverged: search smaller learning rates.")
    chosen = yield from _choose_members(search, finished, best)
    settings = settings_of_members(search, chosen) if chosen else search.settings(best.chosen)
    search.folder.write_best(dump_config(settings))
    try:
        trained, repeated = yield from _winner(search, settings)
    except InterruptedRunError as error:
        what = "the members were" if chosen else "the best was"
        raise InterruptedRunError(f"interrupted while {what} trained anew; {how_to_go_on(search)}.") from error
    seconds = time.perf_counter() - started
    noise = _seed_variance(finished, log=by_logarithm(comparable))
    figure = objective.monitor if options.objective else "the loss"
    found = importance(comparable, seed_variance=noise, seed=seed, figure=figure)
    search.folder.write_result(describe_result(objective, found))
    place = search.folder.path
    yield Searched(place, tuple(finished), best, settings, trained, repeated, found, seconds, objective, chosen)


def _choose_members(
    search: Session, finished: Sequence[Finished], best: Finished
) -> Generator[SearchEvent, None, tuple[Finished, ...]]:
    """The trials that become members, where an ensemble was asked for and there are enough; otherwise none."""
    asked = search.folder.plan.members
    if asked is None:
        return ()
    count, reason = choose_count(search.prepared) if asked == AUTO else (int(asked), "")
    trials, notes = choose_trials(finished, best, count, search.objective)
    yield MembersChosen(trials, (*([f"{count} members at most: {reason}"] if reason else []), *notes))
    return trials if len(trials) > 1 else ()


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


def _winner(search: Session, settings: Settings) -> Generator[SearchEvent, None, tuple[Trained, Repeated | None]]:
    """Train the best settings anew, as a run of its own, and with further seeds where there are several.

    Members whose training was interrupted are gone on with; an ensemble is not repeated with further seeds.
    """
    trained: Trained | None = None
    for event in _events_of_winner(search, settings):
        trained = event if isinstance(event, Trained) else trained
        yield event
    assert trained is not None
    repeated: Repeated | None = None
    if search.options.seeds > 1 and settings.config.training.members is None:
        for told in repeat(trained, search.options.seeds, interrupted=search.interrupted):
            repeated = told if isinstance(told, Repeated) else repeated
            yield told
    return trained, repeated


def _events_of_winner(search: Session, settings: Settings) -> Iterator[Event]:
    """The training of the best settings, from its beginning or from where its members are.

    Flips are not tried: trials have none that were not asked for, and the settings are to be those of a trial.
    """
    place, dataset = search.folder.path / BEST_RUN, search.prepared.dataset
    if is_unfinished_ensemble(place, settings):
        return resume(place, dataset, given=given_of(settings), interrupted=search.interrupted)
    if place.exists():
        with explain_write_errors(place):
            shutil.rmtree(place)
    return train(settings, dataset, run_dir=place, interrupted=search.interrupted, tries_flips=False)


def _seed_variance(finished: Sequence[Finished], *, log: bool) -> float | None:
    """The variance between the seeds of a trial, of all trials alike; None where each has one seed."""
    losses = [np.asarray(one.outcome.by_seed) for one in finished if one.outcome.by_seed]
    compared = [np.log(of_trial) if log else of_trial for of_trial in losses]
    return float(np.mean([of_trial.var(ddof=1) for of_trial in compared])) if compared else None


def _middle(space: Space) -> list[float]:
    return [0.5] * len(space.dimensions)
