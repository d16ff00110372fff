"""Columns that go with each other, so that a model may use one in place of another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float64

from batchwright.explanation.places import Arrays, InputPlaces

STRONG = 0.7
"""Correlation from which two columns are named. A convention: half of the variance of one is that of the other."""

MOST_ROWS = 2_000
MOST_CATEGORIES = 20


@dataclass(frozen=True)
class CorrelatedPair:
    """Two columns, and the largest correlation of ranks, in size, between what the network gets of each."""

    first: str
    second: str
    correlation: float


def correlated_pairs(
    inputs: Arrays, places: Mapping[str, InputPlaces], columns: Sequence[str]
) -> tuple[CorrelatedPair, ...]:
    """The pairs of these columns that go with each other, the strongest first; texts and images are left out.

    Args:
        inputs: the inputs of the network; of many rows, the first 2,000.
        places: where each column is among the inputs.
        columns: those to compare.
    """
    blocks = {column: block for column in columns if (block := _block(inputs, places[column])) is not None}
    pairs, names = list[CorrelatedPair](), list(blocks)
    for number, first in enumerate(names):
        for second in names[number + 1 :]:
            strongest = float(np.abs(blocks[first].T @ blocks[second]).max())
            if strongest >= STRONG:
                pairs.append(CorrelatedPair(first, second, min(strongest, 1.0)))
    return tuple(sorted(pairs, key=lambda pair: -pair.correlation))


def group_correlated(pairs: Sequence[CorrelatedPair]) -> tuple[tuple[str, ...], ...]:
    """The groups of columns that are linked by pairs.

    >>> group_correlated([CorrelatedPair("a", "b", 0.9), CorrelatedPair("c", "d", 0.8), CorrelatedPair("b", "e", 0.7)])
    (('a', 'b', 'e'), ('c', 'd'))
    """
    groups = list[list[str]]()
    for pair in pairs:
        linked = [group for group in groups if {pair.first, pair.second} & {*group}]
        groups = [group for group in groups if group not in linked]
        groups.append(list(dict.fromkeys((*(name for group in linked for name in group), pair.first, pair.second))))
    return tuple(tuple(group) for group in sorted(groups))


def _block(inputs: Arrays, places: InputPlaces) -> Float64[np.ndarray, "rows features"] | None:
    """The ranks of what the network gets of a column, with a mean of 0 and a length of 1; None if nothing varies."""
    if places.numeric:
        cells = inputs["numeric"][:MOST_ROWS, places.numeric.start : places.numeric.stop]
    elif places.categorical:
        codes = inputs["categorical"][:MOST_ROWS, places.categorical.start]
        counts = np.bincount(codes)
        cells = codes[:, None] == np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]
    else:
        return None
    ranks = pl.from_numpy(np.asarray(cells, np.float32)).select(pl.all().rank()).to_numpy()
    centred = ranks - ranks.mean(axis=0)
    lengths = np.sqrt((centred**2).sum(axis=0))
    varies = lengths > 0
    return centred[:, varies] / lengths[varies] if varies.any() else None
