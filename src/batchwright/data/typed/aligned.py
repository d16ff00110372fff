"""Memory that a device on the CPU can use as it is, without a copy of its own."""

import math
from typing import Any

import numpy as np
from jaxtyping import Shaped

ALIGNMENT = 64
"""Bytes; XLA shares the memory of read-only arrays whose address is a multiple of this, as NumPy's rarely is."""


def aligned_empty(shape: tuple[int, ...], dtype: np.dtype[Any], *, at: int = 0) -> Shaped[np.ndarray, "..."]:
    """An array whose byte `at`, from 0, lies at a multiple of `ALIGNMENT`; its content is undefined.

    >>> aligned_empty((3, 2), np.dtype(np.float32)).ctypes.data % ALIGNMENT
    0
    """
    size = math.prod(shape) * dtype.itemsize
    room = np.empty(size + ALIGNMENT, np.uint8)
    first = -(room.ctypes.data + at) % ALIGNMENT
    return room[first : first + size].view(dtype).reshape(shape)
