"""Figures of rows that were loaded: what is predicted, and how the columns of numbers go with each other."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Shaped

from batchwright._shown import Drawings
from batchwright.data.encode.labels import LabelTarget
from batchwright.data.encode.preprocessing import Preprocessing
from batchwright.data.encode.several import OneTarget, SeveralTargets
from batchwright.data.encode.targets import ValueTarget
from batchwright.figures import Axis, Bar, Names, Svg, bars, heat_map, histogram

if TYPE_CHECKING:
    from batchwright.data.dataset import Dataset

MOST_COLUMNS, MOST_ROWS = 30, 50_000
"""Columns of numbers that are drawn, the first ones; and rows that are looked at, spread evenly."""
COUNT = Axis("training rows")


def dataset_drawings(data: "Dataset") -> Drawings:
    """The figures of a dataset by name, or why there is none.

    - target: the training rows of each class or label, or the distribution of a number; `target NAME` for each of
      several
    - columns: the correlation of each two columns of numbers
    """
    few = "it takes two columns of numbers"
    return {**_target_drawings(data), "columns": partial(draw_columns, data) if len(number_columns(data)) > 1 else few}


def _target_drawings(data: "Dataset") -> dict[str, Callable[[], Svg]]:
    target, cells = data.target, data.train.targets
    if isinstance(target, LabelTarget):
        return {"target": partial(draw_labels, target, cells)}
    if isinstance(target, SeveralTargets):
        parts = enumerate(target.parts)
        return {f"target {part.name}": partial(draw_target, part, cells[:, place]) for place, part in parts}
    return {"target": partial(draw_target, target, cells)}


def draw_target(target: OneTarget, cells: Shaped[np.ndarray, " rows"]) -> Svg:
    """The training rows of each class, the most frequent first, or the distribution of a number in its own unit."""
    if isinstance(target, ValueTarget):
        values = target.decode(np.asarray(cells, np.float64))
        return histogram(values, Axis(target.name), title=f"{target.name} of the training rows")
    counts = np.bincount(np.asarray(cells, np.int64), minlength=len(target.classes))
    return _count_bars(target.classes, counts, f"Training rows of each class of {target.name}")


def draw_labels(target: LabelTarget, cells: Shaped[np.ndarray, "rows labels"]) -> Svg:
    """The training rows that have each label, the most frequent first."""
    return _count_bars(target.classes, np.asarray(cells).sum(axis=0), f"Training rows with each label of {target.name}")


def draw_columns(data: "Dataset") -> Svg:
    """The correlation of each two columns of numbers in the training rows, as they are encoded."""
    places = number_columns(data)
    chosen = list(places)[:MOST_COLUMNS]
    numbers = data.train.inputs["numeric"]
    rows = np.unique(np.linspace(0, len(numbers) - 1, min(len(numbers), MOST_ROWS)).astype(np.int64))
    some = np.asarray(numbers[rows], np.float64)[:, [places[name] for name in chosen]]
    with np.errstate(invalid="ignore", divide="ignore"):  # a constant column has no correlation
        found = np.asarray(np.corrcoef(some, rowvar=False))
    more = f", the first {MOST_COLUMNS} of {len(places):,}" if len(places) > MOST_COLUMNS else ""
    names, title = Names(chosen), f"Correlation of the columns of numbers{more}"
    return heat_map(found, names, names, Axis("correlation", low=-1.0, high=1.0), title=title, centre=0.0, height=460)


def number_columns(data: "Dataset") -> dict[str, int]:
    """The places in "numeric" of the columns that become one number each, by name."""
    made = data.preprocessing
    used = set(data.schema.used)
    names = made.feature_names if isinstance(made, Preprocessing) else ()
    return {name: place for place, name in enumerate(names) if name in used}


def _count_bars(names: tuple[str, ...], counts: np.ndarray, title: str) -> Svg:
    order = np.argsort(-counts, kind="stable").tolist()
    return bars([Bar(names[place], float(counts[place])) for place in order], COUNT, title=title)
