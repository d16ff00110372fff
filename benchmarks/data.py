"""The rows that the peers train on: MNIST from its IDX files, and a table made by seed (`data.py FILE` writes it)."""

import gzip
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Rows(NamedTuple):
    """Training and test rows, float32 [n, features], and their classes, int64 [n]."""

    x_train: NDArray[np.float32]
    y_train: NDArray[np.int64]
    x_test: NDArray[np.float32]
    y_test: NDArray[np.int64]


def load(source: Path) -> Rows:
    """The rows of a folder with the four MNIST files (pixels from 0 to 1), or of a table written by `write_table`."""
    if source.is_dir():
        return Rows(*_mnist_part(source, "train"), *_mnist_part(source, "t10k"))
    with np.load(source) as table:
        return Rows(*(table[name] for name in Rows._fields))


def write_table(path: Path, *, rows: int = 10_000, test_rows: int = 2_000, columns: int = 20, seed: int = 0) -> None:
    """A table of normal columns in two classes: the sides of a random network of 16 tanh units, 5 % of them flipped."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows + test_rows, columns))
    score = np.tanh(x @ rng.normal(size=(columns, 16)) / np.sqrt(columns)) @ rng.normal(size=16)
    classes = (score > np.median(score)) ^ (rng.random(len(x)) < 0.05)
    values, codes = x.astype(np.float32), classes.astype(np.int64)
    np.savez(path, **Rows(values[:rows], codes[:rows], values[rows:], codes[rows:])._asdict())


def _mnist_part(folder: Path, part: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    pixels = _idx(folder / f"{part}-images-idx3-ubyte", header=16).reshape(-1, 784)
    labels = _idx(folder / f"{part}-labels-idx1-ubyte", header=8)
    return pixels.astype(np.float32) / np.float32(255), labels.astype(np.int64)


def _idx(path: Path, *, header: int) -> NDArray[np.uint8]:
    zipped = path.with_name(path.name + ".gz")
    content = gzip.decompress(zipped.read_bytes()) if zipped.exists() else path.read_bytes()
    return np.frombuffer(content, np.uint8, offset=header)


if __name__ == "__main__":
    write_table(Path(sys.argv[1]))
