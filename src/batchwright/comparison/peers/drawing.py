"""Figures and the table of a leaderboard."""

from typing import TYPE_CHECKING

import polars as pl

from batchwright.figures import Axis, Bar, Svg, bars

if TYPE_CHECKING:
    from batchwright.comparison.peers.board import Contestant, Leaderboard
    from batchwright.comparison.peers.scores import Measured


def draw_losses(found: "Leaderboard") -> Svg:
    """The loss of each contestant with its interval, the lowest first."""
    shown = [
        Bar(one.name, one.scores.loss.value, one.scores.loss.low, one.scores.loss.high)
        for one in found.contestants
        if one.scores
    ]
    return bars(shown, Axis(found.loss), title=f"{found.loss} of {found.rows['test']:,} test rows, 95 % intervals")


def draw_seconds(found: "Leaderboard") -> Svg:
    """The seconds that training took, in the same order."""
    shown = [Bar(one.name, one.seconds) for one in found.contestants if one.seconds is not None]
    return bars(shown, Axis("training", "s"), title="Seconds of training")


def contestants_frame(found: "Leaderboard") -> pl.DataFrame:
    """A row for each contestant, the lowest loss first, failures last."""
    rows = [_row(rank, one) for rank, one in enumerate(found.contestants, start=1)]
    figures = [f"{name}{end}" for name in ("score", "loss", "loss_minus_ours") for end in ("", "_low", "_high")]
    types = {"rank": pl.Int64, "name": pl.String, "rows": pl.String} | dict.fromkeys((*figures, "seconds"), pl.Float64)
    return pl.DataFrame(rows, types | {"failure": pl.String}, orient="row")


def _row(rank: int, one: "Contestant") -> tuple[object, ...]:
    scores = one.scores
    figures = (None, None, None) if scores is None else (scores.score, scores.loss, scores.difference)
    numbers = [number for figure in figures for number in _numbers(figure)]
    return (rank if scores else None, one.name, one.rows, *numbers, one.seconds, one.failure)


def _numbers(figure: "Measured | None") -> tuple[float | None, ...]:
    return (None, None, None) if figure is None else (figure.value, figure.low, figure.high)
