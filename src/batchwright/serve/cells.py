"""Cells of JSON as the texts by which tables are read."""

import json
from typing import Any

from batchwright.data.typed.whole import EXACT


def text_of(value: Any) -> str | None:
    """A text, number or flag as the text of a cell, whole numbers without a point; None for anything else.

    >>> text_of("a"), text_of(3), text_of(3.0), text_of(2.5), text_of(True), text_of([])
    ('a', '3', '3', '2.5', 'true', None)
    """
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is float and value.is_integer() and abs(value) < EXACT:
        return str(int(value))
    return json.dumps(value) if kind in (int, float, bool) else None
