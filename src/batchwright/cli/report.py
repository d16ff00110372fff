"""`batchwright report`: how a run went, and who chose each of its settings."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batchwright.cli.output import Json, RunFolder, print_json, say, table_console
from batchwright.cli.shown_files import CsvFolder, check_files, write_files
from batchwright.errors import UsageError

if TYPE_CHECKING:
    from batchwright.diagnosis import Diagnosis, Verdict
    from batchwright.runs.run import Run
    from batchwright.tasks.per_class import PerClass


Html = Annotated[bool, typer.Option("--html", help="write all of it, with charts, into one file of HTML: FILE")]
File = Annotated[Path | None, typer.Argument(help="the file that --html writes [report.html in the run's folder]")]


def report(run: RunFolder, file: File = None, html: Html = False, csv: CsvFolder = None, as_json: Json = False) -> None:
    """Report how a run went: its metrics, what its curves show, and who chose each setting and why."""
    if file is not None and not html:
        raise UsageError(f"report takes one run, and {file} is a second name: --html writes a report into a file.")
    from batchwright.cli.show.diagnosis import brief_lines
    from batchwright.cli.show.per_class import per_class_parts
    from batchwright.cli.show.training import loss_sketch, metrics_table, notes, settings_table
    from batchwright.diagnosis import diagnose, verdict
    from batchwright.runs.manifest import CONFIG
    from batchwright.runs.run import open_run

    check_files(None, csv)
    opened = open_run(run)
    write_files(opened, None, csv)
    if html:
        _write_page(opened, file, as_json=as_json)
        return
    judged, found = verdict(opened.history), diagnose(opened)
    settings = _settings(opened)
    if as_json:
        print_json(_summary(opened, judged, found) | {"settings": settings})
        return
    out = table_console()
    for line in _lines(opened):
        say(line)
    if sketch := loss_sketch(opened.history, out):
        say(f"\n{sketch}\n")
    if opened.metrics:
        out.print(metrics_table(opened.metrics))
    if by_class := [*per_class_parts(*_without_long(opened), confusion=False)]:
        out.print("", *by_class, "", sep="\n")
    notes(opened.manifest.remarks, out)
    if opened.manifest.status in ("finished", "diverged"):
        for line in brief_lines(found, judged if opened.manifest.status == "finished" else None):
            say(line)
    chosen = {key: one for key, one in settings.items() if one["origin"] != "default"}
    if chosen:
        out.print(settings_table(chosen))
    if settings:
        say(f"{len(settings) - len(chosen)} settings have their defaults, see {opened.path / CONFIG}")


def _write_page(run: "Run", file: Path | None, *, as_json: bool) -> None:
    """Write the page, and say where it is."""
    from batchwright.report import write_report

    written = write_report(run, file)
    if as_json:
        print_json({"run": str(run.path), "html": str(written)})
    else:
        say(f"report: {written}")


def _lines(run: "Run") -> list[str]:
    manifest = run.manifest
    spent = manifest.seconds.get("total")
    facts = [
        manifest.source,
        f"{manifest.created[:19].replace('T', ' ')} UTC",
        *([f"{spent:,.1f} s"] if spent is not None else []),
        *([f"on {manifest.device}"] if manifest.device else []),
        *(f"{name} {version}" for name, version in manifest.versions.items()),
    ]
    return [": ".join(filter(None, (str(run.path), run.status, run.reason))), ", ".join(facts)]


def _without_long(run: "Run") -> "tuple[PerClass | None, dict[str, PerClass]]":
    """Figures by class on the test rows; None if there are too many classes or labels to show."""
    from batchwright.cli.show.per_class import MOST_SHOWN

    one, several = run.per_class(), run.by_target()
    short = {name: target for name, target in several.items() if len(target.classes) <= MOST_SHOWN}
    return one if one and len(one.classes) <= MOST_SHOWN else None, short if len(short) <= MOST_SHOWN else {}


def _summary(run: "Run", judged: "Verdict", found: "Sequence[Diagnosis]") -> dict[str, Any]:
    from batchwright.cli.show.per_class import to_json

    manifest = run.manifest
    return {
        "run": str(run.path),
        "source": manifest.source,
        "created": manifest.created,
        "status": run.status,
        "reason": manifest.reason,
        "device": manifest.device,
        "versions": manifest.versions,
        "plan": manifest.plan,
        **{part: run.metrics.get(part) for part in ("train", "validation", "test")},
        "per_class": to_json(run.per_class(), run.by_target()),
        "remarks": manifest.remarks,
        "verdict": vars(judged),
        "diagnosis": [one.to_json() for one in found],
        "seconds": manifest.seconds,
        "history": run.history,
    }


def _settings(run: "Run") -> dict[str, dict[str, Any]]:
    """Value and origin of each setting; for measured ones also the evidence and its file."""
    evidence = run.evidence
    return {
        key: {"value": setting.value, "origin": setting.origin}
        | ({"evidence": evidence.get(key), "file": setting.evidence} if setting.evidence else {})
        for key, setting in run.settings.items()
    }
