"""Repeat a training with further seeds, all at once: how much of its result is chance."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, inf, isinf
from statistics import fmean, stdev

from batchwright.errors import InterruptedRunError
from batchwright.population.fit import MemberRun, common_rows, fit_members
from batchwright.workflow.judging import judge_finished
from batchwright.workflow.preparing import Prepared, example_of
from batchwright.workflow.refusals import refuse_members, refuse_refit_here
from batchwright.workflow.trained import Metrics, Trained
from batchwright.workflow.training import Event

ANY = (-inf, inf)
"""The range of a number that can have any value."""
LARGEST = 700.0
"""The largest exponent at which exp() is finite."""


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds, and its 95 % interval.

    Both ends are the mean if there is one seed, or if all seeds have the same value: then the difference to other seeds
    is not known.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class SeedRun:
    """How the training with one seed ended, and the metrics of the kept parameters, from epoch `epoch`."""

    seed: int
    status: str
    epoch: int
    metrics: Metrics


@dataclass(frozen=True)
class Repeated:
    """All seeds, the training's own first, and the seconds that the further ones took.

    `metrics` has an estimate for each metric, by part and name, over the seeds that did not diverge.
    """

    runs: tuple[SeedRun, ...]
    metrics: Mapping[str, Mapping[str, Estimate]]
    seconds: float


def refuse_unrepeatable(events: Iterator[Event]) -> Iterator[Event]:
    """The events of a training; it ends before it begins if it could not be repeated with further seeds.

    Raises:
        ConfigError: the rows do not fit in memory, the batch size grows, members are trained, or the network is trained
            anew on all rows.
    """
    for event in events:
        if isinstance(event, Prepared):
            refuse_members(event.settings)
            refuse_refit_here(event.settings)
            common_rows([event.job])
        yield event


def repeat(
    trained: Trained, seeds: int, *, interrupted: Callable[[], bool] = lambda: False
) -> Iterator[int | Repeated]:
    """Train with the seeds after a training's own until there are `seeds` in all, and report the epochs done.

    The rows and their split stay; a seed changes the first parameters, the order of the rows and dropout. The last
    event is `Repeated`. A limit on the training time does not apply here, and a diverged seed is not tried again.

    Raises:
        ConfigError: `refuse_unrepeatable` refuses it.
        InterruptedRunError: `interrupted`, asked after every epoch, was True; the training itself is complete.
    """
    started, job = time.perf_counter(), trained.prepared.job
    jobs = [replace(job, seed=job.seed + further, diagnostics=None) for further in range(1, seeds)]
    ended: tuple[MemberRun, ...] = ()
    for epochs, members in enumerate(fit_members(jobs, example_of(trained.prepared.dataset)), start=1):
        ended = members
        yield epochs
        if interrupted():
            raise InterruptedRunError(
                f"interrupted in epoch {epochs} of the further seeds, which are lost; the run of seed {job.seed} "
                "is complete."
            )
    first = SeedRun(job.seed, trained.stopped.status, trained.stopped.epoch, trained.metrics)
    runs = (first, *(_run(trained.prepared, one.seed, run) for one, run in zip(jobs, ended, strict=True)))
    ranges = {one.name: (one.low, one.high) for one in trained.prepared.job.program.model.task.reported}
    finished = [run.metrics for run in runs if run.status == "finished"]
    yield Repeated(runs, _estimates(finished, ranges), _seconds_since(started))


def _run(prepared: Prepared, seed: int, member: MemberRun) -> SeedRun:
    assert member.end is not None
    metrics = {part: found.metrics for part, found in judge_finished(prepared, member.now.kept).items()}
    return SeedRun(seed, member.end.status, member.now.kept_epoch, metrics)


def _estimates(metrics: Sequence[Metrics], ranges: Mapping[str, tuple[float, float]]) -> dict[str, dict[str, Estimate]]:
    """An estimate of every metric that all seeds have; `ranges` holds its smallest and largest possible value."""
    if not metrics:
        return {}
    return {
        part: {name: estimate([one[part][name] for one in metrics], ranges.get(name, ANY)) for name in found}
        for part, found in metrics[0].items()
    }


def estimate(values: Sequence[float], within: tuple[float, float] = ANY) -> Estimate:
    """The mean of independent values, and a 95 % interval of it that stays within the range of possible values.

    Without a range the interval is Student's: mean ± h, with h = t·s/√n. Near the end of a range values are skewed, and
    Student's interval misses their mean too often. There it is widened by an interval that is Student's on a scale
    without the end: with r = h/mean, mean·exp(±r) for values above 0; for shares the same for the odds
    mean/(1 - mean), with r = h/(mean·(1 - mean)). A range that values violate is ignored.

    >>> estimate([1.0, 2.0, 3.0])  # 2 ± 4.30 · 1 / √3
    Estimate(mean=2.0, low=-0.48..., high=4.48...)
    >>> estimate([1.0, 2.0, 3.0], (0, float("inf")))  # 2 · exp(2.48 / 2)
    Estimate(mean=2.0, low=0.0, high=6.92...)
    """
    from scipy.special import stdtrit  # as scipy.stats computes it, which takes half a second to load

    mean = fmean(values)
    half = float(stdtrit(len(values) - 1, 0.975)) * stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    low, high = map(float, within)
    if not low <= min(values) <= max(values) <= high:
        low, high = ANY
    if not (low < mean < high and half > 0):
        return Estimate(mean, max(low, mean - half), min(high, mean + half))
    return Estimate(
        mean,
        max(low, min(mean - half, _move_mean(mean, -half, low, high))),
        min(high, max(mean + half, _move_mean(mean, half, low, high))),
    )


def _move_mean(mean: float, by: float, low: float, high: float) -> float:
    """A mean moved on a scale on which its range has no end, at the rate that `by` has at the mean."""
    if isinf(low) and isinf(high):
        return mean + by
    if isinf(high):
        return low + (mean - low) * exp(min(by / (mean - low), LARGEST))
    if isinf(low):
        return high - (high - mean) * exp(min(-by / (high - mean), LARGEST))
    odds = (mean - low) / (high - mean) * exp(min(by * (high - low) / ((mean - low) * (high - mean)), LARGEST))
    return low + (high - low) * odds / (1 + odds)


def _seconds_since(started: float) -> float:
    return time.perf_counter() - started
