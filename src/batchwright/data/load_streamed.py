"""As `load`, for rows that do not fit in memory: they are converted to a store, and stay on the disk.

What is learned is the same as in memory, to the bit; one column is in memory at a time.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from batchwright.data.disk.budget import check_memory, memory_left
from batchwright.data.disk.convert_images import OWN, convert_images
from batchwright.data.disk.convert_table import convert
from batchwright.data.disk.store import Store, column_file
from batchwright.data.disk.stored_split import ChosenRows, StreamedDataset, StreamedSplit
from batchwright.data.encode.encoding import Encoding, ImagePreprocessing, leave_out_rare
from batchwright.data.formats.given import refuse_same_input, to_path
from batchwright.data.formats.idx import IDX
from batchwright.data.formats.image_files import ImageForm
from batchwright.data.formats.image_folder import IMAGE_FOLDER
from batchwright.data.formats.several_files import short_name
from batchwright.data.formats.source import format_of, part_to_answer
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
from batchwright.data.like import channels_like, largest_like, schema_like, take_weights_like
from batchwright.data.options import DataOptions
from batchwright.data.roles import target_names
from batchwright.data.splitting import Indices
from batchwright.data.typed.images import Images
from batchwright.data.typed.rows import AnyRows, Rows
from batchwright.data.weights import row_weights, unit_of
from batchwright.errors import DataError

ROW_BYTES = 100
"""Peak memory per row while rows are split and learned from; 74 to 103 measured on 2 million rows."""

UNLOOKED = "rows that two parts share were not looked for, as the source is read in pieces"


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
    options = check_options(options, seed, like)
    refuse_same_input(source, options.test)
    path, left = to_path(source), memory_left(memory_limit)
    store, own, unused = _stores(path, options, cache_dir, memory_limit, like)
    check_memory(_needed_bytes(store), left, f"{store.name}: learning from {store.rows:,} rows")
    rows: AnyRows = store.images() if store.holds_images else store
    options = options if like is None else take_weights_like(rows, options, like)
    names = target_names(rows, options, default=store.contents.target, name=path.name)
    roles = tuple(own) + (() if options.test is None else ("test",))
    divided = divide(rows, names, options, own=roles, seed=seed, like=like)
    indices = divided.indices
    train = rows if isinstance(rows, Images) else ChosenRows(store, divided.positions(indices.train))
    encoding = learn_encoding(train, divided.target, options, like=like)
    if options.method == "time":
        indices = Indices(np.sort(indices.train), np.sort(indices.validation), np.sort(indices.test))
    if options.test is not None:
        own["test"] = _test_store(options, encoding, cache_dir, memory_limit)
    unit = _unit_of(store, divided.positions(indices.train), options.weights)
    units = {"train": unit, "validation": unit}
    own_parts = {role: _own_part(part, encoding, options, units.get(role)) for role, part in own.items()}
    chosen = {"train": indices.train, "validation": indices.validation, "test": indices.test}
    drawn = {
        part: _split_of(store, divided.positions(numbers), encoding, options.weights, units.get(part))
        for part, numbers in chosen.items()
        if len(numbers)
    }
    every = drawn | {role: part for role, (part, _) in own_parts.items()}
    parts = {role: every[role] for role in chosen if role in every}
    own_rows = {role: rows for role, (_, rows) in own_parts.items()}
    notes = (
        *source_notes((*divided.notes, *unused), encoding, own_rows),
        *uneven_note(indices, options, own=roles),
        *few_rows_notes({name: part.rows for name, part in parts.items()}, encoding.target),
        *divided.unlearned,
        UNLOOKED,
    )
    return StreamedDataset(
        parts["train"],
        parts.get("validation"),
        parts.get("test"),
        encoding,
        indices,
        _fingerprint(parts, encoding),
        short_name(path),
        notes,
        options.method,
    )


def _stores(
    path: Path, options: DataOptions, cache_dir: Path | None, limit: int | None, like: Encoding | None
) -> tuple[Store, dict[str, Store], tuple[str, ...]]:
    """The store of a source, the stores of its own parts that are used, and notes on the others."""
    schema = None if like is None else schema_like(like, options)
    if not (path.is_dir() and format_of(path) in (IDX, IMAGE_FOLDER)):
        return convert(path, options.reading, schema=schema, cache_dir=cache_dir, memory_limit=limit), {}, ()
    form, drop = ImageForm(options.image_size, channels_like(like), largest_like(like)), options.on_bad_rows
    found = convert_images(path, form, on_bad_rows=drop, cache_dir=cache_dir, new=like is not None)
    own = {role: store for role, store in zip(OWN, found[1:], strict=True) if store is not None}
    unused = unused_parts({role: store.images() for role, store in own.items()}, options)
    return found.train, {role: own[role] for role in own if role not in unused}, tuple(unused.values())


def _needed_bytes(store: Store) -> int:
    """About how many bytes of memory splitting and learning take; images stay on the disk."""
    if store.holds_images:
        return ROW_BYTES * store.rows
    images = {column_file(place) for place, column in enumerate(store.columns) if column.kind == "image"}
    largest = max(file.bytes for file in store.contents.files if file.name not in images)
    return ROW_BYTES * store.rows + 2 * largest


def _test_store(options: DataOptions, encoding: Encoding, cache_dir: Path | None, limit: int | None) -> Store:
    """The store of the rows that replace the test split, read as the training rows were."""
    if not isinstance(options.test, str | os.PathLike):
        raise DataError("test has to be a path where rows are read in pieces: write these rows to a file.")
    path = to_path(options.test)
    if isinstance(encoding.preprocessing, ImagePreprocessing):
        height, width, channels = encoding.preprocessing.shape
        part, form = part_to_answer(path), ImageForm((height, width), channels, encoding.preprocessing.scale)
        found = convert_images(part, form, on_bad_rows=options.on_bad_rows, cache_dir=cache_dir, new=True)
        return found.test or found.train
    schema = schema_of_test(encoding, options)
    return convert(path, options.reading, schema=schema, cache_dir=cache_dir, memory_limit=limit)


def _own_part(store: Store, encoding: Encoding, options: DataOptions, unit: float | None) -> tuple[StreamedSplit, Rows]:
    """A part of the rows that are not drawn from the training rows, all with a known target; and its notes."""
    source: AnyRows = store.images() if store.holds_images else store
    rows, kept = leave_out_rare(*rows_that_count(source, encoding.target.columns, options), encoding.target)
    positions = np.arange(store.rows) if kept is None else kept
    encoding.targets(rows)
    if isinstance(rows, Images):
        encoding.inputs(rows)
    return _split_of(store, positions, encoding, options.weights, unit), rows


def _split_of(
    store: Store, positions: Int64[np.ndarray, " rows"], encoding: Encoding, weights: str | None, unit: float | None
) -> StreamedSplit:
    """These rows of a store as a part; without a unit, its weights have one of their own."""
    found = unit or _unit_of(store, positions, weights)
    return (
        StreamedSplit(store, positions, encoding)
        if found is None
        else StreamedSplit(store, positions, encoding, weights, found)
    )


def _unit_of(store: Store, positions: Int64[np.ndarray, " rows"], weights: str | None) -> float | None:
    """The unit of the weights of these rows; None where there are none."""
    if weights is None or store.holds_images:
        return None
    return unit_of(row_weights(store.table(columns=[weights]).take(positions), weights))


def _fingerprint(parts: Mapping[str, StreamedSplit], encoding: Encoding) -> str:
    digest = hashlib.sha256(json.dumps(encoding.identity(), sort_keys=True).encode())
    for name, part in parts.items():
        digest.update(json.dumps([name, part.store.fingerprint, part.rows, part.weights]).encode())
        digest.update(part.positions.data)
    return digest.hexdigest()
