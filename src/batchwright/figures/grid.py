"""A grid of cells with names on two sides: where it lies, and its names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from batchwright.figures.plane import EDGE, Size
from batchwright.figures.scale import Floats
from batchwright.figures.svg import SMALL, element, stroke, text
from batchwright.figures.text import shorten, width_of

WIDEST = 130.0, 0.28
"""Of a name: pixels, and the share of the figure."""
TURN = -40.0
"""Degrees by which names below the columns are turned where they would touch."""


@dataclass(frozen=True)
class Names:
    """Names along one side of a grid.

    Args:
        names: one for each row or column.
        title: what they are, such as "batch size".
    """

    names: Sequence[str]
    title: str = ""


@dataclass(frozen=True)
class Grid:
    """Edges of rows and columns in whole pixels, so that no cell has a blurred edge, and the names beside them.

    `widest` is the most pixels of a name; `turned`: the names of columns stand at an angle.
    """

    lefts: Floats
    tops: Floats
    rows: Names
    columns: Names
    turned: bool
    widest: float

    @property
    def cell(self) -> tuple[float, float]:
        """Width and height of a cell in pixels, about."""
        return float(np.diff(self.lefts).mean()), float(np.diff(self.tops).mean())


def grid(
    rows: Names, columns: Names, size: Size, *, gutter: float = 0.0, widest: float = np.inf, foot: bool = False
) -> Grid:
    """The largest grid that leaves room for title, names and more.

    Args:
        rows: at least one.
        columns: at least one.
        size: of the figure.
        gutter: pixels to keep free on the right.
        widest: the most width of a cell as a multiple of its height.
        foot: keep a line free for notes below.
    """
    if size.small:
        return Grid(_edges(2, size.width - 2, columns), _edges(2, size.height - 2, rows), rows, columns, False, 0.0)
    longest = min(WIDEST[0], WIDEST[1] * min(size))
    left = EDGE + _widest(rows, longest) + 8 + (20 if rows.title else 0)
    right = size.width - EDGE - gutter
    under = (20 if columns.title else 0) + (12 if foot else 0)
    top, bottom = 44.0, size.height - 36 - under
    wide = min((right - left) / len(columns.names), widest * (bottom - top) / len(rows.names))
    turned = len(columns.names) <= 60 and _widest(columns, longest) + 6 > wide
    if turned:
        bottom = size.height - 32 - _widest(columns, longest) * 0.66 - under
        wide = min(wide, widest * (bottom - top) / len(rows.names))
    right = left + max(wide, 0.1) * len(columns.names)
    return Grid(_edges(left, right, columns), _edges(top, bottom, rows), rows, columns, turned, longest)


def draw_names(place: Grid, size: Size) -> str:
    """The names of rows and columns, as many as there is room for, their titles, and a frame around all cells."""
    left, right, top, bottom = place.lefts[0], place.lefts[-1], place.tops[0], place.tops[-1]
    frame = element(
        "rect",
        x=float(left),
        y=float(top),
        width=float(right - left),
        height=float(bottom - top),
        fill="none",
        class_="bw-s-grid",
        stroke="#e3e7eb",
    )
    if size.small:
        return frame
    parts = [frame, *_row_names(place), *_column_names(place, size.width - 3)]
    if place.rows.title:
        middle = float(top + bottom) / 2
        words = shorten(place.rows.title, max(float(bottom - top), 60.0))
        parts.append(text(EDGE + 8, middle, words, role="soft", anchor="middle", turn=-90.0))
    if place.columns.title:
        down = float(bottom) + 26 + (_widest(place.columns, place.widest) * 0.66 + 12 if place.turned else 12)
        words = shorten(place.columns.title, size.width - float(left) - EDGE)
        parts.append(text(float(right), down, words, role="soft", anchor="end"))
    return "".join(parts)


def cut_lines(place: Grid) -> str:
    """Thin lines between cells in the colour of the paper."""
    left, right, top, bottom = place.lefts[0], place.lefts[-1], place.tops[0], place.tops[-1]
    lines = [f"M{at:.0f} {top:.0f}V{bottom:.0f}" for at in place.lefts[1:-1]]
    lines += [f"M{left:.0f} {at:.0f}H{right:.0f}" for at in place.tops[1:-1]]
    return stroke("".join(lines), "paper") if lines else ""


def _edges(low: float, high: float, names: Names) -> Floats:
    edges = np.linspace(low, max(high, low + 1), len(names.names) + 1)
    return np.asarray(np.rint(edges) if edges[1] - edges[0] >= 3 else edges, dtype=np.float64)


def _widest(names: Names, most: float) -> float:
    return max(width_of(shorten(name, most, SMALL), SMALL) for name in _every(names.names, 60))


def _every(names: Sequence[str], most: int) -> list[str]:
    return list(names[:: max(1, -(-len(names) // most))])


def _row_names(place: Grid) -> Iterator[str]:
    middles = (place.tops[1:] + place.tops[:-1]) / 2
    every = max(1, int(np.ceil(13 / place.cell[1])))
    for name, down in list(zip(place.rows.names, middles.tolist(), strict=True))[::every]:
        yield text(float(place.lefts[0]) - 7, down + 4, shorten(name, place.widest, SMALL), size=SMALL, anchor="end")


def _column_names(place: Grid, right: float) -> Iterator[str]:
    """Names below the columns, none of them beyond `right`."""
    middles = (place.lefts[1:] + place.lefts[:-1]) / 2
    room = 15.0 if place.turned else _widest(place.columns, place.widest) + 8
    every = max(1, int(np.ceil(room / place.cell[0])))
    down = float(place.tops[-1]) + 16
    for name, across in list(zip(place.columns.names, middles.tolist(), strict=True))[::every]:
        words = shorten(name, place.widest, SMALL)
        if place.turned:
            yield text(across + 4, down - 2, words, size=SMALL, anchor="end", turn=TURN)
        else:
            yield text(min(across, right - width_of(words, SMALL) / 2), down, words, size=SMALL, anchor="middle")
