"""The rows of requests mean what `predict` takes the same cells of a file for, by both ways."""

import csv
import io
import json
import re
from dataclasses import replace
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.serve.served_run import COLOURS

import batchwright as bw
from batchwright.data.encode.encoding import Encoding
from batchwright.data.whole_rows import WholeRows, read_whole
from batchwright.serve.asked import columns_of_rows
from batchwright.serve.cells import text_of
from batchwright.serve.limits import Limits
from batchwright.serve.long_way import read_body, read_columns
from batchwright.serve.media import ARROW, CSV, OF_TABLES, Content, content_of
from batchwright.serve.refusals import RefusedError
from batchwright.serve.usual import usual_of

ODD = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\x85"))
CELLS = {
    "first": st.none()
    | st.floats(-4, 4)
    | st.integers(-5, 5)
    | st.sampled_from(["1.5", " 2 ", "x", "1e308", "NaN", "inf"]),
    "second": st.none() | st.integers(0, 90) | st.floats(width=32) | st.sampled_from([10**17, 1e308, True, "-", "7"]),
    "colour": st.none() | st.sampled_from([*COLOURS, " red", "Red", "NA", "", 3, 3.0, True]) | ODD,
    "member": st.none() | st.booleans() | st.sampled_from(["true", "no", "maybe", 1, 0, 2, "TRUE"]),
    "told": st.none() | st.sampled_from(["late and dear", "NA", " early ", 5]) | ODD,
    "day": st.none()
    | st.sampled_from(["2024-05-06", " 2024-12-31", "2024-02-30", "NA", "soon", "1.2.2024", 20240506])
    | ODD,
}
ROWS = st.lists(st.fixed_dictionaries(CELLS), min_size=1, max_size=4)
USUAL = {
    "first": st.floats(-2, 2) | st.integers(-2, 2),
    "second": st.none() | st.integers(0, 89),
    "colour": st.none() | st.sampled_from([*COLOURS, " red", "NA", "?"]),
    "member": st.booleans() | st.sampled_from(["true", "no", 1]),
    "told": st.sampled_from(["late and dear", "early 7", "cheap, cheap"]),
    "day": st.sampled_from(["2024-05-06", " 2024-12-31", "2023-02-28"]),
}


@pytest.fixture(scope="module")
def encoding(run_path: Path) -> Encoding:
    return bw.open_run(run_path).encoding


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("csv") / "rows.csv"


def as_file(rows: list[dict[str, object]], path: Path) -> Path:
    """The rows as CSV; the number of each keeps a row without any cell from being taken for an empty line."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["number", *rows[0]])
        writer.writerows([number, *(as_text(row[name]) for name in rows[0])] for number, row in enumerate(rows))
    return path


def notes_of(rows: WholeRows) -> list[str]:
    """What is unfamiliar, without the example of a category: rows that are read apart may give another one first."""
    return [re.sub(r"\(such as .*?\): ", "", note) for note in rows.unfamiliar.notes()]


def as_text(cell: object) -> str:
    return "" if cell is None else str(text_of(cell))


def predicted(rows: list[dict[str, object]], encoding: Encoding, path: Path) -> WholeRows:
    return reduce(add, read_whole(as_file(rows, path), encoding, on_bad_rows="drop"))


@given(rows=ROWS)
def test_cells_mean_what_they_mean_in_a_file(rows: list[dict[str, object]], encoding: Encoding, where: Path) -> None:
    """The same arrays and notes; or, where cells do not fit, the same cells with the same reasons."""
    wanted = predicted(rows, encoding, where)
    if bad := wanted.bad.first:
        with pytest.raises(RefusedError) as refused:
            read_columns(columns_of_rows(rows), encoding)
        told = {(cell["row"], cell["column"], cell["reason"]) for cell in refused.value.details["cells"]}
        assert told == {(cell.line - 1, cell.column, f"expected {cell.wanted}") for cell in bad}
        assert (refused.value.status, refused.value.details["count"]) == (422, wanted.bad.count)
        return
    found = read_columns(columns_of_rows(rows), encoding)
    assert found.inputs.keys() == wanted.inputs.keys()
    for name, array in found.inputs.items():
        np.testing.assert_array_equal(array, wanted.inputs[name])
    assert notes_of(found) == notes_of(wanted)


@given(rows=ROWS | st.lists(st.fixed_dictionaries(USUAL), min_size=1, max_size=4))
def test_the_quick_way_gives_what_the_long_way_gives(rows: list[dict[str, object]], encoding: Encoding) -> None:
    """The same arrays, for rows of which the long way has nothing to say."""
    usual, columns = usual_of(encoding), columns_of_rows(rows)
    assert usual is not None
    typed = usual.type_cells(columns)
    if typed is None:
        return
    wanted = read_columns(columns, encoding)
    for name, array in usual.encode([typed]).items():
        np.testing.assert_array_equal(array, wanted.inputs[name])
    assert wanted.unfamiliar.notes() == ()


@given(rows=st.lists(st.fixed_dictionaries(USUAL), min_size=1, max_size=4))
def test_usual_rows_go_the_quick_way(rows: list[dict[str, object]], encoding: Encoding) -> None:
    usual = usual_of(encoding)
    assert usual is not None and usual.type_cells(columns_of_rows(rows)) is not None


def test_joined_requests_are_encoded_one_after_the_other(encoding: Encoding) -> None:
    usual = usual_of(encoding)
    assert usual is not None
    rows = [
        {
            "first": n / 10,
            "second": n,
            "colour": COLOURS[n % 3],
            "member": n % 2 == 0,
            "told": f"late {n}",
            "day": "2024-05-06",
        }
        for n in range(7)
    ]
    parts = [usual.type_cells(columns_of_rows(part)) for part in (rows[:3], rows[3:4], rows[4:])]
    together = usual.encode([part for part in parts if part is not None])
    for name, array in read_columns(columns_of_rows(rows), encoding).inputs.items():
        np.testing.assert_array_equal(together[name], array)


def test_a_number_is_a_number_however_training_wrote_its_numbers(tmp_path: Path) -> None:
    """In a column written as 1.234,5 the number 1.234 of JSON is no thousand, whatever stands beside it."""
    path = tmp_path / "rows.csv"
    path.write_text("amount;y\n" + "".join(f"{n}.{n:03},{n % 10};{n % 3 == 0}\n" for n in range(1, 81)))
    data = bw.load(path, target="y")
    encoding, lengths = data.encoding, {"numeric"}
    assert encoding.schema.columns[0].numbers is not None
    alone = read_columns({"amount": [1.234]}, encoding).inputs
    beside = read_columns({"amount": ["2.345,6", 1.234]}, encoding).inputs
    as_written = read_columns({"amount": ["1.234"]}, encoding).inputs
    assert set(alone) >= lengths
    np.testing.assert_array_equal(alone["numeric"][0], beside["numeric"][1])
    assert (alone["numeric"] != as_written["numeric"]).any()


def test_dates_and_lists_go_the_long_way(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    tags = ("a|b", "b|c", "c")
    lines = [f"{1 + n % 28}.{1 + n % 12}.2024,{tags[n % 3]},{n % 2}" for n in range(90)]
    path.write_text("\n".join(["day,tags,y", *lines]) + "\n")
    encoding = bw.load(path, target="y", kinds={"tags": "tags"}).encoding
    assert usual_of(encoding) is None
    found = read_columns({"day": ["3.4.2024", "5.6.2024"], "tags": [["a", "b"], "c"]}, encoding)
    path.write_text("day,tags\n3.4.2024,a|b\n5.6.2024,c\n")
    for name, array in reduce(add, read_whole(path, encoding)).inputs.items():
        np.testing.assert_array_equal(found.inputs[name], array)
    with pytest.raises(RefusedError, match=r"row 1: column 'day' holds a list"):
        read_columns({"day": [["3.4.2024"]], "tags": ["a"]}, encoding)
    with pytest.raises(RefusedError, match=r"row 2: column 'tags' has a list with '\|' in a text"):
        read_columns({"day": ["3.4.2024"] * 2, "tags": ["a", ["a|b"]]}, encoding)


def test_objects_become_columns(encoding: Encoding) -> None:
    data = bw.load({"a.b": [n / 7 for n in range(70)], "y": [n % 2 for n in range(70)]}, target="y")
    nested, flat = ({"a": [{"b": 3.0}, None]}, {"a.b": [3.0, None]})
    one, other = read_columns(nested, data.encoding), read_columns(flat, data.encoding)
    np.testing.assert_array_equal(one.inputs["numeric"], other.inputs["numeric"])
    deep: object = 1.0
    for _ in range(3_000):
        deep = {"b": deep}
    with pytest.raises(RefusedError, match="nested too deep"):
        read_columns({"a": [deep]}, data.encoding)
    with pytest.raises(RefusedError, match="an object in some rows"):
        read_columns({"a": [{"b": 3.0}, 4]}, data.encoding)
    with pytest.raises(RefusedError, match=r"names 'a\.b' more than once"):
        read_columns({"a": [{"b": 3.0}], "a.b": [1.0]}, data.encoding)


def test_a_missing_column_is_named(encoding: Encoding) -> None:
    row = {"first": 1.0, "second": 2, "Colour": "red", "member": True, "told": "late", "day": "2024-05-06"}
    with pytest.raises(RefusedError, match=r"lacks the column 'colour' \(is it 'Colour'\?\)") as refused:
        read_columns(columns_of_rows([row]), encoding)
    assert refused.value.status == 422
    assert json.loads(refused.value.body())["error"].startswith("the request lacks")


def test_text_is_in_the_encoding_that_is_said_or_in_utf_8(encoding: Encoding) -> None:
    """However training read its file; what is no text in it is refused, with the line and how to say the encoding."""
    text = "first,second,colour,member,told,day\n1,2,red,true,late,2024-05-06\n1,2,viol\u00e9t,true,late,2024-05-06\n"
    told = replace(encoding, reading=replace(encoding.reading, encoding="cp1251"))
    wanted = read_body(text.encode(), Content(CSV), encoding, Limits())
    assert "viol\u00e9t" in wanted.unfamiliar.notes()[0]
    for body, header in (
        (text.encode(), "text/csv"),
        ("\ufeff".encode() + text.encode(), "text/csv"),
        (text.encode("latin-1"), "text/csv; charset=ISO-8859-1"),
        (text.encode("cp1252"), 'text/csv; header=present; charset="windows-1252"'),
        (text.encode("utf-16"), "text/csv; charset=utf-16"),
        (("\ufeff" + text).encode("utf-16-le"), "text/csv;charset=utf-16le"),
    ):
        found = read_body(body, content_of(header, OF_TABLES), told, Limits())
        assert found.unfamiliar.notes() == wanted.unfamiliar.notes()
        for name, array in found.inputs.items():
            np.testing.assert_array_equal(array, wanted.inputs[name])
    for body, header, said in (
        (text.encode("latin-1"), "text/csv", "line 3 of the request holds the byte 0xe9, which is no text in UTF-8: "),
        (text.encode("utf-16"), "text/csv", "line 1 of the request holds the byte 0xff, which is no text in UTF-8: "),
        (text.encode("latin-1"), "text/csv; charset=us-ascii", "line 3 of the request holds the byte 0xe9, which is "),
        (text.encode()[:-1], "text/csv; charset=utf-16", "is no text in UTF-16"),
    ):
        with pytest.raises(RefusedError, match=said) as refused:
            read_body(body, content_of(header, OF_TABLES), encoding, Limits())
        assert refused.value.status == 422 and "`Content-Type: text/csv; charset=iso-8859-1`" in str(refused.value)


def test_rows_of_packed_arrow_are_counted_before_they_are_typed(encoding: Encoding) -> None:
    """A body of some kilobytes may hold millions of rows."""
    packed = io.BytesIO()
    pl.DataFrame({"anything": [True]}).select(pl.all().repeat_by(5_000_000).explode()).write_ipc_stream(
        packed, compression="zstd"
    )
    assert len(packed.getvalue()) < 100_000
    with pytest.raises(RefusedError, match="5,000,000 rows") as refused:
        read_body(packed.getvalue(), Content(ARROW), encoding, Limits())
    assert refused.value.status == 413
