"""The scene of two weights: rules started at once from one point of a surface."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from batchwright.errors import UsageError, unknown
from batchwright.lab.descent.contours import contours_of
from batchwright.lab.descent.copies import as_command, as_python
from batchwright.lab.descent.drawing import seen
from batchwright.lab.descent.limits import limits_of
from batchwright.lab.descent.plain import plain_path, said
from batchwright.lab.descent.request import Asked
from batchwright.lab.descent.request import read as read_texts
from batchwright.lab.descent.surfaces import SURFACES
from batchwright.lab.descent.words import describe, surface_formula

NAME = "surface"
DEFAULTS: Mapping[str, str] = {"surface": "valley", "rule": "all", "learning_rate": "tuned", "steps": "60"}


def read(texts: Mapping[str, str]) -> Asked:
    """What someone asks for, from texts.

    Raises:
        UsageError: a text is wrong.
    """
    name = texts.get("surface") or DEFAULTS["surface"]
    if name not in SURFACES:
        raise UsageError(unknown("surface", name[:60], SURFACES))
    return read_texts(texts, DEFAULTS)


def answer(texts: Mapping[str, str]) -> dict[str, Any]:
    """The path of each rule, and what the rules remember.

    Raises:
        UsageError: a text is wrong.
    """
    asked = read(texts)
    surface = asked.course.surface
    paths = asked.paths()
    limits = limits_of(surface)
    view = seen(surface, [path.points[0] for path in paths.values()])
    return {
        "surface": surface.name,
        "points": [surface.x, surface.y],
        "view": view,
        "start": asked.course.begin,
        "minimum": surface.minimum,
        "paths": [plain_path(path) for path in paths.values()],
        "limits": None if limits is None else vars(limits),
        "formula": said([surface_formula(surface, limits)])[0],
        "words": {name: said(describe(path)) for name, path in paths.items()},
        "command": as_command(NAME, asked),
        "python": as_python(asked, {name: path.rule for name, path in paths.items()}),
    }


def levels(texts: Mapping[str, str]) -> dict[str, Any]:
    """The levels of the surface, which stay the same while paths change.

    Raises:
        UsageError: a text is wrong.
    """
    course = read(texts).course
    view = seen(course.surface, [np.asarray(course.begin)])
    return {"view": view, "levels": contours_of(course.surface, view)}
