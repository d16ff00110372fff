"""`batchwright find-learning-rate`: try learning rates on copies of the network, many at once."""

from typing import TYPE_CHECKING

from batchwright.cli.output import Json, print_json, say, table_console
from batchwright.cli.settings import takes_settings
from batchwright.cli.shown_files import CsvFolder, FigureFile, HtmlFile, check_files, write_files

if TYPE_CHECKING:
    from batchwright.config import Settings


@takes_settings
def find_learning_rate(
    settings: "Settings",
    figure: FigureFile = None,
    csv: CsvFolder = None,
    html: HtmlFile = None,
    as_json: Json = False,
) -> None:
    """Measure the best and the largest stable learning rate, on copies of the network."""
    from batchwright import workflow
    from batchwright.cli.show.measurements import learning_rates_table, recommended_rate
    from batchwright.measure.plain import plain_learning_rates

    check_files(figure, csv, html)
    prepared, found = workflow.find_learning_rate(settings)
    write_files(found, figure, csv)
    if html is not None:
        from batchwright.report import learning_rate_contents, write_page

        write_page(learning_rate_contents(prepared, found), html)
    if as_json:
        print_json(plain_learning_rates(found))
        return
    table_console().print(learning_rates_table(found))
    for line in recommended_rate(found):
        say(line)
