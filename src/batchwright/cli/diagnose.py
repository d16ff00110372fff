"""`batchwright diagnose`: what seems to be wrong with a run, how sure that is, and what may mend it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batchwright.cli.output import Json, RunFolder, print_json, say, table_console
from batchwright.cli.train import catch_interrupts
from batchwright.errors import UsageError

if TYPE_CHECKING:
    from batchwright.comparison.tried import Remedy, Tried
    from batchwright.data.dataset import Dataset
    from batchwright.diagnosis import Diagnosis, Verdict
    from batchwright.runs.run import Run

Try = Annotated[
    bool, typer.Option("--try", help="train with each remedy beside the unchanged training, and say which helps")
]
Seeds = Annotated[int | None, typer.Option(min=2, help="with --try: how many seeds each is trained with [5]")]
Epochs = Annotated[int | None, typer.Option(min=1, help="with --try: the epochs of each, in place of the run's")]
Apply = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="write the run's configuration with the changes of the first diagnosis, with --try those that helped most",
    ),
]


def diagnose(
    run: RunFolder,
    try_: Try = False,
    seeds: Seeds = None,
    epochs: Epochs = None,
    apply: Apply = None,
    as_json: Json = False,
) -> None:
    """Say what seems to be wrong with a run, how sure that is, and which options may mend it; or try these."""
    from batchwright.diagnosis import diagnose as diagnose_run
    from batchwright.diagnosis import evidence_of, unseen, verdict
    from batchwright.runs.run import open_run

    if not try_ and (seeds is not None or epochs is not None):
        raise UsageError("--seeds and --epochs say how remedies are tried: add --try.")
    opened = open_run(run)
    dataset, missing = _rows_of(opened)
    evidence = evidence_of(opened, dataset)
    found, said, not_seen = diagnose_run(evidence), verdict(evidence.history), (*unseen(evidence), *missing)
    if not as_json:
        if opened.has_members:
            say("of the first member, whose history the run has:")
        _print_diagnosis(found, said, not_seen)
    remedies = remedies_of(found)
    tried = _try_remedies(opened, remedies, dataset, seeds or 5, epochs) if try_ and remedies else None
    if as_json:
        told = {"run": str(opened.path), "verdict": vars(said), "diagnosis": [one.to_json() for one in found]}
        beside = {"tried": tried and tried.to_json()} if try_ else {}
        print_json({**told, "not_seen": not_seen, **beside})
    elif try_:
        _print_tried(tried)
    if apply is not None:
        _apply(opened, _chosen_remedy(opened, remedies, tried, apply, tries=try_), apply, quiet=as_json)


def remedies_of(found: "Sequence[Diagnosis]") -> "list[Remedy]":
    """What may mend what is wrong, in the order of the diagnoses."""
    from batchwright.comparison.tried import Remedy

    return [Remedy(one.kind, one.changes) for one in found if one.changes and one.severity != "note"]


def _print_diagnosis(found: "Sequence[Diagnosis]", said: "Verdict", not_seen: Sequence[str]) -> None:
    from batchwright.cli.flags import as_flags
    from batchwright.cli.show.diagnosis import diagnosis_lines

    for line in diagnosis_lines(found):
        say(line)
    if not any(one.severity != "note" for one in found):
        curves = "" if any(one.kind == said.kind for one in found) else f"; the curves: {said.kind}: {said.reason}"
        say(f"nothing wrong is seen{curves}")
    for sentence in not_seen:
        say(f"not seen: {as_flags(sentence)}")


def _try_remedies(
    run: "Run", remedies: "Sequence[Remedy]", dataset: "Dataset | None", seeds: int, epochs: int | None
) -> "Tried":
    """Train with the remedies; the progress goes to standard error."""
    from batchwright.cli.show.remedies import follow_remedies
    from batchwright.comparison.remedies import try_remedies

    with catch_interrupts() as interrupted:
        events = try_remedies(run, remedies, seeds=seeds, epochs=epochs, dataset=dataset, interrupted=interrupted)
        return follow_remedies(events, table_console(stderr=True))


def _print_tried(tried: "Tried | None") -> None:
    from batchwright.cli.flags import as_flags
    from batchwright.cli.show.remedies import remedies_table, verdict_lines

    if tried is None:
        say("there is no remedy to try: no setting would mend what is seen")
        return
    table_console().print(remedies_table(tried))
    for line in verdict_lines(tried):
        say(as_flags(line))


def _rows_of(run: "Run") -> "tuple[Dataset | None, tuple[str, ...]]":
    """The rows of a run, or why they cannot be read again."""
    from batchwright.errors import BatchwrightError
    from batchwright.workflow.rows_again import read_rows_again

    try:
        return read_rows_again(run).dataset, ()
    except BatchwrightError as error:
        return None, (f"the rows were not read again: {error}",)


def _chosen_remedy(
    run: "Run", remedies: "Sequence[Remedy]", tried: "Tried | None", path: Path, *, tries: bool
) -> "Remedy":
    """The first remedy, or where they are tried, the one that helped most.

    Raises:
        UsageError: there is none.
    """
    if not remedies:
        raise UsageError(f"nothing wrong is seen in {run.path} that a setting would mend, so {path} is not written.")
    if not tries:
        return remedies[0]
    if tried is None or tried.best is None:
        raise UsageError(f"no remedy is shown to help {run.path}, so {path} is not written.")
    return tried.best.remedy


def _apply(run: "Run", remedy: "Remedy", path: Path, *, quiet: bool) -> None:
    """Write the configuration of a run with the changes of a remedy."""
    from batchwright._files import write_file
    from batchwright.comparison.changed import changed_settings
    from batchwright.config import dump_config

    write_file(path, dump_config(changed_settings(run, remedy.changes)))
    if not quiet:
        say(f"{path} is written, against {remedy.kind!r}: `batchwright train --config {path}` trains with it.")
