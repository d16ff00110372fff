"""Gradient descent over a surface, step by step, by the rules and schedules that train networks."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import jax
import numpy as np
from numpy.typing import NDArray

from batchwright import _cache
from batchwright.errors import UsageError
from batchwright.lab.descent import program
from batchwright.lab.descent.batches import noise_of, plan_of, shares_of
from batchwright.lab.descent.convergence import Until
from batchwright.lab.descent.path import End, Path
from batchwright.lab.descent.program import MOST_STEPS, ROOMS, Given
from batchwright.lab.descent.rules import rule_of
from batchwright.lab.descent.surfaces import MOST_POINTS, Surface, surface_of
from batchwright.optim import Constant, Optimizer, Schedule
from batchwright.optim.names import name_of as leaf_name
from batchwright.training.plan import BatchSize

Floats: TypeAlias = NDArray[np.float64]
FAR = 100.0
"""A path that is this many times as far from 0 as its start and its view has left every picture: it diverges."""
LARGEST_START = 1e4
MOST_WATCHED = 300
"""Epochs whose losses a schedule may follow: the path is computed again for each change of the rate."""
FACTORS = 10.0 ** np.linspace(-4.0, 2.0, 31)
"""Rates that are tried to tune one: five for each power of ten."""


@dataclass(frozen=True)
class Course:
    """How to descend, whatever the rule.

    Args:
        surface: what to descend.
        start: the weights before the first step; None: the surface's own.
        schedule: of the learning rate.
        steps: how many at most, 1 to 2,000.
        batch_size: rows of a batch, or "full". On a formula it only says how small the noise is.
        seed: of the order of the rows and of the noise, ≥ 0.
        until: end as soon as this holds.
    """

    surface: Surface
    start: tuple[float, ...] | None = None
    schedule: Schedule = field(default_factory=Constant)
    steps: int = 100
    batch_size: BatchSize = "full"
    seed: int = 0
    until: Until | None = None

    @property
    def begin(self) -> tuple[float, ...]:
        """Where it starts."""
        return self.surface.start if self.start is None else self.start


def descend(
    surface: Surface | str = "bowl",
    rule: Optimizer | str = "sgd",
    start: Sequence[float] | None = None,
    *,
    schedule: Schedule | None = None,
    steps: int = 100,
    batch_size: BatchSize = "full",
    seed: int = 0,
    until: Until | None = None,
) -> Path:
    """Descend a surface from a point.

    Args:
        surface: one of `SURFACES` or its name, what `line` gives, or a `Surface` of your own.
        rule: an update rule with its learning rate, or the name of one of `RULES`.
        start: the weights before the first step; by default the surface's own.
        schedule: of the learning rate; constant by default. `ReduceOnPlateau` follows the loss of all rows.
        steps: how many at most, 1 to 2,000.
        batch_size: rows of a batch, at most as many as there are points, or "full". On a formula with noise, it is how
            many rows are averaged.
        seed: of the order of the points and of the noise, ≥ 0.
        until: end as soon as this holds.

    Raises:
        UsageError: an unknown surface or rule, a start that is not as many finite numbers as there are weights, or a
            number that is out of range.

    >>> from batchwright.optim import SGD
    >>> path = descend("bowl", SGD(learning_rate=0.5), (2.0, -1.0), steps=2)
    >>> path.points.tolist()
    [[2.0, -1.0], [1.0, -0.5], [0.5, -0.25]]
    """
    of = surface_of(surface)
    begin = None if start is None else tuple(float(weight) for weight in start)
    course = Course(of, begin, schedule or Constant(), steps, batch_size, seed, until)
    return follow(course, rule_of(rule))


def follow(course: Course, rule: Optimizer) -> Path:
    """The path of a rule on a course; see `descend`."""
    check_course(course)
    given, each = prepare(course)
    if course.schedule.uses_losses and course.steps > MOST_WATCHED * each:
        raise UsageError(
            f"{course.schedule.name} looks at the loss of each epoch: it may have at most {MOST_WATCHED} epochs, and "
            f"here are {-(-course.steps // each):,}. Take fewer steps."
        )
    rates = _rates(course, rule.learning_rate, each, ())
    path = _walk(course, rule, given, rates, each)
    while course.schedule.uses_losses:
        # Each round gets at least one more epoch right: its rates follow from the losses of the epochs before it.
        again = _rates(course, rule.learning_rate, each, path.losses[each::each])
        if np.array_equal(again, rates):
            break
        rates = again
        path = _walk(course, rule, given, rates, each)
    return path


def tune(course: Course, rule: Optimizer) -> Optimizer:
    """The rule with that learning rate, of 31 from 0.0001 to 100, whose path has the lowest mean loss.

    If all of them diverge, the lowest is taken.
    """
    check_course(course)
    given, each = prepare(course)
    rates = given._replace(rates=_fill(_rates(course, 1.0, each, ())))
    formulas, factors = program.formulas_of(course.surface)[0], np.asarray(FACTORS, np.float32)
    with on_processor():
        means = np.asarray(
            program.mean_losses(formulas, rule, _begin(course), rates, everything(course.surface), factors)
        )
    best = float(FACTORS[int(np.argmin(means))]) if np.isfinite(means).any() else float(FACTORS[0])
    return replace(rule, learning_rate=float(f"{best:.3g}"))


def prepare(course: Course) -> tuple[Given, int]:
    """What a program gets, without rates, and the steps of an epoch."""
    surface = course.surface
    plan = plan_of(surface, course.batch_size, course.steps)
    targets = np.zeros(MOST_POINTS, np.float32)
    targets[: surface.rows] = surface.y
    inputs = np.zeros((MOST_POINTS, surface.weights), np.float32)
    inputs[: surface.rows] = surface.inputs()
    shares = np.zeros((room_of(course.steps), MOST_POINTS), np.float32)
    if surface.rows:
        shares[: course.steps] = shares_of(plan, seed=course.seed, steps=course.steps)
    noise = noise_of(surface, course.batch_size, seed=course.seed, steps=room_of(course.steps))
    which = program.formulas_of(surface)[1]
    given = Given(np.int32(which), inputs, targets, shares, noise, None, np.int32(course.steps))
    return given, plan.iterations_per_epoch


def room_of(steps: int) -> int:
    """The length of the arrays of the program that takes these steps."""
    return next(room for room in ROOMS if steps <= room)


def check_course(course: Course) -> None:
    """Refuse what is out of range.

    Raises:
        UsageError: the start, the steps or the seed.
    """
    begin, weights = course.begin, course.surface.weights
    if len(begin) != weights or not all(np.isfinite(begin)) or max(map(abs, begin)) > LARGEST_START:
        raise UsageError(
            f"the start is {', '.join(f'{weight:g}' for weight in begin) or 'empty'}: {course.surface.name} needs "
            f"{weights} finite number{'s' if weights > 1 else ''} between −{LARGEST_START:,.0f} and "
            f"{LARGEST_START:,.0f}."
        )
    if not 1 <= course.steps <= MOST_STEPS:
        raise UsageError(f"steps is {course.steps:,}; it must be 1 to {MOST_STEPS:,}.")
    if course.seed < 0:
        raise UsageError(f"the seed is {course.seed}; it must be 0 or more.")
    rows, size = course.surface.rows, course.batch_size
    if rows and size != "full" and size > rows:
        raise UsageError(f"the batch size is {size:,}, and there are {rows} points: give 1 to {rows}, or 'full'.")


def on_processor() -> AbstractContextManager[Any]:
    """Steps as small as these are quickest on the processor, whatever accelerator there is."""
    _cache.use()
    processor: AbstractContextManager[Any] = jax.default_device(jax.local_devices(backend="cpu")[0])
    return processor


def _begin(course: Course) -> NDArray[np.float32]:
    return np.asarray(course.begin, np.float32)


def everything(surface: Surface) -> NDArray[np.float32]:
    """The share of each point in the loss of all rows."""
    shares = np.zeros(MOST_POINTS, np.float32)
    shares[: surface.rows] = 1.0 / max(surface.rows, 1)
    return shares


def _fill(rates: Floats) -> NDArray[np.float32]:
    filled = np.zeros(room_of(len(rates)), np.float32)
    filled[: len(rates)] = rates
    return filled


def _rates(course: Course, learning_rate: float, each: int, losses: Sequence[float] | Floats) -> Floats:
    """The rate of each step. Losses of epochs, if the schedule follows them, reach only the epochs behind theirs."""
    iterations = np.arange(course.steps)

    def of(steps: NDArray[np.int_], known: Sequence[float]) -> Floats:
        return course.schedule.rates(
            learning_rate, steps, iterations_per_epoch=each, total=course.steps, losses=tuple(known)
        )

    if not course.schedule.uses_losses:
        return of(iterations, ())
    epochs = [iterations[first : first + each] for first in range(0, course.steps, each)]
    return np.concatenate([of(steps, list(losses)[:epoch]) for epoch, steps in enumerate(epochs)])


def _walk(course: Course, rule: Optimizer, given: Given, rates: Floats, each: int) -> Path:
    formulas = program.formulas_of(course.surface)[0]
    with on_processor():
        walked = program.walk(
            formulas, rule, _begin(course), given._replace(rates=_fill(rates)), everything(course.surface)
        )
    points, gradients, slopes = (np.asarray(array, np.float64) for array in walked[:3])
    points = points[: course.steps + 1]
    losses = course.surface.losses(points)
    steps, ended = _end(course, points, losses, slopes[: course.steps + 1])
    return Path(
        surface=course.surface,
        rule=rule,
        schedule=course.schedule,
        batch_size=course.batch_size,
        iterations_per_epoch=each,
        points=points[: steps + 1],
        losses=losses[: steps + 1],
        gradients=gradients[:steps],
        slopes=slopes[: steps + 1],
        rates=rates[:steps],
        states=_states(walked.states, steps, course.surface.weights),
        ended=ended,
        until=course.until,
    )


def _end(course: Course, points: Floats, losses: Floats, slopes: Floats) -> tuple[int, End]:
    """How many steps count, and how they ended."""
    far = FAR * max(np.abs(course.surface.view).max(), np.abs(course.begin).max())
    with np.errstate(all="ignore"):
        gone = np.flatnonzero(~((np.abs(points) <= far).all(axis=1) & np.isfinite(losses)))
    last = int(gone[0]) if len(gone) else course.steps
    arrived = course.until.first(points, losses, slopes) if course.until else None
    if arrived is not None and arrived < (int(gone[0]) if len(gone) else course.steps + 1):
        return arrived, "converged"
    if not len(gone):
        return course.steps, "steps"
    kept = last if np.isfinite(points[last]).all() and np.isfinite(losses[last]) else last - 1
    return max(kept, 0), "diverged"


def _states(states: Any, steps: int, weights: int) -> dict[str, Floats]:
    """What a rule remembers of each weight, by name; not what it only counts."""
    kept = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(states):
        if np.size(leaf) == len(leaf) * weights and np.ndim(leaf) == 3:
            name = leaf_name(path).replace("/kernel", "")
            kept[name] = np.asarray(leaf, np.float64)[:steps, :, 0]
    return kept
