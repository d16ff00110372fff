"""`batchwright resume`: continue a run that did not finish, or check that this would be exact."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batchwright.cli.output import Json, RunFolder, print_json, say
from batchwright.cli.together import Coordinator, Distributed, Process, Processes, peers_of, training_together
from batchwright.cli.train import LogTo, show
from batchwright.errors import RunError

if TYPE_CHECKING:
    from batchwright.search.events import SearchEvent
    from batchwright.workflow import Event

Epochs = Annotated[int | None, typer.Option(min=1, help="train to this many in all, even if the run has finished")]
Devices = Annotated[int | None, typer.Option(min=1, help="devices that share each batch [as before]")]
Verify = Annotated[bool, typer.Option("--verify", help="kill and resume copies of the run, and compare all bits")]


def resume(
    run: RunFolder,
    epochs: Epochs = None,
    devices: Devices = None,
    verify: Verify = False,
    log_to: LogTo = None,
    distributed: Distributed = False,
    coordinator: Coordinator = None,
    processes: Processes = None,
    process: Process = None,
    as_json: Json = False,
) -> None:
    """Continue a run that was interrupted or killed, as if it had never stopped; or train more epochs."""
    from batchwright.runs.manifest import BEST_RUN
    from batchwright.runs.searches import is_search

    peers = peers_of(distributed=distributed, coordinator=coordinator, processes=processes, process=process)
    if peers and (verify or is_search(run)):
        raise RunError("--distributed goes on with a run of one network, and neither verifies nor searches.")
    if is_search(run) and (verify or epochs is not None or devices is not None):
        option = "--verify" if verify else "--epochs" if epochs is not None else "--devices"
        raise RunError(f"{run} is a search; {option} is for a run, such as {run / BEST_RUN}.")
    if verify and (epochs is not None or devices is not None):
        option = "--epochs" if epochs is not None else "--devices"
        raise RunError(
            f"--verify only checks that resuming is exact, and does not continue the run: leave out {option}."
        )
    if is_search(run):
        _go_on_with_search(run, log_to or (), as_json=as_json)
    elif verify:
        _verify(run, as_json=as_json)
    else:
        with training_together(peers):
            _go_on(run, log_to or (), epochs=epochs, devices=devices, as_json=as_json)


def _go_on(run: Path, log_to: Sequence[str], *, epochs: int | None, devices: int | None, as_json: bool) -> None:
    """Continue a run, in the runs of trackers that it was logged to before."""
    from batchwright import tracking, workflow
    from batchwright.cluster.membership import current

    earlier = tracking.read_identities(run)
    places = tracking.places_of(log_to, earlier=earlier) if log_to else ()
    left = [place for place in earlier if place not in map(str, places)]

    def going_on(interrupted: Callable[[], bool]) -> "Iterator[Event]":
        events = workflow.resume(run, epochs=epochs, devices=devices, interrupted=interrupted)
        if current().index > 0:
            return events
        events = tracking.log_training(events, places) if places else events
        return _with_note_of(left, events) if left else events

    show(going_on, as_json=as_json)


def _with_note_of(places: Sequence[str], events: "Iterator[Event]") -> "Iterator[Event]":
    """The events; a note on where the run was logged before is with those of the first: nothing refuses after it."""
    from batchwright.tracking.training import pass_on
    from batchwright.workflow import Prepared

    again = " ".join(f"`log_to={place}`" for place in places)
    note = f"it was logged to {' and '.join(places)} before, and is not now: resumed with {again} it goes on there"
    for event in events:
        yield from pass_on(replace(event, notes=(*event.notes, note)) if isinstance(event, Prepared) else event, events)


def _go_on_with_search(path: Path, log_to: Sequence[str], *, as_json: bool) -> None:
    """Continue a search; its finished trials are kept."""
    from batchwright import tracking
    from batchwright.cli.search import show_search
    from batchwright.runs.searches import reopen_search
    from batchwright.search.logged import log_search
    from batchwright.search.search import go_on

    places = tracking.places_of(log_to, search=True)

    def going_on(interrupted: Callable[[], bool]) -> "Iterator[SearchEvent]":
        return log_search(go_on(reopen_search(path), interrupted=interrupted), places)

    show_search(going_on, as_json=as_json)


def _verify(run: Path, *, as_json: bool) -> None:
    """Say whether resuming is exact; exit with code 1 if it is not."""
    from batchwright import _machine
    from batchwright.runs.run import open_run
    from batchwright.verification import verify

    found = verify(run)
    if moved := _machine.difference_note(open_run(run).manifest.machine):
        say(f"note: {moved}", err=True)
    if as_json:
        print_json({"run": str(run), "exact": found.exact, **vars(found)})
    else:
        times = f"{found.iterations} iterations, killed and resumed {found.kills} times"
        say(f"exact: the same bits after {times}" if found.exact else f"NOT exact ({times}): {found.difference}")
    raise typer.Exit(0 if found.exact else 1)
