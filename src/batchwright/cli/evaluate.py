"""`batchwright evaluate`: the metrics of a saved run on other rows."""

from typing import Annotated

import typer

from batchwright.cli.output import Json, RunFolder, print_json, table_console, warn_of_end


def evaluate(
    run: RunFolder,
    source: Annotated[str, typer.Argument(help="rows with their targets: a file, a folder or an example")],
    weights: Annotated[str | None, typer.Option(help="a column of row weights [that of the training]")] = None,
    as_json: Json = False,
) -> None:
    """Measure a saved run on other rows."""
    from batchwright.cli.display import metrics_table, notes
    from batchwright.runs.predictions import evaluate_on
    from batchwright.runs.run import open_run

    opened = open_run(run)
    warn_of_end(opened)
    found = evaluate_on(opened, source, weights=weights)
    if as_json:
        print_json({"run": str(run), "source": source, **vars(found)})
    else:
        notes(found.notes, table_console(stderr=True))
        table_console().print(metrics_table({source: found.metrics}))
        notes(found.remarks, table_console())
