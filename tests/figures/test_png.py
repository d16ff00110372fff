"""Images of figures."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from batchwright.errors import UsageError
from batchwright.figures import Axis, Bar, bars, png
from batchwright.figures.colours import LIGHT

FIGURE = bars([Bar("a", 1.0)], Axis("gain"), title="t", width=300)


def test_an_image_shows_the_light_colours() -> None:
    pytest.importorskip("resvg_py")
    image = Image.open(io.BytesIO(png(FIGURE)))
    assert image.width == 600
    pixels = np.asarray(image.convert("RGB"), dtype=int)
    assert pixels[0, 0].tolist() == [255, 255, 255]
    blue = np.array([int(LIGHT["s0"][place : place + 2], 16) for place in (1, 3, 5)])
    near = np.abs(pixels - (0.85 * blue + 0.15 * 255)).max(axis=2) < 3
    assert near.mean() > 0.02, "the bar"
    assert Image.open(io.BytesIO(png(FIGURE, zoom=1))).width == 300


def test_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(UsageError, match=r"batchwright\[png\]"):
        png(FIGURE)
