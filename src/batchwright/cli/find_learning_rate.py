"""`batchwright find-learning-rate`: try learning rates on copies of the network, many at once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batchwright.cli.output import Json, print_json, say, table_console
from batchwright.cli.settings import takes_settings

if TYPE_CHECKING:
    from batchwright.config import Settings

Figure = Annotated[Path | None, typer.Option("--figure", help="also draw loss against rate in this SVG file")]


@takes_settings
def find_learning_rate(settings: "Settings", figure: Figure = None, as_json: Json = False) -> None:
    """Measure the best and the largest stable learning rate, on copies of the network."""
    from batchwright import workflow
    from batchwright._files import refuse_existing, write_file
    from batchwright.cli.show.measurements import learning_rates_table, rates_figure, recommended_rate
    from batchwright.measure.plain import plain_learning_rates

    if figure is not None:
        if figure.suffix.lower() != ".svg":
            raise typer.BadParameter(f"{figure} does not end in .svg: the figure is an SVG file", param_hint="--figure")
        refuse_existing(figure)  # before anything is measured
    found = workflow.find_learning_rate(settings)
    if figure is not None:
        write_file(figure, rates_figure(found))
    if as_json:
        print_json(plain_learning_rates(found))
        return
    table_console().print(learning_rates_table(found))
    for line in recommended_rate(found):
        say(line)
