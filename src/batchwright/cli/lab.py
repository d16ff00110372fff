"""`batchwright lab`: gradient descent on one or two weights, in a page, in the terminal and in files."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from batchwright.cli.completing import complete_run
from batchwright.cli.lab_descent import show_line, show_surface
from batchwright.cli.lab_fit import show_fit
from batchwright.cli.lab_network import show_network
from batchwright.cli.lab_normalization import show_normalization
from batchwright.cli.lab_run import show_run
from batchwright.cli.output import say


class PageFirst(TyperGroup):
    """Without the name of a command, `lab` opens its page."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = args and (not args[0].startswith("-") or {"-h", "--help"} & set(args))
        return super().parse_args(ctx, args if named else ["page", *args])


lab = typer.Typer(
    help="See gradient descent: on one or two weights, in a small network, in a run of your own.", cls=PageFirst
)


@lab.command("page")
def open_page(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="of the page [one that is free]")] = None,
    host: Annotated[str, typer.Option(help="the address to listen on")] = "127.0.0.1",
    opens: Annotated[bool, typer.Option("--open/--no-open", help="open the page in a browser")] = True,
    table: Annotated[
        str | None, typer.Option(metavar="FILE", help="your own table, of which the small network learns two columns")
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN", help="the folder of a run of your own, to be looked at", autocompletion=complete_run
        ),
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


lab.command("line")(show_line)
lab.command("surface")(show_surface)


@lab.command("export")
def export_site(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="a folder that does not exist yet")],
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN", help="the folder of a run of your own, to be shown too", autocompletion=complete_run
        ),
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
