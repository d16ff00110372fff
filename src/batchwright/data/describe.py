"""Describe the columns of a source: what each is taken for, how it is written, and what it becomes."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from batchwright.data.disk.convert_table import convert
from batchwright.data.disk.store import Store
from batchwright.data.disk.stored_split import ChosenRows
from batchwright.data.encode.encoders import Category, Encoder, Flag, Moment, Number, OneHot, Ordinal, Quantile
from batchwright.data.encode.labels import LabelTarget
from batchwright.data.encode.preprocessing import check_scaling, learn_columns
from batchwright.data.encode.several import OneTarget, SeveralTargets, Target, fit_targets
from batchwright.data.encode.tags import Tags
from batchwright.data.encode.targets import ClassRules, ValueTarget
from batchwright.data.encode.texts import HashedText
from batchwright.data.formats.given import to_path
from batchwright.data.formats.source import Source, read
from batchwright.data.learning import divide, encoder_rules, found_notes, left_out_columns, rows_that_count
from batchwright.data.options import DataOptions, columns_as_told
from batchwright.data.roles import target_names
from batchwright.data.typed.cells import SHOW, TableOptions
from batchwright.data.typed.convert import as_text
from batchwright.data.typed.rows import Rows
from batchwright.data.typed.schema import Column, ColumnOptions, Scaling, as_plain
from batchwright.data.typed.table import ColumnSource, RowSource, Table
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

    >>> found = describe({"day": [9, None, 8], "hue": ["red", "blue", "red"]}, scaling="robust")
    >>> [(column.name, column.kind, column.becomes) for column in found.columns]
    [('day', 'numeric', 'a number, robust, and whether it is missing'), ('hue', 'categorical', 'one-hot of 2 values')]

    Raises:
        DataError: the source cannot be read, or holds images.
        ConfigError: an option is out of range, or contradicts another.
    """
    columns = columns_as_told(options.pop("columns", None))
    return describe_source(source, DataOptions(**options, columns=columns))


def describe_source(
    source: Source,
    options: DataOptions,
    *,
    seed: int = 0,
    cache_dir: Path | None = None,
    memory_limit: int | None = None,
) -> Described:
    """`describe`, with its options in one value.

    The `seed` is that of the split: a transform of the target is learned from the training rows. With a `memory_limit`
    in bytes, the rows of a path are converted to files, and read column by column.

    Raises:
        DataError, ConfigError: as `describe`.
    """
    options.check()
    check_scaling(options.scaling)
    options = options.with_normal_names()
    if memory_limit is not None and isinstance(source, str | os.PathLike):
        store = _convert_or_show(to_path(source), options.reading, cache_dir, memory_limit)
        if store.holds_images:
            raise _no_columns(store.name)
        stored = ChosenRows(store, np.arange(store.rows))
        return _describe(stored, store, options, store.contents.target, store.contents.notes, seed=seed)
    loaded = read(source, _as_shown(options.reading), image_size=options.image_size)
    if not isinstance(loaded.train, Table):
        raise _no_columns(loaded.name)
    own = tuple(role for role in ("validation", "test") if getattr(loaded, role) is not None)
    return _describe(loaded.train, loaded.train, options, loaded.target, loaded.train.notes, seed=seed, own=own)


def _as_shown(reading: TableOptions) -> TableOptions:
    """The reading, with cells that do not fit shown where they would stop a training."""
    return dataclasses.replace(reading, on_bad_rows=SHOW) if reading.on_bad_rows == "stop" else reading


def _convert_or_show(path: Path, reading: TableOptions, cache_dir: Path | None, memory_limit: int) -> Store:
    """The store that a training uses too, where all cells fit; otherwise one that is only for showing."""
    try:
        return convert(path, reading, cache_dir=cache_dir, memory_limit=memory_limit)
    except DataError:
        return convert(path, _as_shown(reading), cache_dir=cache_dir, memory_limit=memory_limit)


def _no_columns(name: str) -> DataError:
    return DataError(f"{name} holds images, which have no columns to describe.")


def _describe(
    rows: ColumnSource,
    source: RowSource,
    options: DataOptions,
    default: str | tuple[str, ...] | None,
    notes: tuple[str, ...],
    *,
    seed: int,
    own: tuple[str, ...] = (),
) -> Described:
    """Describe columns; `rows` are those of `source`, and `default` is the target of the source, if it has one.

    The parts `own` have rows of their own.
    """
    named = options.target is not None or default is not None
    targets = target_names(source, options, default=default, name=source.name) if named else ()
    answers, doubts = _describe_targets(source, targets, options, own, seed) if targets else ({}, ())
    reasons = left_out_columns(rows, options) | answers
    learned = learn_columns(rows, reasons, encoder_rules(options))
    before = {column.name: column for column in rows.columns}
    described = tuple(
        _describe_column(before[column.name], column, encoder, rows.cells(column.name), _scaling_of(column, options))
        for column, encoder in learned
    )
    told = {column.name: _told_of(column, options) for column in rows.columns}
    return Described(rows.name, source.rows, described, told, tuple(dict.fromkeys((*notes, *doubts))))


def _describe_targets(
    source: RowSource, names: tuple[str, ...], options: DataOptions, own: tuple[str, ...], seed: int
) -> tuple[dict[str, str], tuple[str, ...]]:
    """What each target becomes, and what is doubtful or wrong about it; only rows with a target are looked at."""
    wrong = list[str]()
    for how in (options, dataclasses.replace(options, on_bad_rows="drop")):
        try:
            rows, _ = rows_that_count(source, names, how)
            target = _fit(rows, names, how)
            if how.target_transform != "none":
                target = divide(source, names, how, own=own, seed=seed).target
        except DataError as error:
            wrong.append(str(error))
            continue
        parts = target.parts if isinstance(target, SeveralTargets) else (target,)
        told = found_notes(rows, target, told=options.task is not None) if not wrong else ()
        return {column: f"target: {_answer(part)}" for part in parts for column in part.columns}, (*wrong, *told)
    return dict.fromkeys(names, "target"), tuple(wrong[:1])


def _fit(rows: Rows, names: tuple[str, ...], options: DataOptions) -> Target:
    """The target as it is learned from all rows."""
    assert isinstance(rows, Table)  # as images are refused before
    rules = ClassRules(options.rare_classes, 1 + sum(share > 0 for share in options.shares((), rows.rows).values()))
    rules = dataclasses.replace(rules, merge_case=options.merge_case)
    return fit_targets(rows, names, task=options.task, separator=options.label_separator, rules=rules)


def _answer(target: OneTarget | LabelTarget) -> str:
    """What a target becomes."""
    if isinstance(target, ValueTarget):
        return "a number" if target.transform is None else f"a number, learned as its {target.transform.name}"
    what = "labels" if isinstance(target, LabelTarget) else "classes"
    return f"{len(target.classes):,} {what}"


def _describe_column(
    before: Column, column: Column, encoder: Encoder | None, cells: pl.Series, scaling: Scaling
) -> ColumnDescription:
    """Describe a column; `scaling` is what is said of its numbers."""
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
    shown = known.head(1000).unique(maintain_order=True).head(SHOWN)
    return ColumnDescription(
        name=column.name,
        kind=column.kind,
        used=column.used,
        written=column.numbers.example if column.numbers else column.format,
        missing=cells.null_count(),
        distinct=text.drop_nulls().n_unique(),
        lowest=_short(known.min()) if ordered else "",
        highest=_short(known.max()) if ordered else "",
        becomes=column.note if encoder is None else _becomes(encoder, scaling),
        cells=tuple(map(_short, shown)) if known.dtype.is_temporal() else tuple(map(str, as_text(shown))),
        note=_note(before, column, encoder),
    )


def _note(before: Column, column: Column, encoder: Encoder | None) -> str:
    """What is doubtful about a column; a target that only says which row it is has that as a doubt."""
    if encoder is not None:
        return column.note
    if column.note.startswith("target") and before.note.startswith("left out: "):
        return before.note.removeprefix("left out: ").partition("; `")[0]
    return before.note if before.note != column.note else ""


def _short(value: object) -> str:
    """A number in up to six digits, a date without a time if that is midnight, and other text as it is."""
    return f"{value:g}" if isinstance(value, int | float) else str(value).removesuffix(" 00:00:00")


def _scaling_of(column: Column, options: DataOptions) -> Scaling:
    """How the numbers of a column are to be scaled."""
    return options.columns.get(column.name, ColumnOptions()).scaling or options.scaling


def _becomes(encoder: Encoder, scaling: Scaling) -> str:
    """What a network gets of a column."""
    missing = ", and whether it is missing"
    match encoder:
        case Number() | Quantile():
            return f"{_scaled(encoder, scaling)}{missing if encoder.indicator else ''}"
        case Flag():
            return f"0 or 1{missing if encoder.indicator else ''}"
        case Moment():
            return f"{', '.join(part.column for part in encoder.parts)}{missing if encoder.indicator else ''}"
        case OneHot():
            return f"one-hot of {len(encoder.categories):,} values{missing if encoder.missing else ''}"
        case Ordinal():
            beside = ", and one-hot" if encoder.one_hot else ""
            return f"its rank among {len(encoder.order):,} values{beside}{missing if encoder.missing else ''}"
        case Category():
            return f"embedding of {len(encoder.categories):,} values{missing if encoder.missing else ''}"
        case Tags():
            return f"a column for each of {len(encoder.values):,} values{missing if encoder.missing else ''}"
        case HashedText():
            return f"{encoder.features:,} learned vectors of words{missing if encoder.missing else ''}"


def _scaled(encoder: Number | Quantile, scaling: Scaling) -> str:
    """A number, and how it is scaled where that is not the usual way, and why where that was chosen."""
    if encoder.why is not None:
        return f"a number, {encoder.scaling} ({encoder.why})"
    return "a number" if scaling == DataOptions.scaling else f"a number, {scaling}"


def _told_of(column: Column, options: DataOptions) -> dict[str, Any]:
    """What `data.columns` says about a column, so that it is read as it was."""
    told = as_plain(options.columns.get(column.name, ColumnOptions()), without=("kind", "number"))
    number = {} if column.numbers is None else {"number": as_plain(column.numbers)}
    return {
        "kind": column.kind,
        **number,
        **{key: list(value) if isinstance(value, tuple) else value for key, value in told.items() if value},
    }
