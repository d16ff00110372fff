"""Rows ready for training: training, validation and test rows as arrays, and how they were made."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from jaxtyping import Float32, Int64, Shaped, UInt64

from batchwright._shown import Drawings, Shown
from batchwright.data.encode.encoding import Encoding, ImagePreprocessing
from batchwright.data.encode.preprocessing import Preprocessing
from batchwright.data.encode.several import Target
from batchwright.data.splitting import Indices, Method
from batchwright.data.typed.images import Images
from batchwright.data.typed.rows import Rows
from batchwright.data.typed.schema import Schema
from batchwright.data.weights import divide_by_unit, unit_of

if TYPE_CHECKING:
    import polars as pl

Part = TypeVar("Part")


@dataclasses.dataclass(frozen=True)
class Split:
    """Rows as arrays.

    Args:
        inputs: "numeric" float32 [rows, n], "categorical" int32 [rows, c], "image" uint8 [rows, h, w, channels],
            "text" int16 or int32 [rows, t]; only the kinds that the data have.
        targets: int32 [rows], codes of classes, or float32 [rows], standardised values; [rows, k] for several targets,
            and for the k labels that a cell may hold.
        weights: float32 [rows], above 0, with a mean of about 1; None where all rows weigh the same.
    """

    inputs: dict[str, np.ndarray]
    targets: Shaped[np.ndarray, "rows ..."]
    weights: Float32[np.ndarray, " rows"] | None = None

    def __repr__(self) -> str:
        """The number of rows, and the shape of their inputs."""
        shapes = ", ".join(f"{name} {list(array.shape[1:])}" for name, array in self.inputs.items())
        return f"<Split: {self.rows:,} rows; {shapes or 'no inputs'}>"

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.targets)

    def take(self, chosen: Int64[np.ndarray, " chosen"]) -> "Split":
        """Some of the rows, as if they were all: their weights have a unit of their own."""
        weights = None if self.weights is None else self.weights[chosen].astype(np.float64)
        return Split(
            {name: array[chosen] for name, array in self.inputs.items()},
            self.targets[chosen],
            None if weights is None else divide_by_unit(weights, unit_of(weights)),
        )


def encode_split(rows: Rows, encoding: Encoding, *, weights: str | None = None, unit: float | None = None) -> Split:
    """The rows as arrays.

    Args:
        rows: rows with targets; each has a weight above 0, which is not checked here.
        encoding: how they are encoded.
        weights: the column of their weights; None where all weigh the same. Images have none.
        unit: the number that weights are divided by; None takes theirs (`weights.unit_of`).

    Raises:
        DataError: the rows are not of the kind that the encoding was learned from, or have no such target or weights.
    """
    part = Split(encoding.inputs(rows), encoding.targets(rows))
    if weights is None or isinstance(rows, Images):
        return part
    numbers = rows.cells(weights).to_numpy().astype(np.float64)
    return dataclasses.replace(part, weights=divide_by_unit(numbers, unit_of(numbers) if unit is None else unit))


@dataclasses.dataclass(frozen=True)
class Parts(Generic[Part]):
    """Training, validation and test rows, and how they were made.

    Args:
        train: the rows that a network learns from.
        validation: rows that decide when to stop; None where there are none.
        test: rows that are measured at the end; None where there are none.
        encoding: how rows are encoded, learned from the training rows; it is saved with a model.
        indices: the rows of each part, as positions among the rows of the source that were not dropped; `test` is empty
            where the test rows come from another source, or from the source's own test part.
        fingerprint: SHA-256, in hexadecimal, of all rows in their parts and order, and of the encoding.
        name: a short name of the source.
        notes: what a user should know, one sentence each: columns left out, rows dropped, rows that two parts share.
        split: how rows of the source were divided.
    """

    train: Part
    validation: Part | None
    test: Part | None
    encoding: Encoding
    indices: Indices
    fingerprint: str
    name: str
    notes: tuple[str, ...] = ()
    split: Method = "stratified"

    @property
    def parts(self) -> dict[str, Part]:
        """The parts that have rows, by name."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: part for name, part in named.items() if part is not None}


@dataclasses.dataclass(frozen=True, repr=False)
class Dataset(Parts[Split], Shown):
    """Training, validation and test rows as arrays, and how they were made: the fields of `Parts`, and two more.

    Args:
        memory_limit: bytes of memory that rows may take, if their arrays are memory maps; None: they are in memory.
        positions: the numbers in the source, from 0, of the rows of each part that was drawn from it; none where the
            arrays are memory maps.
    """

    memory_limit: int | None = None
    positions: Mapping[str, Int64[np.ndarray, " rows"]] = dataclasses.field(default_factory=dict)

    def __repr__(self) -> str:
        """The rows of each part, and what is predicted."""
        rows = ", ".join(f"{part.rows:,} {name}" for name, part in self.parts.items())
        return f"<Dataset {self.name:.60}: {rows} rows; {self.encoding.target!r}>"

    def drawings(self) -> Drawings:
        """What draws each figure, by name, or why there is none."""
        from batchwright.data.drawing import dataset_drawings

        return dataset_drawings(self)

    def frames(self) -> "dict[str, pl.DataFrame]":
        """All tables by name, each as a data frame: columns, parts, target."""
        from batchwright.data.frames import dataset_frames

        return dataset_frames(self)

    @property
    def schema(self) -> Schema:
        """The columns of the table, and what each holds."""
        return self.encoding.schema

    @property
    def preprocessing(self) -> Preprocessing | ImagePreprocessing:
        """How inputs are encoded."""
        return self.encoding.preprocessing

    @property
    def target(self) -> Target:
        """How the target is encoded, and decoded again."""
        return self.encoding.target


def fingerprint(parts: Mapping[str, Split], hashes: Mapping[str, UInt64[np.ndarray, " _"]], encoding: Encoding) -> str:
    """SHA-256, in hexadecimal, of all rows part by part, and of the encoding.

    Args:
        parts: the rows of each part; their shapes, targets and weights count.
        hashes: `row_hashes` of the inputs of each part.
        encoding: the encoding of the rows.
    """
    digest = hashlib.sha256(json.dumps(encoding.identity(), sort_keys=True).encode())
    for name, part in parts.items():
        shapes = {key: (str(values.dtype), values.shape) for key, values in part.inputs.items()}
        digest.update(json.dumps([name, shapes, part.weights is None]).encode())
        for values in (hashes[name], part.targets, *(() if part.weights is None else (part.weights,))):
            digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()
