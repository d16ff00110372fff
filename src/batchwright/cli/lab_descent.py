"""`batchwright lab line` and `lab surface`: descent on one weight or two, in the terminal and in figures that move."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batchwright.cli.lab_texts import assigned, texts_of
from batchwright.cli.output import Json, print_json, say, table_console
from batchwright.errors import UsageError

if TYPE_CHECKING:
    from batchwright.lab.descent.path import Path as Descent
    from batchwright.lab.descent.request import Asked

TEXTS: dict[str, Any] = {
    "rule": typer.Option("--optimizer", help="sgd, momentum, adam, ...; several with commas; or all"),
    "learning_rate": typer.Option("--learning-rate", help="a number, or tuned: the best of 31 for each rule"),
    "schedule": typer.Option("--schedule", help="constant, cosine, one_cycle, exponential, piecewise, ..."),
    "batch_size": typer.Option("--batch-size", help="rows of a batch, or full"),
    "steps": typer.Option("--steps", help="how many steps at most, 1 to 2,000"),
    "start": typer.Option("--start", help="the weights before the first step, as --start=-1,2"),
    "seed": typer.Option("--seed", help="of the order of the points and of the noise"),
    "until": typer.Option("--until", help="end when loss, gradient or step changes by less, as loss:1e-6"),
    "points": typer.Option("--points", help="pairs x,y with blanks between them, as '1,2 2,3.9 3,6.1'"),
}
"""The options that are texts, by their keys."""
USUAL_SECONDS = 6.0
"""In which a GIF shows the path."""


def with_texts(verb: Callable[..., None]) -> Callable[..., None]:
    """A command with the options in `TEXTS`, whose values come to `verb` as its first argument, by key."""
    own = list(inspect.signature(verb).parameters.values())[1:]

    def command(**given: Any) -> None:
        texts = {key: given.pop(key) for key in TEXTS}
        verb(texts_of(**texts), **given)

    keyword = inspect.Parameter.KEYWORD_ONLY
    shared = [(key, Annotated[str | None, option]) for key, option in TEXTS.items()]
    parameters = [inspect.Parameter(key, keyword, default=None, annotation=hint) for key, hint in shared]
    parameters += [parameter.replace(kind=keyword) for parameter in own]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__name__, command.__doc__ = verb.__name__, verb.__doc__
    return command


Numbers = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="a number of a rule or schedule, as optimizer.beta_1=0.8"),
]
Output = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="also draw the path in this file: SVG, PNG, or GIF, which always moves"),
]
Moves = Annotated[
    float | None,
    typer.Option("--animate", min=0.5, help="seconds in which an SVG or a GIF shows the path; of a GIF, 6 by default"),
]


@with_texts
def show_line(
    texts: dict[str, str],
    numbers: Numbers = None,
    output: Output = None,
    animate: Moves = None,
    as_json: Json = False,
) -> None:
    """Fit y = w·x to points: one weight, and a loss that is a parabola."""
    _show("line", texts | assigned(numbers), output, animate, as_json=as_json)


@with_texts
def show_surface(
    texts: dict[str, str],
    surface: Annotated[str, typer.Argument(help="bowl, valley, saddle, rosenbrock, beale, ravine or regression")],
    numbers: Numbers = None,
    output: Output = None,
    animate: Moves = None,
    as_json: Json = False,
) -> None:
    """Descend a surface of two weights with one rule, several or all."""
    given = texts_of(surface=surface) | texts | assigned(numbers)
    _show("surface", given, output, animate, as_json=as_json)


def _show(scene: str, texts: dict[str, str], output: Path | None, animate: float | None, *, as_json: bool) -> None:
    from batchwright.cli.shown_files import MOVING, check_figure_file, write_figure_file
    from batchwright.lab.descent.drawing import draw_path, draw_paths
    from batchwright.lab.scenes import DESCENTS

    if animate is not None and (output is None or output.suffix.lower() not in (".svg", MOVING)):
        raise UsageError("--animate makes a figure that moves: name an SVG or GIF file with --output, as descent.gif.")
    if output is not None:
        check_figure_file(output, moving=True)
    asked = DESCENTS[scene].read(texts)
    paths = list(asked.paths().values())
    if output is not None:
        seconds = USUAL_SECONDS if animate is None and output.suffix.lower() == MOVING else animate
        one = len(paths) == 1
        write_figure_file(draw_path(paths[0], seconds=seconds) if one else draw_paths(paths, seconds=seconds), output)
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
