"""Make one model of members of which each holds out a fold: settings are chosen by answers to rows held out.

The members of one setting, one a fold, are one candidate: together they answer each row once, by the member that was
not trained on it (Breiman 1996, Stacked Regressions). So candidates are compared on the same rows, none of which has
taught who answers it.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from batchwright.nn.uncompiled import call_on_host
from batchwright.population.fit import MemberRun
from batchwright.runs.members import Figures, Member, MembersRecord, Way
from batchwright.tasks import Task
from batchwright.training.evaluate import answers_of
from batchwright.training.selection import select_members
from batchwright.training.state import Model, take_rows
from batchwright.workflow.dealing import Dealt
from batchwright.workflow.drawn import Drawn
from batchwright.workflow.finishing import Answers, finish_by
from batchwright.workflow.fitting import HeldOut
from batchwright.workflow.joining import Joined, blueprint_of, figures_of, has_answers, join_counted
from batchwright.workflow.preparing import Prepared


class _Chosen(NamedTuple):
    """Members, by number from 0, that join together, each set with how often it counts; by which way, and why."""

    steps: tuple[tuple[tuple[int, ...], int], ...]
    way: Way
    reason: str

    def counts(self, steps: int | None = None) -> dict[int, int]:
        """How often each member counts after some steps, or after all."""
        return {number: count for numbers, count in self.steps[:steps] for number in numbers}


class _Rows(NamedTuple):
    """The rows that are dealt out, their targets and weights, and what members answer to those that they hold out."""

    dealt: Dealt
    targets: np.ndarray
    weights: np.ndarray | None
    outputs: Mapping[int, np.ndarray]

    def held_out(self, number: int) -> Answers:
        """What a member, by number from 0, answers to the rows that it holds out."""
        places = self.dealt.held_out(fold_of_member(number, self.dealt))
        return self.outputs[number], self.targets[places], None if self.weights is None else self.weights[places]

    def out_of_fold(self, task: Task, counts: Mapping[int, int]) -> tuple[np.ndarray, Answers]:
        """The places of the rows that some of these members hold out, and their mean answers to them."""
        found = np.zeros((len(self.targets), task.outputs), np.float32)
        answered = np.zeros(len(self.targets), bool)
        for fold in range(self.dealt.count):
            of_fold = [number for number in counts if fold_of_member(number, self.dealt) == fold]
            each = [self.outputs[number] for number in of_fold for _ in range(counts[number])]
            if each:
                places = self.dealt.held_out(fold)
                found[places], answered[places] = call_on_host(task.pool, np.stack(each, axis=1)), True
        places = np.flatnonzero(answered)
        return places, (found[places], self.targets[places], None if self.weights is None else self.weights[places])


def fold_of_member(number: int, dealt: Dealt) -> int:
    """The fold that a member holds out; both are counted from 0."""
    return number % dealt.count


def join_folds(prepared: Prepared, drawn: Sequence[Drawn], runs: Mapping[int, MemberRun]) -> Joined | None:
    """Join the members that were trained, by number; None where none of them has an answer."""
    assert prepared.dealt is not None
    rows = _answer(prepared, prepared.dealt, drawn, runs)
    if not rows.outputs:
        return None
    model = prepared.job.program.model
    chosen = _choose(model, rows, len(drawn), seed=prepared.job.seed)
    joined, variables = join_counted(prepared, drawn, runs, chosen.counts())
    places, answers = rows.out_of_fold(model.task, chosen.counts())
    finished = finish_by(joined.blueprint.task, prepared.settings.config.task, answers, [answers])
    record = _record(finished.task, rows, drawn, runs, chosen)
    folds = rows.dealt.folds[places] + 1
    held_out = HeldOut(
        answers, places, (answers,), rows.dealt.rows, "folds", _remark(prepared, rows, len(places)), folds
    )
    return Joined(joined, variables, record, held_out)


def _answer(prepared: Prepared, dealt: Dealt, drawn: Sequence[Drawn], runs: Mapping[int, MemberRun]) -> _Rows:
    """What those members answer to the rows of their folds that answer with finite numbers."""
    outputs = dict[int, np.ndarray]()
    for number, run in sorted(runs.items()):
        if has_answers(run):
            model = blueprint_of(prepared, drawn, {number: 1}).build()
            own = take_rows(dealt.rows, dealt.held_out(fold_of_member(number, dealt)))
            found, _, _ = answers_of(model, run.now.kept, own)
            if np.isfinite(found).all():
                outputs[number] = found
    weights = None if dealt.rows.weights is None else np.asarray(dealt.rows.weights)
    return _Rows(dealt, np.asarray(dealt.rows.targets), weights, outputs)


def _choose(model: Model, rows: _Rows, members: int, *, seed: int) -> _Chosen:
    """Choose among the settings that have a member of each fold; without any, all members answer alike."""
    folds = rows.dealt.count
    settings = [tuple(range(first, first + folds)) for first in range(0, members, folds)]
    whole = [numbers for numbers in settings if all(number in rows.outputs for number in numbers)]
    if not whole:
        why = "no setting has a member of each fold that was trained and answers, so that settings cannot be compared"
        return _Chosen(((tuple(rows.outputs), 1),), "all alike", why)
    if len(whole) == 1:
        return _Chosen(((whole[0], 1),), "all alike", "there is one setting that has a member of each fold")
    outputs = np.stack([rows.out_of_fold(model.task, dict.fromkeys(numbers, 1))[1][0] for numbers in whole])
    found = select_members(model, outputs, rows.targets, rows.weights, seed=seed)
    steps = tuple((whole[place], found.counts[place]) for place in found.order)
    return _Chosen(steps, found.way, f"of settings, each with a member of each fold: {found.reason}")


def _record(
    task: Task, rows: _Rows, drawn: Sequence[Drawn], runs: Mapping[int, MemberRun], chosen: _Chosen
) -> MembersRecord:
    """All members that were begun: those that answer first, setting by setting, then the others by number."""
    counts, together = chosen.counts(), dict[int, Figures]()
    for step, (numbers, _) in enumerate(chosen.steps, start=1):
        _, answers = rows.out_of_fold(task, chosen.counts(step))
        together |= dict.fromkeys(numbers, figures_of(task, *answers))
    members = list[Member]()
    for number in (*counts, *(number for number in sorted(runs) if number not in counts)):
        now, (status, reason) = runs[number].now, runs[number].end or ("", "")
        trained = Member(
            number + 1,
            dict(drawn[number].changes),
            status,
            reason,
            epochs=len(now.history),
            epoch=now.kept_epoch,
            validation=figures_of(task, *rows.held_out(number)) if number in rows.outputs else {},
            count=counts.get(number, 0),
            together=together.get(number),
            fold=fold_of_member(number, rows.dealt) + 1,
        )
        members.append(trained)
    return MembersRecord(tuple(members), chosen.way, chosen.reason)


def _remark(prepared: Prepared, rows: _Rows, answered: int) -> str:
    """Whose the validation figures are."""
    every, drops = len(rows.targets), prepared.dataset.encoding.reading.on_bad_rows == "drop"
    left = f"; {every - answered:,} rows, whose folds have no member that answers, are not in them" * (answered < every)
    numbers = "; `row` counts the rows of the source without those that were left out as their cells do not fit" * drops
    return (
        f"validation figures are out of fold: each of {answered:,} training and validation rows is answered by the "
        f"members that were not trained on it{left}; training figures are those of all members on the same "
        f"rows{numbers}"
    )
