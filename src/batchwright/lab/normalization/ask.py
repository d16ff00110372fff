"""What someone asks about batch normalization, from texts, and as a command and Python."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from batchwright.errors import UsageError, unknown
from batchwright.lab.descent.request import LONGEST, positive, whole
from batchwright.lab.normalization.study import NormStudy

USUAL = {field.name: field.default for field in fields(NormStudy)}


@dataclass(frozen=True)
class AskedStudy:
    """A study, and the texts that say so, without what is as by default."""

    study: NormStudy
    texts: Mapping[str, str]


def read_study(texts: Mapping[str, str]) -> AskedStudy:
    """What these texts ask for, by the fields of `NormStudy`.

    Raises:
        UsageError: an unknown key, a value that is no such number or word, or one that is out of range.

    >>> read_study({"batch_size": "full", "layers": "2"}).study.layers
    2
    """
    for key, value in texts.items():
        if key not in USUAL:
            raise UsageError(unknown("setting", key[:60], USUAL))
        if len(value) > LONGEST:
            raise UsageError(f"{key} has {len(value):,} characters; at most {LONGEST:,} are read.")
    given = {key: _value(key, value) for key, value in texts.items() if value != ""}
    changed = {key: texts[key] for key, value in given.items() if value != USUAL[key]}
    return AskedStudy(NormStudy(**given), changed)


def _value(key: str, text: str) -> Any:
    if isinstance(USUAL[key], str) or (key, text) == ("batch_size", "full"):
        return text
    return positive(key, text) if key == "learning_rate" else whole(key, text)


def study_command(asked: AskedStudy) -> str:
    """The command that makes the same study."""
    texts = dict(asked.texts)
    words = ["batchwright", "lab", "normalization", texts.pop("data", "moons")]
    for key, value in texts.items():
        words += [f"--{key.replace('_', '-')}", value]
    return shlex.join(words)


def study_python(asked: AskedStudy) -> str:
    """Python that makes the same study."""
    given = ", ".join(f"{key}={getattr(asked.study, key)!r}" for key in asked.texts)
    return "\n".join(
        [
            "import batchwright as bw",
            "",
            f"studied = bw.lab.study_normalization(bw.lab.NormStudy({given}))",
            "print(studied.normal.deviations, studied.plain.deviations)",
            "print(studied.normal.batch_loss, studied.normal.train[-1])",
        ]
    )
