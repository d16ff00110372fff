"""Delimited text as people save it: what stands above and below the rows is found and said, or asked about."""

import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from batchwright.data.disk import columns
from batchwright.data.disk.convert_table import convert
from batchwright.data.formats.delimited import read_csv
from batchwright.data.load import load
from batchwright.data.typed.table import Table, TableOptions
from batchwright.errors import DataError

ROWS = [(float(number), number / 4, "ab"[number % 2]) for number in range(30)]
BODY = "".join(f"{n:g},{x},{t}\n" for n, x, t in ROWS)
PLAIN = "n,x,t\n" + BODY
NAMES = ["n", "x", "t"]


def both_ways(folder: Path, text: str | bytes, **options: Any) -> Table:
    """The table in memory, which is the one read in small pieces from the disk."""
    path = folder / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "PIECE_BYTES", 70)
        table = read_csv(path, TableOptions(**options))
        stored = convert(path, TableOptions(**options)).table()
    assert stored.frame.equals(table.frame)
    assert (stored.columns, stored.notes) == (table.columns, table.notes)
    assert stored.lines is not None and table.lines is not None and stored.lines.tolist() == table.lines.tolist()
    return table


def refused(folder: Path, text: str | bytes, message: str, **options: Any) -> None:
    """The text is refused with the same sentence in memory and in pieces."""
    path = folder / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=message) as whole:
        read_csv(path, TableOptions(**options))
    with pytest.raises(DataError) as cut:
        convert(path, TableOptions(**options))
    assert str(cut.value) == str(whole.value)


LAYOUTS: dict[str, tuple[str | bytes, dict[str, Any], str]] = {
    "a title": ("Report of May, 2024\n\n" + PLAIN, {}, "2 lines above the header left out: 'Report of May, 2024'"),
    "a title filled up": ("Report,,\n,,\n" + PLAIN, {}, "2 lines above the header left out: 'Report'"),
    "lines to skip": ('what\never, "\n' + PLAIN, {"skip_lines": 2}, ""),
    "comments": ('# 5" logger\n\n' + PLAIN + "# end\n", {}, "2 comment lines that begin with '#' left out"),
    "comments as told": ("; a\n" + PLAIN, {"comment": ";"}, "1 comment line that begins with ';' left out"),
    "a header in a comment": ("# n,x,t\n" + BODY, {}, "a line that begins with '#' names the columns"),
    "units": ("n,x,t\n[m],m/s,\n" + BODY, {}, "a line of units below the header left out: '[m], m/s'"),
    "dashes": ("n,x,t\n---,-----,-\n" + BODY, {}, "a line of dashes below the header left out: '---, -----, -'"),
    "a drawn line": ("n|x|t\n--+---+--\n" + BODY.replace(",", "|"), {}, "below the header left out: '--+---+--'"),
    "a count of rows": (PLAIN + "\n(30 rows affected)\n", {}, "1 line below the last row left out: '(30 rows"),
    "one row": (PLAIN + "(1 row)\n", {}, "1 line below the last row left out: '(1 row)'"),
    "a total": (PLAIN + "Total,108.75,\n", {}, "1 line below the last row left out: 'Total,108.75,'"),
    "means": (PLAIN + "Mittelwert,14.5,\n", {}, "1 line below the last row left out: 'Mittelwert,14.5,'"),
    "a mean with more cells": (PLAIN + "Moyenne,14.5,,\n", {}, "1 line below the last row left out: 'Moyenne,14.5,,'"),
    "a source": (PLAIN + "\nSource: an office, 2024\n(c) all\n", {}, "2 lines below the last row left out: 'Source"),
    "a source filled up": (PLAIN + "Source: us,,\n,,\n", {}, "1 line below the last row left out: 'Source: us,,'"),
    "empty lines": (PLAIN + ",,\n,,\n", {}, "2 lines of empty cells only left out"),
    "delimiters at the ends": (PLAIN.replace("\n", ",,\n"), {}, "2 columns without a name and without a cell left out"),
    "delimiters below the header": ("n,x,t\n" + BODY.replace("\n", ",\n"), {}, "1 column without a name and without a"),
    "a delimiter after the header": ("n,x,t,\n" + BODY, {}, ""),
    "a delimiter for Excel": ("sep=|\n" + PLAIN.replace(",", "|"), {}, ""),
    "single quotes": (
        "'n','x','t'\n" + "".join(f"'{n:g}','{x}','{t}'\n" for n, x, t in ROWS),
        {},
        "cells are in single quotation marks",
    ),
    "blanks": (" " + PLAIN.replace(",", "  ").replace("\n", " \n\t"), {}, "cells are separated by runs of blanks"),
    "blanks as told": (PLAIN.replace(",", " "), {"delimiter": " "}, ""),
    "line ends of a Mac": (PLAIN.replace("\n", "\r"), {}, ""),
    "mixed line ends": (PLAIN[:90].replace("\n", "\r\n") + PLAIN[90:].replace("\n", "\r"), {}, ""),
    "UTF-16": (PLAIN.encode("utf-16"), {}, ""),
    "UTF-16 without a mark": (PLAIN.encode("utf-16-le"), {}, "read as UTF-16-LE, without a byte-order mark"),
    "UTF-16 without a mark, the other way": (PLAIN.encode("utf-16-be"), {}, "read as UTF-16-BE"),
    "UTF-16 as told": (PLAIN.encode("utf-16-be"), {"encoding": "utf-16-be"}, ""),
    "UTF-32": (PLAIN.encode("utf-32"), {}, ""),
    "UTF-8 with a mark": (PLAIN.encode("utf-8-sig"), {}, ""),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_rows_are_those_of_the_plain_file(tmp_path: Path, name: str) -> None:
    text, options, said = LAYOUTS[name]
    table = both_ways(tmp_path, text, **options)
    assert table.frame.columns == NAMES
    assert table.frame.rows() == ROWS
    assert len(table.notes) == (said != "")
    assert any(said in note for note in (*table.notes, ""))


@pytest.mark.parametrize(
    ("line", "below", "said"),
    [
        ("+---+----+--+", "+---+----+--+", ["1 line above", "a line of dashes", "1 line below"]),
        ("", "|:--|---:|:-:|", ["a line of dashes"]),
    ],
)
def test_a_table_with_drawn_borders_is_read(tmp_path: Path, line: str, below: str, said: list[str]) -> None:
    """As MySQL prints it, and as Markdown has it."""
    rows = "".join(f"| {n:g} | {x} | {t} |\n" for n, x, t in ROWS)
    table = both_ways(tmp_path, f"{line}\n| n | x | t |\n{below}\n{rows}{line}\n".lstrip("\n"))
    assert table.frame.columns == NAMES and table.frame[:, 1:].rows() == [row[1:] for row in ROWS]
    assert all(any(note.startswith(one) for note in table.notes) for one in said)


def test_a_drawn_line_is_no_title_even_above_texts(tmp_path: Path) -> None:
    line = "+----+---+\n"
    table = both_ways(tmp_path, f"{line}| x  | t |\n{line}| aa | b |\n| c  | d |\n| e  | f |\n{line}")
    assert table.frame.columns == ["x", "t"] and table.rows == 3


def test_a_row_of_missing_cells_is_no_drawn_line(tmp_path: Path) -> None:
    assert both_ways(tmp_path, "n,x,t\n-,-,--\n" + BODY).rows == 31


def test_a_header_that_begins_like_compressed_bytes_is_read(tmp_path: Path) -> None:
    table = both_ways(tmp_path, PLAIN.replace("n,x", "x^2,x"))
    assert table.frame.columns == ["x^2", "x", "t"] and table.frame.rows() == ROWS


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("5.1,3.5,1.4,setosa", True),
        ("5,0,0,7", True),  # repeated
        ("-3,-7,x", True),
        ("n,x,t,z", False),
        ("land,1990,2000,2010", False),  # a scale
        ("0,1,2,y", False),  # places
        ("400.1,400.9,402,y", False),  # wavelengths
        ("n,x,t,1", False),
    ],
)
def test_a_header_that_may_be_a_row_is_told(tmp_path: Path, head: str, said: bool) -> None:
    width = head.count(",")
    body = "".join(",".join([*(f"{n + place / 4}" for place in range(width)), "ab"[n % 2]]) + "\n" for n in range(30))
    table = both_ways(tmp_path, f"{head}\n{body}")
    assert table.rows == 30
    assert any("the header may be a row" in note and "`header=false`" in note for note in table.notes) is said
    message = "(?s)unknown column '4'.*`header=false`" if said else "unknown column '4'"
    with pytest.raises(DataError, match=message) as refused:
        load(tmp_path / "t.csv", target="4")
    assert ("header=false" in str(refused.value)) is said


def test_lines_are_counted_from_the_beginning_of_the_file(tmp_path: Path) -> None:
    table = both_ways(tmp_path, "a title\n# c\n" + PLAIN, skip_lines=1, comment="#")
    assert table.lines is not None and table.lines[:2].tolist() == [4, 5]
    table = both_ways(tmp_path, "|1x3 Cross validator\n" + BODY, header=False)
    assert table.lines is not None and table.lines[:2].tolist() == [2, 3]
    assert table.frame.rows() == ROWS and table.frame.columns == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "Report\nname,x\na,b\nc,d\n",
            "line 1 has 1 field, and line 2 .* 2. Is 'Report' a title .*`skip_lines=1`",
        ),
        ("Report, May\nn,x,t\na,b,c\nd,e,f\n", "Is 'Report, May' a title above the header"),
        ("Report\nregion,2019,2020\nN,5,6\nS,6,7\n", "`skip_lines=1` leaves out what is above line 2"),
        (PLAIN + "7,8", "line 32, 2 fields, expected 3 fields"),
        (PLAIN + "odd text\n", "line 32, 1 field, expected 3 fields"),
        ("n,x\nabc,1\n" + "1,2\n" * 30, "line 2, column 'n': 'abc' is not a finite number"),
        ('n,x" y,t\n' + BODY, "line 1: a quotation mark inside a field, in the first line"),
        ("x\n1,5\n2,5\n", "Is 'x' a title above the header"),
        (PLAIN + "1,\0,a\n", "line 32, a NUL byte in column 'x', expected text\n.*`on_bad_rows=drop`"),
        ("\0" * 500 + PLAIN, "line 1: the header holds a byte that is no text"),
        ("a\0,b\n1\0,2\n" * 9, "line 1 holds a NUL byte, as many lines do"),
    ],
)
def test_what_is_not_certain_is_asked_about_and_not_left_out(tmp_path: Path, text: str | bytes, message: str) -> None:
    refused(tmp_path, text, f"(?s){message}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoding": "utf9"}, "unknown encoding 'utf9'"),
        ({"encoding": "base64"}, "unknown encoding 'base64'"),
        ({"encoding": "ascii"}, "line 3, a byte that is no text in column 't', expected text in the encoding"),
        ({"quote": "ab"}, "quote 'ab' cannot be used"),
        ({"comment": ""}, "comment '' cannot be used"),
        ({"delimiter": "::"}, "delimiter '::' cannot be used"),
    ],
)
def test_options_that_cannot_be_used_say_so(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    refused(tmp_path, "t,x\na,1\né,2\n", message, **options)


def test_a_missing_value_is_no_unit_and_a_first_row_no_title(tmp_path: Path) -> None:
    assert both_ways(tmp_path, "n,x\nNA,\n" + "1,2\n" * 9).rows == 10
    assert both_ways(tmp_path, "#id,x\n" + "".join(f"#{n},{n}\n" for n in range(9))).rows == 9
    table = both_ways(tmp_path, "# colours\nid,x\n" + "".join(f"#{n},{n}\n" for n in range(9)))
    assert table.frame.columns == ["id", "x"] and table.rows == 9


def test_names_are_told_apart(tmp_path: Path) -> None:
    table = both_ways(tmp_path, "x,,x,x.1\n" + "1,2,3,4\n" * 3)
    assert table.frame.columns == ["x", "unnamed 1", "x.2", "x.1"]
    assert table.notes == ("2 columns are named 'x': the later ones are 'x.2'",)


def test_names_of_rows_as_R_writes_them(tmp_path: Path) -> None:
    rows = "".join(f'"r{n}",{n / 8},"{t}"\n' for n, _, t in ROWS)
    table = both_ways(tmp_path, '"x","t"\n' + rows)
    assert table.frame.columns == ["unnamed 0", "x", "t"]
    assert table.column("unnamed 0").kind == "identifier"
    assert "the first column has no name" in table.notes[0]


def test_broken_records_cost_their_rows(tmp_path: Path) -> None:
    text = PLAIN + '1,5" pipe,a\n"2,3,b\n3,"4",a\n5,6\n'
    refused(tmp_path, text, r"found 3 records that cannot be taken apart:(?s:.*)`quote=none` takes quotation")
    table = both_ways(tmp_path, text, on_bad_rows="drop")
    assert table.frame.rows() == [*ROWS, (3.0, 4.0, "a")]
    assert [bad.line for bad in read_csv(tmp_path / "t.csv", TableOptions(on_bad_rows="drop")).dropped.first] == [
        32,
        33,
        35,
    ]
    told = both_ways(tmp_path, 't,x\n5" pipe,1\n"a,2\n', quote="none")
    assert told.frame["t"].to_list() == ['5" pipe', '"a']


def test_text_in_any_encoding_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchwright.data.formats.encodings.CHUNK", 7)
    monkeypatch.setattr("batchwright.data.disk.text_pieces.CHUNK", 7)
    text = "ort,n\n" + "".join(f"größte Straße {n},{n}\n" for n in range(5))
    for encoding in ("utf-8", "utf-16", "utf-32", "cp1252"):
        table = both_ways(tmp_path, text.encode(encoding))
        assert table.frame["ort"].to_list() == [f"größte Straße {n}" for n in range(5)]


def test_numbers_that_mean_missing_compare_by_value(tmp_path: Path) -> None:
    table = both_ways(tmp_path, "a;b;c\n-200;-200,0;-200\n1;2,5;x\n3;-200,000;y\n", missing=("-200", "y"))
    assert table.frame.rows()[0] == (None, None, None)
    assert table.frame["a"].to_list() == [None, 1, 3]
    assert table.frame["c"].to_list() == [None, "x", None]


def test_marks_of_missing_cells_among_categories_are_counted(tmp_path: Path) -> None:
    table = both_ways(tmp_path, "drinks,n\n" + "None,1\nwine,2\n-,None\n,4\n" * 3)
    assert table.frame["drinks"].null_count() == 9 and table.frame["n"].null_count() == 3
    assert table.column("drinks").note == (
        "3 cells '-', 3 cells 'None' taken as missing; `usual_missing=false` takes them as names"
    )
    assert table.column("n").note == ""


def test_dates_and_decimal_commas_below_a_title(tmp_path: Path) -> None:
    rows = "".join(f"{day + 1}.5.2024;{day},5;;\n" for day in range(20))
    table = both_ways(tmp_path, "Bericht;;;\nvom 3. Mai;;;\nDatum;Wert;;\n" + rows)
    assert table.frame.row(0) == (datetime.datetime(2024, 5, 1), 0.5)
    assert table.frame.schema == {"Datum": pl.Datetime("us"), "Wert": pl.Float64}


NUMBERED = "".join(f"{n},{n + 1},{n * 2},{n * 3}.5\n" for n in range(30))
NAMED = "".join(f"n{line}\n" for line in NUMBERED.split())
PRICES = ["Size w", "Size h", "Price net", "Price gross"]


@pytest.mark.parametrize(
    ("head", "body", "names"),
    [
        ("Size,,Price,\nw,h,net,gross\n", NUMBERED, PRICES),
        ("a,a,b,b\nmin,max,min,max\n", NUMBERED, ["a min", "a max", "b min", "b max"]),
        ("Size,,,id\nw,h,d,\n", NUMBERED, ["Size w", "Size h", "Size d", "id"]),
        ("Report\n\nSize,,Price,\nw,h,net,gross\nm,m,EUR,EUR\n", NUMBERED, PRICES),
        (",Size,,Price\nname,w,h,net\n", NAMED, ["name", "Size w", "Size h", "Price net"]),
    ],
)  # fmt: skip
def test_a_header_of_two_lines_is_joined(tmp_path: Path, head: str, body: str, names: list[str]) -> None:
    table = both_ways(tmp_path, head + body)
    assert table.frame.columns == names and table.rows == 30
    assert any("the header has 2 lines, whose names are joined" in note for note in table.notes)


def test_a_header_of_two_lines_by_pandas_is_read_with_the_name_of_the_index(tmp_path: Path) -> None:
    frame = pd.DataFrame({"kind": list("abcd") * 5, "x": range(20), "y": [n / 4 for n in range(20)]})
    text = frame.groupby("kind").agg({"x": ["min", "max"], "y": ["mean"]}).to_csv()
    table = both_ways(tmp_path, text)
    assert table.frame.columns == ["kind", "x min", "x max", "y mean"]
    assert table.frame["x min"].to_list() == [0, 1, 2, 3]


def test_a_second_header_above_text_is_pointed_at(tmp_path: Path) -> None:
    text = "Report\n\nWho,,What,\nfirst,last,thing,size\n" + "n,m,red,x\no,p,blue,y\n" * 9
    table = both_ways(tmp_path, text[8:])
    assert "2 columns have no name in the header: if their names are on the next line, `skip_lines=1`" in table.notes[0]
    assert both_ways(tmp_path, text[8:], skip_lines=1).frame.columns == ["first", "last", "thing", "size"]
    assert any("`skip_lines=3`" in note for note in both_ways(tmp_path, text, skip_lines=2).notes)


@pytest.mark.parametrize(
    "text",
    [
        "n,,x,\n" + NUMBERED,  # columns without a name
        "n,n,x,x\n" + NUMBERED,  # repeated names
        ",x,y,z\nNA,-,?,\n" + NUMBERED,  # a row of missing cells
    ],
)
def test_a_row_is_no_second_line_of_a_header(tmp_path: Path, text: str) -> None:
    table = both_ways(tmp_path, text)
    assert table.rows == text.count("\n") - 1
    assert not any("the header has" in note for note in table.notes)


def test_a_last_row_whose_first_cell_is_a_judgement_is_a_row(tmp_path: Path) -> None:
    body = "good,3\npoor,1\ngood,4\npoor,2\naverage,2\n"
    table = both_ways(tmp_path, "rating,stars\n" + body)
    assert table.rows == 5 and "left out" not in " ".join(table.notes)
