"""Numbers of one format with no more than a minus, digits, marks and a unit, which need not be taken apart.

Most numbers of most columns are such. Whether a text is one is seen ten times as fast as its parts are found.
"""

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import polars as pl

ANY_BODY = r"(?:[0-9]+(?:[., '][0-9]+)*[.,]?|[.,][0-9]+)"
"""The digits of a number, with any marks."""
_NAMES = ("before", "stem", "unit", "rows")
SAMPLE = 1000
"""Cells that are taken apart to find the most frequent form, at least, if there are so many."""
_BODIES = ("5", "50", ".5", ",5", "5.", "5,", "5.5", "5,5", "5'555", "5 555")


def plain_pattern(before: str, unit: str, body: str) -> str:
    """The regular expression of a plain number with a `body`, between the text `before` and the text of the `unit`."""
    return rf"^-?{pl.escape_regex(before)} ?(?:{body}) ?{_unit_pattern(unit)}$"


def strip_plain(cell: pl.Expr, before: str, unit: str, thousands: str) -> pl.Expr:
    """A plain number as Python writes numbers."""
    text = cell.str.replace(before, "", literal=True) if before else cell
    text = text.str.replace(f"{_unit_pattern(unit)}$", "") if unit else text
    for mark in {" ", thousands} if before or unit or thousands == " " else {thousands} - {""}:
        text = text.str.replace_all(mark, "", literal=True)
    return text.str.replace(",", ".", literal=True)


def count_forms(
    distinct: pl.DataFrame, count_apart: Callable[[pl.DataFrame], pl.DataFrame], bodies: Mapping[str, str]
) -> pl.DataFrame:
    """For each text before numbers and each unit, what `count_apart` counts, which takes each cell apart.

    It is asked only for the numbers that are not plain ones of the form that is the most frequent in a sample.

    Args:
        distinct: different texts as `cell`, with their `rows`.
        count_apart: counts the rows of `before` and `stem`, the unit without the s of a plural: all its `rows`, and
            those with some property; `unit` is the last by the alphabet.
        bodies: regular expressions of the digits that some of these properties are about, by name; no plain number has
            any other property.
    """
    form = _likely_form(distinct, count_apart, bodies)
    if form is None:
        return count_apart(distinct)
    plain = distinct["cell"].str.contains(plain_pattern(form["before"], form["unit"], ANY_BODY))
    counts, others = _count_plain(distinct.filter(plain), form, bodies), distinct.filter(~plain)
    return sum_forms([counts, count_apart(others)]) if others.height else counts


def sum_forms(found: list[pl.DataFrame]) -> pl.DataFrame:
    """The counts of each form together."""
    both = ("before", "stem", "unit")
    counts = pl.concat(found, how="vertical_relaxed")
    return counts.group_by("before", "stem").agg(pl.col("unit").max(), pl.exclude(both).sum())


def _likely_form(
    distinct: pl.DataFrame, count_apart: Callable[[pl.DataFrame], pl.DataFrame], bodies: Mapping[str, str]
) -> dict[str, Any] | None:
    """The most frequent form of a sample, and what is counted; None if some plain numbers of it are taken otherwise."""
    counts = count_apart(distinct.gather_every(max(1, distinct.height // SAMPLE)))
    if counts.height == 0:
        return None
    form = counts.sort("rows", descending=True).row(0, named=True)
    tried = _ways_to_write(form["before"], form["unit"])
    same = count_apart(tried).filter(pl.col("before") == form["before"], pl.col("stem") == form["stem"])
    others = [name for name in counts.columns if name not in (*_NAMES, *bodies)]
    alike = same.height == 1 and same[0, "rows"] == tried.height and not any(same[0, name] for name in others)
    return form if alike else None


def _count_plain(distinct: pl.DataFrame, form: Mapping[str, Any], bodies: Mapping[str, str]) -> pl.DataFrame:
    """The counts of numbers that are all plain and of one form."""
    cell, rows, before, unit, stem = pl.col("cell"), pl.col("rows"), form["before"], form["unit"], form["stem"]
    plural = cell.str.ends_with(f"{stem}s").any() & _has_plural(unit)
    known = {
        "before": pl.lit(before),
        "stem": pl.lit(stem),
        "unit": pl.when(plural).then(pl.lit(f"{stem}s")).otherwise(pl.lit(stem)),
        "rows": rows.sum(),
    }
    for name, body in bodies.items():
        known[name] = rows.filter(cell.str.contains(plain_pattern(before, unit, body))).sum()
    return distinct.select(known.get(name, pl.lit(0)).alias(name) for name in form)


def _ways_to_write(before: str, unit: str) -> pl.DataFrame:
    """Plain numbers of all ways to write them, each in one row: what holds for these holds for all plain numbers."""
    stem = _stem_of(unit)
    units = {unit, stem, f"{stem}s"} if _has_plural(unit) else {unit}
    written = product(("", "-"), (before, f"{before} "), _BODIES, ("", " "), units)
    cells = sorted({"".join(parts).strip() for parts in written})
    return pl.DataFrame({"cell": cells, "rows": 1}, schema_overrides={"rows": pl.UInt32})


def _unit_pattern(unit: str) -> str:
    return f"{_stem_of(unit)}s?" if _has_plural(unit) else pl.escape_regex(unit)


def _stem_of(unit: str) -> str:
    """The unit without the s of a plural: month of months, but ms of ms."""
    return unit[:-1] if unit.isalpha() and len(unit) > 2 and unit.endswith("s") else unit


def _has_plural(unit: str) -> bool:
    """Whether the unit is a word, which may have an s in the plural."""
    return unit.isalpha() and len(unit) > 1
