"""Numbers that rather mark a missing cell, such as -200, 999 and -1: repeated, extreme, and far from all others."""

import json

import numpy as np
import polars as pl
from jaxtyping import Float64

from batchwright.data.typed.distinct import without_nulls

NINES = (9.0, 99.0, 777.0, 888.0, 999.0, 7777.0, 8888.0, 9999.0, 99999.0, 999999.0)
MARKS = (0.0, -1.0, -100.0, -200.0, *NINES, *(-number for number in NINES))
"""Numbers that people use as marks. Others stand apart by nature too often, as a strong engine among weak ones."""
FROM = 30
"""Rows that it takes."""
DISTINCT = 10
"""Different numbers that the other cells hold at least: otherwise all are codes."""
REPEATED = 0.005
"""Share of the rows that hold a mark, at least; and three of them."""
GAP = 0.5
"""The gap between a mark and all others, as a share of the range of their middle 90 %."""
ONLY_NEGATIVE = 0.01
"""Share of the rows from which a mark that is the only negative number needs no gap."""

Numbers = Float64[np.ndarray, " rows"]


def mark_note(column: pl.Series) -> str:
    """A doubt about a number of a column that may mark missing cells; empty if there is none."""
    if len(column) < FROM or not column.dtype.is_numeric():
        return ""
    numbers = without_nulls(column).cast(pl.Float64).to_numpy()
    if len(numbers) < FROM:
        return ""
    for mark in dict.fromkeys((float(numbers.min()), float(numbers.max()))):
        is_it = numbers == mark
        rows = int(is_it.sum())
        if mark in MARKS and rows >= max(3, REPEATED * len(numbers)) and _stands_apart(mark, rows, numbers[~is_it]):
            return _note(column.name, mark, rows, numbers[~is_it])
    return ""


def _stands_apart(mark: float, rows: int, others: Numbers) -> bool:
    """Whether a number lies so far from the others that it may mean something else."""
    if len(others) < FROM or len(np.unique(others[:1000])) < DISTINCT:
        return False
    low, high = others.min(), others.max()
    if mark < 0 <= low and rows >= ONLY_NEGATIVE * (rows + len(others)):
        return True
    gap = max(low - mark, mark - high)
    if _spread_further(others, gap / GAP):
        return False
    first, last = np.quantile(others, (0.05, 0.95))
    return bool(last > first and gap >= GAP * (last - first))


def _spread_further(numbers: Numbers, width: float) -> bool:
    """Whether it is easily seen that the middle 90 % of the numbers are in a range of more than this width."""
    first, last = np.quantile(numbers[:1000], (0.2, 0.8))
    tenth = 0.1 * len(numbers)
    return bool(last - first > width and (numbers <= first).sum() > tenth and (numbers >= last).sum() > tenth)


def _note(name: str, mark: float, rows: int, others: Numbers) -> str:
    said = f"{mark:g} in {rows:,} rows stands apart from all others ({others.min():g} to {others.max():g})"
    column = f'{{{json.dumps(name, ensure_ascii=False)}: {{missing: ["{mark:g}"]}}}}'
    return f"{said}; if it marks missing cells, `data.columns={column}` says so"
