"""Results on standard output: one JSON object where `--json` is given."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="print one JSON object on standard output")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="the folder of a run")]


def print_json(value: Any) -> None:
    """Print a value as one JSON object; numbers that are not finite become null."""
    from batchwright.runs.reading import to_plain

    typer.echo(json.dumps(to_plain(value), indent=2, ensure_ascii=False))
