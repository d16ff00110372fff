"""What a person sees of remedies that are tried: what will be trained, the progress, a table and the verdicts."""

from collections.abc import Iterator
from math import isfinite

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from batchwright.cli.output import Lines
from batchwright.cli.show.diagnosis import options_of
from batchwright.comparison.contenders import Trying
from batchwright.comparison.remedies import Begun, TryEvent
from batchwright.comparison.tried import Figures, Tried, TriedRemedy
from batchwright.search.objective import LOSS, Objective
from batchwright.workflow import Estimate


def follow_remedies(events: Iterator[TryEvent], console: Console) -> Tried:
    """Show what is tried and its progress, and return the result."""
    columns = (TextColumn("trying"), BarColumn(bar_width=16), TimeElapsedColumn(), TimeRemainingColumn(compact=True))
    lines = Lines(console)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        for event in events:
            match event:
                case Begun():
                    console.print(_plan(event), soft_wrap=True)
                case Trying():
                    bar.update(task, completed=event.done, total=event.epochs)
                    if not console.is_terminal:
                        lines.line(f"trying: {event.done:,} of at most {event.epochs:,} epochs of all trainings")
                case Tried():
                    lines.end()
                    return event
    raise AssertionError("trying ends with Tried")


def _plan(begun: Begun) -> str:
    variants = begun.trainings // begun.seeds
    said = (
        f"{variants - 1} remed{'y' if variants == 2 else 'ies'} and the unchanged training, each with {begun.seeds} "
        f"seeds: {begun.trainings} trainings"
    )
    return said if begun.seconds is None else f"{said}, about {max(1.0, begun.seconds):,.0f} s at most"


def remedies_table(tried: Tried) -> Table:
    """The unchanged training, and every remedy, the best first."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left")
    table.title = f"middle of {len(tried.seeds)} seeds; differences to the unchanged training, with their interval"
    headline = tried.headline.replace("_", " ")
    beside = tried.headline != "loss"
    for name in ("", "validation loss", "difference", *((headline, "difference") if beside else ()), "seconds"):
        table.add_column(name, justify="right" if name else "left", overflow="fold")
    table.add_row("unchanged", *_cells(tried.unchanged, LOSS, None, None, beside=beside))
    for row in tried.rows:
        if row.figures is not None:
            cells = _cells(row.figures, row.judged_by, row.difference, row.headline_difference, beside=beside)
            table.add_row(options_of(row.remedy.changes), *cells)
    return table


def verdict_lines(tried: Tried) -> Iterator[str]:
    """A line for each remedy, the best first."""
    for row in tried.rows:
        yield row.verdict if row.figures is None else f"{options_of(row.remedy.changes)}: {row.verdict}"
    yield best_line(tried.best)


def best_line(best: TriedRemedy | None) -> str:
    """Which remedy to take."""
    return "no remedy is shown to help" if best is None else f"take {options_of(best.remedy.changes)}"


def _cells(
    found: Figures, judged_by: Objective, by: Estimate | None, headline: Estimate | None, *, beside: bool
) -> list[str]:
    name = "" if judged_by == LOSS else f"{judged_by.monitor.removeprefix('val_').replace('_', ' ')} "
    middle = f"{name}{found.middle:.4g}" if isfinite(found.middle) else "diverged"
    first = "" if found.headline is None else f"{found.headline:.4g}"
    return [middle, _difference(by), *((first, _difference(headline)) if beside else ()), f"{found.seconds:.1f}"]


def _difference(found: Estimate | None) -> str:
    return "" if found is None else f"{found.mean:+.3g} ({found.low:+.3g} to {found.high:+.3g})"
