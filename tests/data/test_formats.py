"""Every format of files gives the same rows, as far as it can hold their types; whatever is wrong with one is said."""

import contextlib
import datetime
import gzip
import json
import os
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.workbooks import write_ods, write_xlsx

from batchwright.data.formats.source import read
from batchwright.data.typed.table import Table, TableOptions
from batchwright.errors import DataError

DAMAGED = int(os.environ.get("BATCHWRIGHT_SOAK_FILES", "40"))
TABLES = 200 if "BATCHWRIGHT_SOAK_FILES" in os.environ else 10
"""How many damaged files of each format are tried."""

Row = dict[str, Any]

NUMBERS = st.floats(-1e15, 1e15, allow_nan=False).filter(lambda number: abs(number) < 1 or abs(number) > 1e-3)
TEXTS = st.text(st.sampled_from("ab \"',;|{}\\\t%?é日"), max_size=6).map(lambda text: f"t{text}t")
TIMES = st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2100, 1, 1)).map(
    lambda t: t.replace(microsecond=0)
)
SCHEMA = {"x": pl.Float64, "n": pl.Int64, "t": pl.String, "b": pl.Boolean, "d": pl.Datetime("us")}


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    """A table with missing cells; its first row is complete, as a text cannot say what a column without cells holds.

    No row lacks all cells: a text leaves such a row out.
    """
    strategies = {"x": NUMBERS, "n": st.integers(-(10**15), 10**15), "t": TEXTS, "b": st.booleans(), "d": TIMES}
    rows = [{name: draw(cells) for name, cells in strategies.items()}]
    others = st.fixed_dictionaries({name: st.none() | cells for name, cells in strategies.items()})
    others = others.filter(lambda row: any(cell is not None for cell in row.values()))
    return pl.DataFrame(rows + draw(st.lists(others, max_size=12)), schema=SCHEMA)


def plain(frame: pl.DataFrame) -> list[Row]:
    """Rows as JSON can hold them; every second row lacks the keys of its missing cells."""
    rows = [
        {k: v.isoformat() if isinstance(v, datetime.datetime) else v for k, v in r.items()} for r in frame.to_dicts()
    ]
    return [{k: v for k, v in row.items() if v is not None or place % 2} for place, row in enumerate(rows)]


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    frame.write_parquet(path)


def csv_text(frame: pl.DataFrame) -> bytes:
    return frame.write_csv(datetime_format="%Y-%m-%d %H:%M:%S").encode()


def write_csv(frame: pl.DataFrame, path: Path) -> None:
    path.write_bytes(csv_text(frame))


def write_json_lines(frame: pl.DataFrame, path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in plain(frame)))


def write_json(frame: pl.DataFrame, path: Path) -> None:
    path.write_text(json.dumps(plain(frame), indent=1, ensure_ascii=False))


def write_feather(frame: pl.DataFrame, path: Path) -> None:
    frame.write_ipc(path, compression="zstd")


def write_stream(frame: pl.DataFrame, path: Path) -> None:
    frame.write_ipc_stream(path, compression="lz4")


def write_arff(frame: pl.DataFrame, path: Path) -> None:
    def cell(value: Any) -> str:
        match value:
            case None:
                return "?"
            case bool():
                return str(value).lower()
            case datetime.datetime():
                return f"'{value.isoformat(' ')}'"
            case str():
                return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        return repr(value)

    types = {"x": "numeric", "n": "INTEGER", "t": "string", "b": "{true, false}", "d": 'date "yyyy-MM-dd HH:mm:ss"'}
    header = ["% a comment", "@relation 'a table'", *(f"@attribute {name} {holds}" for name, holds in types.items())]
    rows = [", ".join(map(cell, row)) for row in frame.rows()]
    path.write_text("\n".join([*header, "", "@DATA", *rows]) + "\n")


def cells_as_text(frame: pl.DataFrame) -> list[list[Any]]:
    """Header and rows, with times as text."""
    rows = [
        [cell.isoformat(" ") if isinstance(cell, datetime.datetime) else cell for cell in row] for row in frame.rows()
    ]
    return [frame.columns, *rows]


def write_workbook(frame: pl.DataFrame, path: Path) -> None:
    write_xlsx(path, {"a table": cells_as_text(frame)})


def write_open_document(frame: pl.DataFrame, path: Path) -> None:
    write_ods(path, {"a table": [frame.columns, *map(list, frame.rows())]})


def write_sqlite(frame: pl.DataFrame, path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE t (x REAL, n INTEGER, t TEXT, b TEXT, d TEXT)")
        rows = [[str(cell).lower() if isinstance(cell, bool) else cell for cell in row] for row in cells_as_text(frame)]
        database.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", rows[1:])
        database.commit()


def write_gzip(frame: pl.DataFrame, path: Path) -> None:
    path.write_bytes(gzip.compress(csv_text(frame)))


def write_zip(frame: pl.DataFrame, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.csv", csv_text(frame))


def write_folder(frame: pl.DataFrame, path: Path) -> None:
    """The first row in one file, the others in another, whose columns are in reverse order."""
    path.mkdir()
    write_csv(frame[:1], path / "part2.csv")
    if frame.height > 1:
        write_csv(frame[1:].select(reversed(frame.columns)), path / "part10.csv")


WRITERS: dict[str, Callable[[pl.DataFrame, Path], None]] = {
    "t.parquet": write_parquet,
    "t.csv": write_csv,
    "t.jsonl": write_json_lines,
    "t.json": write_json,
    "t.feather": write_feather,
    "t.arrow": write_stream,
    "t.arff": write_arff,
    "t.xlsx": write_workbook,
    "t.ods": write_open_document,
    "t.sqlite": write_sqlite,
    "t.csv.gz": write_gzip,
    "t.csv.zip": write_zip,
    "t": write_folder,
}
CANNOT = {"t.jsonl": {"d": "date"}, "t.json": {"d": "date"}}
"""The columns that a format holds as text, and the kind that has to be told for them."""


def table_of(path: Path, **options: Any) -> Table:
    rows = read(path, TableOptions(**options)).train
    assert isinstance(rows, Table)
    return rows


@contextlib.contextmanager
def folder() -> Any:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.mark.parametrize("name", WRITERS)
@settings(max_examples=TABLES)
@given(frame=tables())
def test_the_rows_are_those_of_parquet(name: str, frame: pl.DataFrame) -> None:
    if name == "t.ods":  # its reader leaves tabs out
        frame = frame.with_columns(pl.col("t").str.replace_all("\t", "-", literal=True))
    with folder() as place:
        WRITERS[name](frame, place / name)
        write_parquet(frame, place / "same.parquet")
        expected, told = table_of(place / "same.parquet"), CANNOT.get(name, {})
        kinds = table_of(place / name).kinds
        assert {column for column in told if kinds[column] == "categorical"} == set(told)
        assert {**kinds, **told} == expected.kinds
        found = table_of(place / name, kinds=told)
        assert found.kinds == expected.kinds
        assert found.frame.to_dicts() == expected.frame.to_dicts()


GOOD = pl.DataFrame(
    {
        "x": [1.5, -2.0, None, 1e-3],
        "n": [1, None, 3, 4],
        "t": ["red", "a 'b' \"c\", d", None, "é"],
        "b": [True, False, None, True],
        "d": [datetime.datetime(2024, 1, 31, 12, 30), None, datetime.datetime(1999, 1, 1), None],
    },
    schema=SCHEMA,
)

CHANGES = st.lists(
    st.tuples(st.integers(0, 10**6), st.sampled_from(["set", "insert", "remove", "cut"]), st.integers(0, 255)),
    min_size=1,
    max_size=4,
)


def changed(data: bytes, changes: list[tuple[int, str, int]]) -> bytes:
    for place, how, byte in changes:
        at = place % len(data) if data else 0
        data = {
            "set": data[:at] + bytes([byte]) + data[at + 1 :],
            "insert": data[:at] + bytes([byte]) + data[at:],
            "remove": data[:at] + data[at + 1 + byte % 8 :],
            "cut": data[:at] if byte < 64 else data,
        }[how]
    return data


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "t"])
def test_a_damaged_file_is_read_or_refused_with_a_sentence(tmp_path: Path, name: str) -> None:
    WRITERS[name](GOOD, tmp_path / name)
    whole = (tmp_path / name).read_bytes()

    @settings(max_examples=DAMAGED)
    @given(changes=CHANGES)
    def check(changes: list[tuple[int, str, int]]) -> None:
        (tmp_path / name).write_bytes(changed(whole, changes))
        with contextlib.suppress(DataError):
            table_of(tmp_path / name)

    check()


def refused(path: Path, content: str | bytes, said: str, **options: Any) -> None:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError, match=said):
        table_of(path, **options)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1}\n\n{"a": 1, "a": 2}\n', "line 3 names 'a' more than once"),
        ('{"a": {"b": 1}, "a.b": 2}\n', r"line 1 names 'a\.b' more than once"),
        ('{"a": 1}\n[1]\n', "line 2 holds a list, not an object"),
        ('{"a": 1}\nnull\n', "line 2 holds null, not an object"),
        ('{"a": 1}\n{"a": 2', "line 2 is not JSON: the text ends within a value"),
        ('{"a": 1}\n{"a": "x', "line 2 is not JSON: the text ends within a value"),
        ('{"a": 1}\n{"a": yes}\n', "line 2 is not JSON: Expecting value"),
        ('{"a": 1} {"a": 2}\n', "line 1 goes on after its JSON value"),
        ('{"a": 1}\n{"a": "x"}\n', "column 'a' has values of several types: a number on line 1, text on line 2"),
        ('{"a": true}\n{"a": 1}\n', "several types: true or false on line 1, a number on line 2"),
        ('{"a": {"b": 1}}\n{"a": 2}\n', "column 'a' has an object on line 1 and a number on line 2"),
        ('{"a": ["x"]}\n{"a": ["x", 1]}\n', "column 'a' has on line 2 a list that is not of texts alone"),
        ('{"a": [{"b": 1}]}\n', "column 'a' has on line 1 a list"),
        ('{"a": 1}\n{"a": 1e999}\n', "line 2, column 'a': 'inf' is not a finite number"),
        ('{"a": "\\ud800"}\n', "column 'a' holds text that is not Unicode"),
        ('{"a": ' + "9" * 5000 + "}\n", "line 1 cannot be read as JSON"),
        ('{"a":' * 100_000, "line 1 cannot be read as JSON"),
        ("{}\n{}\n", "its objects hold no values"),
        (b'{"a": 1}\n{"a": "\xff"}\n', "line 2 holds the byte 0xff"),
    ],
)
def test_json_lines_that_are_no_table_say_why(tmp_path: Path, text: str | bytes, said: str) -> None:
    refused(tmp_path / "t.jsonl", text, rf"(?s)^t\.jsonl.*{said}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1}\n{"a": 2}\n', "array of objects.* name it .jsonl"),
        ("3", "has to hold a JSON array of objects"),
        ("[]", "has no rows"),
        ('[{"a": 1},\n3]', "line 2 holds a number, not an object"),
        ('[{"a": 1},\n{"a": ', "line 2 is not JSON: the text ends within a value"),
        ('[{"a": 1},\n{"a": 2}\n', "line 3 ends before its array is closed"),
        ('[{"a": 1}\n{"a": 2}]', "line 2 has '{' where ',' or ']' is expected"),
        ('[{"a": 1}]\n\n[]', "line 1: there is more after the array"),
        ('[{"a": 1},\n\n{"a": {"b": 1},\n "a.b": 3}]', r"line 3 names 'a\.b' more than once"),
    ],
)
def test_json_that_is_no_table_says_why(tmp_path: Path, text: str, said: str) -> None:
    refused(tmp_path / "t.json", text, said)


def test_json_keeps_its_types_and_nested_objects_are_columns(tmp_path: Path) -> None:
    text = '\ufeff{"zip": "007", "at": {"x": 1, "y": {"z": true}}, "tags": ["u", "v"]}\n\n'
    text += '{"at": null, "id": 123456789012345678901}\r\n'
    (tmp_path / "t.jsonl").write_text(text, encoding="utf-8")
    table = table_of(tmp_path / "t.jsonl")
    assert table.frame.to_dicts() == [
        {"zip": "007", "at.x": 1, "at.y.z": True, "tags": ["u", "v"], "id": None},
        {"zip": None, "at.x": None, "at.y.z": None, "tags": None, "id": "123456789012345678901"},
    ]
    assert table.lines is not None and table.lines.tolist() == [1, 3]
    (tmp_path / "labels.jsonl").write_text('{"tags": ["u", "v"]}\n{"tags": []}\n')
    assert table_of(tmp_path / "labels.jsonl", kinds={"tags": "categorical"}).frame["tags"].to_list() == ["u|v", ""]


def test_a_kind_that_is_told_settles_json_of_several_types(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"a": 1, "l": [1]}\n{"a": 1.0, "l": [2]}\n{"a": "x", "l": "y"}\n')
    table = table_of(tmp_path / "t.jsonl", kinds={"a": "categorical", "l": "identifier"})
    assert table.frame["a"].to_list() == ["1", "1", "x"]
    assert not table.column("l").used
    with pytest.raises(DataError, match="line 3, column 'a': 'x' is not a finite number"):
        table_of(tmp_path / "t.jsonl", kinds={"a": "numeric", "l": "identifier"})
    dropped = table_of(tmp_path / "t.jsonl", kinds={"a": "numeric", "l": "identifier"}, on_bad_rows="drop")
    assert dropped.frame["a"].to_list() == [1.0, 1.0]
