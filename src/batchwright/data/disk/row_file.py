"""Read rows of an array in a file by calls that report failure, unlike the silent page-ins of a memory map."""

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Int64, Shaped

from batchwright.data.typed.aligned import aligned_empty
from batchwright.errors import DataError


class RowFile:
    """An array on the disk, row after row.

    The file stays open: if it is removed meanwhile, its reader still has it. A disk that fails, or a file that was cut,
    is an error of the program; with a memory map it would be a signal that ends the process.
    """

    def __init__(self, array: np.ndarray) -> None:
        """Open the file behind an array: a memory map of a whole `.npy` file in C order.

        Raises:
            DataError: the file cannot be opened.
        """
        assert isinstance(array, np.memmap)
        self.path = Path(str(array.filename))
        self.offset, self.dtype, self.shape = array.offset, array.dtype, array.shape
        self.row_bytes = array[:1].nbytes
        with _explain_read_errors(self.path):
            self._descriptor = os.open(self.path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)

    def places(self, length: int) -> Shaped[np.ndarray, "length ..."]:
        """An array for `length` rows, which a device can use as it is; its content is undefined."""
        return aligned_empty((length, *self.shape[1:]), self.dtype)

    def read(self, ranges: Int64[np.ndarray, "ranges 2"], into: Shaped[np.ndarray, "length ..."]) -> None:
        """Put the rows [start, stop) of each range, one after the other, `into` an array that `places` gave.

        Places that no row fills are set to zero.

        Raises:
            DataError: the rows cannot be read.
        """
        into[(ranges[:, 1] - ranges[:, 0]).sum() :] = 0
        left = into.reshape(-1).view(np.uint8).data
        with _explain_read_errors(self.path):
            for start, stop in ranges.tolist():
                size = (stop - start) * self.row_bytes
                self._fill(left[:size], self.offset + start * self.row_bytes)
                left = left[size:]

    def _fill(self, left: memoryview, place: int) -> None:
        """Fill memory with the bytes that start at `place`."""
        while left:
            count = os.preadv(self._descriptor, [left], place)
            if count == 0:
                raise OSError(f"it ends after {place:,} bytes")
            left, place = left[count:], place + count


@contextmanager
def _explain_read_errors(path: Path) -> Iterator[None]:
    """Turn a system error in reading a file into a DataError with a remedy."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{path} could not be read: {error.strerror or error}. If its disk is well, remove the folder "
            f"{path.parents[1]}: it is made anew."
        ) from error
