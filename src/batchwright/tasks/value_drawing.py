"""Figures of how near predicted numbers are to the true ones."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from batchwright._shown import Drawings
from batchwright.errors import UsageError
from batchwright.figures import Axis, Mark, Points, Svg, histogram, scatter
from batchwright.tasks.protocol import Task
from batchwright.tasks.regression import Regression


class Values(NamedTuple):
    """True and predicted values in the targets' own units, and what the rows are called."""

    true: Float64[np.ndarray, "rows targets"]
    predicted: Float64[np.ndarray, "rows targets"]
    part: str


def values_of(task: Task, outputs: np.ndarray, targets: np.ndarray, part: str) -> Values:
    """The values of rows from the outputs of a network and their encoded targets.

    Raises:
        UsageError: the task does not predict numbers.
    """
    if not isinstance(task, Regression):
        raise UsageError("the task is a user's own, and its outputs are not known to be numbers like its targets.")
    answers = task.answers(outputs, targets, np.ones(len(outputs)))
    true, predicted = (np.asarray(one).reshape(len(outputs), -1) for one in (answers.true, answers.predicted))
    return Values(true, predicted, part)


def value_drawings(names: Sequence[str], compute: Callable[[], Values]) -> Drawings:
    """The figures of predicted numbers by name, or why there is none.

    - predictions: predicted against true values; of several targets, `predictions NAME` for each
    - residuals: the distribution of true less predicted values; `residuals NAME` for each

    Args:
        names: of the targets, all of which are numbers; none where some are not.
        compute: gives the values; it is called once a figure is asked for.
    """
    if not names:
        return dict.fromkeys(("predictions", "residuals"), "its target is no number")
    values = cache(compute)
    found: dict[str, Callable[[], Svg]] = {}
    for what, draw in (("predictions", draw_predictions), ("residuals", draw_residuals)):
        for place, name in enumerate(names):
            found[f"{what} {name}" if len(names) > 1 else what] = partial(_draw, draw, values, place, name)
    return found


Draw = Callable[[Float64[np.ndarray, " rows"], Float64[np.ndarray, " rows"], str, str], Svg]


def draw_predictions(
    true: Float64[np.ndarray, " rows"], predicted: Float64[np.ndarray, " rows"], name: str, part: str
) -> Svg:
    """Predicted against true values, with the line on which they are equal."""
    title = f"Predicted and true {name}, {part} rows"
    return scatter([Points(part, true, predicted)], Axis(f"true {name}"), Axis("predicted"), title=title, diagonal=True)


def draw_residuals(
    true: Float64[np.ndarray, " rows"], predicted: Float64[np.ndarray, " rows"], name: str, part: str
) -> Svg:
    """The distribution of true less predicted values."""
    axis = Axis(f"true less predicted {name}")
    return histogram(true - predicted, axis, title=f"Errors of {name}, {part} rows", marks=[Mark(0.0)])


def _draw(draw: Draw, compute: Callable[[], Values], place: int, name: str) -> Svg:
    values = compute()
    return draw(values.true[:, place], values.predicted[:, place], name, values.part)
