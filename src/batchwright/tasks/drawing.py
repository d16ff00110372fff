"""Figures of how well classes are told apart."""

from collections.abc import Mapping
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING

from batchwright._shown import Drawings
from batchwright.figures import Axis, Bar, Svg, bars, matrix

if TYPE_CHECKING:
    from batchwright.tasks.per_class import PerClass


def class_drawings(found: "PerClass | None", by_target: "Mapping[str, PerClass]", part: str) -> Drawings:
    """The figures of the classes of a part, or why there is none; of several targets, one for each.

    - confusion: the confusion matrix, or `confusion NAME` for each target or label
    - classes: F1 of each class, or `classes NAME` for each target; of labels, of each label

    Args:
        found: of one target.
        by_target: of several, or of labels.
        part: what the rows are: "test", or another part.
    """
    from batchwright.tasks.per_class import LABEL_CLASSES

    if found is not None:
        return {"confusion": partial(draw_confusion, found, part), "classes": partial(draw_classes, found, part)}
    if not by_target:
        return dict.fromkeys(("confusion", "classes"), "no classes are predicted, or none was evaluated")
    confusion = {f"confusion {name}": partial(draw_confusion, one, part, name) for name, one in by_target.items()}
    if all(one.classes == LABEL_CLASSES for one in by_target.values()):
        return {"classes": partial(draw_labels, by_target, part), **confusion}
    classes = {f"classes {name}": partial(draw_classes, one, part, name) for name, one in by_target.items()}
    return {**confusion, **classes}


def draw_confusion(found: "PerClass", part: str, target: str = "") -> Svg:
    """The weight of the rows of each class that are answered as each class."""
    return matrix(found.confusion, found.classes, title=_title("Confusion", part, target))


def draw_classes(found: "PerClass", part: str, target: str = "") -> Svg:
    """F1 of each class, the lowest first."""
    return _f1_bars(dict(zip(found.classes, found.f1.tolist(), strict=True)), _title("F1 of each class", part, target))


def draw_labels(by_label: "Mapping[str, PerClass]", part: str) -> Svg:
    """F1 of each label, the lowest first."""
    return _f1_bars({name: float(one.f1[1]) for name, one in by_label.items()}, _title("F1 of each label", part, ""))


def _f1_bars(by_name: Mapping[str, float], title: str) -> Svg:
    """A bar for each number, those that are not known last."""
    known = [name for name in by_name if isfinite(by_name[name])]
    order = sorted(known, key=by_name.__getitem__) + [name for name in by_name if name not in set(known)]
    return bars([Bar(name, by_name[name]) for name in order], Axis("F1", low=0.0, high=1.0), title=title)


def _title(what: str, part: str, target: str) -> str:
    return f"{what} of {target}, {part} rows" if target else f"{what}, {part} rows"
