"""Many numbers of many runs at once: an upright axis for each number, a line for each run."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from batchwright.figures.colours import Role
from batchwright.figures.plane import EDGE, Size, draw_notes, draw_title, nothing, path_of, size_of
from batchwright.figures.scale import Axis, Floats, Numbers, Tick, floats, scale_of, short
from batchwright.figures.svg import SMALL, Svg, clip, document, number, stroke, text
from batchwright.figures.text import shorten

MOST = 1_000
"""Lines that are drawn."""


@dataclass(frozen=True, eq=False)
class Column:
    """One number, or one of several names, of every run.

    Args:
        axis: its title, unit and scale. If a value is a name, all are: each has a place, in the order of appearance.
        values: numbers or names; None where a run has none.
    """

    axis: Axis
    values: Sequence[float | str | None]


def parallel_coordinates(
    columns: Sequence[Column],
    *,
    title: str,
    strong: Numbers = (),
    width: float = 720,
    height: float = 380,
) -> Svg:
    """A line for each run through its numbers; some are drawn strongly, such as the best ones.

    Args:
        columns: two or more; each has a value for every run.
        title: of the figure.
        strong: places of the runs to draw strongly; the other lines are pale.
        width: in pixels; below 240 the figure is a thumbnail without words.
        height: in pixels.

    >>> runs = [Column(Axis("rate", scale="log"), [0.1, 0.01]), Column(Axis("loss"), [0.3, 0.2])]
    >>> parallel_coordinates(runs, title="Runs", strong=[1])
    <Svg: Runs>
    """
    size = size_of(width, height)
    count = len(columns[0].values) if columns else 0
    if any(len(column.values) != count for column in columns):
        lengths = ", ".join(str(len(column.values)) for column in columns)
        raise ValueError(f"All columns need equally many values, not {lengths}.")
    if not count:
        return nothing(title, size)
    top, bottom = (3.0, size.height - 3.0) if size.small else (66.0, size.height - 30.0)
    side = 3.0 if size.small else 60.0
    lefts = np.linspace(side, size.width - side, max(2, len(columns)))[: len(columns)]
    placed = [_shares(column) for column in columns]
    downs = [bottom - shares * (bottom - top) for shares, _ in placed]
    chosen = {int(place) for place in floats(strong)}
    order = sorted(range(count), key=lambda place: (place in chosen, place))
    shown = order[-MOST:]
    notes = _notes(placed, count, len(shown))
    drawn = "".join(_draw_run(lefts, downs, place, place in chosen, bool(chosen)) for place in shown)
    return document(
        *size,
        title,
        " ".join([_describe(columns, count, len(chosen)), *(f"{note}." for note in notes)]),
        draw_title(title, size),
        clip(0.0, top - 4, size.width, bottom - top + 8, drawn),
        *(
            _draw_axis(column, ticks, float(left), (top, bottom), (size.width - 120) / max(1, len(columns) - 1), size)
            for column, (_, ticks), left in zip(columns, placed, lefts, strict=True)
        ),
        draw_notes(notes, size),
    )


def _notes(placed: Sequence[tuple[Floats, list[tuple[float, Tick]]]], count: int, shown: int) -> list[str]:
    shares = np.array([of_column for of_column, _ in placed])
    notes = [f"{count - shown:,} more runs not drawn"] if shown < count else []
    if beyond := int(np.count_nonzero((shares < 0) | (shares > 1))):
        notes.append(f"{beyond:,} {'value is' if beyond == 1 else 'values are'} beyond an axis")
    if lost := int(np.count_nonzero(~np.isfinite(shares).all(axis=0))):
        notes.append(f"{lost:,} {'line has' if lost == 1 else 'lines have'} gaps where a value is missing")
    return notes


def _shares(column: Column) -> tuple[Floats, list[tuple[float, Tick]]]:
    """The share of each value on its axis, and the labelled shares."""
    if any(isinstance(value, str) for value in column.values):
        said = [short(value) if isinstance(value, int | float) else value for value in column.values]
        names = list(dict.fromkeys(name for name in said if name is not None))
        place = {name: (at + 0.5) / len(names) for at, name in enumerate(names)}
        shares = floats([None if name is None else place[name] for name in said])
        return shares, [(place[name], Tick(at, name)) for at, name in enumerate(names)]
    numbers = floats([value for value in column.values if not isinstance(value, str)])
    scale = scale_of([numbers], column.axis, pad=0.03)
    if scale is None:
        return np.full(len(numbers), np.nan), []
    ticks = scale.ticks(7)
    return scale.share(numbers), list(zip(scale.share([tick.value for tick in ticks]).tolist(), ticks, strict=True))


def _draw_run(lefts: Floats, downs: Sequence[Floats], place: int, strong: bool, some: bool) -> str:
    path = path_of(np.asarray(lefts, dtype=np.float64), np.array([down[place] for down in downs]))
    role: Role = "s1" if strong else "s0"
    return stroke(path, role, width=2.0 if strong else 1.2, opacity=0.95 if strong else 0.3 if some else 0.5)


def _draw_axis(
    column: Column, ticks: Sequence[tuple[float, Tick]], left: float, ends: tuple[float, float], room: float, size: Size
) -> str:
    top, bottom = ends
    parts = [stroke(f"M{number(left)} {number(top)}V{number(bottom)}", "soft")]
    if size.small:
        return parts[0]
    every = max(1, -(-len(ticks) * 14 // max(1, int(bottom - top))))
    for share, tick in ticks[::every]:
        down = bottom - share * (bottom - top)
        parts.append(stroke(f"M{number(left - 4)} {number(down)}h4", "soft"))
        label = shorten(tick.label, min(room - 12, 100.0) if left > 70 else 60 - EDGE / 2, SMALL)
        parts.append(text(left - 7, down + 4, label, role="soft", size=SMALL, anchor="end", halo=True))
    parts.append(text(left, top - 12, shorten(column.axis.label, room - 8), anchor="middle"))
    return "".join(parts)


def _describe(columns: Sequence[Column], count: int, strong: int) -> str:
    titles = ", ".join(shorten(column.axis.label, 200) for column in columns)
    drawn = f", {strong:,} of them drawn strongly" if strong else ""
    return f"Parallel coordinates of {count:,} {'run' if count == 1 else 'runs'}{drawn}: {titles}."
