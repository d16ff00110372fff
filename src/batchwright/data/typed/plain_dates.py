"""Dates that polars reads by itself once their time zone is cut off: most dates of most columns.

A date of many formats is plain in one: its month is a number or has three English letters, each mark between its parts
is written once, and all texts with a zone are equally long. Other dates of the format are taken apart, which takes
several times as long.
"""

import re
from functools import cache
from typing import NamedTuple

import polars as pl

from batchwright.data.typed.date_words import offset_of

_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_FIELDS = {
    "%Y": "[0-9]{4}",
    "%y": "(?:[0-57-9][0-9]|6[0-8])",  # 69 is 1969 here, and 2069 in polars
    "%m": "[0-9]{1,2}",
    "%d": "[0-9]{1,2}",
    "%H": "(?:2[0-3]|[01]?[0-9])",
    "%I": "(?:1[0-2]|0?[1-9])",
    "%M": "[0-5]?[0-9]",
    "%S": "[0-5]?[0-9]",
    "%b": f"(?:{_MONTHS})",
    "%p": "[AP]M",
}
_WIDE = {
    "%m": "[0-9]{2}",
    "%d": "[0-9]{2}",
    "%H": "(?:2[0-3]|[01][0-9])",
    "%I": "(?:1[0-2]|0[1-9])",
    "%M": "[0-5][0-9]",
    "%S": "[0-5][0-9]",
}
"""Fields with all their digits."""
_WIDTHS = {"%Y": 4, "%b": 3}
_FRACTION, _BEFORE_TIME, _ZONE = "%.f", "\t", r" ?(?:Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})"
_TOKEN = re.compile(r"%\.f|%[A-Za-z]|.")
_FORM = re.compile(
    r"(?P<date>(?:%[Yymdb][-/. ,]{0,2}){3})(?:[T :](?:%H|%I):%M(?::%S(?P<fraction>%\.f)?)?(?: %p)?)?"
    r"(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?"
)
_FRACTION_OF_EXAMPLE = re.compile(r":[0-9]{2}(\.[0-9]{1,9})")


class PlainForm(NamedTuple):
    """The pattern of plain dates, their format for polars, and the place where the zone begins, if they have one."""

    pattern: str
    form: str
    width: int | None


def plain_form(form: str, cells: pl.Series) -> PlainForm | None:
    """How plain dates of a format are written; None if the format has none.

    If there are fractions of seconds before a zone, they have the digits of the first cell that has any.
    """
    found = _FORM.fullmatch(form)
    if found is None or not found["zone"] or not found["fraction"]:
        return _plain_form(form, 0)
    shown = (_FRACTION_OF_EXAMPLE.search(cell) for cell in cells.drop_nulls().head(100))
    return _plain_form(form, max((len(one[1]) for one in shown if one is not None), default=0))


@cache
def _plain_form(form: str, fraction: int) -> PlainForm | None:
    """As `plain_form`; the fractions of seconds before a zone have so many characters, with their point."""
    found = _FORM.fullmatch(form)
    if found is None or sorted(found["date"].count(f"%{one}") for one in ("Y", "y")) != [0, 1]:
        return None
    if [sum(found["date"].count(f"%{one}") for one in kind) for kind in ("d", "mb")] != [1, 1]:
        return None
    zone = found["zone"] or ""
    tokens = _TOKEN.findall(re.sub("[T ](?=%[HI])", _BEFORE_TIME, form.removesuffix(zone)))
    fields = {**_FIELDS, **_WIDE} if zone else _FIELDS
    digits = (rf"\.[0-9]{{{fraction - 1}}}" if fraction else "") if zone else r"(?:\.[0-9]{1,9})?"
    parts = {**fields, _FRACTION: digits, _BEFORE_TIME: "[ T]"}
    pattern = "".join(parts[token] if token in parts else pl.escape_regex(token) for token in tokens)
    known = "".join(" " if token == _BEFORE_TIME else token for token in tokens)
    if not zone:
        return PlainForm(f"(?i)^{pattern}$", known, None)
    width = sum(fraction if token == _FRACTION else _width(token) for token in tokens)
    return PlainForm(f"(?i)^{pattern}{_ZONE}$", known if fraction else known.replace(_FRACTION, ""), width)


def read_plain(cells: pl.Series, plain: PlainForm, east: int) -> pl.Series:
    """The plain dates among the cells, converted to the zone `east` minutes east of Greenwich; null elsewhere."""
    texts = cells.alias("cell").to_frame().select(pl.when(pl.col("cell").str.contains(plain.pattern)).then("cell"))
    text = pl.col("cell") if plain.width is None else pl.col("cell").str.head(plain.width)
    text = text.str.replace("T", " ", literal=True) if " %H" in plain.form or " %I" in plain.form else text
    dates = text.str.to_datetime(plain.form, strict=False, time_unit="us")
    if plain.width is not None:
        minutes = {zone: offset_of(zone.strip()) for zone in _zones(texts["cell"], plain.width)}
        known = {zone: None if offset is None else offset - east for zone, offset in minutes.items()}
        offset = pl.col("cell").str.slice(plain.width).replace_strict(known, default=None, return_dtype=pl.Int64)
        dates = dates - pl.duration(minutes=offset)
    return texts.select(dates.alias(cells.name)).to_series()


def zones_of_plain(cells: pl.Series, plain: PlainForm) -> tuple[list[str], pl.Series]:
    """The zones of the plain dates among the cells, as they are written, and the other cells."""
    is_plain = cells.str.contains(plain.pattern)
    return [zone.strip() for zone in _zones(cells.filter(is_plain), plain.width or 0)], cells.filter(~is_plain)


def _zones(cells: pl.Series, width: int) -> list[str]:
    return cells.str.slice(width).unique().drop_nulls().to_list()


def _width(token: str) -> int:
    return _WIDTHS.get(token, 2) if token.startswith("%") else 1
