"""A store holds what reading in memory gives; what is unfinished, damaged or a stranger's is never taken for one."""

import csv
import dataclasses
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.data.disk import budget, columns, convert_table, text_pieces, typed_columns
from batchwright.data.disk.budget import available_memory, estimated_bytes, limit_to_stream, parse_size
from batchwright.data.disk.convert_table import convert, store_folder
from batchwright.data.disk.store import Store
from batchwright.data.formats.arrays import read_npy
from batchwright.data.formats.delimited import read_csv
from batchwright.data.formats.parquet import read_parquet
from batchwright.data.typed.schema import Column, Schema
from batchwright.data.typed.table import Table, TableOptions, from_frame
from batchwright.errors import ConfigError, DataError, UsageError

DROP = TableOptions(on_bad_rows="drop")
TEXT = 'x,name,when\n1,"a ""q""\nb",2020-01-01\n,b,2020-01-02\nbad,b,2020-01-05\n3,a\n' + "4,c,2020-02-02\n" * 30


def file(folder: Path, text: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def same(store: Store, table: Table) -> None:
    found = store.table()
    assert found.frame.equals(table.frame) and found.frame.schema == table.frame.schema
    assert (found.columns, found.name, found.notes) == (table.columns, table.name, table.notes)
    assert (found.lines is None) == (table.lines is None)
    assert found.lines is None or np.array_equal(found.lines, table.lines)


def outcome(read):
    try:
        return read(), None
    except DataError as error:
        return None, str(error)


CELLS = st.one_of(
    st.integers(-3, 3).map(str),
    st.floats(allow_nan=False).map(repr),
    st.sampled_from(["", "NA", "a", "b ", '"', "true", "no", "2020-01-02", "inf", "a,b", "x\ny", "é", " "]),
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=4),
)


def written(rows: list[list[str]], end: str) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator=end).writerows(rows)
    return out.getvalue()


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.lists(CELLS, min_size=1, max_size=3) | st.lists(CELLS, min_size=2, max_size=2), max_size=12),
    end=st.sampled_from(["\n", "\r\n"]),
    tail=st.sampled_from(["", "\n", '"open', 'q"uote,1\n', "1,2"]),
    piece=st.integers(8, 60),
    options=st.sampled_from([TableOptions(), DROP, TableOptions(header=False), TableOptions(kinds={"p": "numeric"})]),
)
def test_text_in_pieces_is_the_table_in_memory(rows, end, tail, piece, options):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "PIECE_BYTES", piece)
        patch.setattr(text_pieces, "LONGEST", 1 << 20)
        path = file(Path(folder), written([["p", "q"], *rows], end) + tail)
        table, problem = outcome(lambda: read_csv(path, options))
        store, found = outcome(lambda: convert(path, options))
        assert found == problem
        assert (store is None) == (table is None)
        if store is not None:
            same(store, table)
        else:
            assert not store_folder(path, None).exists()


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"a,b\n", b"a,a\n1,2\n", b"a,b\n1,\xff\n", b"PK\x03\x04", b"\xff\xfea"]
)
def test_what_is_no_table_is_answered_as_in_memory(tmp_path, content):
    path = file(tmp_path, content)
    problem = outcome(lambda: read_csv(path))[1]
    found = outcome(lambda: convert(path))[1]
    assert found == (f"{path} is empty." if content == b"" else problem)


def test_byte_order_mark_and_lines(tmp_path):
    path = file(tmp_path, "\ufeffa;b\n\n1;2\n3;4\n")
    same(convert(path), read_csv(path))


def test_dropped_rows_are_noted_as_in_memory(tmp_path):
    path = file(tmp_path, TEXT)
    same(convert(path, DROP), read_csv(path, DROP))


FRAME = pl.DataFrame(
    {
        "n": [1.5, None, float("nan"), 4.0],
        "i": pl.Series([1, 2, None, 3], dtype=pl.UInt8),
        "s": ["a", "b", None, ""],
        "c": pl.Series(["a", "b", None, "a"], dtype=pl.Categorical),
        "t": ["1", "2", "x", "3"],
        "f": [True, None, False, True],
        "d": pl.Series([1, 2, None, 3], dtype=pl.Int32).cast(pl.Date),
        "l": [[1], [2], None, []],
        "z": pl.Series([None] * 4, dtype=pl.Null),
        "m": pl.Series(["1.50", None, "2.00", "3.25"]).cast(pl.Decimal(10, 2)),
    }
)


@pytest.mark.parametrize("options", [TableOptions(kinds={"t": "categorical"}), DROP])
def test_parquet_is_the_table_in_memory(tmp_path, options):
    FRAME.write_parquet(tmp_path / "t.parquet", row_group_size=2)
    same(convert(tmp_path / "t.parquet", options), read_parquet(tmp_path / "t.parquet", options))


def test_folder_of_parquet_files_is_one_table_in_the_order_of_their_names(tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    frame = FRAME.drop("z")
    frame[:1].write_parquet(folder / "b=1.parquet")
    frame[1:].write_parquet(folder / "a.parquet")
    store = convert(folder, DROP)
    same(store, from_frame(pl.concat([frame[1:], frame[:1]]), DROP, name="parts"))


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_is_the_table_in_memory(tmp_path, order, monkeypatch):
    array = np.asarray(np.random.default_rng(0).normal(size=(50, 7)), order=order)
    array[3, 2] = np.nan
    np.save(tmp_path / "a.npy", array)
    store = convert(tmp_path / "a.npy", memory_limit=10**10)
    same(store, read_npy(tmp_path / "a.npy"))
    assert store.contents.target == "6"


def test_new_rows_are_read_by_the_schema(tmp_path):
    schema = Schema((Column("x", "categorical"), Column("y", "numeric", used=False)), "y", "regression")
    path = file(tmp_path, "z,y,x\n1,2,3\n4,5,6\n")
    same(convert(path, schema=schema), read_csv(path, schema=schema))
    with pytest.raises(DataError, match="lacks the column 'x'"):
        convert(file(tmp_path, "z,y\n1,2\n"), schema=schema)


def test_ranges_and_columns_of_a_store(tmp_path):
    path = file(tmp_path, "a,b\n" + "".join(f"{number},t{number % 3}\n" for number in range(100)))
    store, table = convert(path), read_csv(path)
    part = store.table(10, 20, columns=["b"])
    assert part.frame.equals(table.frame[10:20].select("b")) and part.lines.tolist() == list(range(12, 22))
    assert store.column("a", 5, 7).to_list() == [5.0, 6.0]
    with pytest.raises(DataError, match="did you mean 'a'"):
        store.column("A")


def test_finished_store_is_taken_and_a_change_converts_anew(tmp_path, monkeypatch):
    path = file(tmp_path, "a,b\n1,2\n3,4\n")
    first = convert(path)
    with monkeypatch.context() as patch:
        patch.setattr(convert_table, "open_table", None)
        assert convert(path) == first
    assert convert(path, TableOptions(kinds={"a": "categorical"})) != first
    with pytest.raises(DataError, match="made anew"):
        first.table()
    file(tmp_path, "a,b\n1,2\n3,4\n5,6\n")
    assert convert(path).rows == 3
    same(convert(path, cache_dir=tmp_path / "cache"), read_csv(path))


def test_stopped_conversion_goes_on_where_it_was(tmp_path, monkeypatch):
    path = file(tmp_path, TEXT)
    folder = store_folder(path, None)
    written, write = [], typed_columns.write_columns

    def stop_at(name):
        def stopping(target, frame):
            if target.name == name:
                raise KeyboardInterrupt
            written.append(target.name)
            write(target, frame)

        return stopping

    monkeypatch.setattr(columns, "PIECE_BYTES", 64)
    later = typed_columns, convert_table
    for modules, name in (((text_pieces,), "000003.parquet"), (later, "1.arrow"), (later, "lines.arrow")):
        with monkeypatch.context() as patch:
            for module in modules:
                patch.setattr(module, "write_columns", stop_at(name))
            with pytest.raises(KeyboardInterrupt):
                convert(path, DROP)
        assert not (folder / "store.json").exists()
    same(convert(path, DROP), read_csv(path, DROP))
    assert written == ["000000.parquet", "000001.parquet", "000002.parquet", "0.unfit", "0.arrow", "1.arrow", "2.arrow"]
    assert not (folder / "pieces").exists()


def test_conversion_stopped_while_dropping_goes_on(tmp_path, monkeypatch):
    path = file(tmp_path, TEXT)
    write, calls = convert_table.write_columns, []

    def stopping(target, frame):
        calls.append(target.name)
        if calls.count("1.arrow") == 2:
            raise KeyboardInterrupt
        write(target, frame)

    with monkeypatch.context() as patch:
        patch.setattr(typed_columns, "write_columns", stopping)
        patch.setattr(convert_table, "write_columns", stopping)
        with pytest.raises(KeyboardInterrupt):
            convert(path, DROP)
    same(convert(path, DROP), read_csv(path, DROP))


def test_killed_process_leaves_nothing_that_is_taken_for_finished(tmp_path):
    path = file(tmp_path, "a,b\n" + "1.5,x\n" * 200_000)
    program = (
        "import os, sys; from batchwright.data.disk import convert_table, typed_columns as c; write = c.write_columns\n"
        "def stop(path, frame):\n    write(path, frame); os.kill(os.getpid(), 9)\n"
        "c.write_columns = stop; convert_table.convert(sys.argv[1])"
    )
    assert subprocess.run([sys.executable, "-c", program, path], check=False).returncode == -9
    assert (store_folder(path, None) / "0.arrow").exists()
    same(convert(path), read_csv(path))


def test_damaged_stores_are_refused(tmp_path):
    path = file(tmp_path, "a,b\n1,x\n3,y\n")
    for damage in (
        lambda folder: (folder / "0.arrow").unlink(),
        lambda folder: (folder / "0.arrow").write_bytes(b"short"),
        lambda folder: (folder / "0.arrow").write_bytes(bytes((folder / "0.arrow").stat().st_size)),
        lambda folder: (folder / "store.json").write_text("{"),
        lambda folder: (folder / "store.json").write_text("[]"),
        lambda folder: (folder / "store.json").write_text('{"format": 2}'),
        lambda folder: (folder / "1.arrow").write_bytes((folder / "0.arrow").read_bytes()),
        lambda folder: edit(folder, rows=9),
        lambda folder: edit(folder, files=[]),
        lambda folder: edit(folder, columns=[]),
        lambda folder: edit(folder, extra=1),
        lambda folder: outside(folder),
    ):
        folder = convert(path).folder
        damage(folder)
        with pytest.raises(DataError, match="Remove that folder"):
            convert(path)
        for entry in folder.iterdir():
            entry.unlink()
        folder.rmdir()


def edit(folder: Path, **values: object) -> None:
    plain = json.loads((folder / "store.json").read_text())
    (folder / "store.json").write_text(json.dumps(plain | values))


def outside(folder: Path) -> None:
    (folder / "0.arrow").rename(folder.parent / "0.arrow")
    (folder / "0.arrow").symlink_to(folder.parent / "0.arrow")


def test_strangers_folders_are_left_alone(tmp_path):
    path = file(tmp_path, "a,b\n1,x\n3,y\n")
    folder = store_folder(path, None)
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="not a folder that batchwright made"):
        convert(path)
    assert [entry.name for entry in folder.iterdir()] == ["mine.txt"]


def test_two_conversions_at_once_are_refused(tmp_path):
    path = file(tmp_path, "a,b\n1,x\n3,y\n")
    with (
        convert_table.hold_store_folder(store_folder(path, None), "other"),
        pytest.raises(UsageError, match="another process"),
    ):
        convert(path)


def test_source_that_vanishes_or_changes_is_told(tmp_path, monkeypatch):
    path = file(tmp_path, "a,b\n1,x\n3,y\n")
    typed = typed_columns.type_column

    def then(act):
        def typing(*given, **named):
            act()
            return typed(*given, **named)

        return typing

    FRAME.write_parquet(tmp_path / "t.parquet")
    other = tmp_path / "t.parquet"
    for source, act, message in (
        (path, lambda: os.utime(path, (1, 1)), "changed while it was read"),
        (path, lambda: path.unlink(missing_ok=True), "no such file"),
        (other, lambda: other.unlink(missing_ok=True), "cannot be read"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(typed_columns, "type_column", then(act))
            with pytest.raises(DataError, match=message):
                convert(source, DROP)


def test_full_disk_is_told(tmp_path, monkeypatch):
    path = file(tmp_path, "a,b\n1,x\n3,y\n")

    def full(frame, target, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_ipc", full)
    with pytest.raises(UsageError, match="is full"):
        convert(path)


def test_of_many_bad_cells_the_first_are_kept_and_all_are_counted(tmp_path, monkeypatch):
    rows = "".join(f"{number},1\n" if number % 2 else "bad,worse\n" if number % 4 else "3\n" for number in range(4000))
    path = file(tmp_path, "x,y\n" + rows)
    monkeypatch.setattr(text_pieces, "PIECE_BYTES", 2000)
    options = TableOptions(on_bad_rows="drop", kinds={"x": "numeric", "y": "numeric"})
    table = read_csv(path, options)
    same(convert(path, options), table)
    assert table.notes[0].startswith(
        "2,000 rows dropped: line 2 (1 field, expected 2 fields); line 4 (column 'x': 'bad'"
    )
    assert table.notes[0].endswith(" and 2,990 more")
    assert (table.dropped.count, len(table.dropped.first)) == (3000, 300)
    said = outcome(lambda: read_csv(path, dataclasses.replace(options, on_bad_rows="stop")))[1]
    assert said == outcome(lambda: convert(path, dataclasses.replace(options, on_bad_rows="stop")))[1]
    assert "found 3,000 cells that do not fit their column (the first ten are listed)" in said


def test_column_that_does_not_fit_the_limit_is_told(tmp_path, monkeypatch):
    path = file(tmp_path, "a,b\n" + "1.5,x\n" * 100_000)
    monkeypatch.setattr(budget, "anonymous_memory", lambda: 0)
    with pytest.raises(DataError, match="reading a piece takes about 3 MB of memory, and the limit leaves 0 MB"):
        convert(path, memory_limit=1000)
    with pytest.raises(DataError, match="column 'a' of 100,000 rows takes about 6 MB"):
        convert(path, memory_limit=budget.OVERHEAD + 5_000_000)
    same(convert(path, memory_limit=budget.OVERHEAD + 12_000_000), read_csv(path))


@pytest.mark.parametrize(
    ("text", "size"), [("2GB", 2 * 10**9), ("1.5 gib", 3 << 29), ("10kB", 10_000), ("7 B", 7), (".5MiB", 1 << 19)]
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "2", "GB", "-1GB", "0GB", "2 XB", "1e3MB", "nan GB", "2GB!", "9" * 40 + "GB"])
def test_what_is_no_size_is_told(text):
    with pytest.raises(ConfigError, match="is not a size"):
        parse_size(text)


def test_memory_of_the_machine_and_its_groups(tmp_path, monkeypatch):
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (groups / "a/b").mkdir(parents=True)
    monkeypatch.setattr(budget, "PROC", proc)
    monkeypatch.setattr(budget, "CGROUPS", groups)
    assert available_memory() is None
    (proc / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    5000 kB\n")
    assert available_memory() == 5_120_000
    (proc / "self/cgroup").write_text("0::/a/b\n")
    (groups / "a/b/memory.max").write_text("max\n")
    (groups / "a/memory.max").write_text("3000000\n")
    (groups / "a/memory.current").write_text("1000000\n")
    (groups / "a/memory.stat").write_text("anon 1\ninactive_file 500\n")
    assert available_memory() == 2_000_500


def test_estimates(tmp_path):
    FRAME.write_parquet(tmp_path / "t.parquet")
    assert estimated_bytes(tmp_path / "t.parquet") == 4 * 10 * 24
    assert estimated_bytes(file(tmp_path, "a,b\n")) == 20
    assert estimated_bytes(tmp_path / "absent") == 0


def test_what_cannot_be_read_in_pieces_is_read_whole_unless_a_limit_is_given(tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "RUNTIME_BYTES", 10**15)
    for name, streamed in (("t.npz", False), ("t.csv", True), ("t.npy", True), ("iris", False)):
        path = file(tmp_path, "a,b\n", name)
        assert (limit_to_stream(str(path), "auto") is not None) == streamed
        assert limit_to_stream(str(path), "2GB") is not None
        assert limit_to_stream(str(path), "none") is None
