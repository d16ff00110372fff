"""`batchwright dashboard`: the runs below a folder in a page of this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batchwright.cli.output import say
from batchwright.errors import UsageError

if TYPE_CHECKING:
    from batchwright.dashboard.ending import Ending

DEFAULT = Path("runs")


def dashboard(
    folder: Annotated[Path, typer.Argument(help="the folder that holds the runs")] = DEFAULT,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="the port [one that is free]")] = None,
    host: Annotated[str, typer.Option(help="the address to listen on; others than this are warned of")] = "127.0.0.1",
    read_only: Annotated[bool, typer.Option("--read-only", help="show, and let nothing be done")] = False,
    opens: Annotated[
        bool, typer.Option("--open/--no-open", help="open the page in a browser, where there is one")
    ] = True,
) -> None:
    """Show all runs and searches below a folder in a page: a table, curves while they are trained, and buttons."""
    if not folder.exists() and folder != DEFAULT:
        raise UsageError(
            f"there is no folder {folder}: name the folder that holds the runs. Without a name it is {DEFAULT}, which "
            "need not be there yet."
        )
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder: the dashboard takes the folder that holds the runs.")
    open_dashboard(folder, host=host, port=port, read_only=read_only, opens=opens)


def open_dashboard(
    folder: Path,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    read_only: bool = False,
    opens: bool,
    ending: "Ending | None" = None,
) -> None:
    """Serve the dashboard of a folder until Ctrl-C."""
    from batchwright.dashboard.app import make_app
    from batchwright.dashboard.diagnoses import Diagnoses
    from batchwright.dashboard.reports import Reports
    from batchwright.pages import serve

    reports, diagnoses = Reports(), Diagnoses()
    try:
        serve(
            make_app(folder, reports, diagnoses, ending),
            name=f"dashboard of {folder}",
            announce=say,
            host=host,
            port=port,
            read_only=read_only,
            opens=opens,
        )
    finally:
        reports.end()
        diagnoses.end()
