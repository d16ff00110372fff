"""Figures of a training, recorded or not: of its history, of its classes, and of where its time went."""

from collections.abc import Mapping
from functools import partial

from batchwright._shown import Drawings
from batchwright.figures import Axis, Bar, Svg, bars
from batchwright.tasks.drawing import class_drawings
from batchwright.tasks.per_class import PerClass
from batchwright.training.drawing import Rows, history_drawings

PARTS = ("test", "validation", "train")
"""Parts by which a model is judged, the best judge first."""


def training_drawings(
    history: Rows,
    per_class: Mapping[str, PerClass],
    by_target: Mapping[str, Mapping[str, PerClass]],
    seconds: Mapping[str, float],
) -> Drawings:
    """The figures of a training by name: those of `history_drawings`, those of `class_drawings`, and `seconds`.

    Args:
        history: a row for each epoch.
        per_class: by part, of one target that is a class.
        by_target: by part, of several targets, or of labels.
        seconds: by purpose.
    """
    part = next((part for part in PARTS if per_class.get(part) or by_target.get(part)), "test")
    return {
        **history_drawings(history),
        **class_drawings(per_class.get(part), by_target.get(part, {}), part),
        "seconds": partial(draw_seconds, seconds) if seconds else "they were not recorded",
    }


def draw_seconds(seconds: Mapping[str, float]) -> Svg:
    """The seconds of each purpose, and their sum."""
    return bars([Bar(name, value) for name, value in seconds.items()], Axis("time", "s"), title="Time by purpose")
