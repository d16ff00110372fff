"""How far a training is, shown while it goes on: one bar in a terminal or a notebook, made of its events."""

import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

from batchwright._shown import figure_text
from batchwright.errors import ConfigError
from batchwright.training.checkpoint import EpochRow
from batchwright.training.events import EpochDone, SegmentDone, Stopped
from batchwright.training.plan import Plan
from batchwright.workflow.events import MembersDone, RefitEpoch
from batchwright.workflow.preparing import Prepared
from batchwright.workflow.training import Event

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

WIDE = 120
"""Characters of a terminal from which on the bar also shows updates and rows per second."""
PER_SECOND = 4
"""How often the bar is drawn, at most."""
Refresh: TypeAlias = Callable[[str], None]
"""Draw the bar, where that is not done by itself; the text says the same in a line."""


def show_progress(events: Iterator[Event], progress: bool | None) -> Iterator[Event]:
    """The events of a training, with a bar beside them where that is wanted.

    Args:
        events: passed on as they come.
        progress: whether a bar is shown; None: in a notebook and on an interactive terminal.

    Raises:
        ConfigError: `progress` is none of these.
    """
    if progress is not None and not isinstance(progress, bool):
        raise ConfigError(f"progress takes True, False or None, but is {progress!r:.60}.")
    if progress is False:
        return events
    from rich import get_console

    console = get_console()
    shown = progress or console.is_jupyter or (_is_live(console) and sys.stdout.isatty())
    return _show_bar(events, console) if shown else events


def _is_live(console: "Console") -> bool:
    """Whether what is on a console can be drawn over."""
    return console.is_terminal and not console.is_dumb_terminal


def _show_bar(events: Iterator[Event], console: "Console") -> Iterator[Event]:
    bar = progress_bar(console)
    task = bar.add_task("", total=1, epoch="", figures="preparing", speed="")
    epochs, headline, validation, ensemble = 0, "loss", "", False
    with _draw_bar(bar, console) as refresh:
        for event in events:
            match event:
                case Prepared():
                    epochs, headline = event.plan.epochs, event.blueprint.task.headline
                    ensemble = event.settings.config.training.members is not None
                    bar.update(task, total=event.plan.updates, epoch=f"1/{epochs}", figures="compiling")
                case SegmentDone():
                    figures = figures_of(event.loss, validation, event.learning_rate)
                    bar.update(task, completed=event.updates, total=event.foretold, epoch=f"{event.epoch}/{epochs}")
                    bar.update(task, figures=figures, speed=rows_per_second(bar.tasks[task].speed, event.plan))
                case EpochDone() if not ensemble:
                    validation = validation_of(event.row, headline)
                    figures = figures_of(event.row["loss"], validation, event.row["learning_rate"])
                    bar.update(task, figures=figures)
                    refresh(f"epoch {event.row['epoch']}/{epochs}  {figures}")
                case MembersDone():
                    bar.update(task, total=1.0, completed=event.share, epoch=f"{event.epoch}/{event.epochs}", speed="")
                    bar.update(task, figures=members_text(event))
                    refresh(f"epoch {event.epoch}/{event.epochs}  {members_text(event)}")
                case RefitEpoch():
                    figures = figures_of(event.row["loss"], "", event.row["learning_rate"])
                    now = f"{event.row['epoch']}/{event.epochs} on all rows"
                    bar.update(task, total=event.epochs, completed=event.row["epoch"], epoch=now, figures=figures)
                    refresh(f"epoch {now}  {figures}")
                case Stopped() if event.status == "finished":
                    bar.update(task, total=bar.tasks[task].completed)
                case Stopped():
                    bar.update(task, figures=event.status)
            refresh("")
            yield event


@contextmanager
def _draw_bar(bar: "Progress", console: "Console") -> Generator[Refresh, None, None]:
    """Show a bar until the end: drawn over in place, or where that cannot be, a line about once a second."""
    if console.is_jupyter:
        with _in_notebook(bar) as refresh:
            yield refresh
    elif _is_live(console):
        with bar:
            yield lambda _: None
    else:
        with _lines(console) as refresh:
            yield refresh


@contextmanager
def _in_notebook(bar: "Progress") -> Generator[Refresh, None, None]:
    """Under the cell, as HTML that is replaced: rich itself would need ipywidgets for that."""
    display = import_module("IPython.display").display  # there is no notebook without it
    handle, drawn = display(bar, display_id=True), time.monotonic()

    def refresh(_: str) -> None:
        nonlocal drawn
        now = time.monotonic()
        if now - drawn >= 1 / PER_SECOND:
            drawn = now
            handle.update(bar)

    try:
        yield refresh
    finally:
        handle.update(bar)


@contextmanager
def _lines(console: "Console") -> Generator[Refresh, None, None]:
    """A line for an epoch about once a second, and the last one."""
    printed, left = float("-inf"), ""

    def refresh(line: str) -> None:
        nonlocal printed, left
        left = line or left
        now = time.monotonic()
        if line and now - printed >= 1.0:
            console.print(line, soft_wrap=True, markup=False, highlight=False)
            printed, left = now, ""

    try:
        yield refresh
    finally:
        if left:
            console.print(left, soft_wrap=True, markup=False, highlight=False)


def progress_bar(console: "Console", *, disable: bool = False) -> "Progress":
    """A bar with the epoch, the time left and the figures of a training; its tasks have these as fields."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    wide = console.width >= WIDE
    more = (TextColumn("{task.completed:,}/{task.total:,} updates"), TextColumn("{task.fields[speed]}"))
    columns = (
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(bar_width=20 if wide else 8),
        *(more if wide else ()),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        TextColumn("{task.fields[figures]}"),
    )
    return Progress(*columns, console=console, disable=disable, refresh_per_second=PER_SECOND)


def members_text(event: MembersDone) -> str:
    """What a line of progress says of members that are trained together."""
    numbers = f"{event.members[0]}" if len(event.members) == 1 else ", ".join(map(str, event.members))
    going_on = f"{event.running} of them go on" if len(event.members) > 1 else "goes on" if event.running else "ended"
    if event.loss is None:
        return f"members {numbers} anew on all rows, {going_on}"
    return f"members {numbers} of {event.count}, {going_on}; best val_loss {figure_text(event.loss)}"


def rows_per_second(updates_per_second: float | None, plan: Plan) -> str:
    """The speed, in words."""
    return f"{updates_per_second * plan.batch_size:,.0f} rows/s" if updates_per_second else ""


def validation_of(row: EpochRow, headline: str) -> str:
    """The validation loss of an epoch, and the metric that matters first of the task."""
    named = (f"val_{name}" for name in dict.fromkeys(("loss", headline)))
    return "".join(f"{name} {figure_text(row[name])}  " for name in dict.fromkeys(named) if name in row)


def figures_of(loss: float, validation: str, learning_rate: float) -> str:
    """What a line of progress says of a training: `validation` as of the last epoch."""
    return f"loss {loss:.4g}  {validation}lr {learning_rate:.3g}"
