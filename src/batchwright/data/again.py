"""Rows that come after others have been learned from: encoded by what those have taught."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Int64, Shaped

from batchwright.data.dataset import Dataset, Split, fingerprint
from batchwright.data.encode.encoding import Encoding
from batchwright.data.encode.labels import LabelTarget
from batchwright.data.encode.several import Target
from batchwright.data.encode.targets import ClassTarget
from batchwright.data.formats.source import Source
from batchwright.data.new_rows import encode_labelled
from batchwright.data.splitting import row_hashes, split
from batchwright.data.typed.schema import Kind
from batchwright.data.typed.table import TableOptions, from_frame
from batchwright.data.weights import divide_by_unit, unit_of


def split_like(source: Source, encoding: Encoding, *, weights: str | None = None) -> Split:
    """The rows of a source that count, encoded as earlier ones were.

    Args:
        source: rows with targets.
        encoding: what was learned from the earlier rows.
        weights: the column of the rows' weights; None: all rows weigh the same.

    Raises:
        DataError: the rows are not of the kind that the encoding was learned from, or of classes that it lacks.
    """
    plain = dataclasses.replace(encoding, schema=dataclasses.replace(encoding.schema, weights=None))
    found = encode_labelled(source, plain, weights=weights)
    return Split(found.inputs, found.targets, found.weights)


def prepare_like(
    source: Source, encoding: Encoding, *, weights: str | None = None, validation_split: float = 0.0, seed: int = 0
) -> Dataset:
    """As `prepare`, but nothing is learned: the rows are encoded as earlier ones were. There are no test rows.

    Args:
        source: rows with targets.
        encoding: what was learned from the earlier rows.
        weights: the column of the rows' weights; None: all rows weigh the same.
        validation_split: share of the rows for validation, in [0, 1), of each class its own.
        seed: of the split.

    Raises:
        DataError: the rows are not of the kind that the encoding was learned from, or of classes that it lacks.
        ConfigError: the share is out of range.

    >>> from batchwright.data.load import load
    >>> iris = load("iris")
    >>> again = prepare_like("iris", iris.encoding, validation_split=0.2)
    >>> again.train.rows, again.validation.rows, again.encoding == iris.encoding
    (120, 30, True)
    """
    whole = split_like(source, encoding, weights=weights)
    by = whole.targets if isinstance(encoding.target, ClassTarget) else np.zeros(whole.rows, np.int8)
    indices = split(by, validation_split=validation_split, test_split=0.0, seed=seed)
    places = {"train": indices.train, "validation": indices.validation}
    parts = {name: part_of(whole, chosen) for name, chosen in places.items() if len(chosen)}
    hashes = {name: row_hashes(part.inputs) for name, part in parts.items()}
    print_of = fingerprint(parts, hashes, encoding)
    return Dataset(parts["train"], parts.get("validation"), None, encoding, indices, print_of, "table")


def with_validation(dataset: Dataset, source: Source, *, weights: str | None = None) -> Dataset:
    """The dataset with the rows of another source for validation, encoded as the training rows are.

    Args:
        dataset: training rows.
        source: rows with targets.
        weights: the column of their weights; None: they weigh the same.

    Raises:
        DataError: the rows are not of the kind of the training rows, or of classes that these lack.
    """
    parts = {"train": dataset.train, "validation": split_like(source, dataset.encoding, weights=weights)}
    hashes = {name: row_hashes(part.inputs) for name, part in parts.items()}
    print_of = fingerprint(parts, hashes, dataset.encoding)
    return dataclasses.replace(dataset, validation=parts["validation"], fingerprint=print_of)


def with_target(dataset: Dataset, target: Target, values: Shaped[np.ndarray, "rows ..."]) -> Dataset:
    """The dataset with its target encoded otherwise, as with classes that none of its rows has.

    Args:
        dataset: rows of which none was dropped, without test rows.
        target: how the target is encoded, under the same name.
        values: the target of all rows, in the order of the source.

    Raises:
        DataError: a value is not one of the target.
    """
    schema = dataclasses.replace(dataset.schema, classes=target.classes)
    encoding = dataclasses.replace(dataset.encoding, schema=schema, target=target)
    columns = [values] if values.ndim == 1 else values.T
    frame = dict(zip(target.columns, columns, strict=True))
    kinds: Mapping[str, Kind] = {target.name: "categorical"} if isinstance(target, LabelTarget) else {}
    codes = target.encode(from_frame(frame, TableOptions(kinds=kinds), name=dataset.name))
    places = {"train": dataset.indices.train, "validation": dataset.indices.validation}
    parts = {name: dataclasses.replace(part, targets=codes[places[name]]) for name, part in dataset.parts.items()}
    hashes = {name: row_hashes(part.inputs) for name, part in parts.items()}
    print_of = fingerprint(parts, hashes, encoding)
    return dataclasses.replace(
        dataset, train=parts["train"], validation=parts.get("validation"), encoding=encoding, fingerprint=print_of
    )


def part_of(rows: Split, chosen: Int64[np.ndarray, " chosen"]) -> Split:
    """Some of the rows, as a split had them: their weights have a unit of their own."""
    inputs, weights = {name: array[chosen] for name, array in rows.inputs.items()}, None
    if rows.weights is not None:
        numbers = rows.weights[chosen].astype(np.float64)
        weights = divide_by_unit(numbers, unit_of(numbers))
    return Split(inputs, rows.targets[chosen], weights)
