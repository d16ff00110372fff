"""Loss against learning rate, as `find-learning-rate` measures it."""

from collections.abc import Sequence
from typing import NamedTuple

from batchwright.figures.line_chart import Line, line_chart
from batchwright.figures.plane import Mark
from batchwright.figures.scale import Axis, short
from batchwright.figures.svg import Svg


class TriedRate(NamedTuple):
    """A learning rate > 0, the loss > 0 after `iterations` of training with it, and whether it diverged."""

    rate: float
    loss: float
    iterations: int
    diverged: bool


def loss_by_rate(tried: Sequence[TriedRate], *, best: float, interval: tuple[float, float]) -> Svg:
    """The loss that each rate reached, a line for each length of training, with the best rate and its interval.

    Args:
        tried: two rates or more, in rising order; at least one has not diverged.
        best: the best rate.
        interval: the interval of the best rate.
    """
    settled = [trial for trial in tried if not trial.diverged]
    lengths = sorted({trial.iterations for trial in settled}, reverse=True)
    lines = [
        _line([trial for trial in settled if trial.iterations == length], f"{length:,} iterations", pale=place > 0)
        for place, length in enumerate(lengths)
    ]
    marks = [Mark(interval[0], until=interval[1]), Mark(best, f"best {short(best)}")]
    diverged = sorted({trial.rate for trial in tried if trial.diverged})
    marks += [Mark(rate, "" if place else "diverged") for place, rate in enumerate(diverged)]
    rates = [trial.rate for trial in tried]
    x = Axis("learning rate", scale="log", low=min(rates), high=max(rates))
    title = "Loss after a short training, by constant learning rate"
    return line_chart(lines, x, Axis("loss", scale="log"), title=title, marks=marks)


def _line(trials: Sequence[TriedRate], name: str, *, pale: bool) -> Line:
    rates, losses = [trial.rate for trial in trials], [trial.loss for trial in trials]
    return Line(name, rates, losses, points=True, pale=pale)
