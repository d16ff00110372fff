"""What was asked, as a command and as Python, so that it can be done again without a page."""

import shlex
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from batchwright.lab.descent.request import Asked
from batchwright.optim import Optimizer

FLAGS = {"rule": "--optimizer", "surface": ""}
"""Options that are called otherwise than their key."""


def as_command(scene: str, asked: Asked) -> str:
    """The command that gives the same paths."""
    words = ["batchwright", "lab", scene]
    if scene == "surface":
        words.append(asked.course.surface.name)
    for key, value in asked.texts.items():
        if key == "surface":
            continue
        if "." in key:
            words += ["--set", f"{key}={value}"]
        elif value.startswith("-"):
            words.append(f"{_flag(key)}={value}")
        else:
            words += [_flag(key), value]
    return " ".join(shlex.quote(word) for word in words)


def _flag(key: str) -> str:
    return FLAGS.get(key) or f"--{key.replace('_', '-')}"


def as_python(asked: Asked, rules: Mapping[str, Optimizer]) -> str:
    """Python that gives the same paths.

    Args:
        asked: the course.
        rules: with the learning rates that they had.
    """
    course, lines = asked.course, ["import batchwright as bw", ""]
    given = [_surface(asked)]
    named = [f"start={course.start!r}"] if course.start is not None else []
    if (schedule := _call("optim", course.schedule)) != "bw.optim.Constant()":
        named.append(f"schedule={schedule}")
    named += [f"steps={course.steps}"]
    named += [f"batch_size={course.batch_size!r}"] if course.batch_size != "full" else []
    named += [f"seed={course.seed}"] if course.seed else []
    if course.until is not None:
        named.append(f"until=bw.lab.Until({course.until.by!r}, {course.until.tolerance!r})")
    if len(rules) == 1:
        given.append(_call("optim", next(iter(rules.values()))))
        return "\n".join([*lines, f"path = bw.lab.descend({', '.join([*given, *named])})", 'path.figure("path")'])
    lines += ["rules = {", *(f'    "{name}": {_call("optim", rule)},' for name, rule in rules.items()), "}"]
    lines.append(f"paths = [bw.lab.descend({given[0]}, rule, {', '.join(named)}) for rule in rules.values()]")
    return "\n".join([*lines, "bw.lab.draw_paths(paths)"])


def _surface(asked: Asked) -> str:
    surface = asked.course.surface
    if not surface.rows:
        return repr(surface.name)
    intercept = ", intercept=True" if surface.weights == 2 else ""
    return f"bw.lab.line({list(surface.x)}, {list(surface.y)}{intercept})"


def _call(home: str, made: Any) -> str:
    """The call that makes a component, with what is not as by default."""
    changed = [
        f"{field.name}={value!r}" for field in fields(made) if (value := getattr(made, field.name)) != _usual(field)
    ]
    return f"bw.{home}.{type(made).__name__}({', '.join(changed)})"


def _usual(field: Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default
