"""Paths as plain data for a page: few digits, as no pixel needs more."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from batchwright.lab.descent.path import Path
from batchwright.lab.descent.rules import name_of
from batchwright.lab.descent.words import Said

DIGITS = 5


def rounded(values: Any) -> Any:
    """Numbers with five digits, in lists like the array; None where one is not finite.

    >>> rounded([0.1234567, -123456.7, 0.0, float("nan")])
    [0.12346, -123460.0, 0.0, None]
    """
    array = np.asarray(values, np.float64)
    with np.errstate(all="ignore"):
        power = DIGITS - 1 - np.floor(np.log10(np.abs(array)))
        up, down = 10.0 ** np.maximum(power, 0), 10.0 ** np.maximum(-power, 0)
        short = np.where(array == 0, 0.0, np.rint(array * up / down) / up * down)
    if np.isfinite(short).all():
        return short.tolist()
    kept = short.astype(object)
    kept[~np.isfinite(short)] = None
    return kept.tolist()


def plain_path(path: Path) -> dict[str, Any]:
    """What a page draws of a path."""
    return {
        "rule": name_of(path.rule),
        "rate": float(path.rule.learning_rate),
        "points": rounded(path.points),
        "losses": rounded(path.losses),
        "states": {name: rounded(values) for name, values in path.states.items()},
        "ended": path.ended,
    }


def said(sentences: Sequence[Said]) -> list[dict[str, str]]:
    """Sentences by language."""
    return [sentence._asdict() for sentence in sentences]
