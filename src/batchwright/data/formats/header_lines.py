"""Headers of two lines, as of merged cells: groups of columns above, and the names in each group below."""

import re
from collections.abc import Sequence
from itertools import pairwise

from batchwright.data.formats.signs import NUMBER
from batchwright.data.typed.cells import MISSING

YEAR = re.compile(r"(?:19|20)[0-9]{2}")
FEWEST_ROWS = 3
"""Rows below a header by which its second line is told from a row."""


def join_header(upper: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], int]:
    """The names of columns whose header may have more than one line, and how many of the `rows` belong to it.

    The second line belongs to it if the first lacks or repeats names, and the second has a text above each column of
    numbers. A third line may name the columns that have no name by then, as pandas writes the index of its rows.

    >>> join_header(["Size", "", "Price"], [["w", "h", "net"], *[["1", "2", "3"]] * 4])
    (['Size w', 'Size h', 'Price net'], 1)
    """
    width = len(upper)
    grouped = any(not name for name in upper[1:]) or any(name and name == other for name, other in pairwise(upper))
    if not grouped or width < 3 or not rows or len(rows[0]) != width:
        return list(upper), 0
    lower = [cell.strip() for cell in rows[0]]
    names = _join(upper, lower)
    index = _names_of_index(names, rows[1]) if len(rows) > 1 else None
    below = [row for row in rows[1 if index is None else 2 :] if len(row) == width][1:]  # the first may hold units
    if len(below) < FEWEST_ROWS or not _names_numbers(upper, lower, below):
        return list(upper), 0
    return (names, 1) if index is None else (index, 2)


def _join(upper: Sequence[str], lower: Sequence[str]) -> list[str]:
    """Each name of the second line after the name of its group, which stands above it or to the left."""
    groups = list[str]()
    for name, below in zip(upper, lower, strict=True):
        groups.append(name or (groups[-1] if groups and below else ""))
    return [f"{group} {name}".strip() for group, name in zip(groups, lower, strict=True)]


def _names_of_index(names: Sequence[str], row: Sequence[str]) -> list[str] | None:
    """The names, with those of a row that names just the columns without one; None if it does not."""
    cells = [cell.strip() for cell in row]
    if len(cells) != len(names) or not any(cells):
        return None
    if any(bool(cell) == bool(name) for cell, name in zip(cells, names, strict=True)):
        return None
    return [name or cell for name, cell in zip(names, cells, strict=True)]


def _names_numbers(upper: Sequence[str], lower: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether the second line has names above columns of numbers, two at least, and none that is a cell below.

    Above such a column it may be empty only below a name. Years are names where no cell below is a year.
    """
    columns = [[row[place].strip() for row in below] for place in range(len(lower))]
    numeric = [_are_numbers(column) for column in columns]
    named = [
        cell for cell, group, numbers in zip(lower, upper, numeric, strict=True) if numbers and (cell or not group)
    ]
    apart = all(cell not in column for cell, column in zip(lower, columns, strict=True) if cell)
    if len(named) < 2 or not apart:
        return False
    if all(map(YEAR.fullmatch, named)):
        return not any(YEAR.fullmatch(cell) for column in columns for cell in column)
    return not any(cell in MISSING or NUMBER.fullmatch(cell) for cell in named)


def _are_numbers(cells: Sequence[str]) -> bool:
    held = [cell for cell in cells if cell not in MISSING]
    return bool(held) and all(NUMBER.fullmatch(cell) is not None for cell in held)
