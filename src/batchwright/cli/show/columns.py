"""What a person sees of the columns of a source."""

from rich.table import Table

from batchwright.cli.flags import as_flags
from batchwright.data.describe import ColumnDescription, Described

LONGEST = 40
"""Characters of a cell that are shown."""


def columns_table(found: Described) -> Table:
    """All columns, a row each: kind, how it is written, missing and different cells, range, what it becomes, cells."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("column", "kind", "written as", "missing", "different", "range", "becomes", "cells"):
        table.add_column(name, justify="right" if name in ("missing", "different") else "left", overflow="fold")
    for column in found.columns:
        table.add_row(*_row(column))
    return table


def _row(column: ColumnDescription) -> tuple[str, ...]:
    span = f"{column.lowest} to {column.highest}" if column.lowest else ""
    cells = ", ".join(cell if len(cell) <= LONGEST else f"{cell[: LONGEST - 3]}..." for cell in column.cells)
    numbers = f"{column.missing:,}" if column.missing else "", f"{column.distinct:,}"
    return column.name, column.kind, column.written, *numbers, span, as_flags(column.becomes), cells
