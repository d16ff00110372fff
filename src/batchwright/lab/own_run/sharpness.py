"""The largest curvature of the loss along a run, beside the curvature beyond which its steps would not settle."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from batchwright.lab.descent.limits import largest_rate
from batchwright.lab.own_run.retrace import Trace
from batchwright.measure.curvature import CLOSE, largest_curvature
from batchwright.measure.layers import layer_probe

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sharpness:
    """The curvature at moments of a run.

    Args:
        iterations: of the moments.
        curvatures: the largest eigenvalue of the Hessian of the training loss, on a few rows that stay the same: the
            one that the limit concerns.
        smallest: the smallest eigenvalue: below 0 where the loss bends downwards in some direction.
        errors: how far from an eigenvalue each of `curvatures` is at most.
        limits: the curvature that the learning rate of the moment just bears: 2/η for plain gradient descent, more
            with momentum; NaN at the start, and for rules that have no such limit.
        rows: on how many rows it was measured.
    """

    iterations: NDArray[np.int64]
    curvatures: Floats
    smallest: Floats
    errors: Floats
    limits: Floats
    rows: int

    @property
    def above(self) -> float:
        """The share of the moments whose curvature is above the limit; NaN if there is no limit."""
        known = np.isfinite(self.limits) & np.isfinite(self.curvatures)
        return float((self.curvatures[known] > self.limits[known]).mean()) if known.any() else float("nan")

    @property
    def unsure(self) -> int:
        """At how many moments the largest curvature is not known to 1 %."""
        return int((~(self.errors <= CLOSE * np.abs(self.curvatures))).sum())

    def to_json(self) -> dict[str, Any]:
        """Plain data; None where there is no limit, or no curvature."""
        return {
            "iterations": self.iterations.tolist(),
            "curvatures": _finite(self.curvatures),
            "smallest": _finite(self.smallest),
            "errors": _finite(self.errors),
            "limits": _finite(self.limits),
            "rows": self.rows,
        }


def sharpness(trace: Trace) -> Sharpness:
    """Measure the curvature at each moment of a run.

    The limit is that of full batches; the noise of small ones adds to what keeps a training in flatter places.
    """
    job = trace.job
    groups = layer_probe(job, trace.prepared.dataset.train).groups
    found = np.array(
        [
            largest_curvature(job.program, trace.state_with(moment.params), groups, seed=job.seed)
            for moment in trace.moments
        ]
    )
    bearable = largest_rate(job.program.optimizer, 1.0)  # η·λ just bears this
    limits = [
        bearable / moment.rate if bearable is not None and moment.rate > 0 else np.nan for moment in trace.moments
    ]
    rows = len(groups) * len(groups[0].targets)
    iterations = np.array([moment.iteration for moment in trace.moments])
    largest, smallest, errors = found.T
    return Sharpness(iterations, largest, smallest, errors, np.array(limits), rows)


def _finite(values: Floats) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in values.tolist()]
