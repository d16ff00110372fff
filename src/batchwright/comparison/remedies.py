"""The remedies of a diagnosis, tried: each trained with several seeds beside the same training unchanged.

The seeds are others than the run's own: a run is looked at because it came out badly, and the bad luck of its seed
would speak for every remedy. A seed changes the first parameters, the order of the rows and dropout, not the split.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan
from statistics import median
from typing import Any, TypeAlias

from batchwright import _cache
from batchwright.comparison.contenders import Ended, Trying, seconds_of, train_contenders
from batchwright.comparison.paired import Paired, compare_pairs
from batchwright.comparison.setups import Base, Setup, changed_setup, prepare_base, unchanged_setup
from batchwright.comparison.tried import Figures, Remedy, Tried, TriedRemedy, rank
from batchwright.config import NONE_GIVEN, Given
from batchwright.data.dataset import Dataset
from batchwright.errors import ConfigError, UsageError
from batchwright.runs.run import Run
from batchwright.search.objective import LOSS, Objective
from batchwright.workflow.extending import EPOCHS

MISLEADING = {
    "leak": "a column that tells the answer lowers the loss here, and not with new rows: expect the higher loss of them"
}
"""Kinds of diagnosis whose remedy the validation loss cannot judge, and why."""


@dataclass(frozen=True)
class Begun:
    """What is tried, before anything is trained.

    `seconds` is about how long it takes at most, by how long the run took; None where that is not known.
    """

    remedies: tuple[Remedy, ...]
    seeds: int
    trainings: int
    seconds: float | None
    notes: tuple[str, ...]


TryEvent: TypeAlias = Begun | Trying | Tried


def try_remedies(
    run: Run,
    remedies: Sequence[Remedy],
    *,
    seeds: int = 5,
    epochs: int | None = None,
    dataset: Dataset | None = None,
    given: Given = NONE_GIVEN,
    interrupted: Callable[[], bool] = lambda: False,
) -> Iterator[TryEvent]:
    """Train a run with each remedy, and unchanged, and say what happens; at last comes `Tried`. Nothing is written.

    Args:
        run: the run.
        remedies: what is tried; equal changes are tried once.
        seeds: with how many seeds, 2 or more.
        epochs: the number of epochs in place of the run's; a remedy that changes the epochs keeps its own.
        dataset: the rows, where the run's were not read from a source.
        given: the parts of the run that are code of the user's own.
        interrupted: asked after every epoch.

    Raises:
        ConfigError: nothing to try, or no remedy goes with the run; no validation rows; too few seeds.
        RunError: the run's rows are not there, or are not those that it was trained on.
        InterruptedRunError: it was interrupted.
    """
    _cache.use()
    started = time.perf_counter()
    distinct = _distinct_remedies(run, remedies, seeds)
    shorter = {} if epochs is None else {EPOCHS: epochs}
    base = prepare_base(run, shorter, dataset, given)
    found = [_set_up(base, remedy, shorter) for remedy in distinct]
    setups = [one for one in found if isinstance(one, Setup)]
    if not setups:
        raise ConfigError("\n".join(row.verdict for row in found if isinstance(row, TriedRemedy)))
    each = tuple(base.prepared.job.seed + further for further in range(1, seeds + 1))
    contenders = [
        replace(one.contender, job=replace(one.contender.job, seed=seed))
        for one in (unchanged_setup(base), *setups)
        for seed in each
    ]
    expected = seconds_of(run, [one.job for one in contenders])
    yield Begun(distinct, seeds, len(contenders), expected, base.prepared.notes)
    ended = yield from train_contenders(contenders, interrupted=interrupted)
    unchanged, *others = [ended[first : first + seeds] for first in range(0, len(ended), seeds)]
    judge, ends = _Judge(_headline(base), base.constant, len(setups)), iter(others)
    rows = [
        judge.row(remedy, one, next(ends), unchanged) if isinstance(one, Setup) else one
        for remedy, one in zip(distinct, found, strict=True)
    ]
    ranked, headline = tuple(sorted(rows, key=rank)), judge.headline.monitor.removeprefix("val_")
    yield Tried(ranked, judge.figures(unchanged, LOSS), headline, each, time.perf_counter() - started)


def _distinct_remedies(run: Run, remedies: Sequence[Remedy], seeds: int) -> tuple[Remedy, ...]:
    """The remedies with different changes.

    Raises:
        ConfigError: there are none, or too few seeds to try them with.
    """
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 2:
        raise ConfigError(f"seeds takes a whole number from 2 on, as one seed may be luck, but is {seeds!r}.")
    by_name = dict[str, Remedy]()
    for remedy in remedies:
        if remedy.changes:
            by_name.setdefault(remedy.name, remedy)
    if not by_name:
        raise ConfigError(f"there is nothing to try: no diagnosis of {run.path} names settings that may mend it.")
    return tuple(by_name.values())


def _set_up(base: Base, remedy: Remedy, shorter: Mapping[str, Any]) -> Setup | TriedRemedy:
    """What is trained with a remedy; or, where that cannot be, a row that says why."""
    try:
        return changed_setup(base, remedy.changes, shorter)
    except UsageError as error:
        return TriedRemedy(remedy, "not judged", f"{remedy.name} cannot be tried: {error}")


@dataclass(frozen=True)
class _Judge:
    """What all remedies are judged by: the metric that matters first, the metrics of constant answers, how many."""

    headline: Objective
    constant: Mapping[str, float]
    tests: int

    def row(self, remedy: Remedy, setup: Setup, ended: Sequence[Ended], before: Sequence[Ended]) -> TriedRemedy:
        """What came of a remedy, beside the unchanged training."""
        judged_by = setup.judged_by
        now, unchanged = (self.figures(one, judged_by) for one in (ended, before))
        found = self._compare(judged_by, ended, before)
        effect, verdict = found.effect, f"{found.effect}: {found.why}"
        if remedy.kind in MISLEADING:
            effect, verdict = "not judged", f"not judged by the loss: {found.why}; {MISLEADING[remedy.kind]}"
        made, beside = Remedy(remedy.kind, setup.changes), self._compare(self.headline, ended, before).difference
        return TriedRemedy(made, effect, verdict, judged_by, now, unchanged, found.difference, beside)

    def _compare(self, objective: Objective, ended: Sequence[Ended], before: Sequence[Ended]) -> Paired:
        return compare_pairs(
            _by_seed(ended, objective),
            _by_seed(before, objective),
            name=name_of(objective),
            larger_is_better=objective.larger_is_better,
            constant=self.constant.get(objective.monitor.removeprefix("val_")),
            tests=self.tests,
        )

    def figures(self, ended: Sequence[Ended], judged_by: Objective) -> Figures:
        """What the trainings with all seeds came to."""
        by_seed = _by_seed(ended, judged_by)
        first = [figure for figure in _by_seed(ended, self.headline) if isfinite(figure)]
        diverged = sum(not isfinite(figure) for figure in by_seed)
        seconds = sum(one.seconds for one in ended)
        return Figures(by_seed, median(by_seed), median(first) if first else None, diverged, seconds)


def _by_seed(ended: Sequence[Ended], objective: Objective) -> tuple[float, ...]:
    """A figure of each training; the worst there can be where it has diverged."""
    found = [one.kept.get(objective.monitor, nan) for one in ended]
    return tuple(float(figure) if isfinite(figure) else objective.worst for figure in found)


def name_of(objective: Objective) -> str:
    """What a figure of the validation rows is called.

    >>> name_of(LOSS), name_of(Objective("val_balanced_accuracy", True))
    ('validation loss', 'validation balanced accuracy')
    """
    return f"validation {objective.monitor.removeprefix('val_').replace('_', ' ')}"


def _headline(base: Base) -> Objective:
    """The metric that matters first; the loss where the task does not report it."""
    task = base.prepared.job.program.model.task
    found = next((metric for metric in task.reported if metric.name == task.headline), None)
    return LOSS if found is None else Objective(f"val_{found.name}", found.larger_is_better)
