"""What a small network answers, as a figure: a surface or a curve, with the points on it."""

from collections import defaultdict
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from batchwright.figures.colours import Role, series_role
from batchwright.figures.keys import Key, dots, draw_keys, rows_of_keys
from batchwright.figures.plane import Plane, draw_axes, draw_notes, draw_title, path_of, plane, range_words, size_of
from batchwright.figures.scale import Axis, Scale, short
from batchwright.figures.svg import Svg, document, rectangle, shape, stroke
from batchwright.lab.network.chosen_rows import ChosenRows
from batchwright.lab.network.live import Live
from batchwright.lab.network.live_picture import Picture, take_picture

Floats: TypeAlias = NDArray[np.float64]
Cells: TypeAlias = dict[tuple[Role, float], str]
DEEPEST = 0.5
"""Opacity where the network is sure."""
DEPTHS = 10
CURVE_PAD = 0.1


def draw_answer(live: Live, *, width: float = 560, height: float = 480) -> Svg:
    """The answers of a small network over its one or two inputs, with training rows filled and validation rows hollow.

    Args:
        live: the training, drawn as it stands.
        width: in pixels.
        height: in pixels.
    """
    rows, picture, size = live.small.rows, take_picture(live), size_of(width, height)
    curve = len(rows.inputs) == 1
    view = (*rows.view, _range(rows, picture)) if curve else rows.view
    axes = Axis(rows.inputs[0]), Axis(rows.target if curve else rows.inputs[1])
    names = rows.classes or (() if curve else ("lower", "higher"))
    keys = [Key(name, series_role(place), None) for place, name in enumerate(names)]
    lines, head = rows_of_keys(keys, size)
    notes = ["filled: training rows; hollow: validation rows"]
    place = plane((Scale(*view[0]), Scale(*view[1])), axes, size, head=head, foot=True)
    title = f"{rows.target} by {' and '.join(rows.inputs)}: iteration {live.iteration:,}"
    surface = (
        []
        if curve
        else [shape(path, role, opacity=depth) for (role, depth), path in _cells(picture, rows, place).items()]
    )
    line = _lines(picture, rows, place) if curve else ""
    losses = {part: metrics["loss"] for part, metrics in live.metrics().items()}
    told = "; ".join(f"{part} loss {short(loss)}" for part, loss in losses.items())
    ranges = f"{range_words(axes[0], place.x, 'x')}; {range_words(axes[1], place.y, 'y')}."
    return document(
        *size,
        title,
        f"{ranges} {told}. {notes[0]}.",
        draw_title(title, size),
        draw_keys(lines, 40.0),
        draw_axes(place, axes, size, level=curve),
        place.clip("".join(surface), _points(rows, place), line),
        draw_notes([told, *notes], size),
    )


def _range(rows: ChosenRows, picture: Picture) -> tuple[float, float]:
    """What the axis of a curve shows: the targets and the answers."""
    if rows.classes:
        return -CURVE_PAD, len(rows.classes) - 1 + CURVE_PAD
    low, high = float(rows.targets.min()), float(rows.targets.max())
    known = picture.answers[np.isfinite(picture.answers)]
    reach = high - low if high > low else 1.0
    low = max(min(low, float(known.min(initial=low))), low - reach)
    high = min(max(high, float(known.max(initial=high))), high + reach)
    return low - CURVE_PAD * (high - low), high + CURVE_PAD * (high - low)


def _cells(picture: Picture, rows: ChosenRows, place: Plane) -> Cells:
    """Squares of each colour and strength, as one path each; neighbours in a row are one rectangle."""
    across, up = picture.axes
    roles, depths = _looks(picture.answers, rows)
    edges = [_edges(along) for along in (across, up)]
    left, top = place.across(edges[0]), place.down(edges[1])
    paths = defaultdict[tuple[Role, float], str](str)
    for row in range(len(up)):
        looks = list(zip(roles[row * len(across) :], depths[row * len(across) : (row + 1) * len(across)], strict=False))
        begin = 0
        for end in range(1, len(looks) + 1):
            if end < len(looks) and looks[end] == looks[begin]:
                continue
            role, depth = looks[begin]
            if depth > 0:
                box = left[begin], top[row + 1], left[end] - left[begin], top[row] - top[row + 1]
                paths[series_role(role), depth] += rectangle(*(float(one) for one in box))
            begin = end
    return dict(sorted(paths.items()))


def _looks(answers: Floats, rows: ChosenRows) -> tuple[list[int], list[float]]:
    """For each place the colour's number, and how strong it is."""
    if rows.classes:
        count = len(rows.classes)
        sure = np.nan_to_num((answers.max(axis=1) - 1 / count) / (1 - 1 / count))
        return answers.argmax(axis=1).tolist(), (np.round(sure * DEPTHS) / DEPTHS * DEEPEST).round(3).tolist()
    low, high = float(rows.targets.min()), float(rows.targets.max())
    share = np.nan_to_num(2 * (answers[:, 0] - low) / (high - low if high > low else 1.0) - 1).clip(-1, 1)
    return (share > 0).astype(int).tolist(), (np.round(abs(share) * DEPTHS) / DEPTHS * DEEPEST).round(3).tolist()


def _edges(along: Floats) -> Floats:
    """The borders between squares around these places."""
    half = (along[1] - along[0]) / 2
    return np.concatenate([along - half, [along[-1] + half]])


def _points(rows: ChosenRows, place: Plane) -> str:
    count = rows.dataset.train.rows
    curve = len(rows.inputs) == 1
    across = place.across(rows.points[:, 0])
    down = place.down(rows.targets if curve else rows.points[:, 1])
    colours = rows.targets.astype(int) if rows.classes else _halves(rows.targets) * (not curve)
    drawn = list[str]()
    for colour in sorted(set(colours.tolist())):
        own = colours == colour
        training, held_out = own & (np.arange(len(own)) < count), own & (np.arange(len(own)) >= count)
        role = series_role(int(colour))
        drawn.append(shape(dots(_pairs(across, down, training)), role))
        drawn.append(stroke(dots(_pairs(across, down, held_out)), role))
    return "".join(drawn)


def _pairs(across: Floats, down: Floats, chosen: NDArray[np.bool_]) -> list[tuple[float, float]]:
    return list(zip(across[chosen].tolist(), down[chosen].tolist(), strict=True))


def _halves(targets: Floats) -> NDArray[np.int64]:
    return np.asarray(targets > (targets.min() + targets.max()) / 2, np.int64)


def _lines(picture: Picture, rows: ChosenRows, place: Plane) -> str:
    """The answer along one input; the probability of each class, stretched to the codes of the classes."""
    across = place.across(picture.axes[0])
    scale = len(rows.classes) - 1 if rows.classes else 1
    lines = [place.down(column * scale) for column in picture.answers.T]
    first = 0 if rows.classes else 2
    return "".join(stroke(path_of(across, down), series_role(at + first), width=2) for at, down in enumerate(lines))
