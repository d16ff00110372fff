"""Files that exist while they are read: what came from elsewhere, or was unpacked."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from batchwright.errors import DataError


@contextmanager
def temporary_file(name: str) -> Iterator[Path]:
    """A path of this name in a new folder, which is removed at the end; messages leave the folder out."""
    with tempfile.TemporaryDirectory(prefix="batchwright-") as folder:
        try:
            yield Path(folder) / name
        except DataError as error:
            found, remedy = (text.replace(f"{folder}/", "") for text in (error.message, error.remedy))
            raise DataError(found, remedy) from error
