"""A target of classes: its labels become codes; classes that are rare, or spelt in several ways, become one or none."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Bool, Int32, Integer, Shaped

from batchwright.data.encode.encoders import category_codes
from batchwright.data.encode.spelling import fold, merge_counts, spelling_note
from batchwright.data.encode.target_cells import target_cells
from batchwright.data.typed.cells import first_ten
from batchwright.data.typed.convert import as_text
from batchwright.data.typed.inference import kind_remedy
from batchwright.data.typed.schema import as_plain
from batchwright.data.typed.table import Table
from batchwright.errors import DataError

OTHER = "other"
"""The class that rare classes become."""


@dataclasses.dataclass(frozen=True)
class ClassRules:
    """What becomes of classes that are rare, or spelt in several ways.

    - rare: whether rows of rare classes are left out ("drop"), or these classes become one ("merge"); None: neither
    - least: a class with fewer rows is rare: one for each part of the split
    - merge_case: whether classes that differ only in case, blanks or trailing points are one
    """

    rare: Literal["drop", "merge"] | None = None
    least: int = 3
    merge_case: bool = False


AS_THEY_ARE = ClassRules()


@dataclasses.dataclass(frozen=True)
class ClassTarget:
    """Labels as their indices in `classes`.

    With `merge_case`, case, blanks and trailing points do not count. Labels in `merged` were rare, and are of the class
    `other`; labels in `dropped` were rare, and rows that have them are left out.
    """

    name: str
    classes: tuple[str, ...]
    task: Literal["classification"] = "classification"
    merge_case: bool | None = None
    merged: tuple[str, ...] | None = None
    dropped: tuple[str, ...] | None = None

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
        codes = self._codes(target_cells(table, self.name))
        strange = np.flatnonzero(codes < 0)
        if len(strange):
            unknown = self.strangers(table)
            known = set(map(fold, self.classes))
            alike = any(fold(label) in known for label in unknown)
            raise DataError(
                f"{table.name}: target {self.name!r} holds labels that the training table lacks: {first_ten(unknown)} "
                f"({table.places(strange)}). Known: {first_ten(self.classes)}. Correct them, or leave these rows out.",
                "`merge_case=true` takes labels as one that differ only in case, blanks or a trailing point."
                if alike
                else "",
            )
        return codes

    def strangers(self, table: Table) -> list[str]:
        """The labels of a table that are not among the classes.

        Raises:
            DataError: the table lacks the target, or a label is missing.
        """
        cells = target_cells(table, self.name)
        strange = np.flatnonzero(self._codes(cells) < 0)
        if not len(strange):
            return []
        strange = strange[~self._is_dropped(cells[strange])]
        return sorted(set(as_text(cells)[strange]))

    def is_dropped(self, table: Table) -> Bool[np.ndarray, " rows"]:
        """Which rows have a label that was too rare to be learned, so that they are left out.

        Raises:
            DataError: the table lacks the target, or a label is missing.
        """
        return self._is_dropped(target_cells(table, self.name))

    def _is_dropped(self, cells: pl.Series) -> Bool[np.ndarray, " rows"]:
        return self._places(cells, self.dropped or ()) >= 0

    def _codes(self, cells: pl.Series) -> Int32[np.ndarray, " rows"]:
        """The code of each label, -1 where it is not among the classes."""
        codes = self._places(cells, self.classes)
        if self.merged is not None:
            codes[self._places(cells, self.merged) >= 0] = self.classes.index(_other_class(self.classes))
        return codes

    def _places(self, cells: pl.Series, labels: tuple[str, ...]) -> Int32[np.ndarray, " rows"]:
        """The place of each cell among the labels, or -1."""
        return category_codes(cells, labels, missing=False, merge_case=bool(self.merge_case)) - 1

    def decode(self, codes: Integer[np.ndarray, " rows"]) -> Shaped[np.ndarray, " rows"]:
        """The label of each code.

        >>> ClassTarget("y", ("no", "yes")).decode(np.array([1, 0]))
        array(['yes', 'no'], dtype='<U3')
        """
        labels: np.ndarray = np.array(self.classes)
        return np.asarray(labels[codes])

    def to_json(self) -> dict[str, object]:
        """The target as a plain dictionary."""
        return as_plain(self)


def fit_classes(table: Table, cells: pl.Series, rules: ClassRules, *, lenient: bool) -> ClassTarget:
    """The labels in order, numbers by size; unless `lenient`, there must be two or more, each with two rows or more."""
    counts: dict[str, int] = dict(as_text(cells).value_counts(name="rows").iter_rows())
    counts = merge_counts(counts) if rules.merge_case else counts
    size = float if cells.dtype.is_float() else int
    rare = [] if rules.rare is None else [label for label, rows in counts.items() if rows < rules.least]
    kept = {label: rows for label, rows in counts.items() if label not in rare}
    if not lenient:
        _check_number_of_classes(table, cells, counts)
    if rules.rare == "merge" and rare:
        other = _other_class(kept)
        kept[other] = kept.get(other, 0) + sum(counts[label] for label in rare)
    if not lenient:
        _check_classes(table, cells, kept, rules, rare)
    labels = tuple(_order_labels(rare, size)) or None
    return ClassTarget(
        cells.name,
        _order_labels(kept, size),
        merge_case=True if rules.merge_case else None,
        merged=labels if rules.rare == "merge" else None,
        dropped=labels if rules.rare == "drop" else None,
    )


def _other_class(classes: Iterable[str]) -> str:
    """The class that rare ones join: one that is called so already, or a new one."""
    return next((name for name in classes if fold(name) == OTHER), OTHER)


def _check_number_of_classes(table: Table, cells: pl.Series, counts: Mapping[str, int]) -> None:
    """Raise a DataError unless there are two or more classes, and fewer than rows."""
    about = f"{table.name}: target {cells.name!r}"
    if len(counts) == 1:
        raise DataError(f"{about} is {next(iter(counts))!r} in every row: classification needs two classes or more.")
    if 2 * len(counts) > table.rows:
        raise DataError(
            f"{about} has {len(counts):,} classes in {table.rows:,} rows: too few rows to learn each class from. "
            f"Is it a name or an identifier? Choose another target.{kind_remedy(cells)}",
            "`task.name=regression` takes it as a number." if cells.dtype.is_numeric() else "",
        )


def _check_classes(
    table: Table, cells: pl.Series, counts: Mapping[str, int], rules: ClassRules, rare: Sequence[str]
) -> None:
    """Raise a DataError unless two or more classes are left, each with two rows or more; `rare` ones are not."""
    about = f"{table.name}: target {cells.name!r}"
    if len(counts) < 2:
        raise DataError(
            f"{about} has {len(counts)} {'class' if len(counts) == 1 else 'classes'} of {rules.least} rows or more: "
            "classification needs two. Add rows of the rare classes, or choose another target."
        )
    alone = sorted(label for label, rows in counts.items() if rows == 1)
    if not alone:
        return
    if rules.rare == "merge":
        raise DataError(
            f"{about}: the only rare class, {rare[0]!r}, has one row, too few for a class {alone[0]!r}: add rows, "
            "correct this label, or remove its row.",
            "`rare_classes=drop` leaves it out.",
        )
    as_numbers = ", and `task.name=regression` learns the numbers as values" if cells.dtype.is_numeric() else ""
    several = sum(rows < rules.least for rows in counts.values()) > 1
    merge = f", `rare_classes=merge` makes one class {OTHER!r} of them" if several else ""
    raise DataError(
        f"{about} has classes of a single row: {first_ten(map(repr, alone))}. Each class needs two rows or more, "
        "to learn from and to test on: add rows, correct these labels, or remove their rows.",
        f"`rare_classes=drop` leaves out the rows of classes with fewer than {rules.least} rows{merge}{as_numbers}.",
    )


def _order_labels(labels: Iterable[str], size: Callable[[str], float]) -> tuple[str, ...]:
    """The labels by size if all are numbers (equal ones as text), `other` last; else as text."""
    labels = sorted(labels)
    try:
        numbers = sorted((label for label in labels if label != OTHER), key=lambda label: (size(label), label))
    except ValueError:
        return tuple(labels)
    return (*numbers, *(label for label in labels if label == OTHER))


def class_notes(table: Table, target: ClassTarget, *, told: bool) -> Iterator[str]:
    """What classes were made of the target, where that is a choice: a sentence each.

    Args:
        table: all rows, also those that are left out.
        target: the target.
        told: whether the user has said that it holds classes.
    """
    cells = table.frame[target.name]
    counts: dict[str, int] = dict(as_text(cells).value_counts(name="rows").iter_rows())
    if cells.dtype.is_numeric() and len(target.classes) > 2 and not told:
        numbers = [label for label in target.classes if label in counts]
        yield (
            f"{len(numbers):,} classes of whole numbers, {numbers[0]} to {numbers[-1]}; "
            "`task.name=regression` learns them as values"
        )
    if said := spelling_note(counts, merge_case=bool(target.merge_case)):
        yield said
    if target.dropped:
        yield f"{_count_rare(target, target.dropped, counts)} left out, as their classes are rare"
    if target.merged:
        yield f"{_count_rare(target, target.merged, counts)} of the class {_other_class(target.classes)!r}"


def _count_rare(target: ClassTarget, labels: tuple[str, ...], counts: Mapping[str, int]) -> str:
    """How many rows have one of these labels, and which ones they are."""
    counts = merge_counts(counts) if target.merge_case else counts
    rows = sum(counts.get(label, 0) for label in labels)
    named = first_ten(f"{label!r} ({counts.get(label, 0):,})" for label in labels)
    return f"{rows:,} {'row' if rows == 1 else 'rows'} of {named} {'is' if rows == 1 else 'are'}"
