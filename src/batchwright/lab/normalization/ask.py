"""What someone asks about batch normalization, from texts, and as Python."""

from collections.abc import Mapping
from typing import Any

from batchwright.lab.asked import Asked, python_of, read_fields
from batchwright.lab.descent.request import positive, whole
from batchwright.lab.normalization.study import NormStudy


def read_study(texts: Mapping[str, str]) -> Asked[NormStudy]:
    """What these texts ask for, by the fields of `NormStudy`.

    Raises:
        UsageError: an unknown key, a value that is no such number or word, or one that is out of range.

    >>> read_study({"batch_size": "full", "layers": "2"}).question.layers
    2
    """
    return read_fields(NormStudy, texts, _value_of)


def _value_of(key: str, text: str) -> Any:
    if isinstance(getattr(NormStudy, key), str) or (key, text) == ("batch_size", "full"):
        return text
    return positive(key, text) if key == "learning_rate" else whole(key, text)


def study_python(asked: Asked[NormStudy]) -> str:
    """Python that makes the same study."""
    return "\n".join(
        [
            "import batchwright as bw",
            "",
            f"studied = bw.lab.study_normalization({python_of(asked)})",
            "print(studied.normal.deviations, studied.plain.deviations)",
            "print(studied.normal.batch_loss, studied.normal.train[-1])",
        ]
    )
