"""The parts of a stored source, which are read one range of rows at a time."""

import dataclasses
from collections.abc import Sequence
from math import prod

import numpy as np
import polars as pl
from jaxtyping import Int64

from batchwright.data.dataset import Parts, Split, encode_split
from batchwright.data.disk.store import Store
from batchwright.data.encode.encoding import Encoding
from batchwright.data.typed.images import Images
from batchwright.data.typed.schema import Column
from batchwright.data.typed.table import Table

BLOCK_ROWS = 65_536
"""Stored rows read at once to take the rows of one part; twice as many as are taken, if that is more."""
BLOCK_BYTES = 64 << 20
"""At most about this many bytes of images in the stored rows that are read at once."""


@dataclasses.dataclass(frozen=True)
class StreamedSplit:
    """One part of a stored source, in the order of the source.

    Args:
        store: the rows of the source.
        positions: the positions of its rows, ascending.
        encoding: how rows become arrays.
        weights: the column of the rows' weights; None where all weigh the same.
        unit: the number that weights are divided by (`weights.unit_of`).
    """

    store: Store
    positions: Int64[np.ndarray, " rows"]
    encoding: Encoding
    weights: str | None = None
    unit: float = 1.0

    def __repr__(self) -> str:
        """How many rows."""
        return f"<StreamedSplit: {len(self.positions):,} rows>"

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.positions)

    def read(self, start: int, stop: int) -> Split:
        """The rows start to stop-1 of this part, 0 <= start <= stop <= rows.

        Raises:
            DataError: the store has vanished or is damaged.
        """
        if not 0 <= start <= stop <= self.rows:
            raise IndexError(f"rows {start} to {stop} of a part with {self.rows} rows")
        chosen = self.positions[start:stop]
        if self.store.holds_images:
            return encode_split(_take_images(self.store.images(), chosen), self.encoding)
        targets, weights = self.encoding.target.columns, () if self.weights is None else (self.weights,)
        table = _take_rows(self.store, chosen, (*self.encoding.schema.used, *targets, *weights))
        return encode_split(table, self.encoding, weights=self.weights, unit=self.unit)


class StreamedDataset(Parts[StreamedSplit]):
    """Training, validation and test rows that are read when they are needed.

    The `indices` of each part are ascending. The fingerprint covers the stored rows, their parts, and the encoding; it
    differs from the fingerprint of the same rows as a `Dataset`.
    """


@dataclasses.dataclass(frozen=True)
class ChosenRows:
    """Some rows of a stored table, read column by column."""

    store: Store
    positions: Int64[np.ndarray, " chosen"]

    @property
    def name(self) -> str:
        """What the table is called in messages."""
        return self.store.name

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the table."""
        return self.store.columns

    def cells(self, name: str) -> pl.Series:
        """The cells of a column in these rows.

        Raises:
            DataError: there is no such column, or its file cannot be read.
        """
        return self.store.column(name)[self.positions]


def _take_rows(store: Store, chosen: Int64[np.ndarray, " chosen"], columns: Sequence[str]) -> Table:
    """The chosen rows (ascending), read in blocks so that rows between them take little memory."""
    if len(chosen) == 0:
        return store.table(0, 0, columns=columns)
    row_bytes = sum(prod(column.shape or (1,)) for column in store.columns if column.name in columns)
    taken, together = [], max(min(BLOCK_ROWS, BLOCK_BYTES // row_bytes), 2 * len(chosen))
    for start in range(int(chosen[0]), int(chosen[-1]) + 1, together):
        stop = min(start + together, int(chosen[-1]) + 1)
        inside = chosen[slice(*np.searchsorted(chosen, (start, stop)))] - start
        if len(inside):
            block = store.table(start, stop, columns=columns)
            taken.append(block if len(inside) == stop - start else block.take(inside))
    if len(taken) == 1:
        return taken[0]
    lines = (
        None if taken[0].lines is None else np.concatenate([block.lines for block in taken if block.lines is not None])
    )
    return dataclasses.replace(taken[0], frame=pl.concat([block.frame for block in taken]), lines=lines)


def _take_images(images: Images, chosen: Int64[np.ndarray, " chosen"]) -> Images:
    """The chosen images (ascending), copied from the memory map."""
    labels = None if images.labels is None else np.asarray(images.labels[chosen])
    return dataclasses.replace(images, images=np.asarray(images.images[chosen]), labels=labels, hashes=None)
