"""Tables of a training, recorded or not, as data frames."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from batchwright.config import flow
from batchwright.tasks.per_class import PerClass
from batchwright.training.drawing import LAYERS, Rows

CLASSES = {"part": pl.String, "target": pl.String, "class": pl.String} | dict.fromkeys(
    ("precision", "recall", "f1", "weight"), pl.Float64
)
CONFUSION = dict.fromkeys(("part", "target", "true", "answered"), pl.String) | {"weight": pl.Float64}
LAYER_FIGURES = {"epoch": pl.Int64, "layer": pl.String, "figure": pl.String, "value": pl.Float64}
SETTINGS = dict.fromkeys(("setting", "value", "chosen_by", "reason"), pl.String)


def training_frames(
    history: Rows,
    metrics: Mapping[str, Mapping[str, float]],
    per_class: Mapping[str, PerClass],
    by_target: Mapping[str, Mapping[str, PerClass]],
    settings: Mapping[str, tuple[Any, str, Any]],
    seconds: Mapping[str, float],
) -> dict[str, pl.DataFrame]:
    """All tables of a training by name.

    Args:
        history: a row for each epoch.
        metrics: by part and name.
        per_class: by part, of one target that is a class.
        by_target: by part, of several targets, or of labels.
        settings: by key, the value, who chose it, and the reason if it was measured.
        seconds: by purpose.
    """
    judged = [*_by_part_and_target(per_class, by_target)]
    return {
        "history": history_frame(history),
        "layers": layers_frame(history),
        "metrics": metrics_frame(metrics),
        "classes": pl.DataFrame([row for one in judged for row in _class_rows(*one)], CLASSES, orient="row"),
        "confusion": pl.DataFrame([row for one in judged for row in _confusion_rows(*one)], CONFUSION, orient="row"),
        "settings": pl.DataFrame(
            [(key, flow(value), origin, str(reason or "")) for key, (value, origin, reason) in settings.items()],
            SETTINGS,
            orient="row",
        ),
        "seconds": pl.DataFrame(list(seconds.items()), {"purpose": pl.String, "seconds": pl.Float64}, orient="row"),
    }


def history_frame(history: Rows) -> pl.DataFrame:
    """A row for each epoch; null where one was not measured. The figures of layers are in a table of their own."""
    rows = [{name: value for name, value in row.items() if not name.startswith(LAYERS)} for row in history]
    return pl.DataFrame(rows, infer_schema_length=None, strict=False)


def layers_frame(history: Rows) -> pl.DataFrame:
    """A row for each figure of each layer after each epoch in which it was measured."""
    rows = [
        (int(row["epoch"]), *name.removeprefix(LAYERS).rpartition("/")[::2], float(value))
        for row in history
        for name, value in row.items()
        if name.startswith(LAYERS)
    ]
    return pl.DataFrame(
        rows, {"epoch": pl.Int64, "layer": pl.String, "figure": pl.String, "value": pl.Float64}, orient="row"
    )


def metrics_frame(metrics: Mapping[str, Mapping[str, float]]) -> pl.DataFrame:
    """A row for each metric, a column for each part; null where a part has no such metric."""
    names = list(dict.fromkeys(name for found in metrics.values() for name in found))
    columns = {
        part: pl.Series([found.get(name) for name in names], dtype=pl.Float64) for part, found in metrics.items()
    }
    return pl.DataFrame({"metric": pl.Series(names, dtype=pl.String), **columns})


def _by_part_and_target(
    per_class: Mapping[str, PerClass], by_target: Mapping[str, Mapping[str, PerClass]]
) -> Iterator[tuple[str, str, PerClass]]:
    """Part, target (empty where there is one) and what was found."""
    yield from ((part, "", found) for part, found in per_class.items())
    yield from ((part, name, found) for part, named in by_target.items() for name, found in named.items())


def _class_rows(part: str, target: str, found: PerClass) -> Iterator[tuple[Any, ...]]:
    columns = (found.precision, found.recall, found.f1, found.weight)
    yield from ((part, target, *row) for row in zip(found.classes, *(one.tolist() for one in columns), strict=True))


def _confusion_rows(part: str, target: str, found: PerClass) -> Iterator[tuple[Any, ...]]:
    """A row for each pair of classes that has rows."""
    for true, answered in np.argwhere(found.confusion > 0).tolist():
        yield part, target, found.classes[true], found.classes[answered], float(found.confusion[true, answered])
