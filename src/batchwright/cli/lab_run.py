"""`batchwright lab run`: the loss around the way of a run, its sharpness, and the noise of its gradients."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from batchwright.cli.output import Json, RunFolder, print_json, say, table_console
from batchwright.cli.shown_files import CsvFolder, check_files, write_figure_file, write_files
from batchwright.errors import UsageError


def show_run(
    run: RunFolder,
    directions: Annotated[
        Literal["path", "random"], typer.Option(help="the plane: the way's two main directions, or two random ones")
    ] = "path",
    grid: Annotated[int, typer.Option(min=5, max=101, help="points of the plane in each direction")] = 25,
    moments: Annotated[int, typer.Option(min=2, max=200, help="at which parameters are kept")] = 30,
    figure: Annotated[
        Literal["surface", "loss", "sharpness", "gradients", "time"], typer.Option(help="what --output draws")
    ] = "surface",
    seed: Annotated[int, typer.Option(min=0, help="of random directions, rows and batches")] = 0,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="draw it in this SVG or PNG file")] = None,
    figures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="write all figures as SVG into a new folder")
    ] = None,
    csv: CsvFolder = None,
    as_json: Json = False,
) -> None:
    """Look at a run of your own: the loss around its way, how sharp it was, how its gradients scatter.

    The run is trained again from its record, which takes as long as it took.
    """
    from batchwright import _cache, _machine
    from batchwright.lab.descent.plain import said
    from batchwright.lab.own_run.look import LOOKS, look_at_run
    from batchwright.lab.own_run.words import describe_run
    from batchwright.runs.run import open_run

    check_files(output, csv)
    if figures is not None and figures.exists():
        raise UsageError(f"{figures} exists already and is not overwritten: give --figures a new folder.")
    opened = open_run(run)
    _machine.use_recorded_threads(opened.manifest.machine)
    _cache.use()
    looks = tuple(look for look in LOOKS if output is None or figures is not None or figure == look)
    seen = look_at_run(opened, directions=directions, grid=grid, moments=moments, looks=looks, seed=seed)
    if output is not None:
        write_figure_file(seen.figure(figure), output)
    if figures is not None:
        figures.mkdir(parents=True)
        for name in seen.figures:
            write_figure_file(seen.figure(name), figures / f"{name}.svg")
    write_files(seen, None, csv)
    if as_json:
        print_json({**seen.to_json(), "sentences": said(describe_run(seen))})
        return
    from batchwright.cli.show.lab import way_table

    table_console().print(way_table(seen.frame()))
    for sentence in seen.sentences():
        say(sentence)
    for written in (output, figures):
        if written is not None:
            say(written)
