"""`batchwright evaluate`: the metrics of a saved run on other rows."""

from typing import Annotated

import typer

from batchwright.cli.output import Json, RunFolder, print_json, table_console, warn_of_end
from batchwright.errors import UsageError


def evaluate(
    run: RunFolder,
    source: Annotated[str, typer.Argument(help="rows with their targets: a file, a folder or an example")],
    weights: Annotated[str | None, typer.Option(help="a column of row weights [the column of the training]")] = None,
    per_class: Annotated[bool, typer.Option(help="precision, recall, F1 of each class")] = False,
    on_bad_rows: Annotated[
        str, typer.Option(help="stop, or drop rows whose cells do not fit their column and rows without a target")
    ] = "stop",
    interval: Annotated[
        float | None, typer.Option(help="the level of the intervals or sets whose share of rows inside is told [0.9]")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compute the metrics of a saved run on other rows."""
    from batchwright.cli.show.metrics import metrics_table
    from batchwright.cli.show.notes import notes
    from batchwright.cli.show.per_class import per_class_parts, to_json
    from batchwright.runs.predictions import evaluate_on
    from batchwright.runs.run import open_run

    opened = open_run(run)
    warn_of_end(opened)
    found = evaluate_on(opened, source, weights=weights, on_bad_rows=on_bad_rows, interval=interval)
    if per_class and found.per_class is None and not found.by_target:
        raise UsageError(f"--per-class is for a model that tells classes or labels apart, and {run} predicts numbers.")
    if as_json:
        shown = {name: getattr(found, name) for name in ("metrics", "notes", "remarks")}
        print_json(
            {
                "run": str(run),
                "source": source,
                **shown,
                **found.unfamiliar.to_json(),
                "intervals": [one.to_json() for one in found.intervals],
                "per_class": to_json(found.per_class, found.by_target) if per_class else None,
            }
        )
    else:
        notes(found.notes, table_console(stderr=True))
        table_console().print(metrics_table({source: found.metrics}))
        for part in per_class_parts(found.per_class, found.by_target) if per_class else ():
            table_console().print("", part, sep="\n")
        for one in found.intervals:
            table_console().print(str(one), soft_wrap=True)
        notes(found.remarks, table_console())
