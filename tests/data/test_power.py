"""Targets that are learned as a logarithm or a power: the formulas, the choice, and the way back to means."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import PowerTransformer

import batchwright as bw
from batchwright.data.encode.power import Power, fit_power
from batchwright.data.encode.targets import ValueTarget, transforms_of
from batchwright.data.typed.table import from_frame
from batchwright.errors import ConfigError, DataError
from batchwright.nn import MLP, Linear
from batchwright.tasks import Regression, from_json
from batchwright.tasks.smearing import MOST, group_residuals

RNG = np.random.default_rng(0)
SKEWED = np.exp(RNG.normal(size=600))


@pytest.mark.parametrize(("method", "values"), [("box-cox", SKEWED**2), ("yeo-johnson", SKEWED - 1)])
def test_the_power_is_that_of_scikit_learn(method: str, values: np.ndarray) -> None:
    found = fit_power(values, "power", positive=method == "box-cox")
    assert found is not None
    small = values[:, None] / found.unit
    theirs = PowerTransformer(method, standardize=False).fit(small)
    assert found.power == pytest.approx(max(theirs.lambdas_[0], 0.0), abs=0.06)  # theirs counts far values too
    theirs.lambdas_ = np.array([found.power])
    expected = theirs.transform(small)[:, 0]
    np.testing.assert_allclose(found.apply(values), (expected - expected.mean()) / expected.std(), atol=1e-9)


@given(
    st.floats(1e-3, 1e6),
    st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    st.booleans(),
    st.sampled_from([1.0, 1e4]),
    st.booleans(),
)
def test_undoing_gives_the_number_back(size: float, power: float, signed: bool, unit: float, below: bool) -> None:
    value = np.array([-size if signed and below else size])
    transform = Power(power, unit, signed, 0.3, 2.0)
    np.testing.assert_allclose(transform.undo(transform.apply(value)), value, rtol=1e-6, atol=1e-9 * unit)


def test_no_output_leads_beyond_all_numbers() -> None:
    for signed in (False, True):
        for power in (0.0, 0.5, 1.0):
            found = Power(power, 1.0, signed, 0.0, 1.0).undo(np.array([-1e30, -5.0, 1e30]))
            assert np.isfinite(found).all()
            assert signed or (found >= 0).all()


@pytest.mark.parametrize(
    ("values", "positive", "name"),
    [
        (SKEWED**1.5, True, "logarithm"),
        (RNG.normal(size=600) + 10, True, None),
        (np.sqrt(SKEWED), True, None),  # hardly skewed: not worth it
        (SKEWED**2 - SKEWED.min() ** 2, False, "Yeo-Johnson power 0"),
    ],
)
def test_auto_transforms_what_is_very_skewed(values: np.ndarray, positive: bool, name: str | None) -> None:
    found = fit_power(values, "auto", positive=positive)
    assert (found and found.name) == name


def test_only_training_rows_decide() -> None:
    y = SKEWED.copy()
    inner = bw.load({"x": np.arange(600.0), "y": y}, target="y", time="x", target_transform="log")
    y[-50:] *= 1000.0  # test rows
    outer = bw.load({"x": np.arange(600.0), "y": y}, target="y", time="x", target_transform="log")
    assert inner.target == outer.target
    for place, said in ((-1, "its logarithm takes numbers above 0 only, as all training"), (0, "`power` takes any")):
        y[place] = 0.0
        with pytest.raises(DataError, match=f"goes down to 0, and .*{said}"):
            bw.load({"x": np.arange(600.0), "y": y}, target="y", time="x", target_transform="log")
    signed = bw.load({"x": np.arange(600.0), "y": y}, target="y", time="x", target_transform="power").target
    assert isinstance(signed, ValueTarget)
    assert signed.transform is not None
    assert signed.transform.signed


def test_what_does_not_fit_is_refused() -> None:
    target = ValueTarget("y", 1.0, 1.0, transform=Power(0.0, 1.0, False, 0.0, 1.0))
    with pytest.raises(DataError, match="target 'y' goes down to -1, and its logarithm takes numbers above 0 only"):
        target.encode(from_frame({"y": [1.0, -1.0]}))
    rows = {"x": np.arange(99.0), "y": np.exp(RNG.normal(size=99)), "c": ["a", "b", "c"] * 33}
    with pytest.raises(ConfigError, match="target_transform log is for numbers"):
        bw.load(rows, target="c", target_transform="log")
    with pytest.raises(ConfigError, match=r"leave data\.target_transform out"):
        bw.fit(bw.load(rows, target="y", target_transform="log"), loss="poisson", progress=False)


def test_residuals_are_means_of_groups_of_equal_weight() -> None:
    values = RNG.normal(size=5000)
    found = np.array(group_residuals(values, np.ones(5000)))
    assert len(found) == MOST
    np.testing.assert_allclose(found, np.sort(values).reshape(MOST, -1).mean(axis=1), atol=1e-9)
    assert group_residuals(np.array([1.0, 5.0]), np.array([3.0, 1.0])) == (1.0, 5.0)


@pytest.fixture(scope="module")
def trained() -> bw.Trained:
    x = RNG.normal(size=(4000, 2))
    y = np.exp(1 + 0.5 * x[:, 0] + np.sin(x[:, 1]) + 0.7 * RNG.normal(size=4000))
    data = bw.load((x, y), task="regression", target_transform="auto")
    return bw.fit(data, network=MLP((32,)), epochs=15, progress=False)


def test_the_mean_of_the_answers_is_that_of_a_log_normal_target(trained: bw.Trained) -> None:
    x = np.random.default_rng(1).normal(size=(20_000, 2))
    mean = np.exp(1 + 0.5 * x[:, 0] + np.sin(x[:, 1]) + 0.7**2 / 2)
    answers = trained.predict(x).answers
    assert answers.mean() == pytest.approx(mean.mean(), rel=0.02)
    task = trained.model.model.task
    assert isinstance(task, Regression)
    plain = dataclasses.replace(task, residuals=())
    assert plain.needs_residuals
    outputs = np.zeros((1, 1))
    assert task.decode(outputs)[0] / plain.decode(outputs)[0] == pytest.approx(np.exp(0.7**2 / 2), rel=0.05)


def test_metrics_are_in_the_target_s_own_unit_and_losses_as_learned(trained: bw.Trained) -> None:
    test, task, target = trained.prepared.dataset.test, trained.model.model.task, trained.prepared.dataset.target
    assert test is not None
    assert isinstance(task, Regression)
    assert isinstance(target, ValueTarget)
    answers = trained.predict(np.asarray(test.inputs["numeric"]) * 0).answers  # of the right type only
    assert answers.dtype == np.float64
    outputs = RNG.normal(size=(test.rows, 1))
    found = task.metrics(outputs, test.targets)
    y = target.decode(test.targets)
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean((task.decode(outputs) - y) ** 2)), rel=1e-6)
    assert found["loss"] == pytest.approx(np.mean((outputs[:, 0] - test.targets) ** 2), rel=1e-6)


def test_the_task_survives_its_record(trained: bw.Trained) -> None:
    task = trained.model.model.task
    assert from_json(json.loads(json.dumps(task.to_json()))) == task
    old = {key: value for key, value in Regression().to_json().items() if key not in NEW}
    assert from_json(old) == Regression()


NEW = ("transforms", "residuals", "lowest", "highest")


def test_medians_and_quantiles_are_carried_over_as_they_are() -> None:
    transforms = transforms_of([ValueTarget("y", 3.0, 2.0, transform=Power(0.0, 1.0, False, 0.0, 1.0))])
    task = Regression("quantile", mean=(3.0,), std=(2.0,), transforms=transforms)
    outputs = np.array([[0.0, 1.0, 2.0]])
    found = task.decode_quantiles(outputs)
    steps = np.cumsum([0.0, np.log1p(np.exp(1.0)), np.log1p(np.exp(2.0))])
    assert found is not None
    np.testing.assert_allclose(found[0, 0], np.exp(steps))
    assert not task.needs_residuals
    assert task.decode(outputs)[0] == pytest.approx(np.exp(steps[1]))


def test_several_targets_are_each_carried_over() -> None:
    rows = {"x": RNG.normal(size=300), "a": np.exp(2 * RNG.normal(size=300)), "b": RNG.normal(size=300)}
    data = bw.load(rows, target=["a", "b"], target_transform="auto", task="regression")
    found = bw.fit(data, network=Linear(), epochs=2, progress=False)
    task = found.model.model.task
    assert isinstance(task, Regression)
    assert [transform.name for transform in task.transforms] == ["logarithm", "Yeo-Johnson power 1"]
    assert len(task.residuals) == 2
    assert np.isfinite(found.metrics["test"]["rmse[a]"])


def test_answers_stay_near_the_training_rows() -> None:
    task = Regression(mean=(5.0,), std=(2.0,), lowest=(-2.5,), highest=(12.5,))
    outputs = np.array([[1e6], [0.0], [-1e6], [np.float32(2.0)]])
    assert task.decode(outputs).tolist() == [12.5, 5.0, -2.5, 9.0]
    assert task.count_limited(outputs) == 2
    assert any("2 of 4 answers" in said for said in task.remarks(outputs, np.zeros(4)))
    quantiles = dataclasses.replace(task, loss="quantile").decode_quantiles(np.array([[0.0, 1e6, 1e6]]))
    assert quantiles is not None
    assert quantiles[0, 0].tolist() == [5.0, 12.5, 12.5]


def test_linear_networks_go_on_beyond_the_training_rows() -> None:
    x = np.arange(200.0)
    rows = {"x": x, "y": 3 * x}
    data = bw.load(rows, target="y", time="x", test_split=0.4)
    limited = bw.fit(data, network=MLP((8,)), epochs=1, progress=False).model.model.task
    linear = bw.fit(data, network=Linear(), epochs=1, progress=False).model.model.task
    assert isinstance(limited, Regression)
    assert isinstance(linear, Regression)
    low, high = 0.0, float(data.target.decode(data.train.targets).max())  # type: ignore[union-attr]
    assert limited.lowest == (low,)  # no answer is below 0 if no training row is
    assert limited.highest == (pytest.approx(high + 0.25 * (high - low), rel=1e-6),)
    assert linear.lowest == ()


def test_one_wrong_number_is_refused_and_decides_nothing_outside_of_training() -> None:
    x = RNG.normal(size=(400, 2))
    rows = {"a": x[:, 0], "b": x[:, 1], "when": np.arange(400)}
    y = 50 + x @ np.array([2.0, 1.0])
    wrong = np.where(np.arange(400) == 3, 1e12, y)
    with pytest.raises(DataError, match=r"one training row holds 1e\+12"):
        bw.load(rows | {"y": wrong}, target="y", time="when")
    assert fit_power(wrong, "auto", positive=True) is None
    assert max(group_residuals(np.append(RNG.normal(size=400), 1e9), np.ones(401))) < 20
    y[-3] = 1e12
    data = bw.load(rows | {"y": y}, target="y", time="when")
    assert not any("one training row holds" in note for note in data.notes)
    answers = bw.fit(data, network=MLP((8,)), epochs=3, progress=False).predict(rows).answers
    assert np.abs(answers - 50).max() < 30


def test_stopping_by_a_metric_of_medians_is_said() -> None:
    from batchwright.training.stopping import EarlyStopping

    x = np.linspace(0, 2, 200)
    data = bw.load({"x": x, "y": np.exp(x)}, target="y", target_transform="log")
    notes = {}
    for monitor in ("val_rmse", "val_loss"):
        stop = EarlyStopping(monitor=monitor)
        notes[monitor] = " ".join(next(bw.events(data, early_stopping=stop, epochs=1)).notes)  # type: ignore[union-attr]
    assert "val_rmse of each epoch is that of medians" in notes["val_rmse"]
    assert "medians" not in notes["val_loss"]


@pytest.mark.parametrize(("shift", "advised"), [(0.0, True), (-1.0, False)])
def test_the_logarithm_is_advised_for_values_that_are_no_longer_far_by_it(shift: float, advised: bool) -> None:
    x = np.linspace(-3, 3, 200)
    rows = {"x": x, "y": np.exp(x**7 / 80) + shift}  # negative ones have no logarithm
    alone = {"validation_split": 0, "test_split": 0}
    with pytest.raises(DataError, match="one training row holds") as refused:
        bw.load(rows, target="y", **alone)
    assert ("`target_transform=log`" in str(refused.value)) is advised
    if advised:
        notes = bw.load(rows, target="y", target_transform="log", **alone).notes
        assert not any("one training row holds" in one for one in notes), "what is advised helps"


def test_the_logarithm_is_not_advised_for_a_row_that_is_far_by_it_too() -> None:
    y = np.linspace(1, 1.5, 200)
    y[7] = 1e3
    (note,) = [
        one
        for one in bw.load({"x": np.arange(200.0) ** 2, "y": y}, target="y", test_split=0, validation_split=0).notes
        if "one training row" in one
    ]
    assert "target_transform" not in note
