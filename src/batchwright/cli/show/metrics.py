"""Tables of figures: the metrics of the parts of the data, and runs in a list. Neither loads what trains."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from batchwright._shown import figure_text


def metrics_table(metrics: Mapping[str, Mapping[str, float | None]]) -> Table:
    """All metrics: a row for each, a column for each part of the data."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("")
    for part in metrics:
        table.add_column(part, justify="right")
    for name in dict.fromkeys(name for found in metrics.values() for name in found):
        table.add_row(name, *(figure_text(found.get(name)) for found in metrics.values()))
    return table


def runs_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Runs, a row each: folder, time, status, and the first two metrics on the test rows."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for name in ("run", "created (UTC)", "status", "test"):
        table.add_column(name, overflow="fold")
    for row in rows:
        found = row.get("metrics", {}).get("test") or row.get("metrics", {}).get("validation") or {}
        figures = "  ".join(f"{name} {figure_text(value)}" for name, value in list(found.items())[:2])
        table.add_row(
            row["run"], row.get("created", "")[:19].replace("T", " "), row["status"], figures or row["reason"]
        )
    return table
