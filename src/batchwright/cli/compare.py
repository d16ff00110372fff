"""`batchwright compare`: update rules, or the values of any key, side by side; or ours beside other libraries."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batchwright.cli.flags import as_flags
from batchwright.cli.output import Json, print_json, say, table_console
from batchwright.cli.settings import takes_space
from batchwright.cli.shown_files import CsvFolder, FigureFile, check_files, write_files
from batchwright.cli.train import catch_interrupts
from batchwright.errors import BatchwrightError, UsageError

if TYPE_CHECKING:
    from batchwright.comparison.compare import Compared
    from batchwright.comparison.peers.board import Leaderboard
    from batchwright.search.space import Space

Vary = Annotated[
    str | None,
    typer.Option(metavar="KEY[=VALUES]", help="a key to compare, such as training.batch_size=16,64 [update rules]"),
]
Trials = Annotated[int | None, typer.Option(min=1, help="how many learning rates are tried for each [8]")]
Seeds = Annotated[int | None, typer.Option(min=1, help="how many seeds each is then trained with [5]")]
Peers = Annotated[
    bool,
    typer.Option("--peers", help="train once, and compare with scikit-learn, CatBoost, LightGBM and XGBoost instead"),
]
PeerTime = Annotated[str | None, typer.Option(metavar="TIME", help="how long a peer may take: 90s, 10m or 1h [10m]")]
RunDir = Annotated[
    Path | None,
    typer.Option(help="a new folder for what comes of it, which `report` and `plot` read [nothing is written]"),
]


@takes_space
def compare(
    space: "Space",
    vary: Vary = None,
    trials: Trials = None,
    seeds: Seeds = None,
    peers: Peers = False,
    peer_time: PeerTime = None,
    run_dir: RunDir = None,
    figure: FigureFile = None,
    csv: CsvFolder = None,
    as_json: Json = False,
) -> None:
    """Compare update rules, or values of any key, each tuned in the same way, with the noise between seeds.

    With --peers: this table by batchwright, by gradient boosting and by other models, on the same test rows.
    """
    from batchwright.cli.show.comparison import follow_comparison
    from batchwright.comparison.compare import CompareOptions
    from batchwright.comparison.saved import compare_into

    check_files(figure, csv)
    if peers:
        _refuse_without_peers(vary=vary, trials=trials, seeds=seeds)
        _compare_peers(space, peer_time, run_dir, figure, csv, as_json=as_json)
        return
    if peer_time is not None:
        raise UsageError("--peer-time goes with --peers: add it, or leave --peer-time out.")
    options = CompareOptions(**{key: n for key, n in (("trials", trials), ("seeds", seeds)) if n is not None})
    with catch_interrupts() as interrupted:
        events = compare_into(run_dir, space, vary, options, interrupted=interrupted)
        found = follow_comparison(events, table_console(stderr=True))
    write_files(found, figure, csv)
    if as_json:
        print_json(summary(found) | ({} if run_dir is None else {"run": str(run_dir)}))
        return
    show_compared(found)
    say(f"{found.seconds:.1f} s in all")
    if run_dir is not None:
        say(f"comparison: {run_dir}")


def _refuse_without_peers(**given: object) -> None:
    """Refuse options that a comparison with peers has not."""
    if name := next((name for name, value in given.items() if value is not None), None):
        raise UsageError(f"--{name} does not go with --peers, which trains each once: leave one of them out.")


def _compare_peers(
    space: "Space", peer_time: str | None, run_dir: Path | None, figure: Path | None, csv: Path | None, *, as_json: bool
) -> None:
    """Compare with peers, and show and write what came of it."""
    from batchwright.cli.show.leaderboard import follow_leaderboard
    from batchwright.comparison.peers.saved import TIME_LIMIT, check_time_limit, compare_peers_into

    if space.dimensions:
        raise UsageError(f"{space.dimensions[0].key}: a space is for `search`; --peers takes one value for each key.")
    settings, limit = space.settings({}), check_time_limit(peer_time or TIME_LIMIT)
    source = settings.config.data.source
    if source is None:
        raise UsageError("--peers needs a source of rows: `batchwright compare SOURCE --peers`.")
    with catch_interrupts() as interrupted:
        events = compare_peers_into(run_dir, settings, source, time_limit=limit, interrupted=interrupted)
        found = follow_leaderboard(events, table_console(stderr=True))
    write_files(found, figure, csv)
    show_leaderboard(found, run_dir, as_json=as_json)
    if not found.has_peers:
        raise BatchwrightError("no peer has been trained, so nothing is compared: the table says why of each.")


def show_leaderboard(found: "Leaderboard", folder: Path | None, *, as_json: bool) -> None:
    """Print the contestants, best first, and the verdict; or all of it as JSON."""
    from batchwright.cli.show.leaderboard import leaderboard_table, plain_leaderboard
    from batchwright.cli.show.notes import notes

    place = {} if folder is None else {"run": str(folder)}
    if as_json:
        print_json(place | plain_leaderboard(found))
        return
    out = table_console()
    out.print(leaderboard_table(found))
    notes(found.notes, out)
    say(found.verdict)
    say(f"{found.seconds:.1f} s in all")
    for path in place.values():
        say(f"comparison: {path}")


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
