"""What a request asks for: its rows as columns of JSON values, or text or Arrow as it is; and how they are answered."""

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from batchwright.errors import unknown
from batchwright.serve.refusals import RefusedError

Columns = dict[str, list[Any]]
"""The cells of some rows by column, with the types of JSON; all columns are equally long."""

MANY_CELLS, MOST_GAPS = 1_000_000, 16
"""Cells from which on a request is refused if it has a cell for only one in `MOST_GAPS` of them: a few bytes of names
that all differ could fill the memory."""
PARAMETERS = ("uncertainty", "interval")
NAMES = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", type(None): "null"}
FORMS = 'Send rows, [{"column": value, ...}, ...], or columns, {"column": [value, ...], ...}.'


class Options(NamedTuple):
    """What is answered beside the predictions; requests with the same options may be answered together."""

    uncertainty: bool = False
    interval: float | None = None


def options_of(query: bytes) -> Options:
    """The options in the query of an address.

    Raises:
        RefusedError: an unknown name, or a value that it cannot have.
    """
    if not query:
        return Options()
    given = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    found = dict(given)
    for name in found:
        if name not in PARAMETERS:
            raise RefusedError(400, unknown("query parameter", name, PARAMETERS))
    if len(found) < len(given):
        raise RefusedError(400, "a query parameter is given twice.")
    return Options(_flag(found.get("uncertainty", "false")), _level(found.get("interval")))


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise RefusedError(400, f"uncertainty is true or false, but {text!r:.40} was given.")
    return text == "true"


def _level(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError as error:
        raise RefusedError(400, f"interval is a number between 0 and 1, as 0.9, but {text!r:.40} was given.") from error


def parse_columns(body: bytes) -> Columns:
    """The columns in a body of JSON, which holds rows or columns.

    Raises:
        RefusedError: it is no JSON in UTF-8, or neither of them, or a name stands twice in an object.
    """
    try:
        found = _DECODER.decode(body.decode())
    except UnicodeDecodeError as error:
        raise RefusedError(400, f"the body is not UTF-8: byte {error.start + 1} is not.") from error
    except json.JSONDecodeError as error:
        raise RefusedError(
            400, f"the body is not JSON: line {error.lineno}, column {error.colno}: {error.msg}."
        ) from error
    except RefusedError:
        raise
    except (ValueError, RecursionError) as error:  # a number of more digits than Python reads; a deep nest
        raise RefusedError(400, f"the body cannot be read as JSON: {error}.") from error
    return _columns_of(found)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, whose names are all different."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise RefusedError(400, f"an object names {twice!r:.80} more than once.")
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_once)


def _columns_of(found: Any) -> Columns:
    if type(found) is list:
        return columns_of_rows(found)
    if type(found) is not dict:
        raise RefusedError(400, f"the body holds {NAMES[type(found)]}. {FORMS}")
    for name, values in found.items():
        if type(values) is not list:
            what = "an object" if type(values) is dict else NAMES[type(values)]
            raise RefusedError(400, f"the body is an object in which {name!r:.80} holds {what}, not a list. {FORMS}")
    lengths = {name: len(values) for name, values in found.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name!r:.40} {count:,}" for name, count in list(lengths.items())[:10])
        raise RefusedError(400, f"the columns differ in length: {told}.")
    if not any(lengths.values()):
        raise RefusedError(400, f"the body holds no rows. {FORMS}")
    return found


def columns_of_rows(rows: Sequence[Any]) -> Columns:
    """The columns of some rows; a cell that a row lacks is missing.

    Raises:
        RefusedError: there are none, or one is no object.
    """
    for number, row in enumerate(rows, start=1):
        if type(row) is not dict:
            raise RefusedError(400, f"row {number} is {NAMES[type(row)]}, not an object. {FORMS}")
    if not rows:
        raise RefusedError(400, f"the body holds no rows. {FORMS}")
    if len(rows) == 1:
        return {name: [value] for name, value in rows[0].items()}
    names = dict.fromkeys(chain.from_iterable(rows))
    cells = len(names) * len(rows)
    if cells > MANY_CELLS and cells > MOST_GAPS * sum(map(len, rows)):
        raise RefusedError(413, f"{len(rows):,} rows have {len(names):,} names, and each row hardly any of them.")
    return {name: [row.get(name) for row in rows] for name in names}


def count_rows(columns: Columns) -> int:
    """How many rows there are."""
    return len(next(iter(columns.values()), ()))
