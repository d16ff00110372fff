"""The columns of a table; saved with the model, so that new rows are read as the training rows were."""

import dataclasses
import json
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar, get_args

from batchwright.data.typed.images import Largest
from batchwright.data.typed.numbers import NumberFormat
from batchwright.errors import DataError

Kind = Literal["numeric", "categorical", "boolean", "date", "text", "tags", "image", "identifier"]
Task = Literal["classification", "regression", "multilabel"]
Scaling = Literal["standard", "robust", "smooth_clip", "quantile", "none", "auto"]

SCALINGS: tuple[Scaling, ...] = get_args(Scaling)
KINDS: tuple[Kind, ...] = get_args(Kind)
TASKS: tuple[Task, ...] = get_args(Task)

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class ColumnOptions:
    """What a user says about one column; what is None is found from its cells.

    Attributes:
        kind: what the column holds; `identifier` leaves it out.
        number: how its numbers are written; it makes the column numeric.
        missing: texts that mean missing in this column, besides those that do in all columns.
        scaling: how its numbers are scaled, in place of what `scaling` says for all columns.
        order: its categories from the lowest to the highest; they are then also a number. "none" says that they have no
            order, where their words have a known one.
    """

    kind: Kind | None = None
    number: NumberFormat | None = None
    missing: tuple[str, ...] = ()
    scaling: Scaling | None = None
    order: tuple[str, ...] | Literal["none"] | None = None

    @property
    def told_kind(self) -> Kind | None:
        """The kind, which may follow from how numbers are written, or from the order of categories."""
        if self.kind is not None:
            return self.kind
        return "numeric" if self.number is not None else "categorical" if self.order is not None else None


@dataclasses.dataclass(frozen=True)
class Column:
    """One column: its name, what it holds, and whether the network gets it.

    `note` says why a column is not used, or what was doubtful about its kind. `format` is how the dates of a column of
    text or whole numbers are written (`date_format`), how lengths of time or fractions are (`durations`, `fractions`),
    or what separates several values in a cell; it is empty for all other columns. `numbers` says how the numbers of a
    text column are written; it is None where they are as Python writes them. `shape` is the height, width and channels
    of a column of images, and None for all other columns; `largest` is the value that becomes 255 in such images of 16
    bits.
    """

    name: str
    kind: Kind
    used: bool = True
    note: str = ""
    format: str = ""
    numbers: NumberFormat | None = None
    shape: tuple[int, int, int] | None = None
    largest: Largest | None = None


@dataclasses.dataclass(frozen=True)
class Schema:
    """The columns of the training table in its own order, and what is predicted from them.

    The target, or each of several, is among `columns` with `used=False`, and so is the column of the rows' `weights` if
    there is one. `classes` holds the labels in the order of their codes; it is empty for a regression, and for several
    targets, which have no classes in common.

    >>> columns = (Column("age", "numeric"), Column("y", "categorical", used=False, note="target"))
    >>> schema = Schema(columns, "y", "classification", ("no", "yes"))
    >>> schema.used
    ('age',)
    >>> Schema.from_json(schema.to_json()) == schema
    True
    """

    columns: tuple[Column, ...]
    target: str | tuple[str, ...] | None
    task: Literal["classification", "regression", "multilabel", "several"]
    classes: tuple[str, ...] = ()
    weights: str | None = None

    def __repr__(self) -> str:
        """The number of columns, the number of inputs, and the target."""
        return f"<Schema: {len(self.columns):,} columns, {len(self.used):,} of them inputs; target {self.target!r:.60}>"

    @property
    def targets(self) -> tuple[str, ...]:
        """The names of the columns that are predicted."""
        return () if self.target is None else (self.target,) if isinstance(self.target, str) else self.target

    @property
    def used(self) -> tuple[str, ...]:
        """The names of the columns that the network gets."""
        return tuple(column.name for column in self.columns if column.used)

    def to_json(self) -> dict[str, object]:
        """The schema as a plain dictionary, ready for `json.dump`."""
        return as_plain(self)

    @classmethod
    def from_json(cls, plain: Mapping[str, object]) -> "Schema":
        """The schema from what `to_json` gave.

        Raises:
            DataError: a key is missing, unknown, or of the wrong type.
        """
        return from_plain(cls, plain)


@dataclasses.dataclass(frozen=True)
class WiderSchema(Schema):
    """A schema by which rows are read that may have further columns: those in `also` are kept.

    What such a column is, its own cells say, where the schema does not.
    """

    also: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class WholeSchema(Schema):
    """A schema by which rows are read that all get an answer: those that do not fit are marked, and none is lost.

    Only inputs are typed. The columns in `keep` are kept as they are written; `a,b` in it stands for two columns.
    """

    keep: tuple[str, ...] = ()


LATER = (
    *("numbers", "decimal", "day_first", "encoding", "skip_lines", "comment", "quote", "columns", "lowest", "highest"),
    *("largest", "shape", "image", "image_dir", "image_size", "merge_case", "merged", "dropped", "minus_after"),
    *("scaling", "order", "why", "smooth_limit", "transform", "min_frequency", "differences"),
)
"""Keys that saved dataclasses do not have where their value is None, as those saved by earlier versions."""


def as_plain(saved: Any, *, without: tuple[str, ...] = ()) -> dict[str, object]:
    """A dataclass as a plain dictionary, without the keys in `LATER` whose value is None, and those in `without`.

    >>> as_plain(Column("age", "numeric"), without=("note", "format"))
    {'name': 'age', 'kind': 'numeric', 'used': True}
    """

    def select(items: list[tuple[str, Any]]) -> dict[str, Any]:
        return {key: value for key, value in items if key not in without and (value is not None or key not in LATER)}

    plain: dict[str, object] = dataclasses.asdict(saved, dict_factory=select)
    return plain


def normal_name(name: object) -> str:
    """The name of a column as text in Unicode's normal form C, which unites the two spellings of an accented letter.

    >>> normal_name("Gro" + "u\u0308" + "n") == "Gro" + "\u00fc" + "n", normal_name(2)
    (True, '2')
    """
    return unicodedata.normalize("NFC", str(name))


def normal_names(names: Iterable[object], table: str) -> list[str]:
    """The names of the columns of a table in their normal form.

    Raises:
        DataError: some names are equal.
    """
    normal = [normal_name(name) for name in names]
    if len(set(normal)) < len(normal):
        repeated = ", ".join(repr(name) for name in sorted(set(normal)) if normal.count(name) > 1)
        raise DataError(f"{table} names {repeated} more than once. Give each column a name of its own.")
    return normal


def from_plain(cls: type[T], plain: Mapping[str, object]) -> T:
    """The dataclass `cls` from its plain dictionary; no code in it is run, and nothing is guessed.

    Every key must be known, required keys present, and every value of its declared type: numbers are not read from
    text, and NaN and infinity are refused.

    Raises:
        DataError: what is wrong, and where in `plain`.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        text = json.dumps(plain, allow_nan=False)
        adapter = TypeAdapter(cls)
        return adapter.validate_json(text, strict=True, extra="forbid")
    except (TypeError, ValueError) as error:
        details = error.errors() if isinstance(error, ValidationError) else [{"loc": (), "msg": str(error)}]
        listed = "; ".join(f"{'.'.join(map(str, detail['loc'])) or 'value'}: {detail['msg']}" for detail in details)
        raise DataError(f"not a saved {cls.__name__}: {listed}. It has to be as batchwright wrote it.") from error
