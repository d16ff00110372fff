"""Figures of a training that has its rows at hand."""

from typing import TYPE_CHECKING

from batchwright._shown import Drawings
from batchwright.runs.drawing import PARTS, training_drawings
from batchwright.tasks import Regression
from batchwright.tasks.value_drawing import Values, value_drawings, values_of
from batchwright.training.evaluate import answers_of
from batchwright.workflow.jobs import rows_of

if TYPE_CHECKING:
    from batchwright.workflow.trained import Trained


def trained_drawings(trained: "Trained") -> Drawings:
    """The figures of `training_drawings`, and those of `value_drawings` on the test rows, or validation or training."""
    model, dataset = trained.model, trained.prepared.dataset
    task, part = model.model.task, next(part for part in PARTS if part in dataset.parts)

    def compute() -> Values:
        rows = rows_of(dataset.parts[part], dataset, trained.prepared.plan)
        outputs, targets, _ = answers_of(model.model, model.variables, rows)
        return values_of(task, outputs, targets, part)

    return {
        **training_drawings(trained.history, trained.per_class, trained.by_target, trained.seconds),
        **value_drawings(dataset.target.columns if isinstance(task, Regression) else (), compute),
    }
