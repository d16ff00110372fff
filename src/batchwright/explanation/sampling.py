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

MOST_TRIED, TRIED_COLUMNS = 2_000, 500
"""Columns that are all tried; and of more, how many are tried."""

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


class ChosenColumns(NamedTuple):
    """The columns that are looked at, and how they were chosen; empty if these are all."""

    names: tuple[str, ...]
    how: str


def choose_columns(answering: AskedModel, inputs: Arrays, places: Mapping[str, InputPlaces]) -> ChosenColumns:
    """All columns; of more than 100, those that change the outputs most where each row gets another one's cells.

    Of more than 2,000, only the 500 to which the outputs are most sensitive are tried, as trying one takes a while; for
    a network of which that cannot be told, all are tried.
    """
    names = tuple(places)
    if len(names) <= MOST_COLUMNS:
        return ChosenColumns(names, "")
    tried, how = names, ""
    if len(names) > MOST_TRIED and answering.has_sensitivity:
        tried = _most_sensitive(answering, inputs, places)
        how = (
            f"of {len(names):,} columns, the {len(tried):,} are tried to which the outputs are most sensitive (the "
            f"mean square derivative times the spread of the column); of these, the {MOST_COLUMNS} are measured that "
            f"change the outputs most, and the other {len(names) - MOST_COLUMNS:,} columns are not measured"
        )
    how = how or f"of {len(names):,} columns, the {MOST_COLUMNS} are looked at that change the outputs most"
    return ChosenColumns(_change_most(answering, inputs, places, tried), how)


def _most_sensitive(answering: AskedModel, inputs: Arrays, places: Mapping[str, InputPlaces]) -> tuple[str, ...]:
    """The columns to which the outputs are most sensitive, in the order of the table; an image is always among them."""
    found = answering.sensitivity(inputs)
    texts = {of_column.text.start: place for place, of_column in enumerate(_with_text(places))}
    figures = []
    for of_column in places.values():
        squares = [found["numeric"][of_column.numeric.start : of_column.numeric.stop] ** 2] if of_column.numeric else []
        squares += [found["categorical"][list(of_column.categorical)] ** 2] if of_column.categorical else []
        squares += [found["text"][[texts[of_column.text.start]]] ** 2] if of_column.text else []
        figures.append(np.inf if of_column.image else float(np.sqrt(sum(map(np.sum, squares)))))
    names = tuple(places)
    order = np.argsort(-np.array(figures), kind="stable")[:TRIED_COLUMNS]
    return tuple(names[place] for place in sorted(order))


def _with_text(places: Mapping[str, InputPlaces]) -> list[InputPlaces]:
    return sorted((one for one in places.values() if one.text), key=lambda one: one.text.start)


def _change_most(
    answering: AskedModel, inputs: Arrays, places: Mapping[str, InputPlaces], names: tuple[str, ...]
) -> tuple[str, ...]:
    """The columns that change the outputs most where each row gets the cells of another one."""
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
