"""Rows as training takes them, encoded once and kept on disk: memory-mapped arrays, row after row."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from batchwright._files import explain_write_errors, new_folder
from batchwright.data.dataset import Dataset, Split
from batchwright.data.disk.row_file import RowFile
from batchwright.data.disk.stored_split import StreamedDataset, StreamedSplit
from batchwright.errors import DataError

PIECE_ROWS, PIECE_BYTES = 65_536, 64 << 20
"""Most rows that are encoded at once, and about how many bytes they take."""
TARGETS, WEIGHTS = "targets", "weights"


class StoredRows:
    """A part whose arrays lie on the disk, to be read in pieces."""

    def __init__(self, split: Split) -> None:
        """Open the files behind the memory maps of a part.

        Raises:
            DataError: one of them cannot be opened.
        """
        self.rows = split.rows
        self._files = {name: RowFile(array) for name, array in _arrays(split).items()}
        self.row_bytes = sum(file.row_bytes for file in self._files.values())

    def places(self, length: int) -> "StoredPlaces":
        """Memory for `length` rows at a time."""
        return StoredPlaces(self._files, length)


class StoredPlaces:
    """Memory filled with rows again and again: allocating it for each piece would cost as much as reading the piece."""

    def __init__(self, files: Mapping[str, RowFile], length: int) -> None:
        self._files = files
        self._arrays = {name: file.places(length) for name, file in files.items()}

    def fill(self, ranges: Int64[np.ndarray, "ranges 2"]) -> Split:
        """The rows [start, stop) of each range, one after the other, in read-only arrays that last to the next call.

        Places that no row fills are zero.

        Raises:
            DataError: the rows cannot be read.
        """
        for name, array in self._arrays.items():
            self._files[name].read(ranges, array)
        return _split({name: _read_only(array) for name, array in self._arrays.items()})


def _read_only(array: np.ndarray) -> np.ndarray:
    """A read-only view, which a device may use without a copy."""
    view = array.view()
    view.flags.writeable = False
    return view


def memory_map(dataset: StreamedDataset, *, memory_limit: int) -> Dataset:
    """The data set with memory-mapped arrays, in files beside its store; the files are written unless they exist.

    Raises:
        DataError: the files are damaged.
        UsageError: the files cannot be written.
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
        dataset.split,
        memory_limit,
    )


def _write(part: StreamedSplit, folder: Path) -> None:
    """Encode a part piece by piece into one file for each array."""
    folder.mkdir()
    files: dict[str, np.memmap] = {}
    row_bytes = sum(array.nbytes for array in _arrays(part.read(0, 1)).values())
    together = max(1, min(PIECE_ROWS, PIECE_BYTES // row_bytes))
    with explain_write_errors(folder):
        for start in range(0, part.rows, together):
            for name, piece in _arrays(part.read(start, min(start + together, part.rows))).items():
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
    return _split(arrays)


def _split(arrays: dict[str, np.ndarray]) -> Split:
    inputs = {name: array for name, array in arrays.items() if name not in (TARGETS, WEIGHTS)}
    return Split(inputs, arrays[TARGETS], arrays.get(WEIGHTS))
