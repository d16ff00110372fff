"""What happens in each layer along the training: gradients, updates, weights, dead and saturated units."""

from typing import Any, Literal

import numpy as np

from batchwright.figures import Axis, Line, line_chart
from batchwright.report.blocks import Block, Chart, Section, Words
from batchwright.report.gathered import Gathered
from batchwright.report.rows_shown import shown_name

FIGURES: dict[str, tuple[str, str, Literal["linear", "log"]]] = {
    "gradient": ("Gradient", "norm of the gradient of the mean loss", "log"),
    "update_ratio": ("Update ratio", "norm of the update / norm of the parameters", "log"),
    "dead": ("Dead units", "share of units that are 0 for all measured rows", "linear"),
    "saturated": ("Saturated units", "share of outputs where the slope is nearly 0", "linear"),
    "weights": ("Weights", "norm of the parameters", "log"),
    "gradient_noise": ("Gradient noise", "standard error of the gradient of a batch / its norm", "log"),
    "deviation": ("Deviation of the outputs", "over rows and units", "log"),
}
"""By its name in the history: the title of a figure, what it is, and its axis."""

PREFIX, MOST_LAYERS = "layers/", 16
SIZE: dict[str, Any] = {"width": 480.0, "height": 300.0}


def layers_section(found: Gathered) -> Section:
    """A chart for each figure that the history has, with a line for each layer."""
    measured = [row for row in found.history if any(key.startswith(PREFIX) for key in row)]
    curvature = [row for row in found.history if isinstance(row.get("curvature"), int | float)]
    charts: list[Block] = [chart for figure in FIGURES if (chart := _chart(measured, figure)) is not None]
    charts += [_curvature(curvature)] if curvature else []
    if charts and found.run.has_members:
        charts.insert(0, Words("The layers are those of the first member."))
    words = "The history has no figures of layers: they were not recorded, or by an earlier version."
    return Section("layers", "Layers", tuple(charts) or (Words(words),))


def _chart(rows: list[dict[str, float]], figure: str) -> Chart | None:
    end = f"/{figure}"
    keys = [key for key in dict.fromkeys(key for row in rows for key in row) if key.endswith(end)]
    keys = [key for key in keys if key.startswith(PREFIX) and np.isfinite(_values(rows, key)).any()]
    if not keys:
        return None
    title, words, scale = FIGURES[figure]
    at = np.array([float(row.get("epoch", place)) for place, row in enumerate(rows, start=1)])
    lines = [
        Line(shown_name(key.removeprefix(PREFIX).removesuffix(end)), at, _values(rows, key), points=len(rows) == 1)
        for key in _chosen(keys)
    ]
    left = f"; {len(lines)} of {len(keys):,} layers, evenly chosen" * (len(lines) < len(keys))
    low, high = (0.0, 1.0) if figure in ("dead", "saturated") else (None, None)
    axis = Axis(title.lower(), scale=scale, low=low, high=high)
    return Chart(line_chart(lines, Axis("epoch"), axis, title=title, **SIZE), f"{words}{left}.".capitalize())


def _chosen(keys: list[str]) -> list[str]:
    if len(keys) <= MOST_LAYERS:
        return keys
    return [keys[place] for place in np.linspace(0, len(keys) - 1, MOST_LAYERS).round().astype(int).tolist()]


def _values(rows: list[dict[str, float]], key: str) -> np.ndarray:
    return np.array([np.nan if row.get(key) is None else float(row[key]) for row in rows])


def _curvature(rows: list[dict[str, float]]) -> Chart:
    at = np.array([float(row.get("epoch", place)) for place, row in enumerate(rows, start=1)])
    limit = 2 / np.array([float(row.get("learning_rate", np.nan)) or np.nan for row in rows])
    lines = [Line("curvature", at, _values(rows, "curvature")), Line("2 / learning rate", at, limit)]
    drawn = line_chart(lines, Axis("epoch"), Axis("curvature", scale="log"), title="Largest curvature", **SIZE)
    return Chart(drawn, "Plain gradient descent settles only where the curvature is below 2 / learning rate.")
