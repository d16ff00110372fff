"""How often intervals and sets hold the true value of rows that are known, and how wide they are."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from batchwright.tasks.answers import used_rows
from batchwright.tasks.classification import Classification
from batchwright.tasks.conformal import Conformal, interval_of, prediction_set, scores_of
from batchwright.tasks.labels import Multilabel
from batchwright.tasks.protocol import Task
from batchwright.tasks.regression import Regression
from batchwright.tasks.scores import SURE, wilson
from batchwright.tasks.several import Several


@dataclass(frozen=True)
class Coverage:
    """Of one target: the share of rows inside, and the mean width of intervals or number of classes in sets.

    `coverage_low` and `coverage_high` are Wilson's 95 % interval of the share, `size_low` and `size_high` the mean and
    1.96 standard errors.
    """

    target: str
    level: float
    of_classes: bool
    coverage: float
    coverage_low: float
    coverage_high: float
    size: float
    size_low: float
    size_high: float

    def __str__(self) -> str:
        """A sentence that says it."""
        what = "sets" if self.of_classes else "intervals"
        size = f"{self.size:.4g} ({self.size_low:.4g} to {self.size_high:.4g})"
        return (
            f"{what} of {self.target!r} with level {self.level:g} hold {self.coverage:.4f} of the rows "
            f"({self.coverage_low:.4f} to {self.coverage_high:.4f}); "
            f"{'they have' if self.of_classes else 'their width is'} {size}{' classes' if self.of_classes else ''} on "
            "average"
        )

    def to_json(self) -> dict[str, Any]:
        """The figures as plain data."""
        return asdict(self)


def measure_coverage(
    task: Task,
    names: tuple[str, ...],
    conformal: Conformal,
    level: float,
    answers: tuple[np.ndarray, np.ndarray, np.ndarray | None],
) -> tuple[Coverage, ...]:
    """The coverage of each target.

    Args:
        task: a task that has scores.
        names: its targets.
        conformal: the scores of validation rows.
        level: the share of rows to hold.
        answers: outputs, targets and weights of rows.

    Raises:
        UsageError: the level is not in (0, 1), or asks for more validation rows than there are.
    """
    outputs, targets, weights = answers
    rows, own_weights = used_rows(len(outputs), weights)
    inside, size = _hold(task, outputs[rows], targets[rows], conformal.cutoffs(level))
    share = own_weights / own_weights.sum()
    alike = 1 / float(share @ share)  # rows of equal weight that say as much
    covered, mean = share @ inside, share @ size
    low, high = wilson(covered, np.full(len(names), alike))
    spread = SURE * np.sqrt(share**2 @ (size - mean) ** 2)
    figures = np.stack([covered, low, high, mean, mean - spread, mean + spread], axis=1)
    each = zip(names, figures.tolist(), _of_classes(task, len(names)), strict=True)
    return tuple(Coverage(name, level, is_class, *row) for name, row, is_class in each)


def _of_classes(task: Task, targets: int) -> tuple[bool, ...]:
    """Whether each target has sets rather than intervals."""
    heads = task.heads if isinstance(task, Several) else (task,) * targets
    return tuple(not isinstance(head, Regression) for head in heads)


def _hold(
    task: Task, outputs: np.ndarray, targets: np.ndarray, cutoffs: tuple[float, ...]
) -> tuple[Bool[np.ndarray, "rows targets"], Float[np.ndarray, "rows targets"]]:
    """Whether each row's true value is inside, and the width or the number of classes, for each target."""
    match task:
        case Several():
            heads = zip(task.heads_with(outputs, targets), cutoffs, strict=True)
            parts = [_hold(*head, (own,)) for head, own in heads]
            inside, size = (np.concatenate([part[place] for part in parts], axis=1) for place in (0, 1))
        case Regression():
            low, high = interval_of(task, outputs, cutoffs)
            inside, size = scores_of(task, outputs, targets) <= np.array(cutoffs), high - low
        case Classification() | Multilabel():
            chosen = prediction_set(task, outputs, cutoffs[0])
            is_true = np.asarray(targets) > 0 if isinstance(task, Multilabel) else _one_hot(targets, chosen.shape[1])
            inside, size = (chosen | ~is_true).all(axis=1)[:, None], chosen.sum(axis=1)[:, None].astype(np.float64)
        case _:
            raise TypeError(f"{type(task).__name__} has neither intervals nor sets.")
    return np.asarray(inside), np.asarray(size)


def _one_hot(codes: np.ndarray, classes: int) -> Bool[np.ndarray, "rows classes"]:
    return np.asarray(np.asarray(codes)[:, None] == np.arange(classes))
