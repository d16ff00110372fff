"""A figure as a PNG image, for slides and documents that take no SVG."""

import re

from batchwright.errors import UsageError
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
    require_renderer()
    from resvg_py import svg_to_bytes

    plain = STYLE.sub("", figure.text)  # the renderer knows no variables; the attributes have the light colours
    return bytes(svg_to_bytes(svg_string=plain, zoom=zoom))


def require_renderer() -> None:
    """Raise a UsageError if the package resvg-py is not installed."""
    try:
        import resvg_py  # noqa: F401
    except ImportError as error:
        raise UsageError("PNG images need the package resvg-py: pip install 'batchwright[png]'.") from error
