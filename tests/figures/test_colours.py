"""Contrast by the formula of WCAG 2, on both backgrounds, also for who sees few colours."""

import re

import numpy as np
import pytest

from batchwright.figures import Axis, Line, line_chart
from batchwright.figures.colours import DARK, DASHES, LIGHT, SERIES, dash, series_role, style_sheet
from batchwright.figures.contour import DEEPEST as DEEPEST_LAYER
from batchwright.figures.shades import DEEPEST


def linear(colour: str) -> np.ndarray:
    shares = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    high, low = sorted([luminance(one), luminance(other)], reverse=True)
    return (high + 0.05) / (low + 0.05)


def over(colour: str, paper: str, opacity: float) -> str:
    parts = [[int(text[place : place + 2], 16) for place in (1, 3, 5)] for text in (colour, paper)]
    return "#" + "".join(f"{round(opacity * a + (1 - opacity) * b):02x}" for a, b in zip(*parts, strict=True))


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_lines_stand_out_and_words_are_readable(colours: dict[str, str]) -> None:
    for role in SERIES:
        assert contrast(colours[role], colours["paper"]) >= 3
    for role in ("ink", "soft"):
        assert contrast(colours[role], colours["paper"]) >= 4.5


@pytest.mark.parametrize("colours", [LIGHT, DARK])
@pytest.mark.parametrize("role", ["s0", "s1"])
def test_words_are_readable_on_the_deepest_shade(colours: dict[str, str], role: str) -> None:
    assert contrast(colours["ink"], over(colours[role], colours["paper"], DEEPEST)) >= 4.5


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_the_edge_of_a_path_stands_out_from_a_surface(colours: dict[str, str]) -> None:
    deepest = over(colours["s0"], colours["paper"], DEEPEST_LAYER)
    assert contrast(colours["paper"], deepest) >= 2.2


# Machado, Oliveira and Fernandes (2009), severity 1, on linear colours
BLIND = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
}


def lab(rgb: np.ndarray) -> np.ndarray:
    """Oklab (Ottosson, 2020) of a linear colour."""
    first = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                      [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
    second = np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                       [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip
    return second @ np.cbrt(first @ rgb)


@pytest.mark.parametrize("colours", [LIGHT, DARK])
@pytest.mark.parametrize("kind", BLIND)
def test_the_first_colours_differ_for_the_colour_blind(colours: dict[str, str], kind: str) -> None:
    seen = [lab(np.clip(np.array(BLIND[kind]) @ linear(colours[role]), 0, 1)) for role in SERIES[:3]]
    distances = [np.linalg.norm(seen[a] - seen[b]) for a in range(3) for b in range(a)]
    assert min(distances) > 0.1  # 0.02 is just noticeable


def test_lines_differ_by_dash_and_colour() -> None:
    looks = [(series_role(place), dash(place)) for place in range(len(SERIES) * len(DASHES))]
    assert len(set(looks)) == len(looks)
    assert len({dash(place) for place in range(len(DASHES))}) == len(DASHES)


def test_the_dark_colours_are_for_screens_only_and_every_colour_is_a_variable() -> None:
    assert "@media screen and (prefers-color-scheme:dark)" in style_sheet()
    for role, colour in [*LIGHT.items(), *DARK.items()]:
        assert f"--bw-{role}:{colour};" in style_sheet()
    text = line_chart([Line("loss", [1, 2], [2, 1])], Axis("epoch"), Axis("loss"), title="Loss").text
    body = re.sub("<style>.*?</style>", "", text)
    for colour, names in re.findall(r'class="([^"]*)" (?:fill|stroke)="(#[^"]*)"', body):
        assert names in {LIGHT[name.rpartition("-")[2]] for name in colour.split()}, "light without a style sheet"
