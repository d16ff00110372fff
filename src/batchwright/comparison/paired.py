"""A changed training against the unchanged one, seed by seed, and whether chance explains the difference."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, isfinite
from statistics import fmean, stdev
from typing import Literal

from batchwright.comparison.differences import LEVEL, RESOLUTION
from batchwright.workflow import Estimate

Effect = Literal["helps", "no difference shown", "worse", "not judged"]


@dataclass(frozen=True)
class Paired:
    """What the pairs of figures say.

    Args:
        effect: "helps" or "worse" where chance does not explain the difference; else "no difference shown".
        difference: changed minus unchanged, with its interval, over the seeds that count; None with fewer than two.
        why: the reason, with the numbers.
    """

    effect: Effect
    difference: Estimate | None
    why: str


def compare_pairs(
    changed: Sequence[float],
    unchanged: Sequence[float],
    *,
    name: str = "validation loss",
    larger_is_better: bool = False,
    constant: float | None = None,
    tests: int = 1,
) -> Paired:
    """Compare a training with the unchanged one, which had the same seeds.

    A seed that has diverged has a figure that is not finite. A change with which more seeds diverge is worse, and one
    with which so many fewer diverge that chance hardly explains it (`chance_of_fewer`) helps. Otherwise the interval of
    the difference decides (`limit_figures` says what counts).

    Args:
        changed: the figure of each seed with the change.
        unchanged: the same without it.
        name: what the figure is called.
        larger_is_better: whether a larger figure is better.
        constant: the figure of constant answers; None where it is not known.
        tests: how many changes are tested beside each other; the intervals hold for all of them at once.

    >>> compare_pairs([1.0, 1.1, 1.05], [2.0, 2.12, 2.04]).why
    'validation loss 1 lower (0.965 to 1.04)'
    """
    fails, failed = _count_not_finite(changed), _count_not_finite(unchanged)
    limit = None if larger_is_better else constant
    counted, before = limit_figures(changed, unchanged, limit), limit_figures(unchanged, changed, limit)
    pairs = [pair for pair in zip(counted, before, strict=True) if isfinite(pair[0]) and isfinite(pair[1])]
    difference = paired_difference(pairs, tests=tests) if len(pairs) > 1 else None
    why = "; ".join(_sentences(name, difference, (fails, failed, len(changed))))
    if counted != tuple(changed) or before != tuple(unchanged):
        why = f"{why}; constant answers have {constant:.3g}, and what is above it counts as that"
    if fails > failed:
        return Paired("worse", difference, why)
    if chance_of_fewer(fails, failed, len(changed)) <= LEVEL:
        return Paired("helps", difference, why)
    if difference is None:
        return Paired("no difference shown", None, f"{why}; too few seeds have finished to compare their {name}")
    least = RESOLUTION * abs(fmean(second for _, second in pairs))
    low, high = (-difference.high, -difference.low) if larger_is_better else (difference.low, difference.high)
    if high < -least:
        return Paired("helps", difference, why)
    return Paired("worse" if low > least else "no difference shown", difference, why)


def limit_figures(figures: Sequence[float], others: Sequence[float], constant: float | None) -> tuple[float, ...]:
    """The figures that count, where smaller is better: those above the one of constant answers count as that.

    Only luck decides how far a broken training is above constant answers, and one seed far up would hide that all of
    them are. So it is only where all the `others` are better than constant answers; else the figures stay.

    >>> limit_figures([0.9, 4947.0, float("inf")], [0.3, 0.2, 0.25], 1.1)
    (0.9, 1.1, 1.1)
    """
    if constant is None or not isfinite(constant) or not all(other <= constant for other in others):
        return tuple(figures)
    return tuple(min(figure, constant) for figure in figures)


def _sentences(name: str, difference: Estimate | None, diverged: tuple[int, int, int]) -> list[str]:
    fails, failed, seeds = diverged
    said = [f"diverged with {fails} of {seeds} seeds, unchanged with {failed}"] if fails or failed else []
    return said if difference is None else [*said, describe_difference(name, difference)]


def paired_difference(pairs: Sequence[tuple[float, float]], *, tests: int = 1) -> Estimate:
    """The mean of first minus second with Student's interval, two pairs or more.

    Of k tests each interval has the level 1 - 0.05/k (Bonferroni), so that all of them hold with 95 %.

    >>> found = paired_difference([(1.0, 2.0), (2.0, 3.5)])  # -1.25 ± 12.7 · 0.354 / √2
    >>> round(found.mean, 2), round(found.low, 2), round(found.high, 2)
    (-1.25, -4.43, 1.93)
    """
    from scipy.special import stdtrit

    each = [first - second for first, second in pairs]
    mean, count = fmean(each), len(each)
    half = float(stdtrit(count - 1, 1 - LEVEL / (2 * tests))) * stdev(each) / count**0.5
    return Estimate(mean, mean - half, mean + half)


def chance_of_fewer(diverged: int, unchanged: int, seeds: int) -> float:
    """How probable it is that at most `diverged` of the changed ones diverge, if the change made no difference.

    It is Fisher's exact test of two times `seeds` trainings, `diverged` + `unchanged` of which have diverged.

    >>> chance_of_fewer(0, 0, 5), round(chance_of_fewer(0, 3, 5), 3), round(chance_of_fewer(0, 4, 5), 3)
    (1.0, 0.083, 0.024)
    """
    both = diverged + unchanged
    ways = sum(comb(seeds, k) * comb(seeds, both - k) for k in range(max(0, both - seeds), diverged + 1))
    return ways / comb(2 * seeds, both)


def describe_difference(name: str, difference: Estimate) -> str:
    """A difference in words.

    >>> describe_difference("validation loss", Estimate(-0.31, -0.34, -0.28))
    'validation loss 0.31 lower (0.28 to 0.34)'
    >>> describe_difference("validation loss", Estimate(0.01, -0.02, 0.04))
    'validation loss 0.01 higher (0.02 lower to 0.04 higher)'
    """
    mean, low, high = difference.mean, difference.low, difference.high
    if low <= 0 <= high:
        between = f"{_toward(low)} to {_toward(high)}"
    else:
        near, far = sorted((abs(low), abs(high)))
        between = f"{near:.3g} to {far:.3g}"
    return f"{name} the same" if low == high == 0 else f"{name} {_toward(mean)} ({between})"


def _toward(by: float) -> str:
    return f"{abs(by):.3g} {'lower' if by < 0 else 'higher'}"


def _count_not_finite(figures: Sequence[float]) -> int:
    return sum(not isfinite(figure) for figure in figures)
