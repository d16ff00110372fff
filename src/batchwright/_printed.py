"""The printed form of a user's own parts: how a record names code that it cannot hold."""

import hashlib
import re
from typing import Any

MOST = 300


def printed_form(part: Any) -> str:
    """One line that identifies a part among others of its kind, equal in every process: no module, no memory address.

    A long line is cut, and ends in a hash of all of it.

    >>> printed_form(printed_form)
    'printed_form'
    """
    cls: Any = type(part)
    name = getattr(cls if cls.__repr__ is object.__repr__ else part, "__qualname__", None)
    text = name if isinstance(name, str) else re.sub(r" at 0x[0-9a-f]+", "", repr(part))
    shown = " ".join(text.split())
    if len(shown) <= MOST:
        return shown
    return f"{shown[:MOST]}... ({hashlib.sha256(shown.encode()).hexdigest()[:12]})"
