"""How well classes are told apart: the confusion matrix with the rows of its cells, and the figures of each class."""

from collections.abc import Mapping

import numpy as np

from batchwright.figures import matrix
from batchwright.report.blocks import Block, Cell, Chart, Confusion, Grid, Group, Words
from batchwright.report.rows_shown import RowsShown, shown_name
from batchwright.tasks.answers import ClassAnswers
from batchwright.tasks.per_class import PerClass
from batchwright.tasks.scores import roc_auc

MOST_IN_TABLE = 20
"""Classes whose confusion is a table with links; of more, it is a figure."""

ROWS_OF_CELL, ROWS_IN_ALL = 4, 200
"""The most rows that are listed of a cell, and about as many of all."""

MOST_LISTED = 100
"""Classes with a row of their own; of more, those with the lowest F1."""

AUC_CLASSES = 20


def class_blocks(
    name: str, found: PerClass, answers: ClassAnswers | None = None, rows: RowsShown | None = None
) -> tuple[list[Block], list[Block]]:
    """The figures of one target of classes, and the rows that their cells lead to.

    Args:
        name: of the target, for the names of links.
        found: the confusion matrix.
        answers: of each row; None where the rows are not at hand.
        rows: shows them; None likewise.
    """
    groups = {} if answers is None or rows is None else _groups(name, found, answers, rows)
    listed: list[Block] = [_rows_of_cells(groups, rows)] if groups and rows is not None else []
    return [*_confusion(found, groups), _per_class_grid(found, answers)], listed


def _confusion(found: PerClass, groups: Mapping[tuple[int, int], Group]) -> list[Block]:
    counts, classes = found.confusion, tuple(map(shown_name, found.classes))
    if len(classes) <= MOST_IN_TABLE:
        links = {cell: group.name for cell, group in groups.items()}
        caption = "Confusion matrix: the rows of each true class, by the class that is predicted"
        return [Confusion(caption, classes, tuple(map(tuple, counts.tolist())), links)]
    words = f"{len(classes):,} classes: a shade is a share of the true class."
    pairs = _confused_most(found)
    charts: list[Block] = [Chart(matrix(counts, classes, title="Confusion matrix"), words)]
    return [*charts, *([Grid("Confused most", ("true class", "predicted", "rows"), pairs)] if pairs else [])]


def _confused_most(found: PerClass) -> tuple[tuple[Cell, ...], ...]:
    """The cells off the diagonal with the most rows."""
    wrong = found.confusion - np.diag(np.diag(found.confusion))
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_IN_TABLE]
    places = [divmod(int(place), len(wrong)) for place in order]
    names = [shown_name(name) for name in found.classes]
    return tuple(
        (names[true], names[given], _count(wrong[true, given])) for true, given in places if wrong[true, given]
    )


def _count(weight: float) -> int | float:
    """A sum of weights; a whole number where it is one."""
    return int(weight) if float(weight).is_integer() else float(weight)


def _per_class_grid(found: PerClass, answers: ClassAnswers | None) -> Grid:
    """Precision, recall and F1 of each class, with its rows; the area under the ROC curve for a few classes."""
    places = list(range(len(found.classes)))
    if len(places) > MOST_LISTED:
        worst = np.argsort(np.nan_to_num(found.f1, nan=2.0), kind="stable")[:MOST_LISTED]
        places = worst.tolist()
    areas = answers is not None and len(found.classes) <= AUC_CLASSES
    rows = []
    for place in places:
        area = [_area(answers, place)] if areas and answers is not None else []
        figures = (found.precision[place], found.recall[place], found.f1[place])
        shown = [None if np.isnan(value) else float(value) for value in figures]
        rows.append((shown_name(found.classes[place]), _count(found.weight[place]), *shown, *area))
    left = f"; of {len(found.classes):,} classes, the {MOST_LISTED} with the lowest F1" * (
        len(rows) < len(found.classes)
    )
    heads = ("class", "rows", "precision", "recall", "F1", *(("ROC AUC",) if areas else ()))
    return Grid(f"Figures of each class{left}", heads, tuple(rows))


def _area(answers: ClassAnswers, place: int) -> float | None:
    return roc_auc(answers.log_probabilities[:, place], answers.true == place, answers.weights)


def _groups(name: str, found: PerClass, answers: ClassAnswers, rows: RowsShown) -> dict[tuple[int, int], Group]:
    """The first rows of each cell of the confusion matrix: those with the most mistakes first, then right answers."""
    if len(found.classes) > MOST_IN_TABLE:
        return {}
    counts = found.confusion
    wrong = counts - np.diag(np.diag(counts))
    order = [divmod(int(place), len(counts)) for place in np.argsort(-wrong, axis=None, kind="stable")]
    cells = [cell for cell in order if wrong[cell]] + [(one, one) for one in range(len(counts)) if counts[one, one]]
    most = min(max(ROWS_IN_ALL // max(1, len(cells)), 1), ROWS_OF_CELL)
    return {cell: _group(name, cell, found.classes, answers, rows, most) for cell in cells}


def _group(
    name: str, cell: tuple[int, int], classes: tuple[str, ...], answers: ClassAnswers, rows: RowsShown, most: int
) -> Group:
    true, given = cell
    numbers = np.flatnonzero((answers.true == true) & (answers.predicted == given))[:most].tolist()
    title = f"true {shown_name(classes[true])}, predicted {shown_name(classes[given])}"
    if rows.only_images:
        return Group(f"{name}-{true}-{given}", "", ((title, rows.gallery(numbers)),))
    shown = tuple(
        (*rows.cells(number), *(float(answers.probabilities[number, place]) for place in cell)) for number in numbers
    )
    return Group(f"{name}-{true}-{given}", title, shown)


def _rows_of_cells(groups: Mapping[tuple[int, int], Group], rows: RowsShown) -> Grid:
    what = "images" if rows.only_images else "rows"
    heads = ("cell", "first images") if rows.only_images else (*rows.heads, "probability of true", "of predicted")
    return Grid(f"The first {what} of each cell of the confusion matrix", heads, groups=tuple(groups.values()))


def label_blocks(found: Mapping[str, PerClass]) -> list[Block]:
    """A table with a row for each label: how it is given to the rows with it."""
    if not found:
        return [Words("There are no figures by label.")]
    names = sorted(found, key=lambda name: -found[name].weight[1])[:MOST_LISTED]
    rows = tuple(
        (
            shown_name(name),
            *(_count(one.confusion[place]) for place in ((1, 1), (0, 1), (1, 0))),
            *(None if np.isnan(value) else float(value) for value in (one.precision[1], one.recall[1], one.f1[1])),
        )
        for name, one in ((name, found[name]) for name in names)
    )
    heads = ("label", "given rightly", "given wrongly", "missed", "precision", "recall", "F1")
    more = f"; of {len(found):,} labels, the {MOST_LISTED} most frequent" * (len(names) < len(found))
    return [Grid(f"Figures of each label{more}", heads, rows)]
