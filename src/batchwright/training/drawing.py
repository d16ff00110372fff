"""Figures of the history of a training: losses, metrics, rates and what happened in each layer, by epoch."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np
from jaxtyping import Float64

from batchwright._shown import Drawings
from batchwright.figures import Axis, Line, Mark, Svg, line_chart

Rows: TypeAlias = Sequence[Mapping[str, float]]
LAYERS, GRADIENT, UPDATE, DEAD = "layers/", "/gradient", "/update_ratio", "/dead"
"""How the columns of a layer begin, and how three of them end."""
VALIDATION = "val_"
EPOCH = Axis("epoch")
NORM, RATIO = Axis("norm", scale="log"), Axis("update / weights", scale="log")
SHARE = Axis("share of the units", low=0.0, high=1.0)
FEW = 40
"""Measurements of a line that are few enough for a dot each."""


def history_drawings(history: Rows) -> Drawings:
    """The figures of a history by name, or why there is none.

    - curves: training and validation loss
    - gap: the validation loss less the training loss
    - metric: the first metric of the validation rows
    - learning_rate, batch_size: of the last iteration of an epoch
    - noise_scale: with its interval
    - layers, updates: of each layer, the norm of its gradient, and of an update as a share of the weights
    - dead: of each activation, the share of units that are 0 for all rows
    """
    names = {name for row in history for name in row}
    metric = next((name for row in history for name in row if _is_metric(name)), "")
    found: Drawings = {
        "curves": partial(draw_curves, history),
        "gap": partial(draw_gap, history) if "val_loss" in names else "there is no validation loss",
        "metric": partial(draw_metric, history, metric) if metric else "there is no metric of validation rows",
        "learning_rate": partial(draw_column, history, "learning_rate"),
        "batch_size": partial(draw_column, history, "batch_size")
        if "batch_size" in names
        else "the batch size did not change",
        "noise_scale": partial(draw_noise, history) if "noise_scale" in names else "it was not measured",
        "layers": _layers_drawing(history, GRADIENT, NORM, "Gradient of each layer by epoch"),
        "updates": _layers_drawing(history, UPDATE, RATIO, "Update of each layer by epoch"),
        "dead": _layers_drawing(history, DEAD, SHARE, "Dead units by epoch"),
    }
    return found if history else dict.fromkeys(found, "no epoch was completed")


def draw_curves(history: Rows) -> Svg:
    """Training and validation loss, with the epoch of the lowest validation loss."""
    lines = [_line(history, name) for name in ("loss", "val_loss") if any(name in row for row in history)]
    return line_chart(lines, EPOCH, Axis("loss"), title="Loss by epoch", marks=_lowest_mark(history))


def draw_gap(history: Rows) -> Svg:
    """The validation loss less the training loss."""
    gap = column(history, "val_loss") - column(history, "loss")
    line = Line("val_loss − loss", column(history, "epoch"), gap, points=len(history) == 1)
    marks = [Mark(0.0, axis="y"), *_lowest_mark(history)]
    return line_chart([line], EPOCH, Axis("gap"), title="Validation loss less training loss by epoch", marks=marks)


def draw_metric(history: Rows, name: str) -> Svg:
    """A metric of the validation rows."""
    plain = name.removeprefix(VALIDATION)
    return line_chart([_line(history, name)], EPOCH, Axis(plain), title=f"Validation {plain} by epoch")


def draw_column(history: Rows, name: str) -> Svg:
    """A column of the history."""
    words = name.replace("_", " ")
    return line_chart([_line(history, name)], EPOCH, Axis(words), title=f"{words.capitalize()} by epoch")


def draw_noise(history: Rows) -> Svg:
    """The gradient noise scale with its interval, on a log axis."""
    line = Line(
        "noise scale",
        column(history, "epoch"),
        column(history, "noise_scale"),
        low=column(history, "noise_scale_low"),
        high=column(history, "noise_scale_high"),
        points=len(history) < FEW,
    )
    title = "Gradient noise scale by epoch, with its 95 % interval"
    return line_chart([line], EPOCH, Axis("noise scale", "rows", scale="log"), title=title)


def _layers_drawing(history: Rows, ending: str, value: Axis, title: str) -> Callable[[], Svg] | str:
    if not layers_of(history, ending):
        return "the history has no such figures of layers"
    return partial(draw_layers, history, ending, value, title)


def draw_layers(history: Rows, ending: str, value: Axis, title: str) -> Svg:
    """A figure of every layer after the epochs in which it was measured."""
    lines = []
    for layer in layers_of(history, ending):
        name = f"{LAYERS}{layer}{ending}"
        rows = [row for row in history if name in row]
        lines.append(Line(layer, column(rows, "epoch"), column(rows, name), points=len(rows) < FEW))
    return line_chart(lines, EPOCH, value, title=title)


def layers_of(history: Rows, ending: str) -> list[str]:
    """The layers of which the history has a figure, in its order."""
    found = dict.fromkeys(name for row in history for name in row if name.startswith(LAYERS) and name.endswith(ending))
    return [name.removeprefix(LAYERS).removesuffix(ending) for name in found]


def column(history: Rows, name: str) -> Float64[np.ndarray, " epochs"]:
    """A column of the history; NaN where a row has none."""
    return np.array([float(row.get(name, math.nan)) for row in history], np.float64)


def _is_metric(name: str) -> bool:
    return name.startswith(VALIDATION) and name != "val_loss"


def _line(history: Rows, name: str) -> Line:
    return Line(name, column(history, "epoch"), column(history, name), points=len(history) == 1)


def _lowest_mark(history: Rows) -> list[Mark]:
    """A mark at the lowest validation loss, where several were measured."""
    losses = column(history, "val_loss")
    if len(history) < 2 or not np.isfinite(losses).any():
        return []
    lowest = int(np.where(np.isfinite(losses), losses, np.inf).argmin())
    return [Mark(float(history[lowest]["epoch"]), "lowest val_loss")]
