"""What a person sees of a search: the leaders while it runs, and afterwards the best trials and what mattered.

On a terminal there is a live table; otherwise a plain line for each rung and each round.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from batchwright._shown import figure_text
from batchwright.cli.show.notes import notes
from batchwright.config import flow
from batchwright.config.emit import brief
from batchwright.search.events import Began, MembersChosen, Progress, RoundDone, Searched, SearchEvent, Waiting
from batchwright.search.importance import Importance
from batchwright.search.objective import LOSS, Objective
from batchwright.search.study import Finished
from batchwright.workflow import Prepared
from batchwright.workflow.events import Noted

LEADERS, LISTED = 8, 10
"""Trials shown while a search runs, and at its end."""


def follow_trials(events: Iterator[SearchEvent], console: Console) -> Prepared:
    """Show the rounds of a search, until the training of the best trial; return the first event of that training."""
    began = next(events)
    assert isinstance(began, Began)
    notes(began.notes, console)
    for dimension in began.space.dimensions:
        when = f" when {flow(dict(dimension.when))}" if dimension.when else ""
        said = f"searching {dimension.key}: {dimension.scale} {flow(list(dimension.values))}{when}"
        console.print(said, soft_wrap=True)
    console.print(f"folder: {began.folder}", soft_wrap=True)
    told, waited = set[str](), 0
    with Live(console=console, transient=True, auto_refresh=False) as live:
        for event in events:
            match event:
                case Progress():
                    if console.is_terminal:
                        live.update(_leaders(event, began), refresh=True)
                    elif event.at_rung:
                        console.print(_rung_line(event, began.objective), soft_wrap=True)
                case RoundDone():
                    console.print(_round_line(event, began), soft_wrap=True)
                    notes(tuple(note for note in event.notes if note not in told), console)
                    told.update(event.notes)
                    waited = 0
                case MembersChosen():
                    console.print(_members_line(event), soft_wrap=True)
                    notes(event.notes, console)
                case Waiting():
                    if event.running != waited:
                        console.print(f"waiting for trials of other processes: {event.running}")
                    waited = event.running
                case Noted():
                    notes((event.note,), console)
                case Prepared():
                    return event
    raise AssertionError("a search ends with the training of its best trial")


def trials_table(finished: Sequence[Finished], objective: Objective = LOSS) -> Table:
    """The best trials: their settings, and the values that they reached."""
    table = _table("", "trial", objective.monitor, "epochs", "ended", "settings")
    best = sorted(finished, key=lambda one: (objective.cost(one.outcome.value), one.number))[:LISTED]
    for place, one in enumerate(best):
        outcome = one.outcome
        table.add_row(
            "→" if place == 0 else "",
            str(one.number),
            f"{outcome.value:.4g}",
            str(len(outcome.curve)),
            outcome.ending,
            settings_text(one.chosen),
        )
    return table


def importance_table(found: Importance) -> Table:
    """The share of each setting in the differences between trials, with its interval over resampled trials."""
    table = _table("setting", "importance (PED-ANOVA)", "importance (fANOVA)")
    table.caption = "intervals are over resampled trials; a setting that does not matter has a small share, not 0"
    fanova = {share.name: share for share in found.fanova}
    for share in found.ped_anova:
        other = fanova.get(share.name)
        table.add_row(
            share.name,
            f"{share.share:.2f} ({share.low:.2f} to {share.high:.2f})",
            f"{other.share:.2f} ({other.low:.2f} to {other.high:.2f})" if other else "",
        )
    if found.seeds is not None:
        table.add_row("the seed", "", f"{found.seeds:.2f}")
    for pair in found.interactions[:3]:
        table.add_row(f"{pair.first} with {pair.second}", "", f"{pair.share:.2f} ({pair.low:.2f} to {pair.high:.2f})")
    return table


def found_lines(found: Searched) -> Iterator[str]:
    """The best settings, how many trials there were, and where the results are."""
    yield f"best of {len(found.finished)} trials: {settings_text(found.best.chosen)}"
    yield from _ensemble_lines(found)
    yield f"{endings_line(found.finished, found.objective)}; {found.seconds:.1f} s in all"
    yield f"run: {found.trained.run.path if found.trained.run else found.folder}"


def _ensemble_lines(found: Searched) -> Iterator[str]:
    """The trials that are members, and the first metric of the ensemble beside that of the best trial alone."""
    record = found.trained.members
    if record is None:
        return
    trials = ", ".join(str(found.members[one.number - 1].number) for one in record.answering)
    name = found.trained.prepared.blueprint.task.headline
    figures = (
        f"{part} {name} {figure_text(found.trained.metrics[part].get(name))}, of trial {found.best.number} alone "
        f"{figure_text(alone.get(name))}"
        for part, alone in record.first.items()
    )
    one = len(record.answering) == 1
    yield f"ensemble of trial{'' if one else 's'} {trials}: {'; '.join(figures)}"


def _members_line(event: MembersChosen) -> str:
    trials = ", ".join(str(one.number) for one in event.trials)
    return f"members: the best trials, {trials}" if len(event.trials) > 1 else f"the best: trial {trials}"


def endings_line(finished: Sequence[Finished], objective: Objective = LOSS) -> str:
    """How many trials diverged, were stopped early, or had no value of the objective."""
    diverged, stopped, without = (
        sum(one.outcome.ending == ending for one in finished) for ending in ("diverged", "stopped", "undefined")
    )
    undefined = f", {without} had no finite {objective.monitor}" if without else ""
    return f"{diverged} diverged, {stopped} were stopped early{undefined}"


def settings_text(chosen: Mapping[str, Any]) -> str:
    """The chosen settings, each key without its section.

    >>> settings_text({"optimizer.learning_rate": 0.00123456, "network.hidden_layer_sizes": [64, 32]})
    'learning_rate 0.00123, hidden_layer_sizes [64, 32]'
    """
    return ", ".join(f"{key.split('.', 1)[1]} {brief(value)}" for key, value in chosen.items())


def _leaders(event: Progress, began: Began) -> Group:
    """The progress of the search, and the leading trials of this round and earlier ones."""
    objective, trials = began.objective, began.options.trials
    table = _table("trial", objective.monitor, "epoch", "", "settings")
    now = [(one.value, one.number, len(one.curve), one.outcome) for one in event.standings]
    now += [(one.outcome.value, one.number, len(one.outcome.curve), one.outcome) for one in event.finished]
    chosen = {one.number: one.chosen for one in (*event.asked, *event.finished)}
    for value, number, epoch, outcome in sorted(now, key=lambda one: (objective.cost(one[0]), one[1]))[:LEADERS]:
        ending = outcome.ending if outcome else ""
        figure = f"{value:.4g}" if epoch else ""
        table.add_row(str(number), figure, f"{epoch}/{event.epochs}", ending, settings_text(chosen[number]))
    done = len(event.finished) + sum(one.outcome is not None for one in event.standings)
    left = f"{event.seconds / event.epoch * (event.epochs - event.epoch):.0f} s" if event.epoch else "?"
    title = (
        f"{done}/{trials} trials done, {event.alive} alive, {event.diverged} diverged  "
        f"epoch {event.epoch}/{event.epochs}  {event.rows_per_second:,.0f} rows/s  {left} left in this round"
    )
    return Group(title, table)


def _rung_line(event: Progress, objective: Objective) -> str:
    best = min(event.standings, key=lambda one: objective.cost(one.value))
    return (
        f"epoch {event.epoch}/{event.epochs}  {event.alive} of {len(event.standings)} trials go on, {event.diverged} "
        f"have diverged  {event.rows_per_second:,.0f} rows/s  best {best.value:.4g} (trial {best.number})"
    )


def _round_line(event: RoundDone, began: Began) -> str:
    best = min(event.finished, key=lambda one: began.objective.cost(one.outcome.value))
    return (
        f"{len(event.finished)}/{began.options.trials} trials  best {best.outcome.value:.4g} (trial {best.number}: "
        f"{settings_text(best.chosen)})"
    )


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, justify="left" if name in ("", "settings", "setting", "ended") else "right")
    return table
