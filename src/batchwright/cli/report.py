"""`batchwright report`: how a run, a search or a comparison went, and who chose each of its settings."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batchwright.cli.completing import complete_run
from batchwright.cli.output import Json, print_json, say, table_console
from batchwright.cli.shown_files import CsvFolder, check_files, write_files
from batchwright.errors import UsageError

if TYPE_CHECKING:
    from batchwright.comparison.saved import SavedComparison
    from batchwright.diagnosis import Diagnosis, Verdict
    from batchwright.report.contents import Subject
    from batchwright.runs.run import Run
    from batchwright.runs.searches import SearchPlan
    from batchwright.search.saved import SavedSearch
    from batchwright.tasks.per_class import PerClass

    Show = Callable[[bool], None]


Html = Annotated[bool, typer.Option("--html", help="write all of it, with charts, into one file of HTML: FILE")]
File = Annotated[Path | None, typer.Argument(help="the file that --html writes [report.html in the folder]")]
Folder = Annotated[
    Path,
    typer.Argument(metavar="RUN", help="the folder of a run, a search or a comparison", autocompletion=complete_run),
]


def report(run: Folder, file: File = None, html: Html = False, csv: CsvFolder = None, as_json: Json = False) -> None:
    """Report how a run, a search or a comparison went: what came of it, what it shows, who chose each setting."""
    if file is not None and not html:
        raise UsageError(f"report takes one run, and {file} is a second name: --html writes a report into a file.")
    from batchwright.runs.kinds import kind_of

    check_files(None, csv)
    kind = kind_of(run)
    if kind == "leaderboard":
        _report_leaderboard(run, csv, file, html=html, as_json=as_json)
        return
    opened, show = _OPEN[kind](run)
    write_files(opened, None, csv)
    if html:
        _write_page(opened, file, as_json=as_json)
    else:
        show(as_json)


def _open_run(path: Path) -> "tuple[Subject, Show]":
    from batchwright.runs.run import open_run

    run = open_run(path)
    return run, lambda as_json: _show_run(run, as_json=as_json)


def _open_search(path: Path) -> "tuple[Subject, Show]":
    from batchwright.search.saved import open_search

    found = open_search(path)
    return found, lambda as_json: _show_search(found, as_json=as_json)


def _open_comparison(path: Path) -> "tuple[Subject, Show]":
    from batchwright.comparison.saved import open_comparison

    found = open_comparison(path)
    return found, lambda as_json: _show_comparison(found, as_json=as_json)


_OPEN = {"run": _open_run, "search": _open_search, "comparison": _open_comparison}


def _report_leaderboard(path: Path, csv: Path | None, file: Path | None, *, html: bool, as_json: bool) -> None:
    """Show who was compared with what came of it, and write the table; or write the page."""
    from batchwright.cli.compare import show_leaderboard
    from batchwright.comparison.peers.saved import open_leaderboard

    found = open_leaderboard(path)
    write_files(found, None, csv)
    if not html:
        show_leaderboard(found, path, as_json=as_json)
        return
    from batchwright.report.leaderboard_contents import leaderboard_contents
    from batchwright.report.write import REPORT, write_page

    _say_written(path, write_page(leaderboard_contents(found, path), file or path / REPORT), as_json=as_json)


def _write_page(of: "Subject", file: Path | None, *, as_json: bool) -> None:
    """Write the page, and say where it is."""
    from batchwright.report import write_report

    _say_written(of.path, write_report(of, file), as_json=as_json)


def _say_written(path: Path, written: Path, *, as_json: bool) -> None:
    if as_json:
        print_json({"run": str(path), "html": str(written)})
    else:
        say(f"report: {written}")


def _show_run(opened: "Run", *, as_json: bool) -> None:
    from batchwright.cli.show.diagnosis import brief_lines
    from batchwright.cli.show.metrics import metrics_table
    from batchwright.cli.show.notes import notes
    from batchwright.cli.show.per_class import per_class_parts
    from batchwright.cli.show.training import loss_sketch
    from batchwright.diagnosis import diagnose, verdict

    judged, found = verdict(opened.history), diagnose(opened)
    settings = _settings(opened)
    if as_json:
        print_json(_summary(opened, judged, found) | {"settings": settings})
        return
    out = table_console()
    for line in _lines(opened):
        say(line)
    if sketch := loss_sketch(opened.history, out, has_members=opened.has_members):
        say(f"\n{sketch}\n")
    if (members := opened.members) is not None:
        from batchwright.cli.show.members import show_members

        show_members(members, out)
    if opened.metrics:
        out.print(metrics_table(opened.metrics))
    if by_class := [*per_class_parts(*_without_long(opened), confusion=False)]:
        out.print("", *by_class, "", sep="\n")
    notes(opened.manifest.remarks, out)
    if opened.manifest.status in ("finished", "diverged"):
        judged_at_end = judged if opened.manifest.status == "finished" else None
        for line in brief_lines(found, judged_at_end, has_members=opened.has_members):
            say(line)
    _say_settings(settings, opened.path)


def _say_settings(settings: dict[str, dict[str, Any]], path: Path) -> None:
    """Print the settings that are not defaults, and where the others are."""
    from batchwright.cli.show.training import settings_table
    from batchwright.runs.manifest import CONFIG

    chosen = {key: one for key, one in settings.items() if one["origin"] != "default"}
    if chosen:
        table_console().print(settings_table(chosen))
    if settings:
        say(f"{len(settings) - len(chosen)} settings have their defaults, see {path / CONFIG}")


def _show_search(found: "SavedSearch", *, as_json: bool) -> None:
    """Print the best trials and what mattered, and then the run of the best trial as any run."""
    from batchwright.cli.show.search import endings_line, importance_table, trials_table
    from batchwright.errors import RunError
    from batchwright.runs.run import open_run
    from batchwright.runs.searches import read_plan

    plan = read_plan(found.path)
    try:
        best = open_run(found.path)
    except RunError as error:
        best, why = None, str(error)
    if as_json:
        _print_search(found, plan, best)
        return
    out = table_console()
    said = f"{found.path}: search on {plan.source}: {len(found.finished):,} of {plan.trials:,} trials"
    say(f"{said}; {endings_line(found.finished)}")
    out.print(trials_table(found.finished, found.objective))
    if found.importance:
        out.print(importance_table(found.importance))
        say(found.importance.sentence)
    if best is None:
        say(why)
        return
    say("\nthe best trials, trained anew as members:" if best.members else "\nthe best trial, trained anew:")
    _show_run(best, as_json=False)


def _print_search(found: "SavedSearch", plan: "SearchPlan", best: "Run | None") -> None:
    """Print the search as JSON: with what the report of its best run prints, where there is one."""
    from batchwright.diagnosis import diagnose, verdict
    from batchwright.search.importance import plain_importance

    trials = [
        {"number": one.number, "settings": dict(one.chosen), "ending": one.outcome.ending, "value": one.outcome.value}
        | {"epochs": len(one.outcome.curve)}
        for one in found.finished
    ]
    told = {
        "folder": str(found.path),
        "planned": plan.trials,
        "trials": trials,
        "objective": vars(found.objective),
        "importance": plain_importance(found.importance) if found.importance else None,
    }
    of_best = {}
    if best is not None:
        of_best = _summary(best, verdict(best.history), diagnose(best)) | {"settings": _settings(best)}
    print_json({"search": told, **of_best})


def _show_comparison(found: "SavedComparison", *, as_json: bool) -> None:
    """Print the variants and the verdict, and the settings that are the same for all."""
    from batchwright.cli.compare import show_compared, summary
    from batchwright.cli.show.notes import notes
    from batchwright.cli.show.training import settings_table

    plan = found.plan
    settings = {
        key: {"value": one.value, "origin": one.origin}
        | ({"evidence": {"reason": plan.reasons[key]}} if key in plan.reasons else {})
        for key, one in plan.settings.items()
    }
    if as_json:
        told = {"source": plan.source, "created": plan.created, "versions": plan.versions, "vary": plan.vary}
        print_json({"run": str(found.path), **told, **summary(found.compared), "settings": settings})
        return
    say(f"{found.path}: comparison of {plan.vary or 'update rules'} on {plan.source}, {plan.seeds} seeds")
    show_compared(found.compared)
    out = table_console()
    notes(plan.notes, out)
    chosen = {key: one for key, one in settings.items() if one["origin"] != "default"}
    if chosen:
        out.print(settings_table(chosen))


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
        **({"members": members.to_json()} if (members := run.members) else {}),
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
