"""Rows that are read in chunks, given to several devices: each has the rows of its places of every batch, no others."""

import numpy as np
from jaxtyping import Int32

from batchwright.training.placement import Placement
from batchwright.training.state import Arrays, Rows


def share_rows(
    arrays: Arrays, batches: Int32[np.ndarray, "iterations parts n"], placement: Placement, *, filler: int
) -> tuple[Rows, Int32[np.ndarray, "iterations parts n"]]:
    """The rows of a chunk on the devices that use them, and the batches in the numbers that they have there.

    Args:
        arrays: the rows of the chunk, on the host.
        batches: their numbers, by place; each device has as many places of a part as another.
        placement: the devices; this process gives its own devices their rows.
        filler: the number of a place without a row, in the batches given and returned past the last row.
    """
    iterations, parts, places = batches.shape
    own = places // placement.count
    by_device = batches.reshape(iterations, parts, placement.count, own)
    here = [number for number, device in enumerate(placement.devices) if device in placement.here]
    shares = [_take(arrays, by_device[:, :, number].reshape(-1)) for number in here]
    rows: Rows = placement.divide(shares)
    new = np.arange(iterations * parts * own, dtype=np.int32).reshape(iterations, parts, 1, own)
    numbers = np.where(by_device == filler, np.int32(rows.length), new)
    return rows, numbers.reshape(batches.shape)


def _take(arrays: Arrays, numbers: Int32[np.ndarray, " rows"]) -> Rows:
    """These rows in memory of their own; any row for a number past the last."""

    def some(array: np.ndarray) -> np.ndarray:
        taken: np.ndarray = np.take(array, numbers, axis=0, mode="clip")
        taken.flags.writeable = False  # a device may use it without a copy
        return taken

    weights = None if arrays.weights is None else some(arrays.weights)
    inputs = {name: some(array) for name, array in arrays.inputs.items()}
    return Rows(inputs, some(arrays.targets), weights)  # type: ignore[arg-type]  # not yet on a device
