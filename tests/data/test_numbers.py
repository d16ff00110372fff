"""Numbers as people write them are read as Python reads them written plainly, in one format for a column."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import encode_new

import batchwright as bw
from batchwright.data.disk.convert_table import convert
from batchwright.data.formats.delimited import read_csv
from batchwright.data.typed.numbers import NumberFormat, find_written
from batchwright.data.typed.schema import Column, Schema
from batchwright.data.typed.table import TableOptions, from_frame
from batchwright.errors import DataError

COMMA = TableOptions(decimal=",")


def file(folder: Path, cells: list[str], name: str = "table.csv") -> Path:
    path = folder / name
    path.write_text("x;y\n" + "".join(f"{cell};{'ab'[i % 2]}\n" for i, cell in enumerate(cells)), encoding="utf-8")
    return path


@st.composite
def written_numbers(draw: st.DrawFn) -> tuple[list[str], list[float]]:
    """Numbers in one format, at least one of which shows both marks, and the same numbers by Python's own float."""
    decimal, thousands = draw(st.sampled_from([".,", ". ", ".'", ",.", ", ", ",'", ".\u202f", ",\u00a0", ".’"]))
    before = draw(st.sampled_from(["", "$", "US$ ", "CHF ", "€"]))
    after = draw(st.sampled_from(["", "%", " %", " kg", " months", " m²", " sq ft", " €"]))
    digits = st.integers(1, 10**12)
    plain = [(1234567, "25"), *draw(st.lists(st.tuples(digits, st.from_regex("[0-9]{0,6}", fullmatch=True))))]
    texts, numbers = [], []
    for whole, part in plain:
        sign = draw(st.sampled_from(["", "", "-", "+", "−", "("]))
        magnitude = draw(st.sampled_from(["", "", "k", "M", "B"])) if after[:1] != "%" else ""
        body = f"{whole:,}".replace(",", thousands) + (decimal + part if part else "")
        start, end = ("(", ")") if sign == "(" else (sign, "")
        texts.append(f"{start}{before}{body}{magnitude}{after}{end}")
        power = {"": "", "k": "e3", "M": "e6", "B": "e9"}[magnitude]
        numbers.append(float(f"{'-' if sign in ('-', '−', '(') else ''}{whole}.{part}{power}"))
    if all(text.startswith("(") for text in texts):  # a column of nothing else is of codes
        texts.append(f"{before}5{decimal}5{after}")
        numbers.append(5.5)
    return texts, numbers


@given(written_numbers())
def test_numbers_are_read_exactly_in_whatever_format_they_are_written(written: tuple[list[str], list[float]]) -> None:
    texts, numbers = written
    cells = pl.Series("x", texts)
    found = find_written(cells, None)
    assert found is not None and found.fits == found.alike == len(texts)
    assert found.format.read(cells).to_list() == numbers


@pytest.mark.parametrize(
    ("cells", "numbers", "note"),
    [
        (["$1,200.50", "$3"], [1200.5, 3], "numbers as in '$1,200.50' (thousands ',', decimal '.', '$' before them)"),
        (["0,5", "1,234"], [0.5, 1.234], "numbers as in '1,234' (decimal ',')"),
        (["1,234", "12,345"], [1234, 12345], "numbers as in '12,345' (thousands ',', decimal '.'); `decimal=,` reads"),
        (["1.234", "5.678"], [1.234, 5.678], "1.234 read with a decimal point; `decimal=,` reads it as thousands"),
        (["1.234", "0.678"], [1.234, 0.678], ""),
        (["1 month", "36 months"], [1, 36], "numbers as in '36 months' ('months' after them)"),
        (["45%", "7 %"], [45, 7], "numbers as in '45%' ('%' after them)"),
        (["−5", "2"], [-5, 2], "numbers as in '−5'"),
        (["–5", "2,5"], [-5, 2.5], "numbers as in '2,5' (decimal ',')"),
        (
            ["4.997,39-", "12,50"],
            [-4997.39, 12.5],
            "numbers as in '4.997,39-' (thousands '.', decimal ',', a minus may",
        ),
        (["120-", "15-", "7"], [-120, -15, 7], "numbers as in '120-' (a minus may follow)"),
        (["12,5- €", "7 €"], [-12.5, 7], "numbers as in '12,5- €' (decimal ',', '€' after them, a minus may follow)"),
        (
            ["CHF 2'829.–", "CHF 12.50"],
            [2829, 12.5],
            "numbers as in \"CHF 2'829.–\" (thousands \"'\", decimal '.', 'CHF' before them)",
        ),
        (["2829.-", "12.50"], [2829, 12.5], "numbers as in '2829.-' (decimal '.')"),
        (["12,–", "5,50"], [12, 5.5], "numbers as in '12,–' (decimal ',')"),
        (["€ 5,--", "€ 12,50"], [5, 12.5], "numbers as in '€ 12,50' (decimal ',', '€' before them)"),
        (
            ["3,5 Mio.", "120 Tsd.", "1,2 Mrd."],
            [3.5e6, 120e3, 1.2e9],
            "numbers as in '1,2 Mrd.' = 1,200,000,000 (decimal",
        ),
        (["1.2 million", "3 billion"], [1.2e6, 3e9], "numbers as in '1.2 million' = 1,200,000 (decimal '.')"),
        (["3.5万元", "2亿元"], [35000, 2e8], "numbers as in '3.5万元' = 35,000 (decimal '.', '元' after them)"),
        (
            ["€110.5M", "€565K", "€0"],
            [110.5e6, 565e3, 0],
            "numbers as in '€110.5M' = 110,500,000 (decimal '.', '€' before them)",
        ),
        (["1,23,456", "12,34,567.5"], [123456, 1234567.5], "numbers as in '12,34,567.5' (thousands ','"),
        ([".5", "5.", "+6", "1e3"], [0.5, 5, 6, 1000], ""),
        ([",5", "5,", "+6", "1e3"], [0.5, 5, 6, 1000], "numbers as in"),
    ],
)
def test_a_format_is_found_and_told(tmp_path: Path, cells: list[str], numbers: list[float], note: str) -> None:
    table = read_csv(file(tmp_path, cells))
    assert table.kinds["x"] == "numeric"
    assert table.frame["x"].to_list() == numbers
    assert table.column("x").note.startswith(note) and bool(table.column("x").note) == bool(note)


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        (["12 kg", "13 lb"] * 3, "numbers in more than one format, such as '12 kg' and '13 lb', stay text"),
        (["$12", "€13"] * 3, "numbers in more than one format, such as '$12' and '€13', stay text"),
        (["1,50", "2.50"] * 3, "numbers in more than one format, such as '2.50' and '1,50', stay text"),
        (["45%", "0.45"] * 3, "numbers in more than one format, such as '0.45' and '45%', stay text"),
        (
            [f"{i % 10} kg" for i in range(18)] + ["many"],
            (
                "text, although 95% of the cells are numbers as in '0 kg'; others are as 'many': if they mean missing, "
                '`data.columns={x: {missing: ["many"]}}` makes numbers of the rest'
            ),
        ),
        (["$007", "$012"] * 3, "numbers with leading zeros or of 16 digits and more are kept as they are written"),
        (
            ["1-", "2", "2-", "3+"] * 3,
            "digits and signs, as in '1-', stay text: if they are numbers, write each as one plain number",
        ),
        (["10.-15.", "12.-18."] * 3, ""),
        (["+33 275 364 597", "+33 124 912 761"] * 3, ""),
        (
            ["+33275364597", "+33124912761"] * 3,
            "whole numbers that begin with + are kept as they are written, as those of telephones",
        ),
        (["A12", "A13"] * 3, ""),
        (["12A", "13C"] * 3, ""),
        (["(212)", "(213)"] * 3, ""),
        (["192.168.100.101", "192.168.100.102"] * 3, ""),
        (
            ["< 1 year", "2 years", "10+ years"] * 3,
            "ranges of numbers, as in '10+ years', are categories without an order",
        ),
    ],
)
def test_what_is_not_in_one_format_stays_text(tmp_path: Path, cells: list[str], note: str) -> None:
    column = read_csv(file(tmp_path, cells)).column("x")
    assert (column.kind, column.note.partition(": a column")[0], column.numbers) == ("categorical", note, None)


def test_a_few_other_cells_are_bad_cells(tmp_path: Path) -> None:
    path = file(tmp_path, [f"{i},5 kg" for i in range(99)] + ["3 lb"])
    with pytest.raises(DataError, match="line 101, column 'x': '3 lb' is not a number as in '1234,5 kg'"):
        read_csv(path)
    table = read_csv(path, TableOptions(on_bad_rows="drop"))
    assert table.rows == 99 and table.frame["x"][98] == 98.5


def test_the_decimal_mark_can_be_told(tmp_path: Path) -> None:
    assert read_csv(file(tmp_path, ["1,234", "5,678"]), COMMA).frame["x"].to_list() == [1.234, 5.678]
    assert read_csv(file(tmp_path, ["1.234", "5.678"]), COMMA).frame["x"].to_list() == [1234, 5678]
    assert read_csv(file(tmp_path, ["1.5", "2.5"] * 2), COMMA).kinds["x"] == "categorical"
    whole = read_csv(file(tmp_path, ["1", "2"]), COMMA)
    assert whole.column("x") == Column("x", "numeric", numbers=NumberFormat(decimal=","))


def test_kinds_also_finds_the_format(tmp_path: Path) -> None:
    cells = ["$1,200", "$3"] * 2
    told = TableOptions(kinds={"x": "numeric"})
    assert read_csv(file(tmp_path, cells), told).frame["x"].to_list() == [1200, 3] * 2
    assert from_frame({"x": cells}, told).frame["x"].to_list() == [1200, 3] * 2
    assert from_frame({"x": cells}).kinds["x"] == "categorical"  # a data frame keeps its types


@pytest.mark.parametrize("cells", [["1.200,5 €", "3 €"], ["12 kg", "13 lb"], ["1.234", "5.678"], ["5", "7"]])
def test_in_pieces_as_in_memory(tmp_path: Path, cells: list[str]) -> None:
    path = file(tmp_path, cells * 20)
    for options in (TableOptions(), COMMA):
        table, store = read_csv(path, options), convert(path, options, cache_dir=tmp_path / "cache")
        assert store.columns == table.columns
        assert store.table().frame.equals(table.frame)


def test_new_rows_are_read_in_the_format_of_the_training_rows(tmp_path: Path) -> None:
    data = bw.load(file(tmp_path, [f"{i % 9 + 1}.{i % 30:03d},5 kg" for i in range(60)]), target="y")
    plain = json.loads(json.dumps(data.encoding.to_json()))
    encoding = type(data.encoding).from_json(plain)
    assert encoding == data.encoding
    new = file(tmp_path, ["1.234 kg", "2,5 kg"], "new.csv")
    numbers = encode_new({"x": [1234.0, 2.5]}, encoding)["numeric"]
    assert np.array_equal(encode_new(new, encoding)["numeric"], numbers)
    assert np.array_equal(encode_new({"x": ["1.234 kg", "2,5 kg"]}, encoding)["numeric"], numbers)
    stored = convert(new, encoding.reading, schema=encoding.schema, cache_dir=tmp_path / "cache").table()
    assert np.array_equal(encoding.inputs(stored)["numeric"], numbers)
    with pytest.raises(DataError, match="'2' is not a number as in"):
        encode_new(file(tmp_path, ["2"], "other.csv"), encoding)
    assert any(note.startswith("column 'x': numbers as in") for note in data.notes)


def test_plain_columns_are_saved_as_before() -> None:
    column = Column("x", "numeric")
    schema = Schema((column,), None, "regression")
    assert schema.to_json()["columns"] == ({"name": "x", "kind": "numeric", "used": True, "note": "", "format": ""},)
    written = Schema((dataclasses.replace(column, numbers=NumberFormat(after="%")),), None, "regression")
    assert Schema.from_json(written.to_json()) == written
