"""Update rules, or the values of any key, side by side: each tuned at equal budget and trained, anew for every seed.

The tuning is part of what is compared, and it has luck too: the rate that one seed finds best may be a poor one. So
every seed of the comparison has a tuning of its own, with other learning rates tried and with a seed that is not among
those that are compared. The losses of the seeds then differ by the luck of both.
"""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import jax
import numpy as np
from jaxtyping import Float64

from batchwright import _cache
from batchwright._shown import Drawings, Shown
from batchwright.comparison.differences import verdict
from batchwright.comparison.learning_curve import LearningCurve, learning_curve
from batchwright.comparison.variants import RATE, ROWS, Variant, networks_in, own_keys, rules, values_of
from batchwright.config.sections import NUMBERS
from batchwright.data.dataset import Dataset
from batchwright.errors import ConfigError, InterruptedRunError
from batchwright.population.fit import common_rows
from batchwright.search.alike import scale_alike
from batchwright.search.objective import LOSS
from batchwright.search.parameters import sobol
from batchwright.search.space import Space
from batchwright.search.trials import Standing, Trial, rungs, train_trials
from batchwright.training.feed import OnDisk
from batchwright.training.job import Job
from batchwright.training.order import permutation
from batchwright.training.state import Rows
from batchwright.workflow import Estimate, Prepared, estimate
from batchwright.workflow.budget import PATIENCE, budget_notes
from batchwright.workflow.held_out import refuse_without_validation, with_validation_rows
from batchwright.workflow.preparing import example_of, job_on, prepare
from batchwright.workflow.refusals import refuse_members, refuse_where_compared

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class CompareOptions:
    """How it is compared: with how many seeds, and how many points of what is tuned are tried before each of them."""

    trials: int = 8
    seeds: int = 5


@dataclass(frozen=True)
class ComparedVariant:
    """What came of a variant.

    - settings: its values, and those tuned for it, of the seed whose learning rate is the middle one; `tuned` has them
      for every seed; `stable_range` has the least and the largest learning rate with which the loss fell and stayed
      finite, None where none did
    - by_seed, curve: the validation loss that each seed came to; its mean over the seeds after every epoch, the least
      so far; empty where all that was tried has diverged; curves_by_seed: the same of each seed
    - validation: its mean over the seeds, with its interval
    - updates_per_epoch, seconds_per_epoch: of one training by itself, while others go on beside it
    - at_equal_seconds: the mean loss in as many seconds as the fastest variant takes for all its epochs
    - updates_to_target, seconds_to_target: until the mean loss reached the middle variant's; None if it never did
    """

    name: str
    settings: Mapping[str, Any]
    tuned: tuple[Mapping[str, Any], ...]
    stable_range: tuple[float, float] | None
    by_seed: tuple[float, ...]
    curve: tuple[float, ...]
    validation: Estimate | None
    updates_per_epoch: int
    seconds_per_epoch: float
    at_equal_seconds: float | None = None
    updates_to_target: int | None = None
    seconds_to_target: float | None = None
    curves_by_seed: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class Compared(Shown):
    """All variants, best first; the loss that was to be reached; and whether chance explains the differences.

    `learning_curve` is there where shares of the rows were compared.
    """

    rows: tuple[ComparedVariant, ...]
    target: float | None
    verdict: str
    learning_curve: LearningCurve | None
    seconds: float

    def __repr__(self) -> str:
        """The variants, best first."""
        return f"<Compared, best first: {', '.join(f'{row.name:.30}' for row in self.rows[:8])}>"

    def drawings(self) -> Drawings:
        """What draws each figure, by name, or why there is none."""
        from batchwright.comparison import drawing

        curve, diverged = self.learning_curve, not any(row.curve for row in self.rows)
        return {
            "curves": "all has diverged" if diverged else lambda: drawing.draw_curves(self),
            "seconds": "all has diverged" if diverged else lambda: drawing.draw_seconds(self),
            "losses": "all has diverged" if diverged else lambda: drawing.draw_losses(self),
            "stable_ranges": (lambda: drawing.draw_stable_ranges(self))
            if any(row.stable_range for row in self.rows)
            else "no learning rates were tried",
            "learning_curve": (lambda: drawing.draw_learning_curve(curve))
            if curve
            else "it takes three shares of the rows, as `vary=training.rows=[0.25, 0.5, 1]`",
        }

    def frames(self) -> "dict[str, pl.DataFrame]":
        """All tables by name, each as a data frame: variants, seeds, curves, learning_curve."""
        from batchwright.comparison import frames

        return {
            "variants": frames.variants_frame(self),
            "seeds": frames.seeds_frame(self),
            "curves": frames.curves_frame(self),
            "learning_curve": frames.learning_curve_frame(self),
        }


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


CompareEvent: TypeAlias = Begun | Comparing | ComparedVariant | Compared


def compare(
    space: Space,
    vary: str | None,
    options: CompareOptions,
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
    space, scaled = scale_alike(space, networks_in(vary) if dataset is None else ())
    base = space.settings({})
    if NUMBERS in base.to_measure:
        raise ConfigError("network.numbers: auto does not go with a comparison: give a name, or `vary` it among names.")
    refuse_where_compared(base)
    refuse_members(base)
    prepared = prepare(with_validation_rows(base), dataset)
    common_rows([prepared.job])
    refuse_without_validation(prepared.settings, prepared.dataset, "compare needs validation rows")
    rows = prepared.job.train.length
    variants, notes = rules(base.config, rows) if vary is None else (values_of(vary, base, rows), tuple[str, ...]())
    arena = _Arena(space, prepared, options, interrupted)
    chosen = vary is not None and "=" in vary
    variants, left_out = _possible_variants(arena, variants, strict=chosen)
    if len(variants) < 2:
        raise ConfigError(f"`vary={vary}`: there are fewer than two values to compare here: give them, as KEY=[A, B].")
    yield Begun(prepared, variants, (*scaled, *_common_notes(prepared, variants), *notes, *left_out))
    found = []
    for number, variant in enumerate(variants, start=1):
        row = yield from _row(arena, variant, number, len(variants))
        found.append(row)
        yield row
    done, target = _rank_variants(found)
    curve = None
    if vary is not None and vary.partition("=")[0] == ROWS:
        counts = [max(1, round(variant.rows * rows)) for variant in variants]
        curve = learning_curve(counts, [row.by_seed for row in found])
    said = curve.verdict if curve else _verdict(done)
    yield Compared(tuple(done), target, said, curve, time.perf_counter() - started)


def _common_notes(prepared: Prepared, variants: Sequence[Variant]) -> tuple[str, ...]:
    """The notes, without numbers that each variant has of its own; no training of a comparison needs patience."""
    all_said = tuple(budget_notes(prepared.settings))
    common = tuple(budget_notes(prepared.settings, without=own_keys(variants, prepared.settings.origins) | {PATIENCE}))
    return (*(note for note in prepared.notes if note not in all_said), *common)


class _Try(NamedTuple):
    """A point of what is tuned, and the seed it is trained with, in the round of a seed that is compared."""

    point: Sequence[float]
    seed: int
    round: int


@dataclass(frozen=True)
class _Arena:
    """What all variants have in common."""

    space: Space
    prepared: Prepared
    options: CompareOptions
    interrupted: Callable[[], bool]

    def trials(self, variant: Variant, tries: Sequence[_Try], *, pruned: bool = False) -> list[Trial]:
        """A trial for each, on the rows of its round; pruned trials compete within their round."""
        full = self.prepared.job
        rounds = {one.round for one in tries if variant.rows < 1}
        shares = {place: _share(full.train, variant.rows, full.seed + place) for place in rounds}
        trials = []
        for number, one in enumerate(tries):
            settings = variant.settings(self.space, one.point)
            refuse_where_compared(settings)
            job = replace(job_on(self.prepared, settings), seed=one.seed)
            alike = rungs(job.plan.epochs, "halving") if pruned else ()
            own = _job_on_share(job, shares[one.round]) if shares else job
            ladder = tuple(rung * own.plan.epochs // job.plan.epochs for rung in alike)
            trials.append(Trial(number, (own,), ladder, among=one.round))
        return trials


def _possible_variants(
    arena: _Arena, variants: Sequence[Variant], *, strict: bool
) -> tuple[tuple[Variant, ...], tuple[str, ...]]:
    """The variants that go with the data and with all else, and a sentence for each that does not.

    Raises:
        ConfigError: one does not, and was asked for (`strict`).
    """
    found, notes = list[Variant](), list[str]()
    for variant in variants:
        try:
            arena.trials(variant, [_Try([0.5] * len(variant.dimensions), 0, 0)])
        except ConfigError as error:
            if strict:
                raise
            notes.append(f"{variant.name} is left out: {error}")
        else:
            found.append(variant)
    return tuple(found), tuple(notes)


def _row(arena: _Arena, variant: Variant, number: int, variants: int) -> Generator[Comparing, None, ComparedVariant]:
    """Tune a variant for every seed, and train it with that seed."""
    seed, rounds = arena.prepared.job.seed, range(arena.options.seeds)
    points: list[Sequence[float]] = [[0.5] * len(variant.dimensions) for _ in rounds]
    stable = None
    if variant.dimensions:
        tries = _tries(len(variant.dimensions), arena.options, seed)
        trials = arena.trials(variant, tries, pruned=True)
        standings, _ = yield from _train_variant(arena, variant, trials, ("tuning", number, variants))
        stable = _stable_rates(variant, [one.point for one in tries], standings)
        points = _best_of_rounds(tries, standings)
    trials = arena.trials(variant, [_Try(points[place], seed + place, place) for place in rounds])
    standings, seconds = yield from _train_variant(arena, variant, trials, ("seeds", number, variants))
    plan = trials[0].jobs[0].plan
    by_round = tuple(variant.tuned_values(point) for point in points)
    values = tuple(one.value for one in standings)
    by_seed = values if max(values) < float("inf") else ()
    curves = _least_so_far([one.curve for one in standings]) if by_seed else np.zeros((0, 0))
    return ComparedVariant(
        variant.name,
        {**variant.values, **sorted(by_round, key=lambda one: one.get(RATE, 0.0))[(len(by_round) - 1) // 2]},
        by_round,
        stable,
        by_seed,
        tuple(map(float, curves.mean(axis=0))) if by_seed else (),
        _possible_estimate(by_seed, trials[0].jobs[0].program.model.task.reported[0].low) if by_seed else None,
        plan.iterations_per_epoch,
        seconds,
        curves_by_seed=tuple(tuple(curve) for curve in curves.tolist()),
    )


def _possible_estimate(losses: Sequence[float], least: float) -> Estimate:
    """The mean of the losses, with its interval, which ends at the least loss that there can be.

    >>> _possible_estimate([0.1, 0.3], 0.0)
    Estimate(mean=0.2, low=0.0, high=1.47...)
    """
    found = estimate(losses)
    return replace(found, low=max(found.low, least)) if min(losses) >= least else found


def _tries(dimensions: int, options: CompareOptions, seed: int) -> list[_Try]:
    """The points of every round, each round with points and a seed of its own, the same for all variants."""
    seeds = [seed + options.seeds + place for place in range(options.seeds)]
    by_round = [sobol(options.trials, dimensions, seed=one) for one in seeds]
    return [_Try(point, seeds[place], place) for place, points in enumerate(by_round) for point in points]


def _best_of_rounds(tries: Sequence[_Try], standings: Sequence[Standing]) -> list[Sequence[float]]:
    """The point of each round that came to the lowest loss."""
    best = dict[int, Standing]()
    for one in standings:
        place = tries[one.number].round
        best[place] = min(best.get(place, one), one, key=lambda found: found.value)
    return [tries[best[place].number].point for place in sorted(best)]


def _train_variant(
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


def _job_on_share(job: Job, some: Rows) -> Job:
    """The job on a part of its rows, with as many updates."""
    plan = replace(job.plan, training_rows=some.length, batch_size=min(job.plan.batch_size, some.length))
    epochs = max(1, round(job.plan.updates / plan.iterations_per_epoch))
    return replace(job, train=some, plan=replace(plan, epochs=epochs))


def _stable_rates(
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


def _least_so_far(curves: Sequence[Sequence[float]]) -> Float64[np.ndarray, "seeds epochs"]:
    """The least losses so far; a curve that ended early stays at its last."""
    longest = max(map(len, curves))
    filled = [[*curve, *[curve[-1]] * (longest - len(curve))] for curve in curves]
    least: Float64[np.ndarray, "seeds epochs"] = np.minimum.accumulate(np.array(filled, np.float64), axis=1)
    return least


def _rank_variants(rows: Sequence[ComparedVariant]) -> tuple[list[ComparedVariant], float | None]:
    """The rows, best first, with what follows from the others: the target, and the loss at equal seconds."""
    good = [row for row in rows if row.curve]
    if not good:
        return list(rows), None
    target = median(row.curve[-1] for row in good)
    budget = min(row.seconds_per_epoch * len(row.curve) for row in good)
    done = [_compare_row(row, target, budget) for row in rows]
    return sorted(done, key=lambda row: row.validation.mean if row.validation else float("inf")), target


def _compare_row(row: ComparedVariant, target: float, budget: float) -> ComparedVariant:
    epochs = int(budget / row.seconds_per_epoch + 1e-9)
    reached = next((epoch for epoch, loss in enumerate(row.curve, start=1) if loss <= target), None)
    return replace(
        row,
        at_equal_seconds=row.curve[min(epochs, len(row.curve)) - 1] if row.curve and epochs else None,
        updates_to_target=reached and reached * row.updates_per_epoch,
        seconds_to_target=reached and reached * row.seconds_per_epoch,
    )


def _verdict(rows: Sequence[ComparedVariant]) -> str:
    tuned = any(row.tuned and row.tuned[0] for row in rows)
    return verdict([row.name for row in rows], [row.by_seed for row in rows], tuned=tuned)
