"""Outputs of submodels: pooled they give the mean of the answers, and the loss is the mean of the losses."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from batchwright.errors import ConfigError
from batchwright.nn import MLP, Features
from batchwright.tasks import Classification, CustomTask, Multilabel, Regression, Several, Task
from batchwright.tasks.uncertainty import deviation
from batchwright.training.state import Model

ROWS, K = 12, 5
RNG = np.random.default_rng(0)
CLASSES = RNG.integers(0, 3, ROWS).astype(np.int32)
VALUES = RNG.normal(size=ROWS).astype(np.float32)


class Plain(CustomTask):
    """A task of a user's own."""

    def losses(self, outputs: Any, targets: Any) -> jax.Array:
        return jnp.abs(outputs[:, 0] - targets)


TASKS: dict[str, tuple[Task, np.ndarray]] = {
    "classes": (Classification(("a", "b", "c")), CLASSES),
    "two classes": (Classification(("a", "b"), "binary_cross_entropy"), CLASSES % 2),
    "weighted, smoothed": (Classification(("a", "b", "c"), label_smoothing=0.1), CLASSES),
    "labels": (Multilabel(("a", "b")), np.stack([CLASSES % 2, CLASSES // 2], axis=1).astype(np.float32)),
    "values": (Regression(mean=(5.0,), std=(2.0,)), VALUES),
    "two values": (Regression(targets=2, mean=(5.0, 1.0), std=(2.0, 3.0)), np.stack([VALUES, -VALUES], axis=1)),
    "counts": (Regression("poisson", mean=(4.0,), std=(2.0,)), np.abs(VALUES)),
    "quantiles": (Regression("quantile", mean=(5.0,), std=(2.0,)), VALUES),
    "several": (
        Several(("c", "v"), (Classification(("a", "b", "c")), Regression())),
        np.stack([CLASSES, VALUES], axis=1).astype(np.float32),
    ),
    "own": (Plain(), VALUES),
}
every = pytest.mark.parametrize(("task", "targets"), TASKS.values(), ids=TASKS)


def outputs_for(task: Task) -> np.ndarray:
    return (2 * np.random.default_rng(1).normal(size=(ROWS, K, task.outputs))).astype(np.float32)


def answers(task: Task, outputs: np.ndarray) -> np.ndarray:
    """What a person is told, as numbers: probabilities, values in their own unit, and quantiles."""
    match task:
        case Classification() | Multilabel():
            return np.asarray(task.probabilities(outputs))
        case Several():
            heads = zip(task.heads, task.by_head(outputs), strict=True)
            return np.concatenate([answers(head, own).reshape(len(outputs), -1) for head, own in heads], axis=1)
        case Regression() if task.levels:
            return np.asarray(task.decode_quantiles(outputs))
    return np.asarray(task.decode(outputs))


@every
def test_the_pooled_answer_is_the_mean_answer(task: Task, targets: np.ndarray) -> None:
    outputs = outputs_for(task)
    expected = np.mean([answers(task, outputs[:, i].astype(np.float64)) for i in range(K)], axis=0)
    pooled = np.asarray(task.pool(jnp.asarray(outputs)))
    assert pooled.shape == (ROWS, task.outputs)
    np.testing.assert_allclose(answers(task, pooled), expected, rtol=1e-5, atol=1e-6)


@every
def test_the_loss_is_the_mean_of_the_losses(task: Task, targets: np.ndarray) -> None:
    model = Model(MLP((2,)).build(Features(numeric=1), task.outputs), task)
    outputs = outputs_for(task)
    each = [np.asarray(task.losses(jnp.asarray(outputs[:, i]), jnp.asarray(targets))) for i in range(K)]
    found = model.losses(jnp.asarray(outputs), jnp.asarray(targets))
    np.testing.assert_allclose(found, np.mean(each, axis=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [100.0, 1e4])
@pytest.mark.parametrize("name", ["classes", "two classes", "labels", "counts", "quantiles"])
def test_large_outputs_stay_finite(name: str, size: float) -> None:
    task, _ = TASKS[name]
    signs = np.where(np.arange(K)[None, :, None] % 2, size, -size)
    spread = np.broadcast_to(signs * np.linspace(1, 0.5, task.outputs), (ROWS, K, task.outputs))
    for outputs in (spread, np.full(spread.shape, -size), np.full(spread.shape, size)):
        assert np.isfinite(task.pool(jnp.asarray(outputs, jnp.float32))).all()


def test_the_deviation_is_of_values_and_of_the_probability_of_the_answered_class() -> None:
    task, _ = TASKS["values"]
    outputs = outputs_for(task)
    found = deviation(task, task.decode(outputs.mean(axis=1)), outputs)
    np.testing.assert_allclose(found, 2.0 * outputs[:, :, 0].std(axis=1), rtol=1e-5)
    for name in ("classes", "two classes"):
        task, _ = TASKS[name]
        assert isinstance(task, Classification)
        outputs = outputs_for(task)
        each = np.stack([task.probabilities(outputs[:, i]) for i in range(K)])
        said = task.decode(np.asarray(task.pool(jnp.asarray(outputs))))
        places = [task.classes.index(one) for one in said.tolist()]
        expected = each[:, np.arange(ROWS), places].std(axis=0)
        np.testing.assert_allclose(deviation(task, said, outputs), expected, rtol=1e-6)


def test_the_deviation_of_a_task_of_ones_own_needs_one_number_for_each_row() -> None:
    class Two(Plain):
        outputs = 2

    outputs = outputs_for(Plain())
    found = deviation(Plain(), Plain().decode(outputs.mean(axis=1)), outputs)
    np.testing.assert_allclose(found, outputs[:, :, 0].std(axis=1), rtol=1e-5)
    with pytest.raises(ConfigError, match="one number for each row, and Two does not"):
        deviation(Two(), np.zeros((ROWS, 2)), outputs_for(Two()))
