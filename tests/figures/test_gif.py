"""Figures that move as GIF: what they show at the end is what another renderer draws of the SVG."""

import io
from importlib import import_module

import numpy as np
import pytest
from PIL import Image

from batchwright.figures import gif, png
from batchwright.lab import descend, draw_paths, line
from batchwright.lab.descent.drawing import draw_path
from batchwright.optim import SGD


def images(content: bytes) -> list[Image.Image]:
    found = Image.open(io.BytesIO(content))
    assert found.format == "GIF" and found.info["loop"] == 0
    shown = []
    for place in range(found.n_frames):  # type: ignore[attr-defined]
        found.seek(place)
        shown.append(found.convert("RGB"))
    return shown


@pytest.mark.parametrize("scene", ["line", "valley"])
def test_the_last_image_is_what_another_renderer_draws(scene: str) -> None:
    if scene == "line":
        figure = draw_path(descend(line(), SGD(learning_rate=0.2), steps=9), seconds=2.0)
    else:
        figure = draw_paths([descend("valley", rule, steps=9) for rule in ("sgd", "adam")], seconds=2.0)
    drawn = images(gif(figure))
    expected = Image.open(io.BytesIO(png(figure, zoom=1.0))).convert("RGB")
    assert drawn[0].size == expected.size and len(drawn) > 9
    off = np.abs(np.asarray(drawn[-1], np.int16) - np.asarray(expected, np.int16)).max(axis=2)
    first = np.abs(np.asarray(drawn[0], np.int16) - np.asarray(drawn[-1], np.int16)).max(axis=2)
    assert np.quantile(off, 0.5) <= 6 and (off > 60).mean() < 0.04  # letters have another font
    assert (first > 10).any()


def test_a_dot_goes_from_point_to_point() -> None:
    """On a bowl, with η = 0.5, each step halves w₁: the dot of the last image but the rest is at the last point."""
    figure = draw_path(descend("bowl", SGD(learning_rate=0.5), (-2.0, 0.0), steps=1), seconds=1.0)
    drawn = [np.asarray(image, np.int16) for image in images(gif(figure))]
    moved = [np.argwhere(np.abs(one - drawn[-1]).max(axis=2) > 60) for one in drawn[:-1]]
    places = [found[:, 1].min() for found in moved if len(found)]  # the left edge of the dot that is not yet there
    assert places == sorted(places) and places[-1] > places[0] + 20


def test_what_does_not_move_is_no_gif() -> None:
    with pytest.raises(ValueError, match="nothing in this figure moves"):
        gif(draw_path(descend("bowl", steps=3)))


def test_what_leaves_the_picture_paints_nothing_outside_the_plane() -> None:
    """The dot of a path that diverges goes far to the right, where only paper is."""
    figure = draw_path(descend(line(), SGD(learning_rate=5.0), steps=6), seconds=1.0)
    for image in images(gif(figure)):
        assert (np.asarray(image)[100:300, 752:] > 245).all()


def test_a_long_time_has_no_more_images_than_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("batchwright.figures.gif"), "MOST_IMAGES", 30)
    figure = draw_path(descend("bowl", SGD(learning_rate=0.1), steps=3), seconds=100.0)
    found = Image.open(io.BytesIO(gif(figure)))
    lasting = 0
    for place in range(found.n_frames):  # type: ignore[attr-defined]
        found.seek(place)
        lasting += found.info["duration"]
    assert 10 < found.n_frames <= 30 and lasting == pytest.approx(100_000, rel=0.02)  # type: ignore[attr-defined]
