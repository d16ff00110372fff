"""What a person sees of a run: the accounting before it, its progress, and the metrics at its end.

On a terminal there is a live bar; otherwise a plain line for an epoch about once a second, so that logs stay short but
always show progress.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from batchwright._shown import figure_text
from batchwright.cli.output import Lines
from batchwright.cli.show.notes import notes
from batchwright.config import flow
from batchwright.data.encode.several import SeveralTargets
from batchwright.training.checkpoint import EpochRow
from batchwright.training.events import Compiled, EpochDone, Reduced, SegmentDone, Stopped
from batchwright.training.plan import Plan
from batchwright.workflow import Event, Prepared, Trained
from batchwright.workflow.events import Noted, RefitEpoch
from batchwright.workflow.progress import figures_of, progress_bar, rows_per_second, validation_of

if TYPE_CHECKING:
    from batchwright.workflow import Estimate, Repeated

MB = 1e6
SKETCH, FEWEST_SKETCHED = (60, 10), 3
"""Columns and lines of a sketch of losses, and the fewest epochs that make a curve."""
BESIDE_SKETCH, NARROWEST_SKETCH = 26, 50
"""Columns that labels and names take beside it, and those of the narrowest terminal that has room for it."""
CHOSEN_BY = {
    "user": "you",
    "initial": "the run it began from",
    "rows": "the rows",
    "measured": "measurement",
    "searched": "search",
}
ALL_EPOCHS = "(epochs are shown once a second at most; the run's history.jsonl has all of them)"


def follow(events: Iterator[Event], console: Console) -> Trained:
    """Show the events of a training as they come, and return the last one."""
    prepared = next(events)
    compiled = next(event for event in events if isinstance(event, Compiled))
    assert isinstance(prepared, Prepared)
    notes(prepared.notes, console)
    console.print(accounting(prepared.accounting(compiled.memory_bytes), prepared))
    if prepared.settings.config.training.members is not None:
        from batchwright.cli.show.members import follow_members

        return follow_members(events, console)
    with progress_bar(console, disable=not console.is_terminal) as bar:
        return _follow_events(events, prepared, bar)


def _follow_events(events: Iterator[Event], prepared: Prepared, bar: Progress) -> Trained:
    plan, headline = prepared.plan, prepared.blueprint.task.headline
    task = bar.add_task("", total=plan.updates, epoch=f"1/{plan.epochs}", figures="", speed="")
    validation, lines = "", Lines(bar.console, ALL_EPOCHS)
    for event in events:
        match event:
            case SegmentDone():
                now = f"{event.epoch}/{plan.epochs}"
                bar.update(task, completed=event.updates, total=event.foretold, epoch=now)
                figures = figures_of(event.loss, validation, event.learning_rate)
                bar.update(task, figures=figures, speed=rows_per_second(bar.tasks[task].speed, event.plan))
            case EpochDone():
                validation = validation_of(event.row, headline)
                bar.update(task, figures=figures_of(event.row["loss"], validation, event.row["learning_rate"]))
                if not bar.console.is_terminal:
                    lines.line(_line(event.row, prepared))
            case RefitEpoch():
                now = f"{event.row['epoch']}/{event.epochs} on all rows"
                figures = figures_of(event.row["loss"], "", event.row["learning_rate"])
                bar.update(task, completed=event.row["epoch"], total=event.epochs, epoch=now, figures=figures, speed="")
                if not bar.console.is_terminal:
                    lines.line(f"epoch {now}  {figures}")
            case Reduced():
                lines.end()
                again = f"going back to iteration {int(event.checkpoint.state.step):,} with a smaller learning rate"
                bar.console.print(f"{event.reason}; {again}", soft_wrap=True)
            case Stopped():
                lines.end()
                if event.status == "finished":  # otherwise the error that follows says it
                    bar.console.print(f"{event.reason}{_kept_note(event, prepared)}", soft_wrap=True)
            case Noted():
                lines.end()
                notes((event.note,), bar.console)
            case Trained():
                return event
    raise AssertionError("a training ends with Trained")


def _kept_note(stopped: Stopped, prepared: Prepared) -> str:
    stopping = prepared.job.early_stopping
    best = f", the best by {stopping.monitor}," if stopping and stopping.restore_best else ""
    return f"; the parameters of epoch {stopped.epoch}{best} are kept" if stopped.epoch else ""


def accounting(numbers: Mapping[str, Any], prepared: Prepared) -> Table:
    """The numbers known before training: name, number, and where it comes from or what it means."""
    plan, shown = prepared.plan, {key: f"{value:,}" for key, value in numbers.items() if isinstance(value, int)}
    parts = [f"{part.rows:,} {name}" for name, part in prepared.dataset.parts.items() if name != "train"]
    full = plan.last_batch_rows == plan.batch_size
    rest = (
        f"{plan.training_rows - plan.rows_per_epoch:,} rows dropped"
        if plan.rows_per_epoch < plan.training_rows
        else ("every batch full" if full else f"the last has {shown['last_batch_rows']} rows")
    )
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    table.add_column(overflow="fold")
    table.add_row("target", prepared.dataset.target.name, _answers(prepared))
    beside = f"beside {' and '.join(parts)}" if parts else ""
    table.add_row("training rows", shown["training_rows"], beside if prepared.dealt is None else _dealt(prepared))
    table.add_row("batch size", shown["batch_size"], plan.descent)
    ratio = f"{shown['training_rows']} / {shown['batch_size']}"
    table.add_row("iterations per epoch", shown["iterations_per_epoch"], f"{ratio}, {rest}")
    table.add_row("epochs", shown["epochs"])
    table.add_row("updates", shown["updates"], f"{shown['iterations_per_epoch']} x {shown['epochs']}")
    training = prepared.settings.config.training
    if training.members is not None:
        table.add_row("members", f"{training.member_count:,}", _members(prepared, training.member_count))
    table.add_row("parameters", shown["parameters"], _network(prepared))
    if numbers.get("frozen_parameters"):
        table.add_row("of them frozen", shown["frozen_parameters"], _frozen_names(prepared))
    table.add_row("memory", f"{numbers['memory_bytes'] / MB:,.1f} MB", "rows, parameters, optimizer, temporary arrays")
    return table


def _dealt(prepared: Prepared) -> str:
    """What is beside the training rows of the first fold."""
    assert prepared.dealt is not None
    held, test = len(prepared.dealt.held_out(0)), prepared.dataset.test
    return f"of the first fold, beside {held:,} held out{f' and {test.rows:,} test' if test else ''}"


def _members(prepared: Prepared, members: int) -> str:
    """What differs between members."""
    folds = prepared.settings.config.training.folds
    if folds is None:
        source = "given" if isinstance(prepared.settings.config.training.members, tuple) else "drawn"
        return f"the first is as below, the others have settings that are {source}"
    settings = members // folds
    more = f" and {settings} settings, the first as below, the others drawn" if settings > 1 else ", all as below"
    return f"one for each of {folds} folds{more}"


def _frozen_names(prepared: Prepared) -> str:
    """The names of the frozen parameters; after four, only how many more there are."""
    names = list(prepared.frozen)
    return ", ".join(names[:4]) + (f" and {len(names) - 4:,} more" if len(names) > 4 else "")


def _answers(prepared: Prepared) -> str:
    """What is predicted: how many classes and which, or a number."""
    target = prepared.dataset.target
    if isinstance(target, SeveralTargets):
        shown = (f"{len(part.classes)} classes" if part.classes else "a number" for part in target.parts)
        return f"{len(target.parts)} targets: {', '.join(shown)}"
    if not target.classes:
        return "a number: regression"
    named = ", ".join(target.classes[:5]) + (", ..." if len(target.classes) > 5 else "")
    return f"{len(target.classes)} {'labels' if target.task == 'multilabel' else 'classes'}: {named}"


def loss_sketch(history: Sequence[Mapping[str, float]], console: Console, *, has_members: bool = False) -> str:
    """The loss curves as lines of text no wider than the console; empty where there is nothing to see.

    An output that cannot show the finer characters gets plain ones. Of an ensemble, a line above says whose they are.
    """
    curves = {name: [row.get(name, math.nan) for row in history] for name in ("loss", "val_loss")}
    shown = {name: values for name, values in curves.items() if any(map(math.isfinite, values))}
    if len(history) < FEWEST_SKETCHED or not shown or console.width < NARROWEST_SKETCH:
        return ""
    first, last = (int(row.get("epoch", 0)) for row in (history[0], history[-1]))
    if last - first + 1 != len(history):  # of very many epochs only some have a row
        return ""
    from batchwright.figures import line_sketch, needs_plain  # a verb that shows none need not load them

    width = min(SKETCH[0], console.width - BESIDE_SKETCH)
    sketch = line_sketch(shown, width, SKETCH[1], first=first, plain=needs_plain(console.encoding))
    return f"losses of the first member:\n{sketch}" if has_members else sketch


def follow_seeds(epochs: "Iterator[int | Repeated]", plan: Plan, console: Console) -> "Repeated":
    """Show the progress of the training with further seeds, and return its result."""
    from batchwright.workflow import Repeated

    lines = Lines(console)
    with progress_bar(console, disable=not console.is_terminal) as bar:
        task = bar.add_task(
            "", total=plan.epochs, epoch=f"0/{plan.epochs}", figures="further seeds, all at once", speed=""
        )
        for done in epochs:
            if isinstance(done, Repeated):
                lines.end()
                return done
            bar.update(task, completed=done, epoch=f"{done}/{plan.epochs}")
            if not console.is_terminal:
                lines.line(f"further seeds: epoch {done}/{plan.epochs}")
    raise AssertionError("it ends with Repeated")


def seeds_table(repeated: "Repeated") -> Table:
    """The mean of every metric over the seeds with its interval: a row for each, a column for each part."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), title_justify="left")
    diverged = sum(run.status == "diverged" for run in repeated.runs)
    said = f" ({diverged} diverged, and are left out)" if diverged else ""
    table.title = f"mean of {len(repeated.runs)} seeds{said}, with its 95 % interval"
    table.add_column("")
    for part in repeated.metrics:
        table.add_column(part, justify="right")
    for name in dict.fromkeys(name for found in repeated.metrics.values() for name in found):
        of_parts = (found.get(name) for found in repeated.metrics.values())
        finished = len(repeated.runs) - diverged
        table.add_row(name, *(_interval(one, finished) if one else "" for one in of_parts))
    return table


def _interval(found: "Estimate", seeds: int) -> str:
    """The mean with its interval, or why it has none."""
    if found.low == found.high:
        return f"{figure_text(found.mean)} ({'one seed' if seeds == 1 else f'the same with all {seeds}'})"
    return f"{figure_text(found.mean)} ({figure_text(found.low)} to {figure_text(found.high)})"


def settings_table(settings: Mapping[str, Mapping[str, Any]]) -> Table:
    """Settings that are not defaults, a row each: the value, who chose it, and the reason if it was measured."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for name in ("setting", "value", "chosen by", "why"):
        table.add_column(name, overflow="fold")
    for key, setting in settings.items():
        table.add_row(key, flow(setting["value"]), CHOSEN_BY[setting["origin"]], _reason(setting.get("evidence")))
    return table


def _reason(evidence: Mapping[str, Any] | None) -> str:
    """The reason in the evidence, which comes from an untrusted run, and what the value was rescaled for."""
    found = evidence or {}
    fitted = f"rescaled for {flow(found['rescaled_for'])}" if "rescaled_for" in found else ""
    return "; ".join(filter(None, (str(found.get("reason", "")), fitted)))


def _network(prepared: Prepared) -> str:
    """The kind of network, and the widths from its inputs through its hidden layers to its outputs."""
    blueprint = prepared.blueprint
    features, network = blueprint.features, blueprint.architecture
    columns = features.numeric + len(features.cardinalities) + len(features.text)
    image = " x ".join(map(str, features.image or ()))
    beside = [f"{columns} columns"] if columns or not image else []
    inputs = " and ".join([image, *beside] if image else beside)
    hidden = (*getattr(network, "filters", ()), *getattr(network, "hidden_layer_sizes", ()))
    return f"{network.name}: {' -> '.join([inputs, *map(str, hidden), str(blueprint.task.outputs)])}"


def _line(row: EpochRow, prepared: Prepared) -> str:
    validation = validation_of(row, prepared.blueprint.task.headline)
    figures = figures_of(row["loss"], validation, row["learning_rate"]) + _noise(row)
    return (
        f"epoch {row['epoch']}/{prepared.plan.epochs}  {row['iteration']:,} updates  {row['seconds']:.1f} s  {figures}"
    )


def _noise(row: EpochRow) -> str:
    """The batch size if it grows, and the noise scale if it was measured; its lower bound if it has no value."""
    size = f"  batch {row['batch_size']:,}" if "batch_size" in row else ""
    if "noise_scale" not in row:
        return size
    value, low = row["noise_scale"], row["noise_scale_low"]
    noise = f"{value:,.0f}" if math.isfinite(value) else f"> {low:,.0f}" if low >= 1.0 else "?"
    return f"{size}  noise {noise}"
