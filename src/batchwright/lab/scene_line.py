"""The scene of one weight: y = w·x on points, the line and the parabola side by side."""

from collections.abc import Mapping
from typing import Any

from batchwright.lab.cloud import clouds_of
from batchwright.lab.copies import as_command, as_python
from batchwright.lab.limits import limits_of
from batchwright.lab.line_picture import parabola, range_of
from batchwright.lab.plain import plain_path, rounded, said
from batchwright.lab.request import Asked
from batchwright.lab.request import read as read_texts
from batchwright.lab.words import describe, line_formula

NAME = "line"
DEFAULTS: Mapping[str, str] = {"surface": "line", "learning_rate": "0.05", "steps": "30"}


def read(texts: Mapping[str, str]) -> Asked:
    """What someone asks for, from texts.

    Raises:
        UsageError: a text is wrong.
    """
    return read_texts({key: value for key, value in texts.items() if key != "surface"}, DEFAULTS)


def answer(texts: Mapping[str, str]) -> dict[str, Any]:
    """The points, the parabola, the path, the limits of the rate, and the gradients of all batches.

    Raises:
        UsageError: a text is wrong.
    """
    asked = read(texts)
    path = next(iter(asked.paths().values()))
    limits = limits_of(path.surface, path.rule)
    weights, losses = parabola(range_of(path), path)
    return {
        "points": [path.surface.x, path.surface.y],
        "parabola": [rounded(weights), rounded(losses)],
        "path": plain_path(path),
        "minimum": path.surface.minimum,
        "limits": None if limits is None else vars(limits),
        "clouds": rounded(clouds_of(asked.course, path)[:, :, 0]),
        "slopes": rounded(path.slopes[:, 0]),
        "formula": said([line_formula(path, 0)])[0],
        "words": said(describe(path)),
        "command": as_command(NAME, asked),
        "python": as_python(asked, {path.rule.name: path.rule}),
    }
