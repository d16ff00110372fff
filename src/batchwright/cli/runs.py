"""`batchwright runs`: the runs in a folder."""

from pathlib import Path
from typing import Annotated

import typer

from batchwright.cli.output import Json, print_json


def runs(
    root: Annotated[Path, typer.Argument(help="the folder that the runs lie in")] = Path("runs"), as_json: Json = False
) -> None:
    """List runs, oldest first."""
    from rich.console import Console

    from batchwright.cli.display import runs_table
    from batchwright.runs.run import list_runs

    listed = list_runs(root)
    if as_json:
        print_json([run.to_json() for run in listed])
    elif listed:
        Console().print(runs_table(listed))
    else:
        typer.echo(f"there are no runs in {root}; `batchwright train digits` makes one.")
