"""A folder or a pattern of text files is one table, as if its files were one; what does not fit together is said."""

import gzip
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data.test_streaming import same_data

from batchwright.data.disk.budget import estimated_bytes
from batchwright.data.disk.convert_table import convert
from batchwright.data.formats.several_files import natural_key
from batchwright.data.formats.source import format_of, read
from batchwright.data.load import load, prepare
from batchwright.data.load_streamed import prepare_streamed
from batchwright.data.options import DataOptions
from batchwright.data.typed.table import Table, TableOptions
from batchwright.errors import DataError

WHOLE = pl.DataFrame(
    {
        "x": np.random.default_rng(0).normal(size=300).round(3),
        "c": np.random.default_rng(1).choice(list("abc"), 300),
        "y": np.random.default_rng(2).choice(["yes", "no"], 300),
    }
)


def table_of(path: Path | str, **options: object) -> Table:
    rows = read(path, TableOptions(**options)).train  # type: ignore[arg-type]
    assert isinstance(rows, Table)
    return rows


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """A folder with the rows of WHOLE in three files; the second is compressed, its columns in another order."""
    folder = tmp_path / "parts"
    folder.mkdir()
    WHOLE[:100].write_csv(folder / "part1.csv")
    text = WHOLE[100:200].select("y", "x", "c").write_csv(separator=";")
    (folder / "part2.csv.gz").write_bytes(gzip.compress(text.encode()))
    WHOLE[200:].write_csv(folder / "part10.csv")
    for name in ("_SUCCESS", ".hidden.csv", "_log.csv"):
        (folder / name).write_text("other,columns\n1,2\n")
    return folder


def test_a_folder_and_a_pattern_are_the_whole_table(
    parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    WHOLE.write_csv(tmp_path / "whole.csv")
    expected = load(tmp_path / "whole.csv", target="y").fingerprint
    for source in (parts, f"{parts}/", f"{parts}/part*", f"{tmp_path}/**/part*", f"{parts}/part*.csv*"):
        assert table_of(source).frame.equals(WHOLE)
        assert load(source, target="y").fingerprint == expected
    monkeypatch.chdir(parts)
    assert table_of("part[12].csv*").rows == 200
    assert [read(name).name for name in (".", "part?.csv", "*.csv")] == ["parts", "part1", "parts"]
    assert table_of("part1*.csv").rows == 200


def test_columns_are_typed_by_the_cells_of_all_files(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a,b\n1,2024-01-01\n,\n")
    (tmp_path / "2.csv").write_text("a,b\nu,x\nu,y\nv,x\n")
    assert table_of(f"{tmp_path}/*.csv").kinds == {"a": "categorical", "b": "categorical"}
    assert table_of(f"{tmp_path}/1*.csv").kinds == {"a": "numeric", "b": "date"}


def test_errors_and_notes_name_the_file_and_its_line(parts: Path) -> None:
    text = (parts / "part10.csv").read_text().splitlines(keepends=True)
    (parts / "part10.csv").write_text("".join([*text[:3], "oops,a,yes\n", *text[3:7], "1,a\n", *text[7:]]))
    with pytest.raises(DataError) as raised:
        read(parts)
    assert "  part10.csv line 4, column 'x': 'oops' is not a finite number\n" in str(raised.value)
    assert "  part10.csv line 9, 2 fields, expected 3 fields\n" in str(raised.value)
    kept = table_of(parts, on_bad_rows="drop")
    assert kept.rows == 300
    assert "2 rows dropped: part10.csv line 4 (column 'x'" in kept.notes[-1]
    assert kept.places(np.array([0, 150, 299])) == "part1.csv line 2, part2.csv.gz line 52, part10.csv line 103"
    (parts / "part10.csv").write_text("x,c,y\n1,a,yes\n2,a,\n3,a,no\n")
    with pytest.raises(DataError, match=r"target 'y' is missing in 1 of 203 rows \(part10\.csv line 3\)"):
        load(parts, target="y")
    assert "1 row dropped: part10.csv line 3 (column 'y'" in load(parts, target="y", on_bad_rows="drop").notes[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x,c\n1,a\n", r"b\.csv lacks the column 'y', which a\.csv has.*name one of them"),
        ("x,c,y,z\n1,a,yes,2\n", r"b\.csv has a column 'z', which a\.csv lacks"),
        ("x,c,y\n", r"b\.csv holds a header and no rows"),
        ('x,c,y\n1,"a,yes\n', r"b\.csv line 2, a quotation mark is opened"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(tmp_path: Path, text: str, said: str) -> None:
    WHOLE.write_csv(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text(text)
    for source in (tmp_path, f"{tmp_path}/*.csv"):
        with pytest.raises(DataError, match=said):
            read(source)
    with pytest.raises(DataError, match=said):
        prepare_streamed(tmp_path, DataOptions(target="y"), cache_dir=tmp_path / "cache")


def test_what_is_left_out_of_a_folder_is_said(parts: Path) -> None:
    assert table_of(parts).notes == ()
    for name in ("README.md", "readme.txt", "notes.nb"):
        (parts / name).write_text("Dear all,\n")
    (parts / "more").mkdir()
    (parts / "t.csv.batchwright").mkdir()
    (parts / "t.csv.batchwright-rows").mkdir()
    assert table_of(parts).frame.equals(WHOLE)
    assert table_of(parts).notes == (
        "parts: files that hold no table by their names are left out: README.md, notes.nb, readme.txt, more/",
    )


def test_several_kinds_parts_of_a_data_set_and_patterns_without_files_are_refused(tmp_path: Path) -> None:
    WHOLE.write_csv(tmp_path / "train.csv")
    WHOLE.write_csv(tmp_path / "test.csv")
    with pytest.raises(DataError, match=r"parts of a data set that is divided already.*`data\.test=.*test\.csv`"):
        read(f"{tmp_path}/t*.csv")
    WHOLE.write_ndjson(tmp_path / "z.jsonl")
    with pytest.raises(DataError, match=r"files of several kinds: \.csv, \.jsonl.*'.*\*\.csv'"):
        read(tmp_path)
    with pytest.raises(DataError, match=r"no file of rows matches the pattern .*u\*\.csv\.$"):
        read(f"{tmp_path}/u*.csv")
    WHOLE.write_ipc(tmp_path / "1.feather")
    WHOLE.write_ipc(tmp_path / "2.feather")
    with pytest.raises(DataError, match=r"2 files of the kind \.feather, which are not joined"):
        read(f"{tmp_path}/*.feather")
    assert read(f"{tmp_path}/1.f*r").train.rows == 300
    (tmp_path / "a[1].csv").write_text("p,q\n1,2\n")
    assert read(tmp_path / "a[1].csv").train.rows == 1


def test_files_of_one_name_in_several_folders_are_told_apart(tmp_path: Path) -> None:
    for name, text in (("a", "x,y\n1,2\n2,3\n"), ("b", "x,y\n1,2\n5,oops\n3,4\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "t.csv").write_text(text)
    with pytest.raises(DataError, match=r"b/t\.csv line 3, column 'y'"):
        read(f"{tmp_path}/*/t.csv")


def test_json_lines_are_joined_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "part1.jsonl").write_text('{"a": 1, "b": "x"}\n{"a": 2}\n')
    (tmp_path / "part2.jsonl").write_text('\n{"c": true, "a": 3.5}\n')
    frame = pl.DataFrame({"a": [1.0, 2.0, 3.5], "b": ["x", None, None], "c": [None, None, True]})
    assert table_of(tmp_path).frame.equals(frame)
    (tmp_path / "part10.jsonl").write_text('{"a": 1}\n{"a": "x"}\n')
    with pytest.raises(DataError, match=r"a number on part1\.jsonl line 1, text on part10\.jsonl line 2"):
        read(tmp_path)
    (tmp_path / "part10.jsonl").write_text('{"a": 1}\n[]\n')
    with pytest.raises(DataError, match=r"^part10\.jsonl: line 2 holds a list"):
        read(tmp_path)
    (tmp_path / "part10.jsonl").write_text('{"a": 1}\n{"a" 2}\n')
    with pytest.raises(DataError, match=r"^part10\.jsonl: line 2 is not JSON"):
        read(tmp_path)
    for number in (1, 2):
        (tmp_path / f"{number}.json").write_text(json.dumps([{"a": number}, {"a": 0}]))
    assert table_of(f"{tmp_path}/*.json").frame["a"].to_list() == [1, 0, 2, 0]


def test_patterns_of_parquet_are_as_their_folder(tmp_path: Path) -> None:
    for name, rows in (("p1", WHOLE[:100]), ("p2", WHOLE[100:200]), ("p10", WHOLE[200:])):
        rows.write_parquet(tmp_path / f"{name}.parquet")
    assert table_of(tmp_path).frame.equals(WHOLE)
    assert table_of(f"{tmp_path}/p*.parquet").frame.equals(WHOLE)
    options = DataOptions(target="y")
    source = f"{tmp_path}/p*.parquet"
    same_data(prepare_streamed(source, options, cache_dir=tmp_path / "cache"), prepare(source, options))


@pytest.mark.parametrize("source", ["parts", "parts/part*", "**/part*"])
def test_in_pieces_they_are_learned_from_as_in_memory(
    parts: Path, tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (parts / "part10.csv").write_text((parts / "part10.csv").read_text() + "oops,a,yes\n1,a\n")
    found = format_of(Path(source))
    assert found is not None and found.streams(Path(source))
    options = DataOptions(target="y", on_bad_rows="drop")
    same_data(prepare_streamed(source, options, seed=1), prepare(source, options, seed=1))
    same_data(prepare_streamed(source, options, seed=1), prepare(source, options, seed=1))
    store = convert(source, options.reading)
    assert store.table().places(np.array([0, 299])) == "part1.csv line 2, part10.csv line 101"
    assert "part10.csv line 102 (column 'x'" in store.contents.notes[-1]
    (parts / "part1.csv").write_text("x,c,y\n1,a,yes\n2,b,no\n")
    assert convert(source, options.reading).rows == 202


def test_the_estimate_is_that_of_the_whole(parts: Path, tmp_path: Path) -> None:
    WHOLE.write_csv(tmp_path / "whole.csv")
    for source in (parts, f"{parts}/part*"):
        assert 0.8 < estimated_bytes(source) / estimated_bytes(tmp_path / "whole.csv") < 1.2


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=8))
def test_names_are_sorted_by_their_numbers(numbers: list[int]) -> None:
    paths = [Path(f"d/part{number}.csv") for number in numbers]
    assert sorted(paths, key=natural_key) == [Path(f"d/part{number}.csv") for number in sorted(numbers)]


@given(st.lists(st.text(st.sampled_from("a1²٣-."), min_size=1, max_size=5), min_size=2, max_size=5))
def test_any_names_can_be_sorted(names: list[str]) -> None:
    assert sorted(sorted(map(Path, names), key=natural_key)) == sorted(map(Path, names))


def test_a_damaged_file_of_a_folder_is_named_also_where_the_folder_is_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pl.DataFrame({"x": [1.0, 2.0]}).write_parquet(tmp_path / "good.parquet")
    monkeypatch.chdir(tmp_path)
    assert read(".").train.name == tmp_path.name
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match=r"^torn\.parquet cannot be read as Parquet: .* copy or write it again\.$"):
        read(".")


@pytest.mark.parametrize("write", ["csv", "parquet", "jsonl"])
def test_files_without_endings_are_read_by_their_content(tmp_path: Path, write: str) -> None:
    frame = pl.DataFrame({"a": [1.0, 2.5, 3.0], "b": ["x", "y", "x"]})
    for number in range(3):
        path = tmp_path / f"part-{number}"
        {"csv": frame.write_csv, "parquet": frame.write_parquet, "jsonl": frame.write_ndjson}[write](path)
    (tmp_path / "_SUCCESS").write_bytes(b"")
    for source in (tmp_path, tmp_path / "part-*"):
        table = read(source).train
        assert isinstance(table, Table) and table.frame.equals(pl.concat([frame] * 3))
        if write != "jsonl":
            stored = convert(source, cache_dir=tmp_path / "cache.batchwright").table()
            assert stored.frame.equals(table.frame) and stored.notes == table.notes
    (tmp_path / "notes").write_text("Dear all,\nthis is no table.\n")
    assert read(tmp_path).train.rows == 9


def test_a_folder_of_parquet_says_what_else_is_in_it(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1.0, 2.5], "b": ["x", "y"]})
    frame.write_parquet(tmp_path / "1.parquet")
    frame.write_csv(tmp_path / "2.csv")
    note = f"{tmp_path.name}: the Parquet file is read, and other files are left out: 2.csv"
    assert table_of(tmp_path).notes == convert(tmp_path, cache_dir=tmp_path / "c.batchwright").table().notes == (note,)
    with pytest.raises(DataError, match=r"names files of several kinds: \.csv, \.parquet"):
        read(tmp_path / "*")


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("heigth,name\n", r"b\.csv lacks the column 'height', which a\.csv has\. Is it 'heigth' there\?"),
        (
            "",
            r"b\.csv lacks the column 'height', which a\.csv has\. The first line of b\.csv looks like a row: does it",
        ),
    ],
)
def test_a_near_name_and_a_lacking_header_are_guessed(tmp_path: Path, head: str, said: str) -> None:
    (tmp_path / "a.csv").write_text("height,name\n1,x\n2,y\n")
    (tmp_path / "b.csv").write_text(head + "3,x\n4,z\n")
    with pytest.raises(DataError, match=said):
        read(tmp_path)
