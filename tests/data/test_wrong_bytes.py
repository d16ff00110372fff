"""A wrong byte in JSON and ARFF costs the row that it is in, and no other; the rows without it are the witness."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.data.formats.source import read
from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.schema import Schema, WholeSchema
from batchwright.data.typed.table import Table
from batchwright.errors import DataError

DROP = TableOptions(on_bad_rows="drop")
MARK = "§"
WRONG = b"\xe9"

Row = tuple[int, str]


def as_lines(rows: list[Row]) -> str:
    return "\n".join(json.dumps({"x": x, "name": name}, ensure_ascii=False) for x, name in rows)


def as_array(rows: list[Row]) -> str:
    return f"[{as_lines(rows)}]".replace("\n", ",\n")


def on_one_line(rows: list[Row]) -> str:
    return as_array(rows).replace("\n", " ")


def as_arff(rows: list[Row]) -> str:
    head = "@relation r\n@attribute x numeric\n@attribute name string\n@data\n"
    return head + "\n".join(f"{x},'{name}'" for x, name in rows)


WAYS: dict[str, tuple[Callable[[list[Row]], str], int]] = {
    "t.jsonl": (as_lines, 1), "t.json": (as_array, 1), "one.json": (on_one_line, 0), "t.arff": (as_arff, 5)
}  # fmt: skip
"""How rows are written, and on which line the first is; 0 if all are on one."""


def write(folder: Path, name: str, rows: list[Row]) -> Path:
    path = folder / name
    path.write_bytes(WAYS[name][0](rows).encode().replace(MARK.encode(), WRONG))
    return path


def table_of(path: Path, options: TableOptions = DROP, schema: Schema | None = None) -> Table:
    rows = read(path, options, schema=schema).train
    assert isinstance(rows, Table)
    return rows


@pytest.mark.parametrize("name", list(WAYS))
@given(damaged=st.sets(st.integers(0, 39), max_size=4))
def test_only_the_rows_with_a_wrong_byte_are_dropped(
    tmp_path_factory: pytest.TempPathFactory, name: str, damaged: set[int]
) -> None:
    folder, first = tmp_path_factory.mktemp("wrong"), WAYS[name][1]
    rows = [(x, "caf" + (MARK if x in damaged else "é" if x % 2 else "e")) for x in range(40)]
    table = table_of(write(folder, name, rows))
    assert table.frame.rows() == [row for row in rows if row[0] not in damaged]
    assert table.dropped.count == len(damaged)
    assert [cell.line for cell in table.dropped.first] == [first + x if first else 1 for x in sorted(damaged)]
    assert all(str(cell).startswith("the byte 0xe9 in column 'name', exp") for cell in table.dropped.first)
    schema = WholeSchema(**vars(Schema(table.columns, None, "regression")), keep=("x",))
    whole = table_of(write(folder, name, rows), schema=schema).whole
    assert whole is not None
    assert whole.fits.tolist() == [x not in damaged for x in range(40)]
    assert whole.written["x"].to_list() == [None if x in damaged else x for x in range(40)]


@pytest.mark.parametrize("name", list(WAYS))
def test_a_training_stops_at_a_wrong_byte_with_its_line(tmp_path: Path, name: str) -> None:
    rows = [(x, MARK if x == 17 else "é") for x in range(40)]
    line = WAYS[name][1] + 17 if WAYS[name][1] else 1
    said = f"1 record with bytes .*\n.*line {line}, the byte 0xe9 in column 'name'"
    with pytest.raises(DataError, match=said) as caught:
        table_of(write(tmp_path, name, rows), TableOptions())
    assert "`on_bad_rows=drop` leaves it out. `encoding=NAME` names another" in str(caught.value.remedy)
    assert table_of(write(tmp_path, name, [(x, MARK) for x in range(9)]), TableOptions(encoding="latin-1")).rows == 9


@pytest.mark.parametrize("name", list(WAYS))
def test_many_wrong_bytes_are_another_encoding(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"is not text in UTF-8: line \d+ holds the byte 0xe9"):
        table_of(write(tmp_path, name, [(x, MARK if x % 3 else "e") for x in range(40)]))


def test_a_wrong_byte_outside_of_a_value_costs_its_line_or_is_named(tmp_path: Path) -> None:
    text = as_lines([(x, "é") for x in range(40)]).replace('7, "name"', f'7, "name{MARK}', 1)
    (tmp_path / "t.jsonl").write_bytes(text.encode().replace(MARK.encode(), WRONG))
    table = table_of(tmp_path / "t.jsonl")
    assert table.frame["x"].to_list() == [x for x in range(40) if x != 7]
    assert "line 8 (the byte 0xe9 outside of a value, expected text in UTF-8)" in table.notes[0]
    (tmp_path / "t.json").write_bytes(f"[{text}]".replace("\n", ",\n").encode().replace(MARK.encode(), WRONG))
    with pytest.raises(DataError, match="line 8 holds the byte 0xe9, which is no JSON"):
        table_of(tmp_path / "t.json")
    (tmp_path / "t.json").write_bytes(b'[{"x": "\xc3\xa9"}\xff]')
    with pytest.raises(DataError, match="line 1 has a byte that is no text where ',' or ']' is expected"):
        table_of(tmp_path / "t.json")


def test_a_nul_byte_costs_its_line(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(
        as_lines([(x, "\0" if x == 3 else "a") for x in range(9)]).replace("\\u0000", "\0")
    )
    table = table_of(tmp_path / "t.jsonl")
    assert table.rows == 8 and "line 4 (a NUL byte in column 'name', expected text)" in table.notes[0]


def test_a_wrong_byte_in_the_head_of_arff(tmp_path: Path) -> None:
    text = as_arff([(x, "é") for x in range(9)])
    (tmp_path / "t.arff").write_bytes(b"% Jos\xe9\n" + text.encode())
    assert table_of(tmp_path / "t.arff").rows == 9
    (tmp_path / "t.arff").write_bytes(text.encode().replace(b"name", b"n\xe9me"))
    with pytest.raises(DataError, match="line 3 declares a column and holds the byte 0xe9"):
        table_of(tmp_path / "t.arff")


def test_a_wrong_byte_in_one_of_several_files_has_its_file_and_line(tmp_path: Path) -> None:
    for name, rows in (("a.jsonl", [(0, "é"), (1, "é")]), ("b.jsonl", [(2, "é"), (3, MARK)])):
        (tmp_path / name).write_bytes(as_lines(rows).encode().replace(MARK.encode(), WRONG))
    table = table_of(tmp_path)
    assert table.frame["x"].to_list() == [0, 1, 2]
    assert "b.jsonl line 2 (the byte 0xe9 in column 'name'" in table.notes[0]
