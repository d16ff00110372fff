"""Fractions are read as Python's own, and two numbers in a cell that are no fraction stay text with a note."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.data.formats.delimited import read_csv
from batchwright.data.typed.fractions import QUOTIENT, find_fractions, read_fractions
from batchwright.data.typed.schema import Column, Schema
from batchwright.data.typed.table import Table, TableOptions
from batchwright.errors import DataError


def table_of(tmp_path: Path, cells: list[str], name: str = "x", kinds: Any = None, **more: Any) -> Table:
    (tmp_path / "t.csv").write_text(f"{name},y\n" + "".join(f"{cell},1\n" for cell in cells), encoding="utf-8")
    return read_csv(tmp_path / "t.csv", TableOptions(kinds=kinds or {}), **more)


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 200), st.integers(1, 200)), min_size=1))
def test_quotients_are_those_of_python(parts: list[tuple[int, int, int]]) -> None:
    texts = [f"{whole} {above}/{below}" if whole else f"{above} / {below}" for whole, above, below in parts]
    expected = [float(whole + Fraction(above, below)) for whole, above, below in parts]
    assert read_fractions(pl.Series(texts), QUOTIENT).to_list() == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("cells", "form", "numbers"),
    [
        (["4/10", "7/10", "10/10"], "out of 10", [4, 7, 10]),
        (["3 / 5", "4.5 / 5", "0 / 5"], "out of 5", [3, 4.5, 0]),
        (["4 out of 5 stars", "3 out of 5 stars"], "out of 5", [4, 3]),
        (["7 of 10", "2 out of 10", "13 von 10"], "out of 10", [7, 2, 13]),
        (["1/2", "3/4", "5/8"], "quotient", [0.5, 0.75, 0.625]),
        (["1 1/2", "2", "3/4"], "quotient", [1.5, 2, 0.75]),
        (["18/20", "22/30", "0/30"], "quotient", [0.9, 22 / 30, 0]),
    ],
)
def test_fractions_are_numbers_with_a_note(tmp_path: Path, cells: list[str], form: str, numbers: list[float]) -> None:
    table = table_of(tmp_path, cells)
    column = table.column("x")
    assert (column.kind, column.format) == ("numeric", form)
    assert "`data.kinds={x: categorical}` keeps what is written" in column.note
    assert table.frame["x"].to_list() == numbers
    schema = Schema((column,), None, "regression")
    assert table_of(tmp_path, cells, schema=schema).frame["x"].to_list() == numbers
    with pytest.raises(DataError, match="'soon' is not a fraction"):
        table_of(tmp_path, ["soon"], schema=schema)
    assert table_of(tmp_path, cells, kinds={"x": "numeric"}).column("x") == column


def test_another_number_below_is_a_bad_cell_of_a_rating(tmp_path: Path) -> None:
    schema = Schema((Column("x", "numeric", format="out of 10"),), None, "regression")
    with pytest.raises(DataError, match=r"'4/5' is not a fraction \(out of 10\)"):
        table_of(tmp_path, ["4/5"], schema=schema)


def test_two_numbers_stay_text_unless_quotients_are_asked_for(tmp_path: Path) -> None:
    cells = ["120/80", "131/85", "99/60"] * 3
    column = table_of(tmp_path, cells).column("x")
    assert column.kind == "categorical"
    assert column.note == (
        "two numbers in a cell, as in '120/80', stay text: make two columns of them, or `data.kinds={x: numeric}` "
        "takes their quotients"
    )
    assert table_of(tmp_path, cells, kinds={"x": "numeric"}).frame["x"][0] == 1.5


def test_days_and_months_are_no_fractions_if_the_name_says_so(tmp_path: Path) -> None:
    column = table_of(tmp_path, ["4/10", "7/10"], "date").column("date")
    assert (column.kind, "without a year stay text" in column.note) == ("categorical", True)
    assert table_of(tmp_path, ["4/10", "7/10"], "stars").column("stars").kind == "numeric"
    assert "days and months need a year" in table_of(tmp_path, ["4/10", "7/12"]).column("x").note


@pytest.mark.parametrize("cells", [["4/2010", "5/2011"], ["1/2/2013", "3/4/2013"]])
def test_dates_stay_dates(tmp_path: Path, cells: list[str]) -> None:
    assert table_of(tmp_path, cells).kinds["x"] == "date"


@pytest.mark.parametrize("cells", [["1/0", "2/0"], ["a/b"], ["1/2/3"], ["km/h"], ["10 of them"], [], ["5", "6"]])
def test_what_is_no_fraction(cells: list[str]) -> None:
    assert find_fractions(pl.Series("x", cells, dtype=pl.String)) is None
