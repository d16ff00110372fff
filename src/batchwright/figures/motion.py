"""What moves in a figure, by the animation of SVG itself, which needs no script."""

from batchwright.figures.colours import LIGHT, Role
from batchwright.figures.scale import Floats
from batchwright.figures.svg import element, number

HELD = 0.15
"""The share of the time for which a figure rests at its end before it begins again."""


def moving(attribute: str, values: Floats, seconds: float) -> str:
    """An attribute that takes these values one after the other, all equally long, rests, and begins again."""
    times = [(1 - HELD) * place / max(len(values) - 1, 1) for place in range(len(values))]
    told = [number(value) for value in values.tolist()]
    return element(
        "animate",
        attributeName=attribute,
        values=";".join([*told, told[-1]]),
        keyTimes=";".join([*(f"{time:.4f}" for time in times), "1"]),
        dur=f"{seconds:g}s",
        repeatCount="indefinite",
    )


def walker(across: Floats, down: Floats, role: Role, seconds: float) -> str:
    """A dot that goes from point to point, all finite, in pixels; where nothing moves, it is at the last."""
    return element(
        "circle",
        moving("cx", across, seconds) + moving("cy", down, seconds),
        cx=float(across[-1]),
        cy=float(down[-1]),
        r=4.5,
        class_=f"bw-f-{role}",
        fill=LIGHT[role],
    )
