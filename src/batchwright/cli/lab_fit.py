"""`batchwright lab fit`: over- and underfitting of a curve with noise."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from batchwright.cli.lab_texts import texts_of
from batchwright.cli.output import Json, print_json, say, table_console

if TYPE_CHECKING:
    from batchwright.lab.fit.curve_fit import Fitted


def show_fit(
    data: Annotated[str, typer.Argument(help="sine, step or bump")] = "sine",
    model: Annotated[str | None, typer.Option(help="polynomial or network")] = None,
    capacity: Annotated[
        str | None, typer.Option(help="the degree, 1 to 20; or the units of each of two layers, 1 to 64")
    ] = None,
    rows: Annotated[str | None, typer.Option(help="training rows, 8 to 500")] = None,
    noise: Annotated[str | None, typer.Option(help="deviation of what is added to y, 0 to 1")] = None,
    dropout: Annotated[str | None, typer.Option(help="share of the hidden units, 0 to 0.9")] = None,
    epochs: Annotated[str | None, typer.Option(help="at most, 1 to 2,000")] = None,
    patience: Annotated[str | None, typer.Option(help="epochs without a better validation loss; 0: no limit")] = None,
    learning_rate: Annotated[str | None, typer.Option(help="of Adam")] = None,
    points_seed: Annotated[str | None, typer.Option(help="of the points")] = None,
    seed: Annotated[str | None, typer.Option(help="of the first weights and of dropout")] = None,
    compare: Annotated[bool, typer.Option("--compare", help="fit with all capacities, and compare the losses")] = False,
    figure: Annotated[
        Literal["losses", "curve"], typer.Option(help="what --output draws: losses by epoch, or the curve")
    ] = "losses",
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="an SVG or PNG file to draw into")] = None,
    as_json: Json = False,
) -> None:
    """Fit a polynomial or a network to a curve with noise, and say whether it underfits or overfits."""
    from batchwright.cli.shown_files import check_figure_file, write_figure_file
    from batchwright.lab.fit.ask import read_fit
    from batchwright.lab.fit.capacities import compare_capacities
    from batchwright.lab.fit.curve_fit import fit_curve
    from batchwright.lab.fit.drawing import draw_capacities, draw_fit, draw_fit_losses

    if output is not None:
        check_figure_file(output)
    texts = texts_of(
        model=model,
        capacity=capacity,
        rows=rows,
        noise=noise,
        dropout=dropout,
        epochs=epochs,
        patience=patience,
        learning_rate=learning_rate,
        points_seed=points_seed,
        seed=seed,
    )
    asked = read_fit({"data": data, **texts}).question
    fits = compare_capacities(asked) if compare else [fit_curve(asked)]
    if output is not None:
        draw = draw_fit if figure == "curve" else draw_fit_losses
        write_figure_file(draw_capacities(fits) if compare else draw(fits[0]), output)
    if as_json:
        print_json({"fits": [fitted.to_json() for fitted in fits]})
        return
    _print(fits, compare=compare)
    if output is not None:
        say(output)


def _print(fits: "Sequence[Fitted]", *, compare: bool) -> None:
    import sys

    from batchwright.cli.show.lab import capacities_table, fit_sketch
    from batchwright.lab.fit.words import describe_fit, fit_formula

    if compare:
        table_console().print(capacities_table(fits))
        return
    say(fit_formula(fits[0]).en)
    if len(fits[0].train) > 1:
        say(fit_sketch(fits[0], sys.stdout.encoding))
    for words in describe_fit(fits[0]):
        say(words.en)
