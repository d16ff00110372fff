"""Lengths of time in text become seconds; Python's timedelta is the witness."""

import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.data.disk.convert_table import convert
from batchwright.data.formats.delimited import read_csv
from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.durations import MONTHS, find_durations, read_durations
from batchwright.data.typed.schema import Column, Schema
from batchwright.data.typed.table import Table, from_frame
from batchwright.errors import DataError


def table_of(tmp_path: Path, cells: list[str], name: str = "x", kinds: Any = None, **more: Any) -> Table:
    (tmp_path / "t.csv").write_text(f"{name},y\n" + "".join(f'"{cell}",1\n' for cell in cells), encoding="utf-8")
    return read_csv(tmp_path / "t.csv", TableOptions(kinds=kinds or {}), **more)


def write_iso(length: datetime.timedelta) -> str:
    hours, rest = divmod(length.seconds, 3600)
    return f"P{length.days}DT{hours}H{rest // 60}M{rest % 60}.{length.microseconds:06d}S"


def write_units(length: datetime.timedelta) -> str:
    hours, rest = divmod(length.seconds, 3600)
    return f"{length.days}d {hours} hours, {rest // 60}min {rest % 60}.{length.microseconds:06d} sec"


def write_clock(length: datetime.timedelta) -> str:
    seconds = length // datetime.timedelta(seconds=1)
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{length.microseconds:06d}"


@given(
    st.lists(st.timedeltas(datetime.timedelta(0), datetime.timedelta(days=10**5)), min_size=1),
    st.sampled_from([write_iso, write_units, write_clock]),
)
def test_seconds_are_those_of_python(lengths: list[datetime.timedelta], write: Any) -> None:
    seconds = read_durations(pl.Series([write(length) for length in lengths])).to_list()
    assert seconds == pytest.approx([length.total_seconds() for length in lengths])


@given(st.lists(st.timedeltas(-datetime.timedelta(days=999), datetime.timedelta(days=999)), min_size=1))
def test_what_python_and_pandas_write_is_read(lengths: list[datetime.timedelta]) -> None:
    expected = [length.total_seconds() for length in lengths]
    assert read_durations(pl.Series(list(map(str, lengths)))).to_list() == pytest.approx(expected)
    days_first = [
        f"{length.days} days {'+' if length.days < 0 else ''}{write_clock(length % datetime.timedelta(days=1))}"
        for length in lengths
    ]
    assert read_durations(pl.Series(days_first)).to_list() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "cells", "seconds", "note"),
    [
        ("x", ["1 day 02:03:04", "0 days 00:00:01.5"], [93784, 1.5], "durations as in '0 days 00:00:01.5', in seconds"),
        ("x", ["02:03:04", "26:00:00"], [7384, 93600], "durations as in '26:00:00', in seconds"),
        ("duration", ["02:03:04", "01:00:00"], [7384, 3600], "durations as in '01:00:00', in seconds"),
        ("x", ["3:45", "61:02"], [225, 3662], "durations as in '61:02' (minutes and seconds), in seconds"),
        ("x", ["2h 50m", "19h", "5m"], [10200, 68400, 300], "durations as in '2h 50m', in seconds"),
        ("x", ["PT1H30M", "P1D"], [5400, 86400], "durations as in 'PT1H30M', in seconds"),
    ],
)
def test_durations_are_seconds_with_a_note(
    tmp_path: Path, name: str, cells: list[str], seconds: list[float], note: str
) -> None:
    table = table_of(tmp_path, cells, name)
    assert table.column(name) == Column(name, "numeric", note=note, format="duration")
    assert table.frame[name].to_list() == seconds
    schema = Schema((table.column(name),), None, "regression")
    assert table_of(tmp_path, cells, name, schema=schema).frame[name].to_list() == seconds
    with pytest.raises(DataError, match="'soon' is not a length of time"):
        table_of(tmp_path, ["soon"], name, schema=schema)


@pytest.mark.parametrize(
    ("cells", "numbers", "form", "note"),
    [
        (["3 yrs 7 mon", "0 yrs 11 mon"], [43, 11], "duration in months", "'0 yrs 11 mon', in months (a year is 12)"),
        (["1y 3m", "2y", "9m"], [15, 24, 9], "duration in months", "'1y 3m', in months (a year is 12)"),
        (["2 Jahre", "1 Jahr 3 Monate", "6 Monate"], [24, 15, 6], "duration in months", "'1 Jahr 3 Monate', in months"),
        (["P1Y2M", "P6M"], [14, 6], "duration in months", "'P1Y2M', in months"),
        (["2 years"] * 30 + ["6 months"], [24] * 30 + [6], "duration in months", "'6 months', in months"),
        (
            ["2 years", "3 weeks", "5 days"],
            [730.5, 21, 5],
            "duration in days",
            "'2 years', in days (a year is 365.25, a",
        ),
        (["1 month", "1 day 12 hours"], [365.25 / 12, 1.5], "duration in days", "'1 day 12 hours', in days"),
        (["90 min", "2 h", "1.5 h"], [5400, 7200, 5400], "duration", "'90 min', in seconds"),
        (["2 weeks 1 day", "3 days"], [1296000, 259200], "duration", "'2 weeks 1 day', in seconds"),
        (["2 Stunden 5 Minuten", "1 Stunde"], [7500, 3600], "duration", "'2 Stunden 5 Minuten', in seconds"),
        (["3小时20分钟", "90分钟"], [12000, 5400], "duration", "'3小时20分钟', in seconds"),
    ],
)
def test_each_column_has_one_unit_of_time(
    tmp_path: Path, cells: list[str], numbers: list[float], form: str, note: str
) -> None:
    table = table_of(tmp_path, cells)
    column = table.column("x")
    assert (column.kind, column.format) == ("numeric", form)
    assert column.note.startswith(f"durations as in {note}")
    assert table.frame["x"].to_list() == pytest.approx(numbers, rel=1e-12)
    assert convert(tmp_path / "t.csv").table().frame.equals(table.frame)
    schema = Schema((column,), None, "regression")
    assert table_of(tmp_path, cells, schema=schema).frame["x"].to_list() == pytest.approx(numbers, rel=1e-12)
    with pytest.raises(DataError, match="'soon' is not a length of time"):
        table_of(tmp_path, ["soon"], schema=schema)
    assert table_of(tmp_path, cells, kinds={"x": "numeric"}).column("x") == column


@given(
    st.integers(0, 150),
    st.integers(0, 11),
    st.sampled_from(["{}y {}m", "{} years, {} months", "{}yrs {}mon", "P{}Y{}M"]),
)
def test_years_are_twelve_months(years: int, months: int, form: str) -> None:
    assert read_durations(pl.Series([form.format(years, months)]), MONTHS).to_list() == [12 * years + months]


def test_days_in_a_column_of_months_are_bad_cells(tmp_path: Path) -> None:
    schema = Schema((Column("x", "numeric", format=MONTHS),), None, "regression")
    with pytest.raises(DataError, match="'5 days' is not a length of time in years and months"):
        table_of(tmp_path, ["5 days"], schema=schema)


@pytest.mark.parametrize(
    "cells",
    [
        ["02:03:04", "23:00:00"],
        ["1:75", "2:99"],
        ["red 1", "blue"],
        ["P", "PT"],
        ["5m"],
        ["5m", "10s"],
        ["5m", "3d"],
        ["2023年1月", "2023年2月"],
        ["08:00", "24:00"],
        ["2023-05", "2024-06"],
        ["3 a", "5 b"],
    ],
)
def test_what_is_no_duration(cells: list[str]) -> None:
    assert find_durations(pl.Series("x", cells)) is None


def test_durations_are_numbers_where_that_is_told(tmp_path: Path) -> None:
    table = table_of(tmp_path, ["02:03:04", "05:00:00"], kinds={"x": "numeric"})
    assert table.frame["x"].to_list() == [7384, 18000]
    assert table.column("x").format == "duration"


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_columns_of_durations_are_seconds(unit: Any) -> None:
    lengths = pl.Series([datetime.timedelta(seconds=1.5), None, datetime.timedelta(days=-1)], dtype=pl.Duration(unit))
    table = from_frame({"x": lengths})
    assert table.frame["x"].to_list() == [1.5, None, -86400.0]
    assert table.column("x") == Column("x", "numeric", note="lengths of time, in seconds", format="duration")
