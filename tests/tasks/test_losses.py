"""Poisson, quantile and focal loss, and losses of one's own, against the formulas and other libraries' solutions."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.metrics import balanced_accuracy_score, f1_score, mean_pinball_loss, mean_poisson_deviance

from batchwright.errors import ConfigError, RunError
from batchwright.tasks import Classification, CustomTask, Metric, NotHere, Regression, check_losses, from_json
from batchwright.tasks.threshold import best_threshold

THREE = ("ash", "birch", "cedar")


def same_in_64_bits(task: Any, outputs: np.ndarray, targets: np.ndarray) -> None:
    """The mean of the losses of the step is the loss that is reported."""
    losses = np.asarray(task.losses(jnp.asarray(outputs), jnp.asarray(targets)), np.float64)
    assert task.metrics(outputs, targets)["loss"] == pytest.approx(losses.mean(), rel=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_loss(gamma: float) -> None:
    rng = np.random.default_rng(0)
    outputs, targets = rng.normal(0, 3, (40, 3)).astype(np.float32), rng.integers(0, 3, 40).astype(np.int32)
    task = Classification(THREE, "focal", gamma=gamma)
    own = log_softmax(outputs.astype(np.float64), axis=1)[np.arange(40), targets]
    np.testing.assert_allclose(task.losses(outputs, targets), -((1 - np.exp(own)) ** gamma) * own, rtol=1e-5, atol=1e-7)
    same_in_64_bits(task, outputs, targets)


def test_focal_loss_has_a_gradient_where_an_answer_is_certain() -> None:
    task = Classification(("no", "yes"), "focal", gamma=0.5)
    outputs, targets = jnp.array([[0.0, 200.0], [200.0, 0.0]]), jnp.array([1, 1])
    gradient = jax.grad(lambda z: jnp.sum(task.losses(z, targets)))(outputs)
    assert np.isfinite(gradient).all()
    np.testing.assert_allclose(gradient[1], [1.0, -1.0], rtol=1e-5)


def test_poisson_loss_is_half_the_deviance_by_the_mean() -> None:
    rng = np.random.default_rng(0)
    counts, outputs = rng.poisson(3.0, 50).astype(float), rng.normal(0, 1, (50, 1)).astype(np.float32)
    mean, std = counts.mean(), counts.std()
    task, targets = Regression("poisson", mean=(mean,), std=(std,)), ((counts - mean) / std).astype(np.float32)
    answers = mean * np.exp(np.float64(outputs[:, 0]))
    np.testing.assert_allclose(task.decode(outputs), answers, rtol=1e-6)
    expected = mean_poisson_deviance(counts, answers) / (2 * mean)
    assert np.mean(task.losses(outputs, targets)) == pytest.approx(expected, rel=1e-4)
    same_in_64_bits(task, outputs, targets)
    assert task.metrics(outputs, targets)["mae"] == pytest.approx(np.abs(counts - answers).mean(), rel=1e-6)


def test_quantiles_rise_and_their_loss_is_the_pinball_loss() -> None:
    rng = np.random.default_rng(0)
    outputs, values = rng.normal(0, 4, (60, 3)).astype(np.float32), rng.normal(7, 2, 60)
    task = Regression("quantile", quantiles=(0.05, 0.4, 0.9), mean=(7.0,), std=(2.0,))
    targets = ((values - 7) / 2).astype(np.float32)
    quantiles = task.decode_quantiles(outputs)
    assert quantiles is not None and (np.diff(quantiles[:, 0], axis=1) >= 0).all()
    each = [mean_pinball_loss(values, quantiles[:, 0, k], alpha=level) for k, level in enumerate(task.levels)]
    assert np.mean(task.losses(outputs, targets)) == pytest.approx(np.mean(each) / 2, rel=1e-5)
    np.testing.assert_allclose(task.decode(outputs), quantiles[:, 0, 1])
    same_in_64_bits(task, outputs, targets)


def test_the_best_quantiles_without_inputs_are_those_of_the_targets() -> None:
    values = np.random.default_rng(0).exponential(size=400).astype(np.float32)
    task = Regression("quantile", quantiles=(0.1, 0.5, 0.9))
    outputs, slope = jnp.zeros(3), jax.jit(jax.grad(lambda z: task.losses(jnp.tile(z, (400, 1)), values).mean()))
    for step in range(3000):
        outputs = outputs - 0.5 / (1 + step / 100) * slope(outputs)
    found = task.decode_quantiles(np.asarray(outputs)[None])
    assert found is not None
    np.testing.assert_allclose(found[0, 0], np.quantile(values, task.levels), atol=0.05)


@pytest.mark.parametrize("levels", [(), (0.5, 0.1), (0.5, 0.5)])
def test_levels_have_to_rise(levels: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="that rise"):
        _ = Regression("quantile", quantiles=levels).outputs


def test_a_loss_of_ones_own_is_minimised_reported_and_only_named_in_a_record() -> None:
    rng = np.random.default_rng(0)
    outputs, targets = rng.normal(size=(30, 3)).astype(np.float32), rng.integers(0, 3, 30).astype(np.int32)

    def brier(outputs: jax.Array, targets: jax.Array) -> jax.Array:
        return jnp.sum((jax.nn.softmax(outputs) - jax.nn.one_hot(targets, 3)) ** 2, axis=1)

    task = Classification(THREE, brier)
    check_losses(brier, 3, targets)
    same_in_64_bits(task, outputs, targets)
    plain = task.to_json()
    assert plain["loss"] == {"custom": f"{brier.__qualname__}"}
    again = from_json(plain)
    assert isinstance(again.loss, NotHere) and again.decode(outputs).tolist() == task.decode(outputs).tolist()
    assert "loss" not in again.metrics(outputs, targets)
    assert "does not hold the code of its loss" in again.remarks(outputs, targets)[0]
    with pytest.raises(RunError, match=r"give it again, as loss="):
        again.losses(outputs, targets)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda z, y: jnp.mean((z[:, 0] - y) ** 2), r"gives float32 of shape \[\].*one loss per row"),
        (lambda z, y: (z - y[None, :]) ** 2, r"gives float32 of shape \[4, 4\]"),
        (lambda z, y: jnp.full(4, jnp.mean((z[:, 0] - y) ** 2))[: len(y)], "when other rows are beside it"),
        (lambda z, y: undefined(z, y), "the loss fails on outputs of shape .*NameError"),  # noqa: F821
        (lambda z, y: [0.0] * len(y + z[:, 0]), r"gives \[0.0, 0.0, 0.0, 0.0\] for"),
    ],
)
def test_a_loss_that_is_none_is_refused(loss: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_losses(loss, 1, np.array([0.3, -1.0, 2.0, 0.5, 7.0], np.float32))


class Angle(CustomTask):
    outputs = 2
    reported = (Metric("worst", False, lambda answers: np.abs(answers.predicted[:, 0] - answers.true).max()),)

    def losses(self, outputs: Any, targets: Any) -> jax.Array:
        return 1 - jnp.cos(outputs[:, 0] - targets) + outputs[:, 1] ** 2


def test_a_task_of_ones_own() -> None:
    outputs, targets = np.array([[1.0, 2.0], [0.0, 1.0]], np.float32), np.array([1.0, np.pi], np.float32)
    found = Angle().metrics(outputs, targets, np.array([1.0, 3.0]))
    assert found == pytest.approx({"loss": (4 + 3 * 3) / 4, "worst": np.pi}, rel=1e-6)
    assert Angle().decode(outputs).tolist() == outputs.tolist()
    assert np.isnan(list(Angle().metrics(np.full((2, 2), np.inf, np.float32), targets).values())).all()


@pytest.mark.parametrize("aim", ["f1", "balanced_accuracy"])
def test_no_threshold_is_better_than_the_best(aim: Any) -> None:
    rng = np.random.default_rng(0)
    for case in range(6):
        true = rng.integers(0, 2, 25)
        p = np.clip(np.round(0.3 * true + rng.uniform(0, 0.7, 25), 1 + case % 2), 0, 1)
        weights = rng.uniform(0.2, 3.0, 25)
        score = {"f1": f1_score, "balanced_accuracy": balanced_accuracy_score}[aim]
        found = best_threshold(p, true, weights, aim=aim)
        assert 0 < found < 1
        every = [score(true, p >= at, sample_weight=weights) for at in (*np.unique(p), 0.001, 0.999)]
        assert score(true, p >= found, sample_weight=weights) == pytest.approx(max(every))


def test_the_threshold_decides_what_is_answered() -> None:
    outputs = np.log(np.array([[0.7, 0.3], [0.9, 0.1]], np.float32))
    low = Classification(("no", "yes"), threshold=0.25)
    assert low.decode(outputs).tolist() == ["yes", "no"]
    found = low.metrics(outputs, np.array([1, 0], np.int32))
    assert found["accuracy"] == 1.0
    assert Classification(("no", "yes")).metrics(outputs, np.array([1, 0], np.int32))["accuracy"] == 0.5
    again = from_json(low.to_json())
    assert isinstance(again, Classification) and again.threshold == 0.25
