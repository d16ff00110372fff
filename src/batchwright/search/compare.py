"""Update rules, or the values of any key, side by side: each tuned at equal budget, then trained with several seeds."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, TypeAlias

import jax
import numpy as np

from batchwright import _cache
from batchwright.data.dataset import Dataset
from batchwright.errors import ConfigError, InterruptedRunError
from batchwright.population.fit import common_rows
from batchwright.search.learning_curve import LearningCurve, learning_curve
from batchwright.search.parameters import sobol
from batchwright.search.space import Space
from batchwright.search.trials import Standing, Trial, rungs, train_trials
from batchwright.search.variants import RATE, ROWS, Variant, rules, values_of
from batchwright.training.feed import OnDisk
from batchwright.training.job import Job
from batchwright.training.order import permutation
from batchwright.training.state import Rows
from batchwright.workflow import Estimate, Prepared, estimate
from batchwright.workflow.preparing import example_of, job_on, prepare

LOSS = "val_loss"


@dataclass(frozen=True)
class Options:
    """How it is compared: how many points of what is tuned are tried for each variant, and with how many seeds."""

    trials: int = 8
    seeds: int = 5


@dataclass(frozen=True)
class Row:
    """What came of a variant.

    - settings: its values, and those tuned for it; `stable_range` has the least and the largest learning rate with
      which the loss fell and stayed finite, None where none did
    - by_seed, curve: the validation loss that each seed came to; its mean over the seeds after every epoch, the least
      so far; empty where all that was tried has diverged
    - validation: its mean over the seeds, with its interval
    - updates_per_epoch, seconds_per_epoch: of one training by itself, while others go on beside it
    - at_equal_seconds: the mean loss in as many seconds as the fastest variant takes for all its epochs
    - updates_to_target, seconds_to_target: until the mean loss was that of the middle variant; None where it never was
    """

    name: str
    settings: Mapping[str, Any]
    stable_range: tuple[float, float] | None
    by_seed: tuple[float, ...]
    curve: tuple[float, ...]
    validation: Estimate | None
    updates_per_epoch: int
    seconds_per_epoch: float
    at_equal_seconds: float | None = None
    updates_to_target: int | None = None
    seconds_to_target: float | None = None


@dataclass(frozen=True)
class Compared:
    """All variants, best first; the loss that was to be reached; and whether chance explains the differences.

    `learning_curve` is there where shares of the rows were compared.
    """

    rows: tuple[Row, ...]
    target: float | None
    verdict: str
    learning_curve: LearningCurve | None
    seconds: float


@dataclass(frozen=True)
class Comparing:
    """A variant is being tried or has been: its number from 1, of how many; `doing` is a word for what."""

    name: str
    number: int
    variants: int
    doing: str
    epoch: int
    epochs: int


@dataclass(frozen=True)
class Begun:
    """What is compared, before anything is trained; `notes` are sentences for the user."""

    prepared: Prepared
    variants: tuple[Variant, ...]
    notes: tuple[str, ...]


CompareEvent: TypeAlias = Begun | Comparing | Row | Compared


def compare(
    space: Space,
    vary: str | None,
    options: Options,
    dataset: Dataset | None = None,
    *,
    interrupted: Callable[[], bool] = lambda: False,
) -> Iterator[CompareEvent]:
    """Compare, and say what happens; at last comes `Compared`. Nothing is written.

    Args:
        space: the document of all that is the same; it has no dimensions.
        vary: a key, or a key with its values; None compares update rules.
        options: at what cost.
        dataset: the rows, where they have been loaded already.
        interrupted: asked after every epoch.

    Raises:
        DataError, ConfigError: what was asked for cannot be done.
        InterruptedRunError: it was interrupted; the rows that were given before it stand.
    """
    _cache.use()
    started = time.perf_counter()
    if space.dimensions:
        raise ConfigError(f"{space.dimensions[0].key}: a space is for `search`; compare takes `vary=KEY=[VALUE, ...]`.")
    base = space.settings({})
    prepared = prepare(base, dataset)
    common_rows([prepared.job])
    if prepared.job.validation is None:
        raise ConfigError("compare goes by the validation loss: give data.validation_split a share above 0.")
    rows = prepared.job.train.length
    variants, notes = rules(base.config, rows) if vary is None else (values_of(vary, base, rows), tuple[str, ...]())
    arena = _Arena(space, prepared, options, interrupted)
    chosen = vary is not None and "=" in vary
    variants, left_out = _possible(arena, variants, strict=chosen)
    if len(variants) < 2:
        raise ConfigError(f"`vary={vary}`: there are fewer than two values to compare here: give them, as KEY=[A, B].")
    yield Begun(prepared, variants, (*prepared.notes, *notes, *left_out))
    found = []
    for number, variant in enumerate(variants, start=1):
        row = yield from _row(arena, variant, number, len(variants))
        found.append(row)
        yield row
    done, target = _side_by_side(found)
    curve = None
    if vary is not None and vary.partition("=")[0] == ROWS:
        counts = [max(1, round(variant.rows * rows)) for variant in variants]
        curve = learning_curve(counts, [row.by_seed for row in found])
    verdict = curve.verdict if curve else _verdict(done)
    yield Compared(tuple(done), target, verdict, curve, time.perf_counter() - started)


@dataclass(frozen=True)
class _Arena:
    """What all variants have in common."""

    space: Space
    prepared: Prepared
    options: Options
    interrupted: Callable[[], bool]

    def trials(self, variant: Variant, points: Sequence[Sequence[float]], *, seeds: Sequence[int]) -> list[Trial]:
        """A trial for every point and seed, in the order of the points."""
        jobs = [job_on(self.prepared, variant.settings(self.space, point)) for point in points]
        if variant.rows < 1:
            some = _share(jobs[0].train, variant.rows, self.prepared.job.seed)
            jobs = [_on_share(job, some) for job in jobs]
        ladder = rungs(jobs[0].plan.epochs, "halving" if len(points) > 1 else "none")
        pairs = [(job, seed) for job in jobs for seed in seeds]
        return [Trial(number, (replace(job, seed=seed),), ladder) for number, (job, seed) in enumerate(pairs)]


def _possible(
    arena: _Arena, variants: Sequence[Variant], *, strict: bool
) -> tuple[tuple[Variant, ...], tuple[str, ...]]:
    """The variants that go with the data and with all else, and a sentence for each that does not.

    Raises:
        ConfigError: one does not, and was asked for (`strict`).
    """
    found, notes = list[Variant](), list[str]()
    for variant in variants:
        try:
            arena.trials(variant, [[0.5] * len(variant.dimensions)], seeds=[0])
        except ConfigError as error:
            if strict:
                raise
            notes.append(f"{variant.name} is left out: {error}")
        else:
            found.append(variant)
    return tuple(found), tuple(notes)


def _row(arena: _Arena, variant: Variant, number: int, variants: int) -> Generator[Comparing, None, Row]:
    """Tune a variant, and train it with all seeds."""
    seed, options = arena.prepared.job.seed, arena.options
    points = [[0.5] * len(variant.dimensions)]
    stable = None
    if variant.dimensions:
        points = sobol(options.trials, len(variant.dimensions), seed=seed)
        trials = arena.trials(variant, points, seeds=[seed])
        standings, _ = yield from _trained(arena, variant, trials, ("tuning", number, variants))
        stable = _stable(variant, points, standings)
        points = [points[min(standings, key=lambda one: (one.value, one.number)).number]]
    seeds = range(seed, seed + options.seeds)
    trials = arena.trials(variant, points, seeds=seeds)
    standings, seconds = yield from _trained(arena, variant, trials, ("seeds", number, variants))
    plan = trials[0].jobs[0].plan
    settings = variant.settings(arena.space, points[0])
    tuned = {one.key: settings.values[one.key] for one in variant.dimensions}
    values = tuple(one.value for one in standings)
    by_seed = values if max(values) < float("inf") else ()
    return Row(
        variant.name,
        {**variant.values, **tuned},
        stable,
        by_seed,
        _mean_curve([one.curve for one in standings]) if by_seed else (),
        estimate(by_seed) if by_seed else None,
        plan.iterations_per_epoch,
        seconds,
    )


def _trained(
    arena: _Arena, variant: Variant, trials: Sequence[Trial], doing: tuple[str, int, int]
) -> Generator[Comparing, None, tuple[tuple[Standing, ...], float]]:
    """How the trials ended, and the least seconds that an epoch of one took while all were trained."""
    example, standings, fastest = example_of(arena.prepared.dataset), tuple[Standing, ...](), float("inf")
    epochs, before = trials[0].jobs[0].plan.epochs, time.perf_counter()
    for epoch, standings in enumerate(train_trials(trials, example, judged_by=LOSS), start=1):
        alive = sum(len(one.curve) == epoch for one in standings)
        fastest = min(fastest, (time.perf_counter() - before) / max(alive, 1))
        yield Comparing(variant.name, doing[1], doing[2], doing[0], epoch, epochs)
        if arena.interrupted():
            raise InterruptedRunError("interrupted: what was compared so far stands above; nothing was written.")
        before = time.perf_counter()
    return standings, fastest


def _share(rows: Rows | OnDisk, share: float, seed: int) -> Rows:
    """A share of the rows, drawn at random: a smaller one is part of a larger one."""
    assert isinstance(rows, Rows)
    which = np.sort(permutation(rows.length, seed=seed, epoch=0)[: max(1, round(share * rows.length))])
    some: Rows = jax.tree.map(lambda array: array[which], rows)
    return some


def _on_share(job: Job, some: Rows) -> Job:
    """The job on a part of its rows, with as many updates."""
    plan = replace(job.plan, training_rows=some.length, batch_size=min(job.plan.batch_size, some.length))
    epochs = max(1, round(job.plan.updates / plan.iterations_per_epoch))
    return replace(job, train=some, plan=replace(plan, epochs=epochs))


def _stable(
    variant: Variant, points: Sequence[Sequence[float]], standings: Sequence[Standing]
) -> tuple[float, float] | None:
    """The least and the largest learning rate with which the loss fell, of those below the first that diverged."""
    place = next((place for place, one in enumerate(variant.dimensions) if one.key == RATE), None)
    if place is None:
        return None
    rates = {one.number: variant.dimensions[place].value(points[one.number][place]) for one in standings}
    diverged = [rates[one.number] for one in standings if one.outcome and one.outcome.ending == "diverged"]
    fell = [rates[one.number] for one in standings if one.value < float("inf") and one.curve[-1] <= one.curve[0]]
    below = [rate for rate in fell if rate < min(diverged, default=float("inf"))]
    return (min(below), max(below)) if below else None


def _mean_curve(curves: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """The mean of the least losses so far; a curve that ended early stays at its last."""
    longest = max(map(len, curves))
    filled = [[*curve, *[curve[-1]] * (longest - len(curve))] for curve in curves]
    means = np.minimum.accumulate(np.array(filled), axis=1).mean(axis=0)
    return tuple(map(float, means))


def _side_by_side(rows: Sequence[Row]) -> tuple[list[Row], float | None]:
    """The rows, best first, with what follows from the others: the target, and the loss at equal seconds."""
    good = [row for row in rows if row.curve]
    if not good:
        return list(rows), None
    target = median(row.curve[-1] for row in good)
    budget = min(row.seconds_per_epoch * len(row.curve) for row in good)
    done = [_beside(row, target, budget) for row in rows]
    return sorted(done, key=lambda row: row.validation.mean if row.validation else float("inf")), target


def _beside(row: Row, target: float, budget: float) -> Row:
    epochs = int(budget / row.seconds_per_epoch + 1e-9)
    reached = next((epoch for epoch, loss in enumerate(row.curve, start=1) if loss <= target), None)
    return replace(
        row,
        at_equal_seconds=row.curve[min(epochs, len(row.curve)) - 1] if row.curve and epochs else None,
        updates_to_target=reached and reached * row.updates_per_epoch,
        seconds_to_target=reached and reached * row.seconds_per_epoch,
    )


def _verdict(rows: Sequence[Row]) -> str:
    """Whether what is ahead is so by more than the seeds' noise: differences of the same seeds, Student's 95 %."""
    good = [row for row in rows if row.validation]
    if not good:
        return "all that was compared has diverged: take smaller learning rates"
    best, others = good[0], good[1:]
    if not others:
        return f"{best.name} alone did not diverge"
    if len(best.by_seed) == 1:
        return f"{best.name} has the lowest loss, but one seed cannot tell whether that is chance: take `seeds=5`"
    alike = [row.name for row in others if not _ahead(best, row)]
    if not alike:
        return f"{best.name} is ahead of all others by more than the seeds' noise"
    behind = [row.name for row in others if row.name not in alike]
    said = f"{best.name} has the lowest loss; within the seeds' noise of it: {', '.join(alike)}"
    return f"{said}; behind by more than that: {', '.join(behind)}" if behind else said


def _ahead(best: Row, row: Row) -> bool:
    """Whether a row is behind the best with the same seeds, by more than chance explains."""
    return estimate([other - own for own, other in zip(best.by_seed, row.by_seed, strict=True)]).low > 0
