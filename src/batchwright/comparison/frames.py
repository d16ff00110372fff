"""Tables of a comparison, as data frames."""

from typing import TYPE_CHECKING

import polars as pl

from batchwright.config import flow

if TYPE_CHECKING:
    from batchwright.comparison.compare import Compared

TEXTS = dict.fromkeys(("name", "settings"), pl.String)
NUMBERS = dict.fromkeys(
    ("validation_loss", "low", "high", "at_equal_seconds", "seconds_to_target", "seconds_per_epoch"), pl.Float64
)
RANGE = dict.fromkeys(("learning_rate", "smallest_stable", "largest_stable"), pl.Float64)
VARIANTS = TEXTS | NUMBERS | {"updates_to_target": pl.Int64} | RANGE


def variants_frame(found: "Compared") -> pl.DataFrame:
    """A row for each variant, best first; the settings are as in a configuration."""
    rows = []
    for row in found.rows:
        mean = (row.validation.mean, row.validation.low, row.validation.high) if row.validation else (None,) * 3
        times = (row.at_equal_seconds, row.seconds_to_target, row.seconds_per_epoch)
        rate = row.settings.get("optimizer.learning_rate")
        reached = (row.updates_to_target, rate, *(row.stable_range or (None, None)))
        rows.append((row.name, flow(dict(row.settings)), *mean, *times, *reached))
    return pl.DataFrame(rows, VARIANTS, orient="row")


def seeds_frame(found: "Compared") -> pl.DataFrame:
    """The validation loss of each seed with each variant, and what was tuned for it."""
    rows = [
        (row.name, seed, loss, flow(dict(row.tuned[seed])) if seed < len(row.tuned) else "")
        for row in found.rows
        for seed, loss in enumerate(row.by_seed)
    ]
    types = {"name": pl.String, "seed": pl.Int64, "validation_loss": pl.Float64, "tuned": pl.String}
    return pl.DataFrame(rows, types, orient="row")


def curves_frame(found: "Compared") -> pl.DataFrame:
    """The lowest validation loss so far after each epoch: mean, least and greatest of the seeds."""
    rows = []
    for row in found.rows:
        of_epochs = zip(*row.curves_by_seed, strict=True) if row.curves_by_seed else ((mean,) for mean in row.curve)
        for epoch, (mean, losses) in enumerate(zip(row.curve, of_epochs, strict=True), start=1):
            rows.append((row.name, epoch, epoch * row.seconds_per_epoch, mean, min(losses), max(losses)))
    numbers = dict.fromkeys(("seconds", "mean", "least", "greatest"), pl.Float64)
    return pl.DataFrame(rows, {"name": pl.String, "epoch": pl.Int64, **numbers}, orient="row")


def learning_curve_frame(found: "Compared") -> pl.DataFrame:
    """The mean loss with each number of rows, and the one predicted for more rows."""
    curve = found.learning_curve
    rows: list[tuple[object, ...]] = []
    if curve:
        rows = [(count, loss, None, None, False) for count, loss in zip(curve.rows, curve.losses, strict=True)]
        then = curve.foretold
        rows.append((curve.more_rows, then.mean, then.low, then.high, True))
    numbers = dict.fromkeys(("validation_loss", "low", "high"), pl.Float64)
    return pl.DataFrame(rows, {"rows": pl.Int64, **numbers, "predicted": pl.Boolean}, orient="row")
