"""Table files, recognised by their endings, and the folders that hold them."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from batchwright.errors import DataError

TEXT = (".csv", ".tsv", ".tab", ".psv", ".txt", ".dat", ".data")
PARQUET = (".parquet", ".pq")
NUMPY = (".npy", ".npz")


def parquet_files(folder: Path) -> list[Path]:
    """The Parquet files in a folder in the order of their names, without those hidden by `.` or `_`."""
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in PARQUET and not file.name.startswith((".", "_")) and file.is_file()
    )


def scan_parquet(path: Path) -> pl.LazyFrame:
    """The rows of a Parquet file, or of all files in a folder one after the other, not read yet.

    Raises:
        DataError: no such file, not Parquet, or a folder of files whose columns differ.
    """
    files = parquet_files(path) if path.is_dir() else [path]
    try:
        schemas = [pl.read_parquet_schema(file) for file in files]
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path.name} cannot be read as Parquet: {error}") from error
    for file, schema in zip(files, schemas, strict=True):
        _check_columns(files[0], schemas[0], file, schema)
    return pl.scan_parquet(files, glob=False, hive_partitioning=False)


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
