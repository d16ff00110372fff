"""Cross-entropy and its gradients against extended precision; class weights; decoding."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_class_weight
from tests.reference import metrics as reference

from batchwright.errors import ConfigError, DataError
from batchwright.tasks import Classification, class_weights, from_json, metrics

THREE = ("ash", "birch", "cedar")


def batch(classes: int, *, rows: int = 40, scale: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(classes)
    return (scale * rng.normal(size=(rows, classes))).astype(np.float32), rng.integers(0, classes, rows, np.int32)


def gradients(task: Classification, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Of each row's loss by its own outputs, through one compiled program."""
    return np.asarray(jax.jit(jax.grad(lambda z: jnp.sum(task.losses(z, jnp.asarray(targets)))))(jnp.asarray(outputs)))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("classes", [2, 3, 100])
def test_cross_entropy_and_its_gradient(classes: int, scale: float, smoothing: float) -> None:
    outputs, targets = batch(classes, scale=scale)
    task = Classification(tuple(map(str, range(classes))), label_smoothing=smoothing)
    losses = task.losses(jnp.asarray(outputs), jnp.asarray(targets))
    assert losses.dtype == jnp.float32
    np.testing.assert_allclose(
        losses, reference.cross_entropy(outputs, targets, smoothing), rtol=2e-6, atol=2e-6 * scale**0.5
    )
    expected = reference.cross_entropy_gradient(outputs, targets, smoothing)
    np.testing.assert_allclose(gradients(task, outputs, targets), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_binary_cross_entropy_is_that_of_two_logits(scale: float, smoothing: float) -> None:
    outputs, targets = batch(1, scale=scale)
    targets = np.arange(len(targets), dtype=np.int32) % 2
    task = Classification(("no", "yes"), loss="binary_cross_entropy", label_smoothing=smoothing)
    both = reference.with_zero(outputs.astype(np.float64))
    losses = task.losses(jnp.asarray(outputs), jnp.asarray(targets))
    np.testing.assert_allclose(losses, reference.cross_entropy(both, targets, smoothing), rtol=2e-6, atol=1e-6)
    expected = reference.cross_entropy_gradient(both, targets, smoothing)[:, 1:]
    np.testing.assert_allclose(gradients(task, outputs, targets), expected, rtol=1e-4, atol=1e-6)


def test_gradient_by_finite_differences() -> None:
    outputs, targets = batch(4, rows=1)
    slope = gradients(Classification(("a", "b", "c", "d"), label_smoothing=0.2), outputs, targets)[0]
    for index in range(4):
        step = np.zeros((1, 4))
        step[0, index] = 1e-6
        above = reference.cross_entropy(outputs + step, targets, 0.2)
        below = reference.cross_entropy(outputs - step, targets, 0.2)
        assert slope[index] == pytest.approx((above - below)[0] / 2e-6, abs=1e-6)


def test_extreme_logits_stay_exact() -> None:
    outputs = np.array([[1e4, -1e4, 0.0], [1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]], np.float32)
    targets = np.array([0, 1, 2], np.int32)
    task = Classification(THREE)
    np.testing.assert_allclose(
        task.losses(jnp.asarray(outputs), jnp.asarray(targets)), [0.0, 2e4, np.log(3)], rtol=1e-6
    )
    third = 1 / 3
    expected = [[0, 0, 0], [1, -1, 0], [third, third, third - 1]]
    np.testing.assert_allclose(gradients(task, outputs, targets), expected, rtol=1e-6)
    found = task.metrics(outputs, targets)
    assert found["loss"] == pytest.approx((2e4 + np.log(3)) / 3)


def test_a_small_loss_of_large_logits_keeps_its_digits() -> None:
    task = Classification(("no", "yes"))
    loss = task.losses(jnp.array([[1000.0, 1010.0]]), jnp.array([1], jnp.int32))
    assert float(loss[0]) == pytest.approx(np.log1p(np.exp(-10)), rel=2e-3)
    binary = Classification(("no", "yes"), loss="binary_cross_entropy")
    loss = binary.losses(jnp.array([[20.0]]), jnp.array([1], jnp.int32))
    assert float(loss[0]) == pytest.approx(np.exp(-20), rel=1e-5)


def test_a_new_smoothing_compiles_nothing() -> None:
    outputs, targets = map(jnp.asarray, batch(3))
    traced = 0

    @jax.jit
    def mean_loss(task: Classification) -> jax.Array:
        nonlocal traced
        traced += 1
        return jnp.mean(task.losses(outputs, targets))

    values = [float(mean_loss(Classification(THREE, label_smoothing=each))) for each in (0.1, 0.2)]
    assert traced == 1
    assert values[0] != values[1]
    many = jax.tree.map(lambda _: jnp.array([0.1, 0.2]), Classification(THREE, label_smoothing=0.1))
    np.testing.assert_allclose(jax.vmap(mean_loss)(many), values, rtol=1e-6)


@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_reported_loss_is_the_one_that_training_minimises(loss: Any, smoothing: float) -> None:
    rng = np.random.default_rng(0)
    by_class = jnp.array([0.5, 3.0])
    task = Classification(("no", "yes"), loss=loss, label_smoothing=smoothing, class_weights=by_class)
    outputs = rng.normal(size=(30, task.outputs)).astype(np.float32)
    targets, own = rng.integers(0, 2, 30, np.int32), rng.uniform(0, 2, 30).astype(np.float32)
    of_class = task.row_weights(jnp.asarray(targets))
    assert of_class is not None
    weights = own * np.asarray(of_class)
    losses = np.asarray(task.losses(jnp.asarray(outputs), jnp.asarray(targets)))
    found = task.metrics(outputs, targets, own)
    assert found["loss"] == pytest.approx((weights @ losses) / weights.sum(), rel=1e-5)
    assert found["log_loss"] == pytest.approx(log_loss(targets, task.probabilities(outputs), sample_weight=own))
    assert tuple(found) == ("loss", *(metric.name for metric in metrics.CLASS_METRICS))


def test_without_weights_or_smoothing_the_loss_is_the_log_loss() -> None:
    found = Classification(THREE).metrics(*batch(3))
    assert found["loss"] == pytest.approx(found["log_loss"])


def test_rows_of_weight_zero_have_no_influence() -> None:
    outputs, targets = batch(3)
    padded = np.concatenate([outputs, np.full((2, 3), np.nan, np.float32)])
    codes, weights = np.concatenate([targets, [0, 1]]).astype(np.int32), np.array([1.0] * len(targets) + [0.0, 0.0])
    assert Classification(THREE).metrics(padded, codes, weights) == Classification(THREE).metrics(outputs, targets)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_outputs_that_are_not_finite_have_no_metrics(broken: float) -> None:
    outputs, targets = batch(3)
    outputs[0, 0] = broken
    assert np.isnan(list(Classification(THREE).metrics(outputs, targets).values())).all()


@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy"])
def test_probabilities_and_names(loss: Any) -> None:
    task = Classification(("no", "yes"), loss=loss)
    outputs = np.array([[2.0], [-800.0]] if task.outputs == 1 else [[-1.0, 1.0], [400.0, -400.0]], np.float32)
    np.testing.assert_allclose(task.probabilities(outputs), [[1 / (1 + np.e**2), 1 / (1 + np.e**-2)], [1.0, 0.0]])
    assert task.decode(jnp.asarray(outputs)).tolist() == ["yes", "no"]


def test_binary_cross_entropy_needs_two_classes() -> None:
    with pytest.raises(ConfigError, match="2 classes, not 3: use cross_entropy"):
        _ = Classification(THREE, loss="binary_cross_entropy").outputs


def test_balanced_class_weights_agree_with_scikit_learn() -> None:
    targets = np.array([0] * 5 + [1] * 2 + [2], np.int32)
    found = class_weights("balanced", targets, classes=THREE)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=targets)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    rows = Classification(THREE, class_weights=found).row_weights(jnp.asarray(targets))
    totals = np.bincount(targets, rows)
    np.testing.assert_allclose(totals, 8 / 3, rtol=1e-6)


def test_balanced_class_weights_count_weighted_rows_as_scikit_learn_does() -> None:
    targets, rows = np.array([0, 0, 1, 2, 2, 2], np.int32), np.array([1.0, 0.5, 4.0, 1.0, 2.0, 0.25])
    found = class_weights("balanced", targets, rows, classes=THREE)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=targets, sample_weight=rows)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_classes_that_are_never_answered_and_answers_worse_than_none_are_told() -> None:
    targets = np.array([0, 0, 0, 1, 2], np.int32)
    first, second, third = (np.eye(3, dtype=np.float32)[code] * 5 for code in range(3))
    task, weighed = Classification(THREE), Classification(THREE, class_weights=jnp.ones(3))
    assert task.remarks(np.stack([first, first, first, second, third]), targets) == ()
    poor = np.stack([second, first, second, second, second])
    never, worse = task.remarks(poor, targets)
    assert never == f"no row is predicted as {THREE[2]!r} (20.00% of them)"
    assert worse == f"accuracy is 0.4000, and always predicting {THREE[0]!r} would have 0.6000: worse than no model"
    assert weighed.remarks(poor, targets) == (never,)
    assert task.remarks(poor, targets, np.array([1.0, 1.0, 1.0, 1.0, 0.0])) == (
        f"accuracy is 0.5000, and always predicting {THREE[0]!r} would have 0.7500: worse than no model",
    )


def test_one_answer_for_all_rows_is_told_with_what_to_do() -> None:
    targets = np.array([0] * 9 + [1], np.int32)
    same = np.tile(np.array([5.0, 0.0], np.float32), (10, 1))
    _, said = Classification(("no", "yes")).remarks(same, targets)
    assert said.startswith("every row is predicted as 'no', so accuracy 0.9000 is only the share of this class")
    assert "`class_weights=balanced`" in said and "`task.threshold=f1`" in said
    _, weighed = Classification(("no", "yes"), class_weights=jnp.ones(2)).remarks(same, targets)
    assert "class_weights" not in weighed and "`task.threshold=f1`" in weighed
    other = np.tile(np.array([0.0, 5.0], np.float32), (10, 1))
    assert not any("every row" in remark for remark in Classification(("no", "yes")).remarks(other, targets))


def test_class_weights_by_name() -> None:
    found = class_weights({"cedar": 4.0}, np.zeros(1, np.int32), classes=THREE)
    assert found is not None
    assert found.tolist() == [1.0, 1.0, 4.0]
    assert class_weights(None, np.zeros(1, np.int32), classes=THREE) is None
    assert Classification(THREE).row_weights(jnp.zeros(1, jnp.int32)) is None


def test_wrong_class_weights_are_all_named_at_once() -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'birch'.*'ash' must be above zero and finite, but is -1\.0"):
        class_weights({"brich": 2.0, "ash": -1.0}, np.zeros(1, np.int32), classes=THREE)


def test_balanced_class_weights_need_every_class() -> None:
    with pytest.raises(DataError, match="none of birch, cedar"):
        class_weights("balanced", np.zeros(3, np.int32), classes=THREE)


def test_saved_and_read_again() -> None:
    task = Classification(THREE, label_smoothing=0.1, class_weights=jnp.array([1.0, 2.0, 0.5]))
    again = from_json(task.to_json())
    assert isinstance(again, Classification)
    assert again.to_json() == task.to_json()
    assert jax.tree.structure(again) == jax.tree.structure(task)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"name": "clasification"}, "did you mean 'classification'"), ({"los": 1}, "has the fields classes, loss")],
)
def test_what_is_not_a_saved_task(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_json(Classification(THREE).to_json() | change)
