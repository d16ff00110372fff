"""The shapes of a figure painted by Pillow, which is always there: for images that move.

It knows what the figures here are made of: straight lines, round dots and words, in their light colours.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from batchwright.figures.corners import Points, circle, dashed, lines_of

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

Attributes: TypeAlias = Mapping[str, str]
Box: TypeAlias = tuple[float, float, float, float]

FINER = 2
"""Everything is painted this many times as large, and made smaller at the end, which smooths edges."""
ABOVE, BELOW = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "₀₁₂₃₄₅₆₇₈₉"
LEVELS = str.maketrans(ABOVE + BELOW, "0123456789-0123456789")
SPELT = {"−": "-", "½": "¹/₂", "λ": "lambda", "η": "eta", "μ": "mu", "′": "'"}
"""Characters that Pillow's own font does not have. Raised and lowered digits are small ones."""
RUN = re.compile(f"([{ABOVE}]+)|([{BELOW}]+)|([^{ABOVE}{BELOW}]+)")


@dataclass
class Painter:
    """A figure that is being painted.

    Args:
        image: so far, `FINER` times as large as the figure.
    """

    image: "Image"
    _box: Box = field(default=(0.0, 0.0, 0.0, 0.0))

    def copy(self) -> "Painter":
        """The same picture, to go on with."""
        return Painter(self.image.copy())

    def picture(self) -> "Image":
        """What was painted, in the figure's own size."""
        return self.image.reduce(FINER)

    def paint(self, name: str, attributes: Attributes, words: str, box: Box) -> None:
        """Paint an element; what lies outside the box is cut off."""
        self._box = box
        if name == "text":
            self._write(attributes, words)
            return
        lines = _shape(name, attributes)
        if (fill := attributes.get("fill", "none")) != "none":
            self._fill(lines, fill, float(attributes.get("fill-opacity", 1)), odd="fill-rule" in attributes)
        if (stroke := attributes.get("stroke", "none")) != "none":
            self._stroke(lines, stroke, attributes)

    def _fill(self, lines: Sequence[Points], colour: str, opacity: float, *, odd: bool) -> None:
        from PIL import Image, ImageChops, ImageDraw

        if not (lines := [points for points in lines if len(points) > 2]):
            return
        left, top, size = self._room(lines, 1.0)
        mask = Image.new("1", size)
        for points in lines:
            if odd:
                one = Image.new("1", size)
                ImageDraw.Draw(one).polygon(_moved(points, left, top), fill=1)
                mask = ImageChops.logical_xor(mask, one)
            else:
                ImageDraw.Draw(mask).polygon(_moved(points, left, top), fill=1)
        self._lay(mask, colour, opacity, left, top)

    def _stroke(self, lines: Sequence[Points], colour: str, attributes: Attributes) -> None:
        from PIL import Image, ImageDraw

        width = float(attributes.get("stroke-width", 1))
        dashes = [float(one) for one in attributes.get("stroke-dasharray", "").split()]
        drawn = [piece for points in lines for piece in (dashed(points, dashes) if dashes else [points])]
        if not (drawn := [points for points in drawn if len(points) > 1]):
            return
        left, top, size = self._room(drawn, width + 1)
        mask = Image.new("1", size)
        pen = ImageDraw.Draw(mask)
        for points in drawn:
            pen.line(_moved(points, left, top), fill=1, width=max(1, round(width * FINER)), joint="curve")
        self._lay(mask, colour, float(attributes.get("stroke-opacity", 1)), left, top)

    def _write(self, attributes: Attributes, words: str) -> None:
        from PIL import ImageDraw

        size, x, y = (float(attributes.get(key, usual)) for key, usual in (("font-size", 12), ("x", 0), ("y", 0)))
        pieces = list(_pieces(words, size))
        long = sum(font.getlength(piece) for piece, font, _ in pieces)
        at = x * FINER - {"middle": long / 2, "end": long}.get(attributes.get("text-anchor", ""), 0.0)
        bold = 1 if "font-weight" in attributes else 0
        colour = attributes.get("fill", "#000000")
        for piece, font, raised in pieces:
            place = (at, (y - raised) * FINER)
            ImageDraw.Draw(self.image).text(place, piece, colour, font, "ls", stroke_width=bold * 0.4)
            at += font.getlength(piece)

    def _room(self, lines: Sequence[Points], margin: float) -> tuple[int, int, tuple[int, int]]:
        """The left upper corner and the size of what these lines need, within the box, in pixels of the image."""
        xs, ys = ([point[axis] for points in lines for point in points] for axis in (0, 1))
        left, top = (max(low, min(values) - margin) for low, values in ((self._box[0], xs), (self._box[1], ys)))
        right, bottom = (min(high, max(values) + margin) for high, values in ((self._box[2], xs), (self._box[3], ys)))
        start = round(left * FINER), round(top * FINER)
        return *start, (max(0, round(right * FINER) - start[0]), max(0, round(bottom * FINER) - start[1]))

    def _lay(self, mask: "Image", colour: str, opacity: float, left: int, top: int) -> None:
        share = round(255 * opacity)
        self.image.paste(colour, (left, top), mask.convert("L").point(lambda value: share if value else 0))


def _shape(name: str, attributes: Attributes) -> list[Points]:
    """The lines of an element."""

    def of(*keys: str) -> list[float]:
        return [float(attributes.get(key, 0)) for key in keys]

    if name == "path":
        return lines_of(attributes["d"])
    if name == "circle":
        return [circle(*of("cx", "cy", "r"))]
    if name == "line":
        x1, y1, x2, y2 = of("x1", "y1", "x2", "y2")
        return [[(x1, y1), (x2, y2)]]
    x, y, wide, high = of("x", "y", "width", "height")
    return [[(x, y), (x + wide, y), (x + wide, y + high), (x, y + high)]]


def _moved(points: Points, left: int, top: int) -> Points:
    return [(x * FINER - left, y * FINER - top) for x, y in points]


def _pieces(words: str, size: float) -> Iterator[tuple[str, "FreeTypeFont", float]]:
    """Words in pieces, each with its font and how far it is raised."""
    for character, spelt in SPELT.items():
        words = words.replace(character, spelt)
    for above, below, level in RUN.findall(words):
        if level:
            yield level, _font(size), 0.0
        else:
            yield (above or below).translate(LEVELS), _font(0.7 * size), (0.4 if above else -0.15) * size


@cache
def _font(size: float) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size * FINER)
