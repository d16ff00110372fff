"""In which formats a text may be a date, judged by its shape: the text with 9 in place of each digit."""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from batchwright.data.typed.date_format import HALF, ZONE
from batchwright.data.typed.date_periods import period_format
from batchwright.data.typed.date_words import MONTHS, WEEKDAYS


class Clock(NamedTuple):
    """How the time of day is written: `before` it, the hour and AM or PM, and the rest, with a zone or without."""

    before: str
    hour: str
    rest: str
    after: str
    zone: bool


class Shape(NamedTuple):
    """The formats that the date of a text may have, `{}` marking the time unless it is at the end; and the time."""

    dates: tuple[str, ...]
    clock: Clock | None


_TIME = (
    r"(?<!9)9{1,2}(?::99(?::99(?:[.,]9{1,9})?)?(?![:9])|h99(?!9)|[时時点點시] ?9{1,2}[分분](?: ?9{1,2}[秒초])?"
    r"|\.99(?= ?uhr\b)|(?= ?(?:uhr|[ap]\.? ?m)\b))"
)
_PARTS = {
    "time": _TIME,
    "half": rf"(?:{HALF})(?![a-z])",
    "weekday": "星期.|周[一二三四五六日]|礼拜.|[月火水木金土日]曜日",
    "sign": "[年月日号號년월일]",
    "digits": "9+",
    "ordinal": r"(?<=9)(?:st|nd|rd|th|er|º|ª)(?!\w)",
    "word": r"[^\W\d_]+",
    "mark": ".",
}


def _one_of(patterns: dict[str, str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in patterns.items()), re.IGNORECASE)


_TIME_ALONE = re.compile(_TIME, re.IGNORECASE)
_TOKENS = _one_of(_PARTS)
_TOKENS_AFTER_TIME = _one_of({"zone": rf" ?{ZONE.replace('[0-9]', '9')}(?!\w)", **_PARTS})
_SIGNS = str.maketrans("년월일号號时時点點시분초", "年月日日日时时时时时分秒")
_JOINING = ("de", "del", "of", "at", "um", "à", "uhr")
"""Words that dates are joined with."""
_MARKS = "-/., ':"
OTHER = "\0"
"""Stands for what no date holds."""
LONGEST = 24
"""The most tokens of a date."""
_CLOCK = re.compile(
    r"(?P<before>[ ,T:]*(?:at|um|à)? ?)(?P<clock>(?:\{half\} ?)?\{time\}(?: ?\{half\})?(?:\{zone\})?)", re.IGNORECASE
)

_ORDERS = {
    "Ynn": ("Ymd",),
    "nnY": ("mdY", "dmY"),
    "nnn": ("mdy", "dmy", "ymd"),
    "nbY": ("dbY",),
    "nbn": ("dby",),
    "bnY": ("bdY",),
    "bnn": ("bdy",),
    "Ybn": ("Ybd",),
    "bY": ("bY",),
    "Yb": ("Yb",),
    "bn": ("by",),
    "Yn": ("Ym",),
    "nY": ("mY",),
    "c": ("Ymd",),
    "": ("",),
}
"""What the fields of a date may be: of its numbers in their order, with four digits (Y), eight (c) or fewer (n)."""


@cache
def parse_shape(shape: str) -> Shape | None:
    """In which formats texts of this shape may be dates; None if in none.

    >>> parse_shape("99/9/9999").dates
    ('%m/%d/%Y', '%d/%m/%Y')
    >>> parse_shape("Mon") is None, parse_shape("99-99") is None
    (True, True)
    >>> parse_shape("9999-99-99T99:99:99Z")
    Shape(dates=('%Y-%m-%d',), clock=Clock(before=' ', hour='%H', rest=':%M:%S', after='', zone=True))
    """
    if (period := period_format(shape)) is not None:
        return Shape((period,), None)
    tokens = _split(shape)
    if len(tokens) > LONGEST:
        return None
    pieces = _without_points([_piece(kind, text) for kind, text in tokens])
    layout, fields = "".join(piece for piece, _ in pieces), "".join(field for _, field in pieces)
    if OTHER in layout or fields not in _ORDERS or not _are_joined(layout, fields):
        return None
    clock, layout = _cut_clock(layout, next((text for kind, text in tokens if kind == "time"), ""))
    if re.search("{[a-z]", layout) or (not fields and (clock is None or layout not in ("", "{} uhr"))):
        return None
    return Shape(tuple(_fill(layout, order) for order in _preferred(fields, layout)), clock)


def _split(shape: str) -> list[tuple[str, str]]:
    """The tokens of a shape with their kinds; there are time zones only after a time."""
    time = _TIME_ALONE.search(shape)
    if time is None:
        return _kinds(_TOKENS.finditer(shape))
    after = _TOKENS_AFTER_TIME.finditer(shape, time.end())
    return [*_kinds(_TOKENS.finditer(shape, 0, time.start())), ("time", time.group()), *_kinds(after)]


def _kinds(found: Iterator[re.Match[str]]) -> list[tuple[str, str]]:
    return [(str(token.lastgroup), token.group()) for token in found]


def _piece(kind: str, text: str) -> tuple[str, str]:
    """What a token is in a format, with ? for a number or a month, and which field it is; `OTHER` if it is none."""
    word = text.lower()
    match kind:
        case "time" | "half" | "zone":
            return f"{{{kind}}}", ""
        case "weekday":
            return "%a", ""
        case "sign":
            return text.translate(_SIGNS), ""
        case "digits":
            field = {1: "n", 2: "n", 4: "Y", 8: "c"}.get(len(text), "")
            return ("?", field) if field else (OTHER, "")
        case "ordinal":
            return "th", ""
        case "word" if word in MONTHS and len(word) > 2:
            return "?", "b"
        case "word" if word in WEEKDAYS:
            return "%a", ""
    return (word if word in _JOINING else text, "") if text in ("T", *_MARKS) or word in _JOINING else (OTHER, "")


def _without_points(pieces: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The tokens without points that end the name of a month, as in janv. 2023: formats need not tell them."""
    ends = [
        place
        for place, (_, field) in enumerate(pieces[:-1], 1)
        if field == "b" and pieces[place][0] == "." and (place + 1 == len(pieces) or pieces[place + 1][0] == " ")
    ]
    return [piece for place, piece in enumerate(pieces) if place not in ends]


def _are_joined(layout: str, fields: str) -> bool:
    """Whether numbers alone have one mark between them, as in 1/2/2013; a name of a month may be set off anyhow."""
    between = layout.split("?")[1:-1]
    if any(sign in layout for sign in "年月日"):
        return fields in ("Ynn", "Yn", "nnn") and [text.strip() for text in between] == ["年", "月"][: len(between)]
    if "b" in fields:
        return all(":" not in text for text in between)
    return not between or (between[0] in ("-", "/", ".", ". ") and len(set(between)) == 1)


def _cut_clock(layout: str, time: str) -> tuple[Clock | None, str]:
    """The time of day, and the format of the date without it if it is at the end, or with {} in its place."""
    found = _CLOCK.search(layout)
    if found is None:
        return None, layout
    half, zone = "{half}" in found["clock"], "{zone}" in found["clock"]
    first = found["clock"].startswith("{half}")
    hour = f"{'%p' if first else ''}{'%I' if half else '%H'}"
    clock = Clock("", hour, _rest_of_time(time), " %p" if half and not first else "", zone)
    head, tail = layout[: found.start()], layout[found.end() :]
    if tail.strip() or not head:
        return clock, f"{head}{found['before']}{{}}{tail}" if head or tail else ""
    before = "" if head.endswith("日") else found["before"].replace("T", " ")
    return clock._replace(before=before), head


def _rest_of_time(time: str) -> str:
    """The format of what follows the hour."""
    if "分" in time or "분" in time:
        return "时%M分%S秒" if time[-1] in "秒초" else "时%M分"
    if "h" in time.lower():
        return "h%M"
    if "." in time and ":" not in time:
        return ".%M"
    seconds = ":%S" if time.count(":") == 2 else ""
    minutes = ":%M" if ":" in time else ""
    return minutes + seconds + ("%.f" if re.search("[.,]", time) else "")


def _preferred(fields: str, layout: str) -> tuple[str, ...]:
    """The orders of fields, first what is taken in doubt: the month first with slashes, otherwise the day."""
    orders = _ORDERS[fields]
    if "年" in layout:
        return ("ymd",) if fields == "nnn" else orders
    return orders if len(orders) == 1 or "/" in layout else (orders[1], orders[0], *orders[2:])


def _fill(layout: str, order: str) -> str:
    """The format with the names of its fields; a single ? stands for eight digits or for all of them."""
    if layout.count("?") == 1:
        return layout.replace("?", "".join(f"%{name}" for name in order))
    names = iter(order)
    return re.sub(r"\?", lambda _: f"%{next(names)}", layout)
