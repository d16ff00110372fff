"""Results on standard output: one JSON object where `--json` is given."""

import json
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from batchwright.runs.run import Run

WIDTH = 1000
"""Characters of a line, where there is no terminal."""

Json = Annotated[bool, typer.Option("--json", help="print one JSON object on standard output")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="the folder of a run")]


def table_console(*, stderr: bool = False) -> "Console":
    """Where tables are printed: as wide as the terminal; elsewhere as wide as they are, so that each row is a line.

    What is printed is the user's text: brackets and colons in it mean nothing.
    """
    from rich.console import Console

    plain = partial(Console, stderr=stderr, markup=False, emoji=False, highlight=False)
    console = plain()
    return console if console.is_terminal else plain(width=WIDTH)


EVERY = 1.0
"""Seconds between two lines of progress, where there is no terminal."""


class Lines:
    """Lines of progress on what is no terminal: the first, then at most one a second, and the last.

    Where a line is left out for the first time, `where` says where all of it is.
    """

    def __init__(self, console: "Console", where: str = "") -> None:
        self._console, self._where = console, where
        self._printed = float("-inf")
        self._left_out = ""

    def line(self, text: str) -> None:
        """Print a line, or keep it, in case it is the last."""
        now = time.monotonic()
        if now - self._printed >= EVERY:
            self._print(text)
            self._printed, self._left_out = now, ""
            return
        if self._where:
            self._print(self._where)
            self._where = ""
        self._left_out = text

    def end(self) -> None:
        """Print the last line, unless it was printed."""
        if self._left_out:
            self._print(self._left_out)
            self._left_out = ""

    def _print(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)


def warn_of_end(run: "Run") -> None:
    """Say on standard error where a run's model is not one of a training that ended as it should."""
    if run.status in ("diverged", "failed", "killed"):
        ended = "was killed" if run.status == "killed" else f"has {run.status}"
        typer.echo(f"note: the training of {run.path} {ended}: {run.reason}", err=True)


def print_json(value: Any) -> None:
    """Print a value as one JSON object; numbers that are not finite become null."""
    from batchwright.runs.reading import to_plain

    typer.echo(json.dumps(to_plain(value), indent=2, ensure_ascii=False))
