"""Trials trained at once: those that differ in numbers alone as one program, and all of them an epoch at a time.

Between epochs, the trials that a rung leaves behind stop costing (successive halving: Jamieson & Talwalkar 2016,
arXiv 1502.07943; with brackets that begin at different rungs, Hyperband: Li et al. 2018, arXiv 1603.06560).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np

from batchwright.population.fit import MemberRun, fit_members
from batchwright.population.groups import group_jobs
from batchwright.search.objective import LOSS, Objective
from batchwright.search.study import Outcome
from batchwright.training.job import Job

Pruning: TypeAlias = Literal["halving", "hyperband", "none"]

ETA = 3
"""One trial in this many goes on from a rung, and each rung has this many times the epochs of the one before."""
FIRST_RUNG = 2
"""Epochs before the first rung, at least: the loss after one says little, even where it has 380 iterations."""


@dataclass(frozen=True)
class Trial:
    """What is trained: a job for each seed and fold, and the epochs after which it has to be among the best.

    It competes with the trials that have the same number in `among`.
    """

    number: int
    jobs: tuple[Job, ...]
    rungs: tuple[int, ...] = ()
    among: int = 0


@dataclass(frozen=True)
class Standing:
    """Where a trial stands after an epoch; `outcome` is None while it goes on.

    `curve` has what it is judged by after each of its epochs: the mean over its seeds and folds.
    """

    number: int
    curve: tuple[float, ...]
    outcome: Outcome | None = None
    objective: Objective = LOSS

    @property
    def value(self) -> float:
        """What it is judged by: the best so far, as the variables of that epoch are kept."""
        return self.outcome.value if self.outcome else self.objective.best(self.curve)


def rungs(epochs: int, pruning: Pruning, bracket: int = 0) -> tuple[int, ...]:
    """The epochs after which a trial has to be among the best; each further bracket of Hyperband begins a rung later.

    >>> rungs(27, "halving"), rungs(27, "hyperband", 1), rungs(27, "none")
    ((3, 9), (9,), ())
    """
    if pruning == "none":
        return ()
    found, at = list[int](), epochs // ETA
    while at >= FIRST_RUNG:
        found.insert(0, at)
        at //= ETA
    return tuple(found[bracket % (len(found) + 1) :]) if pruning == "hyperband" else tuple(found)


def train_trials(
    trials: Sequence[Trial],
    example: Mapping[str, np.ndarray],
    *,
    judged_by: Objective,
    trained: Mapping[int, Outcome] = MappingProxyType({}),
) -> Iterator[tuple[Standing, ...]]:
    """Train all trials on the same rows, and give after every epoch how each stands, up to the last.

    Args:
        trials: with equal numbers of epochs; trials on the same rows that differ only in numbers are trained at once.
        example: rows that a network is shown when it is made.
        judged_by: the figure of the history by which they are compared; a trial without it is worse than any with it.
        trained: how those that need no training came out, by number; at the rungs they count as they did then.

    Raises:
        ConfigError: they cannot be trained at once.
    """
    left = dict[int, str]()
    groups = [
        _Group([(number, _judged(job, judged_by)) for number, job in members], example, left)
        for members in _group_jobs([one for one in trials if one.number not in trained])
    ]
    standings = {trial.number: Standing(trial.number, (), None, judged_by) for trial in trials}
    epoch = 0
    while any(standing.outcome is None for standing in standings.values()):
        epoch += 1
        runs = dict[int, list[MemberRun]]()
        for group in groups:
            for number, run in group.epoch():
                runs.setdefault(number, []).append(run)
        for number, found in runs.items():
            if standings[number].outcome is None:
                standings[number] = _standing_after_epoch(standings[number], found)
        standings |= {number: _replay(standings[number], outcome, epoch) for number, outcome in trained.items()}
        for trial in _trials_behind(trials, standings, epoch):
            if trial in trained:
                continue
            left[trial] = f"stopped after epoch {epoch}, where others were ahead"
            one = standings[trial]
            standings[trial] = replace(one, outcome=Outcome("stopped", one.value, one.curve))
        for number, standing in standings.items():
            if standing.outcome and standing.outcome.ending == "diverged":
                left.setdefault(number, "another seed of it has diverged")
        yield tuple(standings.values())


def _judged(job: Job, objective: Objective) -> Job:
    """The job with no other metrics than those that it is compared and stopped by: others are half of a validation."""
    stopping = () if job.early_stopping is None else (job.early_stopping.monitor,)
    return replace(job, figures=frozenset(name.removeprefix("val_") for name in (objective.monitor, *stopping)))


def _replay(standing: Standing, outcome: Outcome, epoch: int) -> Standing:
    """Where a trial that was trained before stood after an epoch."""
    ended = epoch >= len(outcome.curve)
    return replace(standing, curve=outcome.curve[:epoch], outcome=outcome if ended else None)


class _Group:
    """Members that differ in numbers alone: each the job of a trial with one of its seeds."""

    def __init__(
        self, members: Sequence[tuple[int, Job]], example: Mapping[str, np.ndarray], left: Mapping[int, str]
    ) -> None:
        self._numbers = [number for number, _ in members]
        leaving: Callable[[Sequence[MemberRun]], Mapping[int, str]] = partial(_places_leaving, self._numbers, left)
        self._epochs = fit_members([job for _, job in members], example, leaving=leaving)
        self._runs: tuple[MemberRun, ...] = ()

    def epoch(self) -> Iterator[tuple[int, MemberRun]]:
        """The members after one more epoch, each with the number of its trial; after the last, as they were."""
        self._runs = next(self._epochs, self._runs)
        yield from zip(self._numbers, self._runs, strict=True)


def _places_leaving(numbers: Sequence[int], left: Mapping[int, str], _: Sequence[MemberRun]) -> Mapping[int, str]:
    """The places of the members that go no further, with the reason."""
    return {place: left[number] for place, number in enumerate(numbers) if number in left}


def _group_jobs(trials: Sequence[Trial]) -> list[list[tuple[int, Job]]]:
    """The jobs of all trials, with the numbers of these, by what can be trained as one program."""
    jobs = [(trial.number, job) for trial in trials for job in trial.jobs]
    return [[jobs[place] for place in group] for group in group_jobs([job for _, job in jobs])]


def _standing_after_epoch(standing: Standing, runs: Sequence[MemberRun]) -> Standing:
    """The standing of a trial after one more epoch of its seeds; one that has ended stays where it was.

    It ends as "undefined" where one of its seeds has no finite figure in the epoch that it keeps.
    """
    objective = standing.objective
    if any(run.end is not None and run.end.status == "diverged" for run in runs):
        curve = (*standing.curve, objective.worst)
        return replace(standing, curve=curve, outcome=Outcome("diverged", objective.worst, curve))
    curve = (*standing.curve, _mean([_figure(run, -1, objective) for run in runs], objective))
    if any(run.end is None for run in runs):
        return replace(standing, curve=curve)
    kept = [_figure(run, run.now.kept_epoch - 1, objective) for run in runs]
    value = _mean(kept, objective)
    if not math.isfinite(value):
        return replace(standing, curve=curve, outcome=Outcome("undefined", objective.worst, curve))
    return replace(standing, curve=curve, outcome=Outcome("finished", value, curve, tuple(kept[1:] and kept)))


def _figure(run: MemberRun, row: int, objective: Objective) -> float:
    """What a row of a history is judged by; NaN where its rows do not determine it."""
    found = run.now.history[row].get(objective.monitor, math.nan)
    return float(found)


def _mean(figures: Sequence[float], objective: Objective) -> float:
    """The mean; the worst there can be where it is not finite."""
    found = float(np.mean(figures))
    return found if math.isfinite(found) else objective.worst


def _trials_behind(trials: Sequence[Trial], standings: Mapping[int, Standing], epoch: int) -> Iterator[int]:
    """The trials at a rung that are not among the best third of those they compete with that have reached it."""
    fields = dict[int, list[Standing]]()
    for trial in trials:
        standing = standings[trial.number]
        if epoch in trial.rungs and (len(standing.curve) == epoch or _ended_well(standing)):
            fields.setdefault(trial.among, []).append(standing)
    for here in fields.values():
        best = sorted(here, key=lambda standing: (standing.objective.cost(standing.value), standing.number))
        keep = max(1, -(-len(best) // ETA))
        yield from (standing.number for standing in best[keep:] if standing.outcome is None)


def _ended_well(standing: Standing) -> bool:
    return standing.outcome is not None and standing.outcome.ending == "finished"
