"""What someone asks of a fit, from texts, and as Python."""

from collections.abc import Mapping
from typing import Any

from batchwright.lab.asked import Asked, python_of, read_fields
from batchwright.lab.descent.request import number, positive, whole
from batchwright.lab.fit.curve_fit import CurveFit, check_model


def read_fit(texts: Mapping[str, str]) -> Asked[CurveFit]:
    """What these texts ask for, by the fields of `CurveFit`.

    Raises:
        UsageError: an unknown key, a value that is no such number or word, or one that is out of range.

    >>> read_fit({"capacity": "3", "noise": ""}).question.capacity
    3
    """
    return read_fields(CurveFit, texts, _value_of)


def _value_of(key: str, text: str) -> Any:
    if key == "model":
        check_model(text)
    usual = getattr(CurveFit, key)
    if isinstance(usual, str):
        return text
    if isinstance(usual, int):
        return whole(key, text)
    return positive(key, text) if key == "learning_rate" else number(key, text)


def fit_python(asked: Asked[CurveFit]) -> str:
    """Python that makes the same fit."""
    return "\n".join(
        [
            "import batchwright as bw",
            "",
            f"fitted = bw.lab.fit_curve({python_of(asked)})",
            "print(fitted.losses, fitted.reason)",
            "bw.lab.draw_fit(fitted)",
        ]
    )
