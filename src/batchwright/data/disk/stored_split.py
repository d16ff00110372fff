"""Rows that do not fit in memory, ready for training: the parts of a stored source, read one range at a time.

What is learned is the same as in `batchwright.data.dataset.prepare` for the same source, to the bit; one column is in
memory at a time.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Int64

from batchwright.data.dataset import Parts, Split
from batchwright.data.disk.convert_images import convert_images
from batchwright.data.disk.convert_table import check_memory, convert, memory_left
from batchwright.data.disk.store import Store
from batchwright.data.encode.encoders import Encoder
from batchwright.data.encode.encoding import Encoding, ImagePreprocessing, label_table
from batchwright.data.encode.preprocessing import SCALINGS, Preprocessing, judge, make_encoder, make_schema
from batchwright.data.encode.several import Target
from batchwright.data.encode.targets import drop_missing
from batchwright.data.formats.format import Loaded, Rows
from batchwright.data.formats.idx import holds_idx
from batchwright.data.formats.image_folder import holds_images
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
    channels_like,
    encoding_like,
    known_target,
    options_like,
    schema_like,
    take_weights_like,
    target_note,
)
from batchwright.data.options import DataOptions
from batchwright.data.roles import target_names
from batchwright.data.splitting import Indices
from batchwright.data.typed.images import Images
from batchwright.data.typed.schema import Column
from batchwright.data.typed.table import Table
from batchwright.data.weights import divide_by_unit, drop_weightless, row_weights, unit_of
from batchwright.errors import ConfigError, DataError, unknown

BLOCK_ROWS = 65_536
"""Stored rows read at once to take the rows of one part; twice as many as are taken, if that is more."""

ROW_BYTES = 100
"""Peak memory per row while rows are split and learned from; 74 to 103 measured on 2 million rows."""

UNLOOKED = "rows that two parts share were not looked for, as the source is read in pieces"


@dataclasses.dataclass(frozen=True)
class StreamedSplit:
    """One part of a stored source, in the order of the source.

    Args:
        store: the rows of the source.
        positions: the positions of its rows, ascending.
        encoding: how rows become arrays.
        weights: the column of the rows' weights; None where all weigh the same.
        unit: the number that weights are divided by (`weights.unit_of`).
    """

    store: Store
    positions: Int64[np.ndarray, " rows"]
    encoding: Encoding
    weights: str | None = None
    unit: float = 1.0

    def __repr__(self) -> str:
        """How many rows."""
        return f"<StreamedSplit: {len(self.positions):,} rows>"

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.positions)

    def read(self, start: int, stop: int) -> Split:
        """The rows start to stop-1 of this part, 0 <= start <= stop <= rows.

        Raises:
            DataError: the store has vanished or is damaged.
        """
        if not 0 <= start <= stop <= self.rows:
            raise IndexError(f"rows {start} to {stop} of a part with {self.rows} rows")
        chosen = self.positions[start:stop]
        if self.store.holds_images:
            return _encode_rows(_take_images(self.store.images(), chosen), self.encoding)
        targets, weights = self.encoding.target.columns, () if self.weights is None else (self.weights,)
        table = _take_rows(self.store, chosen, (*self.encoding.schema.used, *targets, *weights))
        part = _encode_rows(table, self.encoding)
        if self.weights is None:
            return part
        numbers = table.frame[self.weights].to_numpy().astype(np.float64)
        return dataclasses.replace(part, weights=divide_by_unit(numbers, self.unit))


class StreamedDataset(Parts[StreamedSplit]):
    """Training, validation and test rows that are read when they are needed.

    The `indices` of each part are ascending. The fingerprint covers the stored rows, their parts, and the encoding; it
    differs from the fingerprint of the same rows as a `Dataset`.
    """


def prepare_streamed(
    source: str | Path,
    options: DataOptions,
    *,
    seed: int = 0,
    cache_dir: Path | None = None,
    memory_limit: int | None = None,
    like: Encoding | None = None,
) -> StreamedDataset:
    """Convert a source to a store unless that is done, split its rows, and learn how to encode them.

    Args:
        source: a path: delimited text, Parquet, a folder of Parquet files, `.npy`, a folder of images, or of IDX files.
        options: how the source and `options.test`, another path, are read, split and encoded.
        seed: seed of the split, at least 0.
        cache_dir: where stores are made; beside their sources when None.
        memory_limit: bytes of anonymous memory that this process may take; no limit when None.
        like: the encoding of an earlier training, by which rows are read and encoded.

    Raises:
        DataError: the source cannot be read, or cannot be learned from as requested; a column does not fit in memory.
        ConfigError: an option is out of range, or contradicts another.
        UsageError: the disk is full, or another process converts the same source.
    """
    options.check()
    options = options.with_normal_names()
    options = options if like is None else options_like(options, like)
    if options.scaling not in SCALINGS:
        raise ConfigError(unknown("scaling", options.scaling, SCALINGS))
    path, left = Path(source), memory_left(memory_limit)
    store, own_test = _stores(path, options, cache_dir, memory_limit, like)
    check_memory(_needed_bytes(store), left, f"{store.contents.name}: learning from {store.rows:,} rows")
    head = store.images() if store.holds_images else store.table(0, 0)
    options = options if like is None else take_weights_like(head, options, like)
    names = target_names(Loaded(head, None, store.contents.target, path.name), options)
    has_test = options.test is not None or own_test is not None
    divided = _divide(store, names, options, own_test=has_test, seed=seed, like=like)
    indices = divided.indices
    encoding = (
        _learn(store, _kept_positions(divided.kept, indices.train), divided.target, options)
        if like is None
        else encoding_like(like, head, divided.target, options)
    )
    if options.method == "time":
        indices = Indices(np.sort(indices.train), np.sort(indices.validation), np.sort(indices.test))
    if options.test is not None:
        own_test = _test_store(options, encoding, cache_dir, memory_limit)
    test, test_rows = _own_test(own_test, encoding, options) if own_test is not None else (None, None)
    chosen = {"train": indices.train, "validation": indices.validation, "test": indices.test}
    parts = {
        part: _split_of(store, _kept_positions(divided.kept, rows), encoding, options.weights)
        for part, rows in chosen.items()
        if len(rows)
    }
    if test is not None:
        parts["test"] = test
    uneven = uneven_note(indices, options, own_test=has_test)
    notes = (*source_notes(divided.notes, test_rows, encoding), *uneven, *divided.unlearned, UNLOOKED)
    fingerprint = _fingerprint(parts, encoding)
    return StreamedDataset(
        parts["train"],
        parts.get("validation"),
        parts.get("test"),
        encoding,
        indices,
        fingerprint,
        path.resolve().name if path.is_dir() else path.stem,
        notes,
    )


def _stores(
    path: Path, options: DataOptions, cache_dir: Path | None, limit: int | None, like: Encoding | None
) -> tuple[Store, Store | None]:
    """The store of a source, and that of its own test part."""
    schema, channels = None if like is None else schema_like(like, options), channels_like(like)
    if path.is_dir() and (holds_idx(path) or holds_images(path)):
        return convert_images(path, image_size=options.image_size, channels=channels, cache_dir=cache_dir)
    return convert(path, options.reading, schema=schema, cache_dir=cache_dir, memory_limit=limit), None


def _needed_bytes(store: Store) -> int:
    """About how many bytes of memory splitting and learning take; images stay on the disk."""
    if store.holds_images:
        return ROW_BYTES * store.rows
    largest = max(file.bytes for file in store.contents.files)
    return ROW_BYTES * store.rows + 2 * largest


def _test_store(options: DataOptions, encoding: Encoding, cache_dir: Path | None, limit: int | None) -> Store:
    """The store of the rows that replace the test split, read as the training rows were."""
    if not isinstance(options.test, str | os.PathLike):
        raise DataError("test has to be a path where rows are read in pieces: write these rows to a file.")
    path = Path(options.test)
    if isinstance(encoding.preprocessing, ImagePreprocessing):
        height, width, channels = encoding.preprocessing.shape
        train, test = convert_images(path, image_size=(height, width), channels=channels, cache_dir=cache_dir)
        return train if test is None else test
    schema = schema_of_test(encoding, options)
    return convert(path, options.reading, schema=schema, cache_dir=cache_dir, memory_limit=limit)


class Divided(NamedTuple):
    """The target, the rows of each part among the kept rows, the kept rows (None: all), and notes.

    `unlearned` holds notes on classes that no training row has, `notes` all others. It holds no cells, so that the
    cells for the split are freed before other columns are read.
    """

    target: Target
    indices: Indices
    kept: Int64[np.ndarray, " kept"] | None
    notes: tuple[str, ...]
    unlearned: tuple[str, ...]


def _divide(
    store: Store, names: tuple[str, ...], options: DataOptions, *, own_test: bool, seed: int, like: Encoding | None
) -> Divided:
    """The rows of each part, the targets read and those that lack one left out where they are dropped."""
    rows, kept = _rows_for_split(store, names, options)
    known = None if like is None else known_target(rows, names, options, like)
    target, indices = divide(rows, names, options, own_test=own_test, seed=seed, known=known)
    table = rows if isinstance(rows, Table) else label_table(rows)
    unlearned = () if target.task == "regression" else unlearned_note(target.encode(table)[indices.train], target)
    another = () if like is None else target_note(rows, like, target)
    return Divided(target, indices, kept, found_notes(rows, target), (*unlearned, *another))


def _kept_positions(
    kept: Int64[np.ndarray, " kept"] | None, rows: Int64[np.ndarray, " rows"]
) -> Int64[np.ndarray, " rows"]:
    """The positions in a store of rows given by their number among the kept rows."""
    return rows if kept is None else kept[rows]


def _rows_for_split(
    store: Store, names: tuple[str, ...], options: DataOptions
) -> tuple[Rows, Int64[np.ndarray, " kept"] | None]:
    """The rows' values for the split, without rows that do not count, as in memory; and the kept rows (None: all)."""
    if store.holds_images:
        return store.images(), None
    by = options.group if options.group is not None else options.time
    columns = dict.fromkeys(column for column in (*names, by, options.weights) if column is not None)
    table, kept = store.table(columns=list(columns)), None
    if options.weights is not None:
        kept = np.flatnonzero(row_weights(table, options.weights) > 0)
        table = drop_weightless(table, options.weights)
    for name in names if options.drops_missing_targets else ():
        known = np.flatnonzero(table.frame[name].is_not_null().to_numpy())
        kept, table = known if kept is None else kept[known], drop_missing(table, name)
    return table, None if kept is None or len(kept) == store.rows else kept


def _learn(store: Store, train: Int64[np.ndarray, " train"], target: Target, options: DataOptions) -> Encoding:
    """Learn the encoding from the training rows, one column after the other."""
    if store.holds_images:
        return image_encoding(store.images().shape, target, options)
    head = store.table(0, 0)
    reasons = left_out_columns(head, options) | dict.fromkeys(target.columns, "target")
    learned = [_learn_column(store, spec, train, reasons.get(spec.name), options) for spec in store.contents.columns]
    schema = make_schema(tuple(column for column, _ in learned), target, name=head.name)
    schema = dataclasses.replace(schema, weights=options.weights)
    encoders = tuple(encoder for _, encoder in learned if encoder is not None)
    return Encoding(schema, Preprocessing(encoders), target, options.reading)


def _learn_column(
    store: Store, spec: Column, train: Int64[np.ndarray, " train"], reason: str | None, options: DataOptions
) -> tuple[Column, Encoder | None]:
    """Whether and how a column is encoded; it is not read if there is a `reason` against using it."""
    unread = reason is not None or not spec.used
    cells = store.column(spec.name, 0, 0) if unread else store.column(spec.name)[train]
    column = judge(spec, cells, reason)
    return column, make_encoder(column, cells, options.scaling, options.one_hot_max) if column.used else None


def _own_test(store: Store, encoding: Encoding, options: DataOptions) -> tuple[StreamedSplit, Rows]:
    """The part of the rows that replace the test split, all with a known target; and its notes."""
    rows, kept = _rows_for_split(store, encoding.target.columns, dataclasses.replace(options, group=None, time=None))
    positions = np.arange(store.rows) if kept is None else kept
    encoding.targets(rows)
    if isinstance(rows, Images):
        encoding.inputs(rows)
    return _split_of(store, positions, encoding, options.weights), rows


def _split_of(
    store: Store, positions: Int64[np.ndarray, " rows"], encoding: Encoding, weights: str | None
) -> StreamedSplit:
    """These rows of a store as a part; its weights have a unit of their own."""
    if weights is None or store.holds_images:
        return StreamedSplit(store, positions, encoding)
    numbers = row_weights(store.table(columns=[weights]).take(positions), weights)
    return StreamedSplit(store, positions, encoding, weights, unit_of(numbers))


def _encode_rows(rows: Rows, encoding: Encoding) -> Split:
    return Split(encoding.inputs(rows), encoding.targets(rows))


def _take_rows(store: Store, chosen: Int64[np.ndarray, " chosen"], columns: Sequence[str]) -> Table:
    """The chosen rows (ascending), read in blocks so that rows between them take little memory."""
    if len(chosen) == 0:
        return store.table(0, 0, columns=columns)
    taken, together = [], max(BLOCK_ROWS, 2 * len(chosen))
    for start in range(int(chosen[0]), int(chosen[-1]) + 1, together):
        stop = min(start + together, int(chosen[-1]) + 1)
        inside = chosen[slice(*np.searchsorted(chosen, (start, stop)))] - start
        if len(inside):
            block = store.table(start, stop, columns=columns)
            taken.append(block if len(inside) == stop - start else block.take(inside))
    if len(taken) == 1:
        return taken[0]
    lines = (
        None if taken[0].lines is None else np.concatenate([block.lines for block in taken if block.lines is not None])
    )
    return dataclasses.replace(taken[0], frame=pl.concat([block.frame for block in taken]), lines=lines)


def _take_images(images: Images, chosen: Int64[np.ndarray, " chosen"]) -> Images:
    """The chosen images (ascending), copied from the memory map."""
    labels = None if images.labels is None else np.asarray(images.labels[chosen])
    return dataclasses.replace(images, images=np.asarray(images.images[chosen]), labels=labels)


def _fingerprint(parts: Mapping[str, StreamedSplit], encoding: Encoding) -> str:
    digest = hashlib.sha256(json.dumps(encoding.to_json(), sort_keys=True).encode())
    for name, part in parts.items():
        digest.update(json.dumps([name, part.store.fingerprint, part.rows, part.weights]).encode())
        digest.update(part.positions.data)
    return digest.hexdigest()
