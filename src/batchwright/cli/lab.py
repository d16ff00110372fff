"""`batchwright lab`: gradient descent on one or two weights, in a page, in the terminal and in files."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from batchwright.cli.lab_fit import show_fit
from batchwright.cli.lab_network import show_network
from batchwright.cli.lab_normalization import show_normalization
from batchwright.cli.lab_run import show_run
from batchwright.cli.lab_texts import assigned, texts_of
from batchwright.cli.output import Json, print_json, say, table_console
from batchwright.errors import UsageError

if TYPE_CHECKING:
    from batchwright.lab.descent.path import Path as Descent
    from batchwright.lab.descent.request import Asked


class PageFirst(TyperGroup):
    """Without the name of a command, `lab` opens its page."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = args and (not args[0].startswith("-") or {"-h", "--help"} & set(args))
        return super().parse_args(ctx, args if named else ["page", *args])


lab = typer.Typer(
    help="See gradient descent: on one or two weights, in a small network, in a run of your own.", cls=PageFirst
)

Rule = Annotated[str | None, typer.Option("--optimizer", help="sgd, momentum, adam, ...; several with commas; or all")]
Rate = Annotated[str | None, typer.Option("--learning-rate", help="a number, or tuned: the best of 31 for each rule")]
Schedule = Annotated[str | None, typer.Option(help="constant, cosine, one_cycle, exponential, ...")]
Batch = Annotated[str | None, typer.Option("--batch-size", help="rows of a batch, or full")]
Steps = Annotated[str | None, typer.Option(help="how many steps at most, 1 to 2,000")]
Start = Annotated[str | None, typer.Option(help="the weights before the first step, as --start=-1,2")]
Seed = Annotated[str | None, typer.Option(help="of the order of the points and of the noise")]
End = Annotated[
    str | None,
    typer.Option("--until", help="end when loss, gradient or step changes by less, as loss:1e-6"),
]
Points = Annotated[str | None, typer.Option(help="pairs x,y with blanks between them, as '1,2 2,3.9 3,6.1'")]
Numbers = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="a number of a rule or schedule, as optimizer.beta_1=0.8"),
]
Output = Annotated[Path | None, typer.Option(metavar="FILE", help="also draw the path in this SVG or PNG file")]
Moves = Annotated[float | None, typer.Option("--animate", min=0.5, help="seconds in which the figure shows the path")]


@lab.command("page")
def open_page(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="of the page [one that is free]")] = None,
    host: Annotated[str, typer.Option(help="the address to listen on")] = "127.0.0.1",
    opens: Annotated[bool, typer.Option("--open/--no-open", help="open the page in a browser")] = True,
    table: Annotated[
        str | None, typer.Option(metavar="FILE", help="your own table, of which the small network learns two columns")
    ] = None,
    run: Annotated[
        Path | None, typer.Option(metavar="RUN", help="the folder of a run of your own, to be looked at")
    ] = None,
) -> None:
    """Open the lab in a page; the same as `lab` alone."""
    from batchwright.lab.answers import Desk
    from batchwright.lab.app import make_app
    from batchwright.lab.network.chosen_rows import read_table
    from batchwright.lab.own_run.looks import RunLooks
    from batchwright.pages import serve
    from batchwright.runs.run import open_run

    path = "/lab/line"
    if table is not None:
        read_table(table)  # what is wrong with it is said here
        path = "/lab/network?data=table"
    if run is not None:
        open_run(run)
        path = "/lab/run"
    with Desk() as desk, RunLooks(run) if run is not None else nullcontext() as looks:
        app = make_app(desk, table, looks)
        serve(app, name="the lab", announce=say, host=host, port=port, opens=opens, path=path)


lab.command("network")(show_network)
lab.command("normalization")(show_normalization)
lab.command("fit")(show_fit)
lab.command("run")(show_run)


@lab.command("line")
def show_line(
    optimizer: Rule = None,
    learning_rate: Rate = None,
    schedule: Schedule = None,
    batch_size: Batch = None,
    steps: Steps = None,
    start: Start = None,
    seed: Seed = None,
    until: End = None,
    points: Points = None,
    numbers: Numbers = None,
    output: Output = None,
    animate: Moves = None,
    as_json: Json = False,
) -> None:
    """Fit y = w·x to points: one weight, and a loss that is a parabola."""
    texts = texts_of(
        rule=optimizer,
        learning_rate=learning_rate,
        schedule=schedule,
        batch_size=batch_size,
        steps=steps,
        start=start,
        seed=seed,
        until=until,
        points=points,
    )
    _show("line", texts | assigned(numbers), output, animate, as_json=as_json)


@lab.command("surface")
def show_surface(
    surface: Annotated[str, typer.Argument(help="bowl, valley, saddle, rosenbrock, beale, ravine or regression")],
    optimizer: Rule = None,
    learning_rate: Rate = None,
    schedule: Schedule = None,
    batch_size: Batch = None,
    steps: Steps = None,
    start: Start = None,
    seed: Seed = None,
    until: End = None,
    points: Points = None,
    numbers: Numbers = None,
    output: Output = None,
    animate: Moves = None,
    as_json: Json = False,
) -> None:
    """Descend a surface of two weights with one rule, several or all."""
    texts = texts_of(
        surface=surface,
        rule=optimizer,
        learning_rate=learning_rate,
        schedule=schedule,
        batch_size=batch_size,
        steps=steps,
        start=start,
        seed=seed,
        until=until,
        points=points,
    )
    _show("surface", texts | assigned(numbers), output, animate, as_json=as_json)


@lab.command("export")
def export_site(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="a folder that does not exist yet")],
    run: Annotated[
        Path | None, typer.Option(metavar="RUN", help="the folder of a run of your own, to be shown too")
    ] = None,
) -> None:
    """Write the scenes on a grid of settings as a site of files, for a course's web space. It takes some minutes."""
    from batchwright._files import refuse_existing
    from batchwright.lab.export import export
    from batchwright.lab.own_run.looks import RunLooks
    from batchwright.runs.run import open_run

    refuse_existing(folder)
    if run is not None:
        open_run(run)
    with RunLooks(run) if run is not None else nullcontext() as looks:
        count = export(folder, looks=looks, told=say)
    size = sum(path.stat().st_size for path in folder.rglob("*")) / 1e6
    say(f"{folder}: {count:,} files, {size:.0f} MB; open {folder / 'index.html'}, or put it on any web space.")


def _show(scene: str, texts: dict[str, str], output: Path | None, animate: float | None, *, as_json: bool) -> None:
    from batchwright.cli.shown_files import check_figure_file, write_figure_file
    from batchwright.lab.descent.drawing import draw_path, draw_paths
    from batchwright.lab.scenes import DESCENTS

    if animate is not None and (output is None or output.suffix.lower() != ".svg"):
        raise UsageError("--animate makes a figure that moves: name an SVG file with --output, as descent.svg.")
    if output is not None:
        check_figure_file(output)
    asked = DESCENTS[scene].read(texts)
    paths = list(asked.paths().values())
    if output is not None:
        one = len(paths) == 1
        write_figure_file(draw_path(paths[0], seconds=animate) if one else draw_paths(paths, seconds=animate), output)
    if as_json:
        print_json(_plain(asked, paths))
        return
    _print(paths)
    if output is not None:
        say(output)


def _plain(asked: "Asked", paths: "list[Descent]") -> dict[str, object]:
    from batchwright.lab.descent.limits import limits_of

    limits = [limits_of(path.surface, path.rule) for path in paths]
    return {
        "steps": asked.course.steps,
        "paths": [
            {**path.to_json(), "limits": None if limit is None else vars(limit)}
            for path, limit in zip(paths, limits, strict=True)
        ],
    }


def _print(paths: "list[Descent]") -> None:
    """The chart of the losses, and what happened in words."""
    import sys

    from batchwright.cli.show.lab import loss_sketch, paths_table
    from batchwright.lab.descent.words import describe

    say(f"{paths[0].surface.name}: {paths[0].surface.formula}")
    say(loss_sketch(paths, sys.stdout.encoding))
    if len(paths) > 1:
        table_console().print(paths_table(paths))
        return
    for said in describe(paths[0]):
        say(said.en)
