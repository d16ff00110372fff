"""How well each class is told from the others, as tables."""

import numpy as np
from rich.markup import escape
from rich.table import Table

from batchwright.tasks.per_class import PerClass

MOST_SHOWN = 20
"""Classes that a confusion matrix is shown with; of more, the pairs that are confused most."""


def per_class_table(found: PerClass) -> Table:
    """Precision, recall, F1 and weight of each class."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for name in ("class", "precision", "recall", "f1", "weight"):
        table.add_column(name, justify="left" if name == "class" else "right")
    for name, *figures, weight in zip(
        found.classes, found.precision, found.recall, found.f1, found.weight, strict=True
    ):
        shown = ("-" if np.isnan(figure) else f"{figure:.4f}" for figure in figures)
        table.add_row(escape(name), *shown, f"{weight:,.6g}")
    return table


def confusion_table(found: PerClass) -> Table:
    """Rows of each true class by what they are answered with; of many classes, the pairs that are confused most."""
    return _matrix(found) if len(found.classes) <= MOST_SHOWN else _pairs(found)


def _matrix(found: PerClass) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("true / answered")
    for name in found.classes:
        table.add_column(escape(name), justify="right")
    for name, row in zip(found.classes, found.confusion, strict=True):
        table.add_row(escape(name), *(f"{weight:,.6g}" for weight in row))
    return table


def _pairs(found: PerClass) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for name in ("true", "answered", "weight"):
        table.add_column(name, justify="right" if name == "weight" else "left")
    wrong = found.confusion * (1 - np.eye(len(found.classes)))
    for place in np.argsort(-wrong, axis=None, kind="stable")[:MOST_SHOWN]:
        true, answer = divmod(int(place), len(found.classes))
        if wrong[true, answer] > 0:
            table.add_row(escape(found.classes[true]), escape(found.classes[answer]), f"{wrong[true, answer]:,.6g}")
    return table
