"""Amounts as accounts, shops and timetables write them; Python's own formatting is the witness."""

import datetime
from decimal import Decimal

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from batchwright.data.typed.date_format import read_dates
from batchwright.data.typed.date_search import find_written as find_dates
from batchwright.data.typed.numbers import find_written

CENTS = st.integers(-(10**11), 10**11)
MARKS = st.sampled_from([(",", "."), (".", ","), (",", " "), (".", "'"), (".", "’"), (",", "\u202f")])


def with_marks(text: str, decimal: str, thousands: str) -> str:
    return text.translate({ord(","): thousands, ord("."): decimal})


@given(
    cents=st.lists(CENTS, min_size=1),
    marks=MARKS,
    minus=st.sampled_from(["-", " -", "−", "–"]),
    unit=st.sampled_from(["", " EUR", " €"]),
)
def test_a_minus_after_an_amount_makes_it_negative(
    cents: list[int], marks: tuple[str, str], minus: str, unit: str
) -> None:
    amounts = [Decimal(-123456789).scaleb(-2), *(Decimal(number).scaleb(-2) for number in cents)]
    texts = [with_marks(f"{abs(one):,.2f}", *marks) + (minus if one < 0 else "") + unit for one in amounts]
    cells = pl.Series("x", texts)
    found = find_written(cells, None)
    assert found is not None and found.fits == len(cells) and found.format.minus_after
    assert found.format.read(cells).to_list() == [float(one) for one in amounts]


@given(
    francs=st.lists(st.integers(-(10**9), 10**9), min_size=1),
    before=st.sampled_from(["CHF ", "Fr. ", "SFr. ", ""]),
    dash=st.sampled_from([".-", ".–", ".—", ".--"]),
    mark=st.sampled_from(["'", "’", ""]),
    rappen=st.booleans(),
)
def test_whole_francs_end_with_a_point_and_a_dash(
    francs: list[int], before: str, dash: str, mark: str, rappen: bool
) -> None:
    amounts = [Decimal(2829), *map(Decimal, francs)]
    texts = [f"{before}{one:,}".replace(",", mark) + dash for one in amounts]
    if rappen:
        amounts.append(Decimal("1234.50"))
        texts.append(f"{before}{amounts[-1]:,}".replace(",", mark))
    cells = pl.Series("x", texts)
    found = find_written(cells, None)
    assert found is not None and found.fits == len(cells) and not found.format.minus_after
    assert found.format.read(cells).to_list() == [float(one) for one in amounts]


TIMES = st.sampled_from(["%H:%M", "%H:%M:%S", "%d.%m.%Y %H:%M", "%Y-%m-%dT%H:%M:%S", "%H:%M Uhr"])


@given(form=TIMES, minutes=st.lists(st.integers(0, 24 * 60), min_size=1))
def test_24_00_is_the_end_of_the_day_that_it_is_written_with(form: str, minutes: list[int]) -> None:
    day = datetime.datetime(2024, 2, 29) if "%d" in form else datetime.datetime(1970, 1, 1)
    times = [day + datetime.timedelta(minutes=one) for one in (9 * 60, 24 * 60, *minutes)]
    texts = [
        time.strftime(form) if time < day + datetime.timedelta(days=1) else day.strftime(form.replace("%H", "24"))
        for time in times
    ]
    cells = pl.Series("x", texts)
    found = find_dates(cells)
    assert found is not None and found.fits == len(cells)
    assert found.ends == 1 + minutes.count(24 * 60)
    assert read_dates(cells, found.format).to_list() == times
