"""What the binary formats of images share: records of one length, names of classes in a text file, and two parts."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Shaped, UInt8

from batchwright.data.formats.format import Loaded, with_notes
from batchwright.data.typed.images import Images
from batchwright.errors import DataError


def read_records(file: Path, width: int) -> UInt8[np.ndarray, "records width"]:
    """The records of a file, each of `width` bytes.

    Raises:
        DataError: there are none, or the last one is not whole.
    """
    content = np.fromfile(file, np.uint8)
    if len(content) == 0:
        raise DataError(f"{file} is empty.")
    if rest := len(content) % width:
        raise DataError(
            f"{file} is truncated, or of another kind: it has {len(content):,} bytes, which is {rest:,} more than "
            f"{len(content) // width:,} records of {width:,}. Fetch it again."
        )
    records: UInt8[np.ndarray, "records width"] = content.reshape(-1, width)
    return records


def class_names(file: Path) -> list[str]:
    """The names in a text file, one a line; none if there is no such file."""
    if not file.is_file():
        return []
    return [name for line in file.read_text("utf-8", errors="replace").splitlines() if (name := line.strip())]


def named_labels(
    codes: UInt8[np.ndarray, " rows"], names: Sequence[str], where: str, *, first: int = 0
) -> Shaped[np.ndarray, " rows"]:
    """The names of classes that are numbered from 0; their numbers from `first` on where there are no names.

    Raises:
        DataError: a class without a name.
    """
    if not names:
        return codes.astype(np.int64) + first
    if (highest := int(codes.max())) >= len(names):
        raise DataError(f"{where} has a label {highest + first}, and there are names of {len(names)} classes only.")
    labels: Shaped[np.ndarray, " rows"] = np.array(names)[codes]
    return labels


def loaded_parts(
    path: Path,
    train: Images | None,
    test: Images | None,
    missing: Sequence[str] = (),
    *,
    left_out: Sequence[str] = (),
) -> Loaded:
    """The parts of a folder; if there is only one, it is what is trained on.

    Notes say which files are missing, and which are left out.
    """
    rows, own = (test, None) if train is None else (train, test)
    assert rows is not None
    notes = (
        *(f"{name} is not in the folder: the other files are read" for name in missing),
        *(f"{name} has no labels, and is left out" for name in left_out),
    )
    return with_notes(Loaded(rows, own, None, path.resolve().name), notes)
