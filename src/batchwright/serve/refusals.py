"""Requests that get no predictions: the status, what is said, and the cells that do not fit."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from batchwright.data.typed.cells import KEPT, BadCell, BadCells
from batchwright.errors import UsageError

LONGEST_CELL, LONGEST = 60, 4000
"""Signs of a cell, and of a whole message, that a refusal repeats."""
FORMATS = "PNG, JPEG, BMP, GIF, WebP, AVIF, TIFF, PPM, TGA and JPEG 2000 are read."


class RefusedError(UsageError):
    """A request that is answered with another status than 200.

    `details` go into the answer beside the message, `headers` are sent with it.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(cut(message, LONGEST))
        self.status, self.details, self.headers = status, dict(details or {}), dict(headers or {})

    def body(self) -> bytes:
        """The answer as JSON."""
        return json.dumps({"error": str(self), **self.details}, ensure_ascii=False).encode("utf-8", "replace")


def cut(text: str, longest: int = LONGEST_CELL) -> str:
    """The beginning of a long text.

    >>> cut("abcdef", 4), cut("abcd", 4)
    ('abc…', 'abcd')
    """
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def refuse_cells(bad: BadCells, *, place: str, hints: tuple[str, ...] = ()) -> RefusedError:
    """The refusal of rows with cells that do not fit: how many there are, and the first of them with the reason.

    `place` says what the numbers of the rows count, "row" or "line".
    """
    what = "cell does not fit its column" if bad.count == 1 else "cells do not fit their columns"
    listed = [_plain(cell, place) for cell in bad.first]
    message = " ".join((f"{bad.count:,} {what}: no row of this request is answered.", *hints))
    return RefusedError(422, message, details={"count": bad.count, "cells": listed})


def _plain(cell: BadCell, place: str) -> dict[str, Any]:
    return {place: cell.line, "column": cell.column, "value": cut(cell.value), "reason": f"expected {cell.wanted}"}


def refuse_images(bad: Sequence[Mapping[str, Any]]) -> RefusedError:
    """The refusal of images that cannot be read, each with its row, what it is called, and the reason."""
    what = "image cannot be read" if len(bad) == 1 else "images cannot be read"
    message = f"{len(bad):,} {what}: no row of this request is answered. {FORMATS}"
    return RefusedError(422, message, details={"count": len(bad), "cells": [dict(one) for one in bad[:KEPT]]})


def refuse_many(rows: int, most: int) -> None:
    """Raise a RefusedError if a request has more rows than are answered at once."""
    if rows > most:
        raise RefusedError(413, f"the request has {rows:,} rows, and {most:,} are answered at most: send fewer.")
