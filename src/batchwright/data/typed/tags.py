"""Cells with several values, such as `Comedy;Drama`: columns that hold them, told from texts with a comma in them."""

from collections.abc import Collection

import polars as pl

from batchwright.data.typed.distinct import count_texts, rows_of
from batchwright.data.typed.schema import Column

LISTED = "|"
"""What is put between the texts of a list."""

SEPARATORS = (LISTED, ";", ",")
"""What is recognised between values, the rarest in ordinary text first; kinds `tags` takes the one in most cells."""

LEAST_SHARE = 0.05
"""The share of cells that have to hold a separator."""
LEAST_COMBINATIONS = 3
"""The fewest different cells with several values."""
REPEATED = 0.8
"""The least share of values that are in two rows or more."""
ANY_PLACE = 0.5
"""The least share of values that come first in some cells and later in others: names and places have one order."""
LONGEST = 40
"""The most characters of a value, on average."""


def split_values(cells: pl.Series, separator: str) -> pl.Series:
    """The values of each cell, without blanks, quotes and brackets around them; empty ones are left out.

    >>> split_values(pl.Series(["a; b", "['a'];", None]), ";").to_list()
    [['a', 'b'], ['a'], []]
    """
    values = cells.fill_null("").str.split(separator)
    trimmed = values.list.eval(pl.element().str.strip_chars(" \t\n[]'\""))
    return trimmed.list.eval(pl.element().filter(pl.element() != ""))


def guess_tags(cells: pl.Series, distinct: pl.DataFrame, signs: Collection[str] = SEPARATORS) -> Column | None:
    """The column as one with several values in a cell, if its texts, none of them missing, are that.

    `distinct` are the different texts with their rows; no separator is in them that is not among `signs`.
    """
    for separator in (one for one in SEPARATORS if one in signs):
        held = rows_of(distinct, distinct["cell"].str.contains(separator, literal=True))
        if held >= max(1.0, LEAST_SHARE * len(cells)) and _are_combinations(distinct, separator):
            return _column(cells, separator)
    return None


def guess_lists(lists: pl.Series) -> Column:
    """A column of lists as one with several values in a cell, or left out with the reason."""
    inner = getattr(lists.dtype, "inner", None)
    if inner is None or not (inner == pl.String or inner.is_integer()):
        return _left_out(lists.name, f"{lists.dtype} cells cannot be learned from")
    texts = lists.drop_nulls().cast(pl.List(pl.String)).list
    if texts.join("").str.contains(LISTED, literal=True).any():
        return _left_out(lists.name, f"lists with {LISTED!r} in a text cannot be learned from")
    cells = texts.join(LISTED).alias(lists.name)
    if not _are_combinations(count_texts(cells), LISTED, lists=True):
        return _left_out(lists.name, "lists whose values hardly repeat, or of one value each, cannot be learned from")
    return _column(cells, LISTED)


def tags_as_told(spec: Column, cells: pl.Series) -> Column:
    """A column that is told to hold several values in a cell, with the separator that most cells hold."""
    if isinstance(cells.dtype, pl.List | pl.Array):
        return Column(spec.name, "tags", format=LISTED)
    if cells.dtype in (pl.Binary, pl.Duration):
        return _left_out(spec.name, f"{cells.dtype} cells hold no values that a mark separates")
    held = {mark: cells.cast(pl.String).str.contains(mark, literal=True).sum() for mark in SEPARATORS}
    return _column(cells.cast(pl.String).drop_nulls(), max(SEPARATORS, key=lambda mark: held[mark]))


def _left_out(name: str, why: str) -> Column:
    return Column(name, "identifier", used=False, note=f"left out: {why}")


def _column(cells: pl.Series, separator: str) -> Column:
    several = cells.filter(split_values(cells, separator).list.len() > 1)
    example = f", as in {several[0]!r:.60}" if len(several) else ""
    return Column(
        cells.name, "tags", note=f"several values in a cell, split at {separator!r}{example}", format=separator
    )


def _are_combinations(different: pl.DataFrame, separator: str, *, lists: bool = False) -> bool:
    """Whether cells are made of few values in many combinations; lists need not be fewer values than combinations."""
    values = split_values(different["cell"], separator)
    if (values.list.len() > 1).sum() < LEAST_COMBINATIONS:
        return False
    placed = different.select("rows", value=values, place=pl.int_ranges(values.list.len())).explode("value", "place")
    first = pl.col("place") == 0
    found = (
        placed.drop_nulls()
        .group_by("value")
        .agg(pl.col("rows").sum(), first=pl.col("rows").filter(first).sum(), later=pl.col("rows").filter(~first).sum())
    )
    share = found["rows"] / found["rows"].sum()
    repeated = share.filter(found["rows"] >= 2).sum() >= REPEATED
    if lists:
        return repeated
    fewer = found.height < different.height
    any_place = share.filter((found["first"] > 0) & (found["later"] > 0)).sum() >= ANY_PLACE
    short = (share * found["value"].str.len_chars()).sum() <= LONGEST
    numbers = share.filter(found["value"].cast(pl.Float64, strict=False).is_not_null()).sum() >= 1 / 2
    return repeated and fewer and any_place and short and not (separator == "," and numbers)
