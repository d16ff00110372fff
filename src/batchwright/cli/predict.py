"""`batchwright predict`: the predictions of a saved run for new rows."""

import io
from pathlib import Path
from typing import Annotated

import typer

from batchwright.cli.output import RunFolder, warn_of_end
from batchwright.errors import UsageError


def predict(
    run: RunFolder,
    source: Annotated[str, typer.Argument(help="the rows: a file, a folder or an example")],
    output: Annotated[Path | None, typer.Option(help="a new .csv or .parquet file [CSV on standard output]")] = None,
) -> None:
    """Predict classes with their probabilities, or values, one line per row."""
    if output is not None and output.suffix not in (".csv", ".parquet"):
        raise UsageError(f"--output {output}: the ending chooses the format; it must be .csv or .parquet.")
    from batchwright._files import refuse_existing, write_file
    from batchwright.runs.predictions import predict as predicted
    from batchwright.runs.run import open_run

    if output is not None:
        refuse_existing(output)
    opened = open_run(run)
    warn_of_end(opened)
    frame = predicted(opened, source).frame()
    if output is None:
        typer.echo(frame.write_csv(), nl=False)
        return
    content = io.BytesIO()
    (frame.write_csv if output.suffix == ".csv" else frame.write_parquet)(content)
    write_file(output, content.getvalue())
