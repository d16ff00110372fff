"""`batchwright data`: what is in a source, before anything is trained."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batchwright.cli.output import Json, print_json, say, table_console
from batchwright.cli.settings import takes_settings
from batchwright.errors import DataError

if TYPE_CHECKING:
    from batchwright.config import Settings
    from batchwright.data.describe import Described

data = typer.Typer(help="Show what is in a source, before anything is trained.", no_args_is_help=True)

ColumnsTo = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="also write a configuration with these columns, to be edited"),
]


def show(settings: "Settings", columns_to: ColumnsTo = None, as_json: Json = False) -> None:
    """Show every column: what it is taken for, how it is written, and what it becomes."""
    from batchwright.cli.show.columns import column_notes, columns_table, scaling_lines
    from batchwright.cli.show.notes import notes

    found = _describe(settings)
    if columns_to is not None:
        _write_columns(settings, found, columns_to)
    if as_json:
        print_json(
            {"source": found.name, "rows": found.rows, "columns": list(map(vars, found.columns)), "notes": found.notes}
        )
        return
    notes(found.notes, table_console(stderr=True))
    say(f"{found.name}: {found.rows:,} rows, {len(found.columns):,} columns")
    table_console().print(columns_table(found))
    for line in scaling_lines(found):
        say(line)
    notes(column_notes(found), table_console())
    if columns_to is not None:
        say(f"{columns_to} is written; `batchwright train --config {columns_to}` reads the columns so.")


def _describe(settings: "Settings") -> "Described":
    from batchwright.data.describe import describe_source
    from batchwright.data.disk.budget import limit_to_stream

    config = settings.config
    if config.data.source is None:
        raise DataError("no data: name an example, a file or a folder, as in `batchwright data show iris`.")
    limit = limit_to_stream(config.data.source, config.data.memory_limit, image_size=config.data.image_size)
    return describe_source(
        config.data.source,
        config.data_options,
        seed=config.training.seed,
        cache_dir=None if config.data.cache_dir is None else Path(config.data.cache_dir),
        memory_limit=None if limit is None else limit.bytes,
    )


def _write_columns(settings: "Settings", found: "Described", path: Path) -> None:
    """Write the chosen settings of the section `data`, and the columns, as a configuration."""
    from batchwright._files import write_file
    from batchwright.config import flow

    chosen = {
        key.removeprefix("data."): value
        for key, value in settings.values.items()
        if key.startswith("data.") and settings.origins[key] != "default" and key not in ("data.columns", "data.kinds")
    }
    lines = ["data:", *(f"  {key}: {flow(value)}" for key, value in chosen.items()), "  columns:"]
    lines += [f"    {flow(name)}: {flow(told)}" for name, told in found.options.items()]
    write_file(path, "\n".join(lines) + "\n")


data.command("show")(takes_settings(show))


@data.callback()
def _data() -> None:
    """Show what is in a source, before anything is trained."""
