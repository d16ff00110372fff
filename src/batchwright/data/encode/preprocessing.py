"""Turn tables into arrays: which columns are used, and how; learned on training rows only, saved as data, not code."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
import polars as pl

from batchwright.data.encode.differences import Difference, fill_missing, find_differences
from batchwright.data.encode.encoders import (
    MIN_FREQUENCY,
    Category,
    Encoder,
    Flag,
    Number,
    OneHot,
    Ordinal,
    Picture,
    Quantile,
    Wide,
    category_encoder,
    date_encoder,
    ordinal_encoder,
)
from batchwright.data.encode.known_orders import known_order, stray_note
from batchwright.data.encode.scaling import number_encoder
from batchwright.data.encode.several import SeveralTargets, Target
from batchwright.data.encode.spelling import spelling_note
from batchwright.data.encode.tags import Tags, tags_encoder
from batchwright.data.encode.texts import TEXT, HashedText, Text, describe_cost, lengths_of, text_dtype, text_encoder
from batchwright.data.typed.advice import kind_setting, no_order_setting
from batchwright.data.typed.convert import as_text
from batchwright.data.typed.counters import may_be_input
from batchwright.data.typed.schema import SCALINGS, Column, ColumnOptions, Schema, as_plain, from_plain
from batchwright.data.typed.table import ColumnSource, Table
from batchwright.errors import ConfigError, DataError, unknown

Constant = Literal["leave_out", "unless_all", "keep"]
AS_FOUND = ColumnOptions()


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """One encoder per used column, in the order of the table; a column of images has one of its own.

    `encode` gives "numeric" (float32, [rows, len(feature_names)]), "categorical" (int32, [rows, len(cardinalities)]),
    "text" (int16 or int32, [rows, the widths of all texts]) and "image" (uint8 [rows, height, width, channels]), each
    only if it has columns. A network makes the `differences` of "numeric" itself; None: there are none.
    """

    encoders: tuple[Encoder, ...]
    image: Picture | None = None
    differences: tuple[Difference, ...] | None = None

    def __repr__(self) -> str:
        """The number of columns, and the number of inputs that they become."""
        numbers, categories = len(self.feature_names), len(self.categorical_names)
        columns = f"{len(self.encoders):,} columns to {numbers:,} numbers and {categories:,} categories"
        return f"<Preprocessing: {'an image, ' if self.image else ''}{columns}>"

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the columns of "numeric"."""
        wide = (encoder for encoder in self.encoders if isinstance(encoder, Wide))
        return tuple(name for encoder in wide for name in encoder.features)

    @property
    def categorical_names(self) -> tuple[str, ...]:
        """The names of the columns of "categorical"."""
        return tuple(encoder.column for encoder in self.encoders if isinstance(encoder, Category))

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """For each column of "categorical", the number of its indices; 0 stands for unseen categories."""
        return tuple(encoder.cardinality for encoder in self.encoders if isinstance(encoder, Category))

    @property
    def texts(self) -> tuple[tuple[int, int], ...]:
        """For each column of words, the number of their different numbers, and the numbers of a row in "text"."""
        return tuple((encoder.size, encoder.width) for encoder in self.encoders if isinstance(encoder, HashedText))

    @property
    def chosen_scalings(self) -> dict[str, tuple[str, str]]:
        """By column the scaling that was chosen from the training rows, and why."""
        numbers = (encoder for encoder in self.encoders if isinstance(encoder, Number | Quantile))
        return {one.column: (one.scaling, one.why) for one in numbers if one.why is not None}

    def encode(self, table: Table) -> dict[str, np.ndarray]:
        """The arrays of a table's rows; any category may be new, and any cell missing.

        Raises:
            DataError: a column is missing.
        """
        inputs: dict[str, np.ndarray] = {}
        if width := len(self.feature_names):
            inputs["numeric"] = np.empty((table.rows, width), np.float32)
        if width := len(self.cardinalities):
            inputs["categorical"] = np.empty((table.rows, width), np.int32)
        if texts := self.texts:
            inputs["text"] = np.empty((table.rows, sum(width for _, width in texts)), text_dtype(texts))
        numbers = categories = words = 0
        paired, missing = {place for one in self.differences or () for place in one.places}, dict[int, np.ndarray]()
        for encoder in self.encoders:
            cells = table.frame[table.column(encoder.column).name]
            if isinstance(encoder, Category):
                inputs["categorical"][:, categories] = encoder.codes(cells)
                categories += 1
            elif isinstance(encoder, HashedText):
                encoder.write(cells, inputs["text"][:, words : words + encoder.width])
                words += encoder.width
            else:
                width = len(encoder.features)
                encoder.write(cells, inputs["numeric"][:, numbers : numbers + width])
                if numbers in paired:
                    missing[numbers] = cells.is_null().to_numpy()
                numbers += width
        if missing:
            fill_missing(inputs["numeric"], missing, self.differences or ())
        if self.image is not None:
            inputs["image"] = self.image.pixels(table.frame[table.column(self.image.column).name])
        return inputs

    def to_json(self) -> dict[str, object]:
        """Everything that was learned, as a plain dictionary."""
        return as_plain(self)

    @classmethod
    def from_json(cls, plain: Mapping[str, object]) -> "Preprocessing":
        """The preprocessing from what `to_json` gave.

        Raises:
            DataError: a key is missing, unknown, or of the wrong type.
        """
        return from_plain(cls, plain)


@dataclasses.dataclass(frozen=True)
class EncoderRules:
    """How columns of each kind are encoded.

    Attributes:
        scaling: of numbers x: `standard` (x − mean) / deviation, `robust` (x − median) / (upper − lower quartile),
            `smooth_clip`, which keeps the latter within ±3, `quantile`, which gives each column a normal distribution,
            `none`, which takes x as it is, or `auto`, which chooses for each column.
        one_hot_max: categories with at most this number of distinct values become one column each; others are embedded.
        text: how free text is encoded.
        merge_case: whether categories that differ only in case, blanks or trailing points are one.
        columns: the scaling or the order of single columns, by name.
        min_frequency: training rows of an embedded category below which it is taken as unknown.
        differences: whether differences of columns that move together are looked for.
    """

    scaling: str = "standard"
    one_hot_max: int = 10
    text: Text = TEXT
    merge_case: bool = False
    columns: Mapping[str, ColumnOptions] = dataclasses.field(default_factory=dict)
    min_frequency: int = MIN_FREQUENCY
    differences: bool = False


USUAL = EncoderRules()


class Learned(NamedTuple):
    """What the training rows teach: the columns, which of them are used, and how these are encoded."""

    schema: Schema
    preprocessing: Preprocessing


def learn(
    train: ColumnSource,
    target: Target | None,
    rules: EncoderRules = USUAL,
    *,
    leave_out: Mapping[str, str] = MappingProxyType({}),
    constant: Constant = "leave_out",
) -> Learned:
    """Learn from the training rows which columns are used (no target, constant or identifier), and how.

    One column is read at a time.

    Args:
        train: the training rows, and no others.
        target: the target; None where rows have no target.
        rules: how columns of each kind are encoded.
        leave_out: other columns that are not for the network, each with the reason (`{"weight": "sample weights"}`).
        constant: what becomes of columns that do not vary: they are left out; or are so unless there are no others; or
            are used, as more rows are to come, unless all of their cells are missing.

    >>> from batchwright.data.typed.table import from_frame
    >>> table = from_frame({"height": [1.0, 3.0], "colour": ["red", "blue"]})
    >>> preprocessing = learn(table, None).preprocessing
    >>> preprocessing.feature_names
    ('height', 'colour=blue', 'colour=red')
    >>> preprocessing.encode(table)["numeric"]
    array([[-1.,  0.,  1.],
           [ 1.,  1.,  0.]], dtype=float32)

    Raises:
        DataError: no column is left.
        ConfigError: an unknown scaling.
    """
    check_scaling(rules.scaling)
    reasons = dict(leave_out) | (dict.fromkeys(target.columns, "target") if target else {})
    found = learn_columns(train, reasons, rules, constant=constant)
    schema = make_schema(tuple(column for column, _ in found), target, name=train.name)
    images = [Picture(column.name, column.shape) for column, _ in found if column.used and column.shape is not None]
    encoders = tuple(encoder for _, encoder in found if encoder is not None)
    differences = find_differences(train, target, encoders) if rules.differences else ()
    return Learned(schema, Preprocessing(encoders, images[0] if images else None, differences or None))


def learn_columns(
    train: ColumnSource, reasons: Mapping[str, str], rules: EncoderRules, *, constant: Constant = "leave_out"
) -> list[tuple[Column, Encoder | None]]:
    """Whether and how each column is encoded; `reasons` are those against using columns, the rest is as for `learn`."""
    _refuse_told(rules.columns, reasons)
    found = [_learn_column(train, column, reasons.get(column.name), constant, rules) for column in train.columns]
    if not any(column.used for column, _ in found):
        found = [_take_counter(train, column, encoder, rules) for column, encoder in found]
    if constant != "leave_out" and not any(column.used for column, _ in found):
        found = [_keep_column(train, column, reasons.get(column.name), rules) for column in train.columns]
    return found


def _refuse_told(columns: Mapping[str, ColumnOptions], reasons: Mapping[str, str]) -> None:
    """Raise a ConfigError if the scaling or the order of a column is told that is no input."""
    for name, told in columns.items():
        if name in reasons and (told.scaling is not None or told.order is not None):
            raise ConfigError(
                f"columns says how {name!r} is encoded, but it is no input ({reasons[name]}): leave its scaling "
                "and its order out."
            )


def check_scaling(scaling: str) -> None:
    """Raise a ConfigError unless there is such a scaling."""
    if scaling not in SCALINGS:
        raise ConfigError(unknown("scaling", scaling, SCALINGS))


def _learn_column(
    train: ColumnSource, column: Column, reason: str | None, constant: Constant, rules: EncoderRules
) -> tuple[Column, Encoder | None]:
    """Whether and how a column is encoded; it is not read if there is a `reason` against using it."""
    if reason is not None:
        return dataclasses.replace(column, used=False, note=reason), None
    if not column.used or column.kind == "image":
        return column, None
    cells = train.cells(column.name)
    judged = judge_kept(column, cells) if constant == "keep" else judge(column, cells)
    if not judged.used:
        return judged, None
    encoder = make_encoder(judged, cells, rules)
    return with_encoder_notes(judged, cells, encoder, rules), encoder


def _take_counter(
    train: ColumnSource, column: Column, encoder: Encoder | None, rules: EncoderRules
) -> tuple[Column, Encoder | None]:
    """The column, used after all if it was left out only because its numbers go up by one from row to row."""
    if not may_be_input(column):
        return column, encoder
    cells = train.cells(column.name)
    if not cells.dtype.is_numeric():
        return column, encoder
    taken = Column(column.name, "numeric", note="it counts the rows, and is used as there is no other column")
    return taken, make_encoder(taken, cells, rules)


def with_encoder_notes(column: Column, cells: pl.Series, encoder: Encoder, rules: EncoderRules) -> Column:
    """The column, with a note on the cost of its text, its tags, the order or the spellings of its categories."""
    note = ""
    if isinstance(encoder, HashedText):
        note = describe_cost(encoder, lengths_of(cells, encoder.separator))
    elif isinstance(encoder, Tags):
        note = f"{len(encoder.values):,} values{', and rare ones together' if encoder.other else ''}"
    elif isinstance(encoder, Ordinal) and rules.columns.get(column.name, AS_FOUND).order is None:
        order, without = " < ".join(encoder.order), no_order_setting(column.name)
        note = f"its words have the order {order}, so that each has a rank too; {without} leaves it out"
    elif isinstance(encoder, Category | OneHot):
        counts = dict(as_text(cells).drop_nulls().value_counts(name="rows").iter_rows())
        note = spelling_note(counts, merge_case=bool(encoder.merge_case))
        if not note and rules.columns.get(column.name, AS_FOUND).order is None:
            note = stray_note(column.name, counts)
    return dataclasses.replace(column, note="; ".join(filter(None, (column.note, note)))) if note else column


def _keep_column(
    train: ColumnSource, column: Column, reason: str | None, rules: EncoderRules
) -> tuple[Column, Encoder | None]:
    """The column, used although it tells nothing, unless there is a `reason` against using it."""
    if reason is not None:
        return dataclasses.replace(column, used=False, note=reason), None
    kept, cells = dataclasses.replace(column, used=True), train.cells(column.name)
    encoder = make_encoder(kept, cells, rules)
    return with_encoder_notes(kept, cells, encoder, rules), encoder


def make_schema(columns: tuple[Column, ...], target: Target | None, *, name: str) -> Schema:
    """The schema of judged columns and a target; `name` is the name of the table.

    Raises:
        DataError: no column is left.
    """
    if not any(column.used for column in columns):
        listed = "; ".join(f"{column.name!r} ({column.note})" for column in columns)
        others = [column.name for column in columns if column.kind == "identifier" and "`" not in column.note]
        raise DataError(
            f"{name}: no column is left to learn from: {listed}. Add columns that differ from row to row.",
            f"{kind_setting(others[0], 'categorical')} takes one as it is." if others else "",
        )
    if target is None:
        return Schema(columns, None, "regression")
    return Schema(columns, schema_target(target), target.task, target.classes)


def schema_target(target: Target) -> str | tuple[str, ...]:
    """The column of a target, or the columns of several, as a schema names them."""
    return target.columns if isinstance(target, SeveralTargets) else target.name


def judge(column: Column, cells: pl.Series) -> Column:
    """The column, marked as unused if all its `cells` in the training rows are the same."""
    if column.used and cells.eq_missing(cells.head(1)).all():
        value = "missing" if cells.null_count() else repr(cells[0])
        return dataclasses.replace(column, used=False, note=f"left out: every training row is {value}")
    return column


def judge_kept(column: Column, cells: pl.Series) -> Column:
    """As `judge`, but a column is used although its cells are all the same, unless all of them are missing."""
    return column if cells.null_count() < len(cells) else judge(column, cells)


def make_encoder(column: Column, cells: pl.Series, rules: EncoderRules) -> Encoder:
    """The encoder learned from the `cells` of a column in the training rows."""
    told = rules.columns.get(column.name, AS_FOUND)
    if told.scaling is not None and column.kind != "numeric":
        raise ConfigError(
            f"columns says how {column.name!r} is scaled, but it holds no numbers ({column.kind}): leave `scaling` "
            "out, or give `kind: numeric`."
        )
    match column.kind:
        case "numeric":
            return number_encoder(column.name, cells, told.scaling or rules.scaling)
        case "boolean":
            return Flag(column.name, cells.null_count() > 0)
        case "date":
            return date_encoder(column.name, cells)
        case "text":
            return text_encoder(column.name, cells, rules.text)
        case "tags":
            few = tags_encoder(column.name, cells, column.format)
            return few or text_encoder(column.name, cells, rules.text, separator=column.format)
        case _ if (order := _order_of(cells, told, rules)) is not None:
            return ordinal_encoder(column.name, cells, order, rules.one_hot_max, merge_case=rules.merge_case)
        case _:
            return category_encoder(
                column.name, cells, rules.one_hot_max, merge_case=rules.merge_case, min_frequency=rules.min_frequency
            )


def _order_of(cells: pl.Series, told: ColumnOptions, rules: EncoderRules) -> tuple[str, ...] | None:
    """The order of the categories of a column, as told or as its words have it; None if they have none."""
    if told.order is not None:
        return None if told.order == "none" else told.order
    return known_order(cells, merge_case=rules.merge_case)
