"""`batchwright train`: prepare, fit, evaluate, save a run."""

import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batchwright.cli.beside import dashboard_beside, folder_above, stay_open
from batchwright.cli.completing import complete_run, complete_tracker
from batchwright.cli.output import Json, print_json, say, table_console
from batchwright.cli.settings import takes_settings
from batchwright.cli.together import Coordinator, Distributed, Process, Processes, peers_of, training_together
from batchwright.errors import UsageError

if TYPE_CHECKING:
    from batchwright.config import Settings
    from batchwright.workflow import Event, Repeated, Trained

RunDir = Annotated[Path | None, typer.Option(help="the run's folder [runs/<source>-<n>]")]
From = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="RUN",
        help="begin from the parameters of a run, and encode the rows in the same way",
        autocompletion=complete_run,
    ),
]
Report = Annotated[bool, typer.Option("--report", help="write a report with charts into the run's folder: report.html")]
Dashboard = Annotated[bool, typer.Option("--dashboard", help="open the run in a page while it is trained")]
LogTo = Annotated[
    list[str] | None,
    typer.Option(
        "--log-to",
        metavar="TRACKER",
        help="tensorboard:DIR, mlflow[:URI], trackio[:PROJECT], wandb[:PROJECT] or csv:FILE; may be repeated",
        autocompletion=complete_tracker,
    ),
]
Seeds = Annotated[int, typer.Option(min=1, help="seeds to train with; metrics are then means with intervals")]


@takes_settings
def train(
    settings: "Settings",
    run_dir: RunDir = None,
    begin: From = None,
    seeds: Seeds = 1,
    report: Report = False,
    dashboard: Dashboard = False,
    log_to: LogTo = None,
    distributed: Distributed = False,
    coordinator: Coordinator = None,
    processes: Processes = None,
    process: Process = None,
    as_json: Json = False,
) -> None:
    """Train a network on your data, and save the run."""
    from batchwright import tracking, workflow
    from batchwright.cluster.membership import current
    from batchwright.runs.run import open_run

    peers = peers_of(distributed=distributed, coordinator=coordinator, processes=processes, process=process)
    if peers and (seeds > 1 or report or dashboard):
        raise UsageError(
            "--distributed does not go with --seeds, --report and --dashboard: the other verbs show a run afterwards."
        )
    run = None if begin is None else open_run(begin)
    chosen = settings.config.training
    if run and seeds > 1:
        raise UsageError(f"--seeds trains from random parameters, but --from begins with the parameters of {run.path}.")
    if seeds > 1 and (chosen.members or chosen.folds or "training.members" in settings.to_measure):
        asked = "--folds" if chosen.folds else "--ensemble"
        raise UsageError(f"--seeds trains one network with each seed, and {asked} several: leave one of them out.")
    if seeds > 1 and chosen.refit:
        raise UsageError("--seeds compares seeds on the validation rows, which --refit learns: leave one of them out.")
    places = tracking.places_of(log_to) if log_to else ()

    def training(interrupted: "Callable[[], bool]") -> "Iterator[Event]":
        initial = run.load_model() if run else None
        parent = str(run.path.resolve()) if run else ""
        own = settings if initial is None else workflow.settings_like(settings, initial)
        events = workflow.train(own, run_dir=run_dir, interrupted=interrupted, initial=initial, parent=parent)
        events = tracking.log_training(events, places) if places and current().index == 0 else events
        return workflow.refuse_unrepeatable(events) if seeds > 1 else events

    with training_together(peers), dashboard_beside(folder_above(run_dir)) if dashboard else nullcontext():
        show(training, seeds=seeds, report=report, as_json=as_json)
        if dashboard:
            stay_open()


def show(
    training: "Callable[[Callable[[], bool]], Iterator[Event]]",
    *,
    seeds: int = 1,
    report: bool = False,
    as_json: bool,
) -> None:
    """Show the events of a training, and then its metrics; `training` gets a function that says whether to stop.

    With `seeds` > 1, a training that has finished is repeated with further seeds, up to this number in all. With
    `report`, a page is written into the folder of the run.
    """
    from batchwright.cli.show.metrics import metrics_table
    from batchwright.cli.show.notes import notes
    from batchwright.cli.show.training import follow, loss_sketch, seeds_table
    from batchwright.cluster.membership import current

    with catch_interrupts() as interrupted:
        events = training(interrupted)
        if current().index > 0:  # the first process shows all
            for _ in events:
                pass
            return
        try:
            trained = follow(events, table_console(stderr=True))
        except BaseException as error:
            if isinstance(events, Generator):
                events.throw(error)  # so that the run records what ended it
            raise
        if not as_json:
            out = table_console()
            has_members = trained.members is not None
            if out.is_terminal and (sketch := loss_sketch(trained.history, out, has_members=has_members)):
                say(f"\n{sketch}\n")
            if trained.members is not None:
                from batchwright.cli.show.members import show_members

                show_members(trained.members, out)
            out.print(metrics_table(trained.metrics))
            notes(trained.remarks, out)
            if trained.stopped.status == "finished":
                from batchwright.cli.show.diagnosis import brief_lines

                for line in brief_lines(trained.diagnosis, trained.verdict, has_members=has_members):
                    say(line)
            say(f"run: {trained.run.path}" if trained.run else "")
        written = _write_report(trained) if report else None
        if written is not None and not as_json:
            say(f"report: {written}")
        repeated = (
            _repeat_seeds(trained, seeds, interrupted) if seeds > 1 and trained.stopped.status == "finished" else None
        )
        if as_json:
            further = {"seeds": summary_of_seeds(repeated)} if repeated else {}
            print_json(summary(trained) | ({"report": str(written)} if written else {}) | further)
        elif repeated:
            table_console().print(seeds_table(repeated))
    for _ in events:  # raises the error of a run that has diverged or was interrupted
        pass


def _write_report(trained: "Trained") -> "Path | None":
    """Write the page of a run; None where the run was not recorded."""
    from batchwright.report import write_report

    return write_report(trained.run) if trained.run else None


def _repeat_seeds(trained: "Trained", seeds: int, interrupted: Callable[[], bool]) -> "Repeated":
    """Train with the further seeds; the progress goes to standard error."""
    from batchwright.cli.show.training import follow_seeds
    from batchwright.workflow import repeat

    return follow_seeds(
        repeat(trained, seeds, interrupted=interrupted), trained.prepared.plan, table_console(stderr=True)
    )


def summary_of_seeds(repeated: "Repeated") -> dict[str, Any]:
    """What `--json` prints for several seeds: the run of each seed, and mean, low and high of each metric."""
    estimates = {part: {name: vars(one) for name, one in found.items()} for part, found in repeated.metrics.items()}
    return {"runs": [vars(run) for run in repeated.runs], **estimates, "seconds": repeated.seconds}


def summary(trained: "Trained") -> dict[str, Any]:
    """What `--json` prints: run, status, plan, metrics by part, seconds, settings."""
    return {
        "run": str(trained.run.path) if trained.run else None,
        "status": trained.stopped.status,
        "reason": trained.stopped.reason,
        "epoch": trained.stopped.epoch,
        "plan": trained.prepared.accounting(trained.memory_bytes),
        **{part: trained.metrics.get(part) for part in ("train", "validation", "test")},
        "remarks": trained.remarks,
        **({"members": trained.members.to_json()} if trained.members else {}),
        "verdict": vars(trained.verdict),
        "diagnosis": [one.to_json() for one in trained.diagnosis],
        "seconds": trained.seconds,
        "notes": trained.prepared.notes,
        "settings": trained.prepared.settings.to_json(),
    }


@contextmanager
def catch_interrupts() -> Iterator[Callable[[], bool]]:
    """Inside, the first Ctrl-C or SIGTERM ends training after the current segment; a second one ends it at once."""
    noted = False

    def note(_signal: int, _frame: FrameType | None) -> None:
        nonlocal noted
        if noted:
            raise KeyboardInterrupt
        noted = True

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
