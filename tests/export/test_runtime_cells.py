"""Cells are read as the columns of training rows are, in Python and in the scripts; what does not fit is told."""

import datetime
import random
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.export.scripts import NODE, array_of, run_script

from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.reading import TypedCells, type_cells
from batchwright.data.typed.schema import Column
from batchwright.export.cells import for_python, for_script, reader_of
from batchwright.export.runtime.cells import NO_DATE, read_column

COLUMNS: dict[str, tuple[list[str], list[str]]] = {
    "plain": (["1.5", "-2", "3e5"], ["+5", ".5", "5.", "1_0", "1e400", "inf", "nan", " 7 ", "0200", "x", "1,5", "٣"]),
    "comma": (
        ["1.234,50", "-3,25", "12.345.678,90"],
        ["1234,5", "(7,5)", "−3", "5,-", "1.2", "3 ", "1.234.5", "1,2e3"],
    ),
    "money": (["$1,200.50", "$3", "-$7"], ["$1.5M", "12", "($7)", "$ 9", "- $9", "$1,2", "$1,23,456", "$2k"]),
    "unit": (["12 kg", "1.5 kg", "900 kg"], ["3kg", "3 kgs", "3 k kg", "12", "- 4 kg", "4\u00a0kg", "2 M kg"]),
    "months": (["3 months", "1 month"], ["2 month", "4.5 months", "5", "x months"]),
    "percent": (["45%", "3.5%"], ["7 %", "12", "1'000%", "%"]),
    "swiss": (["1'200.50", "13’500.00", "7.25"], ["1'2", "9", "1’234’567.5"]),
    "minus": (["4.997,39-", "12,00", "1.500,00-"], ["5-", "3,5 -", "-4,5-"]),
    "duration": (
        ["1h 30m", "2h 05m", "45m 10s"],
        ["1 day, 2:03:04", "26:03:04", "4:05", "-1:00:00", "PT1H30M", "90", "2 weeks", "1.5h", "h"],
    ),
    "duration in months": (["3 yrs 7 mon", "1 yr 2 mon", "11 mon"], ["P1Y", "P2Y3M", "5 days", "2 years and 1 month"]),
    "duration in days": (["2 years 3 days", "3 weeks 1 day", "5 months"], ["1 day 12 hours", "P1W", "x"]),
    "out of": (["4/10", "7/10", "10/10"], ["7 of 10", "3/5", "1 2/10", "8/10 stars", "6"]),
    "quotient": (["1/4", "1/2", "1 1/2", "2/3"], ["1/0", "3", "2 of 3", "1.5/2", "/2"]),
    "iso": (
        ["2024-01-31", "2023-12-01"],
        ["2024-02-30", "2024-1-5", "0000-01-01", "2024-13-01", "soon", "2024-01-01T10:00"],
    ),
    "time": (
        ["2024-01-31 10:20:30", "2023-12-01T00:00:01"],
        ["2024-01-31 24:00:00", "2024-01-31 24:00:01", "2024-01-31 25:00:00", "2024-01-31  9:05:07"],
    ),
    "german": (["31.01.2018", "01.12.2017"], ["1.2.2018", "31.2.2018", "1.2.18"]),
    "short year": (["7-Jan-18", "31-Dec-69", "1-mar-68"], ["7-märz-18", "7-Foo-18", "30-Feb-18", "7-January-18"]),
    "half": (
        ["01/31/2018 10:20 PM", "02/01/2018 12:00 AM"],
        ["02/01/2018 12:05 p.m.", "02/01/2018 13:00 AM", "02/01/2018 1:00pm"],
    ),
    "zone": (
        ["2024-01-31T10:20:30Z", "2024-01-31T10:20:30+02:00"],
        ["2024-01-31T10:20:30.125-0330", "2024-01-31T10:20:30+25:00", "2024-01-31T10:20:30 CET", "2024-01-31T10:20:30"],
    ),
    "fraction": (
        ["2024-01-31 10:20:30.5", "2024-01-31 10:20:30"],
        ["2024-01-31 10:20:30.123456789", "2024-01-31 10:20:30,25"],
    ),
    "words": (["Monday, January 5, 2024", "Tuesday, March 12, 2024"], ["Foo, March 12, 2024", "Mi, Mai 1, 2024"]),
    "week": (["2023-W05", "2020-W53", "2021-W52"], ["2021-W53", "2023-W00", "2023-W01"]),
    "quarter": (["Q1 2023", "Q4 2024"], ["Q5 2023", "q2 2023"]),
    "chinese": (["2024年1月5日", "2023年12月31日"], ["2024年13月5日", "2024年 2月 29日"]),
    "flag": (["yes", "no", "1", "FALSE"], ["True", "0", "maybe", "Ja", "да"]),
    "name": (["red", "blue", "007"], [" red ", "NA", "-", "?", "1.0"]),
}
SIGNS = "0123456789.,'+-–−()%$ €kKMBg eE:/TZ\u00a0hmsdaypPtjan年月日WQ\t"
LANGUAGES = pytest.mark.parametrize(
    "script", [False, pytest.param(True, marks=pytest.mark.skipif(NODE is None, reason="there is no Node"))]
)


def typed(texts: list[str], known: dict[str, Column], options: TableOptions) -> TypedCells:
    frame = pl.DataFrame({"x": texts})
    lines = np.arange(1, len(texts) + 1)
    return type_cells(frame, options, known=known, like=bool(known), lines=lines, untyped=True)


def as_numbers(cells: pl.Series, kind: str) -> list[Any]:
    """The typed cells as a reader gives them."""
    if kind == "date":
        return cells.cast(pl.Datetime("us")).to_physical().fill_null(NO_DATE).to_list()
    if kind == "text":
        return cells.fill_null("").to_list()
    return cells.cast(pl.Float64).fill_null(np.nan).to_list()


def read(reader: dict[str, Any], texts: list[str], *, script: bool) -> tuple[list[Any], list[list[Any]]]:
    if not script:
        values, bad = read_column(for_python(reader), texts)
        return values.tolist(), [list(one) for one in bad]
    body = "const [array, bad] = readColumn(given.reader, given.texts); return [give(array), bad];"
    array, bad = run_script(body, {"reader": for_script(reader), "texts": texts})
    return array_of(array).tolist(), [[one["row"], one["column"], one["value"], one["wanted"]] for one in bad]


def slips(texts: list[str], count: int) -> list[str]:
    """Cells with signs left out, put in and exchanged, the same each time; the first is a number in no format."""
    draw, found = random.Random(0), ["!x"]
    while len(found) < count:
        signs = list(draw.choice(texts))
        for _ in range(draw.choice((1, 1, 2, 3))):
            place, what = draw.randrange(len(signs) + 1), draw.random()
            if what < 0.6:
                signs.insert(place, draw.choice(SIGNS))
            if what > 0.4 and signs:
                signs.pop(min(place, len(signs) - 1))
        found.append("".join(signs))
    return found


@LANGUAGES
@pytest.mark.parametrize("name", COLUMNS)
def test_cells_are_read_as_in_training(name: str, script: bool) -> None:
    usual, odd = COLUMNS[name]
    options = TableOptions(missing=(*TableOptions().missing, "-200"), day_first=name != "half")
    spec = typed(usual * 20, {"x": Column("x", "boolean")} if name == "flag" else {}, options).columns[0]
    assert (spec.kind == "categorical") == (name == "name")
    few = [*usual, *odd, "", " NA ", "-200", "-200,0", *usual[:1]]
    for texts in (few, slips([*usual, *odd], 80)):
        wanted = typed(texts, {"x": spec}, options)
        reader = reader_of(spec, options.missing)
        values, bad = read(reader, texts, script=script)
        assert [one[0] for one in bad] == np.flatnonzero(~wanted.fits).tolist()
        told = [[cell.column, cell.value, cell.wanted] for cell in wanted.bad.first]
        assert [one[1:] for one in bad[: len(told)]] == told
        expected = as_numbers(wanted.frame["x"], reader["kind"])
        if reader["kind"] in ("text", "date"):
            assert values == expected
        else:
            np.testing.assert_allclose(np.array(values, np.float64), np.array(expected, np.float64), rtol=1e-15)


@pytest.mark.parametrize("form", ["%Y%m%d", "%Y%m", "seconds since 1970", "milliseconds since 1970"])
@LANGUAGES
def test_whole_numbers_are_dates(form: str, script: bool) -> None:
    texts = ["20180107", "201801", "1609459200", "20180230", "1e300", "x", "5.5", "-3"]
    spec, options = Column("x", "date", format=form), TableOptions()
    wanted = typed(texts, {"x": spec}, options)
    values, bad = read(reader_of(spec, options.missing), texts, script=script)
    assert values == as_numbers(wanted.frame["x"], "date")
    assert len(bad) == wanted.bad.count


def test_cells_that_are_no_text_are_read() -> None:
    now = datetime.datetime(2024, 1, 31, 10, 20, 30, 5)
    berlin = now.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=1)))
    date = for_python(reader_of(Column("x", "date"), ()))
    microseconds = int(np.datetime64(now, "us").astype(np.int64))
    given = [now, berlin, now.date(), None, "2024-01-31T10:20:30.000005"]
    wanted = [
        microseconds,
        microseconds - 3_600_000_000,
        microseconds // 86_400_000_000 * 86_400_000_000,
        NO_DATE,
        microseconds,
    ]
    assert read_column(date, given)[0].tolist() == wanted
    fine = [np.datetime64("2024-01-31T10:20:30.000005", unit) for unit in ("ns", "us")] + [np.datetime64("NaT", "ns")]
    since = for_python(reader_of(Column("x", "date", format="microseconds since 1970"), ()))
    for reader in (date, since):
        assert read_column(reader, fine)[0].tolist() == [microseconds, microseconds, NO_DATE]
    number = for_python(reader_of(Column("x", "numeric"), ("-1",)))
    found, bad = read_column(number, [1, 2.5, True, None, float("nan"), -1, float("inf"), np.float32(0.5), [1]])
    np.testing.assert_array_equal(found, [1, 2.5, 1, np.nan, np.nan, np.nan, np.nan, 0.5, np.nan])
    assert [cell.row for cell in bad] == [6, 8]
    text = for_python(reader_of(Column("x", "categorical"), ()))
    assert read_column(text, [1.0, 2.5, True, None, 7])[0].tolist() == ["1", "2.5", "true", "", "7"]
    flag = for_python(reader_of(Column("x", "boolean"), ()))
    np.testing.assert_array_equal(read_column(flag, [True, False, None, 1, "no"])[0], [1, 0, np.nan, 1, 0])
