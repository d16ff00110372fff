"""`batchwright diagnose`: what seems to be wrong with a run, how sure that is, and what may mend it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batchwright.cli.output import Json, RunFolder, print_json, say

if TYPE_CHECKING:
    from batchwright.data.dataset import Dataset
    from batchwright.diagnosis import Diagnosis
    from batchwright.runs.run import Run


def diagnose(
    run: RunFolder,
    apply: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="write the run's configuration with the changes of the first diagnosis"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what seems to be wrong with a run, how sure that is, and which options may mend it."""
    from batchwright.cli.flags import as_flags
    from batchwright.cli.show.diagnosis import diagnosis_lines
    from batchwright.diagnosis import diagnose as diagnose_run
    from batchwright.diagnosis import evidence_of, unseen, verdict
    from batchwright.runs.run import open_run

    opened = open_run(run)
    dataset, missing = _rows_of(opened)
    evidence = evidence_of(opened, dataset)
    found, said, not_seen = diagnose_run(evidence), verdict(evidence.history), (*unseen(evidence), *missing)
    if as_json:
        told = {"run": str(opened.path), "verdict": vars(said), "diagnosis": [one.to_json() for one in found]}
        print_json({**told, "not_seen": not_seen})
    else:
        for line in diagnosis_lines(found):
            say(line)
        if not any(one.severity != "note" for one in found):
            curves = "" if any(one.kind == said.kind for one in found) else f"; the curves: {said.kind}: {said.reason}"
            say(f"nothing wrong is seen{curves}")
        for sentence in not_seen:
            say(f"not seen: {as_flags(sentence)}")
    if apply is not None:
        _apply(opened, found, apply, quiet=as_json)


def _rows_of(run: "Run") -> "tuple[Dataset | None, tuple[str, ...]]":
    """The rows of a run, or why they cannot be read again."""
    from batchwright.errors import BatchwrightError
    from batchwright.workflow.rows_again import read_rows_again

    try:
        return read_rows_again(run), ()
    except BatchwrightError as error:
        return None, (f"the rows were not read again: {error}",)


def _apply(run: "Run", found: "Sequence[Diagnosis]", path: Path, *, quiet: bool) -> None:
    """Write the configuration of a run with the changes of its first diagnosis that has some."""
    from batchwright._files import write_file
    from batchwright.config import dump_config, flow, load_config
    from batchwright.errors import UsageError
    from batchwright.runs.manifest import CONFIG

    first = next((one for one in found if one.changes and one.severity != "note"), None)
    if first is None:
        raise UsageError(f"nothing wrong is seen in {run.path} that a setting would mend, so {path} is not written.")
    overrides = [(key, flow(value), f"the remedy of {first.kind!r}") for key, value in first.changes.items()]
    write_file(path, dump_config(load_config(run.file(CONFIG), overrides)))
    if not quiet:
        say(f"{path} is written, against {first.kind!r}: `batchwright train --config {path}` trains with it.")
