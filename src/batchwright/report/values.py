"""How far predicted numbers are from the true ones: against the prediction, by quantile, in the target's own unit."""

from typing import Any

import numpy as np

from batchwright.figures import Axis, Line, Mark, Points, histogram, line_chart, scatter
from batchwright.report.blocks import Block, Cell, Chart, Grid, Words
from batchwright.report.rows_shown import shown_name
from batchwright.tasks.answers import ValueAnswers

QUANTILES = 10
SIZE: dict[str, Any] = {"width": 480.0, "height": 360.0}


def value_blocks(name: str, answers: ValueAnswers) -> list[Block]:
    """The charts and tables of one target that is a number."""
    true, given = np.atleast_1d(answers.true), np.atleast_1d(answers.predicted)
    errors, shown = given - true, shown_name(name)
    blocks: list[Block] = []
    if len(given) > 1 and np.ptp(given) == 0:
        blocks.append(Words(f"The model gives the same answer to all rows: {given[0]:.6g}.", strong=True))
    axes = Axis(f"predicted {shown}"), Axis(f"true {shown}"), Axis(f"error of {shown}")
    level = Mark(0.0, axis="y")
    return [
        *blocks,
        Chart(
            scatter([Points("rows", given, true)], axes[0], axes[1], title="True by predicted", diagonal=True, **SIZE),
            "On the diagonal, an answer is right.",
        ),
        Chart(
            scatter(
                [Points("rows", given, errors)], axes[0], axes[2], title="Error by predicted", marks=[level], **SIZE
            ),
            "The error is predicted minus true.",
        ),
        Chart(histogram(errors, axes[2], title="Errors", marks=[Mark(0.0)], **SIZE)),
        *_by_quantile(shown, true, given, errors),
        *_levels(answers),
    ]


def _by_quantile(name: str, true: np.ndarray, given: np.ndarray, errors: np.ndarray) -> list[Block]:
    """The errors in ten parts of the rows, by the predicted value."""
    parts = [part for part in np.array_split(np.argsort(given, kind="stable"), QUANTILES) if len(part)]
    rows = list[tuple[Cell, ...]]()
    for place, part in enumerate(parts, start=1):
        low, middle, high = np.quantile(errors[part], (0.1, 0.5, 0.9))
        size = float(np.median(np.abs(errors[part])))
        means = (float(given[part].mean()), float(true[part].mean()), float(errors[part].mean()))
        rows.append((place, len(part), *means, size, float(low), float(middle), float(high)))
    heads = ("part", "rows", "mean predicted", "mean true", "mean error", "median |error|", "10 %", "50 %", "90 %")
    table = Grid(f"Errors of {name} in {len(parts)} parts of the rows, by the predicted value", heads, tuple(rows))
    if len(parts) < QUANTILES:
        return [table]
    columns = np.array([[float(cell) for cell in row[2:] if isinstance(cell, int | float)] for row in rows])
    band = Line("median", columns[:, 0], columns[:, 5], columns[:, 4], columns[:, 6], points=True)
    axes = Axis(f"mean predicted {name}"), Axis(f"error of {name}")
    drawn = line_chart([band], *axes, title="Error by quantile", marks=[Mark(0.0, axis="y")], **SIZE)
    return [Chart(drawn, "Median error, and the band that holds the middle 80 % of the errors."), table]


def _levels(answers: ValueAnswers) -> list[Block]:
    """For each predicted quantile, the share of the targets that lie below it."""
    if answers.quantiles is None:
        return []
    below = answers.share @ (answers.standardised_true[:, 0:1] <= answers.quantiles[:, 0, :])
    rows = tuple((float(level), float(share)) for level, share in zip(answers.levels, below, strict=True))
    return [Grid("Predicted quantiles: the share of targets at or below each", ("level", "share below"), rows)]
