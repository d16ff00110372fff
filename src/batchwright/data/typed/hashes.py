"""A number for each row, by which equal rows are found."""

import math
from collections.abc import Mapping

import numpy as np
from jaxtyping import Shaped, UInt64

BLOCK_BYTES = 1 << 21
"""Bytes of rows hashed at a time: they stay in the cache, and calls of NumPy are few."""


def row_hashes(arrays: Mapping[str, Shaped[np.ndarray, "rows ..."]]) -> UInt64[np.ndarray, " rows"]:
    """A 64-bit number for each row: equal rows have equal numbers, and different rows almost never do.

    Each 8 bytes x of a row are taken in by h <- m((h xor x) · c), where c is odd and m(h) = h xor h/2²⁹. This is
    one-to-one in h and in x, so rows that differ in one place only never collide.
    """
    rows = len(next(iter(arrays.values())))
    hashes = np.zeros(rows, np.uint64)
    for values in arrays.values():
        flat = np.ascontiguousarray(values).reshape(rows, math.prod(values.shape[1:]))
        zero = np.zeros((), flat.dtype)  # adding it turns -0.0 into 0.0
        width = flat.shape[1] * flat.itemsize
        block = max(1, BLOCK_BYTES // max(1, width))
        padded = np.zeros((min(block, rows), -(-width // 8) * 8), np.uint8)
        for start in range(0, rows, block):
            h = hashes[start : start + block]
            cells = flat[start : start + block]
            padded[: len(h), :width] = (cells + zero if flat.dtype.kind == "f" else cells).view(np.uint8)
            for x in np.ascontiguousarray(padded[: len(h)].view(np.uint64).T):
                h ^= x
                h *= np.uint64(0x9E3779B97F4A7C15)
                h ^= h >> np.uint64(29)
    return hashes


def count_shared(seen: UInt64[np.ndarray, " seen"], rows: UInt64[np.ndarray, " rows"]) -> int:
    """How many of `rows` occur in `seen` (which is not empty); both as from `row_hashes`."""
    ordered = np.sort(seen)
    place = np.searchsorted(ordered, rows)
    return int((ordered[np.minimum(place, len(seen) - 1)] == rows).sum())
