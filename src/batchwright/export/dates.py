"""The parts of dates, from whole microseconds since 1970: years, months and days of the Gregorian calendar.

Days are counted from 1 March of the year 0, so that leap days come last; the formulas are those of Howard Hinnant,
chrono-Compatible Low-Level Date Algorithms. All numbers are whole and below 2^53, so float64 is exact.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from batchwright.data.encode.encoders import DAY, ELAPSED
from batchwright.export.building import Builder
from batchwright.export.graph import Value

HOUR, MINUTE, SECOND = DAY // 24, DAY // 1440, DAY // 86400
DIGITS = 1e12
"""Sines and cosines are rounded to this part of 1, so that what is equal stays so."""

Part: TypeAlias = Callable[[Builder, Value], Value]
"""A part of dates, float64, from microseconds, int64."""


def part_of_date(builder: Builder, dates: Value, part: str) -> Value:
    """One part of each date, as `encoders.part_of_date` gives it."""
    name, _, curve = part.partition(" ")
    if part == ELAPSED:
        return _over(builder, dates, DAY)
    if not curve:
        return PARTS[name](builder, dates)
    angle = builder.apply("Mul", SHARES[name](builder, dates), 2 * np.pi)
    wave = builder.apply("Sin" if curve == "sine" else "Cos", angle)
    return builder.apply("Div", builder.apply("Round", builder.apply("Mul", wave, DIGITS)), DIGITS)


def _over(builder: Builder, dates: Value, length: int) -> Value:
    return builder.apply("Div", builder.apply("Cast", dates, to="float64"), float(length))


def _rest(builder: Builder, dates: Value, length: int) -> Value:
    """Microseconds since the last whole day, hour or minute."""
    return builder.apply("Mod", dates, np.array(length))


def _floor(builder: Builder, value: Value, divisor: float) -> Value:
    """The whole part of a quotient."""
    return builder.apply("Floor", builder.apply("Div", value, divisor))


def _days(builder: Builder, dates: Value) -> Value:
    """Whole days since 1970."""
    whole = builder.apply("Sub", dates, _rest(builder, dates, DAY))
    return _over(builder, whole, DAY)


def _in_day(length: int, within: int) -> Part:
    """How many of a length of time are over, of those within a longer one."""

    def part(builder: Builder, dates: Value) -> Value:
        rest = builder.apply("Cast", _rest(builder, dates, within), to="float64")
        return _floor(builder, rest, float(length))

    return part


def _weekday(builder: Builder, dates: Value) -> Value:
    """1 for Monday to 7 for Sunday; 1970 began with a Thursday."""
    since = builder.apply("Add", _days(builder, dates), 3.0)
    weeks = builder.apply("Mul", _floor(builder, since, 7.0), 7.0)
    return builder.apply("Add", builder.apply("Sub", since, weeks), 1.0)


def _calendar(builder: Builder, dates: Value) -> tuple[Value, Value, Value]:
    """The year that begins with March, the month counted from it from 0, and the day in the month from 1."""
    since = builder.apply("Add", _days(builder, dates), 719468.0)
    era = _floor(builder, since, 146097.0)
    day = builder.apply("Sub", since, builder.apply("Mul", era, 146097.0))
    skipped = builder.apply("Sub", _floor(builder, day, 36524.0), _floor(builder, day, 1460.0))
    skipped = builder.apply("Sub", skipped, _floor(builder, day, 146096.0))
    year = _floor(builder, builder.apply("Add", day, skipped), 365.0)
    leaps = builder.apply("Sub", _floor(builder, year, 4.0), _floor(builder, year, 100.0))
    before = builder.apply("Add", builder.apply("Mul", year, 365.0), leaps)
    in_year = builder.apply("Sub", day, before)
    month = _floor(builder, builder.apply("Add", builder.apply("Mul", in_year, 5.0), 2.0), 153.0)
    started = _floor(builder, builder.apply("Add", builder.apply("Mul", month, 153.0), 2.0), 5.0)
    in_month = builder.apply("Add", builder.apply("Sub", in_year, started), 1.0)
    return builder.apply("Add", year, builder.apply("Mul", era, 400.0)), month, in_month


def _month(builder: Builder, dates: Value) -> Value:
    month = _calendar(builder, dates)[1]
    early = builder.apply("Less", month, 10.0)
    return builder.apply("Add", month, builder.apply("Where", early, _number(3.0), _number(-9.0)))


def _year(builder: Builder, dates: Value) -> Value:
    year, month, _ = _calendar(builder, dates)
    later = builder.apply("GreaterOrEqual", month, 10.0)
    return builder.apply("Add", year, builder.apply("Cast", later, to="float64"))


def _day(builder: Builder, dates: Value) -> Value:
    return _calendar(builder, dates)[2]


def _number(value: float) -> np.ndarray:
    return np.array(value, np.float64)


PARTS: Mapping[str, Part] = {
    "year": _year,
    "month": _month,
    "day": _day,
    "weekday": _weekday,
    "hour": _in_day(HOUR, DAY),
    "minute": _in_day(MINUTE, HOUR),
    "second": _in_day(SECOND, MINUTE),
}
"""Parts as numbers, as earlier versions had them."""


def _share_of(part: Part, length: float) -> Part:
    """How far a part that counts from 1 is in its cycle."""

    def share(builder: Builder, dates: Value) -> Value:
        return builder.apply("Div", builder.apply("Sub", part(builder, dates), 1.0), length)

    return share


def _share_of_time(length: int) -> Part:
    def share(builder: Builder, dates: Value) -> Value:
        return _over(builder, _rest(builder, dates, length), length)

    return share


SHARES: Mapping[str, Part] = {
    "month": _share_of(_month, 12.0),
    "day": _share_of(_day, 31.0),
    "weekday": _share_of(_weekday, 7.0),
    "hour": _share_of_time(DAY),
    "minute": _share_of_time(HOUR),
}
"""How far each date is in a cycle, from 0 to 1."""
