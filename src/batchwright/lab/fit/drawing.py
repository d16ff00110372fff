"""Figures of fits to a curve: the curve, the losses by epoch, and the losses by capacity."""

from collections.abc import Sequence

import numpy as np

from batchwright.figures import Axis, Line, Mark, Points, Svg, line_chart, scatter
from batchwright.lab.fit.curve_fit import Fitted, places, true_curve
from batchwright.lab.network.point_sets import X, Y

NAMES = {"polynomial": "degree", "network": "units of a layer"}
"""What the capacity of a kind of model is."""


def draw_fit(fitted: Fitted) -> Svg:
    """What the model answers, beside the training rows and the curve without noise."""
    asked, across = fitted.asked, places()
    rows = asked.points[0]
    sets = [
        Points("training rows", rows[X], rows[Y]),
        Points("the model", across, fitted.curve),
        Points("without noise", across, true_curve(asked.data)),
    ]
    known = np.concatenate([rows[Y], sets[2].y])
    reach = float(known.max() - known.min())
    axis = Axis("y", low=float(known.min()) - 0.3 * reach, high=float(known.max()) + 0.3 * reach)
    return scatter(sets, Axis("x"), axis, title=_title(fitted))


def draw_fit_losses(fitted: Fitted) -> Svg:
    """The training and the validation loss by epoch; the epoch of the lowest validation loss is marked."""
    epochs = np.arange(1, len(fitted.train) + 1)
    lines = [Line("training", epochs, fitted.train), Line("validation", epochs, fitted.validation)]
    marks = [Mark(fitted.best, f"best epoch {fitted.best:,}")] if fitted.best else []
    return line_chart(lines, Axis("epoch"), Axis("loss", scale="log"), title=_title(fitted), marks=marks)


def draw_capacities(fits: Sequence[Fitted]) -> Svg:
    """The losses of the kept parameters by degree or width: the validation loss often has the form of a U."""
    sizes = np.array([fitted.asked.capacity for fitted in fits])
    train, validation = (np.array([fitted.losses[part] for fitted in fits]) for part in (0, 1))
    lines = [Line("training", sizes, train, points=True), Line("validation", sizes, validation, points=True)]
    asked = fits[0].asked
    across = Axis(NAMES[asked.model], scale="log" if asked.model == "network" else "linear")
    title = f"{asked.data}, {asked.rows:,} rows: loss by {NAMES[asked.model]}"
    return line_chart(lines, across, Axis("loss", scale="log"), title=title)


def _title(fitted: Fitted) -> str:
    asked, size = fitted.asked, fitted.asked.capacity
    model = f"a polynomial of degree {size}" if asked.model == "polynomial" else f"a network of {size} units a layer"
    return f"{asked.data}, {asked.rows:,} rows: {model}"
