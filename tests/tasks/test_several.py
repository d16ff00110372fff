"""Several targets: the loss is the mean of what each head has alone, and the metrics of each are its own."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from batchwright.tasks import Classification, Metric, Regression, Several, from_json
from batchwright.tasks.metrics import METRICS, MORE_CLASS_METRICS

RNG = np.random.default_rng(0)
SIZE, PRICE, COLOUR = (
    Classification(("s", "m", "l"), label_smoothing=0.1),
    Regression("huber", delta=0.7, mean=(10.0,), std=(3.0,)),
    Classification(("red", "blue"), "binary_cross_entropy"),
)
MIXED = Several(("size", "price", "colour"), (SIZE, PRICE, COLOUR))
OUTPUTS = RNG.normal(size=(50, 5)).astype(np.float32)
TARGETS = np.stack([RNG.integers(0, 3, 50), RNG.normal(size=50), RNG.integers(0, 2, 50)], axis=1).astype(np.float32)
WEIGHTS = RNG.uniform(0, 2, 50) * (RNG.random(50) < 0.7)
PARTS: list[tuple[Any, np.ndarray, np.ndarray]] = [
    (SIZE, OUTPUTS[:, :3], TARGETS[:, 0].astype(np.int32)),
    (PRICE, OUTPUTS[:, 3:4], TARGETS[:, 1]),
    (COLOUR, OUTPUTS[:, 4:], TARGETS[:, 2].astype(np.int32)),
]


def test_the_loss_is_the_mean_over_the_heads() -> None:
    assert MIXED.outputs == 5
    expected = np.mean([jax.jit(task.losses)(outputs, targets) for task, outputs, targets in PARTS], axis=0)
    np.testing.assert_allclose(jax.jit(MIXED.losses)(OUTPUTS, TARGETS), expected, rtol=1e-6)
    gradient = jax.jit(jax.grad(lambda z: jnp.sum(MIXED.losses(z, TARGETS))))(OUTPUTS)
    parts = [jax.jit(jax.grad(lambda z, t=t, y=y: jnp.sum(t.losses(z, y))))(o) for t, o, y in PARTS]
    np.testing.assert_allclose(gradient, np.concatenate(parts, axis=1) / 3, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_metrics_of_each_are_those_of_its_head(weights: np.ndarray | None) -> None:
    found = MIXED.metrics(OUTPUTS, TARGETS, weights)
    alone = [task.metrics(outputs, targets, weights) for task, outputs, targets in PARTS]
    assert found["loss"] == pytest.approx(np.mean([metrics["loss"] for metrics in alone]), rel=1e-12)
    for name, metrics in zip(MIXED.names, alone, strict=True):
        for metric, value in metrics.items():
            if metric != "loss":
                assert found[f"{metric}[{name}]"] == value
    assert set(found) == {metric.name for metric in MIXED.reported}
    assert MIXED.headline == "loss"


def test_of_classes_alone_there_are_means_and_rows_that_are_wholly_right() -> None:
    task, outputs = Several(("size", "colour"), (SIZE, COLOUR)), OUTPUTS[:, [0, 1, 2, 4]]
    codes = TARGETS[:, [0, 2]].astype(np.int32)
    found = task.metrics(outputs, codes, WEIGHTS)
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "roc_auc", "log_loss", "calibration_error"):
        assert found[name] == pytest.approx((found[f"{name}[size]"] + found[f"{name}[colour]"]) / 2), name
    right = (outputs[:, :3].argmax(axis=1) == codes[:, 0]) & ((outputs[:, 3] > 0) == (codes[:, 1] == 1))
    assert found["exact_match"] == pytest.approx(np.average(right, weights=WEIGHTS))
    assert task.headline == "accuracy"
    assert task.decode(outputs)[0].tolist() == [
        ("s", "m", "l")[outputs[0, :3].argmax()],
        "blue" if outputs[0, 3] > 0 else "red",
    ]


def test_of_many_targets_the_means_alone_are_reported() -> None:
    heads = tuple(Classification(("no", "yes")) for _ in range(21))
    names = {metric.name for metric in Several(tuple(map(str, range(21))), heads).reported}
    assert "accuracy" in names
    assert not any("[" in name for name in names)
    wide = Regression(targets=21, mean=(0.0,) * 21, std=(1.0,) * 21, names=tuple(map(str, range(21))))
    assert not any("[" in metric.name for metric in wide.reported)


def test_several_numbers_have_the_metrics_of_each() -> None:
    task = Regression(targets=2, mean=(10.0, -5.0), std=(3.0, 0.1), names=("a", "b"))
    outputs, targets = RNG.normal(size=(2, 40, 2)).astype(np.float32)
    found = task.metrics(outputs, targets)
    for place, name in enumerate(("a", "b")):
        alone = Regression(mean=task.mean[place : place + 1], std=task.std[place : place + 1])
        for metric, value in alone.metrics(outputs[:, place : place + 1], targets[:, place]).items():
            if metric != "loss":
                assert found[f"{metric}[{name}]"] == pytest.approx(value, rel=1e-12)
    for metric in ("rmse", "mae", "r2"):
        assert found[metric] == pytest.approx((found[f"{metric}[a]"] + found[f"{metric}[b]"]) / 2)
    said = task.remarks(-targets, targets)
    assert [remark[:5] for remark in said] == ["R²[a]", "R²[b]"]


def test_a_loss_and_metrics_of_ones_own() -> None:
    def loss(outputs: Any, targets: Any) -> Any:
        return jnp.sum((outputs[:, :3] - targets) ** 2, axis=1)

    both = Metric("both", True, lambda answers: float(np.sum(answers.targets["size"].right)))
    task = Several(MIXED.names, MIXED.heads, loss, (both,))
    np.testing.assert_allclose(task.losses(OUTPUTS, TARGETS), ((OUTPUTS[:, :3] - TARGETS) ** 2).sum(axis=1), rtol=1e-5)
    found = task.metrics(OUTPUTS, TARGETS)
    assert found["loss"] == pytest.approx(((OUTPUTS[:, :3] - TARGETS) ** 2).sum(axis=1).mean(), rel=1e-5)
    assert found["both"] == (OUTPUTS[:, :3].argmax(axis=1) == TARGETS[:, 0]).sum()
    again = from_json(task.to_json())
    assert "loss" not in again.metrics(OUTPUTS, TARGETS), "its code is not in the plain form"
    assert any("does not hold the code of its loss" in remark for remark in again.remarks(OUTPUTS, TARGETS))


def test_plain_form_and_back() -> None:
    head = Classification(("no", "yes"), extra=MORE_CLASS_METRICS[:1])
    task = Several(("a", "b"), (head, Regression(mean=(2.0,), std=(3.0,))))
    assert from_json(task.to_json()) == task
    assert MORE_CLASS_METRICS[0] is METRICS["average_precision"]


def test_outputs_that_are_not_finite_make_every_metric_so() -> None:
    broken = OUTPUTS.copy()
    broken[3, 4] = np.nan
    found = MIXED.metrics(broken, TARGETS)
    assert set(found) == {metric.name for metric in MIXED.reported}
    assert np.isnan(list(found.values())).all()
