"""Rows as training takes them, encoded once and kept on the disk: arrays that are memory-mapped, row after row."""

import dataclasses
from pathlib import Path

import numpy as np

from batchwright._files import explained, new_folder
from batchwright.data.dataset import Dataset, Split
from batchwright.data.streaming import StreamedDataset, StreamedSplit
from batchwright.errors import DataError

PIECE_ROWS = 65_536
"""Rows that are encoded at once."""
TARGETS, WEIGHTS = "targets", "weights"


@dataclasses.dataclass(frozen=True)
class MappedRows:
    """A part whose arrays lie on the disk, to be read in pieces.

    Args:
        split: the part; its arrays are memory maps.
    """

    split: Split

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.split.rows

    @property
    def row_bytes(self) -> int:
        """The bytes of a row in all arrays."""
        weights = () if self.split.weights is None else (self.split.weights,)
        return sum(array[:1].nbytes for array in (*self.split.inputs.values(), self.split.targets, *weights))

    def read(self, start: int, stop: int) -> Split:
        """The rows start ... stop - 1, copied into memory."""
        weights = None if self.split.weights is None else np.array(self.split.weights[start:stop])
        inputs = {name: np.array(array[start:stop]) for name, array in self.split.inputs.items()}
        return Split(inputs, np.array(self.split.targets[start:stop]), weights)


def mapped(dataset: StreamedDataset, *, memory_limit: int) -> Dataset:
    """The data set with arrays that are memory maps of files beside its store, written unless they are there.

    Raises:
        DataError: they are damaged.
        UsageError: they cannot be written.
    """
    store = dataset.train.store.folder
    place = store.with_name(f"{store.name}-rows") / dataset.fingerprint[:32]
    if not place.exists():
        with new_folder(place) as unfinished:
            for name, part in dataset.parts.items():
                _write(part, unfinished / name)
    parts = {name: _open(place / name, part.rows) for name, part in dataset.parts.items()}
    return Dataset(
        parts["train"],
        parts.get("validation"),
        parts.get("test"),
        dataset.encoding,
        dataset.indices,
        dataset.fingerprint,
        dataset.name,
        dataset.notes,
        memory_limit,
    )


def _write(part: StreamedSplit, folder: Path) -> None:
    """Encode a part piece by piece into one file for each array."""
    folder.mkdir()
    files: dict[str, np.memmap] = {}
    with explained(folder):
        for start in range(0, part.rows, PIECE_ROWS):
            for name, piece in _arrays(part.read(start, min(start + PIECE_ROWS, part.rows))).items():
                if name not in files:
                    shape = (part.rows, *piece.shape[1:])
                    files[name] = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", piece.dtype, shape)
                files[name][start : start + len(piece)] = piece


def _arrays(split: Split) -> dict[str, np.ndarray]:
    weights = {} if split.weights is None else {WEIGHTS: split.weights}
    return {**split.inputs, TARGETS: split.targets, **weights}


def _open(folder: Path, rows: int) -> Split:
    try:
        arrays = {file.stem: np.load(file, mmap_mode="r", allow_pickle=False) for file in sorted(folder.glob("*.npy"))}
    except (OSError, ValueError) as error:
        raise DataError(f"{folder} is damaged ({error}): remove it, and it is made anew.") from error
    if TARGETS not in arrays or any(len(array) != rows for array in arrays.values()):
        raise DataError(f"{folder} is damaged: it does not hold {rows:,} rows. Remove it, and it is made anew.")
    targets, weights = arrays.pop(TARGETS), arrays.pop(WEIGHTS, None)
    return Split(arrays, targets, weights)
