"""Cells that are unlike all training rows: unseen categories, missing ones, numbers far outside the range."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from batchwright.data.encode.encoders import (
    MIN_FREQUENCY,
    Category,
    Encoder,
    Flag,
    Moment,
    Number,
    OneHot,
    Ordinal,
    Quantile,
    category_codes,
)
from batchwright.data.encode.preprocessing import Preprocessing
from batchwright.data.encode.tags import Tags
from batchwright.data.encode.texts import HashedText
from batchwright.data.typed.convert import as_text
from batchwright.data.typed.table import Table
from batchwright.data.typed.tags import split_values

MARGIN = 0.5
"""A number is far outside the training range if it is outside by more than this share of the width of the range."""
EXAMPLES = 3
"""Unseen categories that are listed for each column."""


@dataclasses.dataclass(frozen=True)
class Unseen:
    """Cells of a column with categories that training did not see, and the first few of these categories.

    Categories that training saw in fewer rows than `least` count as unseen, as the model does not tell them apart.
    """

    cells: int
    examples: tuple[str, ...]
    least: int

    def __add__(self, other: "Unseen") -> "Unseen":
        """These and later ones, of the same column."""
        examples = tuple(dict.fromkeys((*self.examples, *other.examples)))[:EXAMPLES]
        return Unseen(self.cells + other.cells, examples, self.least)

    def describe(self, of: str) -> str:
        """What is unfamiliar, in words; `of` says of which number of cells."""
        rows = "one row only" if self.least == 2 else f"fewer than {self.least:,} rows"
        seen = f"never saw, or saw in {rows}" if self.least > 1 else "never saw"
        return (
            f"{of} hold categories that training {seen} (such as {self.examples[0]!r:.60}): they are taken as unknown"
        )


@dataclasses.dataclass(frozen=True)
class Missing:
    """Missing cells of a column that had none in training, and what they are taken as, in words."""

    cells: int
    taken_as: str

    def __add__(self, other: "Missing") -> "Missing":
        """These and later ones, of the same column."""
        return Missing(self.cells + other.cells, self.taken_as)

    def describe(self, of: str) -> str:
        """What is unfamiliar, in words; `of` says of which number of cells."""
        return f"{of} are missing, and none was in training: they are taken as {self.taken_as}"


@dataclasses.dataclass(frozen=True)
class OutOfRange:
    """Numbers of a column that are far outside the range of training, and the one that is farthest outside."""

    cells: int
    farthest: float
    lowest: float
    highest: float

    def __add__(self, other: "OutOfRange") -> "OutOfRange":
        """These and later ones, of the same column."""
        farthest = max(self.farthest, other.farthest, key=lambda x: max(x - self.highest, self.lowest - x))
        return dataclasses.replace(self, cells=self.cells + other.cells, farthest=farthest)

    def describe(self, of: str) -> str:
        """What is unfamiliar, in words; `of` says of which number of cells."""
        learned = f"training had {self.lowest:.6g} to {self.highest:.6g}"
        return f"{of} are far outside the range of training (such as {self.farthest:.6g}; {learned})"


@dataclasses.dataclass(frozen=True)
class Unfamiliar:
    """What is unlike the training rows, by column, among `rows` rows."""

    rows: int = 0
    unseen: Mapping[str, Unseen] = dataclasses.field(default_factory=dict)
    missing: Mapping[str, Missing] = dataclasses.field(default_factory=dict)
    out_of_range: Mapping[str, OutOfRange] = dataclasses.field(default_factory=dict)

    def __add__(self, other: "Unfamiliar") -> "Unfamiliar":
        """These rows and later ones."""
        return Unfamiliar(
            self.rows + other.rows,
            _add(self.unseen, other.unseen),
            _add(self.missing, other.missing),
            _add(self.out_of_range, other.out_of_range),
        )

    def notes(self) -> tuple[str, ...]:
        """One sentence for each column and kind of cell."""
        return tuple(
            f"column {column!r}: {found.describe(f'{found.cells:,} of {self.rows:,} cells')}"
            for kind in (self.unseen, self.missing, self.out_of_range)
            for column, found in kind.items()
        )

    def to_json(self) -> dict[str, dict[str, Any]]:
        """The counts by kind and column, as plain data."""
        missing = {column: {"cells": found.cells} for column, found in self.missing.items()}
        unseen = {
            column: {"cells": found.cells, "examples": list(found.examples)} for column, found in self.unseen.items()
        }
        numbers = {column: dataclasses.asdict(found) for column, found in self.out_of_range.items()}
        return {"unseen": unseen, "missing": missing, "out_of_range": numbers}


def count_unfamiliar(preprocessing: Preprocessing, table: Table) -> Unfamiliar:
    """What is unlike the training rows among the rows of a table."""
    unseen: dict[str, Unseen] = {}
    missing: dict[str, Missing] = {}
    out_of_range: dict[str, OutOfRange] = {}
    for encoder in preprocessing.encoders:
        name, cells = encoder.column, table.cells(encoder.column)
        absent = cells.null_count()
        if absent and not knows_missing(encoder):
            missing[name] = Missing(absent, taken_as(preprocessing, encoder))
        if isinstance(encoder, OneHot | Category | Ordinal):
            known = encoder.order if isinstance(encoder, Ordinal) else encoder.categories
            codes = category_codes(cells, known, missing=False, merge_case=bool(encoder.merge_case))
            strange = (codes == 0) & cells.is_not_null().to_numpy()
            if strange.any():
                examples = as_text(cells).filter(strange).unique(maintain_order=True).head(EXAMPLES)
                unseen[name] = Unseen(int(strange.sum()), tuple(examples), least_rows(encoder))
        if isinstance(encoder, Tags):
            strangers = split_values(cells, encoder.separator).explode().drop_nulls()
            strangers = strangers.filter(~strangers.is_in(list(encoder.values)))
            if len(strangers):
                examples = strangers.unique(maintain_order=True).head(EXAMPLES)
                unseen[name] = Unseen(len(strangers), tuple(examples), least_rows(encoder))
        if isinstance(encoder, Number | Quantile) and (found := _out_of_range(encoder, cells.drop_nulls().to_numpy())):
            out_of_range[name] = found
    return Unfamiliar() + Unfamiliar(table.rows, unseen, missing, out_of_range)


def least_rows(encoder: OneHot | Category | Ordinal | Tags) -> int:
    """The training rows of a category that is known."""
    if isinstance(encoder, Tags):
        return 2 if encoder.other else 1
    return (encoder.min_frequency or MIN_FREQUENCY) if isinstance(encoder, Category) else 1


def _out_of_range(encoder: Number | Quantile, numbers: np.ndarray) -> OutOfRange | None:
    """The numbers far outside; None if there are none, or the range of training is not known."""
    low, high = encoder.lowest, encoder.highest
    if low is None or high is None or len(numbers) == 0:
        return None
    values = numbers.astype(np.float64)
    with np.errstate(over="ignore"):
        outside = np.maximum(values - high, low - values)
        far = outside > MARGIN * (high - low)
    if not far.any():
        return None
    return OutOfRange(int(far.sum()), float(values[np.argmax(outside)]), low, high)


def knows_missing(encoder: Encoder) -> bool:
    """Whether training had missing cells in the column."""
    return encoder.indicator if isinstance(encoder, Number | Quantile | Flag | Moment) else encoder.missing


def taken_as(preprocessing: Preprocessing, encoder: Encoder) -> str:
    """What missing cells of a column are taken as, in words."""
    return " ".join((*_taken_from(preprocessing, encoder.column), _usual(encoder)))


def _taken_from(preprocessing: Preprocessing, column: str) -> Iterator[str]:
    """What a missing number is taken as where another column moves together with its own, in words."""
    others = [name for one in preprocessing.differences or () if column in one.columns for name in one.columns]
    told = dict.fromkeys(name for name in others if name != column)
    if told:
        yield f"what {' or '.join(map(repr, told))} says of them where that is there, else as"


def _usual(encoder: Encoder) -> str:
    """What a missing cell is taken as where no other column says more."""
    match encoder:
        case Number():
            return f"{encoder.center:.6g}"
        case Quantile():
            return "the median of training"
        case Flag():
            return "halfway between false and true"
        case Moment():
            return "the mean date of training"
        case Tags():
            return "cells without a value"
        case HashedText():
            return "texts without words"
        case _:
            return "unknown"


def _add(first: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """The counts of both by column, added up; the names in order, whichever of them was met first."""
    both = {
        column: first[column] + later[column] if column in first and column in later else found
        for column, found in {**first, **later}.items()
    }
    return dict(sorted(both.items()))
