"""Where the rows of an epoch come from: all at once from the device, or in chunks that a thread reads ahead."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int32, Int64

from batchwright.training.order import arranged, batches, permutation, shuffled_blocks
from batchwright.training.plan import Plan
from batchwright.training.state import Arrays, Rows, to_device

BLOCK_ROWS = 64
"""Rows that stay together on the disk: enough to be read in one piece, few enough that a chunk has a thousand of them.

Of rows sorted by class, a chunk of 65,536 then has each class in its share to within some 1.6 %.
"""


class Chunk(NamedTuple):
    """Rows on the device, and the batches of consecutive iterations that are made of them.

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
        """What all chunks look like; its rows may be without content."""

    def chunks(self, epoch: int, since: int) -> Generator[Chunk, None, None]:
        """The chunks of an epoch, from the one on that has its iteration `since`; both count from 0."""


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
class Reader(Protocol):
    """Rows that lie elsewhere than in memory."""

    @property
    def rows(self) -> int:
        """Their number."""

    def read(self, ranges: Int64[np.ndarray, "ranges 2"], length: int) -> Arrays:
        """The rows [start, stop) of each range, one after the other, in arrays of `length` rows that nobody changes.

        What is left over is zero.
        """


class OnDisk(NamedTuple):
    """Rows to be read in chunks of `chunk_rows`, a multiple of the batch size."""

    reader: Reader
    chunk_rows: int

    @property
    def length(self) -> int:
        """The number of rows."""
        return self.reader.rows


@dataclass(frozen=True)
class Streamed:
    """Rows read in chunks of `chunk_rows`, a multiple of the batch size: blocks in shuffled order, shuffled within.

    Each row is in exactly one batch of an epoch. While a chunk is trained on, a thread reads the next.
    """

    reader: Reader
    chunk_rows: int
    plan: Plan
    seed: int

    @property
    def shapes(self) -> Chunk:
        """The first chunk of epoch 0."""
        return self._chunk(0, 0, self._ranges(0)[0])

    def chunks(self, epoch: int, since: int) -> Generator[Chunk, None, None]:
        """The chunks from the one on that has the iteration `since`, one of them read ahead."""
        ranges = self._ranges(epoch)
        numbers = range(since // self._iterations, len(ranges))
        with ThreadPoolExecutor(1, thread_name_prefix="rows") as thread:
            ahead = thread.submit(self._chunk, epoch, numbers[0], ranges[numbers[0]])
            for number in numbers:
                chunk = ahead.result()
                if number + 1 < len(ranges):
                    ahead = thread.submit(self._chunk, epoch, number + 1, ranges[number + 1])
                if chunk.iterations:
                    yield chunk

    @property
    def _iterations(self) -> int:
        return self.chunk_rows // self.plan.batch_size

    def _ranges(self, epoch: int) -> list[Int64[np.ndarray, "ranges 2"]]:
        return shuffled_blocks(
            self.plan.training_rows, block=BLOCK_ROWS, chunk_rows=self.chunk_rows, seed=self.seed, epoch=epoch
        )

    def _chunk(self, epoch: int, number: int, ranges: Int64[np.ndarray, "ranges 2"]) -> Chunk:
        rows = to_device(self.reader.read(ranges, self.chunk_rows))
        first, present = number * self._iterations, int((ranges[:, 1] - ranges[:, 0]).sum())
        iterations = min(self._iterations, self.plan.iterations_per_epoch - first)
        order = permutation(present, seed=self.seed, epoch=epoch, chunk=number)[: iterations * self.plan.batch_size]
        return Chunk(
            rows, first, iterations, arranged(order, self.plan, iterations=self._iterations, filler=self.chunk_rows)
        )
