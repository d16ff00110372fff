"""`batchwright explain`: what the model of a run goes by."""

from typing import Annotated

import typer

from batchwright.cli.output import Json, RunFolder, print_json, table_console, warn_of_end
from batchwright.cli.shown_files import CsvFolder, check_files, write_files


def explain(
    run: RunFolder,
    source: Annotated[
        str | None, typer.Argument(help="rows with their targets; by default the test rows of the run")
    ] = None,
    csv: CsvFolder = None,
    seed: Annotated[int, typer.Option(min=0, help="of the orders in which columns are shuffled")] = 0,
    as_json: Json = False,
) -> None:
    """Show what a model goes by: important columns, how answers depend on them, weak segments, the worst rows."""
    from batchwright.cli.show.explained import explained_parts
    from batchwright.explanation import explain as explain_run
    from batchwright.runs.run import open_run

    check_files(None, csv)
    opened = open_run(run)
    warn_of_end(opened)
    found = explain_run(opened, source, seed=seed)
    write_files(found, None, csv)
    if as_json:
        print_json({"run": str(run), **found.to_json()})
        return
    out = table_console()
    for part in explained_parts(found):
        out.print(part)
