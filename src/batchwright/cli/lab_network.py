"""`batchwright lab network`: a small network is trained, drawn, and its next iteration told in numbers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batchwright.cli.lab_texts import assigned, texts_of
from batchwright.cli.output import Json, print_json, say
from batchwright.errors import UsageError

if TYPE_CHECKING:
    from batchwright.lab.network.ask import AskedNetwork
    from batchwright.lab.network.live import Live

FRAMES = 60
"""Points of the curve in the terminal."""


def show_network(
    data: Annotated[
        str, typer.Argument(help="moons, circles, spirals, xor, sine, step or bump; or a file with a table")
    ] = "moons",
    inputs: Annotated[
        str | None, typer.Option(help="one or two columns of the table, with a comma between them")
    ] = None,
    target: Annotated[str | None, typer.Option(help="the column of the table that is predicted")] = None,
    noise: Annotated[str | None, typer.Option(help="of the points, 0 to 1")] = None,
    rows: Annotated[str | None, typer.Option(help="how many points, 8 to 2,000")] = None,
    points_seed: Annotated[str | None, typer.Option(help="of the points")] = None,
    layers: Annotated[str | None, typer.Option(help="units of each hidden layer, as 4,2; '' for none")] = None,
    activation: Annotated[str | None, typer.Option(help="tanh, relu, sigmoid, ...")] = None,
    batch_normalization: Annotated[bool, typer.Option("--batch-normalization", help="in each hidden layer")] = False,
    dropout: Annotated[str | None, typer.Option(help="share of the hidden units")] = None,
    optimizer: Annotated[str | None, typer.Option(help="sgd, momentum, adam, ...")] = None,
    learning_rate: Annotated[str | None, typer.Option(help="a number")] = None,
    batch_size: Annotated[str | None, typer.Option(help="rows of a batch, or full")] = None,
    seed: Annotated[str | None, typer.Option(help="of the first weights and of the order of the rows")] = None,
    steps: Annotated[str, typer.Option(help="iterations")] = "300",
    numbers: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="a number of the rule, as optimizer.beta_1=0.8"),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="also tell the next iteration with all its numbers")
    ] = False,
    row: Annotated[
        int | None, typer.Option(min=1, help="the row of the batch that --explain follows, from 1 [1]")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="draw what the network answers in this SVG or PNG file")
    ] = None,
    as_json: Json = False,
    table: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Train a small network on points, or on one or two columns of your table."""
    from batchwright.cli.shown_files import check_figure_file, write_figure_file
    from batchwright.lab.network.drawing import draw_answer

    if table is not None:
        raise UsageError(f"--table is an option of the page: here the file is DATA, `batchwright lab network {table}`.")
    if row is not None and (as_json or not explain):
        raise UsageError("--row chooses the row that --explain tells of in words: give --explain, without --json.")
    if output is not None:
        check_figure_file(output)
    asked = _read(
        data,
        numbers,
        inputs=inputs,
        target=target,
        noise=noise,
        rows=rows,
        points_seed=points_seed,
        layers=layers,
        activation=activation,
        batch_normalization="true" if batch_normalization else None,
        dropout=dropout,
        rule=optimizer,
        learning_rate=learning_rate,
        batch_size=batch_size,
        seed=seed,
        steps=steps,
    )
    _check_sizes(asked, row or 1)
    live, curves = _train(asked)
    if output is not None:
        write_figure_file(draw_answer(live), output)
    if as_json:
        print_json(_plain(live, curves, explain=explain))
        return
    _print(live, curves)
    if explain:
        _explain(live, row or 1)
    if output is not None:
        say(output)


def _read(data: str, numbers: list[str] | None, *, layers: str | None, **given: str | None) -> "AskedNetwork":
    from batchwright.lab.network.ask import TABLE, read_network
    from batchwright.lab.network.point_sets import POINT_SETS

    texts = texts_of(**given) | assigned(numbers)
    if layers is not None:
        texts["layers"] = layers  # none, if it is empty
    if data in POINT_SETS:
        return read_network({**texts, "data": data})
    return read_network({**texts, "data": TABLE}, data)


def _check_sizes(asked: "AskedNetwork", row: int) -> None:
    """Refuse a batch of more rows than there are, and a row beyond the batch, before anything is trained."""
    rows, given = asked.small.rows.dataset.train.rows, asked.texts.get("batch_size", "full")
    if given != "full" and asked.small.batch_size != "full" and asked.small.batch_size > rows:
        raise UsageError(
            f"--batch-size is {asked.small.batch_size:,}, and there are {rows:,} training rows: give 1 to {rows:,}, or "
            "full."
        )
    plan = asked.small.plan
    place = asked.steps % plan.iterations_per_epoch
    size = min(plan.batch_size, rows - place * plan.batch_size)
    if row > size:
        raise UsageError(
            f"--row is {row:,}, and the batch after {asked.steps:,} iterations has {size:,} rows: give 1 to {size:,}."
        )


def _train(asked: "AskedNetwork") -> "tuple[Live, dict[str, list[float]]]":
    """The training after its iterations, and the losses on the way."""
    from batchwright.lab.network.live import MOST_ITERATIONS, Live

    live = Live(asked.small)
    curves: dict[str, list[float]] = {"iteration": []}
    each = min(max(1, asked.steps // FRAMES), MOST_ITERATIONS)
    while True:
        curves["iteration"].append(live.iteration)
        for part, metrics in live.metrics().items():
            curves.setdefault(part, []).append(metrics["loss"])
        if live.diverged or live.iteration >= asked.steps:
            return live, curves
        live.advance(min(each, asked.steps - live.iteration))


def _plain(live: "Live", curves: dict[str, list[float]], *, explain: bool) -> dict[str, object]:
    from batchwright.lab.network.chain import chain
    from batchwright.lab.network.live_picture import weights_of

    return {
        "inputs": live.small.rows.inputs,
        "target": live.small.rows.target,
        "classes": live.small.rows.classes,
        "iteration": live.iteration,
        "epoch": live.epoch,
        "diverged": live.diverged,
        "metrics": live.metrics(),
        "losses": curves,
        "weights": [
            {"name": one.name, "kernel": one.kernel.tolist(), "bias": None if one.bias is None else one.bias.tolist()}
            for one in weights_of(live)
        ],
        **({"next_iteration": chain(live).to_json()} if explain else {}),
    }


def _print(live: "Live", curves: dict[str, list[float]]) -> None:
    import sys

    from batchwright.cli.show.lab import network_sketch
    from batchwright.figures.scale import short

    rows = live.small.rows
    for note in (*rows.notes, *rows.dataset.notes):
        say(note)
    say(f"{rows.target} by {' and '.join(rows.inputs)}: {live.iteration:,} iterations, {short(live.epoch)} epochs")
    if len(curves["iteration"]) > 1:
        say(network_sketch(curves, sys.stdout.encoding))
    for part, metrics in live.metrics().items():
        say(f"{part}: {', '.join(f'{name} {short(value)}' for name, value in list(metrics.items())[:3])}")
    if live.diverged:
        say(f"the loss of iteration {live.iteration:,} is not a finite number: take a smaller learning rate.")


def _explain(live: "Live", row: int) -> None:
    from batchwright.lab.network.chain import chain
    from batchwright.lab.network.chain_words import describe_chain

    for part in describe_chain(chain(live), live.small.rows, live.small.optimizer, row=row - 1):
        say(f"\n{part.title.en}")
        for line in part.lines:
            say(f"  {line}")
