"""Sets of labels: the loss against its formula in float64, metrics against scikit-learn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as sk

from batchwright.tasks import Multilabel, from_json

RNG = np.random.default_rng(0)
CLASSES = ("a", "b", "c", "d")
OUTPUTS = (3 * RNG.normal(size=(200, 4))).astype(np.float32)
TARGETS = (RNG.random((200, 4)) < [0.5, 0.2, 0.7, 0.05]).astype(np.float32)
WEIGHTS = RNG.uniform(0, 2, 200) * (RNG.random(200) < 0.8)


def formula(outputs: np.ndarray, targets: np.ndarray, smoothing: float) -> np.ndarray:
    """Keras's and PyTorch's binary cross-entropy in float64, from the probabilities."""
    p = 1 / (1 + np.exp(-outputs.astype(np.float64)))
    q = (1 - smoothing) * targets.astype(np.float64) + smoothing / 2
    return -(q * np.log(p) + (1 - q) * np.log(1 - p)).mean(axis=1)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_loss_and_gradient_follow_the_formula(smoothing: float) -> None:
    task = Multilabel(CLASSES, label_smoothing=smoothing)
    expected = formula(OUTPUTS, TARGETS, smoothing)
    np.testing.assert_allclose(task.losses(OUTPUTS, TARGETS), expected, rtol=1e-5)
    assert task.metrics(OUTPUTS, TARGETS)["loss"] == pytest.approx(expected.mean(), rel=1e-9)
    gradient = jax.grad(lambda z: jnp.sum(task.losses(z, TARGETS)))(jnp.asarray(OUTPUTS))
    q = (1 - smoothing) * TARGETS + smoothing / 2
    np.testing.assert_allclose(gradient, (1 / (1 + np.exp(-OUTPUTS.astype(float))) - q) / 4, atol=1e-6)


def test_large_outputs_have_finite_losses() -> None:
    losses = Multilabel(("a", "b")).losses(np.array([[1e5, -1e5]], np.float32), np.array([[0, 1]], np.float32))
    assert losses.tolist() == [1e5]


@pytest.mark.parametrize("threshold", [0.5, 0.2])
def test_metrics_are_those_of_scikit_learn(threshold: float) -> None:
    task = Multilabel(CLASSES, threshold=threshold)
    found = task.metrics(OUTPUTS, TARGETS, WEIGHTS)
    p, true, used = 1 / (1 + np.exp(-OUTPUTS.astype(float))), TARGETS.astype(int), WEIGHTS
    given = (p >= threshold).astype(int)
    assert found["micro_f1"] == pytest.approx(sk.f1_score(true, given, average="micro", sample_weight=used))
    assert found["macro_f1"] == pytest.approx(sk.f1_score(true, given, average="macro", sample_weight=used))
    assert found["exact_match"] == pytest.approx(sk.accuracy_score(true, given, sample_weight=used))
    assert found["hamming_loss"] == pytest.approx(sk.hamming_loss(true, given, sample_weight=used))
    assert found["roc_auc"] == pytest.approx(sk.roc_auc_score(true, p, average="macro", sample_weight=used))
    assert found["log_loss"] == pytest.approx(np.average(formula(OUTPUTS, TARGETS, 0.0), weights=used))
    kept = used > 0
    some = task.metrics(OUTPUTS[kept], TARGETS[kept], used[kept])
    assert some == found


def test_average_precision_is_that_of_scikit_learn() -> None:
    from batchwright.tasks.metrics import MORE_LABEL_METRICS

    found = Multilabel(CLASSES, extra=MORE_LABEL_METRICS).metrics(OUTPUTS, TARGETS, WEIGHTS)
    expected = sk.average_precision_score(TARGETS, OUTPUTS, average="macro", sample_weight=WEIGHTS)
    assert found["average_precision"] == pytest.approx(expected)


def test_what_rows_do_not_determine_is_left_out() -> None:
    found = Multilabel(("a", "b")).metrics(np.full((3, 2), -2, np.float32), np.zeros((3, 2), np.float32))
    assert "roc_auc" not in found
    assert "micro_f1" not in found
    assert found["exact_match"] == 1.0


def test_remarks_name_labels_that_are_never_given_and_answers_worse_than_none() -> None:
    task, targets = Multilabel(("a", "b")), np.array([[1, 0], [0, 1], [0, 0], [0, 0]], np.float32)
    never = task.remarks(np.array([[9, -9], [-9, -9], [-9, -9], [-9, -9]], np.float32), targets)
    assert never == ("no row is given 'b' (25.00% have it)",)
    (worse,) = task.remarks(np.full((4, 2), 9, np.float32), targets)
    assert worse == "hamming_loss is 0.7500, and to give no row a label would have 0.2500: worse than no model"


def test_answers_probabilities_and_plain_form() -> None:
    task = Multilabel(("a", "b"), threshold=0.3, separator=", ", label_smoothing=0.1)
    outputs = np.array([[0.0, -0.8], [-5.0, -5.0], [-1.0, 3.0]], np.float32)
    assert task.decode(outputs).tolist() == ["a, b", "", "b"]
    np.testing.assert_allclose(task.probabilities(outputs), 1 / (1 + np.exp(-outputs.astype(float))), rtol=1e-12)
    assert from_json(task.to_json()) == task


def test_another_number_compiles_nothing() -> None:
    traced = []

    @jax.jit
    def loss(task: Multilabel) -> jax.Array:
        traced.append(1)
        return jnp.sum(task.losses(OUTPUTS, TARGETS))

    loss(Multilabel(CLASSES, label_smoothing=0.1))
    loss(Multilabel(CLASSES, label_smoothing=0.3))
    assert len(traced) == 1
