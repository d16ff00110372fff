"""What outputs mean is said in a graph: onnxruntime answers as `predictions_of` does."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from tests.export.reading import compare

from batchwright._component import component
from batchwright.data.encode.power import Power
from batchwright.errors import UsageError
from batchwright.export.building import Builder
from batchwright.export.graph import Value
from batchwright.export.heads import HEADS, Asked, answers
from batchwright.export.onnx_file import to_onnx
from batchwright.export.onnx_format import OnnxModel
from batchwright.runs.predictions import predictions_of
from batchwright.tasks import TASKS, Classification, CustomTask, Multilabel, Regression, Several, Task
from batchwright.tasks.smearing import curves_of

pytest.importorskip("onnxruntime")

CURVES = curves_of(
    [Power(0.0, 2.0, False, 0.5, 1.5), Power(0.35, 3.0, False, -0.2, 0.9), Power(0.4, 1.5, True, 0.1, 1.1)]
)
UNITS: dict[str, Any] = {"mean": (30.0,), "std": (12.0,)}


def transformed(place: int, **more: Any) -> Regression:
    return Regression(transforms=(CURVES[place],), **UNITS, **more)


@component
class Angle(CustomTask):
    outputs = 2

    def losses(self, outputs: Any, targets: Any) -> Any:
        return jnp.zeros(len(targets))


@component
class Decoded(Angle):
    def decode(self, outputs: Any) -> np.ndarray:
        return np.asarray(outputs)[:, 0] > 0


TRIED: dict[str, tuple[Task, tuple[float, ...] | None]] = {
    "classes": (Classification(("a", "b", "c")), None),
    "sets of classes": (Classification(("a|b", "c;d", "e"), temperature=1.7), (1.2,)),
    "two classes": (Classification(("no", "yes"), threshold=0.3), (0.9,)),
    "one output": (Classification(("no", "yes"), loss="binary_cross_entropy", temperature=0.6, threshold=0.7), (0.4,)),
    "labels": (Multilabel(("red", "round", "old"), separator="; ", threshold=0.4, temperature=1.3), (0.8,)),
    "a value": (Regression(**UNITS), (0.4,)),
    "a limited value": (Regression(**UNITS, lowest=(20.0,), highest=(45.0,)), (0.4,)),
    "counts": (Regression("poisson", **UNITS), (0.7,)),
    "limited counts": (Regression("poisson", **UNITS, lowest=(10.0,), highest=(60.0,)), (0.7,)),
    "a logarithm": (transformed(0), (0.5,)),
    "a smeared logarithm": (transformed(0, residuals=((-0.5, 0.1, 0.4),)), (0.5,)),
    "a limited power": (transformed(1, residuals=((-0.5, 0.4),), lowest=(0.5,), highest=(60.0,)), (0.5,)),
    "a signed power": (transformed(2, residuals=((-0.5, 0.4),), lowest=(-20.0,), highest=(60.0,)), (0.5,)),
    "quantiles": (Regression("quantile", quantiles=(0.05, 0.4, 0.9), **UNITS), (-0.9,)),
    "quantiles of a logarithm": (transformed(0, loss="quantile", lowest=(1.0,), highest=(40.0,)), (0.3,)),
    "several values": (
        Regression(targets=2, mean=(1.0, -5.0), std=(2.0, 0.1), names=("x", "y"), loss="quantile"),
        (0.1, 0.3),
    ),
    "several": (
        Several(("kind", "price"), (Classification(("a", "b")), transformed(0, residuals=((-0.1, 0.1),)))),
        (0.8, 0.2),
    ),
    "a task of one's own": (Angle(), None),
}


def test_every_task_has_a_head() -> None:
    assert HEADS.keys() == set(TASKS)
    assert HEADS.keys() <= {type(task) for task, _ in TRIED.values()}


@pytest.mark.parametrize("name", TRIED)
@pytest.mark.parametrize("with_cutoffs", [False, True])
def test_it_answers_as_the_task_does(name: str, with_cutoffs: bool) -> None:
    task, cutoffs = TRIED[name]
    outputs = np.random.default_rng(0).normal(size=(101, task.outputs)).astype(np.float32) * 3
    cutoffs = cutoffs if with_cutoffs else None
    model = head_of(task, cutoffs)
    wanted = predictions_of(task, "y", outputs, cutoffs=cutoffs).frame()
    for rows in (101, 1):
        found = dict(model.answers({"outputs": outputs[:rows]}))
        if isinstance(task, CustomTask):
            np.testing.assert_allclose(found.pop("predicted_y"), outputs[:rows])
        else:
            assert compare(found, wanted[:rows]) < 1e-12


def head_of(task: Task, cutoffs: tuple[float, ...] | None) -> OnnxModel:
    given = Value("outputs", "float32", (None, task.outputs))
    builder = Builder([given])
    return OnnxModel(
        to_onnx(builder.graph(builder.outputs(answers(builder, task, given, Asked("y", cutoffs=cutoffs)))))
    )


def test_answers_stay_finite_where_outputs_are_extreme() -> None:
    extreme = np.array([[-3e38], [-1e5], [-1e-30], [0.0], [1e5], [3e38]], np.float32)
    for name in ("a limited power", "a smeared logarithm", "a signed power", "limited counts", "a limited value"):
        task, cutoffs = TRIED[name]
        wanted = predictions_of(task, "y", extreme, cutoffs=cutoffs).frame()
        found = head_of(task, cutoffs).answers({"outputs": extreme})
        for column in wanted.columns:
            np.testing.assert_allclose(found[column], wanted[column].to_numpy(), rtol=1e-9, err_msg=f"{name} {column}")


def test_a_task_with_answers_of_its_own_is_refused() -> None:
    with pytest.raises(UsageError, match="Decoded, are made by its own `decode`"):
        head_of(Decoded(), None)
