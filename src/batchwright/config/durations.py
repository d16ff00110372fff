"""Lengths of time as people write them: 60, 60s, 2m, 1h or 1m30s."""

import re
from dataclasses import dataclass

UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
EXAMPLES = "60s, 1m30s or 1h"
_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?"
_SINGLE = rf"\s*([+-]?{_NUMBER})\s*([a-z]*)\s*"
_SEVERAL = rf"\s*(?:({_NUMBER})\s*h)?\s*(?:({_NUMBER})\s*m(?:in)?)?\s*(?:({_NUMBER})\s*s)?\s*"
"""Hours, minutes and seconds, of which any may be left out."""


@dataclass(frozen=True)
class Duration:
    """Marks an annotation of a number of seconds, which may also be written with a unit."""


def seconds_of(text: str) -> float | None:
    """The seconds in a text such as `60`, `90s`, `1.5m` or `1m30s`; None where it is no length of time.

    >>> seconds_of("90s"), seconds_of("1.5 m"), seconds_of("1h 1m 30s"), seconds_of("soon")
    (90.0, 90.0, 3690.0, None)
    """
    found = re.fullmatch(_SINGLE, text.casefold(), re.ASCII)
    if found and found[2] in UNITS:
        return float(found[1]) * UNITS[found[2]]
    parts = re.fullmatch(_SEVERAL, text.casefold(), re.ASCII)
    if parts is None or not any(parts.groups()):
        return None
    hours, minutes, seconds = (float(part or 0.0) for part in parts.groups())
    return 3600.0 * hours + 60.0 * minutes + seconds
