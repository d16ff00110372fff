"""Rows that are encoded by what an earlier training has learned: its columns, scales and categories, and its target.

Only the target may be another: it is then learned anew, from the new training rows.
"""

import dataclasses
from typing import Protocol, runtime_checkable

from batchwright.data.encode.encoding import Encoding, ImagePreprocessing, label_table
from batchwright.data.encode.labels import LabelTarget
from batchwright.data.encode.preprocessing import schema_target
from batchwright.data.encode.several import SeveralTargets, Target, without_range
from batchwright.data.encode.targets import ValueTarget
from batchwright.data.options import DataOptions
from batchwright.data.roles import given_names
from batchwright.data.typed.cells import first_ten
from batchwright.data.typed.images import Images, Largest
from batchwright.data.typed.rows import AnyRows, Rows
from batchwright.data.typed.schema import Schema, WiderSchema
from batchwright.data.typed.table import ColumnSource, Table, column_of
from batchwright.errors import ConfigError

LEARNED = (
    *("scaling", "one_hot_max", "text", "missing", "usual_missing", "decimal", "day_first", "kinds", "columns"),
    *("target_transform", "min_frequency", "differences", "image_size"),
)
"""Options that say how columns are learned, which the earlier training has done."""


@runtime_checkable
class Encoded(Protocol):
    """What holds an encoding: a trained model, a run, or a training that has just ended."""

    @property
    def encoding(self) -> Encoding:
        """How its rows were encoded."""


def encoding_of(like: Encoding | Encoded | None) -> Encoding | None:
    """The encoding itself.

    Raises:
        ConfigError: it is nothing that holds one.
    """
    if like is None or isinstance(like, Encoding):
        return like
    if isinstance(like, Encoded):
        return like.encoding
    raise ConfigError(
        f"like takes what fit gave, a run, as open_run('runs/digits-1'), or a model that load_model gave, but is "
        f"{like!r:.60}."
    )


def options_like(options: DataOptions, like: Encoding) -> DataOptions:
    """The options, with the target and the reading of cells taken from the earlier training.

    Raises:
        ConfigError: they say how columns are to be learned, or name an input of the model as the target.
    """
    default = DataOptions()
    given = [name for name in LEARNED if getattr(options, name) != getattr(default, name)]
    if given:
        raise ConfigError(
            f"{', '.join(given)}: how columns are encoded was learned in the training of the model: leave this out."
        )
    target = like.schema.target if options.target is None else options.target
    if inputs := [name for name in given_names(target) if name in like.schema.used]:
        raise ConfigError(f"the column {inputs[0]!r} is an input of the model, and cannot be the target.")
    image = like.preprocessing.shape if isinstance(like.preprocessing, ImagePreprocessing) else None
    return dataclasses.replace(
        options,
        target=target,
        header=options.header and like.reading.header,
        delimiter=options.delimiter or like.reading.delimiter,
        encoding=options.encoding or like.reading.encoding,
        skip_lines=like.reading.skip_lines if options.skip_lines is None else options.skip_lines,
        comment=options.comment or like.reading.comment,
        quote=options.quote or like.reading.quote,
        missing=like.reading.missing,
        usual_missing=False,
        decimal=like.reading.decimal,
        day_first=like.reading.day_first,
        kinds=like.reading.kinds,  # type: ignore[arg-type]
        columns=like.reading.columns or {},
        image_size=None if image is None else image[:2],
    )


def schema_like(like: Encoding, options: DataOptions) -> Schema | None:
    """The schema by which the rows are read: the inputs have to be there; None for images."""
    if isinstance(like.preprocessing, ImagePreprocessing):
        return None
    roles = (*given_names(options.target), options.group, options.time, options.weights or like.schema.weights)
    also = tuple(dict.fromkeys(name for name in roles if name is not None))
    return WiderSchema(**vars(like.schema) | {"also": also})


def channels_like(like: Encoding | None) -> int | None:
    """The channels that images of a folder are brought to."""
    made = None if like is None else like.preprocessing
    return made.shape[2] if isinstance(made, ImagePreprocessing) else None


def largest_like(like: Encoding | None) -> Largest | None:
    """The value that becomes 255 in images of 16 bits of a folder."""
    made = None if like is None else like.preprocessing
    return made.scale if isinstance(made, ImagePreprocessing) else None


def take_weights_like(rows: AnyRows, options: DataOptions, like: Encoding) -> DataOptions:
    """The options, with the column of weights of the earlier training where none is named and the rows have it."""
    column = like.schema.weights
    if options.weights is not None or column is None or isinstance(rows, Images):
        return options
    if column not in [found.name for found in rows.columns]:
        return options
    return dataclasses.replace(options, weights=column)


def known_target(rows: Rows, names: tuple[str, ...], options: DataOptions, like: Encoding) -> Target | None:
    """The target of the earlier training, if these rows have it and all their labels are known; otherwise None.

    Args:
        rows: all rows.
        names: the columns that are predicted.
        options: how they are read.
        like: the encoding of the earlier training.

    Raises:
        DataError: the rows lack the target, or some of it is missing.
    """
    known = like.target
    if names != known.columns or options.task not in (None, known.task):
        return None
    table = rows if isinstance(rows, Table) else label_table(rows)
    return known if not known.strangers(table) else None


def encoding_like(like: Encoding, columns: ColumnSource | Images, target: Target, options: DataOptions) -> Encoding:
    """The encoding of the earlier training, with this target; `columns` are rows as they were read, or none of them."""
    if without_range(target) == without_range(like.target) and options.weights == like.schema.weights:
        return dataclasses.replace(like, target=target, reading=options.reading)
    described = schema_target(target), target.task, target.classes
    if isinstance(columns, Images):
        return Encoding(Schema((), *described), like.preprocessing, target, options.reading)
    inputs = [column for column in like.schema.columns if column.used]
    notes = {
        **dict.fromkeys(target.columns, "target"),
        **({} if options.weights is None else {options.weights: "weights of the rows"}),
    }
    beside = [
        dataclasses.replace(column_of(columns, name), used=False, note=note)
        for name, note in notes.items()
        if name not in like.schema.used
    ]
    schema = Schema((*inputs, *beside), *described, options.weights)
    return Encoding(schema, like.preprocessing, target, options.reading)


def target_note(rows: Rows, like: Encoding, target: Target) -> tuple[str, ...]:
    """A note that the target differs from the model's, and why."""
    known = like.target
    if without_range(target) == without_range(known):
        return ()
    if not isinstance(known, ValueTarget) and (target.columns, target.task) == (known.columns, known.task):
        strange = known.strangers(rows if isinstance(rows, Table) else label_table(rows))
        unknown = f"target {target.name!r} has labels that the model does not know ({first_ten(strange)})"
        return (f"{unknown}: its classes are learned from these rows",)
    return (
        f"the target is {_describe_target(target)}, and the model's is {_describe_target(known)}: it is learned again",
    )


def _describe_target(target: Target) -> str:
    if isinstance(target, SeveralTargets):
        return target.name
    kind = f"{len(target.classes):,} {'labels' if isinstance(target, LabelTarget) else 'classes'}"
    kind = "a number" if isinstance(target, ValueTarget) else kind
    return f"{target.name!r} ({kind})"
