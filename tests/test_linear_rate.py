"""A linear network comes to the least squares or the logistic regression by default, and a diagnosis says why not."""

import json

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import batchwright as bw
from batchwright.comparison.changed import changed_settings
from batchwright.config import load_config
from batchwright.optim.reach import linear_rate
from batchwright.runs.run import open_run
from batchwright.runs.sealed import seal
from batchwright.workflow import recorded_settings
from batchwright.workflow.linear_rate import RATE
from batchwright.workflow.preparing import job_on, prepare

LINEAR = ("network.name", "linear", "")


def settings(*overrides):
    return load_config(None, [("data.source", "diabetes", ""), *overrides])


@pytest.mark.parametrize("epochs", [None, 20])
def test_numbers_are_predicted_nearly_as_by_the_least_squares(epochs):
    data = bw.load("diabetes", scaling="standard")
    train, test = data.train, data.test
    best = LinearRegression().fit(train.inputs["numeric"], train.targets.ravel())
    trained = bw.fit(data, network=bw.nn.Linear(), epochs=epochs, diagnostics=False)
    assert trained.metrics["train"]["r2"] > best.score(train.inputs["numeric"], train.targets.ravel()) - 0.01
    assert trained.test_metrics["r2"] > best.score(test.inputs["numeric"], test.targets.ravel()) - 0.02


def test_classes_are_predicted_nearly_as_by_the_logistic_regression():
    data = bw.load("wine", scaling="standard")
    best = LogisticRegression(max_iter=1000).fit(data.train.inputs["numeric"], data.train.targets)
    probabilities = best.predict_proba(data.train.inputs["numeric"])[np.arange(data.train.rows), data.train.targets]
    trained = bw.fit(data, network=bw.nn.Linear(), diagnostics=False, calibration="none")
    assert trained.metrics["train"]["log_loss"] < -np.log(probabilities).mean() + 0.02


def test_the_rate_falls_with_the_updates_to_the_usual_one():
    rates = [linear_rate(updates) for updates in (1, 100, 200, 1_000, 10_000)]
    assert rates == [0.1, 0.1, 0.05, 0.01, 0.01]


@pytest.mark.parametrize(
    ("overrides", "rate", "origin"),
    [
        ([LINEAR], 0.01, "rows"),
        ([("network.name", "mlp", ""), ("network.hidden_layer_sizes", "[]", "")], 0.01, "rows"),
        ([LINEAR, ("training.epochs", "10", "")], 0.1, "rows"),
        ([LINEAR, ("training.epochs", "20", ""), ("training.batch_size", "full", "")], 0.1, "rows"),
        ([LINEAR, ("training.batch_size", "{adaptive: {start: 31}}", "")], 0.01, "rows"),
        ([LINEAR, ("optimizer.name", "nadam", "")], 0.01, "rows"),
        ([LINEAR, (RATE, "0.001", "")], 0.001, "user"),
        ([LINEAR, ("optimizer.name", "sgd", "")], 0.1, "default"),
        ([("network.name", "mlp", "")], 0.001, "default"),
    ],
)
def test_it_is_of_linear_networks_where_nobody_has_said(overrides, rate, origin):
    prepared = prepare(settings(*overrides))
    assert prepared.settings.config.optimizer.learning_rate == pytest.approx(rate)
    assert prepared.settings.origins[RATE] == origin
    said = [note for note in prepared.notes if note.startswith("learning rate")]
    assert len(said) == (origin == "rows")
    again = prepare(prepared.settings, prepared.dataset)
    assert again.settings.config.optimizer == prepared.settings.config.optimizer and again.notes == prepared.notes


def test_another_network_on_the_same_rows_has_its_own():
    linear, mlp = prepare(settings(LINEAR)), prepare(settings(("network.name", "mlp", "")))
    assert float(job_on(mlp, settings(LINEAR)).program.optimizer.learning_rate) == 0.01
    assert float(job_on(linear, settings(("network.name", "mlp", ""))).program.optimizer.learning_rate) == 0.001


def test_in_python_a_rule_that_is_given_keeps_its_rate():
    data = bw.load("diabetes", scaling="standard")
    rule = {"optimizer": bw.optim.Adam(learning_rate=0.001)}
    for given in (rule, {"learning_rate": 0.001}):
        trained = bw.fit(data, network=bw.nn.Linear(), epochs=1, **given)
        assert trained.prepared.settings.config.optimizer.learning_rate == 0.001


def test_a_rate_that_is_too_low_is_diagnosed_and_the_change_mends_it(tmp_path):
    data = bw.load("diabetes", scaling="standard")
    low = bw.fit(data, network=bw.nn.Linear(), learning_rate=0.001)
    first = low.diagnosis[0]
    assert (first.kind, first.changes) == ("learning rate too low", {RATE: 0.01})
    usual = bw.fit(data, network=bw.nn.Linear())
    assert not any(one.kind.startswith("learning rate") for one in usual.diagnosis)
    assert usual.test_metrics["r2"] > low.test_metrics["r2"] + 0.3


def test_another_network_than_that_of_a_run_does_not_get_its_rate(tmp_path):
    data = bw.load("diabetes", scaling="standard")
    bw.fit(data, network=bw.nn.Linear(), epochs=2, run_dir=tmp_path / "run", diagnostics=False)
    run = open_run(tmp_path / "run")
    same = changed_settings(run, {"training.epochs": 3})
    assert (same.config.optimizer.learning_rate, same.origins[RATE]) == (0.1, "rows")
    for changes, rate in (({"network.name": "mlp"}, 0.001), ({"optimizer.name": "sgd"}, 0.1)):
        other = changed_settings(run, changes)
        assert (other.config.optimizer.learning_rate, other.origins[RATE]) == (rate, "default")


def test_a_run_of_an_earlier_version_keeps_its_rate(tmp_path):
    data = bw.load("diabetes", scaling="standard")
    bw.fit(data, network=bw.nn.Linear(), learning_rate=0.001, epochs=2, run_dir=tmp_path / "run", diagnostics=False)
    manifest = tmp_path / "run/manifest.json"
    plain = json.loads(manifest.read_text())
    plain["settings"][RATE]["origin"] = "default"
    del plain["sha256"]
    manifest.write_text(seal(plain))
    run = open_run(tmp_path / "run")
    for found in (recorded_settings(run), changed_settings(run, {"training.epochs": 3})):
        assert prepare(found, data).settings.config.optimizer.learning_rate == 0.001
