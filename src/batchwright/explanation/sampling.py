"""Which columns and which rows are looked at, where looking at all of them would take too long."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from batchwright.data.dataset import Split
from batchwright.explanation.asked_model import AskedModel
from batchwright.explanation.places import Arrays, InputPlaces, permute

MOST_COLUMNS = 100
"""Columns that are looked at."""

TRIED_ROWS, TRIED_WORK = (8, 100), 1_000_000_000
"""Fewest and most rows in which all columns are tried where there are more, and about the most numbers that go through
the network for it: of very many columns, fewer rows are tried."""

ROWS = (200, 10_000)
"""Fewest and most rows in which columns are shuffled."""

WORK = 250_000_000
"""About the most numbers that go through the network for shuffled columns: of wide tables, fewer rows are drawn."""


class Sample(NamedTuple):
    """Some rows, by their numbers, encoded and with their weights."""

    chosen: np.ndarray
    split: Split
    weights: np.ndarray


def choose_columns(answering: AskedModel, inputs: Arrays, places: Mapping[str, InputPlaces]) -> tuple[str, ...]:
    """All columns; of more than 100, those that change the outputs most where each row gets another one's cells."""
    names = tuple(places)
    if len(names) <= MOST_COLUMNS:
        return names
    fewest, most = TRIED_ROWS
    rows = min(max(fewest, TRIED_WORK // (len(names) * max(1, _width(inputs)))), most)
    some = {name: array[:rows] for name, array in inputs.items()}
    before = answering.outputs(some)
    moved = np.roll(np.arange(len(before)), 1)
    changes = [np.abs(answering.outputs(permute(some, (places[name],), moved)) - before).mean() for name in names]
    return tuple(names[place] for place in sorted(np.argsort(-np.array(changes), kind="stable")[:MOST_COLUMNS]))


def draw_rows(split: Split, weights: np.ndarray, columns: int, *, repeats: int, seed: int) -> Sample:
    """The rows in which this number of columns is shuffled: all, or as many as there is time for, by the seed."""
    fewest, most = ROWS
    count = min(max(fewest, WORK // max(1, _width(split.inputs) * columns * repeats)), most)
    chosen = np.arange(split.rows)
    if split.rows > count:
        chosen = np.sort(np.random.default_rng(seed).choice(split.rows, count, replace=False))
    return Sample(chosen, split.take(chosen), weights[chosen])


def _width(inputs: Arrays) -> int:
    """The numbers of a row."""
    return sum(math.prod(array.shape[1:]) for array in inputs.values())
