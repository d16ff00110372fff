"""Tables of how well a model distinguishes each class from the others."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from rich.table import Table

from batchwright.tasks.per_class import LABEL_CLASSES, PerClass

MOST_SHOWN = 20
"""The most classes shown as a confusion matrix; with more, only the pairs that are confused most."""


def per_class_parts(
    per_class: PerClass | None, by_target: Mapping[str, PerClass], *, confusion: bool = True
) -> Iterator[Table | str]:
    """Tables of the figures by class: for one target; for each of several targets; for labels, a row per label."""
    if per_class is not None:
        yield from _tables(per_class, confusion=confusion)
    elif by_target and all(one.classes == LABEL_CLASSES for one in by_target.values()):
        yield labels_table(by_target)
    else:
        for name, one in by_target.items():
            yield f"target {name}"
            yield from _tables(one, confusion=confusion)


def _tables(found: PerClass, *, confusion: bool) -> Iterator[Table]:
    yield per_class_table(found)
    if confusion:
        yield confusion_table(found)


def to_json(per_class: PerClass | None, by_target: Mapping[str, PerClass]) -> dict[str, Any] | None:
    """The same as plain data: the classes of one target and their confusion; for several targets, these by name."""
    if per_class is not None:
        return per_class.to_json()
    return {name: one.to_json() for name, one in by_target.items()} or None


def labels_table(found: Mapping[str, PerClass]) -> Table:
    """Precision, recall, F1 of each label, and the weight of the rows that have it."""
    table = _figures_table("label")
    for name, one in found.items():
        _add_figures(table, name, one, place=1)
    return table


def per_class_table(found: PerClass) -> Table:
    """Precision, recall, F1 and weight of each class."""
    table = _figures_table("class")
    for place, name in enumerate(found.classes):
        _add_figures(table, name, found, place=place)
    return table


def _figures_table(what: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for name in (what, "precision", "recall", "f1", "weight"):
        table.add_column(name, justify="left" if name == what else "right")
    return table


def _add_figures(table: Table, name: str, found: PerClass, *, place: int) -> None:
    """Add a row with the figures of the class at this position."""
    figures = (found.precision[place], found.recall[place], found.f1[place])
    shown = ("-" if np.isnan(figure) else f"{figure:.4f}" for figure in figures)
    table.add_row(name, *shown, f"{found.weight[place]:,.6g}")


def confusion_table(found: PerClass) -> Table:
    """The weight of each pair of true and predicted class; with many classes, the pairs that are confused most."""
    return _matrix(found) if len(found.classes) <= MOST_SHOWN else _pairs(found)


def _matrix(found: PerClass) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("true / answered")
    for name in found.classes:
        table.add_column(name, justify="right")
    for name, row in zip(found.classes, found.confusion, strict=True):
        table.add_row(name, *(f"{weight:,.6g}" for weight in row))
    return table


def _pairs(found: PerClass) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for name in ("true", "answered", "weight"):
        table.add_column(name, justify="right" if name == "weight" else "left")
    wrong = found.confusion * (1 - np.eye(len(found.classes)))
    for place in np.argsort(-wrong, axis=None, kind="stable")[:MOST_SHOWN]:
        true, answer = divmod(int(place), len(found.classes))
        if wrong[true, answer] > 0:
            table.add_row(found.classes[true], found.classes[answer], f"{wrong[true, answer]:,.6g}")
    return table
