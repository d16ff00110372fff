"""Parquet files, and folders that hold the files of one table."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from batchwright.data.formats.format import Loaded, Size, TableFile, with_notes
from batchwright.data.formats.several_files import find_files, is_pattern, short_name
from batchwright.data.typed.cells import TableOptions, first_ten
from batchwright.data.typed.schema import Schema, normal_names
from batchwright.data.typed.table import DEFAULT, Table, columns_asked_for, type_table
from batchwright.errors import DataError

DAMAGE = (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException)
"""What reading a damaged file raises."""

MARK = b"PAR1"
"""The first bytes of a file."""

CELL_BYTES = 24
"""Peak memory per cell, as measured on columns of numbers. Long texts take more."""


class Parquet:
    """A Parquet file, or a folder of such files."""

    endings = (".parquet", ".pq")
    parts = ""

    def claims(self, path: Path) -> bool:
        """Whether the ending is that of Parquet, or a folder holds such files."""
        if path.is_dir() or is_pattern(path):
            return bool(parquet_files(path))
        return path.suffix.lower() in self.endings

    def streams(self, path: Path) -> bool:
        """Yes."""
        return True

    def read(
        self, path: Path, options: TableOptions, *, schema: Schema | None, image_size: Size | None, channels: int | None
    ) -> Loaded:
        """The table."""
        return with_notes(
            Loaded(read_parquet(path, options, schema=schema), None, None, short_name(path)), _notes(path)
        )

    def open_table(self, path: Path, *, memory: int | None) -> TableFile | None:
        """The table, its columns not read yet."""
        scan = scan_parquet(path)
        try:
            written = scan.collect_schema().names()
            rows = int(scan.select(pl.len()).collect().item())
        except DAMAGE as error:
            raise DataError(f"{path.name} cannot be read as Parquet: {error!s:.300}") from error
        by_name = dict(zip(normal_names(written, path.name), written, strict=True))

        def column(name: str) -> pl.Series:
            return scan.select(pl.col(by_name[name])).collect().to_series().alias(name)

        return TableFile(path.name, tuple(by_name), rows, column, notes=_notes(path))

    def estimated_bytes(self, path: Path, image_size: Size | None) -> int:
        """24 bytes per cell; the size of the files where they cannot be read."""
        return sum(map(_estimated, _files(path)))


PARQUET = Parquet()


def read_parquet(path: str | Path, options: TableOptions = DEFAULT, *, schema: Schema | None = None) -> Table:
    """The table in a Parquet file; its types are kept: text stays text.

    For a folder, the rows of its Parquet files one after the other, in the natural order of their names.

    Raises:
        DataError: no such file, not Parquet, files whose columns differ, no rows, bad cells, or columns that the schema
            needs and the file lacks.
    """
    path = Path(path)
    scan = scan_parquet(path)
    try:
        frame = scan.collect()
    except DAMAGE as error:
        raise DataError(f"{path.name} cannot be read as Parquet: {error!s:.300}") from error
    frame.columns = normal_names(frame.columns, path.name)
    return type_table(frame, options, schema=schema, name=path.name)


def parquet_pieces(
    path: Path, options: TableOptions, *, schema: Schema, rows_at_once: int
) -> Iterator[tuple[int, Table]]:
    """The rows that `read_parquet` gives, `rows_at_once` at a time, each with the number of rows before it.

    Raises:
        DataError: as `read_parquet`.
    """
    scan = scan_parquet(path)
    try:
        written = scan.collect_schema().names()
        rows = int(scan.select(pl.len()).collect().item())
        by_name = dict(zip(normal_names(written, path.name), written, strict=True))
        wanted = [by_name[name] for name in columns_asked_for(list(by_name), schema, path.name)]
        for start in range(0, max(1, rows), rows_at_once):
            frame = scan.select(wanted).slice(start, rows_at_once).collect()
            frame.columns = normal_names(frame.columns, path.name)
            yield start, type_table(frame, options, schema=schema, name=path.name)
    except DAMAGE as error:
        raise DataError(f"{path.name} cannot be read as Parquet: {error!s:.300}") from error


def parquet_files(folder: Path) -> list[Path]:
    """The Parquet files in a folder in the natural order of their names, without those hidden by `.` or `_`.

    For a pattern, the files that match it; none if there are others among them.
    """
    found = find_files(folder)
    files = [file for file in found if _is_parquet(file)]
    return [] if is_pattern(folder) and len(files) < len(found) else files


def _is_parquet(file: Path) -> bool:
    """Whether a file is Parquet by its ending, or by its first bytes if it has none."""
    if file.suffix:
        return file.suffix.lower() in Parquet.endings
    try:
        with file.open("rb") as opened:
            return opened.read(len(MARK)) == MARK
    except OSError:
        return False


def _notes(path: Path) -> tuple[str, ...]:
    """A note on the other files in a folder of Parquet files."""
    if not path.is_dir():
        return ()
    read = parquet_files(path)
    others = [file.name for file in find_files(path) if file not in read]
    count = "the Parquet file is" if len(read) == 1 else f"{len(read):,} Parquet files are"
    return (f"{path.name}: {count} read, and other files are left out: {first_ten(others)}",) if others else ()


def scan_parquet(path: Path) -> pl.LazyFrame:
    """The rows of a Parquet file, or of all files in a folder one after the other, not read yet.

    Raises:
        DataError: no such file, not Parquet, or a folder of files whose columns differ.
    """
    files = _files(path)
    schemas = [_schema_of(file) for file in files]
    for file, schema in zip(files, schemas, strict=True):
        _check_columns(files[0], schemas[0], file, schema)
    return pl.scan_parquet(files, glob=False, hive_partitioning=False)


def _files(path: Path) -> list[Path]:
    return parquet_files(path) if path.is_dir() or is_pattern(path) else [path]


def _check_columns(first: Path, expected: Mapping[str, object], file: Path, found: Mapping[str, object]) -> None:
    """Raise a DataError unless two files of a folder have the same columns of the same types."""
    for name in (*expected, *found):
        if expected.get(name) != found.get(name):
            one, other = (
                f"{owner.name} has {schema[name]}" if name in schema else f"{owner.name} lacks it"
                for owner, schema in ((first, expected), (file, found))
            )
            raise DataError(
                f"{first.parent}: its files differ in column {name!r}: {one}, {other}. Write all with the same "
                "columns, or give one file."
            )


def _estimated(file: Path) -> int:
    try:
        frame = pl.scan_parquet(file)
        return CELL_BYTES * int(frame.select(pl.len()).collect().item()) * len(frame.collect_schema())
    except DAMAGE:
        return file.stat().st_size


def _schema_of(file: Path) -> Mapping[str, object]:
    """The columns of one file."""
    try:
        return pl.read_parquet_schema(file)
    except DAMAGE as error:
        raise DataError(
            f"{file.name} cannot be read as Parquet: {error!s:.300}. It is damaged or cut off: copy or write it again."
        ) from error
