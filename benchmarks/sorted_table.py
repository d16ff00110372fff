"""A Parquet file of float32 columns in two classes, sorted by class: `sorted_table.py FILE ROWS`."""

import sys
from pathlib import Path

import numpy as np
import polars as pl

COLUMNS = 128


def write(path: Path, rows: int) -> None:
    """Normal columns; the class is the side of a random network of 16 tanh units, 5 % of them flipped."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, COLUMNS)).astype(np.float32)
    score = np.tanh(x @ rng.normal(size=(COLUMNS, 16)) / np.sqrt(COLUMNS)) @ rng.normal(size=16)
    y = (score > 0) ^ (rng.random(rows) < 0.05)
    order = np.argsort(y, kind="stable")
    columns = {f"x{i}": x[order, i] for i in range(COLUMNS)}
    frame = pl.DataFrame({**columns, "y": y[order].astype(np.int32)})
    frame.write_parquet(path, compression="uncompressed")


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
