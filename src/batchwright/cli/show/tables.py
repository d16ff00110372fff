"""Tables as CSV files."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from batchwright._files import explain_write_errors
from batchwright.runs.answer_files import write_csv_file


def write_tables(tables: Mapping[str, pl.DataFrame], folder: Path) -> None:
    """Write each table that has rows into NAME.csv in a folder, which is made if need be.

    Raises:
        UsageError: there is such a file, or it cannot be written.
    """
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        if table.height:
            write_csv_file([table], folder / f"{name}.csv")
