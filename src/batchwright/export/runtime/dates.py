"""Dates as people and programs write them, as microseconds since the beginning of 1970."""

import datetime
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from batchwright.export.runtime.written import Reader, plain_number, to_number

OFFSET = re.compile(r"(?:UTC|GMT|UT)?([+-])([0-9]{1,2}):?([0-9]{2})?")
SECOND, MINUTE, HOUR, DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000
"""In microseconds."""
START = datetime.datetime(1970, 1, 1)
NO_DATE = -(2**63)


def read_date(reader: Reader, cell: Any) -> int | None:
    """A date as microseconds since the beginning of 1970."""
    if isinstance(cell, datetime.datetime):
        cell = cell.astimezone(datetime.UTC).replace(tzinfo=None) if cell.tzinfo else cell
        return int((cell - START) // datetime.timedelta(microseconds=1))
    if isinstance(cell, datetime.date):
        return (cell - START.date()).days * DAY
    if isinstance(cell, datetime.time):
        return cell.hour * HOUR + cell.minute * MINUTE + cell.second * SECOND + cell.microsecond
    text = _digits(cell) if reader["compact"] or not isinstance(cell, str) else cell
    found = None if text is None else re.match(reader["pattern"], text)
    return None if found is None else _moment(reader, found.groupdict())


def _digits(cell: Any) -> str | None:
    """A whole number in digits."""
    number = to_number(cell) if isinstance(cell, str) else plain_number(cell)
    return None if number is None or not number.is_integer() else str(int(number))


def read_epoch(reader: Reader, cell: Any) -> int | None:
    """A number of seconds, or of parts of them, since the beginning of 1970."""
    if isinstance(cell, datetime.date | datetime.time):
        return read_date(reader, cell)
    number = to_number(cell) if isinstance(cell, str) else plain_number(cell)
    fits = number is not None and abs(number) <= 2**62 / reader["microseconds"]
    return round(number * reader["microseconds"]) if fits and number is not None else None


def _moment(reader: Reader, parts: Mapping[str, str | None]) -> int | None:
    """The date of its parts; None if there is no such day or time."""
    if parts.get("V") is not None:
        return _first_of_week(parts)
    if all(parts.get(name) is None for name in ("Y", "y", "G", "H")):
        return None
    hour, day, ends = _hour(reader, parts), _day(reader, parts), _ends_day(parts)
    minute, second = int(parts.get("M") or 0), int(parts.get("S") or 0)
    offset = _offset(reader, parts.get("z"))
    if hour is None or day is None or offset is None or minute > 59 or second > 59 or (hour > 23 and not ends):
        return None
    fraction = int((parts.get("f") or "")[1:7].ljust(6, "0"))
    return day * DAY + hour * HOUR + (minute - offset) * MINUTE + second * SECOND + fraction


def _ends_day(parts: Mapping[str, str | None]) -> bool:
    """Whether the time is 24:00, which is 0:00 of the next day."""
    rest = int(parts.get("M") or 0) + int(parts.get("S") or 0)
    return parts.get("H") == "24" and "p" not in parts and rest == 0


def _day(reader: Reader, parts: Mapping[str, str | None]) -> int | None:
    """Days since the beginning of 1970; None if there is no such day."""
    year = int(parts.get("Y") or 1970)
    if (short := parts.get("y")) is not None:
        year = int(short) + (2000 if int(short) < 69 else 1900)
    month: int | None = int(parts.get("m") or 1)
    if "b" in parts:
        month = reader["months"].get((parts["b"] or "").lower())
    for name, months in (("q", 3), ("h", 6)):
        if (part := parts.get(name)) is not None:
            month = int(part) * months - (months - 1)
    try:
        day = np.datetime64(f"{year:04d}-{month or 0:02d}-{int(parts.get('d') or 1):02d}", "D")
    except ValueError:
        return None
    return int(day.astype(np.int64))


def _hour(reader: Reader, parts: Mapping[str, str | None]) -> int | None:
    """The hour from 0 to 24; 12 AM is 0, 12 PM is 12, and 13 AM is none."""
    hour, half = int(parts.get("H") or 0), parts.get("p")
    if half is None:
        return hour
    if re.sub("[. ]", "", half.lower()) in reader["afternoon"]:
        return hour + 12 if hour < 12 else hour
    return hour if hour < 12 else 0 if hour == 12 else None


def _first_of_week(parts: Mapping[str, str | None]) -> int | None:
    """A day of a week of ISO 8601, its Monday unless the weekday is told."""
    try:
        day = datetime.date.fromisocalendar(int(parts["G"] or 0), int(parts["V"] or 0), int(parts.get("u") or 1))
    except ValueError:
        return None
    return (day - START.date()).days * DAY


def _offset(reader: Reader, zone: str | None) -> int | None:
    """Minutes by which a time zone is east of that of the column; None if it is none."""
    if zone is None:
        return 0
    name = re.sub(r" ?[(\[].*", "", zone.upper())
    if name in reader["zones"]:
        return int(reader["zones"][name]) - int(reader["zone"])
    found = OFFSET.fullmatch(name)
    if found is None:
        return None
    minutes = 60 * int(found[2]) + int(found[3] or 0)
    if minutes > 14 * 60 or int(found[3] or 0) > 59:
        return None
    return (-minutes if found[1] == "-" else minutes) - int(reader["zone"])
