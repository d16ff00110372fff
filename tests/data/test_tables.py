"""Cells come out of a table as they went in; what does not fit is named by line."""

import csv
import datetime
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.data.formats.delimited import read_csv
from batchwright.data.formats.parquet import read_parquet
from batchwright.data.options import DataOptions
from batchwright.data.typed.schema import Column, Schema
from batchwright.data.typed.table import MISSING, TableOptions, from_array, from_frame
from batchwright.errors import ConfigError, DataError, nearest_column, unknown

DROP = TableOptions(on_bad_rows="drop")
SAMPLES = Path(__file__).resolve().parents[2] / "../shared/data/tables"


def file(folder: Path, text: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


PRINTED = st.text(st.characters(exclude_categories=["C", "Z"]) | st.sampled_from(',;"\n '), max_size=6)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 3).flatmap(
        lambda width: st.lists(st.lists(PRINTED, min_size=width, max_size=width), min_size=1).filter(
            lambda rows: len(rows[0]) == 1 or any(map(any, rows))
        )
    ),
    delimiter=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
    mark=st.booleans(),
)
def test_text_survives_a_csv_file(rows: list[list[str]], delimiter: str, end: str, mark: bool) -> None:
    names = [f"c{number}" for number in range(len(rows[0]))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        with path.open("w", encoding="utf-8-sig" if mark else "utf-8", newline="") as out:
            csv.writer(out, delimiter=delimiter, lineterminator=end).writerows([names, *rows])
        table = read_csv(path, TableOptions(delimiter=delimiter, kinds=dict.fromkeys(names, "categorical")))
    rows = [row for row in rows if any(row) or len(row) == 1]
    expected = [tuple(None if cell.strip() in MISSING else cell.strip() for cell in row) for row in rows]
    assert table.frame.columns == names
    assert table.frame.rows() == expected


@settings(max_examples=40, deadline=None)
@given(numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.none(), min_size=1))
def test_numbers_survive_a_csv_file_to_the_last_bit(numbers: list[float | None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lines = ["x,y", *("" if number is None else repr(number) for number in numbers)]
        path = file(Path(folder), ",1\n".join(lines[1:]).join(["x,y\n", ",1\n"]))
        table = read_csv(path, TableOptions(kinds={"x": "numeric"}))
    assert table.frame["x"].to_list() == numbers


def test_without_a_header_columns_are_numbered(tmp_path: Path) -> None:
    table = read_csv(file(tmp_path, "1,a\n2,b\n"), TableOptions(header=False))
    assert table.frame.rows() == [(1.0, "a"), (2.0, "b")]
    assert table.frame.columns == ["0", "1"]
    assert table.lines is not None
    assert table.lines.tolist() == [1, 2]


def test_kinds_can_be_given(tmp_path: Path) -> None:
    path = file(tmp_path, "zip,flag,who\n02139,1,a\n10001,0,b\n")
    table = read_csv(path, TableOptions(kinds={"zip": "categorical", "flag": "boolean", "who": "identifier"}))
    assert table.frame["zip"].to_list() == ["02139", "10001"]
    assert table.frame["flag"].to_list() == [True, False]
    assert table.column("who") == Column("who", "identifier", used=False, note="left out as asked")
    with pytest.raises(DataError, match="unknown column 'zipp': did you mean 'zip'"):
        read_csv(path, TableOptions(kinds={"zipp": "categorical"}))
    with pytest.raises(DataError, match="unknown kind 'numerical': did you mean 'numeric'"):
        read_csv(path, TableOptions(kinds={"zip": "numerical"}))
    with pytest.raises(ConfigError, match="unknown on_bad_rows 'dropp': did you mean 'drop'"):
        read_csv(path, TableOptions(on_bad_rows="dropp"))


def test_missing_can_be_told(tmp_path: Path) -> None:
    table = read_csv(file(tmp_path, "x,y\n-999,none\n1,a\n"), TableOptions(missing=("-999", "none")))
    assert table.frame.rows() == [(None, None), (1.0, "a")]
    frame = from_frame({"x": np.array([-999.0, 1.0]), "y": ["none", "a"]}, TableOptions(missing=("-999", "none")))
    assert frame.frame.rows() == table.frame.rows()


def test_texts_that_mean_missing_are_added_to_the_usual_ones_as_in_pandas(tmp_path: Path) -> None:
    path = file(tmp_path, "x,y\n-999,NA\n1,a\n2,-\n3,absent\n,b\n")
    for told in (True, False):
        options = DataOptions(missing=("-999", "absent"), usual_missing=told).reading
        theirs = pd.read_csv(path, na_values=["-999", "absent", *("-" * told)], keep_default_na=told)
        theirs["x"] = pd.to_numeric(theirs["x"])  # without the usual ones, an empty cell is a text to pandas
        ours = read_csv(path, options).frame.to_dict(as_series=False)
        assert ours["x"] == [None, 1.0, 2.0, 3.0, None]
        assert ours["y"] == [None if pd.isna(cell) else cell for cell in theirs["y"]]
    assert read_csv(path, DataOptions(usual_missing=False).reading).frame["y"].to_list() == [
        "NA",
        "a",
        "-",
        "absent",
        "b",
    ]
    assert DataOptions().reading == TableOptions()


BAD = (
    'note,age,day\n"two\nlines",1,2024-01-01\n'
    + "".join(f"n,{i},2024-01-02\n" for i in range(300))
    + "m,old,2024-1-3\n"
)


def test_a_bad_cell_is_named_by_column_line_and_value(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_csv(file(tmp_path, BAD + "m,inf,tomorrow\n"))
    message = str(caught.value)
    assert "line 304, column 'age': 'old' is not a finite number" in message
    assert "line 305, column 'age': 'inf' is not a finite number" in message
    assert "line 305, column 'day': 'tomorrow' is not a date like the others" in message
    assert "found 3 cells that do not fit their column:" in message
    assert "`on_bad_rows=drop`" in message


def test_only_the_first_ten_bad_cells_are_listed(tmp_path: Path) -> None:
    cells = [f"bad{i}" if i % 20 == 7 else str(i) for i in range(400)]
    with pytest.raises(DataError) as caught:
        read_csv(file(tmp_path, "x,y\n" + "".join(f"{cell},1\n" for cell in cells)))
    assert "found 20 cells that do not fit their column (the first ten are listed):" in str(caught.value)
    assert str(caught.value).count("line ") == 10
    assert "line 189, column 'x': 'bad187'" in str(caught.value)
    assert "bad207" not in str(caught.value)


def test_bad_rows_can_be_dropped_and_are_counted_and_listed(tmp_path: Path) -> None:
    table = read_csv(file(tmp_path, BAD + "too,many,fields,here\n"), DROP)
    assert table.rows == 301
    assert [(bad.line, bad.column, bad.value) for bad in table.dropped.first] == [
        (304, "age", "old"),
        (305, None, "4 fields"),
    ]
    assert table.notes == (
        "2 rows dropped: line 304 (column 'age': 'old' is not a finite number); line 305 (4 fields, expected 3 fields)",
    )
    assert table.lines is not None
    assert table.lines[:3].tolist() == [2, 4, 5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "table.csv is empty"),
        ("\n\n", "table.csv is empty"),
        ("a,b\n", "holds a header and no rows"),
        ("a,b\n1,2\n3\n4,5\n", "line 3, 1 field, expected 2 fields"),
        ("a,b\n1,2\n\n3,4,5\n", "line 4, 3 fields, expected 2 fields"),
        ("a,b\n1,x\n2,y\nthree,z\n", "line 4, column 'a': 'three' is not a finite number"),
        ("a,b\n1,2\ninf,3\n4,5\n", "line 3, column 'a': 'inf' is not a finite number"),
        ("a,b\n1,2\n1e999,3\n4,5\n", "line 3, column 'a': '1e999' is not a finite number"),
        ('a,b\n1,"2\n', "line 2, a quotation mark is opened and never closed"),
        (b"a,b\n1,\xfd\x81\xf0\x90\x8d\xfe\xff\x81\xd0\n", "not UTF-8 text: line 2 holds the byte 0xfd"),
        (b"a,b\n1,\0\n", "line 2 holds a NUL byte"),
        (b"PAR1....", "name it .parquet"),
    ],
)
def test_a_file_that_is_no_table_says_why(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_csv(file(tmp_path, text))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_csv(tmp_path / "none.csv")
    with pytest.raises(DataError, match="Is a directory"):
        read_csv(tmp_path)
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_parquet(file(tmp_path, "a,b\n1,2\n", "table.parquet"))
    with pytest.raises(DataError, match="delimiter 'ab' cannot be used"):
        read_csv(file(tmp_path, "a,b\n1,2\n"), TableOptions(delimiter="ab"))


SCHEMA = Schema(
    (
        Column("size", "numeric"),
        Column("when", "date", format="%d/%m/%Y"),
        Column("code", "categorical"),
        Column("y", "numeric", used=False),
    ),
    "y",
    "regression",
)


def test_new_rows_are_read_as_the_schema_says(tmp_path: Path) -> None:
    table = read_csv(file(tmp_path, "code,more,when,size\n7,x,03/04/2024,1\n8,inf,04/04/2024,\n"), schema=SCHEMA)
    assert table.frame.columns == ["size", "when", "code"]
    assert table.frame.row(0) == (1.0, datetime.datetime(2024, 4, 3), "7")
    assert table.kinds == {"size": "numeric", "when": "date", "code": "categorical"}


@pytest.mark.parametrize(
    ("given", "there", "meant"),
    [
        ("Größe", ["größe", "alter"], "größe"),
        ("petal_length", ["petal length (cm)", "petal width (cm)"], "petal length (cm)"),
        ("heigth", ["height", "weight"], "height"),
        ("feature_1", ["feature_2", "feature_11"], None),
        ("NAME", ["age", "zip"], None),
        ("day", ["pay", "x"], None),
        ("colour", ["col", "ordering"], None),
    ],
)
def test_only_a_really_similar_column_is_suggested(given: str, there: list[str], meant: str | None) -> None:
    assert nearest_column(given, there) == meant
    assert (f"did you mean {meant!r}?" in unknown("column", given, there)) == (meant is not None)


def test_of_many_columns_twenty_are_listed_where_one_is_lacking() -> None:
    schema = Schema((Column("wanted", "numeric"),), "y", "regression")
    with pytest.raises(DataError, match=r"lacks the column 'wanted', .* c18, c19 and 980 more\.$"):
        from_frame({f"c{number}": [1.0] for number in range(1000)}, schema=schema)


def test_new_rows_that_lack_columns_name_them_all(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"lacks 2 columns .*: 'size' \(is it 'sizes'\?\), 'when'\."):
        read_csv(file(tmp_path, "code,sizes\n1,2\n"), schema=SCHEMA)
    with pytest.raises(DataError, match="line 2, column 'size': 'big' is not a finite number"):
        read_csv(file(tmp_path, "code,when,size\n1,03/04/2024,big\n"), schema=SCHEMA)


def test_new_rows_without_header_may_lack_the_target(tmp_path: Path) -> None:
    columns = (Column("0", "numeric", used=False), Column("1", "categorical"), Column("2", "numeric"))
    schema = Schema(columns, "0", "regression")
    table = read_csv(file(tmp_path, "a,5\nb,6\n"), TableOptions(header=False), schema=schema)
    assert table.frame.to_dict(as_series=False) == {"1": ["a", "b"], "2": [5.0, 6.0]}


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "n": pl.Series([1, 2, None], dtype=pl.Int16),
            "x": [1.5, float("nan"), 2.5],
            "b": [True, None, False],
            "d": [datetime.date(2024, 1, 1), None, datetime.date(2024, 1, 3)],
            "c": pl.Series(["u", None, "v"], dtype=pl.Categorical),
            "l": [[1], [2], [3]],
        }
    )
    frame.write_parquet(tmp_path / "table.parquet")
    table = read_parquet(tmp_path / "table.parquet")
    assert list(table.kinds.values()) == ["numeric", "numeric", "boolean", "date", "categorical", "identifier"]
    assert "cannot be learned from" in table.column("l").note
    assert table.frame["x"].to_list() == [1.5, None, 2.5]
    assert table.frame["n"].to_list() == [1, 2, None]
    assert table.frame["c"].to_list() == ["u", None, "v"]


def test_data_frames_and_arrays_give_the_same_table() -> None:
    columns = {"a": [1.0, np.nan, 3.0], "t": ["x", None, "z"], "b": [True, False, True]}
    arrays = {"a": np.array(columns["a"]), "t": np.array(columns["t"], object), "b": np.array(columns["b"])}
    pandas = pd.DataFrame(columns)
    frames = (
        from_frame(source) for source in (columns, arrays, pandas, pl.DataFrame(columns), pandas.rename(columns=str))
    )
    for table in frames:
        assert table.kinds == {"a": "numeric", "t": "categorical", "b": "boolean"}
        assert table.frame.rows() == [(1.0, "x", True), (None, None, False), (3.0, "z", True)]


def test_objects_of_many_types_become_text() -> None:
    frame = pd.DataFrame({"x": ["a", 1, 2.5, None], 7: [1, 2, 3, 4]})
    table = from_frame(frame, TableOptions(kinds={"x": "categorical"}))
    assert table.frame.to_dict(as_series=False) == {"x": ["a", "1", "2.5", None], "7": [1, 2, 3, 4]}


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"a": [1.0, np.inf, 2.0]}, "row 2, column 'a': 'inf' is not a finite number"),
        ({"a": [1, 2], "b": [1]}, "columns differ in length: 'a' 2, 'b' 1"),
        ({"a": []}, "has no rows"),
        (3, "cannot be read as a data frame"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "'?a'? 2 times"),
        ({"gr\u00fcn": [1], "gru\u0308n": [2]}, "names 'gr\u00fcn' more than once"),
        ({"a": np.array([1j, 2])}, "'a' .complex128. cannot be read .*two columns"),
        ({"a": ["\ud800", "b"]}, "'a' .list. cannot be read"),
        ({"a": [[1, 2], [3]], "b": 1.5}, "'b' is a single value"),
        ({"a": "text", "b": [1]}, "'a' is a single value"),
    ],
)
def test_a_frame_that_is_no_table_says_why(frame: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        from_frame(frame)


def test_an_array_keeps_its_columns_and_its_precision() -> None:
    array = np.arange(6, dtype=np.float32).reshape(3, 2)
    table = from_array(array)
    np.testing.assert_array_equal(table.frame.to_numpy(), array)
    assert table.frame.dtypes == [pl.Float32, pl.Float32]


def test_rows_are_taken_with_their_lines(tmp_path: Path) -> None:
    table = read_csv(file(tmp_path, "x\n10\n\n20\n30\n")).take(np.array([2, 0]))
    assert table.frame["x"].to_list() == [30.0, 10.0]
    assert table.places(np.array([0, 1])) == "lines 5, 2"
    assert from_frame({"x": [1]}).places(np.array([0])) == "row 1"


@pytest.mark.skipif(not SAMPLES.exists(), reason="the census table is not beside this checkout")
def test_the_census_table() -> None:
    table = read_csv(SAMPLES / "adult-train.csv")
    assert table.rows == 32_561
    assert sum(kind == "numeric" for kind in table.kinds.values()) == 6
    assert table.frame["workclass"].null_count() == 1_836


def test_a_column_may_have_an_empty_name() -> None:
    table = from_frame({"": [1.5, 2.5], "x": ["a", "b"]})
    assert table.cells("").to_list() == [1.5, 2.5]
    assert table.frame.columns == ["", "x"]
