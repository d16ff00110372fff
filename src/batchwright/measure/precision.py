"""Which precision of matrix products is faster, from iterations of the same training in each, timed in turn."""

from dataclasses import dataclass

import numpy as np

from batchwright.measure.throughput import seconds_in_turn
from batchwright.training.order import batches
from batchwright.training.plan import Plan
from batchwright.training.segment import compile_segment
from batchwright.training.state import Precision, Program, Rows, TrainState

MARGIN, CERTAIN = 1.15, 0.75
"""How many times as fast bfloat16 has to be, in which share of the pairs of runs: for less, operands of 8 significant
bits are not worth having."""
LEAST_ITERATIONS = 256
"""Iterations of a run at least: with small networks they take tens of milliseconds, and a call of a program a fifth of
one."""


@dataclass(frozen=True)
class Precisions:
    """Seconds per iteration with products in each precision; runs in the same place were timed one after the other."""

    float32: tuple[float, ...]
    bfloat16: tuple[float, ...]

    @property
    def speedup(self) -> float:
        """How many times as fast bfloat16 is: the median over pairs of runs."""
        return float(np.median(self._ratios))

    @property
    def best(self) -> Precision:
        """bfloat16 if it is faster by MARGIN in CERTAIN of the pairs, else float32."""
        return "bfloat16" if np.quantile(self._ratios, 1 - CERTAIN) >= MARGIN else "float32"

    @property
    def reason(self) -> str:
        """Both times, and what is asked of bfloat16."""
        times = f"{_milliseconds(self.float32)} in float32 and {_milliseconds(self.bfloat16)} in bfloat16"
        asked = f"bfloat16 has to be {MARGIN} times as fast in {CERTAIN:.0%} of the runs"
        return f"an iteration takes {times}, {self.speedup:.2f} times as fast; {asked}"

    @property
    def _ratios(self) -> np.ndarray:
        return np.divide(self.float32, self.bfloat16)


def _milliseconds(seconds: tuple[float, ...]) -> str:
    return f"{1000 * float(np.median(seconds)):.3g} ms"


def compare_precisions(
    programs: tuple[Program, Program], state: TrainState, rows: Rows, plan: Plan, *, quickly: bool
) -> Precisions:
    """Time a training in both precisions, compiled as the training will be; the given state stays as it is.

    Args:
        programs: the same program in float32 and in bfloat16.
        state: the present state, from which copies are trained with a learning rate of 0.
        rows: the training rows.
        plan: the plan of the batches.
        quickly: whether programs are compiled with little optimisation.
    """
    iterations = max(plan.iterations_per_epoch, LEAST_ITERATIONS)
    epochs = range(-(-iterations // plan.iterations_per_epoch))
    order = np.concatenate([batches(plan, seed=0, epoch=epoch) for epoch in epochs])[:iterations]
    segments = [
        (program, compile_segment(program, state, rows, plan, iterations=iterations, quickly=quickly))
        for program in programs
    ]
    return Precisions(*seconds_in_turn(segments, state, rows, order))
