"""A history is read on from where it was, whole lines only, whatever happens to the file meanwhile."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dashboard.folders import history

from batchwright.dashboard import tail
from batchwright.dashboard.tail import Place, last_row, read_news, to_columns


def read_all(path, place=None):
    place, rows = place or Place(), []
    while True:
        news = read_news(path, place, 0.0)
        place, rows = news.place, (news.rows if news.anew else rows + news.rows)
        if not news.more:
            return place, rows


def test_only_what_is_new_is_read(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_bytes(history(5))
    place, rows = read_all(path)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5]
    assert read_news(path, place, 0.0).rows == []
    with path.open("ab") as file:
        file.write(b'{"epoch": 6}\n{"epoch"')
    news = read_news(path, place, 0.0)
    assert news.rows == [{"epoch": 6}] and not news.anew
    with path.open("ab") as file:
        file.write(b": 7}\n")
    assert read_news(path, news.place, 0.0).rows == [{"epoch": 7}]


@given(st.lists(st.integers(0, 400), max_size=8))
def test_any_pieces_give_the_whole(tmp_path_factory, cuts):
    whole = history(5)
    path = tmp_path_factory.mktemp("h") / "history.jsonl"
    place, rows = Place(), []
    for end in [*sorted(cuts), len(whole)]:
        path.touch()
        with path.open("r+b") as file:
            file.seek(0, os.SEEK_END)
            at = file.tell()
            file.write(whole[at : max(end, at)])
        news = read_news(path, place, 0.0)
        rows = news.rows if news.anew else rows + news.rows
        place = Place.parse(str(news.place))
    assert rows == [json.loads(line) for line in whole.splitlines()]


def test_a_history_that_was_replaced_is_told_anew(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_bytes(history(9))
    place, _ = read_all(path)
    (tmp_path / "new").write_bytes(history(4, scale=2.0))
    (tmp_path / "new").replace(path)
    news = read_news(path, place, 0.0)
    assert news.anew and [row["epoch"] for row in news.rows] == [1, 2, 3, 4]
    path.write_bytes(history(2))
    assert read_news(path, news.place, 0.0).anew, "shorter, in the same file"


def test_a_place_of_another_file_begins_anew(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_bytes(history(3))
    inode = path.stat().st_ino
    for place in (Place(inode, 7), Place(1, 30), Place(inode, 10**9), Place.parse("1-2-3"), Place.parse("²-1")):
        assert len(read_news(path, place, 0.0).rows) == 3


def test_large_histories_come_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(tail, "CHUNK", 1000)
    path = tmp_path / "history.jsonl"
    path.write_bytes(history(300))
    assert len(read_all(path)[1]) == 300
    path.write_bytes(b"x" * 5000 + b"\n" + history(3))
    assert [row["epoch"] for row in read_all(path)[1]] == [1, 2, 3], "a line without an end does not stop the rest"


def test_damaged_lines_are_counted(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_bytes(b'{"epoch": 1}\nnonsense\n[1]\n{"epoch": 2}\n\n')
    news = read_news(path, Place(), 0.0)
    assert [row["epoch"] for row in news.rows] == [1, 2] and news.damaged == 2


@pytest.mark.parametrize("lines", [b"", b"{", b"\n\n", b"[" * 10_000 + b"\n"])
def test_no_history_is_no_error(tmp_path, lines):
    (tmp_path / "h").write_bytes(lines)
    assert read_news(tmp_path / "h", Place(), 0.0).rows == []
    assert last_row(tmp_path / "h") == {}
    assert read_news(tmp_path / "none", Place(), 0.0) is None
    assert last_row(tmp_path / "none") == {}


def test_the_last_row_of_a_long_history(tmp_path):
    path = tmp_path / "h"
    path.write_bytes(history(5_000) + b'{"epoch": 5001, "lo')
    assert last_row(path)["epoch"] == 5_000


def test_columns_have_a_place_for_every_row():
    rows = [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "acc": True, "note": "x", "loss": float("nan")}]
    assert to_columns(rows, None) == {"epoch": [1, 2], "loss": [2.0, None], "acc": [None, None], "note": [None, None]}
    assert to_columns(rows, frozenset({"loss"})) == {"loss": [2.0, None]}
