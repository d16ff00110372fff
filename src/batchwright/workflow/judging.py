"""How good trained variables are on the rows of each part, once the task has learned what it learns at the end."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from batchwright.nn.protocols import Variables
from batchwright.tasks import Task
from batchwright.training.evaluate import Judged, judge, judge_answers
from batchwright.training.feed import OnDisk
from batchwright.training.state import Rows
from batchwright.workflow.finishing import Finished, chosen_in_training, finish_by, finish_task
from batchwright.workflow.fitting import HeldOut
from batchwright.workflow.jobs import rows_of
from batchwright.workflow.preparing import Prepared

Part: TypeAlias = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")


def finish(prepared: Prepared, variables: Variables, held_out: HeldOut | None = None) -> Finished:
    """What the task learns when training has ended, and what its validation rows were used for."""
    job, dataset, task = prepared.job, prepared.dataset, prepared.blueprint.task
    own = prepared.settings.config.task
    if held_out is None:
        model = job.program.model
        found = finish_task(task, own, model, variables, train=job.train, validation=job.validation)
    else:
        found = finish_by(task, own, held_out.answers, held_out.taught)
    if found.conformal is None:
        return found
    drawn = len(dataset.indices.validation) > 0  # else they have a source of their own
    learned = () if held_out is None else (held_out.chosen,)
    chosen = (*chosen_in_training(prepared), *found.conformal.chosen, *learned)
    return found._replace(conformal=replace(found.conformal, chosen=chosen, split=dataset.split if drawn else ""))


def with_task(prepared: Prepared, task: Task) -> Prepared:
    """What was prepared, with another task."""
    if task is prepared.blueprint.task:
        return prepared
    program = replace(prepared.job.program, model=replace(prepared.job.program.model, task=task))
    blueprint = replace(prepared.blueprint, task=task)
    return replace(prepared, blueprint=blueprint, job=replace(prepared.job, program=program))


def judge_finished(prepared: Prepared, variables: Variables, parts: Sequence[Part] = PARTS) -> dict[str, Judged]:
    """How good these variables are on the rows of some parts, with a task finished by them (`finish_task`)."""
    return judge_parts(with_task(prepared, finish(prepared, variables).task), variables, parts)


def judge_parts(
    prepared: Prepared, variables: Variables, parts: Sequence[Part] = PARTS, held_out: HeldOut | None = None
) -> dict[str, Judged]:
    """How good these variables are on the rows of the parts that there are, with the task as it is.

    Where they have learned the validation rows, the answers that were held out are judged in place of theirs.
    """
    model, found = prepared.job.program.model, {part: _rows_of_part(prepared, part) for part in parts}
    if held_out is not None:
        found["train"] = held_out.rows
    return {
        part: judge_answers(model.task, *held_out.answers)
        if held_out is not None and part == "validation"
        else judge(model, variables, rows)
        for part, rows in found.items()
        if rows is not None
    }


def _rows_of_part(prepared: Prepared, part: Part) -> Rows | OnDisk | None:
    job, test = prepared.job, prepared.dataset.test
    if part == "test":
        return None if test is None else rows_of(test, prepared.dataset, job.plan, job.placement)
    return job.train if part == "train" else job.validation
