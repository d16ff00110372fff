"""Numbers in a grid as shades, such as the loss by learning rate and batch size, or correlations of columns."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from batchwright.figures.grid import Grid, Names, cut_lines, draw_names, grid
from batchwright.figures.plane import draw_notes, draw_title, gaps_note, nothing, outside_note, range_words, size_of
from batchwright.figures.scale import Axis, Table, scale_of, short
from batchwright.figures.shades import Shades, draw_cells, draw_legend
from batchwright.figures.svg import SMALL, Svg, document, text
from batchwright.figures.text import shorten, width_of

LEGEND = 90.0
"""Pixels on the right for the legend."""
MOST = 160
"""Rows or columns of cells that are drawn; a larger grid is shown by the means of blocks."""


def heat_map(
    values: Table,
    rows: Names,
    columns: Names,
    value: Axis,
    *,
    title: str,
    centre: float | None = None,
    width: float = 640,
    height: float = 420,
) -> Svg:
    """A grid of shades with a legend; the number stands in a cell where there is room in all cells.

    Args:
        values: numbers [rows, columns]; where one is not finite, the cell is crossed out.
        rows: names on the left.
        columns: names below.
        value: what the shades show.
        title: of the figure.
        centre: two colours, for numbers below and above it, such as 0 for correlations; None: one colour.
        width: in pixels; below 240 the figure is a thumbnail without words.
        height: in pixels.

    >>> heat_map([[0.2, 0.4]], Names(["0.1"], "rate"), Names(["32", "64"], "batch"), Axis("loss"), title="Loss")
    <Svg: Loss>
    """
    size = size_of(width, height)
    given = _checked(values, rows, columns)
    scale = scale_of([given], value)
    if scale is None:
        return nothing(title, size, "there is no finite value to show" if given.size else "there is nothing to show")
    if centre is not None and not scale.low < centre < scale.high:
        scale = scale_of([given, [centre]], value) or scale
    name = value.title or "values"
    notes = gaps_note(name, given, value) + outside_note(name, given, scale)
    cells, rows, columns, block = _blocks(given, rows, columns)
    notes += [f"each cell is the mean of {block[0]} × {block[1]} values"] if max(block) > 1 else []
    room = min(LEGEND, 0.24 * size.width)
    place = grid(rows, columns, size, gutter=room, foot=bool(notes))
    shades = Shades(scale, centre)
    tall = float(place.tops[-1] - place.tops[0])
    legend = draw_legend(shades, value, float(place.lefts[-1]) + 14, float(place.tops[0]), tall, room - 6)
    return document(
        *size,
        title,
        _describe(given, rows, columns, value, [range_words(value, scale, "values"), *notes]),
        draw_title(title, size),
        draw_cells(shades.of(cells).reshape(cells.shape), place.lefts, place.tops),
        cut_lines(place) if min(place.cell) >= 8 else "",
        *_cell_words(place, cells),
        draw_names(place, size),
        "" if size.small else legend,
        draw_notes(notes, size),
    )


def _checked(values: Table, rows: Names, columns: Names) -> NDArray[np.float64]:
    given = np.asarray(values, dtype=np.float64)
    if given.size == 0 and not (len(rows.names) and len(columns.names)):
        return np.empty((0, 0))
    if given.shape != (len(rows.names), len(columns.names)):
        raise ValueError(
            f"The values have the shape {given.shape}; {len(rows.names)} names of rows and {len(columns.names)} of "
            f"columns need {(len(rows.names), len(columns.names))}."
        )
    return given


def _blocks(
    values: NDArray[np.float64], rows: Names, columns: Names
) -> tuple[NDArray[np.float64], Names, Names, tuple[int, int]]:
    """Means over blocks where there are too many cells; names are those of each block's first row and column."""
    tall, wide = (-(-count // MOST) for count in values.shape)
    if max(tall, wide) == 1:
        return values, rows, columns, (1, 1)
    seen = np.isfinite(values)
    begins = np.arange(0, values.shape[0], tall), np.arange(0, values.shape[1], wide)
    total, count = (
        np.add.reduceat(np.add.reduceat(part, begins[0], axis=0), begins[1], axis=1)
        for part in (np.where(seen, values, 0.0), seen.astype(np.float64))
    )
    means = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return means, Names(rows.names[::tall], rows.title), Names(columns.names[::wide], columns.title), (tall, wide)


def _cell_words(place: Grid, cells: NDArray[np.float64]) -> Iterator[str]:
    """The number of each cell, if all of them fit."""
    wide, tall = place.cell
    if tall < 15 or cells.size > 400 or wide < 18:
        return
    words = [[short(float(value), 3) if np.isfinite(value) else "" for value in row] for row in cells]
    if max(width_of(word, SMALL) for row in words for word in row) + 4 > wide:
        return
    middles = (place.lefts[1:] + place.lefts[:-1]) / 2
    for row, down in zip(words, ((place.tops[1:] + place.tops[:-1]) / 2).tolist(), strict=True):
        for word, across in zip(row, middles.tolist(), strict=True):
            if word:
                yield text(across, down + 4, word, size=SMALL, anchor="middle")


def _describe(given: NDArray[np.float64], rows: Names, columns: Names, value: Axis, notes: list[str]) -> str:
    sides = f"{rows.title or 'rows'} ({given.shape[0]:,}) by {columns.title or 'columns'} ({given.shape[1]:,})"
    extremes = ""
    if len(rows.names) == given.shape[0] and len(columns.names) == given.shape[1]:
        for name, at in (("Lowest", np.nanargmin), ("Highest", np.nanargmax)):
            row, column = divmod(int(at(np.where(np.isfinite(given), given, np.nan))), given.shape[1])
            where = f"{shorten(rows.names[row], 200)}, {shorten(columns.names[column], 200)}"
            extremes += f" {name}: {short(float(given[row, column]))} at {where}."
    return f"Heat map of {value.label or 'values'}: {sides}." + extremes + "".join(f" {note}." for note in notes)
