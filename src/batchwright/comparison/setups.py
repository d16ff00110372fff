"""A run's training once more, as it was or with changed settings: its job, and by what figure the two are compared."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from batchwright.comparison.changed import changed_settings
from batchwright.comparison.contenders import Contender, can_share
from batchwright.config import Given, Settings
from batchwright.config.settings import present_name
from batchwright.data.dataset import Dataset
from batchwright.errors import ConfigError, RunError
from batchwright.runs.run import Run
from batchwright.search.objective import LOSS, Objective, objective_of
from batchwright.tasks import Task
from batchwright.training.job import Job
from batchwright.workflow import Prepared
from batchwright.workflow.initial import given_variables
from batchwright.workflow.measuring import measure_auto
from batchwright.workflow.places import require_rows_again
from batchwright.workflow.preparing import example_of, job_on, prepare, with_rows_budget
from batchwright.workflow.refusals import refuse_members
from batchwright.workflow.training import require_same_rows

SEED, CLASS_WEIGHTS, BALANCED = "training.seed", "task.class_weights", "balanced_accuracy"


@dataclass(frozen=True)
class Base:
    """The training as it was.

    `constant` has the metrics of constant answers on the validation rows, as outputs of 0 are; `reads` says whether the
    rows can be read again with other settings.
    """

    run: Run
    prepared: Prepared = field(repr=False)
    constant: Mapping[str, float]
    reads: bool
    given: Given


@dataclass(frozen=True)
class Setup:
    """A training to be tried: with which job, what it changes, and by what figure it is compared to the unchanged one.

    `changes` has measured values in place of `auto`.
    """

    contender: Contender = field(repr=False)
    changes: Mapping[str, Any]
    judged_by: Objective = LOSS


def prepare_base(run: Run, shorter: Mapping[str, Any], dataset: Dataset | None, given: Given) -> Base:
    """The training as it was, with the changes `shorter` that every training has.

    Raises:
        ConfigError: it has no validation rows.
        RunError: its rows are not there, or are no longer those that it was trained on; or it began from a model.
    """
    if run.manifest.begun_from:
        raise RunError(_of_a_model(run))
    settings = changed_settings(run, shorter, given)
    refuse_members(settings)
    if dataset is None and settings.config.data.source is None:
        raise RunError(
            f"{run.path} was trained on rows from Python, which it does not keep: try its remedies there, with the "
            "same rows as `data`."
        )
    if dataset is None:
        require_rows_again(settings.config.data, run.path, how="diagnose --try")
    prepared = prepare(settings, dataset)
    require_same_rows(run, prepared.dataset)
    if given_variables(prepared, None) != run.manifest.initial:
        raise RunError(_of_a_model(run))
    if prepared.job.validation is None:
        raise ConfigError(
            f"{run.path} has no validation rows, by which its remedies could be judged: train it with "
            "`validation_split` above 0."
        )
    return Base(run, prepared, _metrics_of_constant(prepared), settings.config.data.source is not None, given)


def _of_a_model(run: Run) -> str:
    return (
        f"{run.path} began from the parameters of a model, and its remedies would begin from others, so that nothing "
        "could be compared: try those of a run that began by itself."
    )


def _metrics_of_constant(prepared: Prepared) -> dict[str, float]:
    """The metrics of outputs of 0 on the validation rows; none where a metric of the user's own fails on them."""
    task, rows = prepared.job.program.model.task, prepared.dataset.validation
    assert rows is not None
    with suppress(ConfigError):
        return task.metrics(np.zeros((rows.rows, task.outputs), np.float32), rows.targets, rows.weights)
    return {}


def unchanged_setup(base: Base) -> Setup:
    """The training as it was."""
    return Setup(Contender(base.prepared.job, example_of(base.prepared.dataset)), {})


def changed_setup(base: Base, changes: Mapping[str, Any], shorter: Mapping[str, Any]) -> Setup:
    """The training with changed settings.

    Raises:
        ConfigError, DataError, UsageError: the changes do not go with the run or its rows; or the result cannot be
            compared to the unchanged one.
    """
    chosen = {present_name(key): value for key, value in changes.items()}
    if SEED in chosen:
        raise ConfigError(f"{SEED} is no remedy: every training that is tried has seeds of its own.")
    settings = changed_settings(base.run, {**shorter, **chosen}, base.given)
    job, dataset, made = _prepare_changed(base, settings, chosen)
    changed = _loss_changes(base.prepared.dataset, dataset, chosen)
    judged_by = _objective(base.prepared.job.program.model.task, job.program.model.task, chosen, changed=changed)
    values = made.values
    measured = {key: values[key] if key in settings.to_measure else value for key, value in chosen.items()}
    return Setup(Contender(job, example_of(dataset)), measured, judged_by)


def _prepare_changed(base: Base, settings: Settings, chosen: Iterable[str]) -> tuple[Job, Dataset, Settings]:
    """The job on the rows of the base where they can be these, the rows, and the settings with what was measured."""
    if any(key.startswith("data.") or key == "task.name" for key in chosen):
        if not base.reads:
            raise ConfigError("the rows came from Python, and are not read again with other settings.")
        prepared = measure_auto(prepare(settings))
        return prepared.job, prepared.dataset, prepared.settings
    dataset = base.prepared.dataset
    if settings.to_measure:
        settings = measure_auto(prepare(settings, dataset)).settings
    settings = with_rows_budget(settings, dataset)
    if can_share(base.prepared.job) and can_share(job := job_on(base.prepared, settings)):
        return job, dataset, settings
    return prepare(settings, dataset).job, dataset, settings


def _loss_changes(before: Dataset, now: Dataset, chosen: Iterable[str]) -> bool:
    """Whether the loss of the same answers is another number.

    Raises:
        ConfigError: the validation rows are others.
    """
    if now is before:
        return any(key.startswith("task.") for key in chosen)
    first, second = before.validation, now.validation
    alike = before.encoding.target == now.encoding.target
    same = (
        first is not None
        and second is not None
        and _equal(before.indices.validation, now.indices.validation)
        and _equal(first.weights, second.weights)
        and (not alike or _equal(first.targets, second.targets))
    )
    if not same:
        raise ConfigError("its validation rows are others, or weigh otherwise, so that nothing can be compared.")
    return not alike or any(key.startswith("task.") for key in chosen)


def _equal(first: np.ndarray | None, second: np.ndarray | None) -> bool:
    return first is second or (first is not None and second is not None and np.array_equal(first, second))


def _objective(before: Task, now: Task, chosen: Iterable[str], *, changed: bool) -> Objective:
    """The validation loss; where that is changed too, a metric that both report.

    Weights of classes are there to answer rare ones, which the mean over the rows does not show.
    """
    if CLASS_WEIGHTS in chosen:
        found = next((metric for metric in before.reported if metric.name == BALANCED), None)
        if found is not None:
            return Objective(f"val_{BALANCED}", larger_is_better=True)
    judged_by = objective_of(None, before, ("task.loss",) if changed else ())
    if judged_by is not LOSS:
        objective_of(judged_by.monitor, now, ("task.loss",))
    return judged_by
