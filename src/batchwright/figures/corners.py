"""The corners of the lines that a path of SVG draws, for what paints them without an SVG renderer."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import cos, hypot, pi, sin
from typing import TypeAlias

Points: TypeAlias = list[tuple[float, float]]

COMMAND = re.compile(r"([MLHVhvaz])([^MLHVhvaz]*)")
NUMBER = re.compile(r"-?[\d.]+")
TURNS = [pi * turn / 12 for turn in range(1, 13)]
"""Half a circle is drawn as twelve lines."""


def lines_of(path: str) -> list[Points]:
    """The lines of a path; an arc is one of the two halves of a round dot.

    >>> lines_of("M1 2h3v4zM0 0L5 6")
    [[(1.0, 2.0), (4.0, 2.0), (4.0, 6.0), (1.0, 2.0)], [(0.0, 0.0), (5.0, 6.0)]]
    """
    lines: list[Points] = []
    for command, written in COMMAND.findall(path):
        numbers = [float(one) for one in NUMBER.findall(written)]
        if command == "M":
            lines.append([(numbers[0], numbers[1])])
            numbers = numbers[2:]
        lines[-1] += _next(command, numbers, lines[-1])
    return lines


def _next(command: str, numbers: Sequence[float], line: Points) -> Points:
    """The corners that a command adds to a line."""
    x, y = line[-1]
    match command:
        case "H":
            return [(numbers[0], y)]
        case "h":
            return [(x + numbers[0], y)]
        case "V":
            return [(x, numbers[0])]
        case "v":
            return [(x, y + numbers[0])]
        case "a":
            return _half(x, y, numbers[5])
        case "z":
            return [line[0]]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def circle(x: float, y: float, radius: float) -> Points:
    """The corners of a circle."""
    return [*_half(x - radius, y, 2 * radius), *_half(x + radius, y, -2 * radius)]


def _half(x: float, y: float, across: float) -> Points:
    """Half a circle from a point to the one `across` from it."""
    return [(x + across / 2 * (1 - cos(turn)), y - across / 2 * sin(turn)) for turn in TURNS]


def dashed(points: Points, dashes: Sequence[float]) -> Iterator[Points]:
    """The pieces of a line that its dashes show.

    >>> list(dashed([(0.0, 0.0), (5.0, 0.0)], [2.0, 1.0]))
    [[(0.0, 0.0), (2.0, 0.0)], [(3.0, 0.0), (5.0, 0.0)]]
    """
    place, left = 0, dashes[0]
    piece = [points[0]]
    for (x0, y0), (x1, y1) in pairwise(points):
        long, gone = hypot(x1 - x0, y1 - y0), 0.0
        while long - gone > left:
            gone += left
            corner = (x0 + (x1 - x0) * gone / long, y0 + (y1 - y0) * gone / long)
            if place % 2 == 0:
                yield [*piece, corner]
            piece, place = [corner], place + 1
            left = dashes[place % len(dashes)]
        left -= long - gone
        piece.append((x1, y1))
    if place % 2 == 0:
        yield piece
