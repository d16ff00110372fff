"""Workbooks: which sheet and which rows are the table, and that no cell changes on the way."""

import datetime
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.workbooks import Raw, write_ods, write_xlsx

from batchwright.data.formats.source import read
from batchwright.data.typed.table import Table, TableOptions
from batchwright.errors import DataError

DAY = datetime.datetime(2023, 3, 15, 12, 30)
ROWS = [["x", "y"], [1.5, "a"], [2.5, "b"]]


def table_of(source: Path | str, **options: Any) -> Table:
    rows = read(source, TableOptions(**options)).train
    assert isinstance(rows, Table)
    return rows


def test_cells_keep_their_types_and_places(tmp_path: Path) -> None:
    rows = [
        [],
        [None, "x", "code", "day", "flag", "", "mixed"],
        [None, 0.1234567890123, "007", DAY, True, None, 3],
        [None, 1.5e-12, "7", DAY, False, None, "n/a"],
        [None, 123456789012, "070", None, None, None, 2.5],
        [None, None, " ", None, None, None, None],
    ]
    write_xlsx(tmp_path / "b.xlsx", {"s": rows})
    table = table_of(tmp_path / "b.xlsx")
    assert table.kinds == {
        "x": "numeric", "code": "categorical", "day": "date", "flag": "boolean", "mixed": "numeric"
    }  # fmt: skip
    assert table.frame["x"].to_list() == [0.1234567890123, 1.5e-12, 123456789012.0]
    assert table.frame["code"].to_list() == ["007", "7", "070"]
    assert table.frame["day"].to_list() == [DAY, DAY, None]
    assert table.frame["mixed"].to_list() == [3.0, None, 2.5]
    assert table.lines is not None and table.lines.tolist() == [3, 4, 5]
    assert table.notes == ("1 empty column without a name left out",)


def test_error_cells_are_missing_and_formulas_have_their_last_value(tmp_path: Path) -> None:
    error = Raw('<c r="{ref}" t="e"><v>#N/A</v></c>')
    formula = Raw('<c r="{ref}"><f>1+2</f><v>3</v></c>')
    write_xlsx(tmp_path / "b.xlsx", {"s": [["x", "y"], [1, error], [formula, 5]]})
    assert table_of(tmp_path / "b.xlsx").frame.to_dict(as_series=False) == {"x": [1.0, 3.0], "y": [None, 5.0]}
    assert table_of(tmp_path / "b.xlsx").notes == ("1 cell with an error is taken as missing: 1 #N/A (B2)",)


def test_error_cells_are_counted_on_the_sheet_that_is_read(tmp_path: Path) -> None:
    def error(text: str) -> Raw:
        return Raw('<c r="{ref}" t="e"><f>A2/0</f><v>' + text + "</v></c>")

    broken = [["x", "y"], [1, error("#DIV/0!")], [error("#REF!"), 4], [2, error("#DIV/0!")], [3, "t='e'"]]
    write_xlsx(tmp_path / "b.xlsx", {"first": ROWS, "second": broken})
    assert table_of(f"{tmp_path}/b.xlsx#first").notes == ()
    note = "3 cells with errors are taken as missing: 2 #DIV/0!, 1 #REF!; the first is B2"
    assert table_of(f"{tmp_path}/b.xlsx#second").notes[0] == note


def failed(held: str, shown: str) -> Raw:
    """A formula with an error in a workbook of LibreOffice."""
    return Raw(f'<table:table-cell table:formula="of:=1/0" {held}><text:p>{shown}</text:p></table:table-cell>')


NEW = failed('office:value-type="string" office:string-value="" calcext:value-type="error"', "#DIV/0!")
OLD = failed('office:value-type="float" office:value="0"', "Err:502")
TWICE = Raw(NEW.replace(" table:formula", ' table:number-columns-repeated="2" table:formula'))


def test_error_cells_of_open_document_are_missing_where_they_are_written_as_zero_too(tmp_path: Path) -> None:
    rows = [[], [None, "a", "b", "c"], [None, 1, OLD, 3], [None, 4, 5, 0], [None, TWICE, 6], [None, 7, 8, NEW]]
    write_ods(tmp_path / "b.ods", {"first": [[OLD]], "second": rows})
    table = table_of(f"{tmp_path}/b.ods#second")
    assert table.frame.rows() == [(1, None, 3), (4, 5, 0), (None, None, 6), (7, 8, None)]
    assert table.notes == ("4 cells with errors are taken as missing: 3 #DIV/0!, 1 Err:502; the first is C3",)


def test_columns_repeated_without_end_are_no_more_than_a_sheet_has() -> None:
    from xml.etree import ElementTree

    from batchwright.data.formats import sheet_errors

    cell = f'<t:table-cell t:number-columns-repeated="{10**12}" c:value-type="error"/>'
    uri, more = sheet_errors.TABLE[1:].partition("}")[0], sheet_errors.VALUE_TYPE[1:].partition("}")[0]
    row = ElementTree.fromstring(f'<t:table-row xmlns:t="{uri}" xmlns:c="{more}">{cell}{cell}</t:table-row>')
    assert len(list(sheet_errors._errors_of_row(row))) == 16_384


def test_text_that_names_an_error_is_none_of_a_formula(tmp_path: Path) -> None:
    write_ods(tmp_path / "b.ods", {"s": [["x", "y"], ["#DIV/0!", 1], ["b", 2], ["c", 3]]})
    table = table_of(tmp_path / "b.ods")
    assert table.frame["x"].to_list() == ["#DIV/0!", "b", "c"] and table.notes == ()


NUMBERS = [[number, number / 4, "ab"[number % 2]] for number in range(12)]


@pytest.mark.parametrize("write", [write_xlsx, write_ods])
def test_what_stands_around_the_rows_is_left_out_as_in_text(tmp_path: Path, write: Any) -> None:
    path = tmp_path / ("b.xlsx" if write is write_xlsx else "b.ods")
    above = [["Sales of 2023"], [], ["n", "x", "t"], ["", "[m/s]", ""]]
    write(path, {"s": [*above, *NUMBERS[:6], [None], *NUMBERS[6:], ["Total", 16.5, None], ["Source: an office"]]})
    table = table_of(path)
    assert table.frame.rows() == [(float(n), x, t) for n, x, t in NUMBERS]
    assert table.lines is not None and table.lines.tolist() == [*range(5, 11), *range(12, 18)]
    said = (
        "header left out: 'Sales of 2023'",
        "units below the header left out: '[m/s]'",
        "2 lines below the last row",
    )
    assert all(any(one in note for note in table.notes) for one in said), table.notes
    assert len(table.notes) == 4 and any("1 line of empty cells only left out" in note for note in table.notes)


def test_a_title_above_text_only_is_asked_about(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "b.xlsx", {"s": [["Our people"], ["a", "b", "c"], ["d", "e", "f"], ["g", "h", "i"]]})
    with pytest.raises(
        DataError, match=r"line 1 has 1 field, and line 2 .* 3. Is 'Our people' a title .*`skip_lines=1`"
    ):
        table_of(tmp_path / "b.xlsx")
    assert table_of(tmp_path / "b.xlsx", skip_lines=1).frame.columns == ["a", "b", "c"]
    assert table_of(tmp_path / "b.xlsx", skip_lines=0).frame.columns[0] == "Our people"


def test_cells_that_text_has_to_quote_keep_their_content_and_row(tmp_path: Path) -> None:
    cells = ['a "b", c', "two\nlines", "#1", "'x'", ";"]
    write_xlsx(tmp_path / "b.xlsx", {"s": [["text", "n"], *[[cell, n] for n, cell in enumerate(cells)], [5, "z"]]})
    with pytest.raises(DataError, match=r"line 7, column 'n': 'z'"):
        table_of(tmp_path / "b.xlsx", kinds={"n": "numeric"})
    table = table_of(tmp_path / "b.xlsx", kinds={"n": "numeric"}, on_bad_rows="drop")
    assert table.frame["text"].to_list() == cells
    assert table.lines is not None and table.lines.tolist() == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("write", [write_xlsx, write_ods])
def test_a_sheet_is_chosen_by_its_name(tmp_path: Path, write: Any) -> None:
    path = tmp_path / ("b.xlsx" if write is write_xlsx else "b.ods")
    write(path, {"first #1": ROWS, "empty": [], "second": [["z"], [7]]})
    assert table_of(f"{path}#second").frame["z"].to_list() == [7]
    assert table_of(f"{path}#first #1").frame["y"].to_list() == ["a", "b"]
    with pytest.raises(DataError, match=r"has 2 sheets with cells: 'first #1', 'second'\. Name one, as in .*#first #1"):
        table_of(path)
    with pytest.raises(DataError, match=r"has no sheet 'third'\. It has: 'first #1', 'empty', 'second'"):
        table_of(f"{path}#third")
    with pytest.raises(DataError, match="has no rows"):
        table_of(f"{path}#empty")
    write(path, {"empty": [], "only": ROWS})
    assert table_of(path).frame["x"].to_list() == [1.5, 2.5]
    write(path, {"empty": []})
    with pytest.raises(DataError, match="has no sheet with cells"):
        table_of(path)


def test_rows_without_a_header_and_bad_cells_have_the_rows_of_the_sheet(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "b.xlsx", {"s": [[1, "a"], [2, "b"]]})
    assert table_of(tmp_path / "b.xlsx", header=False).frame.to_dict(as_series=False) == {"0": [1, 2], "1": ["a", "b"]}
    write_xlsx(tmp_path / "b.xlsx", {"s": [[], ["x"], *[[number] for number in range(20)], ["many"]]})
    with pytest.raises(DataError, match="line 23, column 'x': 'many' is not a finite number"):
        table_of(tmp_path / "b.xlsx")


def test_rows_above_the_header_are_skipped_as_told(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "b.xlsx", {"s": [["Sales of 2023"], [], ["x", "y"], [1.5, "a"], [2.5, "b"]]})
    table = table_of(tmp_path / "b.xlsx", skip_lines=1)
    assert table.frame.to_dict(as_series=False) == {"x": [1.5, 2.5], "y": ["a", "b"]}
    assert table.lines is not None and table.lines.tolist() == [4, 5]


def test_what_is_no_workbook_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.xlsx").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(DataError, match=r"^b\.xlsx cannot be read as a workbook \(is it damaged, or protected"):
        table_of(tmp_path / "b.xlsx")
    (tmp_path / "t.csv").write_text("x\n1\n")
    with pytest.raises(DataError, match=r"a \.csv file has no parts to name after #"):
        table_of(f"{tmp_path}/t.csv#s")


def test_without_the_reader_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_xlsx(tmp_path / "b.xlsx", {"s": ROWS})
    monkeypatch.setitem(sys.modules, "fastexcel", None)
    with pytest.raises(DataError, match=r"pip install 'batchwright\[spreadsheets\]'"):
        table_of(tmp_path / "b.xlsx")
