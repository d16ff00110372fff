"""From coarse to fine: narrow ranges around the best trials, and widen a range whose best value is at an end."""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite

from batchwright.errors import ConfigError
from batchwright.search.dimension import Dimension
from batchwright.search.objective import LOSS, Objective
from batchwright.search.space import Space
from batchwright.search.study import Finished

BEST, FEWEST = 0.2, 4
"""The share of the trials that count as the best, and their fewest number."""
MARGIN = 0.1
"""Share of a range that is kept beyond the best trials on either side."""
END, WIDER = 0.03, 0.25
"""Distance to an end, as a share of the range, within which the best counts as at the end; how much to widen then."""


def narrow_space(
    space: Space, finished: Sequence[Finished], objective: Objective = LOSS
) -> tuple[Space, tuple[str, ...]]:
    """The space with each range around the best trials, and a sentence for each that was widened.

    The ranges depend only on the first space and all trials, so everyone who works on the same study has the same.
    """
    comparable = [one for one in finished if isfinite(one.outcome.value)]
    good = sorted(comparable, key=lambda one: objective.cost(one.outcome.value))
    best = good[: max(FEWEST, round(BEST * len(finished)))]
    notes = []
    for dimension in space.dimensions:
        values = [one.chosen[dimension.key] for one in best if dimension.key in one.chosen]
        if dimension.scale == "choice" or len(values) < FEWEST:
            continue
        low, high = _ends_around(dimension, values, best[0].chosen.get(dimension.key))
        changed = _limit_ends(space, dimension, (low, high))
        space = space.with_dimension(changed)
        notes += _widening_notes(dimension, changed, values[0])
    return space, tuple(notes)


def _ends_around(dimension: Dimension, values: Sequence[float], best: float | None) -> tuple[float, float]:
    """The new start and end of a range, as shares of the present range."""
    shares = [dimension.share(value) for value in values]
    low, high = max(min(shares) - MARGIN, 0.0), min(max(shares) + MARGIN, 1.0)
    if best is not None:
        at = dimension.share(best)
        low = min(at, 0.0) - WIDER if at <= END else low
        high = max(at, 1.0) + WIDER if at >= 1 - END else high
    return low, high


def _limit_ends(space: Space, dimension: Dimension, shares: tuple[float, float]) -> Dimension:
    """The dimension with its ends at these shares; an end that its key does not take stays where it is."""
    low, high = dimension.values
    for end, share in enumerate(shares):
        value = dimension.extrapolate(share)
        if 0 <= share <= 1 or _key_takes(space, dimension, value):
            low, high = (value, high) if end == 0 else (low, value)
    return dimension if low >= high else replace(dimension, values=(low, high))


def _key_takes(space: Space, dimension: Dimension, value: float) -> bool:
    """Whether the key takes a value, in a point where it is chosen."""
    middle = [0.5] * len(space.dimensions)
    try:
        space.settings({**space.point(middle), dimension.key: value})
    except ConfigError:
        return False
    return True


def _widening_notes(before: Dimension, after: Dimension, best: float) -> list[str]:
    (low, high), (lower, higher) = before.values, after.values
    ends = [(low, lower)] if lower < low else []
    ends += [(high, higher)] if higher > high else []
    said = f"{before.key}: the best so far, {best:.3g}, lies at the end of its range"
    return [f"{said}, {old:.3g}: it is searched to {new:.3g}" for old, new in ends]
