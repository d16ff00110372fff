"""A dataset with other validation rows, or with its target encoded otherwise."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Shaped

from batchwright.data.dataset import Dataset, fingerprint
from batchwright.data.encode.labels import LabelTarget
from batchwright.data.encode.several import Target
from batchwright.data.formats.source import Source
from batchwright.data.new_rows import encode_labelled
from batchwright.data.typed.hashes import row_hashes
from batchwright.data.typed.schema import Kind
from batchwright.data.typed.table import TableOptions, from_frame


def with_validation(dataset: Dataset, source: Source, *, weights: str | None = None) -> Dataset:
    """The dataset with the rows of another source for validation, encoded as the training rows are.

    Args:
        dataset: training rows.
        source: rows with targets.
        weights: the column of their weights; None: they weigh the same.

    Raises:
        DataError: the rows are not of the kind of the training rows, or of classes that these lack.
    """
    parts = {"train": dataset.train, "validation": encode_labelled(source, dataset.encoding, weights=weights).rows}
    hashes = {name: row_hashes(part.inputs) for name, part in parts.items()}
    print_of = fingerprint(parts, hashes, dataset.encoding)
    return dataclasses.replace(dataset, validation=parts["validation"], fingerprint=print_of)


def with_target(dataset: Dataset, target: Target, values: Shaped[np.ndarray, "rows ..."]) -> Dataset:
    """The dataset with its target encoded otherwise, as with classes that none of its rows has.

    Args:
        dataset: no row of it was dropped, and it has no test rows.
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
