"""Whether an exported file answers as the model does: on many rows, on one row, and on an odd number of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax.numpy as jnp
import numpy as np

from batchwright.data.encode.encoders import mean_and_deviation
from batchwright.data.typed.rows import Rows
from batchwright.errors import BatchwrightError
from batchwright.export.rows_to_check import CheckRows
from batchwright.export.typed_inputs import typed_inputs
from batchwright.runs.intervals import cutoffs_of
from batchwright.runs.model import SavedModel
from batchwright.runs.predictions import predictions_of
from batchwright.tasks import Classification, Multilabel, Several, Task
from batchwright.training.evaluate import outputs

Answers: TypeAlias = Mapping[str, np.ndarray]
"""Columns of answers by name."""
Ask: TypeAlias = Callable[[Mapping[str, np.ndarray]], Answers]
"""The answers of a file for typed columns."""
AskNetwork: TypeAlias = Callable[[Mapping[str, np.ndarray]], Any]
"""The outputs [rows, outputs] of the network in a file for encoded rows."""

TOLERANCE = 1e-4
"""The largest difference with which a file is kept."""
FEW = 3
"""Rows of the odd number that is tried besides one and all."""
REFUSED = "the exported file does not answer as the model does, and was not kept"
REPORT = "This should not be: please report it, with the settings of the training"


@dataclass(frozen=True)
class Checked:
    """How an exported file compares with the model.

    - difference: the largest, of probabilities as they are, of values in deviations of the target, or relative to the
      value where that is less
    - rows, what: how many rows were compared, and what they are
    - ties: rows whose texts differ since two answers are equally good to within the tolerance
    """

    difference: float
    rows: int
    what: str
    ties: int = 0


@dataclass(frozen=True)
class ModelAnswers:
    """The answers of a model by column, and by target how far each row is from another answer [rows]."""

    columns: Answers
    margins: Mapping[str, np.ndarray]

    def is_close(self, column: str, tolerance: float) -> np.ndarray:
        """Whether the text of each row in a column could as well be another one."""
        rows = len(next(iter(self.columns.values())))
        return self.margins.get(column.partition("_")[2], np.full(rows, np.inf)) <= tolerance


def check(
    ask: Ask, model: SavedModel, some: CheckRows, *, interval: float | None = None, tolerance: float = TOLERANCE
) -> Checked:
    """Compare the answers of a file with those of the model.

    Raises:
        BatchwrightError: they differ by more than the tolerance, or a text differs that is no tie.
    """
    given, wanted = typed_inputs(model.encoding, some.rows), answers_of_model(model, some.rows, interval=interval)
    rows, largest, ties = some.rows.rows, 0.0, 0
    for count in counts_to_try(rows):
        found = ask({name: array[:count] for name, array in given.items()})
        for name, answers in wanted.columns.items():
            if answers.dtype.kind in "UO":
                unlike = np.asarray(found[name], object) != answers[:count].astype(object)
                _refuse_unlike(name, (found[name], answers), unlike & ~wanted.is_close(name, tolerance)[:count], some)
                ties = max(ties, int(unlike.sum()))
            else:
                size = 1.0 if name.startswith("probability_") else None
                difference = apart(np.asarray(found[name], np.float64), answers.astype(np.float64), size)
                _refuse_apart(name, difference, tolerance, some)
                largest = max(largest, difference)
    return Checked(largest, rows, some.what, ties)


def check_outputs(ask: AskNetwork, model: SavedModel, some: CheckRows) -> Checked:
    """Compare the outputs of a network in a file with those of the model's, where the file holds the network alone.

    Raises:
        BatchwrightError: they differ by more than the tolerance.
    """
    encoded, rows, largest = model.encoding.inputs(some.rows), some.rows.rows, 0.0
    on_device = {name: jnp.asarray(array) for name, array in encoded.items()}
    wanted = outputs(model.model, model.variables, on_device).astype(np.float64)
    for count in counts_to_try(rows):
        found = np.asarray(ask({name: array[:count] for name, array in encoded.items()}), np.float64)
        largest = max(largest, *(apart(*pair) for pair in zip(found.T, wanted.T, strict=True)))
    _refuse_apart("an output", largest, TOLERANCE, some)
    return Checked(largest, rows, some.what)


def counts_to_try(rows: int) -> list[int]:
    """How many of the rows a file is tried with: one, few, and all."""
    return sorted({1, min(FEW, rows), rows})


def apart(found: np.ndarray, wanted: np.ndarray, size: float | None = None) -> float:
    """The largest difference of the first numbers, in units of a size, or of a deviation or the number if larger."""
    first = wanted[: len(found)]
    units = np.maximum(_deviation(wanted), np.abs(first)) if size is None else np.full(len(first), size)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        differences = np.abs(found / units - first / units)
    same = (found == first) | (np.isnan(found) & np.isnan(first))
    return float(np.where(same, 0.0, np.where(np.isnan(differences), np.inf, differences)).max(initial=0.0))


def _deviation(values: np.ndarray) -> float:
    """The standard deviation of those that are finite."""
    some = values[np.isfinite(values)]
    return mean_and_deviation(some)[1] if len(some) else 0.0


def _refuse_apart(name: str, difference: float, tolerance: float, some: CheckRows) -> None:
    if difference > tolerance:
        raise BatchwrightError(f"{REFUSED}: {name} differs by {difference:.2g} on the {some.what}. {REPORT}.")


def _refuse_unlike(name: str, texts: tuple[np.ndarray, np.ndarray], unlike: np.ndarray, some: CheckRows) -> None:
    if unlike.any():
        row = int(np.flatnonzero(unlike)[0])
        found, wanted = (str(each[row]) for each in texts)
        said = f"{found!r:.60} in place of {wanted!r:.60} in row {row + 1:,} of the {some.what}"
        raise BatchwrightError(f"{REFUSED}: {name} is {said}. {REPORT}.")


def answers_of_model(model: SavedModel, rows: Rows, *, interval: float | None = None) -> ModelAnswers:
    """What a model answers for rows."""
    encoded = {name: jnp.asarray(array) for name, array in model.encoding.inputs(rows).items()}
    found = outputs(model.model, model.variables, encoded)
    task, target, cutoffs = model.model.task, model.encoding.target.name, cutoffs_of(model, interval)
    made = predictions_of(task, target, found, cutoffs=cutoffs).frame()
    columns = {name: made[name].to_numpy() for name in made.columns}
    if not isinstance(task, Several):
        return ModelAnswers(columns, {target: _margins(task, found, cutoffs)})
    each = zip(task.names, task.heads, task.by_head(found), cutoffs or (None,) * len(task.names), strict=True)
    margins = {name: _margins(head, own, None if one is None else (one,)) for name, head, own, one in each}
    return ModelAnswers(columns, margins)


def _margins(task: Task, outputs: np.ndarray, cutoffs: tuple[float, ...] | None) -> np.ndarray:
    """By how much a probability has to change for another answer, or another set."""
    if not isinstance(task, Classification | Multilabel):
        return np.full(len(outputs), np.inf)
    p, threshold = task.probabilities(outputs), float(task.threshold)
    if isinstance(task, Multilabel) or (p.shape[1] == 2 and threshold != 1 / 2):
        found = np.abs(p - threshold) if isinstance(task, Multilabel) else np.abs(p[:, 1:] - threshold)
    else:
        best = np.sort(p, axis=1)[:, -2:]
        found = best[:, -1:] - best[:, :-1]
    if cutoffs is not None:
        found = np.concatenate([found, np.abs(p - np.exp(-cutoffs[0]))], axis=1)
    return np.asarray(found.min(axis=1, initial=np.inf))
