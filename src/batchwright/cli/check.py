"""`batchwright check`: everything that can be known about a training before it begins."""

from typing import TYPE_CHECKING, Annotated

import typer

from batchwright.cli.flags import as_flags
from batchwright.cli.output import Json, print_json, say, table_console
from batchwright.cli.settings import takes_settings

if TYPE_CHECKING:
    from batchwright.config import Settings

Measure = Annotated[bool, typer.Option("--measure", help="also try learning rates, and compare yours with them")]


@takes_settings
def check(settings: "Settings", measure: Measure = False, as_json: Json = False) -> None:
    """Show plan, memory and time of a training, and what looks wrong; exit code 1 if it would be meaningless."""
    from batchwright import workflow
    from batchwright.cli.show.measurements import finding_lines, recommended_rate, time_line
    from batchwright.cli.show.notes import notes
    from batchwright.cli.show.training import accounting
    from batchwright.measure.plain import plain_learning_rates

    checked = workflow.check(settings, measure=measure)
    prepared = checked.prepared
    plan = prepared.accounting(checked.memory_bytes)
    if as_json:
        seconds = {
            "load": prepared.load_seconds,
            "compile": checked.compile_seconds,
            "epoch": checked.epoch_seconds,
            "total": checked.total_seconds,
        }
        rates = {} if checked.rates is None else {"learning_rates": plain_learning_rates(checked.rates)}
        findings = [vars(finding) | {"advice": as_flags(finding.advice)} for finding in checked.findings]
        said = {"plan": plan, "seconds": seconds, "findings": findings, **rates, "notes": prepared.notes}
        print_json(said | {"settings": prepared.settings.to_json()})
    else:
        notes(prepared.notes, table_console(stderr=True))
        table_console().print(accounting(plan, prepared))
        for line in (time_line(checked), *(recommended_rate(checked.rates) if checked.rates else ())):
            say(line)
        for line in finding_lines(checked.findings):
            say(line)
    if checked.meaningless:
        raise typer.Exit(1)
