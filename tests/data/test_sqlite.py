"""SQLite: tables, views and queries, which can only read."""

import contextlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from batchwright.data.formats.source import read
from batchwright.data.formats.sqlite import CHUNK
from batchwright.data.typed.table import Table, TableOptions
from batchwright.errors import DataError


def write(path: Path, *statements: str, rows: Iterable[tuple[Any, ...]] = ()) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        for row in rows:
            database.execute(f"INSERT INTO t VALUES ({', '.join('?' * len(row))})", row)
        database.commit()


def table_of(source: Path | str) -> Table:
    rows = read(source).train
    assert isinstance(rows, Table)
    return rows


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.sqlite"
    write(
        path,
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, amount REAL, paid TEXT)",
        "INSERT INTO orders VALUES (1, 2.5, 'yes'), (2, NULL, 'no'), (3, 4, 'yes')",
        'CREATE TABLE "a table" (z PRIMARY KEY) WITHOUT ROWID',
        'INSERT INTO "a table" VALUES (7)',
        "CREATE VIEW paid AS SELECT amount FROM orders WHERE paid = 'yes'",
    )
    return path


def test_a_table_a_view_or_a_query_is_read(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert table_of(f"{shop}#orders").frame["amount"].to_list() == [2.5, None, 4.0]
    assert table_of(f"{shop}#a table").frame["z"].to_list() == [7]
    assert table_of(f"{shop}#paid").frame["amount"].to_list() == [2.5, 4.0]
    query = "SELECT paid, count(*) AS n FROM orders GROUP BY paid ORDER BY n"
    assert table_of(f"{shop}#{query}").frame.to_dicts() == [{"paid": "no", "n": 1}, {"paid": "yes", "n": 2}]
    assert table_of(f"sqlite:///{shop}#paid").rows == 2
    monkeypatch.chdir(shop.parent)
    assert table_of("sqlite:///shop.sqlite#WITH w AS (SELECT 1 AS one) SELECT * FROM w").frame["one"].to_list() == [1]


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("", r"has 3 tables: 'a table', 'orders', 'paid'\. Name one, as in .*#a table"),
        ("#order", r"has no table 'order'\. It has: 'a table', 'orders', 'paid'"),
        ("#SELECT * FROM missing", "cannot be read as SQLite: no such table: missing"),
        ("#SELECT 1 AS a, 2 AS a", "names 'a' more than once"),
        ("#SELECT * FROM orders; DELETE FROM orders", "one statement at a time"),
        ("#WITH w AS (SELECT 1) DELETE FROM orders", "not authorized|readonly"),
        ("#SELECT load_extension('x')", "not authorized"),
        ("#SELECT * FROM pragma_table_info('orders')", "prohibited|not authorized"),
        ("#SELECT amount FROM orders WHERE id > 9", "has no rows"),
        ("#PRAGMA user_version", "has no table 'PRAGMA user_version'"),
    ],
)
def test_what_cannot_be_read_says_why_and_changes_nothing(shop: Path, part: str, said: str) -> None:
    before = shop.read_bytes()
    with pytest.raises(DataError, match=said):
        table_of(f"{shop}{part}")
    assert shop.read_bytes() == before


def test_a_column_has_the_type_of_all_its_cells(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    cells = [(1, 1, 1, "2024-01-31", None, b"x"), (2, 2.5, "n/a", "2024-02-29", None, b""), (None, 3, 3, None, None, 1)]
    write(path, "CREATE TABLE t (n, x, mixed, day, absent, blob)", rows=cells)
    table = table_of(path)
    assert table.frame["n"].to_list() == [1, 2, None]
    assert table.frame["x"].to_list() == [1.0, 2.5, 3.0]
    assert table.frame["mixed"].to_list() == [1.0, None, 3.0]
    assert table.kinds["day"] == "date"
    assert table.column("blob").note == "left out: Binary cells cannot be learned from"


def test_types_that_differ_between_the_pieces_that_are_fetched(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    late = [(0.5, "x", 7), (None, None, None)]
    write(path, "CREATE TABLE t (n, c, i)", rows=[*[(1, 2, 3)] * CHUNK, *late])
    rows = read(path, TableOptions(kinds={"c": "categorical"})).train
    assert isinstance(rows, Table)
    assert rows.frame["n"].to_list() == [1.0] * CHUNK + [0.5, None]
    assert rows.frame["c"].to_list() == ["2"] * CHUNK + ["x", None]
    assert rows.frame["i"].dtype == pl.Int64


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.db").write_bytes(b"SQLite format 3\x00 and no more")
    with pytest.raises(DataError, match=r"^t\.db cannot be read as SQLite"):
        table_of(tmp_path / "t.db")
    write(tmp_path / "empty.db", "CREATE TABLE t (x)", "DROP TABLE t")
    with pytest.raises(DataError, match=r"empty\.db is a database without tables"):
        table_of(tmp_path / "empty.db")
    with pytest.raises(DataError, match="no such file"):
        table_of(f"sqlite:///{tmp_path}/other.db#t")
