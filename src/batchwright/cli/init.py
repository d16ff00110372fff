"""`batchwright init`: a configuration file to start from."""

from pathlib import Path
from typing import Annotated

import typer

from batchwright.cli.output import say
from batchwright.cli.schema import schema_text

SCHEMA = "batchwright.schema.json"


def init(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="the file to write")] = Path("run.yaml"),
    source: Annotated[str | None, typer.Option(help="an example, a file or a folder")] = None,
    target: Annotated[str | None, typer.Option(help="the column to predict")] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help=f"write {SCHEMA} beside it, by which editors complete and check keys")
    ] = False,
) -> None:
    """Write a commented configuration file with all defaults."""
    from batchwright._files import write_file
    from batchwright.config import starter_config

    write_file(path, starter_config(source, target=target, schema=SCHEMA if schema else None))
    if schema:
        write_file(path.parent / SCHEMA, schema_text(), overwrite=True)
        say(f"{path.parent / SCHEMA} is written, by which editors complete and check the keys of {path.name}.")
    say(f"{path} is written; `batchwright train --config {path}` trains with it.")
