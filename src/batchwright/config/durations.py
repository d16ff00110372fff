"""Lengths of time as people write them: 60, 60s, 2m or 1h."""

import re
from dataclasses import dataclass

UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
EXAMPLES = "60s, 2m or 1h"


@dataclass(frozen=True)
class Duration:
    """Marks an annotation of a number of seconds, which may also be written with a unit."""


def seconds_of(text: str) -> float | None:
    """The seconds in a text such as `60`, `90s`, `1.5m` or `1h`; None where it is no length of time.

    >>> seconds_of("90s"), seconds_of("1.5 m"), seconds_of("1h"), seconds_of("soon")
    (90.0, 90.0, 3600.0, None)
    """
    found = re.fullmatch(r"\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)\s*([a-z]*)\s*", text.casefold(), re.ASCII)
    return float(found[1]) * UNITS[found[2]] if found and found[2] in UNITS else None
