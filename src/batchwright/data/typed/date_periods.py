"""Weeks, quarters, half-years and months that are written with a letter or word, such as 2023-W05, Q1 2023 and 2H23.

They are judged by their shape, the text with 9 in place of each digit. Such a date is the first day of its period.
"""

import re

LONGEST = 24
"""The most signs of a period."""

_LETTER = re.compile(r"[^\W\d_]")
_WEEK = r"(?:KW|CW|WK|WEEK|W)"
_APART = "[-/ ,.'’]"
_ORDINAL = r"(?:\.|(?P<th>st|nd|rd|th|er|º|ª))?"
_QUARTERS = r"(?:quartal|quarter|trimestre|kwartaal|kvartal|квартал|кв\.?)"
_HALVES = r"(?:halbjahr|half|semestre|semester|halvår|полугодие)"
_YEAR = "(?P<Y>9999)"
_FISCAL = r"(?:FY|CY)[- '’]?(?:(?P<Y>9999)|(?P<y>99))"
"""A year of accounts, or of the calendar."""

_WEEKS = (
    rf"(?P<G>9999)[-/ ]?{_WEEK} ?(?P<V>99?)(?:-(?P<u>9))?",
    r"(?P<G>9999)W(?P<V>99)(?P<u>9)",
    rf"{_WEEK}\.? ?(?P<V>99?){_APART} ?(?P<G>9999)",
    r"(?P<V>99?)\.? ?(?:KW|WEEK|WOCHE) (?P<G>9999)",
    r"(?P<G>9999) ?年 ?第?(?P<V>99?) ?[周週]",
)
_PARTS = tuple(
    pattern
    for letters, words, part in (("(?:QTR|Q|T)", _QUARTERS, "(?P<q>9)"), ("(?:HY|H|S)", _HALVES, "(?P<h>9)"))
    for pattern in (
        rf"{_YEAR}{_APART}?{letters} ?{part}",
        rf"{letters} ?{part}{_APART}{{0,2}}{_YEAR}",
        rf"{part}{letters}{_APART}?{_YEAR}",
        rf"{part}{_ORDINAL} ?{words}(?: of| de|,)? {_YEAR}",
        rf"{_YEAR} {part}{_ORDINAL} ?{words}",
        rf"{words} ?{part}(?: of| de|,)? {_YEAR}",
        rf"{_FISCAL}{_APART}{{0,2}}{letters} ?{part}",
        rf"{letters} ?{part}{_APART}{{0,2}}{_FISCAL}",
        rf"{part}{letters}{_APART}?{_FISCAL}",
    )
)
_SHORT = (
    r"(?P<y>99)[-/ '’]?Q(?P<q>9)",
    r"Q(?P<q>9)[-/ '’]{1,2}(?P<y>99)",
    r"(?P<q>9)[QT][-/ '’]?(?P<y>99)",
    r"(?P<h>9)[HS][-/ '’]?(?P<y>99)",
)
"""With a year of two digits; H1-23 and T1-23 may be codes."""
_OTHERS = (
    rf"{_YEAR}-?M(?P<m>99?)",
    rf"{_YEAR} ?年 ?第?(?P<q>9) ?季度?",
    rf"{_YEAR} ?年 ?第?(?P<q>9) ?四半期",
    _FISCAL,
)
_PERIODS = tuple(re.compile(pattern, re.IGNORECASE) for pattern in (*_WEEKS, *_PARTS, *_SHORT, *_OTHERS))


def period_format(shape: str) -> str | None:
    """The format of a period of this shape; None if it is none.

    >>> period_format("9999-W99"), period_format("q9 9999"), period_format("9th quarter 9999"), period_format("9999")
    ('%G-W%V', 'Q%q %Y', '%qth QUARTER %Y', None)
    """
    if "99" not in shape or len(shape) > LONGEST or not _LETTER.search(shape):
        return None
    for pattern in _PERIODS:
        if (found := pattern.fullmatch(shape)) is not None:
            return _fill(found)
    return None


def period_note(form: str) -> str:
    """Which day a date of this format is, if it is the first of a period; else empty.

    >>> period_note("%Y-Q%q"), period_note("%Y-%m-%d")
    ('each is the first day of its quarter', '')
    >>> period_note("FY%y Q%q")
    'each is the first day of its quarter; years begin in January'
    """
    periods = {"%q": "quarter", "%h": "half-year", "%V": "" if "%u" in form else "week"}
    year = "year" if re.search("FY|CY", form) else ""
    named = next((name for field, name in periods.items() if field in form), year)
    begins = "; years begin in January" if "FY" in form else ""
    return f"each is the first day of its {named}{begins}" if named else ""


def _fill(found: re.Match[str]) -> str:
    """The format with the names of its fields; letters between them are capitals, whose case does not count."""
    spans = sorted((found.span(name), name) for name, text in found.groupdict().items() if text is not None)
    form, place = "", 0
    for (start, stop), name in spans:
        form += found.string[place:start].upper() + ("th" if name == "th" else f"%{name}")
        place = stop
    return form + found.string[place:].upper()
