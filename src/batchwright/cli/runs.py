"""`batchwright runs`: the runs in a folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batchwright.cli.output import Json, print_json, say, table_console
from batchwright.errors import RunError

if TYPE_CHECKING:
    from batchwright.runs.run import Listed


DEFAULT = Path("runs")


def runs(
    root: Annotated[Path, typer.Argument(help="the folder that holds the runs")] = DEFAULT, as_json: Json = False
) -> None:
    """List runs, oldest first, with their status and their metrics on the test rows."""
    from batchwright.cli.show.metrics import runs_table
    from batchwright.runs.run import list_runs

    if not root.exists() and root != DEFAULT:
        raise RunError(f"there is no folder {root}.")
    rows = [summary(listed) for listed in list_runs(root)]
    if as_json:
        print_json(rows)
    elif rows:
        table_console().print(runs_table(rows))
    else:
        say(f"there are no runs in {root}; `batchwright train digits` makes one.")


def summary(listed: "Listed") -> dict[str, Any]:
    """What a list shows of a run; if it cannot be opened, the problem."""
    if listed.run is None:
        return {"run": str(listed.path), "status": "unreadable", "reason": listed.problem}
    manifest = listed.run.manifest
    told = {"run": str(listed.path), "status": listed.run.status, "reason": listed.run.reason}
    return told | {"created": manifest.created, "source": manifest.source, "metrics": manifest.metrics}
