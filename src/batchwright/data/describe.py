"""Describe the columns of a source: what each is taken for, how it is written, and what it becomes."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from batchwright.data.disk.convert_table import convert
from batchwright.data.disk.stored_split import ChosenRows
from batchwright.data.encode.encoders import Category, Encoder, Flag, Moment, Number, OneHot, Quantile
from batchwright.data.encode.preprocessing import check_scaling, learn_columns
from batchwright.data.encode.tags import Tags
from batchwright.data.encode.texts import HashedText
from batchwright.data.formats.given import to_path
from batchwright.data.formats.source import Source, read
from batchwright.data.learning import left_out_columns
from batchwright.data.options import DataOptions, columns_as_told
from batchwright.data.roles import target_names
from batchwright.data.typed.convert import as_text
from batchwright.data.typed.schema import Column
from batchwright.data.typed.table import ColumnSource, Table
from batchwright.errors import DataError

SHOWN = 3
"""Different cells that are shown of a column."""


@dataclasses.dataclass(frozen=True)
class ColumnDescription:
    """What is known about a column from all of its cells.

    Attributes:
        name: the name.
        kind: what it is taken for.
        used: whether a network gets it.
        written: an example of how its numbers or dates are written; empty where they are written plainly.
        missing: the number of missing cells.
        distinct: the number of different values, missing ones not counted.
        lowest: the least number or date; empty for other kinds.
        highest: the greatest.
        becomes: what the network gets, if all rows are for training; or why it gets nothing.
        cells: three different cells, the first ones.
        note: what is doubtful about it; empty if nothing is.
    """

    name: str
    kind: str
    used: bool
    written: str
    missing: int
    distinct: int
    lowest: str
    highest: str
    becomes: str
    cells: tuple[str, ...]
    note: str


@dataclasses.dataclass(frozen=True)
class Described:
    """The columns of a source, and what a configuration says to read them in the same way.

    Attributes:
        name: what the source is called.
        rows: the number of its rows.
        columns: its columns, in its order.
        options: `data.columns` of a configuration.
        notes: what a user should know about the reading, one sentence each.
    """

    name: str
    rows: int
    columns: tuple[ColumnDescription, ...]
    options: Mapping[str, Mapping[str, Any]]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        """The number of rows and columns."""
        return f"<Described {self.name:.60}: {self.rows:,} rows, {len(self.columns):,} columns>"


def describe(source: Source, **options: Any) -> Described:
    """Describe every column of a source; nothing is trained or written.

    The source and the keywords are those of `load`: all fields of `DataOptions`. A target need not be named.

    >>> found = describe({"height": [1.7, None, 1.8], "colour": ["red", "blue", "red"]})
    >>> [(column.name, column.kind, column.becomes) for column in found.columns]
    [('height', 'numeric', 'a number, and whether it is missing'), ('colour', 'categorical', 'one-hot of 2 values')]

    Raises:
        DataError: the source cannot be read, or holds images.
        ConfigError: an option is out of range, or contradicts another.
    """
    columns = columns_as_told(options.pop("columns", None))
    return describe_source(source, DataOptions(**options, columns=columns))


def describe_source(
    source: Source, options: DataOptions, *, cache_dir: Path | None = None, memory_limit: int | None = None
) -> Described:
    """`describe`, with its options in one value.

    With a `memory_limit` in bytes, the rows of a path are converted to files, and read column by column.

    Raises:
        DataError, ConfigError: as `describe`.
    """
    options.check()
    check_scaling(options.scaling)
    options = options.with_normal_names()
    if memory_limit is not None and isinstance(source, str | os.PathLike):
        store = convert(to_path(source), options.reading, cache_dir=cache_dir, memory_limit=memory_limit)
        if store.holds_images:
            raise _no_columns(store.name)
        targets = target_names(store, options, default=store.contents.target, name=store.name) if options.target else ()
        return _describe(ChosenRows(store, np.arange(store.rows)), store.rows, targets, options, store.contents.notes)
    loaded = read(source, options.reading, image_size=options.image_size)
    if not isinstance(loaded.train, Table):
        raise _no_columns(loaded.name)
    default = loaded.target if options.target is None else None
    named = options.target is not None or default is not None
    targets = target_names(loaded.train, options, default=default, name=loaded.name) if named else ()
    return _describe(loaded.train, loaded.train.rows, targets, options, loaded.train.notes)


def _no_columns(name: str) -> DataError:
    return DataError(f"{name} holds images, which have no columns to describe.")


def _describe(
    rows: ColumnSource, count: int, targets: tuple[str, ...], options: DataOptions, notes: tuple[str, ...]
) -> Described:
    reasons = left_out_columns(rows, options) | dict.fromkeys(targets, "target")
    learned = learn_columns(
        rows,
        reasons,
        scaling=options.scaling,
        one_hot_max=options.one_hot_max,
        text=options.text,
        merge_case=options.merge_case,
    )
    before = {column.name: column for column in rows.columns}
    described = tuple(
        _describe_column(before[column.name], column, encoder, rows.cells(column.name)) for column, encoder in learned
    )
    told = {column.name: _told_of(column, options) for column in rows.columns}
    return Described(rows.name, count, described, told, notes)


def _describe_column(before: Column, column: Column, encoder: Encoder | None, cells: pl.Series) -> ColumnDescription:
    if column.shape is not None:
        size = " x ".join(map(str, column.shape))
        return ColumnDescription(
            column.name,
            column.kind,
            column.used,
            size,
            cells.null_count(),
            cells.n_unique(),
            "",
            "",
            "an image",
            (),
            "",
        )
    text, known = as_text(cells) if cells.dtype.is_nested() else cells, cells.drop_nulls()
    ordered = len(known) > 0 and (known.dtype.is_numeric() or known.dtype.is_temporal())
    shown = as_text(known.head(1000)).unique(maintain_order=True).head(SHOWN)
    return ColumnDescription(
        name=column.name,
        kind=column.kind,
        used=column.used,
        written=column.numbers.example if column.numbers else column.format,
        missing=cells.null_count(),
        distinct=text.drop_nulls().n_unique(),
        lowest=_short(known.min()) if ordered else "",
        highest=_short(known.max()) if ordered else "",
        becomes=column.note if encoder is None else _becomes(encoder),
        cells=tuple(str(cell) for cell in shown),
        note=column.note if encoder is not None else before.note if before.note != column.note else "",
    )


def _short(value: object) -> str:
    """A number in up to six digits, and a date as it is."""
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _becomes(encoder: Encoder) -> str:
    """What a network gets of a column."""
    missing = ", and whether it is missing"
    match encoder:
        case Number() | Quantile():
            return f"a number{missing if encoder.indicator else ''}"
        case Flag():
            return f"0 or 1{missing if encoder.indicator else ''}"
        case Moment():
            return f"{', '.join(part.column for part in encoder.parts)}{missing if encoder.indicator else ''}"
        case OneHot():
            return f"one-hot of {len(encoder.categories):,} values{missing if encoder.missing else ''}"
        case Category():
            return f"embedding of {len(encoder.categories):,} values{missing if encoder.missing else ''}"
        case Tags():
            return f"a column for each of {len(encoder.values):,} values{missing if encoder.missing else ''}"
        case HashedText():
            return f"{encoder.features:,} learned vectors of words{missing if encoder.missing else ''}"


def _told_of(column: Column, options: DataOptions) -> dict[str, Any]:
    """What `data.columns` says about a column, so that it is read as it was."""
    missing = options.columns[column.name].missing if column.name in options.columns else ()
    number = {} if column.numbers is None else {"number": dataclasses.asdict(column.numbers)}
    return {"kind": column.kind, **number, **({"missing": list(missing)} if missing else {})}
