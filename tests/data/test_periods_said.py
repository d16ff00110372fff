"""Quarters in the ways that people write them are dates, and what is no date in a known format is said."""

import datetime
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.data.formats.delimited import read_csv
from batchwright.data.typed.date_format import read_dates
from batchwright.data.typed.date_search import find_written
from batchwright.data.typed.schema import Column

WAYS: tuple[Callable[[int, int], str], ...] = (
    lambda year, quarter: f"FY{year % 100:02d} Q{quarter}",
    lambda year, quarter: f"FY{year} Q{quarter}",
    lambda year, quarter: f"FY{year}-Q{quarter}",
    lambda year, quarter: f"fy{year % 100:02d}q{quarter}",
    lambda year, quarter: f"Q{quarter} FY{year}",
    lambda year, quarter: f"Q{quarter}FY{year % 100:02d}",
    lambda year, quarter: f"{quarter}QFY{year}",
    lambda year, quarter: f"CY{year} Q{quarter}",
    lambda year, quarter: f"{year % 100:02d}Q{quarter}",
    lambda year, quarter: f"Quarter {quarter}, {year}",
    lambda year, quarter: f"Q{quarter}, {year}",
    lambda year, quarter: f"{year}Q{quarter}",
)


def column_of(folder: Path, cells: list[str]) -> Column:
    path = folder / "t.csv"
    rows = enumerate(islice(cycle(cells), 60))
    path.write_text("x,y\n" + "".join(f'"{cell}",{number % 7}\n' for number, cell in rows), encoding="utf-8")
    return read_csv(path).column("x")


@given(st.sampled_from(WAYS), st.lists(st.tuples(st.integers(1969, 2068), st.integers(1, 4)), min_size=1))
def test_quarters_are_their_first_days_however_they_are_written(
    way: Callable[[int, int], str], quarters: list[tuple[int, int]]
) -> None:
    cells = pl.Series("x", [way(*one) for one in quarters])
    found = find_written(cells)
    assert found is not None and found.fits == len(cells)
    expected = [datetime.datetime(year, 3 * quarter - 2, 1) for year, quarter in quarters]
    assert read_dates(cells, found.format).to_list() == expected


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (
            ["FY23 Q1", "FY23 Q2"],
            "dates as in 'FY23 Q1' (FY%y Q%q); each is the first day of its quarter; years begin in",
        ),
        (
            ["FY2021", "FY2022"],
            "dates as in 'FY2021' (FY%Y); each is the first day of its year; years begin in January",
        ),
        (["CY2021 Q2", "CY2022 Q1"], "dates as in 'CY2021 Q2' (CY%Y Q%q); each is the first day of its quarter"),
    ],
)
def test_when_a_year_of_accounts_begins_is_said(tmp_path: Path, cells: list[str], said: str) -> None:
    column = column_of(tmp_path, cells)
    assert column.kind == "date" and column.note.startswith(said)
    assert ("begin in January" in column.note) == cells[0].startswith("FY")


@pytest.mark.parametrize(
    "cells",
    [
        ["FY 2023/24 Q1", "FY 2023/24 Q2", "FY 2024/25 Q1"],
        ["FY22/23", "FY23/24", "FY24/25"],
        ["wk05-23", "wk06-23", "wk07-23"],
        ["2023-05W", "2023-06W", "2023-07W"],
        ["Jan-Mar 2023", "Apr-Jun 2023", "Jul-Sep 2023"],
    ],
)
def test_other_periods_are_categories_with_a_note(tmp_path: Path, cells: list[str]) -> None:
    column = column_of(tmp_path, cells)
    assert column.kind == "categorical"
    assert column.note.startswith("periods, as in '") and "written as 2023-Q1, 2023-W05 or 2023-01" in column.note


@pytest.mark.parametrize(
    "cells",
    [
        ["S21 100", "S22 101", "S23 400"],
        ["W12 Bern", "W13 Basel", "W14 Chur"],
        ["Q1", "Q2", "Q3"],
        ["May", "Jun", "Jul"],
    ],
)
def test_codes_and_parts_of_any_year_are_no_periods(tmp_path: Path, cells: list[str]) -> None:
    column = column_of(tmp_path, cells)
    assert (column.kind, column.note) == ("categorical", "")


def test_lengths_of_time_among_other_text_are_said(tmp_path: Path) -> None:
    column = column_of(tmp_path, ["3 yrs 7 mon", "2 yrs 1 mon", "5 mon", "1 yrs 0 mon", "unknown"])
    assert column.kind == "categorical"
    assert column.note == (
        "text, although 80% of the cells are lengths of time as in '1 yrs 0 mon'; others are as 'unknown': if they "
        'mean missing, `data.columns={x: {missing: ["unknown"]}}` makes numbers of the rest'
    )


def test_quarters_with_a_colon_are_no_minutes_and_seconds(tmp_path: Path) -> None:
    column = column_of(tmp_path, ["2023:1", "2023:2", "2024:4"])
    assert column.kind == "categorical" and column.note.startswith("several numbers in a cell, as in '2023:1'")
