"""Infer the kind of a column from all of its cells.

It is the second of three steps: `missing.clean` turns cells that mean missing into null; `guess` names the kind;
`convert` gives the values, with null where a cell does not fit. So a cell that is null only after `convert` is a bad
cell.
"""

import dataclasses

import numpy as np
import polars as pl

from batchwright.data.typed import dates
from batchwright.data.typed.advice import kind_setting, missing_setting
from batchwright.data.typed.counters import find_counter
from batchwright.data.typed.date_search import find_written as find_dates
from batchwright.data.typed.date_search import why_no_dates
from batchwright.data.typed.distinct import count_texts, find_signs, half_have_digits, rows_of, without_nulls
from batchwright.data.typed.durations import DURATION, find_durations, why_no_lengths
from batchwright.data.typed.flags import doubt_flags, find_flags
from batchwright.data.typed.fractions import find_fractions
from batchwright.data.typed.free_text import NAMES, guess_free_text
from batchwright.data.typed.marks import mark_note
from batchwright.data.typed.more_than_numbers import CODES, LOOKED_AT, texts_of_one_number, which_say_more
from batchwright.data.typed.named_codes import code_note
from batchwright.data.typed.numbers import (
    MOSTLY,
    Decimal,
    NumberFormat,
    Written,
    find_among,
    find_written,
    may_be_numbers,
)
from batchwright.data.typed.ordered import order_note
from batchwright.data.typed.schema import Column, Kind
from batchwright.data.typed.tags import SEPARATORS, guess_lists, guess_tags, tags_as_told

FITTING = 0.9
"""Share of a column's cells that must be numbers (or dates) for the others to be mistakes; below it, all are text."""
ASCII_BLANKS = " \t\n\v\f\r"
TRUTHS = 2**4 + 2**5
"""The ways to write true and false, each letter large or small."""
EIGHTH = 8
"""A part of the texts that is looked at first: if hardly one of them fits, too few of all do."""
SHOWN = 3
"""The most texts that a note shows."""
KEPT_NOTE = "numbers with leading zeros or of 16 digits and more are kept as they are written"
TELEPHONES_NOTE = "whole numbers that begin with + are kept as they are written, as those of telephones"
CODES_NOTE = "numbers and text that repeats: taken as categories"
UNIQUE, UNIQUE_FROM = 0.9, 20
"""A text column with at least this share of distinct cells, in at least this many cells, names its rows."""


def parse_numbers(column: pl.Series, decimal: Decimal | None) -> pl.Series:
    """The numbers of a text column that holds nothing else, found before its text is analysed; else the column."""
    if column.dtype != pl.String:
        return column
    head = column.head(LOOKED_AT)
    if len(column) > LOOKED_AT and _plain_numbers(head, decimal).null_count() > head.null_count():
        return column
    numbers = _plain_numbers(column, decimal)
    if numbers.null_count() > column.null_count():
        return column
    return numbers if np.isfinite(without_nulls(numbers).to_numpy()).all() else column


def _plain_numbers(text: pl.Series, decimal: Decimal | None) -> pl.Series:
    """Numbers as Python writes them, null where text is none; a point is no decimal mark if that is a comma."""
    numbers = text.cast(pl.Float64, strict=False)
    return numbers.set(text.str.contains(".", literal=True), None) if decimal == "," else numbers


def guess(
    column: pl.Series,
    *,
    untyped: bool,
    decimal: Decimal | None = None,
    day_first: bool | None = None,
    distinct: pl.DataFrame | None = None,
) -> Column:
    """Guess what a clean column holds: by its type if it has one, or by all its cells if it is `untyped` text.

    `decimal` is the decimal mark of numbers in text, and `day_first` says whether the day is before the month in dates
    of numbers, if they are told. `distinct` are the different texts with their rows, if they are known.
    """
    name, dtype = column.name, column.dtype
    if dtype == pl.String:
        return _guess_text(column, distinct, decimal, day_first) if untyped else _keep_text(column)
    if dtype.is_numeric():
        return _with_decimal(_number_or_date(column), decimal) if untyped else _number_or_date(column)
    if dtype in (pl.Boolean, pl.Null):
        return Column(name, "boolean" if dtype == pl.Boolean else "categorical")
    if dtype in (pl.Date, pl.Datetime, pl.Time):
        return dates.typed_column(column)
    if dtype == pl.Duration:
        return Column(name, "numeric", note="lengths of time, in seconds", format=DURATION)
    return guess_lists(column)


def with_format(spec: Column, cells: pl.Series, decimal: Decimal | None, *, day_first: bool | None = None) -> Column:
    """A column whose kind is told, with the format of its numbers or dates if there is one that fits more cells.

    Of a column with several values in a cell, the format is what separates them.
    """
    if spec.kind == "tags":
        return tags_as_told(spec, cells)
    if spec.kind == "date":
        return dates.told_column(spec, cells, day_first=day_first)
    if spec.kind != "numeric" or cells.dtype != pl.String:
        return _with_decimal(spec, decimal)
    texts = cells.drop_nulls()
    plain = _plain_numbers(texts, decimal)
    fits = len(plain) - plain.null_count()
    written, lengths = find_written(texts, decimal), find_durations(texts, told=True)
    if lengths is not None and lengths.fits > max(fits, written.fits if written else 0):
        return dataclasses.replace(spec, note=lengths.note, format=lengths.format)
    fractions = find_fractions(texts, told=True)
    if fractions is not None and fractions.fits > max(fits, written.fits if written else 0):
        return dataclasses.replace(spec, note=fractions.note, format=fractions.format)
    if written is None or written.fits <= fits:
        return _with_decimal(spec, decimal)
    return dataclasses.replace(spec, note=written.note, numbers=written.format)


def _with_decimal(column: Column, decimal: Decimal | None) -> Column:
    """The column; if it has numbers, its decimal mark is the one that is told."""
    told = column.kind == "numeric" and decimal == ","
    return dataclasses.replace(column, numbers=NumberFormat(decimal=",")) if told else column


def looks_like(column: pl.Series) -> Kind | None:
    """The kind that nearly all texts of a column can be parsed as: "numeric", "date", or None.

    >>> looks_like(pl.Series(["1", "2.5", None])), looks_like(pl.Series(["red", "blue"])), looks_like(pl.Series([1]))
    ('numeric', None, None)
    """
    cells = column.drop_nulls()
    if cells.dtype != pl.String or not len(cells):
        return None
    numbers = cells.cast(pl.Float64, strict=False)
    if _fits(len(numbers) - numbers.null_count(), len(cells)):
        return "numeric"
    written = find_dates(cells)
    return "date" if written and _fits(written.fits, len(cells)) else None


def kind_remedy(column: pl.Series) -> str:
    """What to do if a text column looks like the numbers or dates that were expected; else nothing."""
    kind = looks_like(column)
    read_as = {"numeric": "numbers", "date": "dates"}.get(kind or "")
    return f" {kind_setting(column.name, kind)} reads its text as {read_as}." if kind and read_as else ""


def _guess_text(
    column: pl.Series, distinct: pl.DataFrame | None, decimal: Decimal | None, day_first: bool | None
) -> Column:
    name, cells = column.name, without_nulls(column)
    if note := find_flags(cells):
        return Column(name, "boolean", note=note)
    distinct = count_texts(cells) if distinct is None else distinct
    others = _plain_numbers(distinct["cell"], decimal).is_null()
    plain = len(cells) - rows_of(distinct, others)
    written = _find_numbers(distinct, decimal) if plain < len(cells) else None
    if written and written.fits > plain and written.fits >= MOSTLY * len(cells) and not _are_lengths(cells, written):
        return _as_written(cells, written)
    if len(cells) and _fits(plain, len(cells)):
        return _with_decimal(_as_plain_numbers(cells, _plain_numbers(cells, decimal)), decimal)
    if 0 < distinct.height <= TRUTHS and distinct["cell"].str.to_lowercase().is_in(["true", "false"]).all():
        return Column(name, "boolean")
    why = _why_no_numbers(cells, written, distinct) or _what_is_no_number(name, distinct, others)
    return _guess_time(cells, distinct, day_first, why)


def _find_numbers(distinct: pl.DataFrame, decimal: Decimal | None) -> Written | None:
    """The format in which most texts are numbers; None where it would neither be taken nor noted."""
    cells = int(distinct["rows"].sum())
    first = distinct.head(distinct.height // EIGHTH)
    others = first.height and rows_of(first, ~may_be_numbers(first["cell"]))
    return find_among(distinct, decimal) if _fits(cells - others, cells) and _have_digits(distinct) else None


def _have_digits(distinct: pl.DataFrame) -> bool:
    """Whether all cells have a digit but for mistakes; otherwise no format of numbers would be taken, nor noted."""
    return _fits(rows_of(distinct, distinct["cell"].str.contains("[0-9]")), int(distinct["rows"].sum()))


def _are_lengths(cells: pl.Series, written: Written) -> bool:
    """Whether all cells are lengths of time, although only most are numbers in one format (2 years, 6 months)."""
    if written.fits == len(cells) or not written.format.after:
        return False
    lengths = find_durations(cells)
    return lengths is not None and lengths.fits == len(cells)


def _guess_time(cells: pl.Series, distinct: pl.DataFrame, day_first: bool | None, why: str) -> Column:
    """A column of text that is no number: durations, dates, fractions, or names; `why` it holds no numbers."""
    if not half_have_digits(cells):
        return _as_names(cells, distinct, why)
    lengths = find_durations(cells)
    if lengths is not None and _fits(lengths.fits, len(cells)):
        return Column(cells.name, "numeric", note=lengths.note, format=lengths.format)
    written = find_dates(cells, day_first=day_first, distinct=distinct["cell"])
    if written is not None and _fits(written.fits, len(cells)):
        return Column(cells.name, "date", note=written.note, format=written.format)
    fractions = find_fractions(cells)
    if fractions is not None and _fits(fractions.fits, len(cells)):
        return Column(cells.name, "numeric", note=fractions.note, format=fractions.format)
    why = why or why_no_lengths(lengths, cells) or why_no_dates(written, cells.name, len(cells))
    why = why or (fractions.note if fractions else "")
    return _as_names(cells, distinct, why)


def _as_written(cells: pl.Series, written: Written) -> Column:
    """A column of text whose cells are numbers in some format, unless they are rather names."""
    texts = written.format.write_plainly(cells)
    numbers = texts.cast(pl.Float64)
    column = _as_plain_numbers(texts.zip_with(texts.is_not_null(), cells), numbers)
    if column.kind != "numeric":
        return column
    note = "; ".join(filter(None, (written.note, column.note)))
    return dataclasses.replace(column, note=note, numbers=written.format)


def _why_no_numbers(cells: pl.Series, written: Written | None, distinct: pl.DataFrame) -> str:
    """Why text stays text although nearly all cells are numbers in some format; empty if they are not."""
    if written is None or not _fits(written.alike, len(cells)):
        return ""
    if written.other is None:
        others = distinct.filter(~written.format.fits(distinct["cell"]))
        share = f"{written.fits / len(cells):.0%} of the cells are numbers as in {written.example!r}"
        return f"text, although {share}; {_may_mean_missing(cells.name, others)}"
    return f"numbers in more than one format, such as {written.example!r} and {written.other!r}, stay text"


def _what_is_no_number(name: str, distinct: pl.DataFrame, no_numbers: pl.Series) -> str:
    """What text stands among numbers that are half of the cells or more, and are too many to be codes; else empty.

    `no_numbers` marks the texts that are no numbers.
    """
    rows, cells = rows_of(distinct, no_numbers), int(distinct["rows"].sum())
    if not 0 < rows <= cells / 2 or distinct.height <= CODES:
        return ""
    others = _may_mean_missing(name, distinct.filter(no_numbers))
    return f"text, although {1 - rows / cells:.0%} of the cells are numbers; {others}"


def _may_mean_missing(name: str, others: pl.DataFrame) -> str:
    """What other texts stand among numbers, the most frequent ones, and the setting that takes them as missing."""
    texts = others.sort("rows", "cell", descending=[True, False])["cell"].head(SHOWN).sort().to_list()
    setting = missing_setting(name, texts)
    return f"others are as {texts[0]!r}: if they mean missing, {setting} makes numbers of the rest"


def _as_plain_numbers(cells: pl.Series, numbers: pl.Series) -> Column:
    """A column of text whose cells are numbers, a few of them null in `numbers`, unless they are rather names."""
    if numbers.null_count() and _are_codes(cells, numbers):
        return Column(cells.name, "categorical", note=doubt_flags(cells) or CODES_NOTE)
    more = which_say_more(cells, numbers)
    if more.any() and _name_things(cells, more):
        why = TELEPHONES_NOTE if cells.str.starts_with("+").all() else KEPT_NOTE
        return _as_names(cells, count_texts(cells), why)
    return _with_note(_number_or_date(numbers), cells, numbers, more)


def _keep_text(column: pl.Series) -> Column:
    """Text that was typed as text: names of categories or of the rows, even if it looks like numbers or dates."""
    kind = looks_like(column)
    what = {"numeric": "numbers", "date": "dates"}.get(kind or "")
    told = kind_setting(column.name, kind) if kind else ""
    why = f"text that looks like {what} stays text, unless {told} is told" if what else ""
    cells = column.drop_nulls()
    return _as_names(cells, count_texts(cells), why)


def _as_names(cells: pl.Series, distinct: pl.DataFrame, why: str) -> Column:
    """A text column as several values in a cell, free text or categories, or left out if it names the rows.

    `distinct` are its texts with their rows; `why` says why it is text, if that is doubtful; it is added to the note.
    """
    different, otherwise, worded = distinct.height, NAMES, None
    names_rows = len(cells) >= UNIQUE_FROM and different > UNIQUE * len(cells)
    signs, is_ascii = find_signs(distinct["cell"], "".join((*SEPARATORS, *ASCII_BLANKS)))
    if (tags := guess_tags(cells, distinct, signs)) is not None:
        return tags
    one_word = is_ascii and signs.isdisjoint(ASCII_BLANKS)
    if len(cells) >= UNIQUE_FROM and not one_word:
        worded, otherwise = guess_free_text(cells, distinct, names_rows=names_rows)
    if worded is not None:
        return worded
    if not names_rows:
        return Column(cells.name, "categorical", note=why or doubt_flags(cells) or order_note(cells))
    why = why or order_note(cells)
    shown = ", ".join(f"{cell!r:.30}" for cell in cells.head(3))
    note = f"left out: {different:,} different texts in {len(cells):,} rows {otherwise} ({shown}, ...)"
    return Column(cells.name, "identifier", used=False, note=f"{note}; {why}" if why else note)


def _fits(good: int, cells: int) -> bool:
    """Whether the cells that do not fit are mistakes: at most a tenth, or a single one besides two or more that do."""
    return good >= FITTING * cells or (cells - good == 1 and good >= 2)


def _name_things(cells: pl.Series, more: pl.Series) -> bool:
    """Whether numbers name things, as ZIP codes do: equally long, few, or a tenth of them say more than numbers."""
    lengths = cells.str.len_chars()
    return lengths.n_unique() == 1 or cells.n_unique() <= CODES or not _fits(len(more) - int(more.sum()), len(more))


def _with_note(column: Column, cells: pl.Series, numbers: pl.Series, more: pl.Series) -> Column:
    """The column, with a note on what is lost when its cells become numbers."""
    kept = f"{kind_setting(column.name, 'categorical')} keeps what is written"
    if more.any():
        note = f"{cells.filter(more)[0]} and {more.sum() - 1:,} more" if more.sum() > 1 else cells.filter(more)[0]
        return dataclasses.replace(column, note=f"{note} read as {'numbers' if more.sum() > 1 else 'a number'}; {kept}")
    if twice := texts_of_one_number(cells, numbers):
        return dataclasses.replace(column, note=f"{twice[0]} and {twice[1]} are one number; {kept}")
    return column


def _are_codes(cells: pl.Series, numbers: pl.Series) -> bool:
    """Whether numbers and text both name classes: few distinct values, and no text occurs only once."""
    text = cells.filter(numbers.is_null())
    return cells.n_unique() <= CODES and text.value_counts()["count"].min() != 1


def _number_column(column: pl.Series) -> Column:
    """A numeric column, unless it only says which row it is; with a note if a number may mark missing cells."""
    note = "; ".join(filter(None, (code_note(column), mark_note(column))))
    return find_counter(column) or Column(column.name, "numeric", note=note)


def _number_or_date(column: pl.Series) -> Column:
    """A column of dates if all its cells are whole numbers that are dates; else a numeric column, or a counter."""
    dated = dates.number_column(Column(column.name, "numeric"), column)
    if dated.kind == "date":
        return dated
    number = _number_column(column)
    if number.kind != "numeric" or not dated.note:
        return number
    return dataclasses.replace(number, note="; ".join(filter(None, (dated.note, number.note))))
