"""Which rows are in batch i of epoch e: a pure function of the seed and the epoch, computed on the host.

NumPy shuffles 60,000 rows in a millisecond; `jax.random.permutation` in the compiled program takes twenty.
"""

import numpy as np
from jaxtyping import Int32, Int64

from batchwright.training.plan import Plan


def permutation(rows: int, *, seed: int, epoch: int, chunk: int | None = None) -> Int32[np.ndarray, " rows"]:
    """The numbers 0 ... rows - 1, shuffled; `epoch` counts from 0, and so does `chunk`, the epoch's chunk of rows.

    >>> permutation(4, seed=0, epoch=0).tolist() == permutation(4, seed=0, epoch=0).tolist()
    True
    """
    key = [seed, epoch] if chunk is None else [seed, epoch, chunk]
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))
    order = np.arange(rows, dtype=np.int32)
    generator.shuffle(order)
    return order


def batches(plan: Plan, *, seed: int, epoch: int) -> Int32[np.ndarray, "iterations parts part_rows"]:
    """The rows of every batch of an epoch, batch by batch; as they come where the plan does not shuffle.

    Places that no row fills hold `plan.training_rows`, one past the last row: the training step gives them weight 0.
    """
    rows = plan.training_rows
    order = permutation(rows, seed=seed, epoch=epoch) if plan.shuffle else np.arange(rows, dtype=np.int32)
    return arrange_batches(
        order[: plan.rows_per_epoch], plan, iterations=plan.iterations_per_epoch, filler=plan.training_rows
    )


def arrange_batches(
    order: Int32[np.ndarray, " rows"], plan: Plan, *, iterations: int, filler: int
) -> Int32[np.ndarray, "iterations parts part_rows"]:
    """Arrange these rows in batches of the plan's size and parts; `filler` stands where no row is left.

    A part has the same rows with any number of devices; `part_places` says how many places.
    """
    by_batch = _fill_up(order, iterations * plan.batch_size, filler).reshape(iterations, plan.batch_size)
    by_part = _widen(by_batch, plan.parts * plan.part_rows, filler).reshape(iterations, plan.parts, plan.part_rows)
    return _widen(by_part, plan.part_places, filler)


def shuffled_blocks(
    rows: int, *, block: int, chunk_rows: int, seed: int, epoch: int
) -> list[Int64[np.ndarray, "ranges 2"]]:
    """For each chunk of an epoch, the ranges [start, stop) of its rows.

    The rows are cut into blocks of `block` rows, the blocks are shuffled, and the sequence is cut again into chunks of
    `chunk_rows` rows; the last block and the last chunk may be shorter. Each row is in exactly one chunk. The ranges
    of a chunk are in rising order, which suits a disk.

    >>> [chunk.tolist() for chunk in shuffled_blocks(5, block=2, chunk_rows=3, seed=0, epoch=0)]
    [[[0, 2], [4, 5]], [[2, 4]]]
    """
    starts = permutation(-(-rows // block), seed=seed, epoch=epoch).astype(np.int64) * block
    stops = np.minimum(starts + block, rows)
    ends = np.cumsum(stops - starts)
    chunks = (
        _ranges(starts, stops, ends, first, min(first + chunk_rows, rows)) for first in range(0, rows, chunk_rows)
    )
    return [chunk[np.argsort(chunk[:, 0])] for chunk in chunks]


def consecutive_ranges(rows: int, *, chunk_rows: int) -> list[Int64[np.ndarray, "ranges 2"]]:
    """For each chunk of an epoch the range of rows that it is made of, where rows are not shuffled.

    >>> [chunk.tolist() for chunk in consecutive_ranges(5, chunk_rows=3)]
    [[[0, 3]], [[3, 5]]]
    """
    return [np.array([[first, min(first + chunk_rows, rows)]]) for first in range(0, rows, chunk_rows)]


def _ranges(
    starts: Int64[np.ndarray, " blocks"],
    stops: Int64[np.ndarray, " blocks"],
    ends: Int64[np.ndarray, " blocks"],
    first: int,
    last: int,
) -> Int64[np.ndarray, "ranges 2"]:
    """The ranges of the rows at places `first` ... `last` - 1 in a sequence of blocks that end at the places `ends`."""
    chosen = slice(np.searchsorted(ends, first, side="right"), np.searchsorted(ends, last, side="left") + 1)
    begin, end, places = starts[chosen].copy(), stops[chosen].copy(), ends[chosen]
    begin[0] = end[0] - (places[0] - first)
    end[-1] -= places[-1] - last
    return np.stack([begin, end], axis=1)


def _widen(array: Int32[np.ndarray, "*axes n"], width: int, filler: int) -> Int32[np.ndarray, "*axes width"]:
    """The array with as many more fillers in its last axis as it lacks."""
    lacking = width - array.shape[-1]
    if not lacking:
        return array
    return np.concatenate([array, np.full((*array.shape[:-1], lacking), filler, np.int32)], axis=-1)


def _fill_up(order: Int32[np.ndarray, " rows"], length: int, filler: int) -> Int32[np.ndarray, " length"]:
    return np.concatenate([order, np.full(length - len(order), filler, np.int32)])
