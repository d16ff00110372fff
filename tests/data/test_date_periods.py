"""Weeks, quarters, half-years and months become the first day of the period; Python's calendar is the witness."""

import datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.data.disk.convert_table import convert
from batchwright.data.formats.delimited import read_csv
from batchwright.data.typed.date_format import read_dates
from batchwright.data.typed.date_periods import period_format
from batchwright.data.typed.date_search import find_written
from batchwright.data.typed.schema import Schema
from batchwright.errors import DataError


def day(*numbers: int) -> datetime.datetime:
    return datetime.datetime(*numbers)  # type: ignore[arg-type]


@given(
    day=st.dates(datetime.date(1900, 1, 8), datetime.date(2199, 12, 20)), form=st.sampled_from(["%G-W%V-%u", "%GW%V%u"])
)
def test_days_of_weeks_are_those_of_python(day: datetime.date, form: str) -> None:
    cells = pl.Series("x", [day.strftime(form)])
    found = find_written(cells)
    assert found is not None and found.format == form
    assert read_dates(cells, form).dt.date().to_list() == [day]


@given(st.integers(1900, 2199), st.integers(0, 60))
def test_weeks_are_those_of_python_and_no_year_has_more(year: int, week: int) -> None:
    try:
        expected = datetime.datetime.fromisocalendar(year, week, 1)
    except ValueError:
        expected = None
    assert read_dates(pl.Series([f"{year}-W{week:02d}"]), "%G-W%V").to_list() == [expected]


@pytest.mark.parametrize(
    ("cells", "days", "form", "period"),
    [
        (["2023-W05", "2023-W06"], [day(2023, 1, 30), day(2023, 2, 6)], "%G-W%V", "week"),
        (["2023W05", "2023W06"], [day(2023, 1, 30), day(2023, 2, 6)], "%GW%V", "week"),
        (["KW 5/2023", "KW 52/2022"], [day(2023, 1, 30), day(2022, 12, 26)], "KW %V/%G", "week"),
        (["2023Q1", "2023q4"], [day(2023, 1, 1), day(2023, 10, 1)], "%YQ%q", "quarter"),
        (["2023-Q2", "1999-Q3"], [day(2023, 4, 1), day(1999, 7, 1)], "%Y-Q%q", "quarter"),
        (["Q1 2023", "Q3 2023"], [day(2023, 1, 1), day(2023, 7, 1)], "Q%q %Y", "quarter"),
        (["1Q23", "4Q99"], [day(2023, 1, 1), day(1999, 10, 1)], "%qQ%y", "quarter"),
        (["Q1'23", "Q4'99"], [day(2023, 1, 1), day(1999, 10, 1)], "Q%q'%y", "quarter"),
        (["1. Quartal 2023", "4. Quartal 2022"], [day(2023, 1, 1), day(2022, 10, 1)], "%q. QUARTAL %Y", "quarter"),
        (["1st quarter 2023", "2nd quarter 2023"], [day(2023, 1, 1), day(2023, 4, 1)], "%qth QUARTER %Y", "quarter"),
        (["2023年第1季度", "2023年第3季度"], [day(2023, 1, 1), day(2023, 7, 1)], "%Y年第%q季度", "quarter"),
        (["H1 2023", "H2 2023"], [day(2023, 1, 1), day(2023, 7, 1)], "H%h %Y", "half-year"),
        (["2023-H2", "2022-H1"], [day(2023, 7, 1), day(2022, 1, 1)], "%Y-H%h", "half-year"),
        (["1H23", "2H23"], [day(2023, 1, 1), day(2023, 7, 1)], "%hH%y", "half-year"),
        (["2023M01", "2023M12"], [day(2023, 1, 1), day(2023, 12, 1)], "%YM%m", ""),
    ],
)
def test_periods_are_their_first_day_with_a_note(
    tmp_path: Path, cells: list[str], days: list[datetime.datetime], form: str, period: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "".join(f"{cell},1\n" for cell in cells), encoding="utf-8")
    table = read_csv(path)
    column = table.column("x")
    assert (column.kind, column.format) == ("date", form)
    assert any(column.note.startswith(f"dates as in {cell!r}") for cell in cells)
    assert (f"each is the first day of its {period}" in column.note) == bool(period)
    assert table.frame["x"].to_list() == days
    assert convert(path).table().frame.equals(table.frame)
    schema = Schema((column,), None, "regression")
    assert read_csv(path, schema=schema).frame["x"].to_list() == days
    path.write_text("x\nsoon\n", encoding="utf-8")
    with pytest.raises(DataError, match="'soon' is not a date like the others"):
        read_csv(path, schema=schema)


@pytest.mark.parametrize(
    "shape",
    ["9999", "A-9999", "Q9", "W99", "H9-99", "T9-99", "9999-99", "Q9 999", "99Q99", "9999-W999", "Room 9999", "S9"],
)
def test_other_shapes_are_no_periods(shape: str) -> None:
    assert period_format(shape) is None


@pytest.mark.parametrize("cells", [["2023Q5", "2023Q6"], ["2023-W54", "2023-W60"], ["H3 2023", "H4 2023"]])
def test_periods_that_no_year_has_stay_text(tmp_path: Path, cells: list[str]) -> None:
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{cell},1\n" for cell in cells * 3), encoding="utf-8")
    assert read_csv(tmp_path / "t.csv").kinds["x"] == "categorical"
