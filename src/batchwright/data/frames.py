"""Tables of rows that were loaded, as data frames."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from batchwright.data.encode.labels import LabelTarget
from batchwright.data.encode.several import OneTarget, SeveralTargets
from batchwright.data.encode.targets import ValueTarget

if TYPE_CHECKING:
    from batchwright.data.dataset import Dataset

COLUMNS = {"column": pl.String, "kind": pl.String, "used": pl.Boolean, "note": pl.String}
TARGET = dict.fromkeys(("target", "part", "class"), pl.String) | {"rows": pl.Int64}
NUMBERS = dict.fromkeys(("mean", "deviation", "least", "greatest"), pl.Float64)
TYPES: dict[str, pl.DataType | type[pl.DataType]] = {**TARGET, **NUMBERS}


def dataset_frames(data: "Dataset") -> dict[str, pl.DataFrame]:
    """All tables of a dataset by name: its columns, the rows of its parts, and what is predicted in each part."""
    columns = [(one.name, one.kind, one.used, one.note) for one in data.schema.columns]
    parts = [(name, part.rows) for name, part in data.parts.items()]
    return {
        "columns": pl.DataFrame(columns, COLUMNS, orient="row"),
        "parts": pl.DataFrame(parts, {"part": pl.String, "rows": pl.Int64}, orient="row"),
        "target": target_frame(data),
    }


def target_frame(data: "Dataset") -> pl.DataFrame:
    """The rows of each class or label in each part; of a number, mean, deviation and range."""
    target = data.target
    rows: list[tuple[object, ...]] = []
    for part, split in data.parts.items():
        if isinstance(target, LabelTarget):
            counts = np.asarray(split.targets).sum(axis=0).astype(np.int64).tolist()
            rows += [
                (target.name, part, name, count, *[None] * 4)
                for name, count in zip(target.classes, counts, strict=True)
            ]
        elif isinstance(target, SeveralTargets):
            for place, one in enumerate(target.parts):
                rows += _target_rows(one, part, split.targets[:, place])
        else:
            rows += _target_rows(target, part, split.targets)
    return pl.DataFrame(rows, TYPES, orient="row")


def _target_rows(target: OneTarget, part: str, cells: np.ndarray) -> list[tuple[object, ...]]:
    if isinstance(target, ValueTarget):
        values = target.decode(np.asarray(cells, np.float64))
        ends = (float(values.min()), float(values.max())) if len(values) else (None, None)
        means = (float(values.mean()), float(values.std())) if len(values) else (None, None)
        return [(target.name, part, None, len(values), *means, *ends)]
    counts = np.bincount(np.asarray(cells, np.int64), minlength=len(target.classes)).tolist()
    return [(target.name, part, name, count, *[None] * 4) for name, count in zip(target.classes, counts, strict=True)]
