"""Statistics of paired measurements."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

RESAMPLES = 2_000
LEVEL = 40
"""Quantiles are cut into so many parts: the outermost cuts are 2.5 % and 97.5 %."""


@dataclass(frozen=True)
class Ratio:
    """Ours divided by theirs.

    `of_medians` is the ratio of the two medians, `low` to `high` its 95 % interval (percentile bootstrap over the
    pairs); `of_pairs` is the median of the pairs' ratios.
    """

    of_medians: float
    low: float
    high: float
    of_pairs: float


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Compare measurements taken side by side: ours[i] and theirs[i] are a pair.

    >>> ratio([1, 1, 1], [2, 2, 2])
    Ratio(of_medians=0.5, low=0.5, high=0.5, of_pairs=0.5)
    """
    pairs = list(zip(ours, theirs, strict=True))
    draw = random.Random(0)
    resampled = [_of_medians(draw.choices(pairs, k=len(pairs))) for _ in range(RESAMPLES)]
    cuts = quantiles(resampled, n=LEVEL, method="inclusive")
    return Ratio(_of_medians(pairs), cuts[0], cuts[-1], median([a / b for a, b in pairs]))


def _of_medians(pairs: Sequence[tuple[float, float]]) -> float:
    return median([ours for ours, _ in pairs]) / median([theirs for _, theirs in pairs])
