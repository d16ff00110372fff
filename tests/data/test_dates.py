"""Dates in text as people write them; Python's own parser and clock are the witnesses."""

import datetime
import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders import encode_new

from batchwright.data.disk.convert_table import convert
from batchwright.data.formats.delimited import read_csv
from batchwright.data.formats.source import read
from batchwright.data.load import load
from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.date_format import read_dates
from batchwright.data.typed.date_search import find_written
from batchwright.data.typed.dates import find_in_numbers
from batchwright.data.typed.schema import Column, Schema, as_plain, from_plain
from batchwright.data.typed.table import DEFAULT, Table, from_frame
from batchwright.errors import DataError

DAY_FIRST = TableOptions(day_first=True)


def table_of(
    tmp_path: Path, cells: list[str], options: TableOptions = DEFAULT, name: str = "x", quote: str = '"'
) -> Table:
    lines = "".join(f"{quote}{cell}{quote},{row % 3}\n" for row, cell in enumerate(cells))
    (tmp_path / "t.csv").write_text(f"{name},y\n{lines}", encoding="utf-8")
    return read_csv(tmp_path / "t.csv", options)


def day(*numbers: int) -> datetime.datetime:
    return datetime.datetime(*numbers)  # type: ignore[arg-type]


FORMATS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%d-%b-%y", "%d-%b-%Y",
    "%d %b %Y", "%B %d, %Y", "%b %d %Y", "%d%b%Y", "%d/%b/%Y:%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M",
    "%Y-%m-%dT%H:%M:%S.%f", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %I:%M:%S%p", "%a, %d %b %Y %H:%M:%S", "%A, %B %d, %Y",
    "%a %b %d %H:%M:%S %Y", "%c", "%Y年%m月%d日", "%Y年%m月%d日 %H:%M:%S", "%Y年%m月%d日 %H时%M分",
    "%H:%M %d.%m.%Y", "%b %d, %Y at %I:%M %p", "%d.%m.%y", "%Y%m%dT%H:%M:%S", "%d. %B %Y", "%m/%d/%y",
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(
    form=st.sampled_from(FORMATS),
    days=st.lists(st.datetimes(day(1970, 1, 1), day(2068, 1, 1)), min_size=1, max_size=30),
    case=st.sampled_from([str, str.upper, str.lower]),
)
def test_dates_are_those_of_python(form: str, days: list[datetime.datetime], case: Any) -> None:
    days = [day(2030, 1, 13, 13), *days, day(2024, 12, 28, 0, 7, 8, 9)]  # the day comes before the month, or after it
    cells = [case(one.strftime(form)) if "T%" not in form else one.strftime(form) for one in days]
    written = find_written(pl.Series("x", cells))
    assert written is not None
    assert written.fits == len(cells)
    assert not written.doubt or form == "%d.%m.%y", "30.1.13 may be in 2030 or in 2013"
    table = from_frame({"x": cells}, TableOptions(kinds={"x": "date"}))
    assert table.frame["x"].to_list() == [datetime.datetime.strptime(one.strftime(form), form) for one in days]


@settings(max_examples=50, deadline=None)
@given(
    days=st.lists(st.datetimes(day(1970, 1, 2), day(2068, 1, 1)), min_size=1, max_size=20),
    hours=st.lists(st.integers(-12, 14), min_size=2, max_size=3, unique=True),
    colon=st.booleans(),
)
def test_dates_of_several_zones_are_those_of_utc(days: list[Any], hours: list[int], colon: bool) -> None:
    zones = [datetime.timezone(datetime.timedelta(hours=hour, minutes=30 * (hour < 0))) for hour in hours]
    aware = [one.replace(microsecond=0, tzinfo=zones[row % len(zones)]) for row, one in enumerate(days * 3)]
    cells = [one.isoformat() if colon else one.strftime("%Y-%m-%d %H:%M:%S %z") for one in aware]
    table = from_frame({"x": cells}, TableOptions(kinds={"x": "date"}))
    assert table.frame["x"].to_list() == [one.astimezone(datetime.UTC).replace(tzinfo=None) for one in aware]
    assert "times are converted to UTC" in table.column("x").note


@pytest.mark.parametrize(
    ("cells", "first", "note"),
    [
        (["2021-03-01T12:00:00+02:00"], day(2021, 3, 1, 12), "in zone +02:00, as written"),
        (["2021-03-01T12:00:00Z", "2021-03-01 12:00:00 UTC"], day(2021, 3, 1, 12), ""),
        (["2021-03-01 12:00:00+02"], day(2021, 3, 1, 12), "+02:00"),
        (["2021-03-01T12:00:00+01:00[Europe/Berlin]"], day(2021, 3, 1, 12), "+01:00"),
        (["Sun Jan 07 2018 10:00:00 GMT+0100 (Central European Standard Time)"], day(2018, 1, 7, 10), "+01:00"),
        (["Mon, 7 Jan 2018 10:00:00 EST"], day(2018, 1, 7, 10), "-05:00"),
        (["2021-03-01 00:30:00+02:00", "2021-03-01 00:30:00"], day(2021, 3, 1, 0, 30), "without a zone, times are "),
        (["7-Jan-18", "07-DEC-69"], day(2018, 1, 7), "dates as in '07-DEC-69' (%d-%b-%y); two-digit years are"),
        (["Dec-2011", "Jan-2012"], day(2011, 12, 1), "(%b-%Y)"),
        (["2011-12", "2012-03"], day(2011, 12, 1), "(%Y-%m)"),
        (["12/2011", "1/2012"], day(2011, 12, 1), "(%m/%Y)"),
        (["7. März 2018", "1. Mai 2018"], day(2018, 3, 7), "(%d. %b %Y)"),
        (["7 février 2018", "1 août 2018"], day(2018, 2, 7), "(%d %b %Y)"),
        (["7 de enero de 2018"], day(2018, 1, 7), "(%d de %b de %Y)"),
        (["July 4th, 2018", "July 1st, 2018"], day(2018, 7, 4), "(%b %dth, %Y)"),
        (["1/2/2013 12:04 a.m.", "1/13/2013 12:04 P.M."], day(2013, 1, 2, 0, 4), "(%m/%d/%Y %I:%M %p)"),
        (["2018年1月7日 下午3:05"], day(2018, 1, 7, 15, 5), "(%Y年%m月%d日%p%I:%M)"),
        (["2018年1月7日上午10时30分20秒"], day(2018, 1, 7, 10, 30, 20), "(%Y年%m月%d日%p%I时%M分%S秒)"),
        (["2018/1/7 下午12:05"], day(2018, 1, 7, 12, 5), "%p"),
        (["2018. 1. 7."], day(2018, 1, 7), ""),
        (["14:35", "09:05"], day(1970, 1, 1, 14, 35), "times as in '09:05' (%H:%M)"),
        (["3 PM", "11 AM"], day(1970, 1, 1, 15), "(%I %p)"),
        (["2021-01-01", "2021-01-01 00:05", "2021-01-01 00:05:00.25"], day(2021, 1, 1), "in brackets may be missing"),
        (["1/2/2024", "3/4/2024"], day(2024, 1, 2), "%d/%m/%Y fits as well: `day_first=true` reads them so"),
        (["1.2.2024", "3.4.2024"], day(2024, 2, 1), "%m.%d.%Y fits as well: `day_first=false` reads them so"),
        (["1/2/2024", "13/4/2024"], day(2024, 2, 1), "dates as in '13/4/2024' (%d/%m/%Y)"),
        (["12-01-06", "20-01-06"], day(2006, 1, 12), "%y-%m-%d fits as well: `day_first=false` reads them so"),
        (["98-01-31", "12-01-06"], day(1998, 1, 31), "(%y-%m-%d)"),
        (["2024-02-29 23:59"], day(2024, 2, 29, 23, 59), ""),
    ],
)  # fmt: skip
def test_how_dates_are_read_is_noted(tmp_path: Path, cells: list[str], first: Any, note: str) -> None:
    table = table_of(tmp_path, cells)
    assert table.kinds["x"] == "date"
    assert table.frame["x"][0] == first
    assert note in table.column("x").note
    assert not table.frame["x"].null_count()
    if not note and cells[0][4] == "-":
        assert table.column("x").note == "", "plain dates need no note"


@pytest.mark.parametrize(
    "cells",
    [
        ["1.2.3", "4.5.6"], ["1.10.2", "1.9.14"], ["10-14", "15-19"], ["2011-12", "2012-13", "1999-00"],
        ["2001/02", "2002/03"], ["192.168.1.1", "10.0.0.1"], ["555-12-1234"], ["555-1234"], ["Mon", "Tue"],
        ["May", "June"], ["may 5", "june 12 2"], ["market 12", "of 2018"], ["2024-13-45", "2024-99-99"],
        ["99/99/9999", "88/88/8888"], ["16:9", "4:3"], ["5/2", "3/4"], ["A-2018", "B-2019"], ["12 Jan", "13 Feb"],
        ["2018-01-07-1", "2018-01-07-2"], ["25:61", "30:99"], ["-", "/"], ["T", "Z"], ["12:30:45:10"],
        ["2018-W54"], ["20 20 2020"], ["the 7 of May"], ["4:5:6"], ["+02:00", "Z"],
    ],
)  # fmt: skip
def test_what_is_no_date(tmp_path: Path, cells: list[str]) -> None:
    assert table_of(tmp_path, cells).kinds["x"] == "categorical"


def test_the_day_or_the_month_is_first_as_told(tmp_path: Path) -> None:
    cells = ["1/2/2024", "3/4/2024"]
    table = table_of(tmp_path, cells, DAY_FIRST)
    assert table.frame["x"].to_list() == [day(2024, 2, 1), day(2024, 4, 3)]
    assert table.column("x").note == "dates as in '1/2/2024' (%d/%m/%Y)"
    contradiction = table_of(tmp_path, ["1/22/2024", "3/24/2024"], DAY_FIRST)
    assert contradiction.kinds["x"] == "categorical"
    assert table_of(tmp_path, ["2024-01-02"], DAY_FIRST).frame["x"][0] == day(2024, 1, 2)


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        (["2024-01-31", "3.4.2012", "5/13/2013"] * 10, "looks like dates in 3 formats, such as "),
        (["01/13/2024", "14/01/2024"] * 10, "looks like dates that contradict each other, such as "),
        (
            ["2024-01-31", "2024-01-30", "2024-02-01", "soon"] * 9,
            "text, although 75% of the cells are dates as",
        ),
    ],
)
def test_text_that_nearly_is_dates_is_noted(tmp_path: Path, cells: list[str], note: str) -> None:
    table = table_of(tmp_path, cells)
    assert table.kinds["x"] == "categorical"
    assert note in table.column("x").note
    assert "kinds={x: date}` lists the cells that do not fit" in table.column("x").note
    with pytest.raises(DataError, match=r"is not a date like the others \(%"):
        table_of(tmp_path, cells, TableOptions(kinds={"x": "date"}))


def test_a_few_cells_that_do_not_fit_are_bad(tmp_path: Path) -> None:
    cells = [f"{number}.02.2024" for number in range(1, 21)]
    with pytest.raises(DataError, match=r"'30\.02\.2024' is not a date like the others"):
        table_of(tmp_path, [*cells, "30.02.2024"])
    rest = table_of(tmp_path, [*cells, "2024-02-01"], TableOptions(on_bad_rows="drop"))
    assert rest.rows == 20


def test_all_cells_decide_and_not_the_first(tmp_path: Path) -> None:
    cells = [f"{row % 12 + 1}/{row % 11 + 1}/2024" for row in range(5000)]
    assert "fits as well" in table_of(tmp_path, cells, quote="").column("x").note
    assert table_of(tmp_path, [*cells, "13/1/2024"], quote="").column("x").format == "%d/%m/%Y"
    assert table_of(tmp_path, [*cells, "1/13/2024"], quote="").column("x").format == "%m/%d/%Y"
    assert table_of(tmp_path, [*cells, "1/13/2024 7:05"], quote="").column("x").format == "%m/%d/%Y[ %H:%M]"


def test_many_cells_are_read_as_few(tmp_path: Path) -> None:
    cells = pl.Series("x", ["1-Jan-18", None, "3-mar-19"] * 50)
    dates = from_frame({"x": cells}, TableOptions(kinds={"x": "date"})).frame["x"]
    assert dates.to_list() == [day(2018, 1, 1), None, day(2019, 3, 3)] * 50


@pytest.mark.parametrize(
    ("name", "cells", "kind", "note"),
    [
        ("epoch", [1609459200, 1609462800], "date", "whole numbers read as seconds since 1970; `data.kinds={epoch"),
        ("created_time", [1609459200000, 1609462800000], "date", "milliseconds since 1970"),
        (
            "views",
            [1609459200, 1609462800],
            "numeric",
            "numbers, although they may be seconds since 1970; `data.kinds",
        ),
        ("epoch", [1609459200, 12], "numeric", ""),
        ("epoch", [1609459200.5, 1609462800.5], "numeric", ""),
        (
            "x",
            [20180100 + number for number in range(1, 32)],
            "date",
            "read as dates as in 20180107; `data.kinds={x: num",
        ),
        ("x", [20180100 + number for number in (*range(1, 31), 32, 33, 36)], "numeric", ""),
        (
            "x",
            [20180101, 20180102],
            "numeric",
            "although they may be dates as in 20180107; `data.kinds={x: date}` reads",
        ),
        ("date", [20180101, 20180102], "date", ""),
        ("date", [20180101123059, 20180102235959], "date", ""),
        ("x", [1, 2, 3], "numeric", ""),
    ],
)
def test_whole_numbers_that_are_dates(tmp_path: Path, name: str, cells: list[float], kind: str, note: str) -> None:
    for table in (table_of(tmp_path, [str(cell) for cell in cells], name=name), from_frame({name: cells})):
        assert table.kinds[name] == kind
        assert note in table.column(name).note
        assert table.column(name).note or not note
    if kind == "date" and name != "x" and cells[0] < 1e9 * 2:
        first = datetime.datetime.fromtimestamp(cells[0], datetime.UTC) if cells[0] > 1e9 else day(2018, 1, 1)
        assert table.frame[name][0] == first.replace(tzinfo=None)
    for told in (table_of(tmp_path, [str(cell) for cell in cells], TableOptions(kinds={name: "numeric"}), name),):
        assert told.frame[name].to_list() == cells


@given(
    st.lists(st.datetimes(day(2000, 1, 2), day(2030, 1, 1)), min_size=1, max_size=9), st.sampled_from([1, 1000, 10**6])
)
def test_time_counted_since_1970_is_that_of_python(days: list[datetime.datetime], unit: int) -> None:
    numbers = [int(one.replace(microsecond=0, tzinfo=datetime.UTC).timestamp()) * unit for one in days]
    dates = from_frame({"x": numbers}, TableOptions(kinds={"x": "date"})).frame["x"]
    assert dates.to_list() == [one.replace(microsecond=0) for one in days]


def test_numbers_that_are_no_days_are_no_dates() -> None:
    assert find_in_numbers(pl.Series("date", [20180230, 20180101])) is None
    assert find_in_numbers(pl.Series("date", [], dtype=pl.Float64)) is None
    assert find_in_numbers(pl.Series("date", [None, 1.5])) is None


def test_typed_columns_of_times_keep_their_type(tmp_path: Path) -> None:
    zoned = pl.Series([day(2024, 7, 1, 12)]).dt.replace_time_zone("Europe/Berlin")
    frame = pl.DataFrame({"clock": [datetime.time(14, 35)], "zoned": zoned, "text": ["7-Jan-18"]})
    table = from_frame(frame)
    assert table.frame.row(0) == (day(1970, 1, 1, 14, 35), day(2024, 7, 1, 10), "7-Jan-18")
    assert table.column("zoned").note == "times in zone Europe/Berlin are converted to UTC"
    assert "text that looks like dates stays text" in table.column("text").note
    (tmp_path / "t.jsonl").write_text('{"x": "7-Jan-18"}\n{"x": "8-Jan-18"}\n', encoding="utf-8")
    rows = read(tmp_path / "t.jsonl").train
    assert isinstance(rows, Table)
    assert rows.kinds["x"] == "categorical"


SCHEMA = Schema(
    (Column("x", "date", format="%d/%m/%Y %H:%M:%S+02:00"), Column("y", "numeric", used=False)), "y", "regression"
)


def test_new_rows_are_read_in_the_format_of_the_training(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x\n1/2/2024 10:00:00+02:00\n1/2/2024 10:00:00Z\n", encoding="utf-8")
    assert read_csv(tmp_path / "t.csv", schema=SCHEMA).frame["x"].to_list() == [
        day(2024, 2, 1, 10),
        day(2024, 2, 1, 12),
    ]
    (tmp_path / "t.csv").write_text("x\n1/13/2024 10:00:00Z\n", encoding="utf-8")
    with pytest.raises(DataError, match="is not a date like the others"):
        read_csv(tmp_path / "t.csv", schema=SCHEMA)
    known = Schema((Column("x", "date"),), None, "regression")
    for cell, reads in (("13.1.2024", True), ("1.2.2024", False)):
        (tmp_path / "t.csv").write_text(f"x\n{cell}\n", encoding="utf-8")
        if reads:
            assert read_csv(tmp_path / "t.csv", schema=known).frame["x"][0] == day(2024, 1, 13)
        else:
            with pytest.raises(DataError, match="is not a date like the others"):
                read_csv(tmp_path / "t.csv", schema=known)


def test_formats_saved_by_earlier_versions_are_read(tmp_path: Path) -> None:
    for form, cell in (("%Y-%m-%dT%H:%M:%S%.fZ", "2024-01-31T10:05:07.5Z"), ("%d.%m.%Y %H:%M", "31.1.2024 10:05")):
        plain = as_plain(Schema((Column("x", "date", format=form),), None, "regression"))
        (tmp_path / "t.csv").write_text(f"x\n{cell}\n", encoding="utf-8")
        schema = from_plain(Schema, json.loads(json.dumps(plain)))
        assert read_csv(tmp_path / "t.csv", schema=schema).frame["x"][0].replace(second=0, microsecond=0) == day(
            2024, 1, 31, 10, 5
        )


def test_the_end_of_a_day_is_the_beginning_of_the_next(tmp_path: Path) -> None:
    clock = table_of(tmp_path, ["08:00", "24:00", "23:59"])
    assert clock.column("x").note == "times as in '08:00' (%H:%M); 24:00 in 1 cell is 0:00 of the next day"
    assert clock.frame["x"].to_list() == [day(1970, 1, 1, 8), day(1970, 1, 2), day(1970, 1, 1, 23, 59)]
    for cells in (["2023-12-31 24:00", "2023-12-31 08:00"], ["31.12.2023 24:00:00", "31.12.2023 08:00:00"]):
        table = table_of(tmp_path, cells)
        assert table.frame["x"].to_list() == [day(2024, 1, 1), day(2023, 12, 31, 8)]
        assert "24:00 in 1 cell is 0:00 of the next day" in table.column("x").note
        assert convert(tmp_path / "t.csv").table().frame.equals(table.frame)
    assert table_of(tmp_path, ["08:00", "24:30", "25:00"]).column("x").format == "duration"


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        (["janv. 2023", "mars 2023", "févr. 2023"], "%b %Y"),
        (["январь 2023", "март 2023", "фев. 2023"], "%b %Y"),
        (["styczeń 2023", "marzec 2023", "luty 2023"], "%b %Y"),
        (["Ocak 2023", "Mart 2023", "Şubat 2023"], "%b %Y"),
        (["2023 Jan", "2023 Mär", "2023 Feb"], "%Y %b"),
        (["2023年1月", "2023年3月", "2023年2月"], "%Y年%m月"),
    ],
)
def test_months_of_other_languages_are_their_first_day(tmp_path: Path, cells: list[str], form: str) -> None:
    table = table_of(tmp_path, cells)
    assert table.column("x").format == form
    assert table.frame["x"].to_list() == [day(2023, 1, 1), day(2023, 3, 1), day(2023, 2, 1)]


@pytest.mark.parametrize(
    ("cells", "form"),
    [(["12:30 Uhr", "8:05 Uhr"], "%H:%M uhr"), (["12h30", "8h05"], "%Hh%M"), (["12.30 Uhr", "8.05 Uhr"], "%H.%M uhr")],
)
def test_clocks_with_a_word(tmp_path: Path, cells: list[str], form: str) -> None:
    table = table_of(tmp_path, cells)
    assert table.column("x").format == form
    assert table.frame["x"].to_list() == [day(1970, 1, 1, 12, 30), day(1970, 1, 1, 8, 5)]


def test_months_as_whole_numbers_are_dates_if_name_or_number_say_so() -> None:
    months = [100 * year + month for year in (2021, 2022) for month in range(1, 13)]
    assert find_in_numbers(pl.Series("month", months[:3])) == ("%Y%m", True)
    assert find_in_numbers(pl.Series("x", months)) == ("%Y%m", True)
    assert find_in_numbers(pl.Series("x", months[:23])) == ("%Y%m", False)
    assert find_in_numbers(pl.Series("month", [*months, 202213])) is None
    assert read_dates(pl.Series("x", months), "%Y%m").to_list() == [
        day(number // 100, number % 100, 1) for number in months
    ]


def test_in_pieces_and_for_new_rows_the_format_is_the_same(tmp_path: Path) -> None:
    draw = random.Random(1)
    days = [day(2024, 1, 1) + datetime.timedelta(minutes=draw.randrange(10**6)) for _ in range(200)]
    rows = "".join(f"{d:%d-%b-%y %I:%M %p},{int(d.timestamp())},{d:%H:%M},{d.hour % 2}\n" for d in days)
    (tmp_path / "t.csv").write_text(f"a,time,clock,y\n{rows}", encoding="utf-8")
    whole, store = read_csv(tmp_path / "t.csv"), convert(tmp_path / "t.csv")
    assert store.columns == whole.columns
    assert store.table().frame.equals(whole.frame)
    data = load(tmp_path / "t.csv", target="y", seed=1)
    assert [column.format for column in data.schema.columns] == ["%d-%b-%y %I:%M %p", "seconds since 1970", "%H:%M", ""]
    new = tmp_path / "new.csv"
    new.write_text("a,time,clock\n1-Feb-24 12:00 AM,1706745600,00:00\n", encoding="utf-8")
    assert encode_new(new, data.encoding)["numeric"].shape == (1, len(data.preprocessing.feature_names))
    new.write_text("a,time,clock\n1-Feb-24 12:00 AM,1706745600,noon\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"is not a date like the others \(%H:%M\)"):
        encode_new(new, data.encoding)


def test_a_target_of_dates_says_how_its_numbers_are_kept(tmp_path: Path) -> None:
    rows = "".join(f"{number},{1609459200 + number}\n" for number in range(40))
    (tmp_path / "t.csv").write_text(f"x,time\n{rows}", encoding="utf-8")
    with pytest.raises(DataError, match=r"`data.kinds=\{time: numeric\}` keeps its whole numbers"):
        load(tmp_path / "t.csv", target="time")
