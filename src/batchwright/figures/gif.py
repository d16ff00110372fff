"""A figure that moves as an animated GIF, for slides and pages that take no SVG."""

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

from batchwright.figures.raster import FINER, Box, Painter
from batchwright.figures.svg import Svg

if TYPE_CHECKING:
    from PIL.Image import Image

EACH = 80
"""Milliseconds of an image."""
MOST_IMAGES = 300
COLOURS = 128
SILENT = ("title", "desc", "style", "animate")


class _Part(NamedTuple):
    """An element, the box within which it is seen, and its numbers that move: times from 0 to 1, and values."""

    element: ElementTree.Element
    box: Box
    moves: dict[str, tuple[list[float], list[float]]]


def gif(figure: Svg) -> bytes:
    """A figure with something that moves as the bytes of a GIF file that begins again and again.

    It has the light colours, and needs no package besides Pillow. What does not move is painted once.

    Args:
        figure: with animations, as of `draw_path(path, seconds=6)`.

    Raises:
        ValueError: nothing in the figure moves.
    """
    from PIL import Image

    root = ElementTree.fromstring(figure.text)
    wide, high = (float(root.get(key, 0)) for key in ("width", "height"))
    parts = list(_parts(root, (0.0, 0.0, wide, high)))
    first = next((place for place, part in enumerate(parts) if part.moves), None)
    if first is None:
        raise ValueError("nothing in this figure moves: draw it with seconds=6")
    still = Painter(Image.new("RGB", (round(wide * FINER), round(high * FINER))))
    _paint(still, parts[:first], 0.0)
    seconds = float(root.findall(".//{*}animate")[0].get("dur", "6s").removesuffix("s"))
    count = max(2, min(round(1000 * seconds / EACH), MOST_IMAGES))
    return _written([_moment(still, parts[first:], place / count) for place in range(count)], seconds / count)


def _moment(still: Painter, parts: list[_Part], time: float) -> "Image":
    painter = still.copy()
    _paint(painter, parts, time)
    return painter.picture()


def _written(images: "list[Image]", seconds: float) -> bytes:
    from PIL.Image import Dither, Quantize

    palette = images[-1].quantize(COLOURS, Quantize.MAXCOVERAGE)
    flat = [image.quantize(palette=palette, dither=Dither.NONE) for image in images]
    file = io.BytesIO()
    flat[0].save(file, "GIF", save_all=True, append_images=flat[1:], duration=round(1000 * seconds), loop=0)
    return file.getvalue()


def _paint(painter: Painter, parts: list[_Part], time: float) -> None:
    import numpy as np

    for element, box, moves in parts:
        now = {key: f"{np.interp(time, times, values):.3f}" for key, (times, values) in moves.items()}
        words = re.sub(r"\s+", " ", element.text or "")
        painter.paint(_name(element), {**element.attrib, **now}, words, box)


def _parts(element: ElementTree.Element, box: Box) -> Iterator[_Part]:
    """The elements below one in the order in which they are painted; a nested image cuts them at its edge."""
    for child in element:
        name = _name(child)
        if name == "svg":
            x, y, wide, high = (float(child.get(key, 0)) for key in ("x", "y", "width", "height"))
            inner = max(box[0], x), max(box[1], y), min(box[2], x + wide), min(box[3], y + high)
            yield from _parts(child, inner)
        elif name not in SILENT:
            yield _Part(child, box, {one.get("attributeName", ""): _move(one) for one in child.findall("{*}animate")})


def _move(animation: ElementTree.Element) -> tuple[list[float], list[float]]:
    times, values = ([float(one) for one in animation.get(key, "").split(";")] for key in ("keyTimes", "values"))
    return times, values


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
