"""Figures of a comparison: the losses of its variants by epoch and by time, at their end, and by number of rows."""

from typing import TYPE_CHECKING

import numpy as np

from batchwright.figures import Axis, Bar, Line, Svg, bars, line_chart, spans

if TYPE_CHECKING:
    from batchwright.comparison.compare import Compared, ComparedVariant
    from batchwright.comparison.learning_curve import LearningCurve

RATE = "optimizer.learning_rate"
LOSS = Axis("validation loss")


def draw_curves(found: "Compared") -> Svg:
    """The lowest validation loss so far by epoch, the mean over seeds, with a band from the least to the greatest."""
    lines = [_line(row, 1.0) for row in found.rows if row.curve]
    return line_chart(lines, Axis("epoch"), LOSS, title="Lowest validation loss so far, mean and range of the seeds")


def draw_seconds(found: "Compared") -> Svg:
    """The same by seconds of training."""
    lines = [_line(row, row.seconds_per_epoch) for row in found.rows if row.curve]
    title = "Lowest validation loss so far, by time of training"
    return line_chart(lines, Axis("time", "s"), LOSS, title=title)


def draw_losses(found: "Compared") -> Svg:
    """The validation loss of each variant with its 95 % interval, best first."""
    shown = [_bar(row) for row in found.rows]
    return bars(shown, LOSS, title="Validation loss, mean of the seeds with its 95 % interval")


def draw_stable_ranges(found: "Compared") -> Svg:
    """The learning rates of each variant with which the loss fell, best first, and the one that was chosen."""
    ranges = [
        Bar(row.name, float(row.settings.get(RATE, float("nan"))), *row.stable_range)
        for row in found.rows
        if row.stable_range
    ]
    title = "Learning rates with which the loss fell, and the chosen one"
    return spans(ranges, Axis("learning rate", scale="log"), title=title)


def draw_learning_curve(curve: "LearningCurve") -> Svg:
    """The mean validation loss by number of rows, and the loss predicted for more rows with its interval."""
    measured = Line("measured", curve.rows, curve.losses, points=True)
    at, then = [curve.rows[-1], curve.more_rows], curve.foretold
    low, high = ([curve.losses[-1], end] for end in (then.low, then.high))
    predicted = Line("predicted", at, [curve.losses[-1], then.mean], low=low, high=high, points=True)
    rows = Axis("training rows", scale="log")
    return line_chart([measured, predicted], rows, LOSS, title="Validation loss by number of training rows")


def _line(row: "ComparedVariant", unit: float) -> Line:
    """The mean curve of a variant over epochs of this length, with the range of its seeds where they are known."""
    epochs = unit * np.arange(1, len(row.curve) + 1)
    seeds = np.array(row.curves_by_seed)
    band = (seeds.min(axis=0), seeds.max(axis=0)) if len(seeds) > 1 else (None, None)
    return Line(row.name, epochs, row.curve, low=band[0], high=band[1], points=len(row.curve) == 1)


def _bar(row: "ComparedVariant") -> Bar:
    if row.validation is None:
        return Bar(f"{row.name} (diverged)", float("nan"))
    known = row.validation.low < row.validation.high
    ends = (row.validation.low, row.validation.high) if known else (None, None)
    return Bar(row.name, row.validation.mean, *ends)
