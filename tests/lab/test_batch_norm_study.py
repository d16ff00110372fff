"""Batch normalization against the same network computed in float64 by NumPy, and what pages and commands say."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import batchwright as bw
from batchwright.cli.main import app
from batchwright.errors import UsageError
from batchwright.lab import Live, NormStudy, study_normalization
from batchwright.lab.answers import answer
from batchwright.lab.asked import command_of
from batchwright.lab.normalization.ask import read_study, study_python
from batchwright.lab.normalization.study import _batches
from batchwright.lab.normalization.words import describe_study
from batchwright.training.evaluate import evaluate

EPSILON = 1e-3


def forward(
    live: Live, x: np.ndarray, *, running: bool
) -> tuple[list[np.ndarray], list[tuple[np.ndarray, ...]], np.ndarray]:
    """In float64: what each sigmoid gets, mean and variance of each batch beside the running ones, and the outputs."""
    params, states = live.state.params["body"], live.state.variables.state["body"]
    names = sorted(params, key=lambda name: int(name.rpartition("_")[2]))
    inputs, statistics = [], []
    for name in names:
        own = {key: np.asarray(value, np.float64) for key, value in params[name].items()}
        if "kernel" in own:
            x = x @ own["kernel"] + own.get("bias", 0.0)
            continue
        kept = {key: np.asarray(value, np.float64) for key, value in states[name].items()}
        batch = x.mean(axis=0), x.var(axis=0)
        mean, variance = (kept["mean"], kept["variance"]) if running else batch
        statistics.append((*batch, kept["mean"], kept["variance"]))
        x = own["gamma"] * (x - mean) / np.sqrt(variance + EPSILON) + own["beta"]
        inputs.append(x)
        x = 1 / (1 + np.exp(-x))
    return inputs, statistics, x


@pytest.mark.parametrize("batch_size", [1, pytest.param(4, marks=pytest.mark.soak), 32, "full"])
def test_statistics_are_those_of_numpy(batch_size: int | str) -> None:
    asked = NormStudy(layers=2, batch_size=batch_size, steps=40)
    studied = study_normalization(asked)
    live = Live(asked.small(normal=True))
    live.advance(40)
    rows = np.asarray(live.rows.inputs["numeric"], np.float64)
    inputs, _, _ = forward(live, rows, running=True)
    for seen, expected in zip(studied.normal.inputs, inputs, strict=True):
        np.testing.assert_allclose(seen, expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(studied.normal.means, [one.mean() for one in inputs], rtol=1e-3, atol=1e-3)
    spread = [np.sqrt(np.mean(one.var(axis=0))) for one in inputs]
    np.testing.assert_allclose(studied.normal.deviations, spread, rtol=1e-3)
    assert studied.normal.train[-1] == evaluate(live.small.model, live.state.variables, live.rows)["loss"]
    losses, shifts, spreads = np.zeros(len(rows)), [], []
    for chosen in _batches(live):
        _, statistics, logits = forward(live, rows[chosen], running=False)
        exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
        codes = np.asarray(live.rows.targets)[chosen]
        losses[chosen] = -np.log((exponents / exponents.sum(axis=1, keepdims=True))[np.arange(len(chosen)), codes])
        for m, v, mean, variance in statistics:
            shifts += [np.mean(np.abs(m - mean) / np.sqrt(variance + EPSILON))] * len(chosen)
            spreads += [np.mean((v + EPSILON) / (variance + EPSILON))] * len(chosen)
    assert studied.normal.batch_loss == pytest.approx(losses.mean(), rel=1e-3)
    assert np.mean([gap.shift for gap in studied.normal.gaps]) == pytest.approx(np.mean(shifts), rel=5e-3, abs=1e-4)
    assert np.mean([gap.spread for gap in studied.normal.gaps]) == pytest.approx(np.mean(spreads), rel=5e-3)


def test_without_it_training_and_evaluation_are_the_same() -> None:
    studied = study_normalization(NormStudy(steps=30))
    assert studied.plain.gaps == () and studied.plain.batch_loss == pytest.approx(studied.plain.train[-1], rel=1e-5)
    assert studied.plain.deviations[0] > 20 * studied.plain.deviations[-1]
    assert min(studied.normal.deviations) > 0.4


def test_a_batch_of_one_row_gets_nothing_through() -> None:
    studied = study_normalization(NormStudy(batch_size=1, steps=60))
    assert studied.normal.batch_loss >= np.log(2) - 0.01  # of two classes of one size, a constant is no better
    told = describe_study(studied)[-1]
    assert "variance 0" in told.en and "方差为 0" in told.zh


def test_running_averages_lag_behind_weights_that_move() -> None:
    still, moved = (
        describe_study(study_normalization(NormStudy(batch_size="full", steps=300, learning_rate=rate)))[-1].en
        for rate in (0.0001, 0.1)
    )
    assert "agree" in still and "differ" in moved


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ({"layers": "5"}, "layers is 5"),
        ({"steps": "2001"}, "0 to 2,000"),
        ({"batch_size": "0"}, "1 or more"),
        ({"batch_size": "151"}, "there are 150 training rows"),
        ({"batch_size": "some"}, "whole number"),
        ({"learning_rate": "-1"}, "above 0"),
        ({"activation": "gelu"}, "unknown activation"),
        ({"data": "rings"}, "unknown set of points"),
        ({"seed": "-3"}, "the seed is -3"),
        ({"points_seed": "-3"}, "the seed is -3"),
        ({"units": "3"}, "unknown setting"),
    ],
)
def test_wrong_texts_are_refused(texts: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        read_study(texts)
    found = answer("answer", "normalization", list(texts.items()))
    assert found is not None and told in found["problem"]["en"]


def test_copies_make_the_same_study(tmp_path: Path) -> None:
    asked = read_study({"data": "xor", "layers": "1", "steps": "5", "batch_size": "full"})
    figure = tmp_path / "layers.svg"
    result = CliRunner().invoke(
        app, [*command_of("normalization", asked).split()[1:], "--json", "--output", str(figure)]
    )
    assert result.exit_code == 0, result.output
    names: dict[str, object] = {}
    exec(study_python(asked), names)
    studied = names["studied"]
    assert isinstance(studied, bw.lab.Studied) and studied.asked == asked.question
    assert json.loads(result.stdout)["with"] == json.loads(json.dumps(studied.normal.to_json()))
    assert "mean ± deviation" in figure.read_text(encoding="utf-8")


def test_the_page_gets_finite_data_even_of_what_diverges() -> None:
    found = answer("answer", "normalization", [("learning_rate", "100"), ("activation", "relu"), ("data", "sine")])
    assert found is not None
    plain = json.loads(json.dumps(found["answer"], allow_nan=False))
    assert len(plain["plain"]["means"]) == 4
    assert all(one["en"] and one["zh"] for one in [plain["formula"], *plain["words"]])
