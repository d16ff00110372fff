"""Predicted numbers in their own unit: the nodes that do what `tasks/regression.py` does with outputs, in float64.

All values are [rows, targets]; "standardised" is (value − mean) / std.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from batchwright.data.encode.power import LARGEST_EXPONENT, Power
from batchwright.export.building import Builder, Held
from batchwright.export.graph import Value
from batchwright.tasks import Regression
from batchwright.tasks.regression import LEAST_SHARE, MOST_COUNT


class Values(NamedTuple):
    """The answers; the quantiles, one for each level; the ends of the intervals, if there are any."""

    answers: Value
    quantiles: tuple[Value, ...] = ()
    lower: Value | None = None
    upper: Value | None = None


def predicted_values(builder: Builder, task: Regression, outputs: Value, cutoffs: tuple[float, ...] | None) -> Values:
    """The answers from outputs float64 [rows, outputs]."""
    learned = _learned(builder, task, outputs)
    levels = [_standardised(builder, task, level) for level in learned] if task.levels else []
    if task.levels:
        answers = levels[int(np.argmin(np.abs(np.array(task.levels) - 0.5)))]
    else:
        answers = _standardised(builder, task, learned[0], task.residuals)
    found = Values(_to_unit(builder, task, answers), tuple(_to_unit(builder, task, level) for level in levels))
    return found if cutoffs is None else _with_ends(builder, task, found, (learned, answers), np.array([cutoffs]))


def _learned(builder: Builder, task: Regression, outputs: Value) -> list[Value]:
    """What the network says of each target: one number, or the quantiles, which rise from level to level."""
    if not task.levels:
        return [outputs]
    count = len(task.levels)
    firsts = [np.arange(level, task.targets * count, count) for level in range(count)]
    first, *further = (builder.apply("Gather", outputs, places, axis=1) for places in firsts)
    found = [first]
    for step in further:
        found.append(builder.apply("Add", found[-1], _softplus(builder, step)))
    return found


def _softplus(builder: Builder, x: Value) -> Value:
    """log(1 + e^x)."""
    small = builder.apply("Exp", builder.apply("Neg", builder.apply("Abs", x)))
    return builder.apply("Add", builder.apply("Max", x, 0.0), builder.apply("Log", builder.apply("Add", small, 1.0)))


def _standardised(
    builder: Builder, task: Regression, learned: Value, residuals: tuple[tuple[float, ...], ...] = ()
) -> Value:
    """Standardised values from those that are learned, within the limits."""
    if task.loss == "poisson":
        less_one = builder.apply("Sub", builder.apply("Exp", learned), 1.0)
        learned = builder.apply("Div", less_one, _scale(task))
    elif task.transforms:
        learned = _standardise(builder, task, _undo(builder, task, learned, residuals))
    if not task.lowest:
        return learned
    low, high = task.limits()
    return builder.apply("Min", builder.apply("Max", learned, low), high)


def _scale(task: Regression) -> np.ndarray:
    """Deviation divided by mean [1, targets]."""
    return (np.asarray(task.std, np.float64) / np.asarray(task.mean, np.float64)).reshape(1, -1)


def _row(numbers: Sequence[float]) -> np.ndarray:
    return np.array([numbers], np.float64)


def _standardise(builder: Builder, task: Regression, values: Value) -> Value:
    halves = builder.apply("Sub", builder.apply("Mul", values, 0.5), _row(task.mean) / 2)
    return builder.apply("Div", halves, _row(task.std) / 2)


def _to_unit(builder: Builder, task: Regression, standardised: Value) -> Value:
    return builder.apply("Add", builder.apply("Mul", standardised, _row(task.std)), _row(task.mean))


def _undo(builder: Builder, task: Regression, learned: Value, residuals: tuple[tuple[float, ...], ...] = ()) -> Value:
    """The values in their own unit; with residuals, the mean of what these lead to."""
    columns = []
    for place, transform in enumerate(task.transforms):
        own = builder.apply("Gather", learned, np.array([place]), axis=1)
        if not residuals:
            columns.append(_undo_power(builder, transform, own))
            continue
        each = _undo_power(builder, transform, builder.apply("Add", own, _row(residuals[place])))
        shares = builder.apply("Div", each, float(len(residuals[place])))
        columns.append(builder.apply("ReduceSum", shares, axes=(1,), keepdims=1))
    return columns[0] if len(columns) == 1 else builder.apply("Concat", *columns, axis=1)


def _undo_power(builder: Builder, transform: Power, learned: Value) -> Value:
    """As `Power.undo`."""
    curved = builder.apply("Add", builder.apply("Mul", learned, transform.scale), transform.center)
    if not transform.signed:
        return builder.apply("Mul", _uncurve(builder, curved, transform.power), transform.unit)
    above = _uncurve(builder, builder.apply("Max", curved, 0.0), transform.power)
    below = _uncurve(builder, builder.apply("Max", builder.apply("Neg", curved), 0.0), 2.0 - transform.power)
    positive = builder.apply("GreaterOrEqual", curved, 0.0)
    either = builder.apply("Where", positive, builder.apply("Sub", above, 1.0), builder.apply("Sub", 1.0, below))
    return builder.apply("Mul", either, transform.unit)


def _uncurve(builder: Builder, curved: Value, power: float) -> Value:
    """The inverse of a Box-Cox power; 0 below the least number that it gives."""
    logs = curved
    if power != 0:
        inside = builder.apply("Max", builder.apply("Mul", curved, float(power)), -1.0)
        logs = builder.apply("Div", builder.apply("Log", builder.apply("Add", inside, 1.0)), float(power))
    return builder.apply("Exp", builder.apply("Min", logs, LARGEST_EXPONENT))


def _with_ends(
    builder: Builder, task: Regression, found: Values, about: tuple[list[Value], Value], cutoffs: np.ndarray
) -> Values:
    """With the intervals, as `conformal.interval_of` makes them."""
    learned, answers = about
    low, high, unit = _ends(builder, task, learned, answers)
    away: Held = cutoffs if unit is None else builder.apply("Mul", unit, cutoffs)
    low, high = builder.apply("Sub", low, away), builder.apply("Add", high, away)
    empty = builder.apply("Greater", low, high)
    middle = builder.apply("Add", builder.apply("Mul", low, 0.5), builder.apply("Mul", high, 0.5))
    lower, upper = (_from_learned(builder, task, builder.apply("Where", empty, middle, end)) for end in (low, high))
    return found._replace(lower=lower, upper=upper)


def _ends(
    builder: Builder, task: Regression, learned: list[Value], answers: Value
) -> tuple[Value, Value, Value | None]:
    """As `Regression.learned_ends`; a unit of None is 1."""
    if task.loss == "poisson":
        middle = builder.apply("Min", answers, MOST_COUNT)
        share = builder.apply("Add", builder.apply("Mul", middle, _scale(task)), 1.0)
        return middle, middle, builder.apply("Sqrt", builder.apply("Max", share, LEAST_SHARE))
    low, high = task.learned_limits()
    within = [builder.apply("Min", builder.apply("Max", end, low), high) for end in (learned[0], learned[-1])]
    return within[0], within[1], None


def _from_learned(builder: Builder, task: Regression, learned: Value) -> Value:
    """As `Regression.from_learned`."""
    if task.loss == "poisson":
        return builder.apply("Max", _to_unit(builder, task, learned), 0.0)
    return _undo(builder, task, learned) if task.transforms else _to_unit(builder, task, learned)
