"""STL-10 in its binary form: a file of images and a file of labels for each part.

An image is 96 x 96 pixels of red, then of green, then of blue, column by column; labels are bytes that count from 1.
"""

from pathlib import Path

import numpy as np

from batchwright.data.formats.binary_images import class_names, loaded_parts, named_labels, read_records
from batchwright.data.formats.format import Loaded, Size, TableFile
from batchwright.data.formats.image_folder import IMAGE_COPIES
from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.images import Images
from batchwright.data.typed.schema import Schema
from batchwright.errors import DataError

SIDE, CHANNELS = 96, 3
PARTS = ("train", "test")
UNLABELED = "unlabeled_X.bin"


class Stl:
    """A folder with `train_X.bin`, `train_y.bin`, `test_X.bin` and `test_y.bin`; labels may be absent."""

    endings = ()
    parts = ""

    def claims(self, path: Path) -> bool:
        """Whether a folder holds images in such files."""
        return path.is_dir() and bool(_image_files(path))

    def streams(self, path: Path) -> bool:
        """No."""
        return False

    def read(
        self, path: Path, options: TableOptions, *, schema: Schema | None, image_size: Size | None, channels: int | None
    ) -> Loaded:
        """The images in their own size, and the names of their classes."""
        train, test = (_read_part(path, part) for part in PARTS)
        return loaded_parts(path, train, test, left_out=[UNLABELED] if (path / UNLABELED).is_file() else [])

    def open_table(self, path: Path, *, memory: int | None) -> TableFile | None:
        """None: images have no columns."""
        return None

    def estimated_bytes(self, path: Path, image_size: Size | None) -> int:
        """Twice the bytes of the images."""
        return IMAGE_COPIES * sum(file.stat().st_size for file in _image_files(path))


STL = Stl()


def _image_files(folder: Path) -> list[Path]:
    return [file for part in PARTS if (file := folder / f"{part}_X.bin").is_file()]


def _read_part(folder: Path, part: str) -> Images | None:
    """The images of a part with their labels; None if there are none."""
    file, labels_file = (folder / f"{part}_{name}.bin" for name in "Xy")
    if not file.is_file():
        return None
    pixels = read_records(file, CHANNELS * SIDE * SIDE).reshape(-1, CHANNELS, SIDE, SIDE).transpose(0, 3, 2, 1)
    labels = None
    if labels_file.is_file():
        numbers = read_records(labels_file, 1)[:, 0]
        if len(numbers) != len(pixels):
            raise DataError(f"{file} holds {len(pixels):,} images, but {labels_file} {len(numbers):,} labels.")
        if numbers.min() == 0:
            raise DataError(f"{labels_file} has the label 0; the classes of STL-10 count from 1.")
        labels = named_labels(numbers - 1, class_names(folder / "class_names.txt"), labels_file.name, first=1)
    return Images(np.ascontiguousarray(pixels), labels, folder.name)
