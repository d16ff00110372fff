"""A column that could have either decimal mark is read as the other columns of its file plainly are."""

import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from tests.workbooks import write_xlsx

from batchwright.data.disk import typed_columns
from batchwright.data.disk.convert_table import convert
from batchwright.data.formats import parsed_numbers
from batchwright.data.formats.delimited import read_csv
from batchwright.data.formats.source import read
from batchwright.data.typed.decimal_marks import ONLY_A_POINT, PLAIN
from batchwright.data.typed.numbers import NumberFormat, look_like
from batchwright.data.typed.schema import ColumnOptions, Schema
from batchwright.data.typed.table import DEFAULT, Table, TableOptions, from_frame
from batchwright.errors import DataError

UNITS = ("", " g", " months", "%", "$")
SWAP = str.maketrans(".,", ",.")


def write(folder: Path, columns: dict[str, list[str]], name: str = "table.csv") -> Path:
    path = folder / name
    rows = zip(*columns.values(), strict=True)
    path.write_text("\n".join([";".join(columns), *(";".join(row) for row in rows)]) + "\n", encoding="utf-8")
    return path


def streamed(path: Path, options: TableOptions = DEFAULT) -> Table:
    return convert(path, options).table()


@st.composite
def written_columns(draw: st.DrawFn) -> tuple[dict[str, list[str]], dict[str, list[float | None]]]:
    """Columns with a decimal point, one of them plainly, in any order; and the numbers by Python's own float."""
    rows = draw(st.integers(2, 6))
    texts, numbers = {"sure": ["0.5", *["17.25"] * (rows - 1)]}, {"sure": [0.5, *[17.25] * (rows - 1)]}
    for place in range(draw(st.integers(1, 3))):
        unit, decimals, mark = draw(st.sampled_from(UNITS)), draw(st.sampled_from([0, 2, 3])), draw(st.booleans())
        name, before, after = f"x{place}", unit if unit == "$" else "", unit if unit != "$" else ""
        cells = draw(st.lists(st.none() | st.integers(1, 10**9), min_size=rows - 1, max_size=rows - 1))
        parts = [None if cell is None else divmod(cell, 10**decimals) for cell in (1234567, *cells)]
        ends = [None if one is None else f".{one[1]:0{decimals}}" if decimals else "" for one in parts]
        texts[name] = [
            "" if one is None else f"{before}{one[0]:,}{end}{after}" if mark else f"{before}{one[0]}{end}{after}"
            for one, end in zip(parts, ends, strict=True)
        ]
        numbers[name] = [None if one is None else float(f"{one[0]}{end}") for one, end in zip(parts, ends, strict=True)]
    order = draw(st.permutations(list(texts)))
    return {name: texts[name] for name in order}, {name: numbers[name] for name in order}


@settings(max_examples=20, deadline=None)
@given(written_columns())
def test_a_table_with_commas_is_the_same_table_with_points(
    written: tuple[dict[str, list[str]], dict[str, list[float | None]]],
) -> None:
    texts, numbers = written
    with tempfile.TemporaryDirectory() as folder:
        points = read_csv(write(Path(folder), texts, "points.csv"))
        swapped = {name: [cell.translate(SWAP) for cell in cells] for name, cells in texts.items()}
        path = write(Path(folder), swapped, "commas.csv")
        commas = read_csv(path)
        on_disk = streamed(path)
    assert commas.kinds == points.kinds
    assert_frame_equal(commas.frame, points.frame)
    for name, kind in points.kinds.items():
        if kind == "numeric":
            assert points.frame[name].to_list() == numbers[name]
            assert commas.column(name).numbers is not None and commas.column(name).numbers.decimal == ","
    assert_frame_equal(on_disk.frame, commas.frame)
    assert on_disk.columns == commas.columns


WEIGHTS, WHOLE = ["2.700 g", "1.250 g"], ["2,700", "31"]


def followed(read: str, mark: str, setting: str) -> str:
    """The note of a column that follows another."""
    other = mark.translate(SWAP)
    advice = f"`data.columns={{x: {{number: {{{setting}}}}}}}` reads {other!r} as the decimal mark"
    return f"numbers as in {read}; decimal {mark!r} as in column 'price'; {advice}"


GRAMS_BY_COMMA = followed("'1.250 g' (thousands '.', decimal ',', 'g' after them)", ",", 'decimal: ".", after: "g"')
GRAMS_BY_POINT = followed("'1.250 g' (decimal '.', 'g' after them)", ".", 'decimal: ",", thousands: ".", after: "g"')
WHOLE_BY_COMMA = followed("'2,700' (decimal ',')", ",", 'decimal: ".", thousands: ","')
WHOLE_BY_POINT = followed("'2,700' (thousands ',', decimal '.')", ".", 'decimal: ","')
WHOLE_IN_DOUBT = "numbers as in '2,700' (thousands ',', decimal '.'); `decimal=,` reads ',' as the decimal mark"
PLAIN_BY_COMMA = followed("'2.700' (thousands '.', decimal ',')", ",", 'decimal: "."')


@pytest.mark.parametrize(
    ("prices", "cells", "numbers", "note"),
    [
        (["1,5", "20"], WEIGHTS, [2700, 1250], GRAMS_BY_COMMA),
        (["1.5", "20"], WEIGHTS, [2.7, 1.25], GRAMS_BY_POINT),
        (["1,5", "20"], WHOLE, [2.7, 31], WHOLE_BY_COMMA),
        (["1.5", "20"], WHOLE, [2700, 31], WHOLE_BY_POINT),
        (["1,5", "20"], ["2.700", "31"], [2700, 31], PLAIN_BY_COMMA),
        (["1.5", "20"], ["2.700", "31"], [2.7, 31], ""),
        (
            ["1.234", "2"],
            ["2.700", "31"],
            [2.7, 31],
            "2.700 read with a decimal point; `decimal=,` reads it as thousands",
        ),
        (["1.234", "2"], WHOLE, [2700, 31], WHOLE_IN_DOUBT),
        (["1,5", "20"], ["2700", "31"], [2700, 31], ""),
    ],
)
def test_a_doubtful_column_follows_the_others_and_says_so(
    tmp_path: Path, prices: list[str], cells: list[str], numbers: list[float], note: str
) -> None:
    path = write(tmp_path, {"x": cells, "price": prices})
    table = read_csv(path)
    assert table.frame["x"].to_list() == numbers
    assert table.column("x").note == note
    assert streamed(path).columns == table.columns


def test_a_file_with_both_marks_tells_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, {"price": ["1,5", "20"], "size": ["1.5", "20"], "x": ["2.700", "31"], "n": ["1", "2"]})
    table = read_csv(path)
    assert table.frame["x"].to_list() == [2.7, 31]
    assert table.column("x").note == "2.700 read with a decimal point; `decimal=,` reads it as thousands"
    assert table.column("n").numbers is None
    assert streamed(path).columns == table.columns


def test_the_setting_of_the_note_reads_the_column_otherwise(tmp_path: Path) -> None:
    told = TableOptions(columns={"x": ColumnOptions(number=NumberFormat(".", after="g"))})
    table = read_csv(write(tmp_path, {"price": ["1,5", "20"], "x": WEIGHTS}), told)
    assert table.frame.to_dict(as_series=False) == {"price": [1.5, 20], "x": [2.7, 1.25]}


@given(st.from_regex(r"[+-]?(?:0|[0-9]{0,5})\.?[0-9]{0,5}", fullmatch=True))
def test_what_is_seen_at_once_is_what_the_whole_search_finds(text: str) -> None:
    if ONLY_A_POINT.fullmatch(text):
        cells = pl.Series([text])
        assert look_like(cells, PLAIN).all()
        assert not look_like(cells, *PLAIN.with_other_decimal()).any()


def test_numbers_of_many_rows_of_which_one_tells(tmp_path: Path) -> None:
    cells = [f"{1 + row % 900}.{row % 1000:03d}" for row in range(20_000)]
    path = write(tmp_path, {"a": cells, "b": [*cells[:-1], "1000.250"]})
    table = read_csv(path)
    assert table.frame["a"].to_list() == [float(cell) for cell in cells]
    assert table.column("a").note == table.column("b").note == ""
    assert streamed(path).columns == table.columns


@pytest.mark.parametrize("others", [["0.5", "1"], ["0,5", "1"], ["2.700", "31"], ["7", "12"]])
def test_numbers_that_are_parsed_at_once_tell_what_their_text_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: list[str]
) -> None:
    whole, tells = [str(row) for row in range(600)], [str(row / 8) for row in range(600)]
    tells = tells if "0,5" not in others else [cell.replace(".", ",") for cell in tells]
    columns = {"x": WEIGHTS * 300, "whole": whole[::-1], "tells": tells, "other": others * 300}
    path, found = write(tmp_path, {name: list(cells) for name, cells in columns.items()}), []
    for bytes_from in (1000, 10**9):
        monkeypatch.setattr(parsed_numbers, "FROM", bytes_from)
        found.append(read_csv(path))
    quick, slow = found
    assert (quick.columns, quick.notes) == (slow.columns, slow.notes)
    assert_frame_equal(quick.frame, slow.frame, check_exact=True)
    assert quick.frame["x"][0] == (2700 if "0,5" in others else 2.7)
    assert "as in column 'tells'" in quick.column("x").note


def test_numbers_of_a_sheet_tell_nothing_of_its_text(tmp_path: Path) -> None:
    rows = [["exact", "text", "x"], [2.725, "1,5", "2.700 g"], [1.234, "20", "1.250 g"]]
    write_xlsx(tmp_path / "book.xlsx", {"all": rows})
    table = read(tmp_path / "book.xlsx").train
    assert isinstance(table, Table)
    assert table.frame.rows() == [(2.725, 1.5, 2700), (1.234, 20, 1250)]


def test_a_kind_that_is_told_leaves_the_mark_to_the_file(tmp_path: Path) -> None:
    path, told = write(tmp_path, {"price": ["1,5", "20"], "x": ["2.700", "31"]}), TableOptions(kinds={"x": "numeric"})
    assert read_csv(path, told).frame["x"].to_list() == [2700, 31]
    assert streamed(path, told).columns == read_csv(path, told).columns
    assert read_csv(path, TableOptions(decimal=".", kinds={"price": "categorical"})).frame["x"].to_list() == [2.7, 31]


def test_new_rows_are_read_as_those_of_training_were(tmp_path: Path) -> None:
    cells = {"price": ["1,5", "20"], "x": WEIGHTS, "size": ["7", "12"]}
    schema = Schema(read_csv(write(tmp_path, cells)).columns, None, "regression")
    for new, values in (
        ({"price": ["3"], "x": ["2.700 g"], "size": ["7,5"]}, (3, 2700, 7.5)),
        ({"price": ["1"], "x": ["0,5 g"], "size": ["1"]}, (1, 0.5, 1)),
    ):
        assert read_csv(write(tmp_path, new, "new.csv"), schema=schema).frame.rows() == [values]
    with pytest.raises(DataError, match=r"column 'size': '2\.700' is not a number as in '1234,5'"):
        read_csv(write(tmp_path, {**cells, "size": ["2.700", "1"]}, "new.csv"), schema=schema)


def test_text_that_has_a_type_follows_nothing() -> None:
    table = from_frame({"price": ["1,5", "20"], "x": WEIGHTS})
    assert table.kinds == {"price": "categorical", "x": "categorical"}


def test_a_conversion_that_stopped_while_a_column_was_typed_anew_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, {"x": ["2.700", "31", "many"], "price": ["1,5", "20", "7"]})
    options, write_columns = TableOptions(on_bad_rows="drop", kinds={"x": "numeric"}), typed_columns.write_columns

    def stopping(target: Path, frame: pl.DataFrame) -> None:
        write_columns(target, frame)
        if target.name == "0.arrow" and frame[0, 0] == 2700:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(typed_columns, "write_columns", stopping)
        with pytest.raises(KeyboardInterrupt):
            convert(path, options)
    table, stored = read_csv(path, options), convert(path, options)
    assert_frame_equal(stored.table().frame, table.frame)
    assert table.frame["x"].to_list() == [2700, 31]
    assert (stored.columns, stored.contents.notes) == (table.columns, table.notes)
