"""Numbers as people and programs write them, lengths of time, and fractions."""

import datetime
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
ONE_WAY = str.maketrans(
    {"\xa0": " ", "\u2007": " ", "\u2009": " ", "\u202f": " ", "’": "'", "−": "-", "–": "-", "—": "-"}
)
"""Kinds of blanks, apostrophes and minus signs that are one in numbers."""

Reader = Mapping[str, Any]


def to_number(text: str) -> float | None:
    """The finite number that a text is as programs write numbers; None if it is none."""
    number = float(text) if NUMBER.fullmatch(text) else np.inf
    return number if np.isfinite(number) else None


def plain_number(cell: Any) -> float | None:
    """A cell that is no text as a number."""
    if isinstance(cell, datetime.timedelta):
        return cell / datetime.timedelta(seconds=1)
    if isinstance(cell, str | list | tuple) or not hasattr(cell, "__float__"):
        return None
    return float(cell) if np.isfinite(float(cell)) else None


def read_number(_: Reader, cell: Any) -> float | None:
    """A number as programs write it."""
    return to_number(cell) if isinstance(cell, str) else plain_number(cell)


def read_written_number(reader: Reader, cell: Any) -> float | None:
    """A number as people write it, such as 1.234,56 or 12 kg."""
    if not isinstance(cell, str):
        return plain_number(cell)
    found = re.match(reader["pattern"], cell.translate(ONE_WAY))
    if found is None or (found["open"] is None) != (found["close"] is None):
        return None
    body, dash = found["body"], found["dash"]
    has_zeros = body.endswith(reader["decimal"])
    if dash is not None and not has_zeros and not (reader["minus_after"] and dash == "-"):
        return None
    minus = "-" if not has_zeros and dash == "-" else ""
    digits = body.replace(reader["thousands"], "") if reader["thousands"] else body
    power = (found["power"] or "") + reader["magnitudes"].get(found["magnitude"], "")
    signs = ("-" if found["open"] else "") + (found["sign"] or "") + (found["inner"] or "") + minus
    return to_number(signs + digits.replace(",", ".", 1) + power)


def read_duration(reader: Reader, cell: Any) -> float | None:
    """A length of time."""
    if not isinstance(cell, str):
        return plain_number(cell)
    text = re.sub(r"\s+", " ", cell)
    if reader["clock"] and (found := re.match(reader["clock"], text)):
        return _clock_seconds(found)
    for pattern in reader["patterns"]:
        parts = found.groupdict() if (found := re.match(pattern, text)) else {}
        given = {name: part for name, part in parts.items() if part is not None}
        if given:
            return float(sum(float(part.replace(",", ".")) * reader["sizes"][name] for name, part in given.items()))
    return None


def _clock_seconds(found: re.Match[str]) -> float:
    """Hours, minutes and seconds if there are three numbers, or days before them; of two, minutes and seconds."""
    first, second, third = (float((found[name] or "0").replace(",", ".")) for name in ("first", "second", "third"))
    is_long = found["third"] is not None or found["days"] is not None
    clock = 3600 * first + 60 * second + third if is_long else 60 * first + second
    return float(found["days"] or 0) * 86400 + (-clock if found["sign"] == "-" else clock)


def read_fraction(reader: Reader, cell: Any) -> float | None:
    """A fraction, or the number above where what is below is always the same."""
    if not isinstance(cell, str):
        return plain_number(cell)
    found = re.match(reader["pattern"], cell)
    if found is None:
        return None
    whole, above, below = (
        None if part is None else float(part.replace(",", ".")) for part in found.group("whole", "above", "below")
    )
    if reader["below"] is not None:
        return above if whole is None and below == reader["below"] else None
    if below is None:
        return whole
    return (whole or 0.0) + (above or 0.0) / below if below > 0 else None
