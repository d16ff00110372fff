"""Why this batch size: the time to a loss by batch size, predicted from noise and clock, beside what a run took."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from batchwright.errors import BatchwrightError
from batchwright.lab.own_run.retrace import Trace
from batchwright.measure.batch_size import BatchSizes, find_batch_size
from batchwright.runs.run import Run
from batchwright.training.state import to_device

if TYPE_CHECKING:
    from batchwright.figures import Svg


@dataclass(frozen=True, eq=False)
class BatchChoice:
    """A run's batch size among others.

    Args:
        batch_size: of the run.
        measured: seconds of an iteration in the run, with what it did between iterations, such as validation.
        sizes: what is predicted for each size; None where that cannot be measured.
        reason: why not.
    """

    batch_size: int
    measured: float
    sizes: BatchSizes | None
    reason: str = ""

    @property
    def predicted(self) -> float | None:
        """Seconds of an iteration of the run's size, by the clock of this machine."""
        return None if self.sizes is None else self.sizes.throughput.iteration_seconds(self.batch_size)

    def drawing(self) -> "Callable[[], Svg] | str":
        """What draws the time by batch size, or why there is none."""
        return f"it cannot be measured: {self.reason}" if self.sizes is None else self.sizes.drawings()["time"]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        from batchwright.measure.plain import plain_batch_sizes

        return {
            "batch_size": self.batch_size,
            "measured_seconds": self.measured,
            "predicted_seconds": self.predicted,
            "sizes": None if self.sizes is None else plain_batch_sizes(self.sizes),
            "reason": self.reason,
        }


def batch_choice(trace: Trace, run: Run, *, seed: int = 0) -> BatchChoice:
    """Measure noise and clock as `find-batch-size` does, and compare with what the run took."""
    job, last = trace.job, run.history[-1]
    measured = float(last["seconds"]) / max(int(last["iteration"]), 1)
    try:
        rows = to_device(trace.prepared.dataset.train)
        sizes, reason = find_batch_size(job.program, trace.prepared.state, rows, job.plan, seed=seed), ""
    except BatchwrightError as error:
        sizes, reason = None, str(error)
    return BatchChoice(job.plan.batch_size, measured, sizes, reason)
