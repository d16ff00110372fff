"""A figure as a PNG image, for slides and documents that take no SVG."""

import re
from typing import Any

from batchwright._extras import import_optional
from batchwright.figures.svg import Svg

STYLE = re.compile("<style>.*?</style>", re.DOTALL)


def png(figure: Svg, *, zoom: float = 2.0) -> bytes:
    """The figure as the bytes of a PNG file, in its light colours.

    Args:
        figure: an SVG.
        zoom: pixels of the image for each pixel of the figure, > 0.

    Raises:
        UsageError: the package resvg-py is not installed.
    """
    renderer = require_renderer()
    plain = STYLE.sub("", figure.text)  # the renderer knows no variables; the attributes have the light colours
    return bytes(renderer.svg_to_bytes(svg_string=plain, zoom=zoom))


def require_renderer() -> Any:
    """The module that draws. Raises a UsageError if the package resvg-py is not installed."""
    return import_optional("resvg_py", "batchwright[png]", what="a PNG image")
