"""The columns of the source, recovered from the encoded arrays, for a sample of the training rows."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int32, Shaped

from batchwright.data.dataset import Dataset, Split
from batchwright.data.encode.encoders import Category, Flag, Moment, Number, OneHot, Ordinal, Quantile
from batchwright.data.encode.preprocessing import Preprocessing
from batchwright.data.encode.tags import Tags
from batchwright.data.encode.texts import HashedText

MOST_ROWS = 100_000
"""Rows that a check of columns reads: shares are then known to 0.3 %, and rows on disk are read in seconds."""


@dataclass(frozen=True)
class EncodedPart:
    """A number for each row: of a number or a flag as it was encoded, of a date one of its parts, else a category.

    Args:
        name: the name of the column, or of the part of a date.
        values: the numbers; 0 where missing. For categories their codes, 0 for unseen and rare ones.
        ordered: whether neighbouring values are alike; categories are not ordered.
    """

    name: str
    values: Float[np.ndarray, " rows"]
    ordered: bool


@dataclass(frozen=True)
class EncodedColumn:
    """A column of the source in a sample of the training rows: its parts, and where its cells are missing.

    Free text has no parts. Several values in a cell are parts of 0 and 1.
    """

    name: str
    parts: tuple[EncodedPart, ...]
    missing: Bool[np.ndarray, " rows"]


def sample(rows: int, most: int = MOST_ROWS) -> slice:
    """At most `most` of this many rows, evenly spaced.

    >>> sample(10, most=5), sample(11, most=5), sample(3)
    (slice(None, None, 2), slice(None, None, 3), slice(None, None, 1))
    """
    return slice(None, None, max(1, math.ceil(rows / most)))


def sample_note(rows: int, most: int = MOST_ROWS) -> str:
    """The words in a finding's evidence about a sample; empty if all rows were read.

    >>> sample_note(1_000_000)
    ', in 100,000 evenly spaced of the 1,000,000 training rows'
    """
    looked = len(range(rows)[sample(rows, most)])
    return "" if looked == rows else f", in {looked:,} evenly spaced of the {rows:,} training rows"


def sampled_targets(split: Split, most: int = MOST_ROWS) -> Shaped[np.ndarray, "sample ..."]:
    """The targets of the sample."""
    return np.array(split.targets[sample(split.rows, most)])


def columns(dataset: Dataset, most: int = MOST_ROWS) -> Iterator[EncodedColumn]:
    """Every column that the network gets, one at a time; none if the inputs are images."""
    if not isinstance(dataset.preprocessing, Preprocessing):
        return
    rows = sample(dataset.train.rows, most)
    inputs = {name: np.array(array[rows]) for name, array in dataset.train.inputs.items()}
    numbers = categories = words = 0
    for encoder in dataset.preprocessing.encoders:
        if isinstance(encoder, Category):
            yield _category(encoder, inputs["categorical"][:, categories])
            categories += 1
        elif isinstance(encoder, HashedText):
            missing = (inputs["text"][:, words] == encoder.features + 1) & encoder.missing
            yield EncodedColumn(encoder.column, (), missing)
            words += encoder.width
        else:
            width = len(encoder.features)
            yield _numeric(encoder, inputs["numeric"][:, numbers : numbers + width])
            numbers += width


def leave_out(*names: str) -> str:
    """The setting that leaves columns out.

    >>> print(leave_out("petal width"))
    `data.kinds={"petal width": identifier}`
    """
    kinds = ", ".join(f"{json.dumps(name, ensure_ascii=False)}: identifier" for name in names)
    return f"`data.kinds={{{kinds}}}`"


def split_by(name: str) -> str:
    """The setting that splits rows by a column, so that no value of it is in two parts.

    >>> print(split_by("house number"))
    `data.group=house number`
    """
    return f"`data.group={name}`"


def _category(encoder: Category, codes: Int32[np.ndarray, " rows"]) -> EncodedColumn:
    missing = (codes == encoder.cardinality - 1) & encoder.missing
    return EncodedColumn(encoder.column, (EncodedPart(encoder.column, codes.astype(np.float64), False),), missing)


def _numeric(
    encoder: Number | Quantile | Flag | Moment | OneHot | Ordinal | Tags, values: Float32[np.ndarray, "rows features"]
) -> EncodedColumn:
    has_flag = encoder.missing if isinstance(encoder, OneHot | Ordinal | Tags) else encoder.indicator
    missing = (values[:, -1] == 1) & has_flag
    if isinstance(encoder, OneHot):
        codes = values @ np.arange(1, values.shape[1] + 1, dtype=np.float32)
        return EncodedColumn(encoder.column, (EncodedPart(encoder.column, codes, False),), missing)
    if isinstance(encoder, Ordinal):
        return EncodedColumn(encoder.column, (EncodedPart(encoder.column, values[:, 0], True),), missing)
    names = encoder.features[:-1] if has_flag else encoder.features
    parts = (EncodedPart(name, numbers, True) for name, numbers in zip(names, values.T[: len(names)], strict=True))
    return EncodedColumn(encoder.column, tuple(parts), missing)
