"""What someone asks of a scene whose settings are the fields of a class: from texts, and as a command and Python."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar, cast

from batchwright.errors import UsageError, unknown
from batchwright.lab.descent.request import LONGEST

T = TypeVar("T")
"""A dataclass with a default in each field, of which `data` names what is learned."""


@dataclass(frozen=True)
class Asked(Generic[T]):
    """What is asked, and the texts that say so, without what is as by default."""

    question: T
    texts: Mapping[str, str]


def read_fields(kind: type[T], texts: Mapping[str, str], value_of: Callable[[str, str], Any]) -> Asked[T]:
    """What these texts ask for, by the fields of a class; an empty text is the default.

    Args:
        kind: the class.
        texts: by the names of its fields.
        value_of: the value of a field, from its name and its text.

    Raises:
        UsageError: an unknown key, a text that is too long, or what `value_of` and the class refuse.
    """
    usual = {field.name: field.default for field in fields(cast(Any, kind))}
    for key, text in texts.items():
        if key not in usual:
            raise UsageError(unknown("setting", key[:60], usual))
        if len(text) > LONGEST:
            raise UsageError(f"{key} has {len(text):,} characters; at most {LONGEST:,} are read.")
    given = {key: value_of(key, text) for key, text in texts.items() if text != ""}
    return Asked(kind(**given), {key: texts[key] for key, value in given.items() if value != usual[key]})


def command_of(scene: str, asked: Asked[Any]) -> str:
    """The command of a scene that asks the same."""
    words = ["batchwright", "lab", scene, asked.question.data]
    for key, text in asked.texts.items():
        words += [] if key == "data" else [f"--{key.replace('_', '-')}", text]
    return shlex.join(words)


def python_of(asked: Asked[Any]) -> str:
    """Python that makes the question."""
    given = ", ".join(f"{key}={getattr(asked.question, key)!r}" for key in asked.texts)
    return f"bw.lab.{type(asked.question).__name__}({given})"
