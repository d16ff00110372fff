"""What a person sees of the lab in the terminal."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from batchwright.figures import line_sketch, needs_plain
from batchwright.figures.scale import short
from batchwright.lab.descent.path import Path
from batchwright.lab.descent.rules import name_of
from batchwright.lab.descent.words import END

if TYPE_CHECKING:
    import polars as pl

    from batchwright.lab.fit.curve_fit import Fitted
    from batchwright.lab.normalization.study import Studied

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
    title = f"{'log10 of the loss' if log else 'loss'} by iteration, at {len(moments):,} moments"
    return f"{title}\n{line_sketch(drawn, first=0, end=round(moments[-1]), plain=needs_plain(encoding))}"


def fit_sketch(fitted: "Fitted", encoding: str | None) -> str:
    """The training and the validation loss by epoch, as powers of ten."""
    curves = {"training": np.log10(fitted.train), "validation": np.log10(fitted.validation)}
    return f"log10 of the loss by epoch\n{line_sketch(curves, first=1, plain=needs_plain(encoding))}"


def capacities_table(fits: "Sequence[Fitted]") -> Table:
    """A row for each degree or width, the smallest first; the lowest validation loss has a star."""
    from batchwright.lab.fit.drawing import NAMES

    table = Table(box=None)
    for name in (NAMES[fits[0].asked.model], "training loss", "validation loss", "kept epoch"):
        table.add_column(name, justify="right")
    best = min((fitted.losses[1] for fitted in fits if fitted.kept), default=None)
    for fitted in fits:
        train, validation = (short(loss) if fitted.kept else "diverged" for loss in fitted.losses)
        star = " *" if fitted.losses[1] == best else "  "
        table.add_row(str(fitted.asked.capacity), train, validation + star, f"{fitted.kept:,}")
    return table


def layers_table(studied: "Studied") -> Table:
    """What the activations of each hidden layer get, with batch normalization and without."""
    table = Table(box=None)
    for name in ("hidden layer", "mean with", "deviation with", "mean without", "deviation without"):
        table.add_column(name, justify="right")
    columns = [column for net in (studied.normal, studied.plain) for column in (net.means, net.deviations)]
    for layer, row in enumerate(zip(*columns, strict=True), start=1):
        table.add_row(str(layer), *map(short, row))
    return table


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
