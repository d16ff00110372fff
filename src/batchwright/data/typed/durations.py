"""Lengths of time as people write them, such as 1 day 02:03:04, 26:03:04, 1h 30m and PT1H30M: numbers of seconds."""

import re
from typing import NamedTuple

import polars as pl

from batchwright.data.typed.distinct import take_sample

DURATION = "duration"
"""The format of a numeric column whose text holds lengths of time."""
NAMED_SO = re.compile(
    r"duration|elapsed|runtime|taken|dauer|laufzeit|dur[ée]e|duraci[oó]n|durata|时长|耗时|用时", re.IGNORECASE
)
SECONDS = {"days": 86400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0}

_FRACTION = r"[0-9]+(?:[.,][0-9]+)?"
CLOCK = (
    r"(?i)^(?:(?P<days>[+-]?[0-9]+) ?d(?:ays?)?,? ?)?(?P<sign>[+-])?(?P<first>[0-9]+):(?P<second>[0-5]?[0-9])"
    r"(?::(?P<third>[0-5]?[0-9](?:[.,][0-9]+)?))?$"
)
"""A clock that counts on after 24 hours, after the days if there are any."""
WORDS = (
    rf"(?i)^(?:(?P<days>{_FRACTION}) ?d(?:ays?)?)?,? ?(?:(?P<hours>{_FRACTION}) ?h(?:(?:ou)?rs?)?)?,? ?"
    rf"(?:(?P<minutes>{_FRACTION}) ?m(?:in(?:ute)?s?)?)?,? ?(?:(?P<seconds>{_FRACTION}) ?s(?:ec(?:ond)?s?)?)?$"
)
ISO = (
    rf"^P(?:(?P<days>{_FRACTION})D)?(?:T(?:(?P<hours>{_FRACTION})H)?(?:(?P<minutes>{_FRACTION})M)?"
    rf"(?:(?P<seconds>{_FRACTION})S)?)?$"
)
LONG_CLOCK = r"(?i)d|^[+-]|^(?:2[4-9]|[3-9][0-9]|[0-9]{3,}):"
"""What only a clock that measures has: days, a sign, or more than 23 of what it counts first."""


class Durations(NamedTuple):
    """How many cells are durations, one of the longest of them, and whether they are minutes and seconds."""

    fits: int
    example: str
    minutes: bool

    @property
    def note(self) -> str:
        """How the durations are read, in words."""
        return f"durations as in {self.example!r}{' (minutes and seconds)' if self.minutes else ''}, in seconds"


def read_durations(cells: pl.Series) -> pl.Series:
    """The cells as numbers of seconds, null where a cell is no duration; 4:05 is four minutes and five seconds.

    >>> read_durations(pl.Series(["1 day, 2:03:04", "26:03:04", "4:05", "1h 30m", "PT0.5S"])).to_list()
    [93784.0, 93784.0, 245.0, 5400.0, 0.5]
    """
    distinct = cells.unique() if 4 * cells.n_unique() < len(cells) else cells
    clock, words, iso = (_parts(distinct, pattern) for pattern in (CLOCK, WORDS, ISO))
    found = clock.select(_clock_seconds()).to_series()
    for parts in (words, iso):
        found = found.zip_with(found.is_not_null(), parts.select(_sum(parts.columns)).to_series())
    seconds = found.rename(cells.name)
    return seconds if distinct is cells else cells.replace_strict(distinct, seconds, return_dtype=pl.Float64)


def find_durations(cells: pl.Series, *, told: bool = False) -> Durations | None:
    """The durations in a text column without missing cells; None if hardly a cell is one, or these are times of day.

    A clock measures if the name of the column says so, or if a cell has days or more than 23 hours. Units do if some
    cell has two of them, as in 1h 30m. Both do where it is `told` that the column has numbers.
    """
    sample, _ = take_sample(cells)
    if not len(cells) or 2 * read_durations(sample).null_count() > len(sample):
        return None
    fitting = cells.filter(read_durations(cells).is_not_null())
    clocks = fitting.filter(fitting.str.contains(":", literal=True))
    measures = told or NAMED_SO.search(cells.name)
    if len(clocks) and not measures and not clocks.str.contains(LONG_CLOCK).any():
        return None
    if not len(clocks) and not told and not fitting.str.contains(r"^P|[0-9][^0-9]*[A-Za-z][^0-9]*[0-9]").any():
        return None
    minutes = len(clocks) > 0 and bool((clocks.str.count_matches(":", literal=True) == 1).all())
    long = fitting.filter(fitting.str.contains(LONG_CLOCK)) if len(clocks) else fitting
    shown = long if len(long) else fitting
    lengths = shown.str.len_chars()
    return Durations(len(fitting), str(shown.filter(lengths == lengths.max()).min()), minutes)


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
    return days.fill_null(0) * SECONDS["days"] + signed


def _sum(units: list[str]) -> pl.Expr:
    """The seconds of some units, null where a cell has none of them."""
    total = pl.sum_horizontal(pl.col(unit).fill_null(0) * SECONDS[unit] for unit in units)
    return pl.when(pl.any_horizontal(pl.col(unit).is_not_null() for unit in units)).then(total)
