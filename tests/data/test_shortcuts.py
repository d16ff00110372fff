"""The shortcuts of the searches for numbers, dates and names find what the whole search finds."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from batchwright.data.typed import date_format, distinct, inference, marks, numbers, plain_numbers, reading, repeated
from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.date_search import find_written as find_dates
from batchwright.data.typed.distinct import count_texts, find_signs, half_have_digits
from batchwright.data.typed.durations import find_durations
from batchwright.data.typed.numbers import Decimal, NumberFormat, Written, find_written
from batchwright.data.typed.reading import TypedCells, type_cells

NOTHING = r"[^\s\S]"
"""A regular expression that fits no text."""

BODIES = ("5", "05", "12", "1,234", "1.234", "1.234.567", "1,23,456", "1 234", "1'234", "1’234", "12,5", "7.25")
MORE_BODIES = (".5", "5.", ",5", "5,", "1.2.3.4", "1,234.5", "0,123", "1e3", "12345678901")
BEFORE = ("", "$", "US$", "Fr", "Fr.", "Rs.", "CHF", "€", "No")
AFTER = (
    "",
    "%",
    "kg",
    "kgs",
    "m",
    "ms",
    "month",
    "months",
    "A",
    "k",
    "M",
    "B b",
    "sq ft",
    "m2",
    "km/h",
    "s",
    "K m",
    "€",
)
SIGNS = ("", "", "", "-", "+", "−", "(", "- ", "+-")


@contextmanager
def whole_search() -> Iterator[None]:
    """No cell is taken for a plain number or a plain date."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numbers, "TAKEN_APART", 10**9)
        patch.setattr(NumberFormat, "_plain_pattern", lambda _: NOTHING)
        patch.setattr(date_format, "plain_form", lambda *_: None)
        yield


@st.composite
def columns_of_numbers(draw: st.DrawFn) -> list[str]:
    """Cells of which most have the same unit, and some are written in any other way."""
    before, after = draw(st.sampled_from(BEFORE)), draw(st.sampled_from(AFTER))
    blank = st.sampled_from(["", "", " ", "\u00a0"])
    plain = st.builds(lambda body, gap: f"{before}{body}{gap}{after}", st.sampled_from(BODIES), blank)
    other = st.builds(
        lambda sign, front, body, size, gap, unit: f"{sign}{front}{body}{size}{gap}{unit}{')' if sign == '(' else ''}",
        st.sampled_from(SIGNS),
        st.sampled_from((before, *BEFORE)),
        st.sampled_from(BODIES + MORE_BODIES),
        st.sampled_from(["", "", "k", " M ", "about"]),
        blank,
        st.sampled_from((after, *AFTER)),
    )
    cells = draw(st.lists(plain, max_size=20)) + draw(st.lists(other, max_size=6)) or ["5"]
    return [cell.strip() for cell in draw(st.permutations(cells))]


def search(cells: pl.Series, decimal: Decimal | None) -> tuple[Written | None, list[object]]:
    """What is found, and the cells as they are read and as they are written plainly."""
    found = find_written(cells, decimal)
    if found is None:
        return None, []
    return found, [found.format.read(cells).to_list(), found.format.write_plainly(cells).to_list()]


@settings(max_examples=40)
@given(columns_of_numbers(), st.sampled_from([None, ".", ","]))
def test_numbers_found_by_a_sample_are_those_of_the_whole_search(cells: list[str], decimal: Decimal | None) -> None:
    column = pl.Series("x", cells)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numbers, "TAKEN_APART", 0)
        patch.setattr(plain_numbers, "SAMPLE", 2)
        found = search(column, decimal)
    with whole_search():
        assert found == search(column, decimal)


FORMS = (
    *("%Y-%m-%d %H:%M:%SZ", "%Y-%m-%d %H:%M:%S%.fZ", "%Y-%m-%d %H:%M:%S%.f", "%Y/%m/%d %H:%MZ", "%Y-%m-%d %H:%M-05:00"),
    *("%d %b %Y %H:%M:%S", "%d-%b-%y", "%b %d, %Y", "%m/%d/%Y %I:%M %p", "%m/%d/%y", "%d/%b/%Y:%H:%M:%SZ", "%Y%b%d"),
)
PARTS = {
    "%Y": ("1899", "1969", "1970", "2018", "2000", "18"),
    "%y": ("00", "18", "60", "68", "69", "70", "99"),
    "%m": ("00", "1", "02", "12", "13"),
    "%d": ("00", "1", "09", "28", "29", "30", "31"),
    "%H": ("0", "03", "12", "23", "24"),
    "%I": ("0", "03", "12", "13"),
    "%M": ("0", "05", "59", "60"),
    "%S": ("0", "07", "59", "60", "61"),
    "%b": ("Jan", "feb", "MAY", "Sept", "Dez", "Juli", "Oct."),
    "%p": ("AM", "pm", "p.m.", "Am"),
    "%.f": ("", ".1", ".123", ".123456", ".123456789", ",5"),
    "Z": ("Z", "Z", "+02:00", "+0200", " UTC", "GMT", "-05:00", "+25:00", "CET", "z", "+2", "", "+02:00 (CEST)"),
}
PART = re.compile(r"%\.f|%\w|Z|-05:00")


@st.composite
def written_dates(draw: st.DrawFn) -> tuple[str, list[str | None]]:
    """A format, and cells that are nearly dates in it."""
    form = draw(st.sampled_from(FORMS))

    def write(part: re.Match[str]) -> str:
        return draw(st.sampled_from(PARTS["Z" if part[0] == "-05:00" else part[0]]))

    cells: list[str | None] = []
    for _ in range(draw(st.integers(1, 8))):
        text = PART.sub(write, form)
        cells.append(
            draw(st.sampled_from([text, text, text, text.replace(" ", "T", 1), text.replace(" ", "  "), None]))
        )
    return form, cells


@settings(max_examples=80)
@given(written_dates())
def test_dates_that_polars_reads_are_those_that_are_taken_apart(written: tuple[str, list[str | None]]) -> None:
    form, cells = written
    column = pl.Series("x", cells, dtype=pl.String)
    has_zone = form.endswith(("Z", "-05:00"))
    dates = date_format.read_dates(column, form).to_list()
    zones = date_format.zones_in(column.drop_nulls(), form) if has_zone else []
    with whole_search():
        assert dates == date_format.read_dates(column, form).to_list()
        assert zones == (date_format.zones_in(column.drop_nulls(), form) if has_zone else [])


WHOLE = re.compile(r"[+-]?0[0-9]+")
LONG = re.compile(r"[+-]?[0-9]{16,}(\.[0-9]*)?")


@given(st.lists(st.from_regex(r"[+-]?(0|00|000)?[0-9]{1,18}(\.[0-9]{0,2})?(e[0-3])?", fullmatch=True) | st.none()))
def test_texts_that_say_more_than_their_numbers_are_found_one_by_one(texts: list[str | None]) -> None:
    column = pl.Series("x", texts, dtype=pl.String)
    found = inference.which_say_more(column, column.cast(pl.Float64)).to_list()
    telephones = all(text is None or text.startswith("+") for text in texts)
    wanted = [
        text is not None
        and (
            WHOLE.fullmatch(text) is not None
            or (abs(float(text)) >= 2**53 and LONG.fullmatch(text) is not None)
            or (telephones and float(text) >= 1e8 and float(text).is_integer())
        )
        for text in texts
    ]
    assert found == wanted


CELLS = ("red", "a-b", "12:30", "1h 30m", "3 May 2018", "2018-01-02", "May", "12", "Monday", "x1", "1d 02:03:04")


@given(st.lists(st.sampled_from(CELLS), min_size=1), st.sampled_from(["x", "duration"]))
def test_a_column_with_too_few_digits_has_no_dates_or_lengths_of_time(cells: list[str], name: str) -> None:
    column = pl.Series(name, cells)
    if not half_have_digits(column):
        assert find_dates(column) is None
        assert find_durations(column) is None


@given(
    st.lists(st.sampled_from(("1", "2.5", "$5", "$6", "red", "true", "x1", "(3)", "1:30h", "May 3")), min_size=1),
    st.integers(1, 9),
)
def test_a_column_with_too_few_digits_is_what_the_whole_search_finds(cells: list[str], times: int) -> None:
    column = pl.Series("x", cells * times)
    found = inference.guess(column, untyped=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inference, "_have_digits", lambda _: True)
        patch.setattr(inference, "half_have_digits", lambda _: True)
        assert found == inference.guess(column, untyped=True)


@given(st.lists(st.sampled_from(("1", "2.5", "007", "inf", "red", None)), min_size=1))
def test_a_column_whose_first_cells_are_no_numbers_holds_none(cells: list[str | None]) -> None:
    column = pl.Series("x", cells, dtype=pl.String)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inference, "LOOKED_AT", 2)
        found = inference.parse_numbers(column, None)
    plain = [None if cell is None else float("nan" if cell == "red" else cell) for cell in cells]
    holds_numbers = all(number is None or np.isfinite(number) for number in plain)
    assert found.to_list() == (plain if holds_numbers else cells)


WORDS = (
    "red",
    " red",
    "Oak Street",
    "a;b",
    "b;a",
    "c;a;b",
    "10-20",
    "65+",
    "NA",
    "-",
    "",
    " ",
    None,
    "TRUE",
    "no",
    "yes",
)
DATES = (
    "2018-01-02",
    "2018-02-30",
    "3/4/2018",
    "13/4/2018",
    "3 May 2018 24:00",
    "2018-01-02 03:04Z",
    "12:30",
    "1h 30m",
)
NUMBERS = ("5", "007", "1.10", "1.1", "$5", "$1,200", "4 kg", "3 kg", "1 1/2", "(3)", "-0", "1e3", "inf", "1", "0")
REPEATED = [st.sampled_from(texts) for texts in (WORDS, DATES, NUMBERS, (*WORDS, *DATES, *NUMBERS))]
COLUMNS = st.sampled_from(REPEATED).flatmap(lambda texts: st.lists(texts, min_size=1, max_size=6))


def typed(texts: list[str | None], name: str = "x") -> TypedCells:
    column = pl.Series(name, texts, dtype=pl.String)
    lines = np.arange(len(texts)) + 2
    return type_cells(column.to_frame(), TableOptions(), known={}, like=False, lines=lines, untyped=True)


def assert_same(one: TypedCells, other: TypedCells) -> None:
    assert_frame_equal(one.frame, other.frame, check_exact=True)
    assert (one.columns, one.bad, one.fits.tolist()) == (other.columns, other.bad, other.fits.tolist())


@settings(max_examples=80)
@given(COLUMNS, COLUMNS, st.integers(4, 30))
def test_repeated_texts_are_typed_as_all_cells_are(most: list[str | None], few: list[str | None], times: int) -> None:
    texts = [*most * times, *few]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeated, "FROM", 1)
        patch.setattr(inference, "EIGHTH", 1)
        found = typed(texts)
        patch.setattr(reading, "find_repeated", lambda _: None)
        patch.setattr(inference, "EIGHTH", 10**9)
        assert_same(found, typed(texts))


@given(COLUMNS, st.integers(4, 9))
def test_what_repeated_texts_become_is_coded_again(texts: list[str | None], times: int) -> None:
    column = pl.Series("x", texts * times, dtype=pl.String)
    coded = repeated.code_texts(column)
    if coded is None:
        return
    assert coded.spread(coded.texts).to_list() == column.to_list()
    cells, again = repeated.clean_repeated(column, coded, TableOptions().missing)
    assert cells.to_list() == again.spread(again.texts).to_list()
    assert_frame_equal(again.count(), count_texts(cells.drop_nulls()))


@given(st.lists(st.integers(0, 9).map(str) | st.text(max_size=3), min_size=2))
def test_cells_that_nearly_all_differ_are_counted_as_others_are(texts: list[str]) -> None:
    cells = pl.Series("cell", texts, dtype=pl.String)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distinct, "DIFFERENT", 0.0)
        found = distinct._count_different(cells)
    counts = {text: texts.count(text) for text in texts}
    assert found.rows() == list(counts.items())
    assert found.schema == count_texts(cells).schema


@given(st.lists(st.text("a;|, \té", max_size=3) | st.none()), st.integers(1, 3))
def test_signs_are_found_in_all_cells(texts: list[str | None], at_once: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distinct, "AT_ONCE", at_once)
        found, is_ascii = find_signs(pl.Series(texts, dtype=pl.String), ";|\t")
    text = "".join(filter(None, texts))
    assert found == {sign for sign in ";|\t" if sign in text}
    if found != set(";|\t"):
        assert is_ascii == text.isascii()


@given(
    st.lists(st.integers(-3, 30) | st.sampled_from([0, -1, 99, 999]), min_size=30, max_size=60),
    st.sampled_from([1.0, 0.1]),
    st.integers(3, 9),
)
def test_marks_that_do_not_stand_apart_are_seen_early(numbers_: list[int], scale: float, times: int) -> None:
    column = pl.Series("x", numbers_ * times, dtype=pl.Float64) * scale
    found = marks.mark_note(column)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(marks, "_spread_further", lambda *_: False)
        assert found == marks.mark_note(column)
