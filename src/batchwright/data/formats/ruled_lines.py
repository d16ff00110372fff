"""Lines that are drawn: by databases and in Markdown, below a header, and around a table."""

import re
from collections.abc import Sequence

DRAWN = re.compile(r":?[-=─+|┼ ]*:?")
LONG = re.compile(r"-{3}|={3}|─{3}")


def is_ruled(cells: Sequence[str]) -> bool:
    """Whether a record is a line below a header, or around a table; a single `-` is a missing cell.

    >>> is_ruled(["------", "--"]), is_ruled(["+-----+---+"]), is_ruled(["", "---", ":-:", ""]), is_ruled(["-", "-"])
    (True, True, True, False)
    """
    return all(map(DRAWN.fullmatch, cells)) and any(map(LONG.search, cells))
