"""What is predicted, one target or several, and how each target column is encoded."""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal, TypeAlias

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32, Integer

from batchwright.data.encode.labels import LabelTarget, fit_labels
from batchwright.data.encode.power import Transform
from batchwright.data.encode.target_cells import target_cells
from batchwright.data.encode.targets import AS_THEY_ARE, ClassRules, ClassTarget, ValueTarget, fit_target
from batchwright.data.typed.schema import TASKS, as_plain, from_plain
from batchwright.data.typed.table import Table
from batchwright.errors import ConfigError, unknown

OneTarget: TypeAlias = ClassTarget | ValueTarget


@dataclasses.dataclass(frozen=True)
class SeveralTargets:
    """Several targets, one in each of several columns, predicted together."""

    parts: tuple[OneTarget, ...]
    task: Literal["several"] = "several"

    def __repr__(self) -> str:
        """The targets by name."""
        return f"<SeveralTargets {self.name:.60}>"

    @property
    def name(self) -> str:
        """The names of the targets."""
        return ", ".join(self.columns)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that hold the targets."""
        return tuple(part.name for part in self.parts)

    @property
    def classes(self) -> tuple[str, ...]:
        """Empty: the targets have no classes in common."""
        return ()

    @property
    def of_classes(self) -> bool:
        """Whether all targets are classes."""
        return all(isinstance(part, ClassTarget) for part in self.parts)

    @property
    def of_values(self) -> bool:
        """Whether all targets are numbers."""
        return all(isinstance(part, ValueTarget) for part in self.parts)

    def strangers(self, table: Table) -> list[str]:
        """The labels of a table that are not among the classes of their target.

        Raises:
            DataError: the table lacks a target, or a label is missing.
        """
        return [label for part in self.parts for label in part.strangers(table)]

    def encode(self, table: Table) -> Int32[np.ndarray, "rows targets"] | Float32[np.ndarray, "rows targets"]:
        """A column for each target: codes if all are classes; otherwise float32, with codes as whole numbers.

        Raises:
            DataError: as the `encode` of each.
        """
        columns = [part.encode(table) for part in self.parts]
        return np.stack(columns, axis=1).astype(np.int32 if self.of_classes else np.float32)

    def to_json(self) -> dict[str, object]:
        """The targets as a plain dictionary."""
        return as_plain(self)


Target: TypeAlias = OneTarget | LabelTarget | SeveralTargets


def target_from_json(plain: Mapping[str, object]) -> Target:
    """The target from what `to_json` gave.

    Raises:
        DataError: a key is missing, unknown, or of the wrong type.
    """
    kinds: dict[object, type[Target]] = {
        "regression": ValueTarget,
        "multilabel": LabelTarget,
        "several": SeveralTargets,
    }
    return from_plain(kinds.get(plain.get("task"), ClassTarget), plain)


def fit_targets(
    table: Table,
    names: Sequence[str],
    *,
    task: str | None = None,
    separator: str | None = None,
    lenient: bool = False,
    rules: ClassRules = AS_THEY_ARE,
    transform: Transform = "none",
) -> Target:
    """How to predict the columns `names`; numbers are scaled by all rows, see `refit_scale`.

    Args:
        table: all rows.
        names: the target columns, one or more.
        task: "classification" or "regression", for every target; "multilabel" for a single target; inferred when None.
        separator: separator of the labels in a cell, for "multilabel".
        lenient: as for `fit_target`.
        rules: what becomes of classes that are rare, or spelt in several ways.
        transform: of numbers, as for `fit_target`.

    Raises:
        DataError: as `fit_target` and `fit_labels`.
        ConfigError: an unknown task, a separator without "multilabel", "multilabel" for several columns, rules for
            rare classes where there are no classes, or a transform where there are no numbers.
    """
    if task is not None and task not in TASKS:
        raise ConfigError(unknown("task", task, TASKS))
    if task == "multilabel":
        if len(names) > 1:
            raise ConfigError(
                f"task multilabel is for one column whose cells hold several labels, not for {len(names)}: leave it "
                "out, and each column is predicted by itself."
            )
        _refuse_rare(rules, "sets of labels")
        labels = fit_labels(table, names[0], separator=separator, lenient=lenient, merge_case=rules.merge_case)
        check_transform(labels, transform)
        return labels
    if separator is not None:
        raise ConfigError("label_separator is for task multilabel: set both, or leave it out.")
    how = partial(fit_target, table, task=task, lenient=lenient, rules=rules, transform=transform)
    parts = tuple(map(how, names))
    if not any(isinstance(part, ClassTarget) for part in parts):
        _refuse_rare(rules, "numbers")
    target = parts[0] if len(parts) == 1 else SeveralTargets(parts)
    check_transform(target, transform)
    return target


def _refuse_rare(rules: ClassRules, what: str) -> None:
    if rules.rare is not None:
        raise ConfigError(f"rare_classes is for classes, but {what} are predicted here: leave it out.")


def check_transform(target: Target, transform: Transform) -> None:
    """Raise a ConfigError if a transform is asked for where no number is predicted."""
    parts = target.parts if isinstance(target, SeveralTargets) else (target,)
    if transform != "none" and not any(isinstance(part, ValueTarget) for part in parts):
        raise ConfigError(f"target_transform {transform} is for numbers, but classes are predicted here: leave it out.")


def refit_scale(
    target: Target,
    table: Table,
    rows: Integer[np.ndarray, " chosen"],
    *,
    lenient: bool,
    transform: Transform = "none",
) -> Target:
    """The target, with the mean, the deviation and the transform of its numbers taken from these rows only.

    Raises:
        DataError: a number is the same in all of these rows; not raised if `lenient`.
    """
    if isinstance(target, ValueTarget):
        return fit_target(table, target.name, task="regression", rows=rows, lenient=lenient, transform=transform)
    if isinstance(target, SeveralTargets):
        parts = (refit_scale(part, table, rows, lenient=lenient, transform=transform) for part in target.parts)
        return SeveralTargets(tuple(part for part in parts if isinstance(part, OneTarget)))
    return target


def widen_range(target: Target, table: Table, rows: Integer[np.ndarray, " chosen"]) -> Target:
    """The target of an earlier training, the ranges of its numbers widened by these rows."""
    if isinstance(target, ValueTarget):
        return target.with_range_of(target_cells(table, target.name).cast(pl.Float64).to_numpy()[rows])
    if isinstance(target, SeveralTargets):
        parts = (widen_range(part, table, rows) for part in target.parts)
        return SeveralTargets(tuple(part for part in parts if isinstance(part, OneTarget)))
    return target


def without_range(target: Target) -> Target:
    """The target with the ranges of its numbers not known, which do not decide how it is encoded.

    >>> without_range(ValueTarget("a", 0.0, 1.0, lowest=-2.0, highest=2.0)) == ValueTarget("a", 0.0, 1.0)
    True
    """
    if isinstance(target, ValueTarget):
        return dataclasses.replace(target, lowest=None, highest=None)
    if isinstance(target, SeveralTargets):
        parts = map(without_range, target.parts)
        return SeveralTargets(tuple(part for part in parts if isinstance(part, OneTarget)))
    return target


def each_target(target: Target, encoded: np.ndarray) -> list[tuple[OneTarget, np.ndarray]]:
    """Each target that has a column of its own, with its codes or values [rows]; none for labels in one cell.

    >>> target = SeveralTargets((ValueTarget("a", 0, 1), ValueTarget("b", 0, 1)))
    >>> [part.name for part, _ in each_target(target, np.eye(2))]
    ['a', 'b']
    """
    if isinstance(target, LabelTarget):
        return []
    if isinstance(target, OneTarget):
        return [(target, encoded)]
    columns = (
        column.astype(np.int32) if isinstance(part, ClassTarget) else column
        for part, column in zip(target.parts, np.asarray(encoded).T, strict=True)
    )
    return list(zip(target.parts, columns, strict=True))
