"""What a person sees of the members of an ensemble: their training, and what each adds."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from batchwright._shown import figure_text
from batchwright.cli.output import Lines
from batchwright.config.emit import brief
from batchwright.runs.members import Member, MembersRecord
from batchwright.training.events import Stopped
from batchwright.workflow import Event, Trained
from batchwright.workflow.events import MembersDone, Noted
from batchwright.workflow.progress import members_text, progress_bar


def follow_members(events: Iterator[Event], console: Console) -> Trained:
    """Show the training of members as it goes on, and return its last event."""
    lines = Lines(console)
    with progress_bar(console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=1.0, epoch="", figures="compiling", speed="")
        for event in events:
            match event:
                case MembersDone():
                    _show_epoch(event, bar, task, lines)
                case Stopped() if event.status == "finished":
                    lines.end()
                    console.print(event.reason, soft_wrap=True)
                case Noted():
                    lines.end()
                    console.print(f"note: {event.note}", soft_wrap=True)
                case Trained():
                    return event
    raise AssertionError("a training ends with Trained")


def _show_epoch(event: MembersDone, bar: Progress, task: int, lines: Lines) -> None:
    bar.update(task, completed=event.share, epoch=f"{event.epoch}/{event.epochs}", figures=members_text(event))  # type: ignore[arg-type]
    if not bar.console.is_terminal:
        lines.line(f"epoch {event.epoch}/{event.epochs}  {members_text(event)}")


def members_table(record: MembersRecord, trials: Sequence[int] = ()) -> Table:
    """A row for each member: weight, epochs, its own figures, those with it, and its settings.

    Of a search, `trials` has the number of the trial of each member, in the order of their numbers.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), title_justify="left")
    table.title = f"members: {record.way}"
    names = list(record.members[0].validation)
    folds, of_search = ("fold",) * record.has_folds, ("trial",) * bool(trials)
    for name in ("member", *of_search, *folds, "weight", "epoch", *(f"val_{name}" for name in names)):
        table.add_column(name, justify="right")
    for name in names:
        table.add_column(f"with it val_{name}", justify="right")
    table.add_column("settings", overflow="fold")
    for member in record.members:
        own, together = member.validation, member.together or {}
        figures = [figure_text(own.get(name)) for name in names] + [figure_text(together.get(name)) for name in names]
        weight = f"{record.share(member):.3f}" if member.count else "-"
        first = [str(member.number), *([str(trials[member.number - 1])] if trials else [])]
        first += [str(member.fold)] if folds else []
        epochs = f"{member.epoch}/{member.epochs}"
        table.add_row(*first, weight, epochs, *figures, member_text(member))
    return table


def beside_first(trained: Trained, name: str) -> dict[str, Mapping[str, float | None]]:
    """The metrics of an ensemble by part, and beside them those of its first member alone, as columns of this name."""
    first, found = trained.members.first if trained.members else {}, dict[str, Mapping[str, float | None]]()
    for part, figures in trained.metrics.items():
        found[part] = figures
        if part in first:
            found[f"{part}, {name}"] = first[part]
    return found


def show_members(record: MembersRecord, console: Console, trials: Sequence[int] = ()) -> None:
    """Print the members, and why they were chosen so; `trials` as in `members_table`."""
    console.print(members_table(record, trials))
    console.print(f"{record.reason}\n", soft_wrap=True, markup=False, highlight=False)


def member_text(member: Member) -> str:
    """What is other in the settings of a member, in words; why it has no answer, where it has none."""
    other = ", ".join(f"{key.rpartition('.')[2]} {brief(value)}" for key, value in member.settings.items())
    ended = f"; {member.status}: {member.reason}" if member.status == "diverged" else ""
    return (other or "nothing: the settings as they are") + ended
