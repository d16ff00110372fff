"""What came of the remedies of a diagnosis: of each its figures beside the unchanged training, and a verdict."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import inf
from typing import Any

from batchwright.comparison.paired import Effect
from batchwright.config.emit import flow
from batchwright.search.objective import LOSS, Objective
from batchwright.workflow import Estimate

ORDER: tuple[Effect, ...] = ("helps", "no difference shown", "not judged", "worse")


@dataclass(frozen=True)
class Remedy:
    """Settings by dotted key that may mend what a diagnosis of this kind says."""

    kind: str
    changes: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The changes as text.

        >>> Remedy("learning rate too high", {"optimizer.learning_rate": 0.001}).name
        'optimizer.learning_rate=0.001'
        """
        return ", ".join(f"{key}={flow(value)}" for key, value in self.changes.items())


@dataclass(frozen=True)
class Figures:
    """What one training came to with every seed.

    Args:
        by_seed: the figure that it is judged by, with each seed; the worst there can be where it has diverged.
        middle: the median of these.
        headline: the median of the metric that matters first, over the seeds that have not diverged; None where all
            have.
        diverged: with how many seeds it has diverged.
        seconds: of all its trainings; of trainings that went on at once, an equal share.
    """

    by_seed: tuple[float, ...]
    middle: float
    headline: float | None
    diverged: int
    seconds: float


@dataclass(frozen=True)
class TriedRemedy:
    """What came of a remedy.

    Args:
        remedy: what it changes, with measured values in place of `auto`.
        effect: "helps" and "worse" are differences beyond chance.
        verdict: the same in a sentence, with the numbers.
        judged_by: the figure of the validation rows that decides.
        figures: what it came to; None where it was not tried.
        unchanged: the same of the unchanged training, by the same figure.
        difference: with it minus without it, with its interval; None where fewer than two seeds count.
        headline_difference: the same of the metric that matters first.
    """

    remedy: Remedy
    effect: Effect
    verdict: str
    judged_by: Objective = LOSS
    figures: Figures | None = None
    unchanged: Figures | None = None
    difference: Estimate | None = None
    headline_difference: Estimate | None = None

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data."""
        names = ("figures", "unchanged", "difference", "headline_difference")
        parts = {name: getattr(self, name) for name in names}
        return {
            "kind": self.remedy.kind,
            "changes": dict(self.remedy.changes),
            "effect": self.effect,
            "verdict": self.verdict,
            "judged_by": self.judged_by.monitor.removeprefix("val_"),
            **{name: None if part is None else asdict(part) for name, part in parts.items()},
        }


@dataclass(frozen=True, repr=False)
class Tried:
    """All remedies, the best first, beside the unchanged training.

    Args:
        rows: what came of each.
        unchanged: the training as it is, by the validation loss.
        headline: the name of the metric that matters first.
        seeds: the seeds that were trained with.
        seconds: in all.
    """

    rows: tuple[TriedRemedy, ...]
    unchanged: Figures
    headline: str
    seeds: tuple[int, ...]
    seconds: float

    def __repr__(self) -> str:
        """The verdict."""
        return f"<Tried: {self.verdict}>"

    @property
    def best(self) -> TriedRemedy | None:
        """The remedy that helped most; None where none is shown to help."""
        return next((row for row in self.rows if row.effect == "helps"), None)

    @property
    def verdict(self) -> str:
        """One sentence on all of it."""
        if self.best is None:
            return "no remedy is shown to help"
        also = sum(row.effect == "helps" for row in self.rows) - 1
        more = f"; {also} more {'helps' if also == 1 else 'help'}" if also else ""
        return f"{self.best.remedy.name} {self.best.verdict}{more}"

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "rows": [row.to_json() for row in self.rows],
            "unchanged": asdict(self.unchanged),
            "headline": self.headline,
            "seeds": list(self.seeds),
            "best": None if self.best is None else dict(self.best.remedy.changes),
            "verdict": self.verdict,
            "seconds": self.seconds,
        }


def rank(row: TriedRemedy) -> tuple[int, float]:
    """Sorts what helps first, and then by what is gained, as a share of the unchanged figure and of the seeds."""
    gained = 0.0
    if row.figures is not None and row.unchanged is not None:
        gained = (row.unchanged.diverged - row.figures.diverged) / len(row.figures.by_seed)
        if row.difference is not None:
            before = abs(row.unchanged.middle)
            gained -= row.judged_by.cost(row.difference.mean) / (before if 0 < before < inf else 1.0)
    return ORDER.index(row.effect), -gained
