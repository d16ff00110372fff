"""Several labels in one cell, such as `red|round`: their separator, the set of labels, and each label as 0 or 1."""

import dataclasses
from collections import Counter
from collections.abc import Iterable
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Float32, Num

from batchwright.data.encode.spelling import fold, merge_counts, spelling_note
from batchwright.data.typed.cells import first_ten
from batchwright.data.typed.convert import as_text
from batchwright.data.typed.schema import as_plain
from batchwright.data.typed.table import Table
from batchwright.errors import ConfigError, DataError

SEPARATORS = ("|", ";", ",", "/", " ")
"""Separators that are recognised, the rarest in ordinary text first; any other must be given."""

LEAST_SHARE = 0.01
"""The share of cells that must hold a separator for it to be recognised: fewer may be typing errors."""


@dataclasses.dataclass(frozen=True)
class LabelTarget:
    """Sets of labels as a 0 or 1 for each of `classes`; an empty cell is a row without a label.

    With `merge_case`, case, blanks and trailing points do not count.
    """

    name: str
    classes: tuple[str, ...]
    separator: str
    task: Literal["multilabel"] = "multilabel"
    merge_case: bool | None = None

    def __repr__(self) -> str:
        """The target, and the first of its labels."""
        named = ", ".join(f"{name:.20}" for name in self.classes[:5]) + (", ..." if len(self.classes) > 5 else "")
        return f"<LabelTarget {self.name:.40}: {len(self.classes):,} labels ({named})>"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that hold the target."""
        return (self.name,)

    def encode(self, table: Table) -> Float32[np.ndarray, "rows classes"]:
        """Which labels each row has.

        Raises:
            DataError: the table lacks the target, or a label is not among the classes.
        """
        cells = as_text(table.frame[table.column(self.name).name])
        distinct = cells.unique(maintain_order=True)
        places = {self._key(name): place for place, name in enumerate(self.classes)}
        labels = [split_cell(cell, self.separator) for cell in distinct]
        if strange := {label for found in labels for label in found if self._key(label) not in places}:
            having = [not strange.isdisjoint(split_cell(cell, self.separator)) for cell in cells]
            raise DataError(
                f"{table.name}: target {self.name!r} holds labels that the training table lacks: "
                f"{first_ten(sorted(strange))} ({table.places(np.flatnonzero(having))}). "
                f"Known: {first_ten(self.classes)}."
            )
        known = np.zeros((len(distinct), len(self.classes)), np.float32)
        for row, found in enumerate(labels):
            known[row, [places[self._key(label)] for label in found]] = 1.0
        which = cells.replace_strict(distinct, np.arange(len(distinct)), return_dtype=pl.Int64)
        return np.asarray(known[which.to_numpy()])

    def strangers(self, table: Table) -> list[str]:
        """The labels of a table that are not among the classes.

        Raises:
            DataError: the table lacks the target.
        """
        cells = as_text(table.frame[table.column(self.name).name]).unique()
        known = set(map(self._key, self.classes))
        labels = {label for cell in cells for label in split_cell(cell, self.separator)}
        return sorted(label for label in labels if self._key(label) not in known)

    def _key(self, label: str) -> str:
        """The text by which labels are told apart."""
        return fold(label) if self.merge_case else label

    def decode(self, present: Num[np.ndarray, "rows classes"]) -> np.ndarray:
        """The labels of each row, with the separator between them.

        >>> LabelTarget("y", ("blue", "red"), "|").decode(np.array([[1, 1], [0, 0]])).tolist()
        ['blue|red', '']
        """
        return join_names(np.asarray(present) > 0, self.classes, self.separator)

    def to_json(self) -> dict[str, object]:
        """The target as a plain dictionary."""
        return as_plain(self)


def fit_labels(
    table: Table, name: str, *, separator: str | None = None, lenient: bool = False, merge_case: bool = False
) -> LabelTarget:
    """How to predict the column `name` as a set of labels.

    Args:
        table: all rows.
        name: the target column, of text.
        separator: what is between the labels of a cell; found among `SEPARATORS` when None.
        lenient: whether to accept about as many labels as rows.
        merge_case: whether labels that differ only in case, blanks or trailing points are one.

    >>> from batchwright.data.typed.table import from_frame
    >>> fit_labels(from_frame({"y": ["red|round", "red", None, "round", "red"]}), "y").classes
    ('red', 'round')

    Raises:
        DataError: no such column, cells that are not text, no label at all, no separator found, or about as many labels
            as rows.
        ConfigError: an empty separator.
    """
    if separator == "":
        raise ConfigError("label_separator is what is between two labels, as | or ;, and not empty text.")
    column = table.column(name)
    cells = table.frame[name]
    if cells.dtype not in (pl.String, pl.Boolean) and not cells.dtype.is_numeric():
        raise DataError(f"{table.name}: target {name!r} holds {column.kind} cells; labels are text, as red|round.")
    texts = as_text(cells)
    chosen = _find_separator(table, name, texts) if separator is None else separator
    if separator is not None and (other := _other_separator(texts, separator)):
        raise DataError(
            f"{table.name}: no cell of target {name!r} holds {separator!r}, but cells hold {other!r}: is that what is "
            "between the labels? `label_separator` left out finds it."
        )
    counts = count_labels(texts, chosen)
    classes = tuple(sorted(merge_counts(counts) if merge_case else counts))
    if not classes and not lenient:
        raise DataError(f"{table.name}: target {name!r} holds no label in any row: there is nothing to learn.")
    if 2 * len(classes) > table.rows and not lenient:
        raise DataError(
            f"{table.name}: target {name!r} has {len(classes):,} labels, split at {chosen!r}, in {table.rows:,} rows: "
            "too few rows to learn each from. Is it a text? Choose another target, or another `label_separator`."
        )
    return LabelTarget(name, classes, chosen, merge_case=True if merge_case else None)


def split_cell(cell: str | None, separator: str) -> tuple[str, ...]:
    """The labels in a cell, without blanks around them; none in an empty one.

    >>> split_cell(" red | round|", "|")
    ('red', 'round')
    """
    parts = () if cell is None else cell.split(None if separator == " " else separator)
    return tuple(part.strip() for part in parts if part.strip())


def count_labels(texts: pl.Series, separator: str) -> dict[str, int]:
    """How often each label occurs.

    >>> sorted(count_labels(pl.Series(["a|b", "a", None]), "|").items())
    [('a', 2), ('b', 1)]
    """
    counts = Counter[str]()
    for cell, rows in texts.drop_nulls().value_counts(name="rows").iter_rows():
        for label in split_cell(cell, separator):
            counts[label] += rows
    return counts


def join_names(present: np.ndarray, classes: Iterable[str], separator: str) -> np.ndarray:
    """The names of the classes that each row has, `present` [rows, classes], with the separator between them."""
    names = np.array(tuple(classes), dtype=object)
    return np.array([separator.join(names[row]) for row in present], dtype=str)


def labels_note(table: Table, target: LabelTarget) -> str:
    """How cells were split, with an example, and how many rows have no label: a sentence for the user."""
    cells = as_text(table.frame[target.name])
    several = next((cell for cell in cells if len(split_cell(cell, target.separator)) > 1), None)
    empty = sum(not split_cell(cell, target.separator) for cell in cells)
    example = "no cell holds two" if several is None else f"as in {several!r:.60}"
    without = f"; {empty:,} of {table.rows:,} rows have none" if empty else ""
    said = spelling_note(count_labels(cells, target.separator), merge_case=bool(target.merge_case))
    spellings = f"; {said}" if said else ""
    found = f"target {target.name!r}: {len(target.classes):,} labels, split at {target.separator!r}, {example}"
    return f"{found}{without}{spellings}"


def looks_like_labels(classes: Iterable[str]) -> str | None:
    """A class that is rather a set of labels, such as red|round: its parts are parts of other classes too.

    With `|`, `;` or `,` between them, the parts may also be parts of other such classes only. A blank or `/` is common
    within names, so there each part has to be a class of its own.

    >>> looks_like_labels(("big", "red", "red|big")), looks_like_labels(("a/b", "c"))
    ('red|big', None)
    >>> looks_like_labels(("big", "red", "red big")), looks_like_labels(("New York", "New Jersey"))
    ('red big', None)
    """
    known = set(classes)
    for separator in SEPARATORS:
        several = {name: split_cell(name, separator) for name in known if separator in name}
        parts = Counter(part for found in several.values() for part in found)
        rare_in_names = separator in SEPARATORS[:3]
        for name, found in sorted(several.items()):
            if len(found) > 1 and all(part in known or (rare_in_names and parts[part] > 1) for part in found):
                return name
    return None


def _holds(cells: pl.Series, separator: str) -> int:
    return int(cells.str.strip_chars().str.contains(separator, literal=True).sum() or 0)


def _other_separator(cells: pl.Series, separator: str) -> str | None:
    """A separator other than a blank that enough cells hold, where none holds the one that was given."""
    if _holds(cells, separator):
        return None
    needed = max(1.0, LEAST_SHARE * len(cells))
    return next((other for other in SEPARATORS[:-1] if _holds(cells, other) >= needed), None)


def _find_separator(table: Table, name: str, cells: pl.Series) -> str:
    """The separator that enough cells hold."""
    needed = max(1.0, LEAST_SHARE * len(cells))
    for separator in SEPARATORS:
        if _holds(cells, separator) >= needed:
            return separator
    raise DataError(
        f"{table.name}: no cell of target {name!r} holds two labels with one of {' '.join(SEPARATORS[:-1])} or a blank "
        f"between them. If each row has one class, leave out task multilabel.",
        "`label_separator` says what is between them.",
    )
