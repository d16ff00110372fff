"""`batchwright check`: the accounting of a training, without training."""

from typing import TYPE_CHECKING

from batchwright.cli.output import Json, print_json, table_console
from batchwright.cli.settings import takes_settings

if TYPE_CHECKING:
    from batchwright.config import Settings


@takes_settings
def check(settings: "Settings", as_json: Json = False) -> None:
    """Show what a training would do: rows, iterations, updates, parameters, memory."""
    from batchwright import workflow
    from batchwright.cli.display import accounting, notes

    prepared, compiled = workflow.check(settings)
    plan = prepared.accounting(compiled.memory_bytes)
    if as_json:
        seconds = {"load": prepared.load_seconds, "compile": compiled.seconds}
        print_json({"plan": plan, "seconds": seconds, "notes": prepared.notes, "settings": settings.to_json()})
    else:
        notes(prepared.notes, table_console(stderr=True))
        table_console().print(accounting(plan, prepared))
