"""What a test reads from a figure, without the code that drew it."""

import re
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from batchwright.figures import Svg

SPACE = "{http://www.w3.org/2000/svg}"
SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def parse(figure: Svg) -> ElementTree.Element:
    return ElementTree.fromstring(figure.text)


def told(figure: Svg) -> str:
    """The description."""
    return parse(figure).findtext("{*}desc", "")


def words(figure: Svg) -> list[str]:
    """All texts that are drawn, in their order."""
    return ["".join(text.itertext()) for text in parse(figure).iter(f"{SPACE}text")]


def value_of(label: str) -> float:
    """The number that a label of a tick says."""
    plain = label.replace(",", "").replace("−", "-")
    mantissa, _, power = plain.rpartition("×")
    if power.startswith("10") and set(power[2:]) & set("⁻⁰¹²³⁴⁵⁶⁷⁸⁹"):
        exponent = int(power[2:].translate(SUPERSCRIPTS))
        return float(f"{mantissa or 1}e{exponent}")
    return float(plain)


def ticks(figure: Svg, axis: str) -> list[tuple[float, float]]:
    """The numbers beside an axis and where they stand, in pixels."""
    found, mark = [], ""
    for part in parse(figure):
        small = part.get("font-size") == "11" and part.get("class") == "bw-f-soft"
        if small and axis == "x" and part.get("text-anchor") == "middle" and mark.endswith("v4"):
            found.append((value_of("".join(part.itertext())), float(mark[1:].split()[0])))
        if small and axis == "y" and part.get("text-anchor") == "end":
            found.append((value_of("".join(part.itertext())), float(part.get("y")) - 4))
        mark = part.get("d", "")
    return found


def mapping(figure: Svg, axis: str, *, log: bool = False):
    """From numbers to pixels, as the outermost ticks have it."""
    (low, begin), *_, (high, end) = ticks(figure, axis)
    change = np.log if log else lambda values: np.asarray(values, dtype=np.float64)
    return lambda values: begin + (change(values) - change(low)) / (change(high) - change(low)) * (end - begin)


def line_points(figure: Svg, name: str) -> list[NDArray[np.float64]]:
    """The points of each unbroken part of the line of this name, in pixels."""
    [path] = [path for path in parse(figure).iter(f"{SPACE}path") if path.findtext("{*}title") == name]
    parts = path.get("d").split("M")[1:]
    return [
        np.array(re.findall(r"-?[\d.]+", part.removesuffix("h0")), dtype=np.float64).reshape(-1, 2) for part in parts
    ]


def dots(figure: Svg, fill: str) -> NDArray[np.float64]:
    """The centres of the round dots of a colour, in pixels."""
    centres = []
    for path in parse(figure).iter(f"{SPACE}path"):
        if path.get("class") == f"bw-f-{fill}":
            found = re.findall(r"M([-\d.]+) ([-\d.]+)a([\d.]+)", path.get("d"))
            centres += [(float(left) + float(radius), float(down)) for left, down, radius in found]
    return np.array(centres).reshape(-1, 2)
