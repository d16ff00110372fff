"""`batchwright search`: train many configurations at once, train the best one again, and show what mattered."""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from batchwright.cli.output import Json, print_json, say, table_console
from batchwright.cli.settings import takes_space
from batchwright.cli.shown_files import CsvFolder, check_files, write_files
from batchwright.cli.train import LogTo, catch_interrupts, summary_of_seeds

if TYPE_CHECKING:
    from batchwright.runs.members import MembersRecord
    from batchwright.search.events import Searched, SearchEvent
    from batchwright.search.space import Space

RunDir = Annotated[Path | None, typer.Option(help="the search's folder [runs/<source>-search-<n>]")]
Trials = Annotated[int, typer.Option(min=1, help="how many configurations are tried")]
Seeds = Annotated[int, typer.Option(min=1, help="seeds to train each configuration with")]
Folds = Annotated[int, typer.Option(min=1, help="parts of the rows that are each held out in turn")]
Pruning = Annotated[
    Literal["halving", "hyperband", "none"], typer.Option(help="how configurations that fall behind are stopped early")
]
Storage = Annotated[str | None, typer.Option(help="a database that other machines use too, such as postgresql://...")]
ObjectiveName = Annotated[
    str | None,
    typer.Option(
        "--objective", metavar="METRIC", help="compare trials by this metric, such as accuracy [validation loss]"
    ),
]
StudyName = Annotated[str | None, typer.Option(help="the study in that database [the source's name]")]


@takes_space
def search(
    space: "Space",
    trials: Trials = 64,
    seeds: Seeds = 1,
    folds: Folds = 1,
    pruning: Pruning = "halving",
    storage: Storage = None,
    study_name: StudyName = None,
    objective: ObjectiveName = None,
    run_dir: RunDir = None,
    csv: CsvFolder = None,
    log_to: LogTo = None,
    as_json: Json = False,
) -> None:
    """Search hyperparameters: train many configurations at once, and the best one again."""
    from batchwright import tracking
    from batchwright.search.events import SearchOptions
    from batchwright.search.logged import log_search
    from batchwright.search.search import search

    options = SearchOptions(trials, seeds, pruning, storage, study_name, folds, objective)
    check_files(None, csv)
    places = tracking.places_of(log_to or (), search=True)

    def searching(interrupted: Callable[[], bool]) -> "Iterator[SearchEvent]":
        return log_search(search(space, options, run_dir=run_dir, interrupted=interrupted), places)

    show_search(searching, csv=csv, as_json=as_json)


def show_search(
    searching: "Callable[[Callable[[], bool]], Iterator[SearchEvent]]", *, csv: Path | None = None, as_json: bool
) -> None:
    """Show the events of a search, and then its result; `searching` gets a function that says whether to stop.

    With `csv`, its tables are written into this folder.
    """
    from batchwright.cli.show.members import beside_first, show_members
    from batchwright.cli.show.metrics import metrics_table
    from batchwright.cli.show.search import follow_trials, found_lines, importance_table, trials_table
    from batchwright.cli.show.training import follow, follow_seeds, seeds_table
    from batchwright.workflow import Repeated

    console = table_console(stderr=True)
    with catch_interrupts() as interrupted:
        events: Iterator[Any] = searching(interrupted)
        prepared = follow_trials(events, console)
        trained = follow(chain([prepared], events), console)
        found = next(events)
        if isinstance(found, int):
            follow_seeds(chain([found], events), trained.prepared.plan, console)
            found = next(events)
    write_files(found, None, csv)
    if as_json:
        print_json(summary(found))
        return
    out = table_console()
    out.print(trials_table(found.finished, found.objective))
    if found.importance:
        out.print(importance_table(found.importance))
        say(found.importance.sentence)
    repeated = found.repeated
    if found.trained.members is not None:
        show_members(found.trained.members, out, [one.number for one in found.members])
        out.print(metrics_table(beside_first(found.trained, f"trial {found.best.number} alone")))
    else:
        out.print(seeds_table(repeated) if isinstance(repeated, Repeated) else metrics_table(found.trained.metrics))
    for line in found_lines(found):
        say(line)


def summary(found: "Searched") -> dict[str, Any]:
    """What `--json` prints for a search."""
    from batchwright.search.importance import plain_importance

    record = found.trained.members
    run = str(found.trained.run.path) if found.trained.run else None
    metrics: dict[str, Any] = dict(found.trained.metrics if record is None else record.first)
    if found.repeated:
        metrics = summary_of_seeds(found.repeated)
    return {
        "run": str(found.folder),
        "trials": len(found.finished),
        "diverged": found.diverged,
        "stopped": sum(one.outcome.ending == "stopped" for one in found.finished),
        "objective": {"monitor": found.objective.monitor, "direction": found.objective.direction},
        "best": {
            "number": found.best.number,
            "settings": dict(found.best.chosen),
            "value": found.best.outcome.value,
            **({"run": run} if record is None else {}),
            **{part: metrics.get(part) for part in ("train", "validation", "test")},
        },
        **({} if record is None else {"ensemble": _summary_of_ensemble(found, record, run)}),
        "importance": plain_importance(found.importance) if found.importance else None,
        "seconds": found.seconds,
    }


def _summary_of_ensemble(found: "Searched", record: "MembersRecord", run: str | None) -> dict[str, Any]:
    """The trials in the order of the members, the members, and the metrics of their mean answer."""
    metrics = found.trained.metrics
    return {
        "trials": [one.number for one in found.members],
        **record.to_json(),
        "run": run,
        **{part: metrics.get(part) for part in ("train", "validation", "test")},
    }
