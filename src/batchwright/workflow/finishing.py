"""What is learned when training has ended: a temperature, a threshold, residuals for means, scores for intervals."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, get_args

import numpy as np

from batchwright.config.sections import NUMBERS, TaskSettings
from batchwright.nn.protocols import Variables
from batchwright.tasks import Classification, Multilabel, Regression, Several, Task
from batchwright.tasks.answers import used_rows
from batchwright.tasks.conformal import Chosen, Conformal, conformal_scores
from batchwright.tasks.several import Head
from batchwright.tasks.temperature import Calibration, Temperature, find_temperature
from batchwright.tasks.threshold import Aim, best_threshold
from batchwright.training.evaluate import answers_of
from batchwright.training.feed import OnDisk
from batchwright.training.state import Model, Rows
from batchwright.workflow.augmenting import FLIP
from batchwright.workflow.preparing import Prepared
from batchwright.workflow.refusals import asks_for_members

Answers = tuple[np.ndarray, np.ndarray, np.ndarray | None]
"""Outputs, targets and weights of rows."""
CHOSEN: tuple[Chosen, ...] = get_args(Chosen)
UNDETERMINED = (
    "probabilities stay as they are: no temperature between 0.1 and 10 is best for the validation rows, as where every "
    "answer is right"
)


class Finished(NamedTuple):
    """A task with what was learned at the end, remarks on it, and what intervals are made from, if that is known."""

    task: Task
    remarks: tuple[str, ...] = ()
    conformal: Conformal | None = None


def finish_task(
    task: Task,
    settings: TaskSettings,
    model: Model,
    variables: Variables,
    *,
    train: Rows | OnDisk,
    validation: Rows | OnDisk | None,
) -> Finished:
    """The task with what is learned when training has ended, from the answers of a model: see `finish_by`.

    Residuals are those of training and validation rows.
    """
    found = None if validation is None else answers_of(model, variables, validation)
    taught = [answers_of(model, variables, train)] if needs_residuals(task) else []
    return finish_by(task, settings, found, [*taught, *([] if found is None else [found])])


def needs_residuals(task: Task) -> bool:
    """Whether the task learns residuals when training has ended."""
    return isinstance(task, Regression | Several) and task.needs_residuals


def finish_by(task: Task, settings: TaskSettings, found: Answers | None, taught: Sequence[Answers]) -> Finished:
    """The task with what is learned from answers.

    Args:
        task: the task as it was in training.
        settings: what is wanted.
        found: answers to rows that were held out. Temperature, threshold and scores are learned from them, in this
            order: a threshold is a probability after scaling.
        taught: those from which residuals are learned, where the task needs any.
    """
    if needs_residuals(task):
        task = _with_residuals(task, taught)
    if found is None or not np.isfinite(found[0]).all():
        return Finished(task)
    scaled, remarks = calibrate(task, settings.calibration, found)
    done = _with_threshold(scaled, settings.threshold, found)
    chose = {"temperature": scaled is not task, "threshold": done is not scaled}
    scores = conformal_scores(done, *found)
    chosen = tuple(name for name in CHOSEN if chose.get(name))
    return Finished(done, remarks, None if scores is None else Conformal(scores, chosen))


def chosen_in_training(prepared: Prepared) -> Iterator[Chosen]:
    """What the validation rows chose before the end, or may have taught."""
    settings, stopping = prepared.settings, prepared.job.early_stopping
    if prepared.begun:
        yield "initial"
    training = settings.config.training
    alike = training.folds is not None and training.folds == training.member_count
    tried = any(settings.origins.get(key) == "measured" for key in (NUMBERS, FLIP))
    if tried or (asks_for_members(settings) and not alike) or "searched" in settings.origins.values():
        yield "settings"
    if prepared.job.schedule.uses_losses:
        yield "learning rates"
    if stopping is not None and stopping.monitor != "loss":
        yield "epoch"


def _with_residuals(task: Task, parts: Sequence[Answers]) -> Task:
    assert isinstance(task, Regression | Several)
    outputs, targets = (np.concatenate([part[place] for part in parts]) for place in (0, 1))
    given = [np.ones(len(part[1])) if part[2] is None else part[2].astype(np.float64) for part in parts]
    return task.with_residuals(outputs, targets, np.concatenate(given)) if np.isfinite(outputs).all() else task


def _with_threshold(task: Task, aim: float | Aim, found: Answers) -> Task:
    """The task with the best threshold for these rows, if one is asked for."""
    if not isinstance(task, Classification) or not isinstance(aim, str):
        return task
    outputs, targets, given = found
    rows, weights = used_rows(len(outputs), given)
    second = task.probabilities(outputs[rows])[:, 1]
    return replace(task, threshold=best_threshold(second, targets[rows], weights, aim=aim))


def calibrate(task: Task, calibration: Calibration, found: Answers) -> tuple[Task, tuple[str, ...]]:
    """The task with the temperature that suits these rows, where one is wanted, and a remark about it."""
    if isinstance(task, Several):
        return _calibrate_heads(task, calibration, found)
    if calibration == "none" or not isinstance(task, Classification | Multilabel):
        return task, ()
    outputs, targets, given = found
    rows, weights = used_rows(len(outputs), given)
    logits, true = _logits(task, outputs[rows], targets[rows])
    best = find_temperature(logits, true, weights)
    if best is None:
        return task, (UNDETERMINED,) if calibration == "temperature" else ()
    if calibration == "auto" and not best.is_sure:
        return task, ()
    return replace(task, temperature=best.value), (_temperature_remark(best),)


def _calibrate_heads(task: Several, calibration: Calibration, found: Answers) -> tuple[Task, tuple[str, ...]]:
    """Several targets, each class of which has a temperature of its own."""
    outputs, targets, given = found
    heads, remarks = list[Head](), list[str]()
    for name, (head, own, wanted) in zip(task.names, task.heads_with(outputs, targets), strict=True):
        new, said = calibrate(head, calibration, (own, wanted, given))
        assert isinstance(new, Classification | Regression)
        heads.append(new)
        remarks += [f"{name}: {remark}" for remark in said]
    same = all(new is old for new, old in zip(heads, task.heads, strict=True))
    return task if same else replace(task, heads=tuple(heads)), tuple(remarks)


def _logits(
    task: Classification | Multilabel, outputs: np.ndarray, targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Logits [rows, answers, classes] and the true class of each answer."""
    if isinstance(task, Classification):
        return task.logits(outputs)[:, None, :], np.asarray(targets, np.int64)[:, None]
    log_odds = np.asarray(outputs, np.float64)
    return np.stack([np.zeros_like(log_odds), log_odds], axis=2), (np.asarray(targets) > 0).astype(np.int64)


def _temperature_remark(found: Temperature) -> str:
    surer = "less sure" if found.value > 1 else "surer"
    gain = f"lowers their log loss from {found.before:.4f} to {found.before - found.gain:.4f}"
    if found.gain <= 0:
        gain = f"does not lower the log loss of others, {found.before:.4f}"
    return (
        f"probabilities are made {surer} with the temperature {found.value:.3f}, found on the validation rows, which "
        f"{gain}; `task.calibration=none` leaves them as they are"
    )
