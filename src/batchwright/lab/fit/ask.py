"""What someone asks of a fit, from texts, and as a command and Python."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from batchwright.errors import UsageError, unknown
from batchwright.lab.descent.request import LONGEST, number, positive, whole
from batchwright.lab.fit.curve_fit import CurveFit, check_model

USUAL = {field.name: field.default for field in fields(CurveFit)}


@dataclass(frozen=True)
class AskedFit:
    """A fit, and the texts that say so, without what is as by default."""

    fit: CurveFit
    texts: Mapping[str, str]


def read_fit(texts: Mapping[str, str]) -> AskedFit:
    """What these texts ask for, by the fields of `CurveFit`.

    Raises:
        UsageError: an unknown key, a value that is no such number or word, or one that is out of range.

    >>> read_fit({"capacity": "3", "noise": ""}).fit.capacity
    3
    """
    for key, value in texts.items():
        if key not in USUAL:
            raise UsageError(unknown("setting", key[:60], USUAL))
        if len(value) > LONGEST:
            raise UsageError(f"{key} has {len(value):,} characters; at most {LONGEST:,} are read.")
    given = {key: _value(key, value) for key, value in texts.items() if value != ""}
    changed = {key: texts[key] for key, value in given.items() if value != USUAL[key]}
    return AskedFit(CurveFit(**given), changed)


def _value(key: str, text: str) -> Any:
    if key == "model":
        check_model(text)
    if isinstance(USUAL[key], str):
        return text
    if isinstance(USUAL[key], int):
        return whole(key, text)
    return positive(key, text) if key == "learning_rate" else number(key, text)


def fit_command(asked: AskedFit) -> str:
    """The command that makes the same fit."""
    texts = dict(asked.texts)
    words = ["batchwright", "lab", "fit", texts.pop("data", "sine")]
    for key, value in texts.items():
        words += [f"--{key.replace('_', '-')}", value]
    return shlex.join(words)


def fit_python(asked: AskedFit) -> str:
    """Python that makes the same fit."""
    given = ", ".join(f"{key}={getattr(asked.fit, key)!r}" for key in asked.texts)
    return "\n".join(
        [
            "import batchwright as bw",
            "",
            f"fitted = bw.lab.fit_curve(bw.lab.CurveFit({given}))",
            "print(fitted.losses, fitted.reason)",
            "bw.lab.draw_fit(fitted)",
        ]
    )
