"""What a verb writes besides what it prints: a figure as SVG or PNG, tables as CSV, a page of HTML."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batchwright.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

    from batchwright._shown import Shown
    from batchwright.figures import Svg

FORMATS = (".svg", ".png")
MOVING = ".gif"
"""The format of figures that move, besides SVG."""

FigureFile = Annotated[
    Path | None, typer.Option("--figure", metavar="FILE", help="also draw the result in this SVG or PNG file")
]
CsvFolder = Annotated[
    Path | None,
    typer.Option("--csv", metavar="FOLDER", help="write each table into a CSV file in this folder"),
]
HtmlFile = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="also write a report with charts into this file of HTML")
]


def check_files(figure: Path | None, csv: Path | None, html: Path | None = None) -> None:
    """Refuse files that could not be written, before anything is computed for them.

    Raises:
        UsageError: a figure is neither SVG nor PNG or exists already; what should be a folder is none, or has CSV
            files; a page is there that is no report; or nothing may be written there.
    """
    from batchwright._files import require_writable_folder

    if figure is not None:
        check_figure_file(figure)
    if csv is not None and csv.exists() and not csv.is_dir():
        raise UsageError(f"{csv} is not a folder, which --csv takes: give another name.")
    if csv is not None and (there := next(csv.glob("*.csv"), None)):
        raise UsageError(f"{there} exists already and is not overwritten: give --csv a folder without CSV files.")
    if csv is not None:
        require_writable_folder(csv)
    if html is not None:
        from batchwright.report import require_report_place

        require_report_place(html)


def check_figure_file(path: Path, *, moving: bool = False) -> None:
    """Refuse a file for a figure that could not be written; one that can move may be a GIF.

    Raises:
        UsageError: its name has another ending, it exists already or cannot be made, or the package for PNG is not
            installed.
    """
    from batchwright._files import refuse_existing, require_writable
    from batchwright.figures.png import require_renderer

    ending = path.suffix.lower()
    if moving and ending not in (*FORMATS, MOVING):
        raise UsageError(f"{path} does not end in .svg, .png or .gif: a path is drawn as SVG, PNG or GIF.")
    if ending == MOVING and not moving:
        raise UsageError(
            f"{path} is to be a GIF, and this figure does not move: name an SVG or PNG file. `batchwright lab line` "
            "and `lab surface` make GIFs."
        )
    if ending not in (*FORMATS, MOVING):
        raise UsageError(f"{path} does not end in .svg or .png: a figure is an SVG or a PNG file.")
    if ending == ".png":
        require_renderer()
    refuse_existing(path)
    require_writable(path)


def write_files(
    found: "Shown", figure: Path | None, csv: Path | None, *, more: "Mapping[str, pl.DataFrame] | None" = None
) -> None:
    """Write the first figure and all tables, where they were asked for; `more` are further tables."""
    if figure is not None:
        write_figure_file(found.figure(), figure)
    if csv is not None:
        from batchwright.cli.show.tables import write_tables

        write_tables({**found.frames(), **(more or {})}, csv)


def write_figure_file(figure: "Svg", path: Path) -> None:
    """Write a figure into a file that did not exist; the ending of its name says in which format.

    Raises:
        UsageError: it exists or cannot be written, or the package for PNG is not installed.
    """
    from batchwright._files import write_file
    from batchwright.figures import gif, png

    ending = path.suffix.lower()
    write_file(path, png(figure) if ending == ".png" else gif(figure) if ending == MOVING else figure.text)
