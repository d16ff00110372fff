"""Tables of measurements, as data frames."""

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from batchwright.measure.batch_size import BatchSizes
    from batchwright.measure.learning_rate import LearningRates
    from batchwright.measure.noise_scale import NoiseScale
    from batchwright.measure.verify import Verified

NOISE = dict.fromkeys(("value", "low", "high", "trace", "gradient_norm2"), pl.Float64) | {"rows": pl.Int64}


def noise_frame(scales: "dict[str, NoiseScale]") -> pl.DataFrame:
    """A row for each layer, or one for all parameters."""
    rows = [(name, *(getattr(scale, column) for column in NOISE)) for name, scale in scales.items()]
    return pl.DataFrame(rows, {"layer": pl.String, **NOISE}, orient="row")


def batch_sizes_frame(found: "BatchSizes") -> pl.DataFrame:
    """A row for each batch size."""
    types = (pl.Int64, pl.Int64, pl.Float64, pl.Int64, pl.Float64, pl.Float64)
    names = type(found.table[0])._fields
    rows = pl.DataFrame(list(found.table), dict(zip(names, types, strict=True)), orient="row")
    return rows.with_columns(recommended=pl.col("batch_size") == found.recommended)


def timings_frame(found: "BatchSizes") -> pl.DataFrame:
    """A row for each iteration time that was measured."""
    timed = [
        (timing.batch_size, seconds, timing.memory_bytes)
        for timing in found.throughput.timings
        for seconds in timing.seconds
    ]
    types = {"batch_size": pl.Int64, "seconds": pl.Float64, "memory_bytes": pl.Int64}
    return pl.DataFrame(timed, types, orient="row")


def rates_frame(found: "LearningRates") -> pl.DataFrame:
    """A row for each rate that was tried."""
    rows = [(one.learning_rate, one.losses.shape[1], len(one.losses), one.loss, one.diverged) for one in found.trials]
    names = ("learning_rate", "iterations", "seeds", "loss", "diverged")
    types = (pl.Float64, pl.Int64, pl.Int64, pl.Float64, pl.Boolean)
    return pl.DataFrame(rows, dict(zip(names, types, strict=True)), orient="row")


def rate_losses_frame(found: "LearningRates") -> pl.DataFrame:
    """The loss of each iteration of each seed with each rate."""
    parts = [
        pl.DataFrame({"learning_rate": one.learning_rate, "seed": seed, "loss": losses.astype("float64")}).with_columns(
            iteration=pl.int_range(1, pl.len() + 1)
        )
        for one in found.trials
        for seed, losses in enumerate(one.losses)
    ]
    return pl.concat(parts).select("learning_rate", "seed", "iteration", "loss")


def verified_frame(found: "Verified") -> pl.DataFrame:
    """A row for each batch size that was trained to the target."""
    return pl.DataFrame([row._asdict() for row in found.rows], infer_schema_length=None)
