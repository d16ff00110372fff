"""Texts in an order that categories lose: ranges such as 10-20 and 65+, several numbers, ~5, and periods of years."""

import polars as pl

LOOKED_AT = 1000
"""Rows that are looked at first."""
NEARLY_ALL = 0.9
"""The share of the cells that are alike."""
FROM = 3
"""The fewest different texts: the two sides of one limit have no order to lose."""

_NUMBER = r"\p{Sc}? ?[0-9]+(?:[.,][0-9]+)*[kKM]?"
_UNIT = r"(?: ?(?:\p{L}+|%|\p{Sc}))?"
_TO = "(?: ?(?:-|–|—|~|to|bis|à|a|until) ?)"
_WORDS = "(?:more|over|older|above|up|under|less|younger|mehr|älter|plus)"
_MORE = rf"(?: ?\+|(?: ?[\p{{L}}]+)? (?:and|or|und|oder|et|ou) {_WORDS})"
_LIMIT = r"(?:[<>≤≥]=? ?|(?:under|over|above|below|unter|über|moins de|plus de|less than|more than|up to) )"
_INTERVAL = rf"[\[(]-?{_NUMBER}(?:, ?|{_TO})-?{_NUMBER}[\])]"
_ONE = rf"{_NUMBER}{_UNIT}"
RANGE = rf"(?i)^(?:{_LIMIT}{_ONE}|{_ONE}{_MORE}{_UNIT}|{_ONE}{_TO}{_ONE}|{_INTERVAL})$"
NUMBER, ENDS = rf"(?i)^{_ONE}$", rf"(?i)^{_ONE}{_TO}{_NUMBER}"
_PART = r"[+-]?[0-9]+(?:[.,][0-9]+)?"
SEVERAL = rf"^\(?{_PART}\p{{L}}{{0,3}}(?:(?: ?[:x×*/°'′±;+] ?|, ){_PART}){{1,3}} ?[\"'″′]{{0,2}} ?[\p{{L}}%]{{0,3}}\)?$"
_PERIOD = (
    r"(?:(?:FY|CY|HY|[QTHSW]|KW|wk|week|qtr|quarter|quartal) ?(?:(?:19|20)[0-9]{2}|[0-9]{1,2})|[0-9]{1,2}[QHW]|"
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*)"
)
_BETWEEN, _YEAR = r"[-–/ ,.'’()]{0,2}", r"(?:(?:19|20)[0-9]{2}|[0-9]{2})"
PERIOD = rf"(?i)^(?:{_YEAR}{_BETWEEN})*{_PERIOD}(?:{_BETWEEN}(?:{_PERIOD}|{_YEAR}))*\)?$"
"""Weeks, quarters and months that are no dates in a known format, such as FY 2023/24 Q1, wk05-23 and Jan-Mar 2023."""
OF_A_YEAR = r"(?i)(?:19|20)[0-9]{2}|(?:FY|CY|KW|wk|week|Q) ?[0-9]+[^0-9]+[0-9]{2}"
"""What tells a period from a code."""
ANY = f"{RANGE}|{NUMBER}|{SEVERAL}|{PERIOD}"
SIGNS = r"^[^\p{L}]*\p{N}[^\p{L}]*$"
"""Digits and signs without letters, such as ~5 and 1½."""
CODE = r"^[+-]?[0-9]+(?:[-./][0-9]+)*$"
"""Numbers, seasons such as 2011-12, and versions such as 1.2.3."""
SCORE = r"^[0-9]{1,2} ?[-–] ?[0-9]{1,2}$"
OTHER_DIGITS = r"^[+-]?[\p{Nd}.,٫٬，．]*[\p{Nd}--[0-9]][\p{Nd}.,٫٬，．]*$"
"""Numbers in the digits of another script, or as wide as Chinese characters."""


def order_note(cells: pl.Series) -> str:
    """A note on ranges, several numbers in a cell, digits and signs, or periods; empty if there are few.

    >>> order_note(pl.Series(["0-17", "18-64", "65+"])).split(":")[0]
    "ranges of numbers, as in '0-17', are categories without an order"
    """
    first = cells.head(LOOKED_AT)
    if len(cells) and (strange := first.str.contains(OTHER_DIGITS)).sum() >= NEARLY_ALL * len(first):
        return f"numbers in other digits than 0 to 9, as in {first.filter(strange)[0]!r}, stay text: use 0 to 9"
    if not len(cells) or 2 * first.str.contains(f"{ANY}|{SIGNS}").sum() < len(first) or cells.n_unique() < FROM:
        return ""
    counts = cells.alias("cell").value_counts(name="rows")
    if periods := _period_note(counts):
        return periods
    ranges = counts.filter(counts["cell"].str.contains(RANGE))
    others = counts.filter(counts["cell"].str.contains(NUMBER))
    rows = NEARLY_ALL * len(cells)
    if int(ranges["rows"].sum()) + int(others["rows"].sum()) >= rows and 2 * ranges.height >= counts.height - 1 > 0:
        return _range_note(ranges["cell"]) if _go_up(ranges["cell"]) else _several_note(counts, SCORE)
    return _several_note(counts, SEVERAL) or _signs_note(counts)


def _several_note(counts: pl.DataFrame, pattern: str) -> str:
    """A note if nearly all rows hold several numbers as the pattern has them."""
    several = counts.filter(counts["cell"].str.contains(pattern))
    if int(several["rows"].sum()) < NEARLY_ALL * int(counts["rows"].sum()):
        return ""
    return f"several numbers in a cell, as in {several['cell'].min()!r}, stay text: make a column of each"


def _signs_note(counts: pl.DataFrame) -> str:
    """A note if nearly all rows hold digits and signs that are no number."""
    signs = counts.filter(counts["cell"].str.contains(SIGNS))
    others = signs.filter(~signs["cell"].str.contains(CODE))["cell"]
    if not len(others) or int(signs["rows"].sum()) < NEARLY_ALL * int(counts["rows"].sum()):
        return ""
    return f"digits and signs, as in {others.min()!r}, stay text: if they are numbers, write each as one plain number"


def _period_note(counts: pl.DataFrame) -> str:
    """A note if nearly all rows hold weeks, quarters or months of years that are not read as dates."""
    periods = counts.filter(counts["cell"].str.contains(PERIOD) & counts["cell"].str.contains(OF_A_YEAR))
    if int(periods["rows"].sum()) < NEARLY_ALL * int(counts["rows"].sum()):
        return ""
    return (
        f"periods, as in {periods['cell'].min()!r}, are categories without an order: written as 2023-Q1, 2023-W05 or "
        "2023-01 they are dates"
    )


def _range_note(ranges: pl.Series) -> str:
    shown = ranges.filter(ranges.str.contains(ENDS)).min() or ranges.min()
    return (
        f"ranges of numbers, as in {shown!r}, are categories without an order: a column with the middle of each, as a "
        "number, keeps it"
    )


def _go_up(ranges: pl.Series) -> bool:
    """Whether the second number of each range with two ends is the greater one, unlike in scores and seasons.

    >>> _go_up(pl.Series(["1.5-2", "10,000-20,000"])), _go_up(pl.Series(["2011-12"]))
    (True, False)
    """
    ends = ranges.filter(ranges.str.contains(ENDS)).str.replace_all(",([0-9]{3})", "$1")
    numbers = ends.str.replace_all(",", ".", literal=True).str.extract_all(r"[0-9]+(?:\.[0-9]+)?")
    first, last = (numbers.list.get(place, null_on_oob=True).cast(pl.Float64) for place in (0, 1))
    return bool((first <= last).all())
