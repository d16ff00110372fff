"""`batchwright lab normalization`: a network with batch normalization and without."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batchwright.cli.lab_texts import texts_of
from batchwright.cli.output import Json, print_json, say, table_console

if TYPE_CHECKING:
    from batchwright.lab.normalization.study import Studied


def show_normalization(
    data: Annotated[str, typer.Argument(help="moons, circles, spirals, xor, sine, step or bump")] = "moons",
    layers: Annotated[str | None, typer.Option(help="hidden layers of 8 units, 1 to 4")] = None,
    activation: Annotated[str | None, typer.Option(help="sigmoid, tanh or relu")] = None,
    batch_size: Annotated[str | None, typer.Option(help="rows of a batch, or full")] = None,
    steps: Annotated[str | None, typer.Option(help="iterations, 0 to 2,000")] = None,
    learning_rate: Annotated[str | None, typer.Option(help="of plain descent")] = None,
    points_seed: Annotated[str | None, typer.Option(help="of the points")] = None,
    seed: Annotated[str | None, typer.Option(help="of the first weights and of the order of the rows")] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="draw mean ± deviation by layer in this SVG or PNG file")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train one network with batch normalization and without, and show what its layers get."""
    from batchwright.cli.shown_files import check_figure_file, write_figure_file
    from batchwright.lab.normalization.ask import read_study
    from batchwright.lab.normalization.drawing import draw_normalization
    from batchwright.lab.normalization.study import study_normalization

    if output is not None:
        check_figure_file(output)
    texts = texts_of(
        layers=layers,
        activation=activation,
        batch_size=batch_size,
        steps=steps,
        learning_rate=learning_rate,
        points_seed=points_seed,
        seed=seed,
    )
    asked = read_study({"data": data, **texts})
    studied = study_normalization(asked.question)
    if output is not None:
        write_figure_file(draw_normalization(studied), output)
    if as_json:
        print_json(studied.to_json())
        return
    _print(studied)
    if output is not None:
        say(output)


def _print(studied: "Studied") -> None:
    from batchwright.cli.show.lab import layers_table
    from batchwright.lab.normalization.words import describe_study, normalization_formula

    say(normalization_formula(studied).en)
    table_console().print(layers_table(studied))
    for words in describe_study(studied)[1:]:
        say(words.en)
