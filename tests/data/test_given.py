"""Rows from standard input, from URLs, and from files whose names do not say what they hold."""

import gzip
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.data.disk.budget import limit_to_stream
from batchwright.data.formats import given as inputs
from batchwright.data.formats.contents import ending_of, is_text, looks_like_table
from batchwright.data.formats.elsewhere import KINDS, conversion
from batchwright.data.formats.source import format_of, read
from batchwright.data.load import load
from batchwright.data.load_streamed import prepare_streamed
from batchwright.data.options import DataOptions
from batchwright.data.typed.table import Table
from batchwright.errors import DataError

FRAME = pl.DataFrame({"a": [1.0, 2.0, 3.5, 4.0], "b": ["x", "y", "x", "y"]})


def in_memory(write: Callable[[pl.DataFrame, io.BytesIO], object]) -> bytes:
    content = io.BytesIO()
    write(FRAME, content)
    return content.getvalue()


CONTENTS = {
    "csv": FRAME.write_csv().encode(),
    "tsv": FRAME.write_csv(separator="\t").encode(),
    "jsonl": FRAME.write_ndjson().encode(),
    "json": FRAME.write_json().encode(),
    "parquet": in_memory(pl.DataFrame.write_parquet),
    "feather": in_memory(pl.DataFrame.write_ipc),
    "csv.gz": gzip.compress(FRAME.write_csv().encode()),
    "arff": b"% made\n\n@RELATION t\n@attribute a numeric\n@attribute b {x,y}\n@data\n1,x\n2,y\n3.5,x\n4,y\n",
}


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], None]]:
    """A function that gives bytes on standard input."""

    def give(data: bytes) -> None:
        inputs.standard_input.cache_clear()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    yield give
    inputs.standard_input.cache_clear()


@pytest.mark.parametrize("kind", CONTENTS)
def test_standard_input_is_read_by_its_first_bytes(type_in: Callable[[bytes], None], kind: str) -> None:
    type_in(CONTENTS[kind])
    for _ in range(2):  # it can be read only once, and is kept
        loaded = read("-")
        assert isinstance(loaded.train, Table)
        assert loaded.train.frame.equals(FRAME)
        assert loaded.name == "stdin"


def test_errors_in_standard_input_call_it_stdin(type_in: Callable[[bytes], None]) -> None:
    type_in(b"a,b\n1,x\noops,y\n2,x\n3,y\n")
    with pytest.raises(DataError, match=r"^stdin\.csv: found 1 cell.*\n  line 3, column 'a'"):
        read("-")
    type_in(b"")
    with pytest.raises(DataError, match=r"standard input \(-\) is empty"):
        read("-")


def test_a_terminal_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stdin in (Terminal(), None):
        monkeypatch.setattr(sys, "stdin", stdin)
        with pytest.raises(DataError, match="nothing is connected to it: pipe them in"):
            read("-")


def test_rows_and_test_rows_cannot_both_come_from_standard_input(type_in: Callable[[bytes], None]) -> None:
    type_in(CONTENTS["csv"])
    with pytest.raises(DataError, match="both the rows and the test rows"):
        load("-", target="b", test="-")
    with pytest.raises(DataError, match="both the rows and the test rows"):
        prepare_streamed("-", DataOptions(target="b", test="-"))


def test_standard_input_can_be_read_in_pieces(type_in: Callable[[bytes], None], tmp_path: Path) -> None:
    rows = pl.DataFrame({"x": np.arange(100.0), "y": ["a", "b"] * 50})
    type_in(rows.write_csv().encode())
    limit = limit_to_stream("-", "1MB")
    assert limit is not None and "rows are read from the disk" in limit.reason
    streamed = prepare_streamed("-", DataOptions(target="y"), cache_dir=tmp_path)
    assert (streamed.name, streamed.train.rows) == ("stdin", load("-", target="y").train.rows)


def test_a_file_called_dash_is_given_with_its_folder(tmp_path: Path) -> None:
    (tmp_path / "-").write_bytes(CONTENTS["csv"])
    assert read(f"{tmp_path}/-").train.rows == 4


@pytest.mark.parametrize("kind", CONTENTS)
def test_a_url_is_read_as_a_file_of_its_name(kind: str) -> None:
    fsspec = pytest.importorskip("fsspec")
    fsspec.filesystem("memory").pipe(f"/far/t.{kind}", CONTENTS[kind])
    loaded = read(f"memory://far/t.{kind}")
    assert isinstance(loaded.train, Table)
    assert loaded.train.frame.equals(FRAME)
    assert loaded.name == "t"
    assert limit_to_stream(f"memory://far/t.{kind}", "auto") is None


def test_what_a_url_does_not_give_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    files = fsspec.filesystem("memory")
    with pytest.raises(DataError, match=r"^memory://far/none\.csv cannot be read \(FileNotFoundError"):
        read("memory://far/none.csv")
    with pytest.raises(DataError, match="of a kind that is not read: Protocol not known: nowhere"):
        read("nowhere://far/none.csv")
    files.pipe("/far/page.csv", b"\n<!DOCTYPE html><html>a,b</html>")
    with pytest.raises(DataError, match="is a web page, not a file of rows"):
        read("memory://far/page.csv")
    files.pipe("/far/bad.csv", b"a,b\n1,x\noops,y\n2,x\n3,y\n")
    with pytest.raises(DataError, match=r"^bad\.csv: found 1 cell"):
        read("memory://far/bad.csv")
    with pytest.raises(DataError, match="cannot be read in pieces: fetch it first"):
        prepare_streamed("memory://far/bad.csv", DataOptions(target="b"), cache_dir=tmp_path)
    with pytest.raises(DataError, match="cannot be read in pieces: fetch it first"):
        limit_to_stream("memory://far/bad.csv", "1MB")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(DataError, match=r"pip install 'batchwright\[remote\]'"):
        read("https://example.org/t.csv")


@pytest.mark.parametrize("name", ["people.test", "people", "t.TXT", "t.foo"])
@pytest.mark.parametrize("kind", CONTENTS)
def test_where_a_name_says_nothing_the_content_does(tmp_path: Path, name: str, kind: str) -> None:
    if name == "t.TXT" and kind not in ("csv", "tsv"):
        pytest.skip("its ending says that it is delimited text")
    path = tmp_path / name
    path.write_bytes(CONTENTS[kind])
    loaded = read(path)
    assert isinstance(loaded.train, Table)
    assert loaded.train.frame.equals(FRAME)
    said = [note for note in loaded.train.notes if note.startswith(f"{name} was read as")]
    assert len(said) == (name != "t.TXT")
    found = format_of(path)
    assert found is not None
    if found.streams(path):
        streamed = prepare_streamed(path, DataOptions(target="b", split="shuffled"), cache_dir=tmp_path / "cache")
        assert streamed.notes[: len(said)] == tuple(said)


@pytest.mark.parametrize("content", [b"Dear all,\n\nhow are you?\n", b"word\n", b"", bytes(range(256)), b"\0" * 99])
def test_what_is_no_table_is_not_taken_for_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.foo").write_bytes(content)
    with pytest.raises(
        DataError, match=r"is empty|the ending '\.foo', which says nothing of its kind, and its content"
    ):
        read(tmp_path / "t.foo")


@given(st.binary(max_size=200))
def test_any_bytes_can_be_looked_at(head: bytes) -> None:
    ending = ending_of(head)
    assert ending != ".csv" or is_text(head)
    assert looks_like_table(head) in (True, False)


@given(st.integers(2, 6), st.integers(2, 30), st.sampled_from([",", ";", "\t", "|", " "]))
def test_tables_look_like_tables(width: int, rows: int, delimiter: str) -> None:
    text = "\n".join(delimiter.join(str(row * cell) for cell in range(width)) for row in range(rows))
    assert looks_like_table(text.encode())
    assert not looks_like_table(text.replace(delimiter, "").encode())


@pytest.mark.parametrize("ending", KINDS)
def test_a_kind_that_is_not_read_names_what_converts_it(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"my t{ending}"
    path.write_bytes(CONTENTS["csv"])
    with pytest.raises(
        DataError, match=rf"^my t{ending} is an? .*, which is not read here\. This (converts|unpacks) it: "
    ):
        read(path)
    assert conversion(Path(f"t{ending.upper()}")) is not None


def test_the_commands_convert_to_what_is_read(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.5, 2.0, 3.5], "b": ["x", "y", "x"]})
    frame.to_pickle(tmp_path / "p.pkl")
    frame.to_stata(tmp_path / "s.dta", write_index=False)
    (tmp_path / "v.svm").write_text("1 1:0.5 3:1\n-1 2:2\n")
    for name, made in (("p.pkl", "p.parquet"), ("s.dta", "s.parquet"), ("v.svm", "v.npz")):
        said = conversion(tmp_path / name)
        assert said is not None
        exec(said.partition('python -c "')[2].removesuffix('"'))
        rows = read(tmp_path / made).train
        assert isinstance(rows, Table)
        if name == "v.svm":
            assert rows.frame.rows() == [(0.5, 0.0, 1.0, 1.0), (0.0, 2.0, 0.0, -1.0)]
        else:
            assert rows.frame.rows() == [(1.5, "x"), (2.0, "y"), (3.5, "x")]
