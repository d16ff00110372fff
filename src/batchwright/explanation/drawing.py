"""Figures of what a model goes by, and of a run whose rows are read again."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from batchwright._shown import Drawings
from batchwright.data.encode.several import SeveralTargets
from batchwright.data.encode.targets import ValueTarget
from batchwright.explanation.asked_model import AskedModel
from batchwright.explanation.rows import rows_of_run
from batchwright.figures import Axis, Bar, Line, Svg, bars, line_chart
from batchwright.runs.manifest import SCHEMA
from batchwright.runs.run import Run
from batchwright.tasks.value_drawing import Values, value_drawings, values_of

if TYPE_CHECKING:
    from batchwright.explanation.dependence import Dependence
    from batchwright.explanation.explained import Explained
    from batchwright.explanation.importance import ColumnImportance


def run_drawings(run: Run) -> Drawings:
    """The figures of a run, and those of its predicted numbers on its rows, which are read again for them."""
    target = run.encoding.target if SCHEMA in run.manifest.files else None

    def compute() -> Values:
        labelled, answering = rows_of_run(run), AskedModel(run.load_model())
        outputs = answering.outputs(labelled.split.inputs)
        return values_of(answering.task, outputs, labelled.split.targets, labelled.part)

    numbers = target.of_values if isinstance(target, SeveralTargets) else isinstance(target, ValueTarget)
    return {**run.drawings(), **value_drawings(target.columns if target and numbers else (), compute)}


def explained_drawings(found: "Explained") -> Drawings:
    """The figures of what a model goes by, or why there is none.

    - importance, groups: of columns, and of groups that go with each other, with intervals
    - dependence NAME: the mean answer by the value of a column
    """
    return {
        "importance": partial(draw_importance, found.importance, found.part)
        if found.importance
        else "no column can be shuffled",
        "groups": partial(draw_importance, found.groups, found.part)
        if found.groups
        else "no columns go with each other",
        **{f"dependence {one.column}": partial(draw_dependence, one) for one in found.dependence},
    }


def draw_importance(found: "tuple[ColumnImportance, ...]", part: str) -> Svg:
    """By how much the loss rises if columns are shuffled, with its 95 % interval."""
    shown = [Bar(one.name, one.increase, one.low, one.high) for one in found]
    return bars(shown, Axis("loss rises by"), title=f"Importance of columns, {part} rows")


def draw_dependence(found: "Dependence") -> Svg:
    """The mean answer if all rows have a value in a column; of categories, a bar for each."""
    title = f"Answers by {found.column}"
    numbers = [value for value in found.values if not isinstance(value, str)]
    if len(numbers) == len(found.values):
        lines = [Line(name, numbers, found.mean[:, place]) for place, name in enumerate(found.answers)]
        return line_chart(lines, Axis(found.column), Axis("mean answer"), title=title)
    answer = int(np.ptp(found.mean, axis=0).argmax())
    shown = [Bar(str(value), float(found.mean[place, answer])) for place, value in enumerate(found.values)]
    return bars(shown, Axis(found.answers[answer]), title=title)
