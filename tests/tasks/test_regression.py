"""Errors and their gradients against the formulas one by one; units."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import r2_score, root_mean_squared_error
from tests.reference import metrics as reference

from batchwright.data.encode.power import Power
from batchwright.tasks import Regression, from_json, metrics
from batchwright.tasks.smearing import curves_of

LOSSES = ("mean_squared_error", "mean_absolute_error", "huber")
ERRORS = np.array([0.0, 0.3, -0.3, 0.5, -0.5, 0.7, -2.0, 1e4, -1e4], np.float32)  # 0.5 is on the edge for delta 0.5


@pytest.mark.parametrize("delta", [0.5, 1.5])
@pytest.mark.parametrize("loss", LOSSES)
def test_losses_and_their_gradients(loss: Any, delta: float) -> None:
    task = Regression(loss=loss, delta=delta)
    outputs, targets = jnp.asarray(ERRORS[:, None]) + 2.0, jnp.full(len(ERRORS), 2.0)
    errors = [float(error) for error in (outputs[:, 0] - targets)]
    losses = task.losses(outputs, targets)
    assert losses.dtype == jnp.float32
    np.testing.assert_allclose(losses, [reference.error_loss(loss, error, delta) for error in errors], rtol=1e-6)
    gradient = jax.jit(jax.grad(lambda z: jnp.sum(task.losses(z, targets))))(outputs)[:, 0]
    np.testing.assert_allclose(gradient, [reference.error_gradient(loss, error, delta) for error in errors], rtol=1e-6)


def test_answers_worse_than_the_mean_are_told() -> None:
    targets = np.array([0.0, 1.0, 2.0], np.float32)
    good, bad = (
        Regression().remarks(np.array(outputs, np.float32)[:, None], targets) for outputs in ([0, 1, 2], [2, 1, 0])
    )
    assert good == ()
    assert bad == ("R² is -3, below 0: always predicting the mean of these rows would err less",)


@pytest.mark.parametrize("std", [1e300, 1e-300, 3.0])
def test_metrics_near_the_ends_of_the_numbers_are_those_of_one_in_another_unit(std: float) -> None:
    generator = np.random.default_rng(0)
    outputs, targets = generator.normal(size=(2, 20, 1)).astype(np.float32)
    plain, ends = (Regression(std=(unit,)).metrics(outputs, targets[:, 0]) for unit in (1.0, std))
    for name, unit in (("rmse", std), ("mae", std), ("r2", 1.0), ("loss", 1.0)):
        assert ends[name] == pytest.approx(plain[name] * unit, rel=1e-12), name


@pytest.mark.parametrize("loss", LOSSES)
def test_a_row_is_the_mean_over_its_targets(loss: Any) -> None:
    rng = np.random.default_rng(0)
    outputs, targets = rng.normal(size=(2, 6, 3)).astype(np.float32)
    task = Regression(loss=loss, delta=0.4, targets=3)
    expected = [[reference.error_loss(loss, error, 0.4) for error in row] for row in (outputs - targets).astype(float)]
    np.testing.assert_allclose(task.losses(outputs, targets), np.mean(expected, axis=1), rtol=1e-5)
    assert task.metrics(outputs, targets)["loss"] == pytest.approx(np.mean(expected), rel=1e-5)
    assert task.row_weights(targets) is None


def test_metrics_are_in_the_unit_of_the_target() -> None:
    rng = np.random.default_rng(1)
    outputs = rng.normal(size=(30, 2)).astype(np.float32)
    targets = rng.normal(size=(30, 2)).astype(np.float32)
    weights = rng.uniform(0, 2, 30)
    mean, std = (20.0, -3.0), (10.0, 0.5)
    values, predictions = (np.float64(each) * std + mean for each in (targets, outputs))
    found = Regression(targets=2, mean=mean, std=std).metrics(outputs, targets, weights)
    assert tuple(found) == ("loss", *(metric.name for metric in metrics.VALUE_METRICS))
    squared = (np.float64(outputs) - targets) ** 2
    assert found["loss"] == pytest.approx(np.average(squared.mean(axis=1), weights=weights))
    assert found["rmse"] == pytest.approx(root_mean_squared_error(values, predictions, sample_weight=weights))
    assert found["r2"] == pytest.approx(r2_score(values, predictions, sample_weight=weights))


def test_one_target_comes_without_an_axis() -> None:
    outputs, targets = np.array([[1.0], [2.0]], np.float32), np.array([1.0, 3.0], np.float32)
    task = Regression(mean=(5.0,), std=(2.0,))
    assert task.decode(jnp.asarray(outputs)).tolist() == [7.0, 9.0]
    assert task.metrics(outputs, targets)["mae"] == 1.0
    assert Regression(targets=2).decode(np.ones((3, 2), np.float32)).shape == (3, 2)


def test_rows_of_weight_zero_and_outputs_that_are_not_finite() -> None:
    outputs, targets = np.array([[1.0], [np.inf]], np.float32), np.array([1.5, 3.0], np.float32)
    assert Regression().metrics(outputs, targets, np.array([1.0, 0.0])) == {"loss": 0.25, "rmse": 0.5, "mae": 0.5}
    assert np.isnan(list(Regression().metrics(outputs, targets).values())).all()


def test_a_new_delta_compiles_nothing() -> None:
    outputs, targets = jnp.asarray(ERRORS[:, None]), jnp.zeros(len(ERRORS))
    traced = 0

    @jax.jit
    def total(task: Regression) -> jax.Array:
        nonlocal traced
        traced += 1
        return jnp.sum(task.losses(outputs, targets))

    assert total(Regression(loss="huber", delta=0.5)) < total(Regression(loss="huber", delta=1.0, mean=(3.0,)))
    assert traced == 1


def test_a_new_transform_compiles_nothing() -> None:
    outputs, targets = jnp.asarray(ERRORS[:, None]), jnp.zeros(len(ERRORS))
    traced = 0

    @jax.jit
    def total(task: Regression) -> jax.Array:
        nonlocal traced
        traced += 1
        return jnp.sum(task.losses(outputs, targets))

    for center in (0.5, 0.7):
        total(Regression(transforms=curves_of([Power(0.3, 2.0, False, center, 1.0)])))
    assert traced == 1
    task = Regression(transforms=curves_of([Power(0.3, 2.0, False, 0.5, 1.0)]))
    assert from_json(task.to_json()) == task


def test_saved_and_read_again() -> None:
    task = Regression(loss="huber", delta=0.5, targets=2, mean=(1.0, 2.0), std=(3.0, 4.0))
    assert from_json(task.to_json()) == task
