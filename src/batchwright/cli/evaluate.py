"""`batchwright evaluate`: the metrics of a saved run on other rows."""

from typing import Annotated

import typer

from batchwright.cli.output import Json, RunFolder, print_json, table_console, warn_of_end


def evaluate(
    run: RunFolder,
    source: Annotated[str, typer.Argument(help="rows with their targets: a file, a folder or an example")],
    as_json: Json = False,
) -> None:
    """Measure a saved run on other rows."""
    from batchwright.cli.display import metrics_table
    from batchwright.runs.predictions import measure
    from batchwright.runs.run import open_run

    opened = open_run(run)
    warn_of_end(opened)
    metrics = measure(opened, source)
    if as_json:
        print_json({"run": str(run), "source": source, "metrics": metrics})
    else:
        table_console().print(metrics_table({source: metrics}))
