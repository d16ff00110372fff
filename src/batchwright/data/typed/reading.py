"""Turn the cells of a frame into typed columns, and tell cells that do not fit from missing ones."""

import dataclasses
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Bool, Int64

from batchwright.data.typed import inference
from batchwright.data.typed.cells import KEPT, MISSING, NONE_BAD, BadCell, BadCells, TableOptions, what_fits
from batchwright.data.typed.convert import as_text, convert
from batchwright.data.typed.decimal_marks import (
    FileMark,
    Plain,
    Sureness,
    free_columns,
    mark_of_file,
    sureness_of,
    with_doubt,
    with_mark,
    with_reason,
)
from batchwright.data.typed.missing import clean, with_marks
from batchwright.data.typed.more_than_numbers import says_more
from batchwright.data.typed.numbers import Decimal, find_written
from batchwright.data.typed.repeated import RepeatedTexts, clean_repeated, find_repeated
from batchwright.data.typed.schema import Column
from batchwright.data.typed.whole import read_whole

AT_ONCE = 10_000
"""Rows from which columns are typed on all cores: starting a thread takes longer than typing fewer."""


@dataclasses.dataclass(frozen=True)
class TypedCells:
    """All columns typed; `fits` marks the rows without a bad cell."""

    frame: pl.DataFrame
    columns: tuple[Column, ...]
    fits: Bool[np.ndarray, " rows"]
    bad: BadCells


class TypedColumn(NamedTuple):
    """A column's values, its description, and the texts of its bad cells, null elsewhere; None if it has none.

    `sureness` is that of the decimal mark of its numbers.
    """

    values: pl.Series
    spec: Column
    unfit: pl.Series | None
    sureness: Sureness


def type_cells(
    frame: pl.DataFrame,
    options: TableOptions,
    *,
    known: Mapping[str, Column],
    like: bool,
    lines: Int64[np.ndarray, " rows"],
    untyped: bool,
    plain: Plain = "text",
) -> TypedCells:
    """Every column of the frame with the type in `known`, or else with the type that it has or that its cells suggest.

    `like` says that `known` tells how the numbers of earlier rows were written, and not only the kinds of columns, so
    that these are read likewise. `untyped` says that text comes from a file without types; such text is searched for
    numbers, dates and booleans. `plain` says how the numbers of such a file stand. Numbers that could have either
    decimal mark have that of the other columns.
    """
    free = free_columns(frame.columns, known, options.decimal, like=like, untyped=untyped)
    reading = partial(type_column, known=known, like=like, untyped=untyped, plain=plain, judges=bool(free))
    typed = _type_all(partial(reading, options=options), frame)
    mark = mark_of_file((column.spec, column.sureness) for column in typed)
    for place, column in enumerate(typed):
        if column.values.name in free:
            tells = plain != "typed" or column.spec.numbers is not None
            typed[place] = _follow(column, frame[column.values.name], options, mark if tells else None, reading)
    fits, bad = np.ones(frame.height, bool), NONE_BAD
    for column in typed:
        if column.unfit is not None:
            fits &= column.unfit.is_null().to_numpy()
            bad += bad_cells(column, lines)
    return TypedCells(
        pl.DataFrame({column.values.name: column.values for column in typed}),
        tuple(column.spec for column in typed),
        fits,
        bad,
    )


def _type_all(type_one: Callable[[pl.Series], TypedColumn], frame: pl.DataFrame) -> list[TypedColumn]:
    """The columns typed, many rows on all cores, the dearest first, in their own order."""
    if frame.height < AT_ONCE:
        return list(map(type_one, frame.get_columns()))
    columns = sorted(frame.get_columns(), key=pl.Series.estimated_size, reverse=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip((column.name for column in columns), pool.map(type_one, columns), strict=True))
    return [found[name] for name in frame.columns]


def _follow(
    found: TypedColumn,
    raw: pl.Series,
    options: TableOptions,
    mark: FileMark | None,
    reading: Callable[..., TypedColumn],
) -> TypedColumn:
    """The column, typed anew if it could be read with either decimal mark, and its file plainly uses one."""
    if found.sureness != "doubtful":
        return found._replace(spec=with_mark(found.spec, found.sureness, mark))
    if mark is None:
        return found._replace(spec=with_doubt(found.spec, raw))
    again = reading(raw, options=dataclasses.replace(options, decimal=mark.decimal))
    return again._replace(spec=with_reason(again.spec, mark))


def type_column(
    raw: pl.Series,
    *,
    options: TableOptions,
    known: Mapping[str, Column],
    like: bool,
    untyped: bool,
    plain: Plain = "text",
    judges: bool,
) -> TypedColumn:
    """A column with the type in `known`, or else as its cells suggest; the arguments are as for `type_cells`.

    `judges` says whether it is asked how sure the decimal mark is.
    """
    raw = raw.rechunk()  # NumPy would copy each column of several pieces anew wherever it looks at one
    spec, text = known.get(raw.name), raw
    if plain == "parsed" and raw.dtype == pl.Int64:
        raw = raw.cast(pl.Float64)
    elif spec is None and untyped and raw.dtype == pl.String and (whole := read_whole(raw)) is not None:
        raw = whole
    decimal = None if like and spec is not None else options.decimal
    found, missing = _numbers_or_text(raw, spec, decimal, untyped=untyped), options.missing_in(raw.name)
    searched = spec is None and untyped and found.dtype == pl.String
    repeated = find_repeated(found) if searched else None
    cells, repeated = clean_repeated(found, repeated, missing) if repeated else (clean(found, missing), None)
    if spec is None:
        distinct = repeated.count() if repeated else None
        spec = inference.guess(cells, untyped=untyped, decimal=decimal, day_first=options.day_first, distinct=distinct)
    elif not like and spec.numbers is None:
        spec = inference.with_format(spec, cells, decimal, day_first=options.day_first)
    spec = spec if like else with_marks(spec, raw, cells)
    values = _values(cells, spec, repeated)
    fits = values.null_count() == cells.null_count()
    unfit = None if fits else as_text(cells.cast(cells.dtype)).set(values.is_not_null(), None)
    sureness = _sureness(spec, text, plain, is_whole=raw is not text) if judges else ""
    return TypedColumn(values, spec, unfit, sureness)


def _sureness(spec: Column, text: pl.Series, plain: Plain, *, is_whole: bool) -> Sureness:
    """How sure the decimal mark of a column is; points that the reader of a sheet has written tell nothing."""
    if spec.kind == "numeric" and plain == "parsed" and text.dtype != pl.String:
        return "unmarked" if is_whole else "sure"
    found = "unmarked" if is_whole and spec.kind == "numeric" else sureness_of(spec, text)
    return "" if plain == "typed" and spec.numbers is None and found != "doubtful" else found


def _values(cells: pl.Series, spec: Column, repeated: RepeatedTexts | None) -> pl.Series:
    """The values of the cells; where these are repeated texts that are no text, those of each text once."""
    if repeated is None or spec.kind not in ("numeric", "boolean", "date"):
        return convert(cells, spec)
    return repeated.spread(convert(repeated.texts, spec))


def _numbers_or_text(raw: pl.Series, spec: Column | None, decimal: Decimal | None, *, untyped: bool) -> pl.Series:
    """A text column as numbers, if it is known to hold them, or is untyped and its text says no more than numbers."""
    if spec is not None:
        return inference.parse_numbers(raw, decimal) if spec.kind == "numeric" and spec.numbers is None else raw
    if not untyped:
        return raw
    parsed = inference.parse_numbers(raw, decimal)
    return raw if parsed is not raw and says_more(raw, parsed) else parsed


def bad_cells(column: TypedColumn, lines: Int64[np.ndarray, " rows"]) -> BadCells:
    """The bad cells of a column, with the lines of its rows."""
    if (texts := column.unfit) is None:
        return NONE_BAD
    wanted = what_fits(column.spec)
    first = texts.is_not_null().arg_true().head(KEPT)
    cells = (BadCell(int(lines[row]), texts.name, texts[row], wanted) for row in first)
    return BadCells(len(texts) - texts.null_count(), tuple(cells))


def unit_hints(frame: pl.DataFrame, typed: TypedCells) -> tuple[str, ...]:
    """What to do where all cells of a column are numbers of another format than in training, such as 4.1 kg.

    Args:
        frame: the cells as they were read.
        typed: the same, typed as the training rows were.
    """
    if not typed.bad.count:
        return ()
    hints = list[str]()
    for column in typed.columns:
        cells = frame[column.name]
        if column.kind != "numeric" or cells.dtype != pl.String or typed.frame[column.name].is_not_null().any():
            continue
        texts = clean(cells, MISSING).drop_nulls()
        written = find_written(texts, None) if len(texts) else None
        if written is not None and written.fits == len(texts):
            before = f"as in {column.numbers.example!r}" if column.numbers else "without more than digits and a point"
            hints.append(
                f"The cells of column {column.name!r} are numbers written as in {written.example!r}, and in training "
                f"they were written {before}: write these likewise."
            )
    return tuple(hints)
