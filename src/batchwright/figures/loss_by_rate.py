"""Loss against learning rate as an SVG file, made of a few dozen elements."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

Place: TypeAlias = Callable[[float], float]
"""From a rate or loss to the coordinate where it is drawn."""

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 640, 360, 64, 40, 48
INK, FAINT, MARK, BAD = "#1f2933", "#d5dbe1", "#0b6e99", "#c0392b"


class Tried(NamedTuple):
    """A learning rate > 0, the loss > 0 after `iterations` of training with it, and whether it diverged."""

    rate: float
    loss: float
    iterations: int
    diverged: bool


def loss_by_rate(tried: Sequence[Tried], *, best: float, interval: tuple[float, float]) -> str:
    """An SVG of the loss that each rate reached, with the best rate, its interval, and the rates that diverged.

    Args:
        tried: two rates or more, in rising order; at least one has not diverged.
        best: the best rate.
        interval: the interval of the best rate.
    """
    rates = [math.log10(trial.rate) for trial in tried]
    settled = [trial for trial in tried if math.isfinite(trial.loss) and not trial.diverged]
    losses = [math.log10(trial.loss) for trial in settled]
    low, high = min(losses), max(losses)

    def x(rate: float) -> float:
        share = (math.log10(rate) - min(rates)) / (max(rates) - min(rates))
        return LEFT + share * (WIDTH - LEFT - 24)

    def y(loss: float) -> float:
        share = (math.log10(loss) - low) / ((high - low) or 1.0)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    parts = [
        _text(LEFT, 22, "loss after a short training, by constant learning rate", weight="bold"),
        *_ticks([10.0**power for power in range(math.ceil(min(rates)), math.floor(max(rates)) + 1)], x),
        *(
            f'<text x="{LEFT - 8}" y="{y(loss) + 4:.1f}" text-anchor="end">{loss:.2g}</text>'
            for loss in (10**low, 10 ** ((low + high) / 2), 10**high)
        ),
        _band(*map(x, interval)),
        *_lines(settled, x, y),
        *(
            f'<text x="{x(trial.rate):.1f}" y="{TOP + 12}" fill="{BAD}" text-anchor="middle">×</text>'
            for trial in tried
            if trial.diverged
        ),
        _text(LEFT, HEIGHT - 10, f"best {best:.3g}; × diverged; pale line: the first, shorter trials"),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12" fill="{INK}"><rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>\n'
    )


def _band(left: float, right: float) -> str:
    size = f'width="{right - left:.1f}" height="{HEIGHT - TOP - BOTTOM}"'
    return f'<rect x="{left:.1f}" y="{TOP}" {size} fill="{MARK}" opacity="0.15"/>'


def _ticks(rates: Sequence[float], x: Place) -> Iterator[str]:
    for rate in rates:
        yield f'<line x1="{x(rate):.1f}" x2="{x(rate):.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="{FAINT}"/>'
        yield f'<text x="{x(rate):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{rate:g}</text>'


def _lines(trials: Sequence[Tried], x: Place, y: Place) -> Iterator[str]:
    """For each number of iterations, a line through its trials, with a dot for each trial."""
    lengths = sorted({trial.iterations for trial in trials})
    for length in lengths:
        opacity = 1.0 if length == lengths[-1] else 0.35
        dots = [(x(one.rate), y(one.loss)) for one in trials if one.iterations == length]
        path = " ".join(f"{across:.1f},{down:.1f}" for across, down in dots)
        yield f'<polyline points="{path}" fill="none" stroke="{MARK}" stroke-width="2" opacity="{opacity}"/>'
        yield from (
            f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3.5" fill="{MARK}" opacity="{opacity}"/>'
            for across, down in dots
        )


def _text(x: float, y: float, text: str, *, weight: str = "normal") -> str:
    return f'<text x="{x}" y="{y}" font-weight="{weight}">{text}</text>'
