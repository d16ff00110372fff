"""Read the dates of a text column that are written in one format.

A format is text as for `datetime.strptime`, with few differences. What is in square brackets may be missing. `Z` or an
offset such as `+02:00` stands for any time zone, and times are converted to that zone. `%b` and `%a` are the name of a
month and of a weekday, short or long, in any of several languages. `%.f` is a fraction of a second, which may be
missing. A blank stands for any number of them, of any kind, and between date and time for a `T` as well. `%G`, `%V` and
`%u` are the year, week and weekday of ISO 8601, `%q` is a quarter, and `%h` a half-year; a date is the first day of its
period. 24:00 is 0:00 of the next day.

Three formats are those of whole numbers: seconds, milliseconds and microseconds since 1970.
"""

import re
from collections.abc import Iterator

import polars as pl

from batchwright.data.typed.date_words import AFTERNOON, MONTHS, MORNING, ZONES, offset_of
from batchwright.data.typed.plain_dates import plain_form, read_plain, zones_of_plain

PIECE = 1 << 18
"""Cells that are taken apart at once."""

EPOCHS = {"seconds since 1970": 1_000_000, "milliseconds since 1970": 1_000, "microseconds since 1970": 1}
"""Microseconds of the units in which time is counted since the beginning of 1970."""

FIRST_YEAR_OF_1900 = 69
"""Two-digit years from here on are of the 20th century, as in POSIX and Python."""

ZONE = rf"(?:(?:UTC|GMT|UT)?[+-][0-9]{{1,2}}:?(?:[0-9]{{2}})?|{'|'.join(ZONES)})(?:\s?\([^)]*\)|\[[^\]]*\])?"
HALF = rf"[ap]\.?\s?m\.?|{'|'.join((*MORNING, *AFTERNOON))}"

_ONE_OR_TWO = {letter: rf"(?P<{letter}>[0-9]{{1,2}})" for letter in "mdHMS"}
FIELDS = {
    "%Y": r"(?P<Y>[0-9]{4})",
    "%y": r"(?P<y>[0-9]{2})",
    **{f"%{letter}": pattern for letter, pattern in _ONE_OR_TWO.items()},
    "%I": _ONE_OR_TWO["H"],
    "%G": r"(?P<G>[0-9]{4})",
    "%V": r"(?P<V>[0-9]{1,2})",
    "%u": r"(?P<u>[1-7])",
    "%q": r"(?P<q>[1-4])",
    "%h": r"(?P<h>[12])",
    "%b": r"(?P<b>\p{L}{3,})\.?",
    "%a": r"(?:\p{Han}+|\p{L}{2,}\.?)",
    "%.f": r"(?P<f>[.,][0-9]{1,9})?",
    "%p": rf"\s*(?P<p>{HALF})",
    "th": r"(?:st|nd|rd|th|er|º|ª)",
    "时": "[时時点點시] ?",
    "分": "[分분] ?",
    "秒": "[秒초]",
    "年": r"[年년]\s?",
    "月": r"[月월]\s?",
    "日": r"[日号號일]\s?",
    "T": r"(?:\s+|T)",
    " ": r"\s+",
    "[": "(?:",
    "]": ")?",
}
MONTHS_OF_YEARS = "%Y%m"
COMPACT = (MONTHS_OF_YEARS, "%Y%m%d", "%Y%m%d%H%M", "%Y%m%d%H%M%S")
"""Formats without marks."""
OF_NUMBERS = (*EPOCHS, *COMPACT)
"""Formats of dates that are whole numbers."""

SIMPLE = re.compile(r"(?:%Y([-/.])%m\1%d|%d([-/.])%m\2%Y|%m([-/.])%d\3%Y)(?:[ T]%H:%M(?::%S)?)?")
"""Formats that polars reads by itself."""

END_OF_DAY, HOUR_24 = "[ T]24:", "24[^0-9]"

_TOKEN = re.compile(r"%\.f|%[A-Za-z]|Z|[+-][0-9]{2}:[0-9]{2}|th|.", re.DOTALL)
_IS_ZONE = re.compile(r"Z|[+-][0-9]{2}:[0-9]{2}")


def read_dates(cells: pl.Series, form: str) -> pl.Series:
    """The cells as datetimes, null where a cell is no date in this format.

    >>> read_dates(pl.Series(["7-Jan-18", "30-Feb-18", "soon"]), "%d-%b-%y").to_list()
    [datetime.datetime(2018, 1, 7, 0, 0), None, None]
    """
    if form in EPOCHS:
        return _read_epoch(cells, EPOCHS[form])
    if form in COMPACT:
        cells = cells.cast(pl.Float64, strict=False)
    if cells.dtype.is_numeric():
        whole = cells.cast(pl.Int64, strict=False)
        cells = whole.set(whole != cells, None).cast(pl.String)
    distinct = cells.unique() if 4 * cells.n_unique() < len(cells) else cells
    pieces = [_read_piece(piece, form) for piece in _pieces(distinct)]
    dates = pl.concat(pieces).rename(cells.name)
    return dates if distinct is cells else cells.replace_strict(distinct, dates, return_dtype=pl.Datetime("us"))


def zones_in(cells: pl.Series, form: str) -> list[int]:
    """The different time zones of cells in this format, in minutes east of Greenwich."""
    plain = plain_form(form, cells)
    found, others = ([], cells) if plain is None or plain.width is None else zones_of_plain(cells, plain)
    pieces = _pieces(others) if len(others) else ()
    found += [zone for piece in pieces for zone in _take_apart(piece, form)["z"].drop_nulls().unique()]
    return sorted({offset for zone in found if (offset := offset_of(zone)) is not None})


def _read_epoch(cells: pl.Series, microseconds: int) -> pl.Series:
    numbers = cells.cast(pl.Float64, strict=False)
    largest = 2**62 / microseconds
    times = (numbers.set(numbers.abs() > largest, None) * microseconds).round()
    return times.cast(pl.Int64, strict=False).cast(pl.Datetime("us"))


def _pieces(cells: pl.Series) -> Iterator[pl.Series]:
    for start in range(0, max(1, len(cells)), PIECE):
        yield cells.slice(start, PIECE)


def _read_piece(cells: pl.Series, form: str) -> pl.Series:
    if SIMPLE.fullmatch(form) and not ("%H" in form and cells.str.contains(END_OF_DAY).any()):
        return _read_simply(cells, form)
    plain = plain_form(form, cells)
    if plain is None:
        return _read_apart(cells, form)
    dates = read_plain(cells, plain, 0 if plain.width is None else zone_of(form))
    others = dates.is_null().arg_true()
    return dates.scatter(others, _read_apart(cells.gather(others), form)) if len(others) else dates


def _read_apart(cells: pl.Series, form: str) -> pl.Series:
    """The dates of a format, each taken apart."""
    parts = _take_apart(cells, form)
    fields = parts.columns
    if "V" in fields:
        return parts.select(_first_of_week(fields).alias(cells.name)).to_series()
    ends = _ends_day(fields) if "H" in fields and (parts["H"] == "24").any() else None
    day = (_year(fields), pl.lit("-"), _month(fields), pl.lit("-"), _part("d", fields, "1"), pl.lit("T"))
    hour = _hour(fields) if ends is None else pl.when(ends).then(pl.lit("0")).otherwise(_hour(fields))
    text = pl.concat_str(*day, hour, pl.lit(":"), _part("M", fields), pl.lit(":"), _part("S", fields))
    dates = text.str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False, time_unit="us")
    dates = dates if ends is None else dates + pl.duration(days=ends.cast(pl.Int8))
    if "f" in fields:
        microseconds = pl.col("f").str.slice(1, 6).str.pad_end(6, "0").cast(pl.Int64).fill_null(0)
        dates = dates + pl.duration(microseconds=microseconds)
    if "z" in fields:
        dates = dates - pl.duration(minutes=_offset(parts["z"], zone_of(form)))
    return parts.select(pl.when(_fits(fields)).then(dates).alias(cells.name)).to_series()


def _read_simply(cells: pl.Series, form: str) -> pl.Series:
    """The dates of a format without names, zones or parts that may be missing, which polars reads faster."""
    text = pl.col("cell").str.replace("T", " ", literal=True)
    dates = text.str.to_datetime(form.replace("T", " "), strict=False, time_unit="us")
    fits = pl.col("cell").str.contains(pattern_of(form))
    return cells.alias("cell").to_frame().select(pl.when(fits).then(dates).alias(cells.name)).to_series()


def count_ends_of_day(cells: pl.Series, form: str) -> int:
    """How many cells in this format have the time 24:00, which is 0:00 of the next day.

    >>> count_ends_of_day(pl.Series(["23:00", "24:00"]), "%H:%M")
    1
    """
    if "%H" not in form:
        return 0
    parts = _take_apart(cells.filter(cells.str.contains(HOUR_24)), form)
    return int(parts.select(_ends_day(parts.columns).fill_null(value=False).sum()).item())


def _ends_day(fields: list[str]) -> pl.Expr:
    """Whether the time of day is 24:00."""
    if "H" not in fields or "p" in fields:
        return pl.lit(value=False)
    rest = [_part(field, fields).cast(pl.Int32, strict=False) == 0 for field in "MS"]
    return pl.all_horizontal(pl.col("H") == "24", *rest).fill_null(value=False)


def _first_of_week(fields: list[str]) -> pl.Expr:
    """The day of a week, its Monday unless the weekday is told; null where a year has no such week."""
    year, week = (pl.col(field).cast(pl.Int32, strict=False) for field in "GV")
    fourth = (pl.col("G") + "-01-04").str.to_datetime("%Y-%m-%d", strict=False, time_unit="us")
    days = 7 * (week - 1) + _part("u", fields, "1").cast(pl.Int32) - 1
    day = fourth - pl.duration(days=fourth.dt.weekday().cast(pl.Int32) - 1) + pl.duration(days=days)
    return pl.when((day.dt.iso_year() == year) & (week >= 1)).then(day)


def _fits(fields: list[str]) -> pl.Expr:
    """Whether a cell has a field that no date of this format lacks."""
    known = next(field for field in ("Y", "y", "G", "H") if field in fields)
    return pl.col(known).is_not_null()


def _part(field: str, fields: list[str], default: str = "0") -> pl.Expr:
    return pl.col(field).fill_null(default) if field in fields else pl.lit(default)


def _year(fields: list[str]) -> pl.Expr:
    if "y" not in fields:
        return _part("Y", fields, "1970")
    recent = pl.col("y").cast(pl.Int32, strict=False) < FIRST_YEAR_OF_1900
    return pl.when(recent).then(pl.lit("20")).otherwise(pl.lit("19")) + pl.col("y")


def _month(fields: list[str]) -> pl.Expr:
    for field, months in (("q", 3), ("h", 6)):
        if field in fields:
            return (pl.col(field).cast(pl.Int32) * months - (months - 1)).cast(pl.String)
    if "b" not in fields:
        return _part("m", fields, "1")
    numbers = {name: str(number) for name, number in MONTHS.items()}
    return pl.col("b").str.to_lowercase().replace_strict(numbers, default=None, return_dtype=pl.String)


def _hour(fields: list[str]) -> pl.Expr:
    """The hour from 0 to 23; 12 AM is 0, 12 PM is 12, and 13 AM is none."""
    if "p" not in fields:
        return _part("H", fields)
    half = pl.col("p").str.to_lowercase().str.replace_all(r"[. ]", "")
    hour, afternoon = pl.col("H").cast(pl.Int32, strict=False), half.is_in(AFTERNOON)
    late = pl.when(hour < 12).then(hour + 12).otherwise(hour)
    early = pl.when(hour < 12).then(hour).when(hour == 12).then(pl.lit(0))
    found = pl.when(half.is_null()).then(hour).when(afternoon).then(late).otherwise(early)
    return pl.when(pl.col("H").is_null()).then(pl.lit("0")).otherwise(found.cast(pl.String))


def _offset(zones: pl.Series, target: int) -> pl.Expr:
    """Minutes by which each cell's zone is east of the format's; 0 where it is missing, null if it is none."""
    minutes = {zone: offset_of(zone) for zone in zones.drop_nulls().unique()}
    known = {zone: None if offset is None else offset - target for zone, offset in minutes.items()}
    found = pl.col("z").replace_strict(known, default=None, return_dtype=pl.Int64)
    return pl.when(pl.col("z").is_null()).then(pl.lit(0)).otherwise(found)


def zone_of(form: str) -> int:
    """The zone to which times of the format are converted, in minutes east of Greenwich."""
    return offset_of(_IS_ZONE.findall(form)[-1]) or 0


def _take_apart(cells: pl.Series, form: str) -> pl.DataFrame:
    """The fields of each cell; all are null where a cell is not written in the format."""
    parts = pl.col("cell").str.extract_groups(pattern_of(form)).alias("parts")
    return cells.alias("cell").to_frame().select(parts).unnest("parts")


def pattern_of(form: str) -> str:
    """The regular expression of a date in this format."""
    if form in COMPACT:
        return f"^{_exact(form)}$"
    tokens = _TOKEN.findall(form)
    patterns = []
    for place, token in enumerate(tokens):
        after = tokens[place + 1] if place + 1 < len(tokens) else ""
        if _IS_ZONE.fullmatch(token):
            patterns.append(rf"\s?(?P<z>{ZONE})")
        elif token == " " and after == "%p":
            continue  # its own pattern begins with blanks
        elif token == "%V" and after == "%u":
            patterns.append(FIELDS["%V"].replace("{1,2}", "{2}"))
        elif token == " " and after in ("%H", "%I"):
            patterns.append(FIELDS["T"])
        else:
            patterns.append(FIELDS.get(token) or pl.escape_regex(token))
    return f"(?i)^{''.join(patterns)}$"


def _exact(form: str) -> str:
    """The regular expression of a format without marks, in which each field has all its digits."""
    return "".join(FIELDS[f"%{letter}"].replace("{1,2}", "{2}") for letter in form[1::2])
