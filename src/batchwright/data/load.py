"""Read a source, divide its rows, learn from the training rows how they become arrays, and encode them."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Int64, UInt64

from batchwright.data.dataset import Dataset, Split, encode_split, fingerprint
from batchwright.data.encode.encoders import MIN_FREQUENCY
from batchwright.data.encode.encoding import Encoding, leave_out_rare
from batchwright.data.encode.power import Transform
from batchwright.data.encode.preprocessing import Constant
from batchwright.data.encode.texts import Text, make_text
from batchwright.data.formats.format import Loaded
from batchwright.data.formats.given import refuse_same_input
from batchwright.data.formats.source import Source, read
from batchwright.data.learning import (
    check_options,
    divide,
    few_rows_notes,
    learn_encoding,
    rows_that_count,
    schema_of_test,
    source_notes,
    uneven_note,
    unused_parts,
)
from batchwright.data.like import Encoded, channels_like, encoding_of, largest_like, schema_like, take_weights_like
from batchwright.data.new_rows import read_like
from batchwright.data.options import DataOptions, columns_as_told
from batchwright.data.roles import target_names
from batchwright.data.splitting import Indices, Method
from batchwright.data.typed.hashes import count_shared, row_hashes
from batchwright.data.typed.images import Images
from batchwright.data.typed.numbers import Decimal
from batchwright.data.typed.rows import Rows
from batchwright.data.typed.schema import ColumnOptions, Kind, Scaling, Task
from batchwright.data.typed.table import Table, from_frame
from batchwright.data.weights import row_weights, unit_of

ONE_UNKNOWN = ", where rare categories, and those that training has not, are one"
"""Said of equal inputs, most of which hold such a category: the cells themselves may differ."""
ALL_KNOWN = (
    ": unless few different inputs are possible at all, they say nothing about new rows, see `batchwright check`"
)

ColumnName: TypeAlias = str | int | np.integer[Any]
"""A column name; the columns of a frame or an array may be named by integers."""


def load(
    source: Source,
    *,
    target: ColumnName | Sequence[ColumnName] | None = None,
    task: Task | None = None,
    label_separator: str | None = None,
    test: Source = None,
    validation_split: float | None = None,
    test_split: float | None = None,
    split: Method = "stratified",
    group: ColumnName | None = None,
    time: ColumnName | None = None,
    weights: ColumnName | None = None,
    scaling: Scaling = "auto",
    target_transform: Transform = "none",
    one_hot_max: int = 10,
    min_frequency: int = MIN_FREQUENCY,
    differences: bool = True,
    text: Text | Mapping[str, int | None] | None = None,
    header: bool = True,
    delimiter: str | None = None,
    decimal: Decimal | None = None,
    encoding: str | None = None,
    skip_lines: int | None = None,
    comment: str | None = None,
    quote: str | None = None,
    day_first: bool | None = None,
    missing: tuple[str, ...] = (),
    usual_missing: bool = True,
    kinds: Mapping[str, Kind] | Mapping[int, Kind] | None = None,
    columns: Mapping[str, ColumnOptions | Mapping[str, Any]] | None = None,
    on_bad_rows: Literal["stop", "drop"] = "stop",
    rare_classes: Literal["drop", "merge"] | None = None,
    merge_case: bool = False,
    image_size: tuple[int, int] | None = None,
    image_dir: str | os.PathLike[str] | None = None,
    like: Encoded | None = None,
    seed: int = 0,
) -> Dataset:
    """Read a source, split it into training, validation and test rows, and encode them.

    The source is what `read` takes: the name of an example, a path, an array, a pair (x, y) of arrays, a mapping of
    columns, or any data frame. `seed` (at least 0) is the seed of the split. All other keywords are fields of
    `DataOptions`; columns whose names are integers may be given as integers, and `text` as a mapping of its fields.

    With `like`, a trained model, a run, or what `fit` gave, the rows are encoded as its rows were: nothing is learned
    from these but a target that is another, or has labels that are new.

    Raises:
        DataError: the source cannot be read, or cannot be learned from as requested.
        ConfigError: an option is out of range, or contradicts another.

    >>> data = load("iris")
    >>> data.train.rows, data.validation.rows, data.test.rows, data.schema.classes
    (104, 23, 23, ('setosa', 'versicolor', 'virginica'))
    """
    options = DataOptions(
        target=_names(target),
        task=task,
        label_separator=label_separator,
        test=test,
        validation_split=validation_split,
        test_split=test_split,
        split=split,
        group=_name(group),
        time=_name(time),
        weights=_name(weights),
        scaling=scaling,
        target_transform=target_transform,
        one_hot_max=one_hot_max,
        min_frequency=min_frequency,
        differences=differences,
        text=make_text(text),
        header=header,
        delimiter=delimiter,
        decimal=decimal,
        encoding=encoding,
        skip_lines=skip_lines,
        comment=comment,
        quote=quote,
        day_first=day_first,
        missing=missing,
        usual_missing=usual_missing,
        kinds=_kinds(kinds),
        columns=columns_as_told(columns),
        on_bad_rows=on_bad_rows,
        rare_classes=rare_classes,
        merge_case=merge_case,
        image_size=image_size,
        image_dir=image_dir if image_dir is None else os.fspath(image_dir),
    )
    return prepare(source, options, seed=seed, like=encoding_of(like))


def _name(given: ColumnName | None) -> str | None:
    """The name of a column, which may be an integer."""
    number = isinstance(given, int | np.integer) and not isinstance(given, bool)
    return str(given) if number else given  # type: ignore[return-value]


def _names(given: ColumnName | Sequence[ColumnName] | None) -> str | tuple[str, ...] | None:
    """The names of one column or of several."""
    if isinstance(given, list | tuple):
        return tuple(_name(name) for name in given)  # type: ignore[misc]
    return _name(given)  # type: ignore[arg-type]


def _kinds(given: Mapping[str, Kind] | Mapping[int, Kind] | None) -> Mapping[str, Kind]:
    return {str(name): kind for name, kind in given.items()} if isinstance(given, Mapping) else given or {}


def prepare(
    source: Source,
    options: DataOptions,
    *,
    seed: int = 0,
    lenient: bool = False,
    more_to_come: bool = False,
    like: Encoding | None = None,
) -> Dataset:
    """`load`, with its options in one value.

    Where `lenient`, targets and columns from which nothing can be learned are taken too, as scikit-learn takes them;
    where there is `more_to_come`, columns that are the same in all rows are used beside others. `like` is the encoding
    of an earlier training, by which rows are read and encoded.
    """
    return encode_parts(read_parts(source, options, seed=seed, lenient=lenient, more_to_come=more_to_come, like=like))


def encode_parts(parted: "Parted") -> Dataset:
    """The rows of each part, encoded; weights of training and validation rows have one unit, so that these can join."""
    encoding, weights = parted.encoding, parted.weights
    train = parted.rows["train"]
    unit = None if weights is None or isinstance(train, Images) else unit_of(row_weights(train, weights))
    units = {"train": unit, "validation": unit}
    parts = {
        name: encode_split(part, encoding, weights=weights, unit=units.get(name)) for name, part in parted.rows.items()
    }
    hashes = {name: _hashes_of(parted.rows[name], part) for name, part in parts.items()}
    notes = (
        *parted.notes,
        *_shared_rows_notes(hashes, parts),
        *parted.uneven,
        *few_rows_notes({name: part.rows for name, part in parts.items()}, encoding.target),
        *parted.unlearned,
    )
    return Dataset(
        parts["train"],
        parts.get("validation"),
        parts.get("test"),
        encoding,
        parted.indices,
        fingerprint(parts, hashes, encoding),
        parted.name,
        notes,
        parted.split,
        positions=parted.positions,
    )


def _hashes_of(rows: Rows, encoded: Split) -> UInt64[np.ndarray, " rows"]:
    """`row_hashes` of the inputs: those made while images were read, where these are the inputs as they are."""
    if isinstance(rows, Images) and rows.hashes is not None and encoded.inputs["image"] is rows.images:
        return rows.hashes
    return row_hashes(encoded.inputs)


class Parted(NamedTuple):
    """The rows of each part as they were read, not encoded yet, and the encoding learned from the training rows.

    `positions` are those of the rows in the source, of parts that were drawn from it. `weights` is the column of the
    rows' weights; `notes`, `uneven` and `unlearned` are sentences for the user.
    """

    rows: dict[str, Rows]
    positions: dict[str, Int64[np.ndarray, " rows"]]
    encoding: Encoding
    indices: Indices
    weights: str | None
    name: str
    notes: tuple[str, ...]
    uneven: tuple[str, ...]
    unlearned: tuple[str, ...]
    split: Method


def read_parts(
    source: Source,
    options: DataOptions,
    *,
    seed: int = 0,
    lenient: bool = False,
    more_to_come: bool = False,
    like: Encoding | None = None,
) -> Parted:
    """Read a source, divide its rows, and learn from the training rows; the arguments are those of `prepare`."""
    options = check_options(options, seed, like)
    refuse_same_input(source, options.test)
    schema = None if like is None else schema_like(like, options)
    loaded = read(
        source,
        options.reading,
        schema=schema,
        image_size=options.image_size,
        channels=channels_like(like),
        largest=largest_like(like),
    )
    own, unused = _own_parts(loaded, options)
    options = options if like is None else take_weights_like(loaded.train, options, like)
    names = target_names(loaded.train, options, default=loaded.target, name=loaded.name)
    divided = divide(loaded.train, names, options, own=tuple(own), seed=seed, lenient=lenient, like=like)
    indices = divided.indices
    train = loaded.train.take(divided.positions(indices.train))
    constant: Constant = "keep" if more_to_come else "unless_all" if lenient else "leave_out"
    encoding = learn_encoding(train, divided.target, options, constant=constant, like=like)
    own_rows = {role: _own_rows(part, encoding, options) for role, part in own.items()}
    drawn = {"validation": indices.validation, "test": indices.test}
    taken = {role: loaded.train.take(divided.positions(chosen)) for role, chosen in drawn.items() if len(chosen)}
    rows = {"train": train} | {role: (taken | own_rows)[role] for role in drawn if role in taken | own_rows}
    chosen = {role: divided.positions(getattr(indices, role)) for role in rows if role not in own}
    return Parted(
        rows,
        chosen,
        encoding,
        indices,
        options.weights,
        loaded.name,
        source_notes((*divided.notes, *unused), encoding, own_rows),
        uneven_note(indices, options, own=tuple(own)),
        divided.unlearned,
        options.method,
    )


def _own_parts(loaded: Loaded, options: DataOptions) -> tuple[dict[str, Rows | None], tuple[str, ...]]:
    """The parts that are not drawn from the training rows, by name, and notes on those that are not used.

    None stands for the rows of `options.test`, which are not read yet.
    """
    found: dict[str, Rows | None] = {"validation": loaded.validation, "test": loaded.test}
    unused = unused_parts(found, options)
    own = {role: part for role, part in found.items() if part is not None and role not in unused}
    return own | ({} if options.test is None else {"test": None}), tuple(unused.values())


def _own_rows(part: Rows | None, encoding: Encoding, options: DataOptions) -> Rows:
    """The rows of a part of the source, or of `test` where there is none, read as the training rows were.

    Only those that count are taken.
    """
    schema = schema_of_test(encoding, options)
    if part is None:
        rows = read_like(options.test, schema, encoding.preprocessing, options.reading)
    elif isinstance(part, Table):
        rows = from_frame(part.frame, options.reading, schema=schema, name=part.name)
    else:
        rows = part
    counting, kept = leave_out_rare(*rows_that_count(rows, encoding.target.columns, options), encoding.target)
    return rows if kept is None else dataclasses.replace(rows.take(kept), notes=counting.notes)


def _shared_rows_notes(hashes: Mapping[str, UInt64[np.ndarray, " _"]], parts: Mapping[str, Split]) -> tuple[str, ...]:
    """Notes on how many rows of one part have the same inputs as a row of an earlier part."""
    counts = {pair: count_shared(hashes[pair[0]], hashes[pair[1]]) for pair in combinations(hashes, 2)}
    return tuple(
        f"{count:,} of {len(hashes[later]):,} {later} rows have the same inputs as a row of {earlier}"
        + (ONE_UNKNOWN if _share_unknown(hashes[earlier], hashes[later], parts[later]) else "")
        + (ALL_KNOWN if earlier == "train" and count == len(hashes[later]) else "")
        for (earlier, later), count in counts.items()
        if count
    )


def _share_unknown(seen: UInt64[np.ndarray, " seen"], rows: UInt64[np.ndarray, " rows"], part: Split) -> bool:
    """Whether half of the rows that are among `seen` hold a category that is taken as unknown."""
    codes = part.inputs.get("categorical")
    if codes is None or codes.shape[1] == 0:
        return False
    unknown = (codes[np.isin(rows, seen)] == 0).any(axis=1)
    return bool(2 * unknown.sum() > len(unknown))
