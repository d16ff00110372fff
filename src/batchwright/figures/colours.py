"""The colours of all figures, each by its role, for a light and a dark background, and the style sheet with them."""

from typing import Literal, TypeAlias

Role: TypeAlias = Literal["paper", "ink", "soft", "grid", "s0", "s1", "s2", "s3", "s4", "s5"]

LIGHT: dict[Role, str] = {
    "paper": "#ffffff",
    "ink": "#1b232c",
    "soft": "#55616e",
    "grid": "#e3e7eb",
    "s0": "#0072b2",
    "s1": "#d55e00",
    "s2": "#00664f",
    "s3": "#aa4499",
    "s4": "#8f6b00",
    "s5": "#5c6670",
}
DARK: dict[Role, str] = {
    "paper": "#14191f",
    "ink": "#e9edf1",
    "soft": "#a4afbb",
    "grid": "#2d353e",
    "s0": "#56b4e9",
    "s1": "#f28e4b",
    "s2": "#2bc49a",
    "s3": "#e08bc4",
    "s4": "#e6c72c",
    "s5": "#a9b4c0",
}
SERIES: tuple[Role, ...] = ("s0", "s1", "s2", "s3", "s4", "s5")
"""Of lines and points, in this order: Okabe and Ito's hues, darker on white, so that all are told apart without red and
green, and stand out by 3 to 1 (WCAG 2, 1.4.11)."""
DASHES = ("", "7 3", "2 3", "9 3 2 3", "14 4", "5 2 1 2 1 2")
"""Lines differ by their dash too: in print, and for who sees no colours. The seventh line has the first colour and the
second dash."""


def series_role(place: int) -> Role:
    """The colour of the line or set of points at this place."""
    return SERIES[place % len(SERIES)]


def dash(place: int) -> str:
    """The dash of the line at this place."""
    return DASHES[(place + place // len(SERIES)) % len(DASHES)]


def style_sheet() -> str:
    """The style of a figure: the same in all figures, so that several in one page do not disturb each other.

    It names colours by variables, such as `--bw-ink`, which a page can set for `.bw-figure`. Without style sheets, a
    figure shows the light colours, which are also attributes of its elements. On paper it is always light.
    """
    names: dict[Role, str] = LIGHT
    rules = "".join(f".bw-f-{role}{{fill:var(--bw-{role})}}.bw-s-{role}{{stroke:var(--bw-{role})}}" for role in names)
    return (
        f".bw-figure{{{_variables(LIGHT)}max-width:100%;height:auto;font-variant-numeric:tabular-nums}}"
        f"@media screen and (prefers-color-scheme:dark){{.bw-figure{{{_variables(DARK)}}}}}"
        f"@media (max-width:200px){{.bw-figure text{{display:none}}.bw-figure .bw-line{{stroke-width:6}}}}{rules}"
    )


def _variables(colours: dict[Role, str]) -> str:
    return "".join(f"--bw-{role}:{colour};" for role, colour in colours.items())
