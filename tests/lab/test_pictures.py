"""Figures of paths, still and moving."""

import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from batchwright.lab import SURFACES, descend, draw_loss, draw_paths, line
from batchwright.lab.descent.drawing import draw_path
from batchwright.optim import SGD

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("rate", [0.05, 0.2, 5.0])
def test_a_line_is_drawn_also_if_it_diverges(rate: float) -> None:
    figure = draw_path(descend(line(), SGD(learning_rate=rate), steps=20))
    root = ET.fromstring(figure.text)
    assert root.tag == f"{SVG}svg" and "nan" not in figure.text and "inf" not in figure.text
    assert ("it diverged" in figure.text) == (rate > 1)
    assert ("outside the picture" in figure.text) == (rate > 1)


def test_a_moving_figure_visits_every_point_and_needs_no_script() -> None:
    path = descend("valley", SGD(learning_rate=0.05), steps=8)
    text = draw_path(path, seconds=4.0).text
    assert "<script" not in text and "onload" not in text
    moves = re.findall(r'<animate attributeName="c([xy])" values="([^"]*)" keyTimes="([^"]*)" dur="4s"', text)
    assert [axis for axis, _, _ in moves] == ["x", "y"]
    for _, values, times in moves:
        assert len(values.split(";")) == len(times.split(";")) == len(path.points) + 1
        shares = [float(time) for time in times.split(";")]
        assert shares == sorted(shares) and (shares[0], shares[-1]) == (0.0, 1.0)
    across = np.array([float(value) for value in moves[0][1].split(";")])
    assert np.corrcoef(across[:-1], path.points[:, 0])[0, 1] > 0.9999


def test_a_still_figure_does_not_move() -> None:
    assert "<animate" not in draw_path(descend("valley", steps=5)).text
    assert "<animate" in draw_path(descend(line(), steps=5), seconds=2.0).text


def test_paths_and_losses_are_drawn_together() -> None:
    paths = [descend("beale", name, steps=30) for name in ("sgd", "momentum", "adam")]
    for figure in (draw_paths(paths), draw_loss(paths)):
        assert all(f">{name}<" in figure.text for name in ("sgd", "momentum", "adam"))


@pytest.mark.parametrize("name", SURFACES)
def test_every_surface_is_drawn(name: str) -> None:
    ET.fromstring(draw_path(descend(name, "adam", steps=3)).text)


def test_a_path_shows_itself() -> None:
    path = descend("bowl", "momentum", steps=4)
    assert path.figures == ("path", "loss")
    frame = path.frame()
    assert frame.columns[:4] == ["step", "w1", "w2", "loss"] and frame.height == 5
    assert "velocity_w1" in frame.columns
    assert repr(path).startswith("<Path of momentum over bowl: 4 steps")
    json.dumps(path.to_json(), allow_nan=False)
