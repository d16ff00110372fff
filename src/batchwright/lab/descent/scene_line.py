"""The scene of one weight: y = w·x on points, the line and the parabola side by side."""

from collections.abc import Mapping
from typing import Any

from batchwright.errors import UsageError
from batchwright.lab.descent.cloud import clouds_of
from batchwright.lab.descent.copies import as_command, as_python
from batchwright.lab.descent.limits import limits_of
from batchwright.lab.descent.line_picture import parabola, range_of
from batchwright.lab.descent.plain import plain_path, rounded, said
from batchwright.lab.descent.request import Asked
from batchwright.lab.descent.request import read as read_texts
from batchwright.lab.descent.words import describe, line_formula, step_formula

NAME = "line"
DEFAULTS: Mapping[str, str] = {"surface": "line", "learning_rate": "0.05", "steps": "30"}


def read(texts: Mapping[str, str]) -> Asked:
    """What someone asks for, from texts.

    Raises:
        UsageError: a text is wrong.
    """
    if texts.get("surface", "") not in ("", NAME):
        raise UsageError("one weight has no other surface: choose the scene surface, or leave surface out.")
    return read_texts(texts, DEFAULTS)


def answer(texts: Mapping[str, str]) -> dict[str, Any]:
    """The points, the parabola, the path, the limits of the rate, and the gradients of all batches.

    Raises:
        UsageError: a text is wrong.
    """
    asked = read(texts)
    if len(asked.rules) > 1:
        raise UsageError(f"{len(asked.rules)} rules are asked for, and this scene shows one at a time: name one.")
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
        "formula": line_formula(path.surface),
        "at": said([step_formula(path, at) for at in range(path.steps + 1)]),
        "words": said(describe(path)),
        "command": as_command(NAME, asked),
        "python": as_python(asked, {path.rule.name: path.rule}),
    }
