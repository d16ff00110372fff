"""ARFF: what its header declares is what its columns are."""

from pathlib import Path
from typing import Any

import pytest

from batchwright.data.formats.source import read
from batchwright.data.typed.table import Table, TableOptions
from batchwright.errors import DataError

HEADER = "@relation r\n@attribute x numeric\n@attribute 'a b' {1, 2, 'c, d'}\n@attribute t string\n@data\n"


def table_of(path: Path, text: str, **options: Any) -> Table:
    path.write_text(text, encoding="utf-8")
    rows = read(path, TableOptions(**options)).train
    assert isinstance(rows, Table)
    return rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.arff"


def test_nominal_values_are_categories_whatever_they_look_like(path: Path) -> None:
    text = "% title\r\n" + HEADER.replace("\n", "\r\n") + "1.5, 2, 'it\\'s, a \\\\'\r\n"
    text += "% between\r\n?,'c, d',\"x\"\r\n\r\n3 1 ?\r\n"
    table = table_of(path, text)
    assert table.kinds == {"x": "numeric", "a b": "categorical", "t": "categorical"}
    assert table.frame.to_dict(as_series=False) == {
        "x": [1.5, None, 3.0], "a b": ["2", "c, d", "1"], "t": ["it's, a \\", "x", None]
    }  # fmt: skip
    assert table.lines is not None and table.lines.tolist() == [7, 9, 11]


def test_sparse_rows_leave_out_zeros_and_first_values(path: Path) -> None:
    table = table_of(path, HEADER + "{0 2.5, 1 'c, d'}\n{2 'x, y', 1 ?}\n{}\n")
    assert table.frame.to_dict(as_series=False) == {
        "x": [2.5, 0.0, 0.0], "a b": ["c, d", None, "1"], "t": [None, "x, y", None]
    }  # fmt: skip


def test_dates_have_the_declared_format(path: Path) -> None:
    text = "@relation r\n@attribute d date 'dd.MM.yyyy HH:mm'\n@attribute e DATE\n"
    text += "@data\n'01.02.2024 13:05',2024-02-01T13:05:09\n"
    row = table_of(path, text).frame.row(0)
    assert [str(cell) for cell in row] == ["2024-02-01 13:05:00", "2024-02-01 13:05:09"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER + "1,3,x\n2,1,y\n", r"line 6, column 'a b': '3' is not one of the declared values \{1, 2, c, d\}"),
        (HEADER + "1,1,x\nten,1,y\n3,1,z\n", "line 7, column 'x': 'ten' is not a finite number"),
        (HEADER + "1,1\n2,1,y\n", "line 6, 2 cells, expected 3 cells"),
        (HEADER + "1,1,x,{5}\n", r"line 6, 4 cells \(weights of rows are not read\)"),
        (HEADER + "{7 1}\n", "line 6, 7 1, expected PLACE VALUE with a place from 0 to 2"),
        (HEADER + "{0 1\n", "line 6, .*expected a sparse row"),
        (HEADER, "has no rows"),
        ("@relation r\n@attribute x numeric\n1\n", "line 3 is '1', where .*@data"),
        ("@relation r\n@attribute x numeric\n", "has no line `@data`"),
        ("@relation r\n@data\n1\n", "declares no columns"),
        ("@attribute x relational\n@data\n1\n", "line 1 declares column 'x' as 'relational'"),
        ("@attribute x\n@data\n1\n", "line 1 declares column 'x' as ''"),
        ("@attribute\n@data\n1\n", "line 1 is '@attribute', not `@attribute NAME TYPE`"),
        ("@attribute x date 'QQ'\n@data\n1\n", "date format 'QQ', of which 'QQ' is not known"),
        ("@attribute x date 'HH'\n@data\n1\n", "date format 'HH', which cannot be read"),
        ("@attribute x real\n@attribute x real\n@data\n1,2\n", "names 'x' more than once"),
    ],
)
def test_what_is_wrong_is_said(path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=rf"(?s)^t\.arff.*{said}"):
        table_of(path, text)


def test_wrong_rows_are_dropped_and_counted(path: Path) -> None:
    table = table_of(path, HEADER + "1,3,x\n2,1,y\n3,1\n", on_bad_rows="drop")
    assert table.frame["x"].to_list() == [2]
    assert table.notes[0].startswith("2 rows dropped: line 6 (column 'a b': '3' is not one of")
