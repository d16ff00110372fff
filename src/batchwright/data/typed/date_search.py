"""Find the one format in which the dates of a text column are written, from all its cells."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import polars as pl

from batchwright.data.typed.advice import kind_setting
from batchwright.data.typed.date_format import count_ends_of_day, read_dates, zones_in
from batchwright.data.typed.date_periods import period_note
from batchwright.data.typed.date_shapes import Clock, parse_shape
from batchwright.data.typed.date_words import write_offset
from batchwright.data.typed.distinct import take_sample

CLEAR = 0.1
"""The share of the cells looked at first by which a format is clearly better than another."""
FEW = 4
"""How many cells there are for each different text, at least, if these are looked at in place of all cells."""
SHAPES = 4000
"""The most shapes of cells that are looked at, the most frequent first."""
PLAIN = re.compile(r"%Y-%m-%d( %H:%M(:%S(%\.f)?)?Z?)?")
"""Formats that nobody has to be told about."""
SEASONS = ("%Y-%m", "%Y/%m")
"""Formats of months in which seasons and school years are written too."""


@dataclasses.dataclass(frozen=True)
class Written:
    """In which format most of a column's cells are dates.

    Attributes:
        format: the format, as `date_format` describes it.
        fits: the cells that are dates in this format.
        alike: the cells that look like dates in any format.
        formats: how many formats there are among cells that look like dates.
        example: a cell that fits.
        other: a cell that looks like a date in another format; None if there is none.
        doubt: another format in which as many cells are dates; empty if there is none.
        zones: how many time zones there are, beside a missing one.
        ends: the cells whose time of day is 24:00.
    """

    format: str
    fits: int
    alike: int
    formats: int
    example: str
    other: str | None
    doubt: str
    zones: int
    ends: int

    @property
    def note(self) -> str:
        """How the dates are read, in words; empty for plain ones as 2018-01-31 12:00."""
        if PLAIN.fullmatch(self.format) and not self.doubt and self.zones < 2 and not self.ends:
            return ""
        what = "dates" if re.search("%[YyG]", self.format) else "times"
        return "; ".join(filter(None, (f"{what} as in {self.example!r} ({self.format})", *self._particulars())))

    def _particulars(self) -> Sequence[str]:
        found = re.search(r"Z|[+-]\d\d:\d\d", self.format)
        zone = found[0] if found else ""
        kept = f"in zone {zone}, as written" if zone not in ("", "Z") else ""
        return (
            period_note(self.format),
            f"24:00 in {self.ends:,} cell{'s' if self.ends > 1 else ''} is 0:00 of the next day" if self.ends else "",
            "two-digit years are from 1969 to 2068" if "%y" in self.format else "",
            "what is in brackets may be missing" if "[" in self.format else "",
            "times are converted to UTC" if self.zones > 1 else kept,
            f"without a zone, times are in {zone}" if zone and f"[{zone}]" in self.format else "",
            f"{self.doubt} fits as well{_remedy(self.format, self.doubt)}" if self.doubt else "",
        )


class _Group(NamedTuple):
    """Cells whose dates have the same format but for the time of day."""

    date: str
    rows: int
    clocks: Mapping[Clock | None, int]
    shapes: tuple[str, ...]


def find_written(
    cells: pl.Series, *, day_first: bool | None = None, distinct: pl.Series | None = None
) -> Written | None:
    """The format in which most cells are dates or times of day, by all cells; None if hardly any look so.

    >>> find_written(pl.Series(["7-Jan-18", "12-Feb-18"])).format
    '%d-%b-%y'

    Args:
        cells: text without missing cells.
        day_first: whether the day comes before the month in dates of numbers; None: as the cells say.
        distinct: the different texts among the cells, if they are known.
    """
    few = distinct if distinct is not None and FEW * len(distinct) < len(cells) else None
    sample, step = take_sample(cells)
    shapes = _count_shapes(sample, step)
    groups = _group(shapes, day_first=day_first)
    if not groups or 2 * _rows_like_dates(shapes) < sum(shapes.values()):
        return None
    largest = max(groups, key=lambda group: group.rows)
    alike = [group for group in groups if group.shapes == largest.shapes]
    shares = [_share_of_dates(sample, _format(group)) for group in alike]
    likely = [group for group, share in zip(alike, shares, strict=True) if share > 0 and share > max(shares) - CLEAR]
    return _best([one for group in likely if (one := _try(group, cells, shapes, few)) is not None])


def why_no_dates(written: Written | None, name: str, cells: int) -> str:
    """Why text stays text although most cells look like dates; empty if they do not."""
    if written is None or 2 * written.alike < cells or 4 * written.fits < written.alike:
        return ""
    remedy = f"{kind_setting(name, 'date')} lists the cells that do not fit"
    if written.other is None:
        return f"text, although {written.fits / cells:.0%} of the cells are dates as in {written.example!r}; {remedy}"
    ways = f"dates in {written.formats} formats" if written.formats > 1 else "dates that contradict each other"
    return f"looks like {ways}, such as {written.example!r} and {written.other!r}: stays text; {remedy}"


def _count_shapes(cells: pl.Series, step: int = 1) -> dict[str, int]:
    """The shapes of cells, the most frequent first, with their rows; each cell stands for `step` rows."""
    text = cells.alias("shape").str.replace_all("[0-9]", "9")
    counts = text.value_counts(name="rows").sort(["rows", "shape"], descending=[True, False]).head(SHAPES)
    found: dict[str, int] = {}
    for cell, rows in counts.iter_rows():
        shape = re.sub(r"\s+", " ", cell)
        found[shape] = found.get(shape, 0) + rows * step
    return found


def _rows_like_dates(shapes: Mapping[str, int]) -> int:
    return sum(rows for shape, rows in shapes.items() if parse_shape(shape) is not None)


def _group(shapes: Mapping[str, int], *, day_first: bool | None) -> list[_Group]:
    """The groups that the shapes fall into; a shape whose fields may have several orders is in several groups."""
    found: dict[str, list[tuple[Clock | None, int, str]]] = {}
    for shape, rows in shapes.items():
        parsed = parse_shape(shape)
        for date in _allowed(parsed.dates, day_first=day_first) if parsed else ():
            found.setdefault(date, []).append((parsed.clock if parsed else None, rows, shape))
    groups = []
    for date, members in found.items():
        clocks: dict[Clock | None, int] = {}
        for clock, rows, _ in members:
            clocks[clock] = clocks.get(clock, 0) + rows
        groups.append(_Group(date, sum(clocks.values()), clocks, tuple(shape for *_, shape in members)))
    return groups


def _allowed(dates: tuple[str, ...], *, day_first: bool | None) -> tuple[str, ...]:
    """The formats that hold what is said about the day, where dates have several."""
    if day_first is None or len(dates) == 1:
        return dates
    return tuple(date for date in dates if (date.find("%d") < date.find("%m")) == day_first)


def _try(group: _Group, cells: pl.Series, shapes: Mapping[str, int], distinct: pl.Series | None) -> Written | None:
    """How well the format of a group fits all cells; None if it fits none, or these are seasons."""
    form = _format(group)
    if distinct is not None and not read_dates(distinct, form).null_count():
        found = _describe(form, distinct, cells.clear(), shapes)
        return found and dataclasses.replace(
            found, fits=len(cells), alike=len(cells), ends=count_ends_of_day(cells, form)
        )
    form, fits, shapes = _fit_all(group, cells, shapes)
    return _describe(form, cells.filter(fits), cells.filter(~fits), shapes)


def _describe(form: str, fitting: pl.Series, unfit: pl.Series, shapes: Mapping[str, int]) -> Written | None:
    """A format by the cells that fit it and those that do not; None if none fits, or these are seasons."""
    if fitting.is_empty() or (form in SEASONS and _are_seasons(fitting)):
        return None
    zones = zones_in(fitting, form) if "Z" in form else []
    return Written(
        format=form.replace("Z", write_offset(zones[0])) if len(zones) == 1 else form,
        fits=len(fitting),
        alike=len(fitting) + _rows_like_dates(_count_shapes(unfit)),
        formats=len({parsed.dates for shape in shapes if (parsed := parse_shape(shape)) is not None}),
        example=_longest(fitting),
        other=_first_like_a_date(unfit),
        doubt="",
        zones=len(zones),
        ends=count_ends_of_day(fitting, form),
    )


def _fit_all(group: _Group, cells: pl.Series, shapes: Mapping[str, int]) -> tuple[str, pl.Series, dict[str, int]]:
    """A group's format, the cells that fit it, and their shapes; other cells may have the time of day otherwise."""
    form = _format(group)
    fits = read_dates(cells, form).is_not_null()
    more = _count_shapes(cells.filter(~fits))
    shapes = {shape: shapes.get(shape, 0) + more.get(shape, 0) for shape in (*shapes, *more)}
    again = _format(next(one for one in _group(shapes, day_first=None) if one.date == group.date))
    return (form, fits, shapes) if again == form else (again, read_dates(cells, again).is_not_null(), shapes)


def _are_seasons(cells: pl.Series) -> bool:
    """Whether what looks like a month is always the next year, as in 2011-12 and 2003/04."""
    year, month = (cells.str.slice(start, 2).cast(pl.Int32, strict=False) for start in (2, 5))
    return bool(cells.n_unique() > 1 and (year + 1 == month).all())


def _first_like_a_date(cells: pl.Series) -> str | None:
    """The first cell that looks like a date, among some; None if there is none."""
    for cell in cells.head(SHAPES):
        if parse_shape(re.sub("[0-9]", "9", re.sub(r"\s+", " ", cell))) is not None:
            return str(cell)
    return None


def _share_of_dates(cells: pl.Series, form: str) -> float:
    dates = read_dates(cells, form)
    return 1 - dates.null_count() / len(dates)


def _best(tried: list[Written]) -> Written | None:
    """The format that fits most cells, the first of several, and whether another fits as many."""
    if not tried:
        return None
    best = max(tried, key=lambda one: one.fits)
    equal = [one.format for one in tried if one.fits == best.fits and one is not best]
    return dataclasses.replace(best, doubt=equal[0]) if equal else best


def _format(group: _Group) -> str:
    """The format of a group: with the time of day as most cells have it, in brackets where it may be missing."""
    styles: dict[tuple[str, str, str, str], int] = {}
    for clock, rows in group.clocks.items():
        if clock is not None:
            styles[_style(clock)] = styles.get(_style(clock), 0) + rows
    if not styles:
        return group.date
    chosen = max(styles, key=styles.__getitem__)
    clocks = [clock for clock in group.clocks if clock is not None and _style(clock) == chosen]
    zones = {clock.zone for clock in clocks}
    zone = "" if zones == {False} else "Z" if zones == {True} else "[Z]"
    time = f"{clocks[0].before}{clocks[0].hour}{_rest({clock.rest for clock in clocks})}{clocks[0].after}{zone}"
    if "{}" in group.date:
        return group.date.replace("{}", time)
    return f"{group.date}[{time}]" if None in group.clocks else group.date + time


def _style(clock: Clock) -> tuple[str, str, str, str]:
    """What all times of a format have in common."""
    return clock.before, clock.hour, clock.after, clock.rest[:1]


def _rest(rests: set[str]) -> str:
    """Minutes and seconds, in brackets where some times have none; a fraction of a second may always be missing."""
    longest = max(rests, key=len)
    without_fraction = {rest.replace("%.f", "") for rest in rests}
    if len(without_fraction) == 1:
        return longest
    shortest = min(without_fraction, key=len)
    return f"{shortest}[{longest.removeprefix(shortest)}]"


def _remedy(form: str, doubt: str) -> str:
    day_first = [text.find("%d") < text.find("%m") for text in (form, doubt)]
    return "" if day_first[0] == day_first[1] else f": `day_first={str(day_first[1]).lower()}` reads them so"


def _longest(cells: pl.Series) -> str:
    """The longest text; of several, the first by the alphabet."""
    lengths = cells.str.len_chars()
    return str(cells.filter(lengths == lengths.max()).min())
