"""CIFAR-10 and CIFAR-100 in their binary version: files of records, each the bytes of a label and of an image.

A record of CIFAR-10 has one byte of label, one of CIFAR-100 two, the coarse class and then the fine one, which is
taken. The image follows: 32 x 32 pixels of red, then of green, then of blue, row by row.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from batchwright.data.formats.binary_images import class_names, loaded_parts, named_labels, read_records
from batchwright.data.formats.format import Loaded, Size, TableFile
from batchwright.data.formats.image_folder import IMAGE_COPIES
from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.images import Images
from batchwright.data.typed.schema import Schema

SIDE, CHANNELS = 32, 3


@dataclass(frozen=True)
class _Kind:
    """The files of a data set, the bytes of label in each record, and the file of the names of classes."""

    train: tuple[str, ...]
    test: str
    label_bytes: int
    names: str

    def present(self, folder: Path) -> tuple[list[Path], list[Path]]:
        """The files of the training and of the test part that are in a folder."""
        return [folder / name for name in self.train if (folder / name).is_file()], [
            folder / name for name in (self.test,) if (folder / name).is_file()
        ]


TEN = _Kind(tuple(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin", 1, "batches.meta.txt")
HUNDRED = _Kind(("train.bin",), "test.bin", 2, "fine_label_names.txt")


class Cifar:
    """A folder with the binary version of CIFAR-10 or CIFAR-100."""

    endings = ()
    parts = ""

    def claims(self, path: Path) -> bool:
        """Whether a folder holds such files."""
        return path.is_dir() and _kind_of(path) is not None

    def streams(self, path: Path) -> bool:
        """No."""
        return False

    def read(
        self, path: Path, options: TableOptions, *, schema: Schema | None, image_size: Size | None, channels: int | None
    ) -> Loaded:
        """The images in their own size, and the names of their classes."""
        kind = _kind_of(path)
        assert kind is not None
        train, test = (_read_part(kind, path, files) for files in kind.present(path))
        missing = [name for name in kind.train if not (path / name).is_file()]
        return loaded_parts(path, train, test, missing if train else [])

    def open_table(self, path: Path, *, memory: int | None) -> TableFile | None:
        """None: images have no columns."""
        return None

    def estimated_bytes(self, path: Path, image_size: Size | None) -> int:
        """Twice the bytes of the images."""
        kind = _kind_of(path)
        assert kind is not None
        return IMAGE_COPIES * sum(file.stat().st_size for files in kind.present(path) for file in files)


CIFAR = Cifar()


def _kind_of(folder: Path) -> _Kind | None:
    """Which of the two a folder holds; the files of CIFAR-100 have common names, so that their classes count too."""
    if any(TEN.present(folder)):
        return TEN
    return HUNDRED if any(HUNDRED.present(folder)) and (folder / HUNDRED.names).is_file() else None


def _read_part(kind: _Kind, folder: Path, files: list[Path]) -> Images | None:
    """The images of some files, one after the other; None if there are none."""
    if not files:
        return None
    width = kind.label_bytes + CHANNELS * SIDE * SIDE
    records = np.concatenate([read_records(file, width) for file in files])
    pixels = records[:, kind.label_bytes :].reshape(-1, CHANNELS, SIDE, SIDE).transpose(0, 2, 3, 1)
    labels = named_labels(records[:, kind.label_bytes - 1], class_names(folder / kind.names), files[0].name)
    return Images(np.ascontiguousarray(pixels), labels, folder.name)
