"""Convert a file to a store, with one column or one piece in memory at a time; a stopped conversion can continue.

The folder is filled in this order: pieces (of text), columns, `store.json`. Each file appears whole or not at all, so a
stopped conversion keeps what it has finished.
"""

import dataclasses
import glob
import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool

from batchwright._files import Lock, explain_write_errors, remove_parts, write_file
from batchwright.data.disk.budget import check_memory, memory_left
from batchwright.data.disk.columns import COPIES_OF_PIECE, PIECES, SMALLEST_PIECE, open_table, source_files
from batchwright.data.disk.image_cells import images_unchanged, store_images
from batchwright.data.disk.store import (
    FORMAT,
    LINES,
    LOCK,
    MARK,
    STORE,
    Contents,
    Store,
    StoredFile,
    column_file,
    describe_stored,
    finish_store,
    open_store,
    refuse_stranger,
    write_columns,
)
from batchwright.data.disk.typed_columns import ColumnReading, unfit_file
from batchwright.data.formats.format import TableFile
from batchwright.data.formats.image_places import Places, places_of
from batchwright.data.formats.several_files import STORE_ENDING, is_pattern
from batchwright.data.typed.bad_cells import bad_cells_error, dropped_note, shown_notes
from batchwright.data.typed.cells import SHOW, TableOptions
from batchwright.data.typed.schema import Column, Schema
from batchwright.data.typed.subtotals import subtotal_notes
from batchwright.data.typed.table import DEFAULT, ON_BAD_ROWS, Table, columns_asked_for, known_columns
from batchwright.errors import ConfigError, DataError, unknown

READING = 2
"""Raised whenever the same cells are read otherwise, so that stores of earlier versions are made anew."""


def convert(
    source: str | Path,
    options: TableOptions = DEFAULT,
    *,
    schema: Schema | None = None,
    cache_dir: Path | None = None,
    memory_limit: int | None = None,
) -> Store:
    """The store of a table: the existing one, if it was made from the same source with the same options.

    Args:
        source: delimited text, Parquet, a two-dimensional `.npy` file, one of these compressed, or a folder or pattern
            of delimited text or of Parquet files (in the natural order of their names).
        options: how cells are read.
        schema: the columns, for rows given to a saved model.
        cache_dir: where the store's folder is made; beside the source when None.
        memory_limit: bytes of anonymous memory that this process may take; no limit when None.

    Raises:
        DataError: as `read_csv` and `read_parquet`; or a column does not fit in memory, or the source has vanished.
        UsageError: the disk is full, or another process converts the same source.
    """
    path, left = Path(source), memory_left(memory_limit)
    if options.on_bad_rows not in (*ON_BAD_ROWS, SHOW):
        raise ConfigError(unknown("on_bad_rows", options.on_bad_rows, ON_BAD_ROWS))
    try:
        facts = {"reading": dataclasses.asdict(options), "schema": schema and schema.to_json()}
        files = source_files(path)
        fingerprint = fingerprint_of(path, files, facts)
        folder = store_folder(path, cache_dir, new=schema is not None)
        if (found := open_store(folder, fingerprint)) is not None:
            if images_unchanged(found):
                return found
            clear(folder)
        check_memory(SMALLEST_PIECE * COPIES_OF_PIECE, left, f"{path.name}: reading a piece")
        with hold_store_folder(folder, fingerprint):
            try:
                raw = open_table(path, options, folder, schema, left)
            except DataError:
                clear(folder)
                raise
            places = places_of(path, options.image_dir, like=schema is not None)
            contents = _convert(raw, options, folder, schema, left, fingerprint, places)
            check_unchanged(path, fingerprint, fingerprint_of(path, source_files(path), facts))
            store = finish_store(folder, contents)
            shutil.rmtree(folder / PIECES, ignore_errors=True)
            return store
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def store_folder(path: Path, cache_dir: Path | None, *, new: bool = False) -> Path:
    """The folder of a source's store; `new` rows, read with a known schema, have a folder of their own."""
    path = path_of_pattern(path) if is_pattern(path) else path.resolve()
    ending = f".new{STORE_ENDING}" if new else STORE_ENDING
    if cache_dir is None:
        return path.with_name(path.name + ending)
    return cache_dir / f"{path.name}-{hashlib.sha256(str(path).encode()).hexdigest()[:12]}{ending}"


def path_of_pattern(path: Path) -> Path:
    """A path that stands for a pattern, in the deepest folder that it names, and that no two patterns share.

    >>> path_of_pattern(Path("/tmp/data/**/part-*.csv")).parent
    PosixPath('/tmp/data')
    """
    full = path.resolve()
    plain = list(takewhile(lambda part: not glob.has_magic(part), full.parts))
    rest = "/".join(full.parts[len(plain) :])
    return Path(*plain) / f"{re.sub(r'[^A-Za-z0-9.-]+', '_', rest)}-{hashlib.sha256(rest.encode()).hexdigest()[:12]}"


def fingerprint_of(path: Path, files: list[Path], options: dict[str, Any]) -> str:
    """SHA-256 of the names, sizes and times of the files at or in `path`, and of the reading options."""
    names = [str(file.relative_to(path) if file.is_relative_to(path) else file) for file in files]
    facts = [(name, file.stat().st_size, file.stat().st_mtime_ns) for name, file in zip(names, files, strict=True)]
    text = json.dumps([FORMAT, READING, path.name, facts, options], sort_keys=True, default=dict)
    return hashlib.sha256(text.encode()).hexdigest()


def check_unchanged(path: Path, before: str, after: str) -> None:
    """Raise a DataError if the fingerprint of a source has changed while it was read."""
    if before != after:
        raise DataError(f"{path} was changed while it was read: start again when it is complete.")


@contextmanager
def hold_store_folder(folder: Path, fingerprint: str) -> Iterator[None]:
    """Hold the folder of an unfinished store, emptied first if it belongs to another fingerprint.

    Raises:
        DataError: the folder holds something else.
        UsageError: another process holds the folder, or it may not be written to.
    """
    refuse_stranger(folder)
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock = Lock(folder / LOCK, f"{folder} is being made by another process")
    try:
        mark = json.dumps({"format": FORMAT, "fingerprint": fingerprint})
        if not (folder / MARK).is_file() or (folder / MARK).read_text(encoding="utf-8") != mark:
            clear(folder)
            write_file(folder / MARK, mark, overwrite=True)
        remove_parts(folder)
        yield
    finally:
        lock.release()
        if [entry.name for entry in folder.iterdir()] == [LOCK]:  # nothing to continue from
            shutil.rmtree(folder, ignore_errors=True)


def clear(folder: Path) -> None:
    """Remove the files of a store: first the one that marks it as finished, last the one that marks it as a store."""
    with explain_write_errors(folder):
        (folder / STORE).unlink(missing_ok=True)
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name == MARK):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != LOCK:
                entry.unlink()


def _convert(
    raw: TableFile,
    options: TableOptions,
    folder: Path,
    schema: Schema | None,
    left: int | None,
    fingerprint: str,
    places: Places | None,
) -> Contents:
    """Type and write all columns; rows that do not fit stop the conversion or are dropped, as `options` say."""
    names = raw.names if schema is None else columns_asked_for(raw.names, schema, raw.name)
    if raw.rows == 0 and not raw.ragged.count:
        raise DataError(f"{raw.name} has no rows.")
    known = known_columns(names, options, schema, raw.name)
    typed = ColumnReading(raw, folder, options, known, schema is not None, left, places).type_all(names)
    fits, bad = np.ones(raw.rows, bool), raw.ragged
    for place, found in enumerate(typed):
        bad += found.bad
        if found.bad.count:
            unfit = pl.scan_ipc(unfit_file(folder / column_file(place)), glob=False).collect()
            fits[unfit.to_series().to_numpy()] = False
    counted = "row" if raw.lines is None else "line"
    bad = bad if raw.files is None else raw.files.locate(bad)
    if options.on_bad_rows == SHOW and raw.rows:
        fits, dropped = np.ones(raw.rows, bool), shown_notes(bad, place=counted)
    elif bad.count and (options.on_bad_rows != "drop" or not fits.any()):
        clear(folder)
        raise bad_cells_error(raw.name, bad, place=counted)
    else:
        lost = raw.ragged.count + int((~fits).sum())
        dropped = (dropped_note(bad, lost, place=counted),) if bad.count else ()
    columns = tuple(found.column for found in typed)
    try:
        stored = store_images(raw, columns, folder, fits, options, places, left, like=schema is not None)
    except DataError:
        clear(folder)
        raise
    files = _write_kept(raw, folder, len(typed), stored.fits)
    sums = () if schema is not None else _subtotal_notes(raw, stored.columns, names, folder, stored.fits)
    rows, notes = int(stored.fits.sum()), (*raw.notes, *dropped, *sums, *stored.notes)
    return Contents(FORMAT, fingerprint, raw.name, rows, stored.columns, files, notes, raw.target, read_from=raw.files)


def _subtotal_notes(
    raw: TableFile, columns: Sequence[Column], names: Sequence[str], folder: Path, fits: Bool[np.ndarray, " rows"]
) -> tuple[str, ...]:
    """A note on rows that are sums of others; the columns of the store are without the dropped rows."""
    files = {name: folder / column_file(place) for place, name in enumerate(names)}
    lines = None if raw.lines is None else raw.lines[fits]
    place = Table(pl.DataFrame(), (), raw.name, lines, files=raw.files)

    def cells(name: str) -> pl.Series:
        return pl.scan_ipc(files[name], glob=False).collect().to_series()

    return subtotal_notes(columns, cells, place.places)


def _write_kept(raw: TableFile, folder: Path, columns: int, fits: Bool[np.ndarray, " rows"]) -> tuple[StoredFile, ...]:
    """The files of the store, without the dropped rows; files that were written without them already stay."""
    if raw.lines is not None:
        write_columns(folder / LINES, pl.DataFrame({"lines": raw.lines[fits]}))
    paths = [folder / column_file(place) for place in range(columns)]
    if not fits.all():
        for path in paths:
            column = pl.scan_ipc(path, glob=False).collect()
            if column.height == len(fits):
                write_columns(path, column.filter(fits))
    if raw.lines is not None:
        paths.append(folder / LINES)
    return tuple(describe_stored(path) for path in paths)
