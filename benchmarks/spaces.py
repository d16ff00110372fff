"""What is chosen from in searching.py and its peer, and how both are timed. Standard library only."""

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock, and by the processor: those of all cores together, which other work disturbs less."""

    clock: float
    processor: float

    @classmethod
    def now(cls) -> "Cost":
        """Where both clocks of this process are."""
        return cls(time.perf_counter(), time.process_time())

    def until(self, end: "Cost", parts: int) -> "Cost":
        """What one of so many parts has cost from here to there."""
        return Cost((end.clock - self.clock) / parts, (end.processor - self.processor) / parts)


RATES = (1e-3, 1e-1)
"""Learning rates of a number of configurations, first and last."""
RATE, MOMENTUM, HIDDEN = (1e-3, 1.0), (0.5, 0.99), ([32], [64], [128, 64])
"""The space of a search: ranges of the learning rate and of the momentum, which is log in its distance from 1, and the
hidden sizes."""
