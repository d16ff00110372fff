"""`batchwright resume`: continue a run that did not finish, or check that this would be exact."""

from pathlib import Path
from typing import Annotated

import typer

from batchwright.cli.output import Json, RunFolder, print_json, say
from batchwright.cli.train import show
from batchwright.errors import RunError

Epochs = Annotated[int | None, typer.Option(min=1, help="train to this many in all, even if the run has finished")]
Verify = Annotated[bool, typer.Option("--verify", help="kill and resume copies of the run, and compare all bits")]


def resume(run: RunFolder, epochs: Epochs = None, verify: Verify = False, as_json: Json = False) -> None:
    """Continue a run that was interrupted or killed, as if it had never stopped; or train more epochs."""
    from batchwright import workflow
    from batchwright.runs.manifest import BEST_RUN
    from batchwright.runs.searches import is_search

    if is_search(run) and (verify or epochs is not None):
        option = "--verify" if verify else "--epochs"
        raise RunError(f"{run} is a search; {option} is for a run, such as {run / BEST_RUN}.")
    if verify and epochs is not None:
        raise RunError(
            "--verify only checks that resuming is exact, and does not continue the run: leave out --epochs."
        )
    if is_search(run):
        _go_on_with_search(run, as_json=as_json)
    elif verify:
        _verify(run, as_json=as_json)
    else:
        show(lambda interrupted: workflow.resume(run, epochs=epochs, interrupted=interrupted), as_json=as_json)


def _go_on_with_search(path: Path, *, as_json: bool) -> None:
    """Continue a search; its finished trials are kept."""
    from batchwright.cli.search import show_search
    from batchwright.runs.searches import reopen_search
    from batchwright.search.search import go_on

    show_search(lambda interrupted: go_on(reopen_search(path), interrupted=interrupted), as_json=as_json)


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
