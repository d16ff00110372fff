"""Columns of numbers that only say which row it is: counters, and identifiers."""

import json
import re

import numpy as np
import polars as pl
from jaxtyping import Float64

from batchwright.data.typed.schema import Column

FROM = 20
"""Rows from which numbers without a gap are no chance."""
DOUBTED_FROM = 50
"""Rows from which whole numbers that all differ are noted."""
UNIQUE = 0.9
"""Share of distinct numbers from which they name the rows, if they have 16 digits or more."""
DENSE = 2
"""Whole numbers that all differ are noted if they leave at most half of the numbers in their range out."""
LONG = 1e15
"""The least number of 16 digits."""
HEAD, REPEAT_SOON = 1000, 30_000
"""Rows that are looked at first; and those among which numbers repeat that do not name rows."""

COUNTERS = ("id", "index", "row", "")
NAMED_SO = re.compile(
    r"(?:^|[\W_])(?:ids?|idx|index|key|no|nr|num|number|row|record|seq|serial|uuid|guid)$", re.IGNORECASE
)
NAMED_IN_CAPITALS = re.compile(r"[a-z](?:Id|ID|No|Nr|Idx|Key|Index)$")
COUNTS = "left out: it counts the rows"

Numbers = Float64[np.ndarray, " rows"]


def find_counter(column: pl.Series) -> Column | None:
    """The column, left out or with a doubt, if its numbers only say which row it is; None if they may say more.

    Left out are: whole numbers that go up or down by one from row to row; those without a gap in any order, if the name
    says that they are numbers of things, as `order_id`; and numbers of 16 digits and more that nearly all differ.
    Columns of arrays, whose names are numbers, are not judged.
    """
    name = column.name
    if len(column) < FROM or column.null_count() or name.isdigit() or not _may_count(column.head(HEAD)):
        return None
    numbers = column.cast(pl.Float64).to_numpy()
    if _go_by_one(numbers):
        return _left_out(column, COUNTS)
    if np.abs(numbers).min() >= LONG and column.n_unique() >= UNIQUE * len(column):
        return _left_out(
            column, f"left out: {column.n_unique():,} different numbers of 16 digits and more name the rows"
        )
    span = numbers.max() - numbers.min() + 1
    if span < len(numbers) or _repeat(column) or not (numbers == np.rint(numbers)).all():
        return None
    if span == len(numbers) and is_named_so(name):
        return _left_out(column, "left out: it numbers the rows, in another order")
    steps = np.diff(numbers)
    ordered = (steps > 0).all() or (steps < 0).all()
    if len(column) >= DOUBTED_FROM and (ordered or span <= DENSE * len(numbers) or is_named_so(name)):
        leave_out = f"`data.kinds={{{_quoted(name)}: identifier}}` leaves it out"
        return Column(
            name, "numeric", note=f"all {len(column):,} whole numbers differ; if they only name rows, {leave_out}"
        )
    return None


def may_be_input(column: Column) -> bool:
    """Whether a column was left out although its name does not say that it counts: it may be an input after all.

    >>> note = f"{COUNTS} (1, 2, 3, ...)"
    >>> may_be_input(Column("t", "identifier", note=note)), may_be_input(Column("id", "identifier", note=note))
    (True, False)
    """
    return column.note.startswith(COUNTS) and not is_named_so(column.name)


def is_named_so(name: str) -> bool:
    """Whether a name says that numbers count or name things.

    >>> [is_named_so(name) for name in ("order_id", "PassengerId", "Unnamed: 0", "price", "paid", "casino")]
    [True, True, True, False, False, False]
    """
    plain = name.casefold().removeprefix("unnamed").strip(" :_0123456789")
    return plain in COUNTERS or bool(NAMED_SO.search(name) or NAMED_IN_CAPITALS.search(name))


def _may_count(head: pl.Series) -> bool:
    """Whether the first cells are whole numbers that nearly all differ."""
    numbers = head.cast(pl.Float64).to_numpy()
    return bool((numbers == np.rint(numbers)).all()) and head.n_unique() >= UNIQUE * len(head)


def _go_by_one(numbers: Numbers) -> bool:
    """Whether numbers go up or down by one from row to row; as a rule the first ones do not, which is fast to see."""
    return any(all((np.diff(part) == step).all() for part in (numbers[:HEAD], numbers)) for step in (1, -1))


def _repeat(column: pl.Series) -> bool:
    """Whether some number is in two rows; as a rule two of the first rows have the same, which is fast to see."""
    return any(part.n_unique() < len(part) for part in (column.head(REPEAT_SOON), column))


def _left_out(column: pl.Series, why: str) -> Column:
    shown = ", ".join(f"{number:.0f}" if isinstance(number, float) else str(number) for number in column.head(3))
    back = f"`data.kinds={{{_quoted(column.name)}: numeric}}` takes it as a number"
    return Column(column.name, "identifier", used=False, note=f"{why} ({shown}, ...); {back}")


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
