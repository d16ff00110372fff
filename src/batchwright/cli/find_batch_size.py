"""`batchwright find-batch-size`: measure which batch size trains soonest on this data, network and machine."""

from typing import TYPE_CHECKING, Annotated

import typer

from batchwright.cli.output import Json, print_json, say, table_console
from batchwright.cli.settings import takes_settings
from batchwright.cli.shown_files import CsvFolder, FigureFile, HtmlFile, check_files, write_files

if TYPE_CHECKING:
    from batchwright.config import Settings

Verify = Annotated[
    bool, typer.Option("--verify", help="train with several sizes to the same validation loss, and compare")
]


@takes_settings
def find_batch_size(
    settings: "Settings",
    verify: Verify = False,
    figure: FigureFile = None,
    csv: CsvFolder = None,
    html: HtmlFile = None,
    as_json: Json = False,
) -> None:
    """Measure which batch size reaches a loss soonest, and say why."""
    from batchwright import workflow
    from batchwright.cli.show.measurements import batch_sizes_table, notes_and_reason, verified_line, verified_table
    from batchwright.measure.frames import verified_frame
    from batchwright.measure.plain import plain_batch_sizes, plain_verified

    check_files(figure, csv, html)
    prepared, found = workflow.find_batch_size(settings)
    verified = workflow.verify_batch_size(prepared, found) if verify else None
    write_files(found, figure, csv, more={"verified": verified_frame(verified)} if verified else {})
    if html is not None:
        from batchwright.report import batch_size_contents, write_page

        write_page(batch_size_contents(prepared, found, verified), html)
    if as_json:
        print_json(plain_batch_sizes(found) | ({} if verified is None else {"verified": plain_verified(verified)}))
        return
    console = table_console()
    console.print(batch_sizes_table(found))
    if verified is not None:
        console.print(verified_table(verified))
        say(verified_line(verified, found.recommended))
    for line in notes_and_reason(found, prepared):
        say(line)
