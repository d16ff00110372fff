"""Encode the target: classes as codes, numbers standardised, and the way back."""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Float, Float32, Float64, Integer

from batchwright.data.encode.classes import AS_THEY_ARE, ClassRules, ClassTarget, fit_classes
from batchwright.data.encode.encoders import mean_and_deviation, scale_by
from batchwright.data.encode.power import Power, Transform, fit_power
from batchwright.data.encode.target_cells import drop_missing, target_cells
from batchwright.data.typed.convert import as_text
from batchwright.data.typed.inference import kind_remedy
from batchwright.data.typed.schema import TASKS, Task, as_plain
from batchwright.data.typed.table import Table
from batchwright.errors import ConfigError, DataError, unknown

__all__ = ["AS_THEY_ARE", "ClassRules", "ClassTarget", "ValueTarget", "drop_missing", "fit_target"]

FEW = 20
"""Most distinct values at which whole numbers are taken for classes."""

SMALLEST = float(np.finfo(np.float64).tiny)
CONSTANT = 2.0**-20
"""The deviation, relative to its size, that a constant target is given, so that every prediction is near its value."""


@dataclasses.dataclass(frozen=True)
class ValueTarget:
    """Numbers y as (y − mean) / std, with the mean and std of the training rows; or as a `transform` has them.

    The training rows had numbers from `lowest` to `highest`: None where it is not known.
    """

    name: str
    mean: float
    std: float
    task: Literal["regression"] = "regression"
    lowest: float | None = None
    highest: float | None = None
    transform: Power | None = None

    def __repr__(self) -> str:
        """The target, with mean and deviation."""
        return f"<ValueTarget {self.name:.40}: mean {self.mean:.4g}, deviation {self.std:.4g}>"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that hold the target."""
        return (self.name,)

    @property
    def classes(self) -> tuple[str, ...]:
        """None: numbers have no classes."""
        return ()

    def encode(self, table: Table) -> Float32[np.ndarray, " rows"]:
        """The standardised value of each row.

        Raises:
            DataError: the table lacks the target, a value is missing, it holds no numbers, or numbers of 0 or less,
                which the transform cannot take.
        """
        return self.learned(_values(table, self.name), table.name).astype(np.float32)

    def learned(self, values: Float64[np.ndarray, " rows"], where: str) -> Float64[np.ndarray, " rows"]:
        """What is learned of each number of the rows `where`.

        Raises:
            DataError: a number is 0 or less, which the transform cannot take.
        """
        if self.transform is None:
            return scale_by(values, self.mean, self.std)
        if not self.transform.signed and values.min(initial=1.0) <= 0:
            raise DataError(
                f"{where}: target {self.name!r} goes down to {values.min():.6g}, and its {self.transform.name} takes "
                "numbers above 0 only, as all training rows had: leave these rows out, or train a new model (not one "
                "that begins from this one, nor on rows loaded like its own) with `data.target_transform=none`."
            )
        return self.transform.apply(values)

    def with_range_of(self, values: Float64[np.ndarray, " rows"]) -> "ValueTarget":
        """The target with a range that has these training rows too; one that is not known stays so."""
        if self.lowest is None or self.highest is None:
            return self
        lowest, highest = min(self.lowest, float(values.min())), max(self.highest, float(values.max()))
        return dataclasses.replace(self, lowest=lowest, highest=highest)

    def strangers(self, table: Table) -> list[str]:
        """None: any number may be a target."""
        return []

    def decode(self, standardised: Float[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
        """The values in the target's own unit.

        >>> ValueTarget("y", 10.0, 2.0).decode(np.array([0.0, 1.5]))
        array([10., 13.])
        """
        if self.transform is not None:
            return self.transform.undo(standardised)
        return standardised.astype(np.float64) * self.std + self.mean

    def to_json(self) -> dict[str, object]:
        """The target as a plain dictionary."""
        return as_plain(self)


def fit_target(
    table: Table,
    name: str,
    *,
    task: str | None = None,
    rows: Integer[np.ndarray, " chosen"] | None = None,
    lenient: bool = False,
    rules: ClassRules = AS_THEY_ARE,
    transform: Transform = "none",
) -> ClassTarget | ValueTarget:
    """How to predict the column `name`: as classes, or as a number.

    Text, booleans, and whole numbers of at most 20 distinct values, each twice on average, are classes unless `task`
    says otherwise.

    Args:
        table: all rows; each class must have two of them.
        name: the target column.
        task: "classification" or "regression"; inferred when None.
        rows: the training rows (numbers from 0), which give a number's mean and deviation; all when None.
        lenient: whether to accept a target from which little or nothing can be learned: one value, one class, a class
            of one row, about as many classes as rows.
        rules: what becomes of classes that are rare, or spelt in several ways.
        transform: of numbers: `log`, the `power` that makes them most normal, or what suits them (`auto`).

    >>> from batchwright.data.typed.table import from_frame
    >>> fit_target(from_frame({"y": ["yes", "no", "no", "yes"]}), "y").classes
    ('no', 'yes')

    Raises:
        DataError: no such column (the nearest is suggested), missing values, text or one value where numbers are
            needed, one class, a class of one row, or about as many classes as rows.
        ConfigError: an unknown task.
    """
    if task is not None and task not in TASKS:
        raise ConfigError(unknown("task", task, TASKS))
    cells = target_cells(table, name)
    if (task or _likely_task(cells)) == "classification":
        return fit_classes(table, cells, rules, lenient=lenient)
    values = _values(table, name)
    chosen = values if rows is None else values[rows]
    mean, std = mean_and_deviation(chosen)
    if std == 0.0 and not lenient:
        which = "row" if rows is None else "training row"
        raise DataError(f"{table.name}: target {name!r} is {mean:g} in every {which}: there is nothing to learn.")
    return ValueTarget(
        name,
        mean,
        std or max(CONSTANT * (abs(mean) or 1.0), SMALLEST),
        lowest=float(chosen.min()),
        highest=float(chosen.max()),
        transform=_fit_transform(table.name, name, chosen, transform),
    )


def _fit_transform(
    table: str,
    name: str,
    values: Float64[np.ndarray, " chosen"],
    wanted: Transform,
) -> Power | None:
    """The transform learned from the values of the training rows alone; None for those that do not differ."""
    positive = bool(values.min() > 0)
    if wanted == "log" and not positive:
        raise DataError(
            f"{table}: target {name!r} goes down to {values.min():.6g}, and `data.target_transform=log` takes numbers "
            "above 0 only: `power` takes any."
        )
    return None if values.min() == values.max() else fit_power(values, wanted, positive=positive)


def transforms_of(targets: Sequence[ValueTarget]) -> tuple[Power, ...]:
    """The transform of each target, of those without one the standardisation; none if no target has one."""
    if all(target.transform is None for target in targets):
        return ()
    return tuple(target.transform or Power(1.0, 1.0, True, target.mean, target.std) for target in targets)


def _values(table: Table, name: str) -> Float64[np.ndarray, " rows"]:
    cells = target_cells(table, name)
    if not cells.dtype.is_numeric():
        example = as_text(cells)[0]
        raise DataError(
            f"{table.name}: regression needs numbers, but target {name!r} holds {table.column(name).kind} "
            f"cells such as {example!r}.{kind_remedy(cells) or ' Or give `task.name=classification`.'}"
        )
    return cells.cast(pl.Float64).to_numpy()


def _likely_task(cells: pl.Series) -> Task:
    """Classification, or regression for numbers that are not whole or too varied to be names of classes."""
    if not cells.dtype.is_numeric():
        return "classification"
    whole = cells.dtype.is_integer() or bool((cells == cells.round()).all())
    return "classification" if whole and cells.n_unique() <= min(FEW, len(cells) / 2) else "regression"
