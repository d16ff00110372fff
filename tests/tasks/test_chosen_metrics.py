"""The metrics that are asked for have the bits that they have among all, and the loss is always there."""

from typing import Any

import numpy as np
import pytest
from tests.tasks.test_several import MIXED, OUTPUTS, TARGETS, WEIGHTS

from batchwright.tasks import Classification, CustomTask, Multilabel, Regression
from batchwright.tasks.metrics import MORE_CLASS_METRICS
from batchwright.training.evaluate import evaluate_answers

LABELS = (TARGETS[:, :1] == np.arange(3)).astype(np.float32)
TASKS: dict[str, tuple[Any, np.ndarray, np.ndarray]] = {
    "classes": (Classification(("s", "m", "l"), extra=MORE_CLASS_METRICS), OUTPUTS[:, :3], TARGETS[:, 0].astype(int)),
    "values": (
        Regression(targets=2, mean=(10.0, 2.0), std=(3.0, 1.0), names=("a", "b")),
        OUTPUTS[:, :2],
        TARGETS[:, :2],
    ),
    "labels": (Multilabel(("s", "m", "l")), OUTPUTS[:, :3], LABELS),
    "several": (MIXED, OUTPUTS, TARGETS),
}


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["equal", "weighted"])
def test_each_is_as_among_all(kind: str, weights: np.ndarray | None) -> None:
    task, outputs, targets = TASKS[kind]
    whole = task.metrics(outputs, targets, weights)
    assert len(whole) > 3
    assert task.metrics(outputs, targets, weights, ()) == {"loss": whole["loss"]}
    for name in whole:
        alone = task.metrics(outputs, targets, weights, {name, "no such metric"})
        assert alone == {"loss": whole["loss"], name: whole[name]}


@pytest.mark.parametrize("kind", TASKS)
def test_outputs_that_are_not_finite_make_them_nan(kind: str) -> None:
    task, outputs, targets = TASKS[kind]
    name = task.reported[-1].name
    found = task.metrics(np.full_like(outputs, np.inf), targets, None, {name})
    assert found.keys() == {"loss", name}
    assert all(np.isnan(value) for value in found.values())


def test_a_task_of_ones_own_gives_all_that_it_reports() -> None:
    class Own(CustomTask):
        def metrics(self, outputs: Any, targets: Any, weights: Any = None) -> dict[str, float]:
            return {"loss": 1.0, "own": 2.0}

    class Narrow(Classification):
        def metrics(self, outputs: Any, targets: Any, weights: Any = None) -> dict[str, float]:  # type: ignore[override]
            return {"loss": 1.0, "own": 2.0}

    given = OUTPUTS[:, :3], TARGETS[:, 0].astype(int), None
    for task in (Own(), Narrow(("s", "m", "l"))):
        found, _ = evaluate_answers(task, *given, mistakes=False, figures=frozenset())
        assert found == {"loss": 1.0, "own": 2.0}
