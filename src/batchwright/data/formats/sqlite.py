"""SQLite databases: a table, a view or the rows of a query.

A database is opened for reading alone, and a query may do nothing but select. SQLite types each cell, not each column:
a column with text in it is text that may turn out to be numbers or dates, as in a CSV file.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl

from batchwright.data.formats.format import FileFormat, Loaded, Size, split_part
from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.convert import as_text
from batchwright.data.typed.schema import Schema, normal_names
from batchwright.data.typed.table import type_table
from batchwright.errors import DataError

CHUNK = 50_000
"""Rows that are fetched as Python objects at once."""

ALLOWED = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)
QUERY = ("select", "with", "values")
"""The first words of a query."""


class Sqlite(FileFormat):
    """A database, of which `#` names a table or is followed by a query: `shop.sqlite#SELECT * FROM orders`."""

    endings = (".sqlite", ".sqlite3", ".db", ".db3")
    parts = "tables"

    def read(
        self, path: Path, options: TableOptions, *, schema: Schema | None, image_size: Size | None, channels: int | None
    ) -> Loaded:
        """The rows of a table or a query."""
        file, part = split_part(path)
        with _refuse_damage(file), closing(_open(file)) as database:
            query = part if part is not None and _is_query(part) else _select_all(database, part, file)
            frame = _fetch(database, query, file)
        table = type_table(frame, options, schema=schema, name=path.name, untyped=True)
        return Loaded(table, None, None, file.stem)

    def estimated_bytes(self, path: Path, image_size: Size | None) -> int:
        """Six times the size of the file: a small integer takes a byte there, and eight in an array."""
        return 6 * split_part(path)[0].stat().st_size


SQLITE = Sqlite()


@contextmanager
def _refuse_damage(file: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning, UnicodeError) as error:
        raise DataError(f"{file.name} cannot be read as SQLite: {error}.") from error


def _open(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(f"file:{quote(str(file.resolve()))}?mode=ro", uri=True)
    database.set_authorizer(_authorize)
    return database


def _authorize(action: int, _: str | None, function: str | None, *_place: str | None) -> int:
    """Allow reading, and functions other than the one that loads code."""
    loads = action == sqlite3.SQLITE_FUNCTION and function == "load_extension"
    return sqlite3.SQLITE_OK if action in ALLOWED and not loads else sqlite3.SQLITE_DENY


def _is_query(part: str) -> bool:
    return len(part.split()) > 1 and part.split()[0].lower() in QUERY


def _select_all(database: sqlite3.Connection, table: str | None, file: Path) -> str:
    """The query for a table, or for the only one."""
    found = database.execute(
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite~_%' ESCAPE '~' "
        "ORDER BY name"
    )
    names = [name for (name,) in found]
    listed = ", ".join(map(repr, names[:10])) + (", ..." if len(names) > 10 else "")
    if not names:
        raise DataError(f"{file.name} is a database without tables.")
    if table is None and len(names) > 1:
        raise DataError(
            f"{file.name} has {len(names)} tables: {listed}. Name one, as in {str(file) + '#' + names[0]!r}."
        )
    if table is not None and table not in names:
        raise DataError(f"{file.name} has no table {table!r}. It has: {listed}.")
    name = names[0] if table is None else table
    return 'SELECT * FROM "{}"'.format(name.replace('"', '""'))


def _fetch(database: sqlite3.Connection, query: str, file: Path) -> pl.DataFrame:
    """The rows of a query."""
    cursor = database.execute(query)
    if cursor.description is None:
        raise DataError(f"{file.name}: {query!r:.60} gives no rows: write a SELECT.")
    names = normal_names([column[0] for column in cursor.description], file.name)
    pieces: list[list[pl.Series]] = [[] for _ in names]
    while rows := cursor.fetchmany(CHUNK):
        for place, cells in enumerate(zip(*rows, strict=True)):
            pieces[place].append(_series(cells))
    return pl.DataFrame({name: _join(name, found) for name, found in zip(names, pieces, strict=True)})


def _series(cells: tuple[Any, ...]) -> pl.Series:
    """Some cells of a column with the one type that holds all of them."""
    types = set(map(type, cells)) - {type(None)}
    if types <= {int} and types:
        return pl.Series(cells, dtype=pl.Int64)
    if types <= {int, float} and types:
        return pl.Series([None if cell is None else float(cell) for cell in cells], dtype=pl.Float64)
    if not types:
        return pl.Series(cells, dtype=pl.Null)
    if bytes in types:
        return pl.Series([None if cell is None else b"" for cell in cells], dtype=pl.Binary)
    numbers = pl.Series([None if isinstance(cell, str) else cell for cell in cells], dtype=pl.Float64)
    texts = pl.Series([cell if isinstance(cell, str) else None for cell in cells], dtype=pl.String)
    return texts.zip_with(texts.is_not_null(), as_text(numbers))


def _join(name: str, pieces: list[pl.Series]) -> pl.Series:
    """The pieces of a column as one."""
    order = (pl.Null, pl.Int64, pl.Float64, pl.String, pl.Binary)
    dtype = max((piece.dtype for piece in pieces), key=order.index, default=pl.Null)
    alike = [as_text(piece) if dtype == pl.String and piece.dtype.is_numeric() else piece for piece in pieces]
    if dtype == pl.Binary:
        alike = [pl.Series([None], dtype=pl.Binary).extend_constant(b"", len(piece) - 1) for piece in pieces]
    return pl.concat([piece.cast(dtype) for piece in alike] or [pl.Series(dtype=dtype)]).alias(name)
