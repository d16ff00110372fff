"""Lengths of time as people write them, such as 1 day 02:03:04, 26:03:04, 1h 30m and PT1H30M: numbers of seconds.

Years and months have no exact length in seconds: 3 yrs 7 mon is a number of months, and with weeks or days of days.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from batchwright.data.typed.advice import missing_setting
from batchwright.data.typed.distinct import take_sample

DURATION = "duration"
"""The format of a numeric column whose text holds lengths of time, in seconds."""
MONTHS, DAYS = "duration in months", "duration in days"
"""The formats of lengths in years and months, and in years or months beside weeks or days."""
LENGTHS = {
    DURATION: "a length of time, as 26:03:04 or 1h 30m",
    MONTHS: "a length of time in years and months, as 3 years 7 months",
    DAYS: "a length of time in years, months, weeks or days, as 2 years or 3 weeks",
}
"""What a cell has to be in a column of each format."""
NAMED_SO = re.compile(
    r"duration|elapsed|runtime|taken|dauer|laufzeit|dur[ée]e|duraci[oó]n|durata|时长|耗时|用时", re.IGNORECASE
)
_YEAR = 365.25
SIZES = {
    DURATION: {"weeks": 604800.0, "days": 86400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0},
    MONTHS: {"years": 12.0, "months": 1.0},
    DAYS: {"years": _YEAR, "months": _YEAR / 12, "weeks": 7.0, "days": 1.0}
    | {"hours": 1 / 24, "minutes": 1 / 1440, "seconds": 1 / 86400},
}
"""What each unit is in that of the format."""
SAID = {DURATION: "seconds", MONTHS: "months (a year is 12)", DAYS: "days (a year is 365.25, a month a twelfth of it)"}

_FRACTION = r"[0-9]+(?:[.,][0-9]+)?"
CLOCK = (
    r"(?i)^(?:(?P<days>[+-]?[0-9]+) ?d(?:ays?)?,? ?)?(?P<sign>[+-])?(?P<first>[0-9]+):(?P<second>[0-5]?[0-9])"
    r"(?::(?P<third>[0-5]?[0-9](?:[.,][0-9]+)?))?$"
)
"""A clock that counts on after 24 hours, after the days if there are any."""
UNITS = {
    "years": r"y(?:rs?\.?|ears?)?|jahre?n?|ann?(?:s|[oi]|ée?s?)?|años?|anos?|jaar|год(?:а|ов)?|г\.?|лет|[年년]",
    "months": r"mo(?:s|ns?|nths?|\.)?|monate?n?|mois|mes(?:es|i|e)?|maand(?:en)?|месяц(?:а|ев)?|мес\.?|[个個か]月|개월",
    "weeks": r"w(?:ks?|eeks?)?|wochen?|semaines?|semanas?|settiman[ae]|we(?:ek|ken)|недел[яиь]|[周週]|주",
    "days": r"d(?:ays?)?|tagen?|tage?|jours?|d[ií]as?|giorn[oi]|dag(?:en)?|день|дн(?:я|ей|\.)?|[天日일]",
    "hours": r"h(?:(?:ou)?rs?)?|std\.?|stunden?|heures?|horas?|or[ae]|uur|час(?:а|ов)?|小时|時間|시간",
    "minutes": r"m|min(?:ute[ns]?|utos?|uti|ut|s|\.)?|мин\.?|分钟?|분",
    "seconds": r"s|sec(?:ond(?:[sei]|es|os)?|s|\.)?|segundos?|sek(?:unden?|\.)?|сек\.?|[秒초]",
}
"""Units in English, German, French, Spanish, Italian, Dutch, Russian, Chinese, Japanese and Korean."""
BETWEEN = r"(?:,| and| und| et| y| e| en)? ?"


def words_pattern(form: str) -> str:
    """The regular expression of lengths in words; m is a month beside years, and a minute beside hours."""
    units = UNITS if form == DURATION else {**UNITS, "months": rf"m|{UNITS['months']}", "minutes": UNITS["minutes"][2:]}
    parts = (rf"(?:(?P<{name}>{_FRACTION}) ?(?:{units[name]}))?" for name in SIZES[form])
    return rf"(?i)^{BETWEEN.join(parts)}$"


def iso_pattern(form: str) -> str:
    """The regular expression of lengths in the form of ISO 8601."""
    date, time = (
        "".join(f"(?:(?P<{name}>{_FRACTION}){name[0].upper()})?" for name in SIZES[form] if name in names)
        for names in (("years", "months", "weeks", "days"), ("hours", "minutes", "seconds"))
    )
    return rf"^P{date}(?:T{time})?$"


LONG_CLOCK = r"(?i)d|^[+-]|^(?:2[5-9]|[3-9][0-9]):|^[0-9]{3,}:[0-9]{2}|^24:[0:]*[1-9]"
"""What only a clock that measures has: days, a sign, or more than 24 of what it counts first; 24:00 ends a day."""
TWO_UNITS = r"^P|[0-9][^0-9]*\p{L}[^0-9]*[0-9]"
LONG_UNIT = r"(?i)\p{L}{2}|h"
"""A unit that hardly means anything but a time, unlike m, s and d."""
CALENDAR = rf"(?i)^P|[0-9] ?(?:{UNITS['years']}|{UNITS['months']})(?:$|[^\p{{L}}])"
SHOWN = 3
"""The most texts that a note shows."""
FIRST = r"(?s)^(?:[+-]?[0-9].*[:\p{L}]|P[0-9T])"
"""How every length of time begins, and what it holds."""


class Durations(NamedTuple):
    """How many cells are durations, one of the longest of them, whether they are minutes and seconds, the format."""

    fits: int
    example: str
    minutes: bool
    format: str = DURATION

    @property
    def note(self) -> str:
        """How the durations are read, in words."""
        minutes = " (minutes and seconds)" if self.minutes else ""
        return f"durations as in {self.example!r}{minutes}, in {SAID[self.format]}"


def read_durations(cells: pl.Series, form: str = DURATION) -> pl.Series:
    """The cells as numbers of seconds, months or days, null where a cell is no duration in this format.

    4:05 is four minutes and five seconds.

    >>> read_durations(pl.Series(["1 day, 2:03:04", "26:03:04", "4:05", "1h 30m", "PT0.5S"])).to_list()
    [93784.0, 93784.0, 245.0, 5400.0, 0.5]
    >>> read_durations(pl.Series(["3 yrs 7 mon", "P1Y", "5 days"]), MONTHS).to_list()
    [43.0, 12.0, None]
    """
    distinct = cells.unique() if 4 * cells.n_unique() < len(cells) else cells
    found = pl.repeat(None, len(distinct), dtype=pl.Float64, eager=True)
    if form == DURATION:
        found = _parts(distinct, CLOCK).select(_clock_seconds()).to_series()
    for pattern in (words_pattern(form), iso_pattern(form)):
        parts = _parts(distinct, pattern)
        found = found.zip_with(found.is_not_null(), parts.select(_sum(parts.columns, SIZES[form])).to_series())
    lengths = found.rename(cells.name)
    return lengths if distinct is cells else cells.replace_strict(distinct, lengths, return_dtype=pl.Float64)


def find_durations(cells: pl.Series, *, told: bool = False) -> Durations | None:
    """The durations in a text column without missing cells; None if hardly a cell is one, or these are times of day.

    A clock measures if the name of the column says so, or if a cell has days or more than 24 hours. Units do if some
    cell has two of them, as in 1h 30m, or if cells have different ones. Both do where it is `told` that the column has
    numbers.
    """
    sample, _ = take_sample(cells)
    if not len(cells) or 2 * sample.str.contains(FIRST).sum() < len(sample):
        return None
    found = [one for form in SIZES if (one := _find(cells, sample, form, told=told)) is not None]
    return max(found, key=lambda one: one.fits, default=None)


def why_no_lengths(found: Durations | None, cells: pl.Series) -> str:
    """Why text stays text although most cells are lengths of time; empty if they are not."""
    if found is None or 2 * found.fits < len(cells):
        return ""
    others = cells.filter(read_durations(cells, found.format).is_null()).unique().sort().head(SHOWN).to_list()
    remedy = f"if they mean missing, {missing_setting(cells.name, others)} makes numbers of the rest"
    return (
        f"text, although {found.fits / len(cells):.0%} of the cells are lengths of time as in {found.example!r}; "
        f"others are as {others[0]!r}: {remedy}"
    )


def _find(cells: pl.Series, sample: pl.Series, form: str, *, told: bool) -> Durations | None:
    """The durations of one format; None if half of the sample are none, or these may be something else."""
    if form != DURATION and not sample.str.contains(CALENDAR).any():
        return None
    if 2 * read_durations(sample, form).null_count() > len(sample):
        return None
    fitting = cells.filter(read_durations(cells, form).is_not_null())
    clocks = fitting.filter(fitting.str.contains(":", literal=True))
    measures = told or NAMED_SO.search(cells.name)
    if len(clocks) and not measures and not clocks.str.contains(LONG_CLOCK).any():
        return None
    if not len(clocks) and not told and not _have_units(fitting, form):
        return None
    minutes = len(clocks) > 0 and bool((clocks.str.count_matches(":", literal=True) == 1).all())
    long = fitting.filter(fitting.str.contains(LONG_CLOCK)) if len(clocks) else fitting
    shown = long if len(long) else fitting
    lengths = shown.str.len_chars()
    return Durations(len(fitting), str(shown.filter(lengths == lengths.max()).min()), minutes, form)


def _have_units(fitting: pl.Series, form: str) -> bool:
    """Whether some cell has two units of time, or cells have different ones that mean hardly anything else."""
    if fitting.str.contains("^P" if form != DURATION else TWO_UNITS).any():
        return True
    parts = _parts(fitting, words_pattern(form))
    several = sum(parts[name].is_not_null().any() for name in parts.columns) > 1
    if form == DURATION:
        return several and bool(fitting.str.contains(LONG_UNIT).any())
    return several and bool(fitting.str.contains(CALENDAR).any())


def seconds_of(lengths: pl.Series) -> pl.Series:
    """The seconds of a column of the type duration."""
    return lengths.dt.total_microseconds().cast(pl.Float64) / 1e6


def _parts(cells: pl.Series, pattern: str) -> pl.DataFrame:
    """The parts of each cell as numbers, and its sign."""
    text = pl.col("cell").str.replace_all(r"\s+", " ")
    parts = pl.when(text.str.contains(pattern)).then(text).str.extract_groups(pattern).alias("parts")  # far faster
    frame = cells.alias("cell").to_frame().select(parts).unnest("parts")
    number = pl.exclude("sign").str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
    return frame.with_columns(number)


def _clock_seconds() -> pl.Expr:
    """Hours, minutes and seconds if there are three numbers, or days before them; of two, minutes and seconds."""
    first, second, third, days = (pl.col(name) for name in ("first", "second", "third", "days"))
    long = third.is_not_null() | days.is_not_null()
    clock = pl.when(long).then(3600 * first + 60 * second + third.fill_null(0)).otherwise(60 * first + second)
    signed = pl.when(pl.col("sign") == "-").then(-clock).otherwise(clock)
    return days.fill_null(0) * SIZES[DURATION]["days"] + signed


def _sum(units: list[str], sizes: Mapping[str, float]) -> pl.Expr:
    """The length of some units, null where a cell has none of them."""
    total = pl.sum_horizontal(pl.col(unit).fill_null(0) * sizes[unit] for unit in units)
    return pl.when(pl.any_horizontal(pl.col(unit).is_not_null() for unit in units)).then(total)
