"""Encode the target: classes as codes, numbers standardised, and the way back."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Float, Float32, Float64, Int32, Integer, Shaped

from batchwright.data.encode.encoders import category_codes, mean_and_deviation, scale_by
from batchwright.data.typed.cells import KEPT, BadCell, BadCells, dropped_note, first_ten
from batchwright.data.typed.inference import as_text, kind_remedy
from batchwright.data.typed.schema import TASKS, Task
from batchwright.data.typed.table import Table
from batchwright.errors import ConfigError, DataError, unknown

FEW = 20
"""Most distinct values at which whole numbers are taken for classes."""

SMALLEST = float(np.finfo(np.float64).tiny)
CONSTANT = 2.0**-20
"""The deviation, relative to its size, that a constant target is given, so that every prediction is near its value."""


@dataclasses.dataclass(frozen=True)
class ClassTarget:
    """Labels as their indices in `classes`."""

    name: str
    classes: tuple[str, ...]
    task: Literal["classification"] = "classification"

    def __repr__(self) -> str:
        """The target, and the first of its classes."""
        named = ", ".join(f"{name:.20}" for name in self.classes[:5]) + (", ..." if len(self.classes) > 5 else "")
        return f"<ClassTarget {self.name:.40}: {len(self.classes):,} classes ({named})>"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that hold the target."""
        return (self.name,)

    def encode(self, table: Table) -> Int32[np.ndarray, " rows"]:
        """The code of each row's label.

        Raises:
            DataError: the table lacks the target, or a label is missing or not among the classes.
        """
        cells = _target_cells(table, self.name)
        codes = category_codes(cells, self.classes, missing=False) - 1
        strange = np.flatnonzero(codes < 0)
        if len(strange):
            raise DataError(
                f"{table.name}: target {self.name!r} holds labels that the training table lacks: "
                f"{first_ten(self.strangers(table))} "
                f"({table.places(strange)}). Known: {first_ten(self.classes)}."
            )
        return codes

    def strangers(self, table: Table) -> list[str]:
        """The labels of a table that are not among the classes.

        Raises:
            DataError: the table lacks the target, or a label is missing.
        """
        cells = _target_cells(table, self.name)
        strange = np.flatnonzero(category_codes(cells, self.classes, missing=False) == 0)
        return sorted(set(as_text(cells)[strange]))

    def decode(self, codes: Integer[np.ndarray, " rows"]) -> Shaped[np.ndarray, " rows"]:
        """The label of each code.

        >>> ClassTarget("y", ("no", "yes")).decode(np.array([1, 0]))
        array(['yes', 'no'], dtype='<U3')
        """
        labels: np.ndarray = np.array(self.classes)
        return np.asarray(labels[codes])

    def to_json(self) -> dict[str, object]:
        """The target as a plain dictionary."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class ValueTarget:
    """Numbers y as (y − mean) / std, with the mean and std of the training rows."""

    name: str
    mean: float
    std: float
    task: Literal["regression"] = "regression"

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
            DataError: the table lacks the target, a value is missing, or it holds no numbers.
        """
        return scale_by(_values(table, self.name), self.mean, self.std).astype(np.float32)

    def strangers(self, table: Table) -> list[str]:
        """None: any number may be a target."""
        return []

    def decode(self, standardised: Float[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
        """The values in the target's own unit.

        >>> ValueTarget("y", 10.0, 2.0).decode(np.array([0.0, 1.5]))
        array([10., 13.])
        """
        return standardised.astype(np.float64) * self.std + self.mean

    def to_json(self) -> dict[str, object]:
        """The target as a plain dictionary."""
        return dataclasses.asdict(self)


def fit_target(
    table: Table,
    name: str,
    *,
    task: str | None = None,
    rows: Integer[np.ndarray, " chosen"] | None = None,
    lenient: bool = False,
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
    cells = _target_cells(table, name)
    if (task or _likely_task(cells)) == "classification":
        return ClassTarget(name, _classes(table, cells, lenient=lenient))
    values = _values(table, name)
    mean, std = mean_and_deviation(values if rows is None else values[rows])
    if std == 0.0 and not lenient:
        which = "row" if rows is None else "training row"
        raise DataError(f"{table.name}: target {name!r} is {mean:g} in every {which}: there is nothing to learn.")
    return ValueTarget(name, mean, std or max(CONSTANT * (abs(mean) or 1.0), SMALLEST))


def drop_missing(table: Table, name: str) -> Table:
    """The rows that have a value in the column `name`; the others are noted and listed as dropped."""
    known = table.frame[table.column(name).name].is_not_null().to_numpy()
    if known.all():
        return table
    numbers = np.arange(1, table.rows + 1) if table.lines is None else table.lines
    first = tuple(BadCell(line, name, "", "a target") for line in numbers[~known][:KEPT].tolist())
    lost = BadCells(int((~known).sum()), first)
    lost = lost if table.files is None else table.files.locate(lost)
    note = dropped_note(lost, lost.count, place="row" if table.lines is None else "line")
    kept = table.take(np.flatnonzero(known))
    return dataclasses.replace(kept, notes=(*table.notes, note), dropped=table.dropped + lost)


def _target_cells(table: Table, name: str) -> pl.Series:
    """The cells of the target: none missing, and suitable as a target."""
    column = table.column(name)
    cells = table.frame[name]
    missing = np.flatnonzero(cells.is_null().to_numpy())
    if len(missing):
        marks = f" Why: {column.note}." if "taken as missing" in column.note else ""
        raise DataError(
            f"{table.name}: target {name!r} is missing in {len(missing):,} of {table.rows:,} rows "
            f"({table.places(missing)}).{marks} Fill them in, or leave these rows out.",
            "`on_bad_rows=drop` does that.",
        )
    if not (cells.dtype.is_numeric() or cells.dtype in (pl.String, pl.Boolean)):
        what = "dates" if column.kind == "date" else str(cells.dtype)
        several = " Lists are several labels: `task.name=multilabel`." if cells.dtype.is_nested() else ""
        raise DataError(
            f"{table.name}: target {name!r} holds {what}; a target is a number or the name of a class.{several}"
        )
    return cells


def _values(table: Table, name: str) -> Float64[np.ndarray, " rows"]:
    cells = _target_cells(table, name)
    if not cells.dtype.is_numeric():
        example = as_text(cells)[0]
        raise DataError(
            f"{table.name}: regression needs numbers, but target {name!r} holds {table.column(name).kind} "
            f"cells such as {example!r}.{kind_remedy(cells) or ' Use task: classification, or another target.'}"
        )
    return cells.cast(pl.Float64).to_numpy()


def _likely_task(cells: pl.Series) -> Task:
    """Classification, or regression for numbers that are not whole or too varied to be names of classes."""
    if not cells.dtype.is_numeric():
        return "classification"
    whole = cells.dtype.is_integer() or bool((cells == cells.round()).all())
    return "classification" if whole and cells.n_unique() <= min(FEW, len(cells) / 2) else "regression"


def _classes(table: Table, cells: pl.Series, *, lenient: bool) -> tuple[str, ...]:
    """The labels in order, numbers by size; unless `lenient`, there must be two or more, each with two rows or more."""
    counts = dict(as_text(cells).value_counts(name="rows").iter_rows())
    if not lenient:
        _check_classes(table, cells, counts)
    return _order_labels(counts, float if cells.dtype.is_float() else int)


def _check_classes(table: Table, cells: pl.Series, counts: Mapping[str, int]) -> None:
    """Raise a DataError unless there are two or more classes, each with two or more rows, and fewer than rows."""
    about = f"{table.name}: target {cells.name!r}"
    if len(counts) == 1:
        raise DataError(f"{about} is {next(iter(counts))!r} in every row: classification needs two classes or more.")
    if 2 * len(counts) > table.rows:
        raise DataError(
            f"{about} has {len(counts):,} classes in {table.rows:,} rows: too few rows to learn each class from. "
            "Is it a name or an identifier? Choose another target, or task: regression if it is a number."
            f"{kind_remedy(cells)}"
        )
    alone = sorted(label for label, rows in counts.items() if rows == 1)
    if alone:
        raise DataError(
            f"{about} has classes of a single row: {first_ten(map(repr, alone))}. Each class needs two rows or more, "
            "to learn from and to test on: add rows, merge these classes, or remove their rows."
        )


def _order_labels(labels: Iterable[str], size: Callable[[str], float]) -> tuple[str, ...]:
    """The labels by size if all are numbers (equal ones as text); else as text."""
    try:
        return tuple(sorted(labels, key=lambda label: (size(label), label)))
    except ValueError:
        return tuple(sorted(labels))
