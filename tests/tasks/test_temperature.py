"""The temperature that suits rows: beside scipy's minimum and closed forms, and 1 where probabilities are right."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from batchwright.tasks import Classification, Multilabel, Regression, Several
from batchwright.tasks.temperature import FEWEST, find_temperature
from batchwright.workflow.finishing import UNDETERMINED, calibrate


def drawn(rows: int, classes: int, temperature: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and classes drawn from their probabilities with a temperature."""
    draw = np.random.default_rng(seed)
    logits = draw.normal(0.0, 2.0, (rows, classes))
    noise = draw.gumbel(size=logits.shape)
    return logits, (logits / temperature + noise).argmax(axis=1)


def one(logits: np.ndarray, true: np.ndarray, weights: np.ndarray | None = None):
    return find_temperature(logits[:, None, :], true[:, None], np.ones(len(true)) if weights is None else weights)


@pytest.mark.parametrize(("classes", "temperature"), [(2, 0.5), (3, 1.0), (10, 2.5)])
def test_it_is_the_minimum_that_scipy_finds(classes: int, temperature: float) -> None:
    logits, true = drawn(500, classes, temperature, seed=classes)
    weights = np.random.default_rng(1).uniform(0.1, 3.0, 500)

    def loss(value: float) -> float:
        return -weights @ log_softmax(logits / value, axis=1)[np.arange(500), true]

    found = one(logits, true, weights)
    assert found is not None
    best = minimize_scalar(loss, bounds=(0.1, 10.0), method="bounded", options={"xatol": 1e-9})
    assert found.value == pytest.approx(best.x, rel=1e-5)
    assert found.before == pytest.approx(loss(1.0) / weights.sum())


def test_it_is_found_again_with_many_rows() -> None:
    found = one(*drawn(100_000, 4, 1.7, seed=0))
    assert found is not None
    assert found.value == pytest.approx(1.7, rel=0.02)
    assert found.is_sure


def test_two_classes_with_one_confidence_have_a_closed_form() -> None:
    """Sure with σ(2) and right in 3 of 4 rows: σ(2/T) = 3/4."""
    logits = np.tile([2.0, 0.0], (400, 1))
    found = one(logits, (np.arange(400) % 4 == 1).astype(np.int64))
    assert found is not None
    assert found.value == pytest.approx(2 / np.log(3))
    assert found.gain == pytest.approx(np.log1p(np.exp(-2)) + 0.5 - (np.log(4) - 0.75 * np.log(3)), abs=1e-3)


def test_where_probabilities_are_right_it_is_seldom_used() -> None:
    """The promise of `is_sure`: with nothing to gain, one case in 20 or fewer."""
    found = [one(*drawn(200, 3, 1.0, seed=seed)) for seed in range(200)]
    values = np.array([case.value for case in found if case is not None])
    assert abs(np.log(values).mean()) < 3 * np.log(values).std() / np.sqrt(len(values)), "T is 1 but for noise"
    assert sum(case is not None and case.is_sure for case in found) <= 0.05 * 200


def test_the_gain_is_that_of_other_rows() -> None:
    """Over many sets of 100 rows its mean is the mean gain on fresh rows; on the rows themselves it is larger."""
    told, fresh = [], []
    others, wanted = drawn(4_000, 3, 1.3, seed=10_000)
    rows = np.arange(4_000)
    for seed in range(200):
        found = one(*drawn(100, 3, 1.3, seed=seed))
        assert found is not None
        told.append(found.gain)
        losses = [-log_softmax(others / t, axis=1)[rows, wanted].mean() for t in (1.0, found.value)]
        fresh.append(losses[0] - losses[1])
    spread = np.std(told) / np.sqrt(200)
    assert np.mean(told) == pytest.approx(np.mean(fresh), abs=3 * spread)


def test_rows_that_are_all_right_determine_none() -> None:
    logits = np.random.default_rng(0).normal(size=(100, 3))
    assert one(logits, logits.argmax(axis=1)) is None
    task = Classification(("a", "b", "c"))
    answers = logits.astype(np.float32), logits.argmax(axis=1), None
    assert calibrate(task, "auto", answers) == (task, ())
    assert calibrate(task, "temperature", answers) == (task, (UNDETERMINED,))


def test_few_rows_are_not_enough() -> None:
    logits, true = drawn(5 * FEWEST, 3, 4.0, seed=0)
    many, few = one(logits, true), one(logits[: FEWEST - 1], true[: FEWEST - 1])
    assert many is not None
    assert few is not None
    assert many.is_sure
    assert not few.is_sure
    heavy = np.where(np.arange(5 * FEWEST) < 5, 1e6, 1.0)
    by_five = one(logits, true, heavy)
    assert by_five is None or not by_five.is_sure, "five rows have nearly all of the weight"


def test_answers_stay_and_probabilities_change() -> None:
    logits, true = drawn(2000, 4, 3.0, seed=0)
    outputs = logits.astype(np.float32)
    task = Classification(("a", "b", "c", "d"), label_smoothing=0.1)
    scaled, remarks = calibrate(task, "auto", (outputs, true, None))
    assert isinstance(scaled, Classification)
    assert scaled.temperature == pytest.approx(3.0, rel=0.15)
    assert len(remarks) == 1
    assert f"less sure with the temperature {scaled.temperature:.3f}" in remarks[0]
    assert (scaled.decode(outputs) == task.decode(outputs)).all()
    plain, better = (one.metrics(outputs, true) for one in (task, scaled))
    assert better["log_loss"] < plain["log_loss"] - 0.1
    assert better["calibration_error"] < plain["calibration_error"] / 3
    for name in ("loss", "accuracy", "macro_f1"):
        assert better[name] == pytest.approx(plain[name], rel=1e-12), "the loss is the one that was minimised"
    by_hand = np.exp(log_softmax(outputs.astype(np.float64) / scaled.temperature, axis=1))
    np.testing.assert_allclose(scaled.probabilities(outputs), by_hand, rtol=1e-12)
    assert calibrate(task, "none", (outputs, true, None)) == (task, ())


def test_one_output_and_two_have_the_same_temperature_and_a_threshold_is_a_scaled_probability() -> None:
    logits, true = drawn(1000, 2, 2.0, seed=3)
    single = (logits[:, 1:] - logits[:, :1]).astype(np.float32)
    double = np.concatenate([np.zeros_like(single), single], axis=1)
    a, _ = calibrate(Classification(("n", "y"), "binary_cross_entropy", threshold=0.3), "auto", (single, true, None))
    b, _ = calibrate(Classification(("n", "y"), threshold=0.3), "auto", (double, true, None))
    assert isinstance(a, Classification)
    assert isinstance(b, Classification)
    assert a.temperature == pytest.approx(b.temperature)
    assert ((a.decode(single) == "y") == (a.probabilities(single)[:, 1] >= 0.3)).all()
    assert a.losses_of(single, a.answers(single, true, np.ones(1000))) == pytest.approx(
        np.asarray(a.losses(single, true)), rel=1e-5
    )


def test_labels_have_one_temperature_and_several_targets_one_each() -> None:
    draw = np.random.default_rng(0)
    outputs = draw.normal(0, 3, (2000, 5)).astype(np.float32)
    given = (draw.logistic(size=(2000, 5)) < outputs / 2.0).astype(np.float32)
    labels = Multilabel(("a", "b", "c", "d", "e"))
    scaled, _ = calibrate(labels, "auto", (outputs, given, None))
    assert isinstance(scaled, Multilabel)
    assert scaled.temperature == pytest.approx(2.0, rel=0.1)
    assert (scaled.decode(outputs) == labels.decode(outputs)).all()
    assert scaled.metrics(outputs, given)["log_loss"] < labels.metrics(outputs, given)["log_loss"]
    assert scaled.metrics(outputs, given)["loss"] == pytest.approx(labels.metrics(outputs, given)["loss"])

    head = Classification(("n", "y"))
    task = Several(("x", "v", "z"), (head, Regression(), head))
    wide = np.concatenate([outputs[:, :1] * 0, outputs[:, :1], outputs[:, 1:4]], axis=1)
    sure = (draw.gumbel(size=(2000, 2)) + wide[:, 3:] / 5).argmax(axis=1)
    targets = np.stack([given[:, 0], outputs[:, 1], sure], axis=1).astype(np.float32)
    both, remarks = calibrate(task, "auto", (wide, targets, None))
    assert isinstance(both, Several)
    first, value, last = both.heads
    assert isinstance(first, Classification)
    assert isinstance(last, Classification)
    assert first.temperature == pytest.approx(2.0, rel=0.15)
    assert last.temperature == pytest.approx(5.0, rel=0.25)
    assert value == Regression()
    assert [remark.split(":")[0] for remark in remarks] == ["x", "z"]


def test_it_is_kept_as_plain_data() -> None:
    from batchwright.tasks import from_json

    for task in (Classification(("a", "b"), temperature=1.7), Multilabel(("a",), temperature=0.3)):
        assert from_json(task.to_json()) == task
        older = {key: value for key, value in task.to_json().items() if key != "temperature"}
        assert from_json(older) == replace(task, temperature=1.0)
