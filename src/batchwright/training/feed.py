"""Where the rows of an epoch come from: all at once from the device, or in chunks that a thread reads ahead."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

import jax
import numpy as np
from jaxtyping import Int32, Int64

from batchwright.training.order import arrange_batches, batches, consecutive_ranges, permutation, shuffled_blocks
from batchwright.training.placement import LOCAL, Placement
from batchwright.training.plan import Plan
from batchwright.training.shares import share_rows
from batchwright.training.state import Arrays, Rows, to_device

T = TypeVar("T")

BLOCK_ROWS = 64
"""Rows of a block, which stay together on the disk: enough to be read in one piece, few enough that a chunk has a
thousand blocks.

With rows sorted by class, a chunk of 65,536 then holds each class in its share to within some 1.6 %.
"""


class Chunk(NamedTuple):
    """Rows on the device, and the batches of consecutive iterations made of them.

    `first` is the first of these iterations in the epoch, `iterations` their number; `batches` may have more places.
    """

    rows: Rows
    first: int
    iterations: int
    batches: Int32[np.ndarray, "places parts n"]


@runtime_checkable
class Feed(Protocol):
    """The training rows of a run, in the batches of each epoch."""

    @property
    def shapes(self) -> Chunk:
        """The shapes and dtypes of all chunks; the rows may have no content."""

    def chunks(self, epoch: int, since: int) -> Generator[Chunk, None, None]:
        """The chunks of an epoch, from the chunk that holds iteration `since` on; both count from 0."""


@dataclass(frozen=True)
class Resident:
    """All rows on the device: one chunk, shuffled as a whole."""

    rows: Rows
    plan: Plan
    seed: int

    @property
    def shapes(self) -> Chunk:
        """The only chunk, of epoch 0."""
        return next(self.chunks(0, 0))

    def chunks(self, epoch: int, since: int) -> Generator[Chunk, None, None]:
        """The only chunk."""
        order = batches(self.plan, seed=self.seed, epoch=epoch)
        yield Chunk(self.rows, 0, self.plan.iterations_per_epoch, order)


@runtime_checkable
class Places(Protocol):
    """Memory for a fixed number of rows, filled again and again."""

    def fill(self, ranges: Int64[np.ndarray, "ranges 2"]) -> Arrays:
        """The rows [start, stop) of each range, one after the other, in arrays that last until the next call.

        Places that no row fills are zero.
        """


@runtime_checkable
class Reader(Protocol):
    """Rows stored somewhere other than in memory."""

    @property
    def rows(self) -> int:
        """The number of rows."""

    def places(self, length: int) -> Places:
        """Memory for `length` rows at a time."""


class OnDisk(NamedTuple):
    """Rows to be read in chunks of `chunk_rows`, a multiple of the batch size, for the devices of a placement."""

    reader: Reader
    chunk_rows: int
    placement: Placement = LOCAL

    @property
    def length(self) -> int:
        """The number of rows."""
        return self.reader.rows

    def read(self, ranges: Int64[np.ndarray, "ranges 2"]) -> Rows:
        """The rows [start, stop) of each range, one after the other, on each device, in memory of their own."""
        return to_device(self.reader.places(int((ranges[:, 1] - ranges[:, 0]).sum())).fill(ranges), self.placement)

    def read_ahead(self, reads: Iterable[Callable[[Places], T]]) -> Generator[T, None, None]:
        """The result of each function for memory of `chunk_rows` rows; a thread calls the next one meanwhile.

        A result lasts until the next one is asked for: the call after that reads into its memory.
        """
        memory = cycle([self.reader.places(self.chunk_rows) for _ in range(2)])
        ahead = deque[Future[T]]()
        with ThreadPoolExecutor(1, thread_name_prefix="rows") as thread:
            for read, places in zip(reads, memory, strict=False):
                ahead.append(thread.submit(read, places))
                if len(ahead) == 2:
                    yield ahead.popleft().result()
            yield from (last.result() for last in ahead)


def read_to_device(places: Places, ranges: Int64[np.ndarray, "ranges 2"], placement: Placement = LOCAL) -> Rows:
    """The rows of these ranges on each device, in or from the memory of `places`."""
    rows: Rows = jax.block_until_ready(to_device(places.fill(ranges), placement))
    return rows


@dataclass(frozen=True)
class Streamed:
    """Rows read in chunks: blocks, then rows within a chunk, shuffled where the plan shuffles; a thread reads ahead.

    Each row is in exactly one batch of an epoch, with any number of devices in the same one; of several devices, each
    has the rows of its places only. A chunk lasts until the next is asked for.
    """

    source: OnDisk
    plan: Plan
    seed: int

    @property
    def shapes(self) -> Chunk:
        """The first chunk of epoch 0."""
        return self._chunk(0, 0, self._ranges(0)[0], self.source.reader.places(self.source.chunk_rows))

    def chunks(self, epoch: int, since: int) -> Generator[Chunk, None, None]:
        """The chunks from the one that holds iteration `since` on; one of them is read ahead."""
        first, ranges = since // self._iterations, self._ranges(epoch)
        reads = (partial(self._chunk, epoch, number, ranges[number]) for number in range(first, len(ranges)))
        yield from (chunk for chunk in self.source.read_ahead(reads) if chunk.iterations)

    @property
    def _iterations(self) -> int:
        return self.source.chunk_rows // self.plan.batch_size

    def _ranges(self, epoch: int) -> list[Int64[np.ndarray, "ranges 2"]]:
        if not self.plan.shuffle:
            return consecutive_ranges(self.plan.training_rows, chunk_rows=self.source.chunk_rows)
        return shuffled_blocks(
            self.plan.training_rows, block=BLOCK_ROWS, chunk_rows=self.source.chunk_rows, seed=self.seed, epoch=epoch
        )

    def _chunk(self, epoch: int, number: int, ranges: Int64[np.ndarray, "ranges 2"], places: Places) -> Chunk:
        first, present = number * self._iterations, int((ranges[:, 1] - ranges[:, 0]).sum())
        iterations = min(self._iterations, self.plan.iterations_per_epoch - first)
        order = (
            permutation(present, seed=self.seed, epoch=epoch, chunk=number)
            if self.plan.shuffle
            else np.arange(present, dtype=np.int32)
        )[: iterations * self.plan.batch_size]
        filler, placement = self.source.chunk_rows, self.source.placement
        arranged = arrange_batches(order, self.plan, iterations=self._iterations, filler=filler)
        if placement == LOCAL:
            return Chunk(read_to_device(places, ranges), first, iterations, arranged)
        shared = share_rows(places.fill(ranges), arranged, placement, filler=filler)
        rows, batches_here = jax.block_until_ready(shared[0]), shared[1]
        return Chunk(rows, first, iterations, batches_here)
