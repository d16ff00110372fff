"""The confusion matrix: how often each class was taken for each other."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from batchwright.figures.grid import Grid, Names, cut_lines, draw_names, grid
from batchwright.figures.plane import SMALLEST, draw_notes, draw_title, nothing, size_of
from batchwright.figures.scale import Table
from batchwright.figures.shades import LEVELS, draw_cells
from batchwright.figures.svg import SMALL, Svg, document, text
from batchwright.figures.text import shorten, width_of

MOST = 125
"""Classes with a row of their own; more are counted in blocks."""


def matrix(
    counts: Table, classes: Sequence[str], *, title: str, width: float = 640, height: float | None = None
) -> Svg:
    """A row for each true class and a column for each predicted one: right answers blue, mistakes orange.

    A shade is a share of its row, so that rare classes show as clearly as common ones. Counts stand in the cells
    where there is room. Beyond 125 classes, a cell counts a block of classes.

    Args:
        counts: whole numbers ≥ 0 [true class, predicted class]; sums of weights will do.
        classes: their names.
        title: of the figure.
        width: in pixels; below 240 the figure is a thumbnail without words.
        height: in pixels; None: as the number of classes needs.

    >>> matrix([[9, 1], [0, 5]], ["cat", "dog"], title="Confusion")
    <Svg: Confusion>
    """
    given = np.asarray(counts, dtype=np.float64)
    if given.size and given.shape != (len(classes), len(classes)):
        raise ValueError(f"The counts have the shape {given.shape}; {len(classes)} classes need a square of them.")
    if not (np.isfinite(given).all() and (given >= 0).all()):
        raise ValueError("Counts have to be finite numbers that are not below 0.")
    size = size_of(width, height if height is not None else _height(len(classes), width))
    if not given.sum():
        return nothing(title, size, "there are no rows to count")
    cells, names, block = _blocks(given, classes)
    notes = [f"each cell counts a block of {block} × {block} classes"] if block > 1 else []
    sides = Names(names, "true class"), Names(names, "predicted class")
    place = grid(*sides, size, widest=2.0 if len(names) <= 8 else 1.25, foot=bool(notes))
    return document(
        *size,
        title,
        " ".join([_describe(given, classes), *(f"{note}." for note in notes)]),
        draw_title(title, size),
        draw_cells(_levels(cells), place.lefts, place.tops),
        cut_lines(place) if min(place.cell) >= 8 else "",
        *_cell_words(place, cells),
        draw_names(place, size),
        draw_notes(notes, size),
    )


def _height(classes: int, width: float) -> float:
    return width if width < SMALLEST else float(np.clip(150 + 44 * classes, 0.4 * width, 0.9 * width))


def _blocks(counts: NDArray[np.float64], classes: Sequence[str]) -> tuple[NDArray[np.float64], list[str], int]:
    block = -(-len(classes) // MOST)
    if block == 1:
        return counts, list(classes), 1
    begins = np.arange(0, len(classes), block)
    sums = np.add.reduceat(np.add.reduceat(counts, begins, axis=0), begins, axis=1)
    return sums, list(classes[::block]), block


def _levels(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of each cell in its row as a level; below zero for mistakes. Even the rarest mistake has a shade."""
    total = cells.sum(axis=1, keepdims=True)
    share = np.divide(cells, total, out=np.zeros_like(cells), where=total > 0)
    levels = np.where(cells > 0, 2 + np.rint(np.sqrt(share) * (LEVELS - 2)), 0.0)
    return np.where(np.eye(len(cells), dtype=bool), levels, -levels)


def _cell_words(place: Grid, cells: NDArray[np.float64]) -> Iterator[str]:
    wide, tall = place.cell
    words = [[f"{value:,.0f}" if value >= 0.5 or not value else f"{value:.1g}" for value in row] for row in cells]
    if tall < 15 or len(cells) > 40 or max(width_of(word, SMALL) for row in words for word in row) + 4 > wide:
        return
    middles = ((place.lefts[1:] + place.lefts[:-1]) / 2).tolist()
    downs = ((place.tops[1:] + place.tops[:-1]) / 2).tolist()
    for row, (counts, down) in enumerate(zip(words, downs, strict=True)):
        for column, (count, across) in enumerate(zip(counts, middles, strict=True)):
            if count != "0" or row == column:
                yield text(across, down + 4, count, size=SMALL, anchor="middle")


def _describe(counts: NDArray[np.float64], classes: Sequence[str]) -> str:
    """The matrix in words: how many are right, and the commonest mistakes."""
    right, total = float(np.trace(counts)), float(counts.sum())
    words = [f"Confusion matrix of {len(classes):,} classes. {right:,.0f} of {total:,.0f} right ({right / total:.1%})."]
    wrong = np.where(np.eye(len(counts), dtype=bool), 0.0, counts)
    for place in np.argsort(-wrong, axis=None, kind="stable")[:5].tolist():
        true, predicted = divmod(place, len(counts))
        if wrong[true, predicted] > 0:
            names = f"{shorten(classes[true], 200)} taken for {shorten(classes[predicted], 200)}"
            words.append(f"{names}: {wrong[true, predicted]:,.0f}.")
    return " ".join(words)
