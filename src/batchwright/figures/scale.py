"""From numbers to shares of an axis, and the round numbers that label it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Numbers: TypeAlias = Sequence[float | None] | NDArray[np.generic]
"""Numbers in a row; None is missing."""
Table: TypeAlias = Sequence[Sequence[float]] | NDArray[np.generic]
"""Numbers in rows and columns."""

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
DECADES = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500)
FLAT = 1e-13
"""Values whose range is a smaller share of them than this are the same but for rounding."""
LONGEST_MANTISSA, LONGEST_WHOLE = 3, 15
"""A label with more decimals before its power of ten is written out, if it has fewer digits than this."""
TINY = 1e-300
LEAST, MOST = 1e-307, 1.79e308
"""The ends of any axis."""


@dataclass(frozen=True)
class Axis:
    """What an axis shows.

    Args:
        title: such as "loss".
        unit: such as "s"; stands in parentheses behind the title.
        scale: "linear", or "log" to base 10: values that are not above zero cannot be shown then.
        low: where the axis begins; None: found from the data.
        high: where it ends; None: found from the data.
    """

    title: str = ""
    unit: str = ""
    scale: Literal["linear", "log"] = "linear"
    low: float | None = None
    high: float | None = None

    @property
    def label(self) -> str:
        """Title and unit."""
        return f"{self.title} ({self.unit})" if self.unit and self.title else self.title or self.unit


class Tick(NamedTuple):
    """A labelled number of an axis."""

    value: float
    label: str


@dataclass(frozen=True)
class Scale:
    """A range of numbers. `whole`: all data are whole numbers, so ticks are too."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def share(self, values: Numbers | float) -> Floats:
        """Where values lie between low (0) and high (1); NaN for what cannot be shown.

        >>> Scale(1.0, 100.0, log=True).share([1.0, 10.0, 0.0]).tolist()
        [0.0, 0.5, nan]
        """
        given = floats(values)
        with np.errstate(all="ignore"):
            if self.log:
                low, high = math.log10(self.low), math.log10(self.high)
                found = (np.log10(np.where(given > 0, given, np.nan)) - low) / (high - low)
            else:  # halves: the difference of two huge numbers is infinite
                found = (given / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        return np.where(np.isfinite(found), np.clip(found, -4.0, 5.0), np.nan)

    def ticks(self, most: int = 9) -> tuple[Tick, ...]:
        """Round numbers within the range, rising, `most` (≥ 3) at most.

        Steps are 1, 2 or 5 times a power of ten; on a log axis, powers of ten, or 1, 2 and 5 times them. With 9 there
        are at least 3, unless whole numbers have fewer.

        >>> [tick.label for tick in Scale(0.0, 1.0).ticks()]
        ['0.0', '0.2', '0.4', '0.6', '0.8', '1.0']
        """
        return (_log_ticks(self.low, self.high, most) if self.log else ()) or _even_ticks(self, most)


def floats(values: Numbers | float) -> Floats:
    """Any numbers as a flat array of floats; None is NaN."""
    return np.asarray(values, dtype=np.float64).reshape(-1)


def scale_of(values: Sequence[Numbers], axis: Axis, *, pad: float = 0.0, zero: bool = False) -> Scale | None:
    """The range of all values that can be shown; None if there are none.

    Args:
        values: arrays of numbers.
        axis: whose bounds replace those of the data.
        pad: share of the range to add at either end that `axis` does not fix.
        zero: begin at zero if all values are positive and zero is not far away.
    """
    log = axis.scale == "log"
    given = np.concatenate([floats(part) for part in values]) if values else np.empty(0)
    shown = given[np.isfinite(given) & ((given > 0) | (not log))]
    if not len(shown):
        return None
    whole = bool(np.all(shown == np.rint(shown))) and not log
    low, high = _apart(float(shown.min()), float(shown.max()), log=log, whole=whole)
    begin, end = _widen(low, high, pad, log=log)
    if zero and not log and 0 <= low <= 0.35 * high:
        begin = 0.0
    begin, end = begin if axis.low is None else float(axis.low), end if axis.high is None else float(axis.high)
    if not begin < end or (log and begin <= 0):
        raise ValueError(f"The axis {axis.label!r} would run from {begin:g} to {end:g}: low has to be below high.")
    return Scale(begin, end, log, whole)


def short(value: float, figures: int = 4) -> str:
    """A number as people write it in a sentence, with this many figures.

    >>> short(0.123456), short(1234567.0), short(-3e-9)
    ('0.1235', '1.235×10⁶', '−3×10⁻⁹')
    """
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "∞" if value > 0 else "−∞"
    value += 0.0  # no −0
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        digits = max(0, figures - 1 - math.floor(math.log10(abs(value)))) if value else 0
        return _signed(f"{value:,.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:,.0f}")
    mantissa, _, power = f"{value:.{figures - 1}e}".partition("e")
    return _times_power(mantissa.rstrip("0").rstrip("."), int(power))


def _apart(low: float, high: float, *, log: bool, whole: bool) -> tuple[float, float]:
    """Bounds that differ by more than rounding."""
    if log:
        low, high = max(low, LEAST), min(max(high, 10 * LEAST), MOST)
        return (low / 2, min(high * 2, MOST)) if high / low < 1 + 1e-9 else (low, high)
    largest = max(abs(low), abs(high))
    if high / 2 - low / 2 > max(FLAT * largest, TINY):
        return low, high
    around = max(0.1 * largest, 1.0 if whole else TINY) if largest else 1.0
    return max(low - around, -MOST), min(high + around, MOST)


def _widen(low: float, high: float, pad: float, *, log: bool) -> tuple[float, float]:
    """Bounds with this share of their range added, as long as they and their difference are floats."""
    if log:
        more = pad * (math.log10(high) - math.log10(low))
        return max(low * 10**-more, LEAST), min(high * 10**more, MOST)
    more = pad * high - pad * low
    low, high = max(low - more, -MOST), min(high + more, MOST)
    return (low, high) if math.isfinite(high - low) else (max(low, -MOST / 2), min(high, MOST / 2))


def _even_ticks(scale: Scale, most: int) -> tuple[Tick, ...]:
    span = scale.high - scale.low
    power = math.floor(math.log10(span / (most - 1)))
    steps = [(digit, power + more) for more in (0, 1) for digit in (1, 2, 5)]
    if scale.whole:
        steps = [step for step in [(1, 0), (2, 0), (5, 0), *steps] if step[1] >= 0]
    digit, power = next(step for step in steps if span / (step[0] * 10.0 ** step[1]) <= most - 1)
    step = Decimal(digit).scaleb(power)
    first, last = math.ceil(Decimal(repr(scale.low)) / step), math.floor(Decimal(repr(scale.high)) / step)
    places = [Decimal(place) * step for place in range(first, last + 1)]
    return tuple(map(Tick, map(float, places), _labels(places, power)))


def _log_ticks(low: float, high: float, most: int) -> tuple[Tick, ...]:
    """Powers of ten, or round parts of them; none if the range is too narrow for that."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first >= 2:
        every = next(step for step in DECADES if (last - first) // step < most)
        powers = [power for power in range(first, last + 1) if power % every == 0]
        plain = first >= -3 and last <= 5
        return tuple(
            Tick(10.0**power, _fixed(Decimal(1).scaleb(power), power) if plain else _times_power("1", power))
            for power in powers
        )
    for digits in ((1, 3), (1, 2, 5)):
        places = [(digit, power) for power in range(first - 1, last + 1) for digit in digits]
        inside = [Decimal(digit).scaleb(power) for digit, power in places]
        inside = [place for place in inside if low * (1 - 1e-9) <= float(place) <= high * (1 + 1e-9)]
        if 3 <= len(inside) <= most:
            return tuple(Tick(float(place), short(float(place))) for place in inside)
    return ()


def _labels(places: Sequence[Decimal], power: int) -> list[str]:
    """Labels of one step, 10 to this power, all with equally many decimals."""
    largest = max(map(abs, places), default=Decimal(0))
    if largest == 0 or Decimal("0.001") <= largest < 1_000_000:
        return [_fixed(place, power) for place in places]
    shift = largest.adjusted()
    if power - shift < -LONGEST_MANTISSA and 1 <= shift < LONGEST_WHOLE:
        return [_fixed(place, power) for place in places]
    return [_times_power(_fixed(place.scaleb(-shift), power - shift), shift) if place else "0" for place in places]


def _fixed(value: Decimal, power: int) -> str:
    return _signed(f"{value:,.{max(0, -power)}f}")


def _times_power(mantissa: str, power: int) -> str:
    raised = f"10{str(power).translate(SUPERSCRIPTS)}"
    return raised if mantissa == "1" else f"{_signed(mantissa)}×{raised}"


def _signed(digits: str) -> str:
    return digits.replace("-", "−")
