"""Numbers as shades of one colour on the background, or of two on either side of a centre, with a legend."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from batchwright.figures.colours import Role
from batchwright.figures.scale import Axis, Floats, Numbers, Scale
from batchwright.figures.svg import SMALL, element, number, rectangle, shape, stroke, text
from batchwright.figures.text import shorten

LEVELS = 24
"""Shades; the eye tells no more apart."""
DEEPEST = 0.56
"""Opacity of the deepest shade: words in a cell stay readable on it, on paper that is light or dark."""


@dataclass(frozen=True)
class Shades:
    """From numbers to colours. All shades lie on the paper, so that they suit a light and a dark one.

    Args:
        scale: the numbers that have a shade.
        centre: shades of orange below it and of blue above it; None: shades of blue from the lowest number on.
    """

    scale: Scale
    centre: float | None = None

    def of(self, values: Numbers) -> Floats:
        """Levels from 1 to 24, or from −24 to 24 around a centre; NaN for what has no shade."""
        share = np.clip(self.scale.share(values), 0.0, 1.0)
        if self.centre is None:
            return 1 + np.rint(share * (LEVELS - 1))
        middle = float(self.scale.share(self.centre)[0])
        return np.rint((share - middle) / max(middle, 1 - middle) * LEVELS)


def paint(level: float) -> tuple[Role, float]:
    """The colour and opacity of a level."""
    return "s0" if level >= 0 else "s1", DEEPEST * abs(level) / LEVELS


def draw_cells(levels: Floats, lefts: Floats, tops: Floats) -> str:
    """A grid of shades [rows, columns], one path for each shade; a cross where there is none.

    Args:
        levels: of the cells [rows, columns].
        lefts: edges of the columns in pixels, one more than there are columns.
        tops: edges of the rows, likewise.
    """
    paths: dict[float, list[str]] = defaultdict(list)
    for row, values in enumerate(levels):
        begins = np.flatnonzero(np.append(True, (values[1:] != values[:-1]) | np.isnan(values[1:])))
        for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(values)], strict=True):
            left, top, tall = lefts[begin], tops[row], tops[row + 1] - tops[row]
            level = float(values[begin])
            if np.isnan(level):
                wide = lefts[end] - left
                paths[np.inf].append(f"M{number(left)} {number(top)}l{number(wide)} {number(tall)}m{number(-wide)} 0")
                paths[np.inf].append(f"l{number(wide)} {number(-tall)}")
            elif level:
                paths[level].append(rectangle(left, top, lefts[end] - left, tall))
    crosses = "".join(paths.pop(np.inf, []))
    drawn = [shape("".join(parts), paint(level)[0], opacity=paint(level)[1]) for level, parts in sorted(paths.items())]
    cells = element("g", "".join(drawn), shape_rendering="crispEdges") if drawn else ""
    return cells + (stroke(crosses, "grid") if crosses else "")


def draw_legend(shades: Shades, axis: Axis, left: float, top: float, tall: float, room: float) -> str:
    """A column of shades with numbers beside it.

    Args:
        shades: what to explain.
        axis: its title stands above the column.
        left: of the column, in pixels.
        top: of the column.
        tall: its height.
        room: pixels for the title and the numbers.
    """
    edges = np.linspace(0.0, 1.0, LEVELS * 2 + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    levels = shades.of(_values_at(shades.scale, middles))[::-1]
    tops = top + edges * tall
    cells = draw_cells(levels[:, None], np.array([left, left + 12]), tops)
    frame = element("rect", x=left, y=top, width=12.0, height=tall, fill="none", class_="bw-s-grid", stroke="#e3e7eb")
    numbers = []
    for tick in shades.scale.ticks(int(np.clip(tall / 30, 3, 7))):
        down = top + (1 - float(shades.scale.share(tick.value)[0])) * tall
        numbers.append(text(left + 17, down + 4, tick.label, role="soft", size=SMALL))
    title = text(left, top - 8, shorten(axis.label, room, SMALL), role="soft", size=SMALL) if axis.label else ""
    return "".join([cells, frame, *numbers, title])


def _values_at(scale: Scale, shares: Floats) -> Floats:
    """The numbers at shares of a scale: what `Scale.share` undoes."""
    if scale.log:
        low, high = np.log10(scale.low), np.log10(scale.high)
        return np.asarray(10 ** (low + shares * (high - low)), dtype=np.float64)
    return np.asarray(scale.low * (1 - shares) + scale.high * shares, dtype=np.float64)
