"""What a person sees of the columns of a source: a table that is not too wide, and below it what would make it so."""

import re
from collections.abc import Iterator

from rich.table import Table

from batchwright.cli.flags import as_flags
from batchwright.data.describe import ColumnDescription, Described

LONGEST = 24
"""Characters of a cell that are shown."""
LEFT_OUT = "left out"
_SCALED = re.compile(r"(a number, (\w+)) \((.*)\)(, and whether it is missing)?")


def columns_table(found: Described) -> Table:
    """All columns, a row each: kind, how it is written, missing and different cells, range, what it becomes, cells."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("column", "kind", "written as", "missing", "different", "range", "becomes", "cells"):
        table.add_column(name, justify="right" if name in ("missing", "different") else "left", overflow="fold")
    for column in found.columns:
        table.add_row(*_row(column))
    return table


def scaling_lines(found: Described) -> Iterator[str]:
    """Why numbers are scaled as they are, a line for each column where that was chosen."""
    scaled = [(column.name, match) for column in found.columns if (match := _SCALED.fullmatch(column.becomes))]
    if scaled:
        yield "scaling:"
    for name, match in scaled:
        yield f"  {name}: {match[2]} ({match[3]})"


def column_notes(found: Described) -> tuple[str, ...]:
    """Why columns are left out, and what is doubtful about others."""
    left_out = {one.name: one.becomes for one in found.columns if one.becomes.startswith(f"{LEFT_OUT}: ")}
    return tuple(
        f"column {one.name!r}: {said}" for one in found.columns for said in (left_out.get(one.name), one.note) if said
    )


def _row(column: ColumnDescription) -> tuple[str, ...]:
    span = f"{column.lowest} to {column.highest}" if column.lowest else ""
    cells = ", ".join(cell if len(cell) <= LONGEST else f"{cell[: LONGEST - 3]}..." for cell in column.cells)
    numbers = f"{column.missing:,}" if column.missing else "", f"{column.distinct:,}"
    return column.name, column.kind, column.written, *numbers, span, as_flags(_brief(column.becomes)), cells


def _brief(becomes: str) -> str:
    """What a column becomes, without a reason, which is told below the table.

    >>> _brief("a number, quantile (92 % of the rows are 0), and whether it is missing")
    'a number, quantile, and whether it is missing'
    >>> _brief("left out: every training row is 'only'")
    'left out'
    """
    if becomes.startswith(f"{LEFT_OUT}: "):
        return LEFT_OUT
    match = _SCALED.fullmatch(becomes)
    return f"{match[1]}{match[4] or ''}" if match else becomes
