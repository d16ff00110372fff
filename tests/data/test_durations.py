"""Lengths of time in text become seconds; Python's timedelta is the witness."""

import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.data.formats.delimited import read_csv
from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.durations import find_durations, read_durations
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


@pytest.mark.parametrize("cells", [["02:03:04", "23:00:00"], ["1:75", "2:99"], ["red 1", "blue"], ["P", "PT"], ["5m"]])
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
