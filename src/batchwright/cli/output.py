"""Results on standard output: with `--json`, one JSON object."""

import json
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from batchwright.cli.completing import complete_run

if TYPE_CHECKING:
    from rich.console import Console

    from batchwright.runs.run import Run

WIDTH = 1000
"""Characters per line if there is no terminal."""

CONTROL = (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
SHOWN = {code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" for code in CONTROL if chr(code) not in "\n\t"}
"""How characters are shown that a terminal would obey: control characters, and marks of the direction of text."""

Json = Annotated[bool, typer.Option("--json", help="print one JSON object on standard output")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="the folder of a run", autocompletion=complete_run)]


def printable(text: str) -> str:
    r"""The text with characters that a terminal would obey shown as escapes: names come from files of strangers.

    >>> print(printable("ag\x1b[31me"))
    ag\x1b[31me
    """
    return text.translate(SHOWN)


def say(text: object, *, err: bool = False) -> None:
    """Print a line on standard output, or on standard error."""
    typer.echo(printable(str(text)), err=err)


def table_console(*, stderr: bool = False) -> "Console":
    """The console for tables. They are as wide as the terminal; without a terminal, as wide as needed: a line per row.

    The printed text is the user's: brackets and colons in it are not markup.
    """
    from batchwright.cli.show.console import PlainConsole

    plain = partial(PlainConsole, stderr=stderr, markup=False, emoji=False, highlight=False)
    console = plain()
    return console if console.is_terminal else plain(width=WIDTH)


EVERY = 1.0
"""Seconds between two lines of progress if there is no terminal."""


class Lines:
    """Lines of progress if there is no terminal: the first, then at most one per second, and the last.

    When a line is left out for the first time, `where` is printed: it says where all of them are.
    """

    def __init__(self, console: "Console", where: str = "") -> None:
        self._console, self._where = console, where
        self._printed = float("-inf")
        self._left_out = ""

    def line(self, text: str) -> None:
        """Print a line, or keep it in case it is the last."""
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
    """Say on standard error if the training of a run's model did not end normally."""
    if run.status in ("diverged", "failed", "killed"):
        ended = "was killed" if run.status == "killed" else f"has {run.status}"
        say(f"note: the training of {run.path} {ended}: {run.reason}", err=True)


CHUNK = 1 << 20
"""Characters that are copied at a time."""


def write_objects(values: Iterable[Any], file: IO[str]) -> None:
    """Write values, each as one item of a list of JSON that is two levels deep in `print_json`."""
    from batchwright.runs.reading import to_plain

    for number, value in enumerate(values):
        text = json.dumps(to_plain(value), indent=2, ensure_ascii=False).replace("\n", "\n    ")
        file.write(f"{',' if number else ''}\n    {text}")


def print_json_with(value: dict[str, Any], name: str, items: IO[str]) -> None:
    """Print what `print_json` prints of a mapping with one more key, whose list has the items that are in a file."""
    from batchwright.runs.reading import to_plain

    typer.echo(json.dumps(to_plain(value), indent=2, ensure_ascii=False).removesuffix("\n}"), nl=False)
    typer.echo(f",\n  {json.dumps(name)}: [", nl=False)
    length = items.tell()
    items.seek(0)
    while piece := items.read(CHUNK):
        typer.echo(piece, nl=False)
    typer.echo("\n  ]\n}" if length else "]\n}")


def print_json(value: Any) -> None:
    """Print a value as one JSON object; numbers that are not finite become null."""
    from batchwright.runs.reading import to_plain

    typer.echo(json.dumps(to_plain(value), indent=2, ensure_ascii=False))
