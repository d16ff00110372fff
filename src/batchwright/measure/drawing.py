"""Figures of measurements: losses by learning rate, rows a second and times by batch size, the noise of gradients."""

from collections.abc import Callable
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from batchwright.figures import Axis, Bar, Line, Mark, Svg, TriedRate, bars, line_chart, loss_by_rate
from batchwright.figures.scale import short

if TYPE_CHECKING:
    from batchwright.measure.batch_size import BatchSizes
    from batchwright.measure.learning_rate import LearningRates
    from batchwright.measure.noise_scale import NoiseScale, NoiseScales

DECADES = 2.0
"""How far to either side of the noise scale its figure reaches."""
BATCH = Axis("batch size", "rows", scale="log")


def draw_rates(found: "LearningRates") -> Svg:
    """The loss that each rate reached."""
    tried = [TriedRate(one.learning_rate, one.loss, one.losses.shape[1], one.diverged) for one in found.trials]
    return loss_by_rate(tried, best=found.best, interval=found.interval)


def draw_rate_curves(found: "LearningRates") -> Svg:
    """The loss by iteration with three rates: one that is too small, the best, and one that is too large."""
    lines = []
    for name, trial in found.examples.items():
        losses = trial.losses[0].astype(np.float64)
        lines.append(Line(f"{name}: {short(trial.learning_rate, 2)}", np.arange(1, len(losses) + 1), losses))
    title = "Loss by iteration, with three learning rates"
    return line_chart(lines, Axis("iteration"), Axis("loss", scale="log"), title=title)


def draw_throughput(found: "BatchSizes") -> Svg:
    """The rows that are trained in a second with each batch size."""
    sizes, speeds = [row.batch_size for row in found.table], [row.rows_per_second for row in found.table]
    line = Line("rows/s", sizes, speeds, points=True)
    title = "Rows trained in a second, by batch size"
    return line_chart([line], BATCH, Axis("rows/s", scale="log"), title=title, marks=_size_marks(found))


def draw_times(found: "BatchSizes") -> Svg:
    """The time to a loss with each batch size, as a multiple of the least."""
    sizes, times = [row.batch_size for row in found.table], [row.relative_time for row in found.table]
    line, least = Line("time", sizes, times, points=True), Axis("multiple of the least", scale="log")
    return line_chart([line], BATCH, least, title="Time to the same loss, by batch size", marks=_size_marks(found))


def noise_drawing(found: "NoiseScale") -> Callable[[], Svg] | str:
    """The figure of a noise scale, or why there is none."""
    known = isfinite(found.value) or found.low > 0
    return partial(draw_noise, found) if known else "it could be anything"


def draw_noise(found: "NoiseScale") -> Svg:
    """The iterations to a loss, 1 + φ/B, as a multiple of those with exact gradients; its band is the interval of φ.

    Where φ may be infinite, its lower bound takes its place.
    """
    exact = isfinite(found.value)
    value = found.value if exact else found.low
    sizes = np.geomspace(max(value / 10**DECADES, 1.0), max(value, 1.0) * 10**DECADES, 81)
    low, high = (1 + phi / sizes for phi in (found.low, found.high))
    name = "1 + φ/B" if exact else "1 + φ/B or more"
    line = Line(name, sizes, 1 + value / sizes, low=low, high=high) if exact else Line(name, sizes, 1 + value / sizes)
    marks = [Mark(found.low, until=found.high)] if isfinite(found.high) and found.low > 0 else []
    marks += [Mark(value, f"φ {'=' if exact else '≥'} {short(value, 3)}")] if value > 0 else []
    y = Axis("multiple of those with exact gradients", scale="log")
    return line_chart([line], BATCH, y, title="Iterations to the same loss, by batch size", marks=marks)


def draw_layers(found: "NoiseScales") -> Svg:
    """The noise scale of each layer, the largest first; a layer without a finite one is last."""
    scales = sorted(found.layers.items(), key=lambda one: -one[1].value if isfinite(one[1].value) else np.inf)
    shown = [Bar(name, scale.value, *_ends(scale)) for name, scale in scales]
    return bars(shown, Axis("noise scale", "rows"), title="Gradient noise scale of each layer")


def _ends(scale: "NoiseScale") -> tuple[float | None, float | None]:
    """The interval, where it is finite."""
    return (scale.low, scale.high) if isfinite(scale.high) else (None, None)


def _size_marks(found: "BatchSizes") -> list[Mark]:
    low, high = found.interval
    band = [Mark(low, until=high)] if low < high else []
    return [*band, Mark(found.recommended, f"recommended {found.recommended:,}")]
