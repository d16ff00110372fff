"""Whether a column's numbers could have the other decimal mark, and which mark the others of its file plainly use.

A column in which each number can be read in two ways, such as `2.700 g`, is read as the other columns of its file are.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import polars as pl

from batchwright.data.typed.advice import number_setting
from batchwright.data.typed.numbers import DECIMALS, Decimal, NumberFormat, look_like
from batchwright.data.typed.schema import Column

Sureness = Literal["sure", "doubtful", "unmarked", ""]
"""Of a column's numbers: one of them has only one decimal mark that it can be read with; all that have a point or a
comma could be read with the other as well; none has any; or these are no numbers in text."""

Plain = Literal["text", "parsed", "typed"]
"""How the plain numbers of a file without types stand: as text; parsed from text, whole ones as int64, and as float64
where one can only have a decimal point; or as numbers of a sheet, whose point its reader has written."""

FIRST, LOOKED_AT = 20, 1000
"""Cells, and then numbers with a mark, that are looked at before all are."""
PLAIN = NumberFormat()
ONLY_A_POINT = re.compile(r"[+-]?(?:[0-9]*\.(?:[0-9]{1,2}|[0-9]{4,})|0\.[0-9]+|[0-9]{4,}\.[0-9]+)")
"""Plain numbers that cannot have points between thousands, as most are: seen at once, without the whole search."""


class FileMark(NamedTuple):
    """The decimal mark that some columns of a file plainly use, and none of the others; the first of these columns."""

    decimal: Decimal
    column: str


def free_columns(
    names: Iterable[str], known: Mapping[str, Column], decimal: Decimal | None, *, like: bool, untyped: bool
) -> frozenset[str]:
    """The columns of which nobody has told how their numbers are written; the arguments are as for `type_cells`."""
    if decimal is not None:
        return frozenset()
    told = {name: known.get(name) for name in names}
    return frozenset(
        name for name, spec in told.items() if (untyped if spec is None else not like and spec.numbers is None)
    )


def sureness_of(spec: Column, cells: pl.Series) -> Sureness:
    """How sure the decimal mark of a column's numbers is; cells that are no numbers do not count.

    >>> number = Column("x", "numeric")
    >>> [sureness_of(number, pl.Series(cells)) for cells in (["0.5", "1.234"], ["2.700", "31"], ["2700", "31"])]
    ['sure', 'doubtful', 'unmarked']

    Args:
        spec: what the column is taken for.
        cells: its cells as they were read.
    """
    if spec.kind != "numeric" or spec.format or cells.dtype != pl.String:
        return ""
    form = spec.numbers or PLAIN
    if form == PLAIN and any(ONLY_A_POINT.fullmatch(cell) for cell in cells.head(FIRST).drop_nulls()):
        return "sure"
    if _one_can_only_be(form, _marked(cells.head(FIRST))):
        return "sure"
    marked = _marked(cells)
    if _one_can_only_be(form, marked.head(LOOKED_AT)):
        return "sure"
    if not look_like(marked, form).any():
        return "unmarked"
    numbers = cells.drop_nulls().str.strip_chars()
    numbers = numbers.filter(look_like(numbers, form))
    return "doubtful" if any(look_like(numbers, other).all() for other in form.with_other_decimal()) else "sure"


def _marked(cells: pl.Series) -> pl.Series:
    """The cells with a point or a comma."""
    return cells.filter(cells.str.contains("[.,]").fill_null(value=False)).str.strip_chars()


def _one_can_only_be(form: NumberFormat, cells: pl.Series) -> bool:
    """Whether some cell is a number in this format, and in none that has the other decimal mark."""
    return bool((look_like(cells, form) & ~look_like(cells, *form.with_other_decimal())).any())


def mark_of_file(columns: Iterable[tuple[Column, Sureness]]) -> FileMark | None:
    """The decimal mark that the columns of a file plainly use; None if they use none, or both.

    >>> price, weight = Column("price", "numeric", numbers=NumberFormat(",")), Column("weight", "numeric")
    >>> mark_of_file([(weight, "doubtful"), (price, "sure")])
    FileMark(decimal=',', column='price')
    """
    sure = [column for column, sureness in columns if sureness == "sure"]
    found = {decimal: [one.name for one in sure if (one.numbers or PLAIN).decimal == decimal] for decimal in DECIMALS}
    used = [FileMark(decimal, names[0]) for decimal, names in found.items() if names]
    return used[0] if len(used) == 1 else None


def with_mark(spec: Column, sureness: Sureness, mark: FileMark | None) -> Column:
    """The column; if it has no points and commas, its later numbers are read with the comma where that is the mark."""
    if sureness != "unmarked" or mark is None or mark.decimal == PLAIN.decimal:
        return spec
    return dataclasses.replace(spec, numbers=dataclasses.replace(spec.numbers or PLAIN, decimal=mark.decimal))


def with_reason(spec: Column, mark: FileMark) -> Column:
    """A column that was read with the mark of its file, with a note that says so unless its numbers are plain."""
    if spec.kind != "numeric" or spec.numbers is None:
        return spec
    own, other = spec.numbers, DECIMALS[mark.decimal == DECIMALS[0]]
    setting = number_setting(
        spec.name, dataclasses.replace(own, decimal=other, thousands="" if own.thousands else own.decimal)
    )
    return _with_note(
        spec, f"decimal {mark.decimal!r} as in column {mark.column!r}; {setting} reads {other!r} as the decimal mark"
    )


def with_doubt(spec: Column, raw: pl.Series) -> Column:
    """A column whose numbers could be read with the other mark, and nothing in its file tells, with a note."""
    if spec.numbers is not None:
        other = DECIMALS[spec.numbers.decimal == DECIMALS[0]]
        return _with_note(spec, f"`decimal={other}` reads {other!r} as the decimal mark")
    shown = raw.filter(raw.str.contains(".", literal=True).fill_null(value=False))[0]
    return _with_note(spec, f"{shown} read with a decimal point; `decimal=,` reads it as thousands")


def _with_note(spec: Column, note: str) -> Column:
    return dataclasses.replace(spec, note=f"{spec.note}; {note}" if spec.note else note)
