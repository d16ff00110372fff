"""Folders of images with one folder per class, and single images."""

import math
from pathlib import Path

from batchwright.data.formats.format import Loaded, Size, TableFile
from batchwright.data.formats.image_files import AS_THEY_ARE, ImageForm, find_images
from batchwright.data.formats.image_pixels import Look, look_at
from batchwright.data.formats.image_tree import ENDINGS, holds_images, is_image, walk
from batchwright.data.typed.cells import TableOptions
from batchwright.data.typed.schema import Schema

IMAGE_COPIES = 2
"""Copies of the decoded images held at most: one of all, and one of the parts."""
SAMPLED = 20  # about this many images are looked at to estimate the size of all


class ImageFolder:
    """A folder of images, or one image."""

    endings = ENDINGS
    parts = ""

    def claims(self, path: Path) -> bool:
        """Whether it is an image by its ending, or a folder that holds images."""
        return holds_images(path) if path.is_dir() else is_image(path)

    def streams(self, path: Path) -> bool:
        """Folders do."""
        return path.is_dir()

    def read(
        self, path: Path, options: TableOptions, *, schema: Schema | None, image_size: Size | None, channels: int | None
    ) -> Loaded:
        """The images, decoded."""
        return self.read_images(path, ImageForm(image_size, channels), on_bad_rows=options.on_bad_rows)

    def read_images(self, path: Path, form: ImageForm = AS_THEY_ARE, *, on_bad_rows: str = "stop") -> Loaded:
        """The images of all parts, decoded, with arguments as `find_images`.

        Raises:
            DataError: no images, images that cannot be read, or of different sizes.
        """
        found = find_images(path, form, on_bad_rows=on_bad_rows)
        train, *own = (None if part is None else part.decode() for part in (found.train, found.validation, found.test))
        assert train is not None
        name = path.resolve().stem if path.is_file() else path.resolve().name
        return Loaded(train, own[1], None, name, own[0])

    def open_table(self, path: Path, *, memory: int | None) -> TableFile | None:
        """None: images have no columns."""
        return None

    def estimated_bytes(self, path: Path, image_size: Size | None) -> int:
        """Twice the bytes of the decoded images."""
        if path.is_dir():
            return IMAGE_COPIES * image_folder_bytes(path, image_size)
        return IMAGE_COPIES * path.stat().st_size


IMAGE_FOLDER = ImageFolder()


def image_folder_bytes(path: Path, image_size: tuple[int, int] | None = None) -> int:
    """About how many bytes the decoded images of a folder take, estimated from a sample of the files.

    Files that cannot be read count as nothing; so does a folder without images.
    """
    files = list(walk(path).every_image())
    looks = [found for found in look_at(files[:: max(1, len(files) // SAMPLED)]) if isinstance(found, Look)]
    channels = 1 if all(found.grey for found in looks) else 3
    return channels * len(files) * sum(math.prod(image_size or found.size) for found in looks) // max(1, len(looks))
