"""How the process asks the system for memory."""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt(3)
KEPT_PIECE = 32 * 2**20
"""Bytes of the largest piece that is kept, the most that glibc allows; larger ones are rows, fetched once."""
KEPT_IN_ALL = 256 * 2**20


def keep_freed_memory() -> None:
    """Have the C library keep what is freed, rather than give it back and fetch it again in every iteration.

    XLA takes and frees megabytes for each convolution; with glibc's own thresholds a third of a convolutional network's
    training goes into page faults. Elsewhere than on Linux with glibc nothing is changed.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, KEPT_PIECE)
        mallopt(M_TRIM_THRESHOLD, KEPT_IN_ALL)
