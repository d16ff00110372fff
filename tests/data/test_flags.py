"""Flags written in several ways are two values, and codes that only look like flags are none."""

import itertools
import json
from pathlib import Path

import polars as pl
import pytest

from batchwright.data.formats.delimited import read_csv
from batchwright.data.typed.flags import FALSE, TRUE, doubt_flags, find_flags
from batchwright.data.typed.schema import ColumnOptions, Schema
from batchwright.data.typed.table import DEFAULT, Table, TableOptions, from_frame


def table_of(tmp_path: Path, cells: list[str], options: TableOptions = DEFAULT, schema: Schema | None = None) -> Table:
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{cell},1\n" for cell in cells), encoding="utf-8")
    return read_csv(tmp_path / "t.csv", options, schema=schema)


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "0", "yes", "no"], [True, False, True, False]),
        (["True", "1", "0", "FALSE", "Y"], [True, True, False, False, True]),
        (["ja", "nein", "1", "0"], [True, False, True, False]),
        (["1", "0"] * 30 + ["no"], [True, False] * 30 + [False]),
        (["yes", "no", "n", ""], [True, False, False, None]),
        (["WAHR", "false", "FALSCH"], [True, False, False]),
        (["да", "нет", "1"], [True, False, True]),
    ],
)
def test_flags_in_several_ways_are_two_values(tmp_path: Path, cells: list[str], values: list[bool | None]) -> None:
    table = table_of(tmp_path, cells)
    column = table.column("x")
    assert column.kind == "boolean" and column.note.startswith("read as true: ")
    assert table.frame["x"].to_list() == values
    schema = Schema((column,), None, "classification")
    assert table_of(tmp_path, ["0", "YES"], schema=schema).frame["x"].to_list() == [False, True]


def test_what_is_written_is_kept_where_that_is_told(tmp_path: Path) -> None:
    table = table_of(tmp_path, ["1", "0", "yes", "no"], TableOptions(kinds={"x": "categorical"}))
    assert table.frame["x"].to_list() == ["1", "0", "yes", "no"]


@pytest.mark.parametrize(
    "cells",
    [["yes", "no"], ["Yes", "yes", "no"], ["t", "f", "y"], ["n", "y", "t", "f"], ["1", "yes", "true"], ["0", "no", "n"],
     ["red", "yes", "no", "1", "0", "blue", "green"], ["0", "1", "2", "yes"], ["3", "4"], ["a", "b"], []],
)  # fmt: skip
def test_two_ways_and_codes_are_no_flags(cells: list[str]) -> None:
    texts = pl.Series("x", cells, dtype=pl.String)
    assert find_flags(texts) == doubt_flags(texts) == ""


def test_flags_beside_another_text_are_categories_with_a_remedy_that_works(tmp_path: Path) -> None:
    cells = ["yes", "no", "1", "0", "unknown"]
    note = table_of(tmp_path, cells).column("x").note
    assert note.startswith("'1', 'yes' may mean true, and '0', 'no' false; `data.columns=")
    told = json.loads(note.partition("data.columns=")[2].partition("`")[0])["x"]
    options = TableOptions(columns={"x": ColumnOptions(told["kind"], missing=tuple(told["missing"]))})
    assert table_of(tmp_path, cells, options).frame["x"].to_list() == [True, False, True, False, None]


def test_text_with_a_type_is_noted() -> None:
    column = from_frame({"x": ["1", "yes", "0", "no"]}).column("x")
    assert (column.kind, "kind" in column.note) == ("categorical", True)


def test_no_word_is_both() -> None:
    assert not {*TRUE} & {*FALSE}
    words = list(itertools.chain(TRUE, FALSE))
    assert words == [word.lower() for word in words] and len(set(words)) == len(words)
