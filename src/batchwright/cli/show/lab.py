"""What a person sees of the lab in the terminal."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from batchwright.figures import line_sketch, needs_plain
from batchwright.figures.scale import short
from batchwright.lab.path import Path
from batchwright.lab.rules import name_of
from batchwright.lab.words import END

if TYPE_CHECKING:
    import polars as pl

MOST_CURVES = 4
"""More curves cannot be told apart in the terminal: the best are drawn."""


def loss_sketch(paths: Sequence[Path], encoding: str | None) -> str:
    """The losses by step, as powers of ten if all of them are above 0; of many paths, those that end lowest."""
    shown = sorted(paths, key=_last)[:MOST_CURVES]
    log = all((path.losses > 0).all() for path in shown)
    curves = {name_of(path.rule): np.log10(path.losses) if log else path.losses for path in shown}
    return (
        f"{'log10 of the loss' if log else 'loss'} by step\n{line_sketch(curves, first=0, plain=needs_plain(encoding))}"
    )


def network_sketch(curves: Mapping[str, Sequence[float]], encoding: str | None) -> str:
    """The losses of a small network by iteration, as powers of ten if all of them are above 0."""
    shown = {part: np.asarray(losses) for part, losses in curves.items() if part != "iteration"}
    log = all((losses > 0).all() for losses in shown.values())
    drawn = {part: np.log10(losses) if log else losses for part, losses in shown.items()}
    moments = curves["iteration"]
    last = f"at {len(moments):,} moments, from iteration 0 to {moments[-1]:,.0f}"
    title = f"{'log10 of the loss' if log else 'loss'}, {last}"
    return f"{title}\n{line_sketch(drawn, first=0, plain=needs_plain(encoding))}"


def paths_table(paths: Sequence[Path]) -> Table:
    """A row for each rule, the lowest loss first."""
    table = Table(box=None)
    for name in ("rule", "learning rate", "steps", "last loss", "ended"):
        table.add_column(name, justify="left" if name in ("rule", "ended") else "right")
    for path in sorted(paths, key=_last):
        table.add_row(
            name_of(path.rule),
            short(float(path.rule.learning_rate)),
            f"{path.steps:,}",
            short(path.losses[-1]),
            END[path.ended].en,
        )
    return table


MOST_MOMENTS = 12
"""Rows of the table of a way; of more moments, as many are shown, evenly spaced."""


def way_table(way: "pl.DataFrame") -> Table:
    """Moments of a run: where they lie in the plane, their losses and their curvature."""
    table = Table(box=None)
    for name in way.columns:
        table.add_column(name.replace("_", " "), justify="right")
    shown = np.unique(np.linspace(0, way.height - 1, min(MOST_MOMENTS, way.height)).round().astype(int))
    for row in shown.tolist():
        iteration, *others = way.row(row)
        table.add_row(f"{iteration:,}", *("" if np.isnan(value) else short(value) for value in others))
    return table


def _last(path: Path) -> float:
    return float("inf") if path.ended == "diverged" else float(path.losses[-1])
