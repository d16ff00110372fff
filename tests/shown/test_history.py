"""Figures of a history: what is drawn is what the history says, and what is not there is said."""

import math

import numpy as np
import pytest
from tests.figures.drawing import dots, line_points, mapping, parse, told, words

from batchwright.training.drawing import GRADIENT, column, history_drawings, layers_of

EPOCHS = 12
PLAIN = [
    {
        "epoch": epoch,
        "learning_rate": 0.1 / epoch,
        "loss": 2 / epoch,
        "val_loss": 1 / epoch + 0.02 * epoch,
        "val_f1": 0.5,
    }
    for epoch in range(1, EPOCHS + 1)
]


def test_the_curves_are_those_of_the_history() -> None:
    figure = history_drawings(PLAIN)["curves"]()
    for name in ("loss", "val_loss"):
        [points] = line_points(figure, name)
        assert points[:, 0] == pytest.approx(mapping(figure, "x")(column(PLAIN, "epoch")), abs=0.2)
        assert points[:, 1] == pytest.approx(mapping(figure, "y")(column(PLAIN, name)), abs=0.2)
    lowest = 1 + int(np.argmin(column(PLAIN, "val_loss")))
    assert f"Mark at {lowest}: lowest val_loss" in told(figure)


def test_the_gap_is_validation_less_training() -> None:
    figure = history_drawings(PLAIN)["gap"]()
    [points] = line_points(figure, "val_loss − loss")
    gap = column(PLAIN, "val_loss") - column(PLAIN, "loss")
    assert points[:, 1] == pytest.approx(mapping(figure, "y")(gap), abs=0.2)


def test_what_is_not_in_the_history_is_said() -> None:
    found = history_drawings([{"epoch": 1, "loss": 1.0, "learning_rate": 0.1}, {"epoch": 2, "loss": 0.5}])
    reasons = {name: draw for name, draw in found.items() if isinstance(draw, str)}
    assert set(reasons) == {"gap", "metric", "batch_size", "noise_scale", "layers", "updates", "dead"}
    assert "no validation loss" in reasons["gap"]
    assert set(history_drawings([]).values()) == {"no epoch was completed"}
    assert list(history_drawings([])) == list(history_drawings(PLAIN)), "the names are always the same"


def test_a_diverged_history_is_drawn_with_what_is_finite() -> None:
    history = [*PLAIN[:3], {"epoch": 4, "loss": math.inf, "val_loss": math.nan, "learning_rate": 0.1}]
    figure = history_drawings(history)["curves"]()
    assert len(line_points(figure, "loss")[0]) == 3
    assert "1 value is not finite" in told(figure)
    for draw in history_drawings([{"epoch": 1, "loss": math.nan, "val_loss": math.nan}]).values():
        assert isinstance(draw, str) or "no finite value" in told(draw()) or "learning rate" in told(draw())


def test_the_history_of_one_epoch_is_a_dot() -> None:
    assert len(dots(history_drawings(PLAIN[:1])["curves"](), "s0")) == 1


def test_layers_are_drawn_after_the_epochs_in_which_they_were_measured() -> None:
    rows = [dict(row) for row in PLAIN]
    for epoch, row in enumerate(rows, start=1):
        if epoch in (1, 2, 5, 10):
            row |= {f"layers/body/dense_{place}/gradient": 0.1**place / epoch for place in range(3)}
            row["layers/body/dense_0/update_ratio"] = 1e-3 / epoch
    assert layers_of(rows, GRADIENT) == [f"body/dense_{place}" for place in range(3)]
    figure = history_drawings(rows)["layers"]()
    [points] = line_points(figure, "body/dense_1")
    assert points[:, 0] == pytest.approx(mapping(figure, "x")([1, 2, 5, 10]), abs=0.2)
    assert points[:, 1] == pytest.approx(mapping(figure, "y", log=True)([0.1, 0.05, 0.02, 0.01]), abs=0.3)
    assert "body/dense_0" in words(history_drawings(rows)["updates"]())
    assert history_drawings(rows)["dead"] == "the history has no such figures of layers"


def test_the_interval_of_the_noise_may_be_endless() -> None:
    rows = [
        row | {"noise_scale": 10.0 * row["epoch"], "noise_scale_low": 5.0, "noise_scale_high": high}
        for row, high in zip(PLAIN, [math.nan] * 4 + [400.0] * 8, strict=True)
    ]
    figure = history_drawings(rows)["noise_scale"]()
    [points] = line_points(figure, "noise scale")
    assert len(points) == EPOCHS
    assert parse(figure).findtext("{*}title") == "Gradient noise scale by epoch, with its 95 % interval"
