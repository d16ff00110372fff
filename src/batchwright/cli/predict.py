"""`batchwright predict`: the predictions of a saved run for new rows."""

import json
import time
from functools import partial
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Annotated

import typer

from batchwright.cli.output import (
    Json,
    RunFolder,
    print_json,
    print_json_with,
    table_console,
    warn_of_end,
    write_objects,
)
from batchwright.errors import UsageError

Keep = Annotated[
    list[str] | None,
    typer.Option(help="columns of the source to put before the answers, separated by commas", metavar="COLUMN,..."),
]
OnBadRows = Annotated[
    str, typer.Option(help="stop at cells that do not fit their column, or drop the answers of their rows, which stay")
]
Uncertainty = Annotated[
    bool,
    typer.Option(
        "--uncertainty", help="a column that says how much submodels or members of an ensemble differ, as a deviation"
    ),
]

Interval = Annotated[
    float | None,
    typer.Option(
        help="a level, as 0.9: columns with the ends of an interval, or the set of classes, that holds the true value "
        "with this probability"
    ),
]

MemoryLimit = Annotated[
    str | None,
    typer.Option(help="the most memory, such as 2GB; a source that is read whole and takes more is refused"),
]
IN_MEMORY = 1 << 24
"""Characters of answers that are in memory at once where they are printed after what is counted."""
MANY = 10_000
"""Rows from which on it is said how fast they were answered."""


def predict(
    run: RunFolder,
    source: Annotated[str, typer.Argument(help="the rows: a file, a folder or an example")],
    output: Annotated[Path | None, typer.Option(help="a new .csv or .parquet file [CSV on standard output]")] = None,
    keep: Keep = None,
    on_bad_rows: OnBadRows = "stop",
    uncertainty: Uncertainty = False,
    interval: Interval = None,
    memory_limit: MemoryLimit = None,
    as_json: Json = False,
) -> None:
    """Predict classes with their probabilities, or values, one line per row."""
    if output is not None and output.suffix not in (".csv", ".parquet"):
        raise UsageError(f"--output {output}: the ending chooses the format; it must be .csv or .parquet.")
    from batchwright._files import refuse_existing
    from batchwright.cli.show.notes import notes
    from batchwright.data.disk.budget import parse_size
    from batchwright.data.whole_rows import require_memory
    from batchwright.runs.answer_files import write_csv_file, write_csv_pieces, write_parquet_file
    from batchwright.runs.answering import Answering
    from batchwright.runs.run import open_run

    if output is not None:
        refuse_existing(output)
    opened = open_run(run)
    warn_of_end(opened)
    if memory_limit is not None:
        require_memory(source, opened.encoding, parse_size(memory_limit))
    answering = Answering(
        opened, source, keep=keep or (), on_bad_rows=on_bad_rows, uncertainty=uncertainty, interval=interval
    )
    where = {"run": str(run), "source": source, "output": None if output is None else str(output)}
    with SpooledTemporaryFile(IN_MEMORY, "w+", encoding="utf-8", newline="") as kept:
        quoted, began = tuple[str, ...](), time.perf_counter()
        if output is not None:
            write = write_csv_file if output.suffix == ".csv" else write_parquet_file
            quoted = write(answering.frames(), output)
        elif as_json:
            write_objects((row for frame in answering.frames() for row in json.loads(frame.write_json())), kept)
        else:
            quoted = write_csv_pieces(answering.frames(), partial(typer.echo, nl=False))
        seconds = time.perf_counter() - began
        notes((*answering.notes, *quoted, *_speed(answering.rows, seconds)), table_console(stderr=True))
        if as_json and output is None:
            print_json_with(where | answering.to_json(), "answers", kept)
        elif as_json:
            print_json(where | answering.to_json())


def _speed(rows: int, seconds: float) -> tuple[str, ...]:
    """How fast rows were answered; of few rows that says nothing."""
    return () if rows < MANY else (f"{rows:,} rows in {seconds:.1f} s: {rows / seconds:,.0f} rows a second",)
