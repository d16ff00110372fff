"""Make one model of trained members: choose those that answer by the validation rows, and tell what each adds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from batchwright.nn import Variables
from batchwright.nn.members import Members, join_members
from batchwright.nn.uncompiled import call_on_host
from batchwright.population.fit import MemberRun
from batchwright.runs.members import Figures, Member, MembersRecord
from batchwright.runs.model import Blueprint
from batchwright.tasks import Task
from batchwright.training.evaluate import answers_of
from batchwright.training.selection import Selection, select_members
from batchwright.training.state import Model
from batchwright.workflow.drawn import Drawn
from batchwright.workflow.finishing import finish_task
from batchwright.workflow.fitting import HeldOut
from batchwright.workflow.preparing import Prepared


class Joined(NamedTuple):
    """What was prepared, with the model that answers; its variables; and what is known of the members.

    With folds, `held_out` has the answers of members to the rows that they were not trained on.
    """

    prepared: Prepared
    variables: Variables
    record: MembersRecord
    held_out: HeldOut | None = None


class _Answers(NamedTuple):
    """What some members answer to the validation rows [members, rows, outputs], by number, and the rows."""

    numbers: tuple[int, ...]
    outputs: np.ndarray
    targets: np.ndarray
    weights: np.ndarray | None


def join_trained(prepared: Prepared, drawn: Sequence[Drawn], runs: Mapping[int, MemberRun]) -> Joined | None:
    """Join the members that were trained, by number; None where none of them has an answer."""
    answers = _answers(prepared, drawn, runs)
    if answers is None:
        return None
    model = prepared.job.program.model
    chosen = select_members(model, answers.outputs, answers.targets, answers.weights, seed=prepared.job.seed)
    counts = {answers.numbers[place]: chosen.counts[place] for place in chosen.order}
    joined, variables = join_counted(prepared, drawn, runs, counts)
    finished = finish_task(
        joined.blueprint.task,
        prepared.settings.config.task,
        joined.job.program.model,
        variables,
        train=prepared.job.train,
        validation=prepared.job.validation,
    )
    return Joined(joined, variables, _record(replace(model, task=finished.task), drawn, runs, answers, chosen))


def join_counted(
    prepared: Prepared, drawn: Sequence[Drawn], runs: Mapping[int, MemberRun], counts: Mapping[int, int]
) -> tuple[Prepared, Variables]:
    """What was prepared, with the model of members, by number, each with how often it counts; and its variables."""
    blueprint = blueprint_of(prepared, drawn, counts)
    each = [runs[number].now.kept for number in counts]
    variables = join_members(each) if len(each) > 1 else each[0]
    program = replace(prepared.job.program, model=blueprint.build())
    state = prepared.state._replace(params=variables.params, state=variables.state)
    return replace(prepared, blueprint=blueprint, job=replace(prepared.job, program=program), state=state), variables


def _answers(prepared: Prepared, drawn: Sequence[Drawn], runs: Mapping[int, MemberRun]) -> _Answers | None:
    """What those members answer that have done an epoch, did not diverge, and answer with finite numbers."""
    numbers, outputs = list[int](), list[np.ndarray]()
    targets, weights = np.zeros(0), None
    assert prepared.job.validation is not None
    for number, run in sorted(runs.items()):
        if not has_answers(run):
            continue
        model = blueprint_of(prepared, drawn, {number: 1}).build()
        found, targets, weights = answers_of(model, run.now.kept, prepared.job.validation)
        if np.isfinite(found).all():
            numbers.append(number)
            outputs.append(found)
    return _Answers(tuple(numbers), np.stack(outputs), targets, weights) if numbers else None


def has_answers(run: MemberRun) -> bool:
    """Whether a member has done an epoch, and did not diverge."""
    return bool(run.now.history) and not (run.end is not None and run.end.status == "diverged")


def blueprint_of(prepared: Prepared, drawn: Sequence[Drawn], counts: Mapping[int, int]) -> Blueprint:
    """The blueprint of members, each with how often it counts; of one alone, its own."""
    each = tuple(drawn[number].settings.config.network for number in counts)
    architecture = Members(each, tuple(counts.values())) if len(each) > 1 else each[0]
    return replace(prepared.blueprint, architecture=architecture)


def _record(
    model: Model, drawn: Sequence[Drawn], runs: Mapping[int, MemberRun], answers: _Answers, chosen: Selection
) -> MembersRecord:
    """All members that were begun: those that answer first, then the others by number.

    The figures are those of the model's task with what is learned at the end, as the metrics of the run are.
    """
    places = {number: place for place, number in enumerate(answers.numbers)}
    order = [answers.numbers[place] for place in chosen.order]
    members, together = list[Member](), list[np.ndarray]()
    for number in (*order, *(number for number in sorted(runs) if number not in order)):
        run, place = runs[number], places.get(number)
        alone = {} if place is None else figures_of(model.task, answers.outputs[place], *answers[2:])
        count = 0 if place is None else chosen.counts[place]
        joined = None
        if place is not None and count:
            together += [answers.outputs[place]] * count
            pooled = call_on_host(model.task.pool, np.stack(together, axis=1))
            joined = figures_of(model.task, pooled, *answers[2:])
        ended = ("", "") if run.end is None else run.end
        kept = run.now.kept_epoch
        changes, epochs = dict(drawn[number].changes), len(run.now.history)
        members.append(Member(number + 1, changes, *ended, epochs, kept, alone, count, joined))
    return MembersRecord(tuple(members), chosen.way, chosen.reason)


def figures_of(task: Task, outputs: np.ndarray, targets: np.ndarray, weights: np.ndarray | None) -> Figures:
    """The loss of some outputs, and the metric that matters first."""
    found = task.metrics(outputs, targets, weights)
    return {name: found[name] for name in dict.fromkeys(("loss", task.headline)) if name in found}
