"""Measurements as plain data: what `--json` prints and a run keeps as evidence."""

from typing import Any

from batchwright.measure.batch_size import BatchSizes
from batchwright.measure.learning_rate import LearningRates
from batchwright.measure.precision import Precisions
from batchwright.measure.verify import Verified


def plain_batch_sizes(found: BatchSizes) -> dict[str, Any]:
    """The recommendation, its reason, and its basis; an iteration takes `fixed` + `per_row`·B."""
    noise, throughput = found.noise_scale, found.throughput
    return {
        "recommended": found.recommended,
        "interval": list(found.interval),
        "reason": found.reason,
        "noise_scale": {"value": noise.value, "low": noise.low, "high": noise.high},
        "seconds_per_iteration": {
            "fixed": throughput.fixed,
            "per_row": throughput.per_row,
            "fixed_interval": list(throughput.fixed_interval),
            "per_row_interval": list(throughput.per_row_interval),
            "timed": {str(timing.batch_size): list(timing.seconds) for timing in throughput.timings},
        },
        "table": [candidate._asdict() for candidate in found.table],
        "rescaled": found.rescaled,
        "seconds": found.seconds,
        "compile_seconds": found.compile_seconds,
    }


def plain_learning_rates(found: LearningRates) -> dict[str, Any]:
    """The best rate, the stable range, and every rate that was tried with its final loss."""
    return {
        "best": found.best,
        "interval": list(found.interval),
        "largest_stable": found.largest_stable,
        "smallest_unstable": found.smallest_unstable,
        "reason": found.reason,
        "table": [
            {
                "learning_rate": trial.learning_rate,
                "loss": trial.loss,
                "diverged": trial.diverged,
                "iterations": trial.losses.shape[1],
                "seeds": len(trial.losses),
            }
            for trial in found.trials
        ],
        "curves": {
            name: {"learning_rate": trial.learning_rate, "losses": trial.losses[0].tolist()}
            for name, trial in found.examples.items()
        },
        "seconds": found.seconds,
        "compile_seconds": found.compile_seconds,
    }


def plain_precisions(found: Precisions) -> dict[str, Any]:
    """The faster precision, the reason, and the seconds per iteration of every run in each."""
    return {
        "best": found.best,
        "reason": found.reason,
        "speedup": found.speedup,
        "seconds_per_iteration": {"float32": list(found.float32), "bfloat16": list(found.bfloat16)},
    }


def plain_verified(verified: Verified) -> dict[str, Any]:
    """The target, and what each size needed to reach it."""
    return {"target": verified.target, "table": [row._asdict() for row in verified.rows]}
