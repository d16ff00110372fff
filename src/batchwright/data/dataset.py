"""Rows ready for training: read, split, and encoded with what was learned from the training rows alone."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import numpy as np
from jaxtyping import Float32, Shaped, UInt64

from batchwright.data.encode.encoders import Scaling
from batchwright.data.encode.encoding import Encoding, ImagePreprocessing, read_like
from batchwright.data.encode.preprocessing import Constant, Preprocessing, describe, fit
from batchwright.data.encode.several import Target
from batchwright.data.encode.targets import drop_missing
from batchwright.data.formats.format import Loaded, Rows
from batchwright.data.formats.source import Source, read
from batchwright.data.learning import (
    divide,
    found_notes,
    image_encoding,
    left_out_columns,
    schema_of_test,
    source_notes,
    uneven_note,
    unlearned_note,
)
from batchwright.data.like import (
    Encoded,
    channels_like,
    encoding_like,
    encoding_of,
    known_target,
    options_like,
    schema_like,
    take_weights_like,
    target_note,
)
from batchwright.data.options import DataOptions
from batchwright.data.roles import target_names
from batchwright.data.splitting import Indices, Method, count_shared, row_hashes
from batchwright.data.typed.images import Images
from batchwright.data.typed.schema import Kind, Schema, Task
from batchwright.data.typed.table import MISSING, Table, from_frame
from batchwright.data.weights import divide_by_unit, drop_weightless, row_weights, unit_of
from batchwright.errors import ConfigError

Part = TypeVar("Part")

ColumnName: TypeAlias = str | int | np.integer[Any]
"""A column name; the columns of a frame or an array may be named by integers."""


@dataclasses.dataclass(frozen=True)
class Split:
    """Rows as arrays.

    Args:
        inputs: "numeric" float32 [rows, n], "categorical" int32 [rows, c], "image" uint8 [rows, h, w, channels]; only
            the kinds that the data have.
        targets: int32 [rows], codes of classes, or float32 [rows], standardised values; [rows, k] for several targets,
            and for the k labels that a cell may hold.
        weights: float32 [rows], above 0, with a mean of about 1; None where all rows weigh the same.
    """

    inputs: dict[str, np.ndarray]
    targets: Shaped[np.ndarray, "rows ..."]
    weights: Float32[np.ndarray, " rows"] | None = None

    def __repr__(self) -> str:
        """The number of rows, and the shape of their inputs."""
        shapes = ", ".join(f"{name} {list(array.shape[1:])}" for name, array in self.inputs.items())
        return f"<Split: {self.rows:,} rows; {shapes or 'no inputs'}>"

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.targets)


@dataclasses.dataclass(frozen=True)
class Parts(Generic[Part]):
    """Training, validation and test rows, and how they were made.

    Args:
        train: the rows that a network learns from.
        validation: rows that decide when to stop; None where there are none.
        test: rows that are measured at the end; None where there are none.
        encoding: how rows are encoded, learned from the training rows; it is saved with a model.
        indices: the rows of each part, as positions among the rows of the source that were not dropped; `test` is empty
            where the test rows come from another source, or from the source's own test part.
        fingerprint: SHA-256, in hexadecimal, of all rows in their parts and order, and of the encoding.
        name: a short name of the source.
        notes: what a user should know, one sentence each: columns left out, rows dropped, rows that two parts share.
    """

    train: Part
    validation: Part | None
    test: Part | None
    encoding: Encoding
    indices: Indices
    fingerprint: str
    name: str
    notes: tuple[str, ...] = ()

    @property
    def parts(self) -> dict[str, Part]:
        """The parts that have rows, by name."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: part for name, part in named.items() if part is not None}


@dataclasses.dataclass(frozen=True, repr=False)
class Dataset(Parts[Split]):
    """Training, validation and test rows as arrays, and how they were made: the fields of `Parts`, and one more.

    Args:
        memory_limit: bytes of memory that rows may take, if their arrays are memory maps; None: they are in memory.
    """

    memory_limit: int | None = None

    def __repr__(self) -> str:
        """The rows of each part, and what is predicted."""
        rows = ", ".join(f"{part.rows:,} {name}" for name, part in self.parts.items())
        return f"<Dataset {self.name:.60}: {rows} rows; {self.encoding.target!r}>"

    @property
    def schema(self) -> Schema:
        """The columns of the table, and what each holds."""
        return self.encoding.schema

    @property
    def preprocessing(self) -> Preprocessing | ImagePreprocessing:
        """How inputs are encoded."""
        return self.encoding.preprocessing

    @property
    def target(self) -> Target:
        """How the target is encoded, and decoded again."""
        return self.encoding.target


def load(
    source: Source,
    *,
    target: ColumnName | Sequence[ColumnName] | None = None,
    task: Task | None = None,
    label_separator: str | None = None,
    test: Source = None,
    validation_split: float = 0.15,
    test_split: float = 0.15,
    split: Method = "stratified",
    group: ColumnName | None = None,
    time: ColumnName | None = None,
    weights: ColumnName | None = None,
    scaling: Scaling = "standard",
    one_hot_max: int = 10,
    header: bool = True,
    delimiter: str | None = None,
    missing: tuple[str, ...] = MISSING,
    kinds: Mapping[str, Kind] | Mapping[int, Kind] | None = None,
    on_bad_rows: Literal["stop", "drop"] = "stop",
    image_size: tuple[int, int] | None = None,
    like: Encoded | None = None,
    seed: int = 0,
) -> Dataset:
    """Read a source, split it into training, validation and test rows, and encode them.

    The source is what `read` takes: the name of an example, a path, an array, a pair (x, y) of arrays, a mapping of
    columns, or any data frame. `seed` (at least 0) is the seed of the split. All other keywords are fields of
    `DataOptions`; columns whose names are integers may be given as integers.

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
        one_hot_max=one_hot_max,
        header=header,
        delimiter=delimiter,
        missing=missing,
        kinds=_kinds(kinds),
        on_bad_rows=on_bad_rows,
        image_size=image_size,
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
    options.check()
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise ConfigError(f"seed must be a whole number >= 0, but is {seed!r:.60}.")
    options = options.with_normal_names()
    options = options if like is None else options_like(options, like)
    schema = None if like is None else schema_like(like, options)
    loaded = read(source, options.reading, schema=schema, image_size=options.image_size, channels=channels_like(like))
    options = options if like is None else take_weights_like(loaded.train, options, like)
    names = target_names(loaded, options)
    source_rows = _rows_that_count(loaded.train, names, options)
    own_test = options.test is not None or loaded.test is not None
    known = None if like is None else known_target(source_rows, names, options, like)
    target, indices = divide(source_rows, names, options, own_test=own_test, seed=seed, lenient=lenient, known=known)
    learned = source_rows.take(indices.train)
    constant: Constant = "keep" if more_to_come else "unless_all" if lenient else "leave_out"
    encoding = (
        _learn(learned, target, options, constant) if like is None else encoding_like(like, learned, target, options)
    )
    test = _own_test(loaded, encoding, options) if own_test else _take_chosen(source_rows, indices.test)
    rows = {"train": learned, "validation": _take_chosen(source_rows, indices.validation), "test": test}
    parts = {name: _encode(part, encoding, options.weights) for name, part in rows.items() if part is not None}
    hashes = {name: row_hashes(part.inputs) for name, part in parts.items()}
    notes = (
        *source_notes(found_notes(source_rows, target), test if own_test else None, encoding),
        *_shared_rows_notes(hashes),
        *uneven_note(indices, options, own_test=own_test),
        *unlearned_note(parts["train"].targets, target),
        *(() if like is None else target_note(source_rows, like, target)),
    )
    return Dataset(
        parts["train"],
        parts.get("validation"),
        parts.get("test"),
        encoding,
        indices,
        fingerprint(parts, hashes, encoding),
        loaded.name,
        notes,
    )


def _rows_that_count(rows: Rows, names: tuple[str, ...], options: DataOptions) -> Rows:
    """The rows without rows of weight 0, and without rows that lack a target where these are to be dropped."""
    if isinstance(rows, Images):
        return rows
    if options.weights is not None:
        rows = drop_weightless(rows, options.weights)
    for name in names if options.drops_missing_targets else ():
        rows = drop_missing(rows, name)
    return rows


def _learn(learned: Rows, target: Target, options: DataOptions, constant: Constant) -> Encoding:
    """All that is learned from the training rows."""
    if isinstance(learned, Images):
        return image_encoding(learned.shape, target, options)
    schema = describe(learned, target, leave_out=left_out_columns(learned, options), constant=constant)
    schema = dataclasses.replace(schema, weights=options.weights)
    preprocessing = fit(learned, schema, scaling=options.scaling, one_hot_max=options.one_hot_max)
    return Encoding(schema, preprocessing, target, options.reading)


def _own_test(loaded: Loaded, encoding: Encoding, options: DataOptions) -> Rows:
    """The rows that replace the test split, read as the training rows were."""
    schema = schema_of_test(encoding, options)
    if options.test is not None or loaded.test is None:
        rows = read_like(options.test, schema, encoding.preprocessing, options.reading)
    elif isinstance(loaded.test, Table):
        rows = from_frame(loaded.test.frame, options.reading, schema=schema, name=loaded.test.name)
    else:
        rows = loaded.test
    return _rows_that_count(rows, encoding.target.columns, options)


def _take_chosen(rows: Rows, chosen: Shaped[np.ndarray, " chosen"]) -> Rows | None:
    return rows.take(chosen) if len(chosen) else None


def _encode(rows: Rows, encoding: Encoding, weights: str | None) -> Split:
    part = Split(encoding.inputs(rows), encoding.targets(rows))
    if weights is None or isinstance(rows, Images):
        return part
    numbers = row_weights(rows, weights)
    return dataclasses.replace(part, weights=divide_by_unit(numbers, unit_of(numbers)))


def _shared_rows_notes(hashes: Mapping[str, UInt64[np.ndarray, " _"]]) -> tuple[str, ...]:
    """Notes on how many rows of one part have the same inputs as a row of an earlier part."""
    counts = {pair: count_shared(hashes[pair[0]], hashes[pair[1]]) for pair in combinations(hashes, 2)}
    return tuple(
        f"{count:,} of {len(hashes[later]):,} {later} rows have the same inputs as a row of {earlier}"
        for (earlier, later), count in counts.items()
        if count
    )


def fingerprint(parts: Mapping[str, Split], hashes: Mapping[str, UInt64[np.ndarray, " _"]], encoding: Encoding) -> str:
    """SHA-256, in hexadecimal, of all rows part by part, and of the encoding.

    Args:
        parts: the rows of each part; their shapes, targets and weights count.
        hashes: `row_hashes` of the inputs of each part.
        encoding: the encoding of the rows.
    """
    digest = hashlib.sha256(json.dumps(encoding.to_json(), sort_keys=True).encode())
    for name, part in parts.items():
        shapes = {key: (str(values.dtype), values.shape) for key, values in part.inputs.items()}
        digest.update(json.dumps([name, shapes, part.weights is None]).encode())
        for values in (hashes[name], part.targets, *(() if part.weights is None else (part.weights,))):
            digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()
