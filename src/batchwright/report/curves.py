"""Learning curves: loss and metrics by epoch, the gap, the best epoch, and the rate, batch and noise by iteration."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from batchwright.errors import BatchwrightError
from batchwright.figures import Axis, Line, Mark, line_chart
from batchwright.report.blocks import Block, Chart, Section, Words
from batchwright.report.gathered import Gathered
from batchwright.workflow.training import recorded_settings

SIZE: dict[str, Any] = {"width": 480.0, "height": 300.0}
WIDE_RANGE = 100.0
"""A loss whose largest value is this many times its smallest is drawn on a logarithmic axis."""

MOST_METRICS, MOST_RATES = 4, 400

Rows = Sequence[dict[str, float]]


def curves_section(found: Gathered) -> Section:
    """The curves of a run, or a sentence where there are none."""
    rows = found.history
    if not rows:
        return Section("curves", "Learning curves", (Words("No epoch was finished, so that there is no curve."),))
    charts: list[Block] = [_losses(rows), *_metrics(found), *_rate(found), *_by_iteration(rows)]
    return Section("curves", "Learning curves", (*_whose(found), *_words(rows), *charts))


def _whose(found: Gathered) -> tuple[Block, ...]:
    """Whose curves they are, of an ensemble."""
    if not found.run.has_members:
        return ()
    return (Words("The curves are those of the first member, which has the settings of the run."),)


def _column(rows: Rows, key: str) -> np.ndarray:
    """A number of each epoch, NaN where there is none."""
    return np.array([np.nan if row.get(key) is None else float(row[key]) for row in rows])


def _best(rows: Rows) -> int | None:
    """The place of the row with the lowest validation loss."""
    losses = _column(rows, "val_loss")
    return int(np.nanargmin(losses)) if np.isfinite(losses).any() else None


def _words(rows: Rows) -> tuple[Block, ...]:
    """One sentence about the best epoch and the gap, and one about what is not finite."""
    best, said = _best(rows), list[str]()
    if best is None:
        said.append("There are no validation rows, so that neither a gap nor a best epoch can be shown.")
    else:
        row = rows[best]
        gap = float(row["val_loss"]) - float(row.get("loss", np.nan))
        told = f": {abs(gap):.4g} {'above' if gap >= 0 else 'below'} the training loss" if np.isfinite(gap) else ""
        said.append(
            f"The validation loss is lowest after epoch {int(row.get('epoch', best + 1)):,} of {len(rows):,}, "
            f"at {row['val_loss']:.4g}{told}."
        )
    if lost := int((~np.isfinite(_column(rows, "loss"))).sum()):
        said.append(f"The training loss of {lost:,} {'epoch is' if lost == 1 else 'epochs are'} not finite.")
    if len(rows) == 1:
        said.append("One epoch is a point, not a curve.")
    return (Words(" ".join(said)),)


def _epochs(rows: Rows) -> np.ndarray:
    return np.array([float(row.get("epoch", place)) for place, row in enumerate(rows, start=1)])


def _marks(rows: Rows) -> list[Mark]:
    best = _best(rows)
    return [] if best is None or len(rows) == 1 else [Mark(float(_epochs(rows)[best]), "best")]


def _losses(rows: Rows) -> Chart:
    """Training and validation loss; the gap is the room between the lines."""
    named = {"training": _column(rows, "loss"), "validation": _column(rows, "val_loss")}
    kept = {name: values for name, values in named.items() if np.isfinite(values).any()}
    every = np.concatenate([values[np.isfinite(values)] for values in kept.values()]) if kept else np.zeros(0)
    wide = len(every) > 0 and every.min() > 0 and every.max() > WIDE_RANGE * every.min()
    lines = [Line(name, _epochs(rows), values, points=len(rows) == 1) for name, values in kept.items()]
    axis = Axis("loss", scale="log" if wide else "linear")
    words = "The training loss is a mean over its epoch, while the parameters change, with dropout."
    return Chart(line_chart(lines, Axis("epoch"), axis, title="Loss by epoch", marks=_marks(rows), **SIZE), words)


def _metrics(found: Gathered) -> list[Chart]:
    """The first metrics on validation rows, each by itself."""
    rows = found.history
    names = dict.fromkeys(key for row in rows for key in row if key.startswith("val_") and key != "val_loss")
    charts = []
    common = [name for name in names if "[" not in name] or list(names)
    for key in common[:MOST_METRICS]:
        values = _column(rows, key)
        if not np.isfinite(values).any():
            continue
        name = key.removeprefix("val_")
        line = Line(name, _epochs(rows), values, points=len(rows) == 1)
        axes = Axis("epoch"), Axis("on validation rows")
        charts.append(Chart(line_chart([line], *axes, title=name, marks=_marks(rows), **SIZE)))
    return charts


def _iterations(rows: Rows) -> np.ndarray:
    """The last iteration of each epoch; in a history without them, the epochs."""
    at = _column(rows, "iteration")
    return at if np.isfinite(at).all() else _epochs(rows)


def _rate(found: Gathered) -> list[Chart]:
    """The learning rate of every iteration, if the schedule alone set it; else that of the last one of each epoch."""
    rows = found.history
    recorded, at = _column(rows, "learning_rate"), _iterations(rows)
    if not np.isfinite(recorded).any():
        return []
    every = np.unique(np.linspace(0, max(at[-1] - 1, 0), MOST_RATES).round().astype(np.int64))
    planned, ends = _planned_rates(found, every), _planned_rates(found, at.astype(np.int64) - 1)
    exact = planned is not None and ends is not None and np.allclose(ends, recorded, rtol=1e-4, atol=0.0)
    line = (
        Line("learning rate", every + 1, planned)
        if exact and planned is not None
        else Line("learning rate", at, recorded, points=len(rows) == 1)
    )
    words = "" if exact else "That of the last iteration of each epoch."
    axes = Axis("iteration", low=0.0), Axis("learning rate")
    return [Chart(line_chart([line], *axes, title="Learning rate by iteration", **SIZE), words)]


def _planned_rates(found: Gathered, iterations: np.ndarray) -> np.ndarray | None:
    """What the schedule says of iterations, counted from 0; None where it cannot be asked."""
    plan, rows = found.run.plan, found.history
    if not {"iterations_per_epoch", "updates"} <= plan.keys() or iterations.min(initial=0) < 0:
        return None
    try:
        config = recorded_settings(found.run).config
        rate = float(config.optimizer.learning_rate)
        per, total = int(plan["iterations_per_epoch"]), int(plan["updates"])
        losses = [row["val_loss"] for row in rows] if config.schedule.uses_losses else ()
        rates: np.ndarray = config.schedule.rates(
            rate, iterations, iterations_per_epoch=per, total=total, losses=losses
        )
    except (BatchwrightError, KeyError, TypeError, ValueError):
        return None
    return rates


def _by_iteration(rows: Rows) -> list[Chart]:
    """The batch size and the noise scale, by iteration."""
    at, charts = _iterations(rows), []
    for key, title in (("batch_size", "batch size"), ("noise_scale", "noise scale")):
        values = _column(rows, key)
        if not np.isfinite(values).any():
            continue
        ends = [_column(rows, f"{key}_{end}") for end in ("low", "high")]
        low, high = ends if all(np.isfinite(end).any() for end in ends) else (None, None)
        line = Line(title, at, values, low, high, points=len(rows) == 1)
        axis = Axis("iteration", low=0.0)
        charts.append(Chart(line_chart([line], axis, Axis(title), title=f"{title.capitalize()} by iteration", **SIZE)))
    return charts
