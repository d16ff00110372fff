"""`batchwright plot`: a figure of a run, of a search or of a comparison, as a file."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batchwright.cli.completing import complete_run
from batchwright.cli.output import say
from batchwright.cli.shown_files import check_figure_file, write_figure_file
from batchwright.errors import UsageError, unknown

if TYPE_CHECKING:
    from batchwright._shown import Drawings

Place = Annotated[
    Path,
    typer.Argument(metavar="RUN", help="the folder of a run, a search or a comparison", autocompletion=complete_run),
]
Name = Annotated[str | None, typer.Argument(help="the figure; without it, all names are listed")]
Output = Annotated[
    Path | None, typer.Option(metavar="FILE", help="an SVG or PNG file that does not exist yet [RUN/NAME.svg]")
]


def plot(run: Place, name: Name = None, output: Output = None) -> None:
    """Draw a figure of a run, a search or a comparison, such as its loss curves; without a name, list the figures."""
    drawings = _drawings(run)
    if name is None and output is not None:
        raise UsageError(f"{output} gets one figure: name it. `batchwright plot {run}` lists the names.")
    if name is None:
        for each, draw in drawings.items():
            say(f"{each} (not here: {draw})" if isinstance(draw, str) else each)
        return
    if name not in drawings:
        raise UsageError(unknown("figure", name, drawings))
    draw = drawings[name]
    if isinstance(draw, str):
        raise UsageError(f"{run} has no figure {name!r}: {draw}. `batchwright plot {run}` lists those that it has.")
    path = run / f"{file_name(name)}.svg" if output is None else output
    check_figure_file(path)
    write_figure_file(draw(), path)
    say(path)


def file_name(name: str) -> str:
    """The name of a figure, which may hold the name of a column, as the name of a file.

    >>> file_name("confusion ../a b")
    'confusion_a_b'
    """
    return re.sub(r"\W+", "_", name).strip("_")[:80]


def _drawings(path: Path) -> "Drawings":
    """What draws each figure of a run, a search or a comparison."""
    from batchwright.runs.kinds import kind_of

    match kind_of(path):
        case "comparison":
            from batchwright.comparison.saved import open_comparison

            return open_comparison(path).drawings()
        case "leaderboard":
            from batchwright.comparison.peers.saved import open_leaderboard

            return open_leaderboard(path).drawings()
        case "search":
            from batchwright.search.saved import open_search

            return open_search(path).drawings()
    from batchwright.explanation.drawing import run_drawings
    from batchwright.runs.run import open_run

    return run_drawings(open_run(path))
