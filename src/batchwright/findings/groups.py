"""Columns whose values name whom or what several rows are about, so that these rows belong in one part."""

import re
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from batchwright.data.dataset import Dataset
from batchwright.findings.columns import EncodedColumn, columns, sample_note
from batchwright.findings.finding import Finding
from batchwright.findings.told import NOTHING_TOLD, Told, group_advice

ROWS = 10_000
"""Rows that are compared."""
FEWEST_VALUES, FEWEST_ROWS = 10, 2
"""Distinct values that a column needs to name things, and rows that each of them has on average."""
CONSTANT, MOST, COMMONEST = 0.95, 0.5, 0.9
"""Share of the values within which a column has to be constant; share of the other columns that have to be; and share
of the values that may have the same in it, as a column that is nearly always the same is constant within anything."""
CANDIDATES = 50
"""Columns that are looked at, the first ones."""
NAMES = re.compile(r"(?:^|[\W_])(?:id|no|nr|key|code|number)s?$|[a-z]I[dD]$|patient|subject|person|user|customer", re.I)
"""How columns of numbers that name things are called."""


class Group(NamedTuple):
    """A column whose values name things: how many there are, and the columns that are constant within each."""

    name: str
    values: int
    constant: tuple[str, ...]
    others: int


def group_columns(dataset: Dataset, told: Told = NOTHING_TOLD) -> tuple[Finding, ...]:
    """The column that most clearly names what rows are about, unless the rows are split by a group already.

    It has many values, each in several rows, and at least half of the other columns are the same in all rows of a
    value: a person's age and sex, say. If such rows are in two parts, a model may know the test by heart.
    """
    if not group_advice(dataset, told, "COLUMN") or any(
        column.note == "groups of the split" for column in dataset.schema.columns
    ):
        return ()
    found = find_group(list(columns(dataset, ROWS)))
    if found is None:
        return ()
    whole = len(found.constant) == found.others
    listed = "all other columns are" if whole else f"{len(found.constant)} of {found.others} other columns are"
    return (
        Finding(
            "group column",
            "warning" if whole else "note",
            f"column {found.name!r} has {found.values:,} values, each in several training rows, and {listed} the same "
            f"in all rows of a value{sample_note(dataset.train.rows, ROWS)}: so it seems to name what rows are about",
            f"if it does, keep the rows of each value in one part: {group_advice(dataset, told, found.name)}",
        ),
    )


def find_group(found: list[EncodedColumn]) -> Group | None:
    """The column within whose values most other columns are constant; None if these are less than half."""
    if len(found) < 3:
        return None
    varying = [column for column in found if any(np.ptp(part.values) > 0 for part in column.parts)]
    candidates = [column for column in varying if _may_name(column)][:CANDIDATES]
    groups = [group for column in candidates if (group := _group(column, varying)) is not None]
    return max(groups, key=lambda group: (len(group.constant), group.values), default=None)


def _may_name(column: EncodedColumn) -> bool:
    return len(column.parts) == 1 and (not column.parts[0].ordered or bool(NAMES.search(column.name)))


def _group(column: EncodedColumn, found: list[EncodedColumn]) -> Group | None:
    """The column as a group, if at least two and half of the others are constant within its values."""
    codes, known = column.parts[0].values, ~column.missing
    if not column.parts[0].ordered:
        known &= codes != 0  # unseen and rare categories
    order = np.argsort(codes[known], kind="stable")
    starts = np.flatnonzero(np.diff(codes[known][order], prepend=np.nan) != 0)
    sizes = np.diff(starts, append=len(order))
    if len(starts) < FEWEST_VALUES or len(order) < FEWEST_ROWS * len(starts):
        return None
    others = [other for other in found if other is not column]
    constant = tuple(
        other.name
        for other in others
        if all(_is_constant(part.values[known][order], starts, sizes > 1) for part in other.parts)
    )
    enough = len(constant) >= max(2, MOST * len(others))
    return Group(column.name, len(starts), constant, len(others)) if enough else None


def _is_constant(values: Float[np.ndarray, " rows"], starts: np.ndarray, several: Bool[np.ndarray, " groups"]) -> bool:
    """Whether nearly all groups of several rows have one value each, and not all the same one."""
    low, high = np.minimum.reduceat(values, starts)[several], np.maximum.reduceat(values, starts)[several]
    _, counts = np.unique(low, return_counts=True)
    return bool(np.mean(low == high) >= CONSTANT and counts.max() <= COMMONEST * len(low))
