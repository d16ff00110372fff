"""The rounds of a search: trials that are proposed together, and trained together in waves that fit into memory."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from batchwright.errors import UsageError
from batchwright.measure.device_memory import free_memory
from batchwright.population.at_once import member_bytes, most_at_once, wave_sizes
from batchwright.search.events import Progress, RoundDone, SearchEvent, Waiting
from batchwright.search.narrowing import narrow_space
from batchwright.search.session import Session, stop_search
from batchwright.search.study import Asked, Finished, Outcome, Study
from batchwright.search.trials import Standing, Trial, rungs, train_trials
from batchwright.workflow.preparing import example_of, job_on

FIRST_SHARE, ROUND_SHARE = 0.5, 0.25
"""The share of the trials that are spread evenly, in the first round; and of the rounds after it."""
ROUND, MOST_IN_ROUND = 8, 64
"""The fewest and the most trials of a round; trials of the same round do not learn from each other."""
WAIT = 2.0
"""Seconds between two looks at the trials that other processes are training."""


def run_round_alone(search: Session, study: Study, finished: Sequence[Finished]) -> Iterator[SearchEvent]:
    """Train the rest of the first incomplete round: the trials that a killed process did not finish.

    Proposals depend on the rounds before it, and rungs count all of its trials. So an interrupted round ends like one
    that was not interrupted.
    """
    options, first = search.options, first_round(search.options.trials)
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
    first, start = first_round(trials), 0
    while start < trials:
        size, end = (first, first) if start < first else (max(ROUND, round(ROUND_SHARE * trials)), trials)
        places = range(start, min(start + min(size, MOST_IN_ROUND), end))
        yield places
        start = places.stop


def run_round(search: Session, study: Study, finished: Sequence[Finished]) -> Iterator[SearchEvent]:
    """Ask for trials, train them, and tell how they came out; where others train the last ones, wait for them."""
    options, first = search.options, first_round(search.options.trials)
    running = study.count_running()
    left = options.trials - len(finished) - running
    if left <= 0:
        yield Waiting(running)
        if search.interrupted():
            stop_search(search, study)
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


def _end_of_round(search: Session, study: Study, notes: tuple[str, ...]) -> RoundDone:
    """The end of a round, with a sentence for trials that cannot be judged."""
    finished = study.finished_trials()
    without = sum(one.outcome.ending == "undefined" for one in finished)
    trials = "trial has" if without == 1 else "trials have"
    said = f"{without} {trials} no finite {search.objective.monitor} at its end, which counts as the worst"
    return RoundDone(finished, (*notes, said) if without else notes)


def _train_wave(
    search: Session,
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
        pace, seconds = rows / (now - before), now - started
        yield Progress(finished, asked, standings, epoch, epochs, pace, seconds, frozenset(trained_before))
        before = time.perf_counter()
        if search.interrupted():
            stop_search(search, study)


def _trial(search: Session, asked: Asked) -> Trial:
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


def first_round(trials: int) -> int:
    """How many trials are spread evenly; all, where there are few."""
    return trials if trials <= ROUND else max(ROUND, round(FIRST_SHARE * trials))
