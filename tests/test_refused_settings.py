"""Settings that would have no effect are refused with a word, and some are read that were not."""

import numpy as np
import pytest

import batchwright as bw
from batchwright.config import load_config
from batchwright.config.durations import seconds_of
from batchwright.data.encode.power import fit_power
from batchwright.errors import ConfigError
from batchwright.workflow import numbers
from batchwright.workflow.measuring import measure_auto
from batchwright.workflow.preparing import prepare


def settings(**values: str):
    return load_config(None, [(key.replace("__", "."), value, key) for key, value in values.items()])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"network__ensemble": "1"}, "must be 0, or a whole number >= 2, but is 1"),
        ({"network__ensemble_kind": "mini"}, "give ensemble too"),
    ],
)
def test_what_an_ensemble_lacks_is_said(given, said):
    with pytest.raises(ConfigError, match=said):
        settings(**given)


def test_an_ensemble_of_one_is_refused_in_python_too():
    with pytest.raises(ConfigError, match="must be 0, or a whole number >= 2"):
        bw.fit(bw.load("iris"), network=bw.nn.MLP((8,), ensemble=1), epochs=1)


def test_options_of_numbers_are_refused_with_classes():
    with pytest.raises(ConfigError, match="clip_margin is for numbers"):
        bw.fit(bw.load("iris"), network=bw.nn.MLP((8,)), clip_margin="none", epochs=1)
    with pytest.raises(ConfigError, match="target_transform auto is for numbers"):
        bw.load("iris", target_transform="auto")


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("{scaling: quantil}", "data.columns.age.scaling: unknown scaling 'quantil': did you mean 'quantile'"),
        ("{kindd: numeric}", "data.columns.age.kindd: unknown key; did you mean data.columns.age.kind"),
        ("{number: {decimal: x}}", "data.columns.age.number.decimal: unknown decimal"),
        ("7", "data.columns.age: must be a mapping of kind"),
    ],
)
def test_the_key_below_a_column_is_named(column, said):
    with pytest.raises(ConfigError, match=said):
        settings(data__columns=f"{{age: {column}}}")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1m30s", 90.0), ("1h 30m", 5400.0), ("1h1m1.5s", 3661.5), ("2min 5s", 125.0), ("-5", -5.0), ("30s1m", None)],
)
def test_lengths_of_time_may_have_several_units(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", " ", "m", "1m30", "s5"])
def test_what_is_no_length_of_time_is_none(text):
    assert seconds_of(text) is None


def test_a_power_of_one_is_no_transform():
    assert fit_power(np.sqrt(np.linspace(1, 9, 400)), "power", positive=True) is None
    rows = {"x": np.arange(200.0), "y": np.sqrt(np.linspace(1, 9, 200))}
    data = bw.load(rows, target="y", task="regression", target_transform="power")
    assert data.target.transform is None
    assert not any("power" in note for note in data.notes)


def test_a_single_embedding_is_not_tried(monkeypatch):
    monkeypatch.setattr(numbers, "_loss", lambda *_: pytest.fail("trained"))
    chosen = settings(data__source="iris", network__numbers="auto", network__bins="8")
    found = measure_auto(prepare(chosen))
    assert found.settings.config.network.numbers == "piecewise_linear_b"
    assert found.notes[-1] == (
        "numbers piecewise_linear_b was chosen: no other of those to try takes the numbers that are set"
    )


def test_show_tells_the_scaling_of_a_column_and_learns_a_transform_from_the_training_rows():
    y = np.exp(np.random.default_rng(0).normal(size=300))
    rows = {"a": np.arange(300.0) % 17, "b": np.arange(300.0) % 13, "y": y}
    columns = {"a": {"scaling": "robust"}, "b": {"scaling": "standard"}}
    found = bw.describe(rows, target="y", columns=columns, target_transform="power", task="regression")
    becomes = {column.name: column.becomes for column in found.columns}
    trained = bw.load(rows, target="y", target_transform="power", task="regression").target.transform
    assert becomes == {
        "a": "a number, robust",
        "b": "a number, standard",
        "y": f"target: a number, learned as its {trained.name}",
    }
