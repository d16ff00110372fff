"""What a person sees of a comparison: the progress, a line for each variant, and the table at the end."""

from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from batchwright.cli.show.notes import notes
from batchwright.cli.show.search import settings_text
from batchwright.comparison.compare import Begun, Compared, ComparedVariant, CompareEvent, Comparing
from batchwright.comparison.learning_curve import LearningCurve


def follow_comparison(events: Iterator[CompareEvent], console: Console) -> Compared:
    """Show the progress of a comparison, and return its result."""
    columns = (
        TextColumn("{task.fields[place]}"),
        BarColumn(bar_width=16),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=1, place="")
        for event in events:
            match event:
                case Begun():
                    notes(event.notes, console)
                case Comparing():
                    share = event.epoch / event.epochs / 2 + (0.5 if event.doing == "seeds" else 0.0)
                    place = f"{event.number}/{event.variants}"
                    said = f"{event.name}: {event.doing}, epoch {event.epoch}/{event.epochs}"
                    bar.update(task, completed=event.number - 1 + share, total=event.variants, place=place)
                    bar.update(task, description=said)
                case ComparedVariant():
                    console.print(_line(event), soft_wrap=True)
                case Compared():
                    return event
    raise AssertionError("a comparison ends with Compared")


def compared_table(found: Compared) -> Table:
    """All variants, best first."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left")
    if found.target is not None:
        table.title = f"updates and seconds until a validation loss of {found.target:.4g}"
    for name in ("", "validation loss", "at equal seconds", "updates", "seconds", "learning rate", "stable range"):
        table.add_column(name, justify="left" if not name else "right")
    never = "" if found.target is None else "not reached"
    for row in found.rows:
        rate = row.settings.get("optimizer.learning_rate")
        table.add_row(
            row.name,
            _interval(row),
            _number(row.at_equal_seconds),
            f"{row.updates_to_target:,}" if row.updates_to_target else never,
            f"{row.seconds_to_target:.2f}" if row.seconds_to_target else never,
            _number(rate),
            f"{_number(row.stable_range[0])} to {_number(row.stable_range[1])}" if row.stable_range else "",
        )
    return table


def learning_curve_table(found: LearningCurve) -> Table:
    """The mean loss with each number of rows, and the prediction for more rows."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("rows", justify="right")
    table.add_column("validation loss", justify="right")
    for rows, loss in zip(found.rows, found.losses, strict=True):
        table.add_row(f"{rows:,}", f"{loss:.4g}")
    low, high = found.foretold.low, found.foretold.high
    table.add_row(f"{found.more_rows:,}", f"{found.foretold.mean:.4g} ({low:.4g} to {high:.4g}), predicted")
    return table


def _line(row: ComparedVariant) -> str:
    found = f"validation loss {_interval(row)}" if row.validation else "diverged in every trial"
    return f"{row.name}: {found}  with {settings_text(row.settings)}"


def _interval(row: ComparedVariant) -> str:
    if row.validation is None:
        return "diverged"
    mean, low, high = row.validation.mean, row.validation.low, row.validation.high
    return f"{mean:.4g} ({low:.3g} to {high:.3g})" if low < high else f"{mean:.4g}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
