"""`batchwright compare`: update rules, or the values of any key, side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batchwright.cli.flags import as_flags
from batchwright.cli.output import Json, print_json, say, table_console
from batchwright.cli.settings import takes_space
from batchwright.cli.shown_files import CsvFolder, FigureFile, check_files, write_files
from batchwright.cli.train import catch_interrupts

if TYPE_CHECKING:
    from batchwright.comparison.compare import Compared
    from batchwright.search.space import Space

Vary = Annotated[
    str | None,
    typer.Option(metavar="KEY[=VALUES]", help="a key to compare, such as training.batch_size=16,64 [update rules]"),
]
Trials = Annotated[int, typer.Option(min=1, help="how many learning rates are tried for each")]
Seeds = Annotated[int, typer.Option(min=1, help="how many seeds each is then trained with")]
RunDir = Annotated[
    Path | None,
    typer.Option(help="a new folder for what comes of it, which `report` and `plot` read [nothing is written]"),
]


@takes_space
def compare(
    space: "Space",
    vary: Vary = None,
    trials: Trials = 8,
    seeds: Seeds = 5,
    run_dir: RunDir = None,
    figure: FigureFile = None,
    csv: CsvFolder = None,
    as_json: Json = False,
) -> None:
    """Compare update rules, or values of any key, each tuned in the same way, with the noise between seeds."""
    from batchwright.cli.show.comparison import follow_comparison
    from batchwright.comparison.compare import CompareOptions
    from batchwright.comparison.saved import compare_into

    check_files(figure, csv)
    with catch_interrupts() as interrupted:
        events = compare_into(run_dir, space, vary, CompareOptions(trials, seeds), interrupted=interrupted)
        found = follow_comparison(events, table_console(stderr=True))
    write_files(found, figure, csv)
    if as_json:
        print_json(summary(found) | ({} if run_dir is None else {"run": str(run_dir)}))
        return
    show_compared(found)
    say(f"{found.seconds:.1f} s in all")
    if run_dir is not None:
        say(f"comparison: {run_dir}")


def show_compared(found: "Compared") -> None:
    """Print the variants, the learning curve where there is one, and which differences are beyond chance."""
    from batchwright.cli.show.comparison import compared_table, learning_curve_table

    table_console().print(compared_table(found))
    if found.learning_curve:
        table_console().print(learning_curve_table(found.learning_curve))
    say(as_flags(found.verdict))


def summary(found: "Compared") -> dict[str, Any]:
    """What `--json` prints for a comparison."""
    rows = [
        {
            "name": row.name,
            "settings": dict(row.settings),
            "validation": vars(row.validation) if row.validation else None,
            "at_equal_seconds": row.at_equal_seconds,
            "updates_to_target": row.updates_to_target,
            "seconds_to_target": row.seconds_to_target,
            "seconds_per_epoch": row.seconds_per_epoch,
            "stable_range": list(row.stable_range) if row.stable_range else None,
            "curve": list(row.curve),
        }
        for row in found.rows
    ]
    curve = found.learning_curve
    extra: dict[str, Any] = {}
    if curve:
        extra = {
            "learning_curve": {
                "rows": list(curve.rows),
                "losses": list(curve.losses),
                "more_rows": curve.more_rows,
                "foretold": vars(curve.foretold),
            }
        }
    return {"rows": rows, "target": found.target, "verdict": found.verdict, **extra, "seconds": found.seconds}
