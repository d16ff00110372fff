"""Find differences between variants beyond chance: of tables of equal variants, at most one in twenty has any.

The variant with the lowest mean loss is chosen by the same losses that it is then tested with, and it is tested against
every other. So the test holds for all pairs at once: Tukey's studentized range, with the seeds as blocks, because every
variant is trained with the same seeds.

Tukey 1953, The Problem of Multiple Comparisons; Scheffé 1959, The Analysis of Variance, section 4.2.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

LEVEL = 0.05
"""If all variants are equal, the share of tables for which the test may claim a difference."""
RESOLUTION = 1e-6
"""Differences below this share of the loss are rounding errors of float32, however regular they are."""


class Differences(NamedTuple):
    """The mean differences from the lowest variant, and how far to either side of each its 95 % interval reaches."""

    mean: Float[np.ndarray, "*tables variants"]
    reach: Float[np.ndarray, "*tables variants"]


def differences_from_lowest(losses: Float[np.ndarray, "*tables variants seeds"]) -> Differences:
    """How much higher the mean loss of each variant is than the lowest, with intervals that hold for all at once.

    With d the mean difference from the lowest over K seeds, the interval is d ± the larger of

        q·s/√K    and    t·s_own·√(2/K).

    q is the 95 % quantile of the studentized range of k variants with (k - 1)(K - 1) degrees of freedom, t the quantile
    of Student's two-sided test with K - 1. s² is the larger of two estimates of the variance of a loss within a seed:
    the residual variance of all variants, and s_own², half the variance of the differences of this pair. The second
    keeps a variant that is noisier than the others from counting as better or worse.

    Args:
        losses: losses of every variant with every seed, two variants and two seeds or more.

    >>> found = differences_from_lowest(np.array([[1.0, 2.0, 3.0], [1.5, 2.5, 3.6], [0.9, 2.1, 3.0]]))
    >>> found.mean.round(3).tolist()
    [0.0, 0.533, 0.0]
    """
    from scipy.stats import studentized_range, t

    variants, seeds = losses.shape[-2:]
    degrees = (variants - 1) * (seeds - 1)
    means = losses.mean(axis=-1)
    lowest = np.take_along_axis(losses, means.argmin(axis=-1)[..., None, None], axis=-2)
    differences = losses - lowest
    own = differences.var(axis=-1, ddof=1) / 2
    residuals = losses - means[..., None] - losses.mean(axis=-2, keepdims=True)
    residuals += means.mean(axis=-1)[..., None, None]
    pooled = (residuals**2).sum(axis=(-2, -1)) / degrees
    spread = np.sqrt(np.maximum(own, pooled[..., None]) / seeds)
    reach = float(studentized_range.ppf(1 - LEVEL, variants, degrees)) * spread
    reach = np.maximum(reach, float(t.ppf(1 - LEVEL / 2, seeds - 1)) * np.sqrt(2 * own / seeds))
    return Differences(differences.mean(axis=-1), reach)


def is_behind_lowest(losses: Float[np.ndarray, "*tables variants seeds"]) -> Bool[np.ndarray, "*tables variants"]:
    """Which variants have a higher mean loss than the lowest, beyond chance: their interval leaves out 0.

    Args:
        losses: as for `differences_from_lowest`.

    >>> is_behind_lowest(np.array([[1.0, 2.0, 3.0], [1.5, 2.5, 3.6], [0.9, 2.1, 3.0]]))
    array([False,  True, False])
    """
    found = differences_from_lowest(losses)
    rounding = RESOLUTION * np.abs(losses.mean(axis=-1))
    behind: Bool[np.ndarray, "*tables variants"] = found.mean > np.maximum(found.reach, rounding)
    return behind


def verdict(names: Sequence[str], by_seed: Sequence[Sequence[float]], *, tuned: bool) -> str:
    """State in a sentence which differences are beyond chance, and what was tested.

    Args:
        names: the names of the variants.
        by_seed: the losses of each variant with every seed; empty if it has diverged.
        tuned: whether something was tuned again for each seed, so that the losses contain the luck of tuning.
    """
    good = sorted((float(np.mean(own)), name, own) for name, own in zip(names, by_seed, strict=True) if own)
    if not good:
        return "all that was compared has diverged: take smaller learning rates"
    (_, best, first), others = good[0], [name for _, name, _ in good[1:]]
    if not others:
        return f"{best} alone did not diverge"
    if len(first) == 1:
        return f"{best} has the lowest loss, but one seed cannot tell whether that is chance: take `seeds=5`"
    found = is_behind_lowest(np.array([own for _, _, own in good], np.float64))[1:]
    behind = [name for name, is_behind in zip(others, found, strict=True) if is_behind]
    alike = [name for name in others if name not in behind]
    how = _test_sentence(len(good), len(first), tuned=tuned, found=bool(behind))
    return f"{_verdict_sentence(best, behind, alike)} ({how})"


def _verdict_sentence(best: str, behind: Sequence[str], alike: Sequence[str]) -> str:
    if not alike:
        return f"{best} is ahead of all others by more than chance explains"
    said = f"{best} has the lowest loss; chance may explain that it is ahead of {', '.join(alike)}"
    return f"{said}; behind by more than chance explains: {', '.join(behind)}" if behind else said


def _test_sentence(variants: int, seeds: int, *, tuned: bool, found: bool) -> str:
    """What was tested, and what follows: a difference that was `found` is rare among equal ones, others are not."""
    luck = "the seeds, and of a tuning for each of them" if tuned else "the seeds"
    often = "at most" if found else "more than"
    return (
        f"{name_of_test(variants)}, {seeds} seeds: with the luck of {luck}, equal ones would differ so in {often} 1 of "
        "20 comparisons"
    )


def name_of_test(variants: int) -> str:
    """The test that is made of so many variants: of two, Tukey's is Student's.

    >>> name_of_test(2)
    "Student's paired test"
    """
    return "Student's paired test" if variants == 2 else f"Tukey's test of all pairs of the {variants}"
