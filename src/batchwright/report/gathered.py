"""What a report is written from: a run, its model, the rows it is measured on, and what of it is not there and why."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from batchwright import _cache
from batchwright.data.dataset import Dataset
from batchwright.errors import BatchwrightError, RunError
from batchwright.explanation import Explained, LabelledRows, explain_rows, rows_of_part, rows_to_explain
from batchwright.explanation.asked_model import AskedModel, true_answers
from batchwright.figures.text import clean
from batchwright.nn.sensitivity import has_sensitivity
from batchwright.runs.manifest import MISTAKES
from batchwright.runs.model import SavedModel
from batchwright.runs.run import Run
from batchwright.tasks import Task
from batchwright.tasks.metrics import Answers
from batchwright.workflow.rows_again import RowsAgain, read_rows_again

T = TypeVar("T")

MOST_COLUMNS = 2_000
"""Columns of tables for which it is found out what the model goes by, where they have to be tried one by one."""


@dataclass(frozen=True)
class Measured:
    """Rows with their answers.

    Args:
        labelled: the rows.
        answers: the input of metrics, a row each.
        task: what the model predicts.
        true: the targets as a person reads them.
        given: the model's answers as a person reads them.
        probability: that of the true class; None where the target is no class.
    """

    labelled: LabelledRows
    answers: Answers
    task: Task
    true: np.ndarray
    given: np.ndarray
    probability: np.ndarray | None


@dataclass(frozen=True)
class Gathered:
    """A run, what its history says, its rows, and what its model says of them; each is None where it is not there.

    `validation` has the answers to the validation rows, where the run kept which of them were answered wrongly.
    `missing` says what is not there and why, a sentence each.
    """

    run: Run
    history: tuple[dict[str, float], ...]
    model: SavedModel | None = None
    dataset: Dataset | None = None
    measured: Measured | None = None
    explained: Explained | None = None
    validation: Measured | None = None
    missing: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The inputs, the most important first, as far as that is known; else in the order of the table."""
        if self.explained is not None:
            return tuple(one.columns[0] for one in self.explained.importance)
        return () if self.model is None else self.model.encoding.schema.used


def gather(run: Run) -> Gathered:
    """All that can be known of a run; its rows are read again from where they came.

    A training that was killed, that diverged, or whose rows have moved is told of as far as it goes.
    """
    _cache.use()
    missing = list[str]()
    history = _try(lambda: tuple(run.history), "the history", missing) or ()
    found = Gathered(run, history)
    model = _try(run.load_model, "what needs the model", missing)
    if model is None:
        return replace(found, missing=tuple(missing))
    again = _try(lambda: read_rows_again(run), "what needs the rows of the run", missing)
    labelled = None if again is None else rows_to_explain(again)
    measured = explained = None
    if labelled is not None:
        measured = _try(lambda: measure(model, labelled), "what needs the answers of the model", missing)
    if labelled is not None and measured is not None:
        explained = _try(lambda: _explain(model, labelled), "what the model goes by, and worst rows,", missing)
    return replace(
        found,
        model=model,
        dataset=None if again is None else again.dataset,
        measured=measured,
        explained=explained,
        validation=None if again is None else _validation(run, model, again, measured),
        missing=tuple(missing),
    )


def _validation(run: Run, model: SavedModel, again: RowsAgain, measured: Measured | None) -> Measured | None:
    """The answers to the validation rows, where it was kept which of them were answered wrongly."""
    if measured is None or MISTAKES not in run.manifest.files or "validation" not in again.dataset.parts:
        return None
    if measured.labelled.part == "validation":
        return measured
    return _try(lambda: measure(model, rows_of_part(again, "validation")), "", [])


def measure(model: SavedModel, labelled: LabelledRows) -> Measured:
    """Answer the rows.

    Raises:
        RunError: an answer is not finite.
    """
    split, answering = labelled.split, AskedModel(model)
    outputs = answering.outputs(split.inputs)
    if not np.isfinite(outputs).all():
        raise RunError("the model answers with numbers that are not finite, so that nothing can be said of it.")
    task = answering.task
    if not hasattr(task, "answers"):
        raise RunError("the model has a task of your own, whose answers a report does not know.")
    weights = np.ones(split.rows) if split.weights is None else split.weights.astype(np.float64)
    return Measured(
        labelled,
        task.answers(outputs, split.targets, weights),
        task,
        true_answers(task, split.targets),
        task.decode(outputs),
        answering.probability_of_true(outputs, split.targets),
    )


def _explain(model: SavedModel, labelled: LabelledRows) -> Explained:
    """What the model goes by, where that does not take minutes.

    Raises:
        RunError: there are too many columns for a network of the user's own, or too few rows.
    """
    columns = len(model.encoding.schema.used)
    if columns > MOST_COLUMNS and not has_sensitivity(model.model.network):
        raise RunError(f"of {columns:,} columns, that takes minutes: `batchwright explain` tells it.")
    return explain_rows(model, labelled)


def _try(make: Callable[[], T], what: str, missing: list[str]) -> T | None:
    """What `make` gives; where the run cannot give it, None, and a sentence that says why."""
    try:
        return make()
    except (BatchwrightError, OSError) as error:
        missing.append(f"{what} is not in this report: {clean(str(error))}")
        return None


def finite(row: Mapping[str, float], key: str) -> float | None:
    """A number of the history, None where it is not there or not finite."""
    value = row.get(key)
    return float(value) if isinstance(value, int | float) and np.isfinite(value) else None
